"""Small wheels made by hand, static indexes of them, and a server that asks for a password."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from wheelstep.model import Wheel


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    requires: Sequence[str] = (),
    *,
    tag: str = "py3-none-any",
    python: str | None = None,
    note: str = "",
) -> Wheel:
    """`note` makes wheels of one version differ."""
    module = name.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Requires-Dist: {each}\n" for each in requires]
    metadata += [f"Requires-Python: {python}\n"] if python else []
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f"NOTE = {note!r}\n",
        f"{info}/METADATA": "".join(metadata),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\n"
        f"Tag: {tag}\n",
    }
    record = ""
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record += f"{file},sha256={digest.decode().rstrip('=')},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    return Wheel(
        path.name, name, version, sha256, sha256, len(data), requires_python=python, path=path
    )


def make_source(folder: Path, name: str, version: str) -> Path:
    """A source distribution that must not be built: it would say so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    texts = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "setup.py": "raise SystemExit('built')\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for file, text in texts.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def make_index(root: Path, *files: Wheel | Path) -> str:
    """Add files to a PEP 503 index; returns its `file:` URL."""
    root.mkdir(parents=True, exist_ok=True)
    for each in files:
        path = each.path if isinstance(each, Wheel) else each
        assert path is not None
        name = path.name.split("-")[0].replace("_", "-")
        page = root / name / "index.html"
        page.parent.mkdir(exist_ok=True)
        (page.parent / path.name).write_bytes(path.read_bytes())
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        before = page.read_text() if page.exists() else "<!DOCTYPE html>\n"
        page.write_text(f'{before}<a href="{path.name}#sha256={sha256}">{path.name}</a>\n')
    return root.as_uri()


@dataclass
class Served:
    """A running server."""

    url: str
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Authorization header) of each request."""


@contextlib.contextmanager
def serve(
    folder: Path, login: tuple[str, str] | None = None, *, status: int | None = None
) -> Iterator[Served]:
    """Serve a folder over HTTP; with `status`, answer everything with it."""
    served = Served("")
    expected = None
    if login:
        expected = "Basic " + base64.b64encode(":".join(login).encode()).decode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing to standard error."""

        def send_head(self) -> io.BytesIO | BinaryIO | None:
            header = self.headers.get("Authorization")
            served.seen.append((self.path, header))
            if status:
                self.send_error(status)
                return None
            if expected and header != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="feed"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            return super().send_head()

    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

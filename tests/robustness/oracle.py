"""A search for secrets in everything that a run can leave or show: the oracle of test_secrets.py.

It knows nothing of how wheelstep masks: the forms of a secret are made here from the standards
(RFC 4648, RFC 3986, RFC 8259), and each channel is taken apart down to plain bytes.
"""

from __future__ import annotations

import base64
import contextlib
import html
import io
import json
import os
import re
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, quote_plus

__all__ = ["MASKING", "Watch", "files_with", "forms", "history_with", "text_with"]

MASKING = re.compile(rb"^(::add-mask::|##vso\[task\.setsecret\]).*$", re.MULTILINE)
"""How a host is told what to blank: the one place where a secret has to be written."""


def forms(secret: str) -> dict[str, bytes]:
    """Return how a secret may look, by the name of the form."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "in a URL": quote(secret, safe="").encode(),
        "in a form": quote_plus(secret).encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "in the path of a URL": quote(secret).encode(),
        "in a URL, in lower case": _lower(quote(secret, safe="")).encode(),
        "in a page": html.escape(secret).encode(),
        "in Python": repr(secret)[1:-1].encode(),
        "hexadecimal": raw.hex().encode(),
        "hexadecimal, in upper case": raw.hex().upper().encode(),
        "every byte in percent": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "every byte in percent, in lower case": "".join(f"%{byte:02x}" for byte in raw).encode(),
    }
    if secret.isascii():
        found["UTF-16"] = secret.encode("utf-16-be")[1:]
    for width in (64, 76):
        found[f"base64 in lines of {width}"] = base64.b64encode(raw)[:width].rstrip(b"=")
    for offset in range(3):
        # the characters that this secret alone decides, whatever stands before and after it
        text = base64.b64encode(b"?" * offset + raw)
        start, end = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        found[f"base64 at offset {offset}"] = text[start:end]
        found[f"base64url at offset {offset}"] = text[start:end].translate(
            bytes.maketrans(b"+/", b"-_")
        )
    return found


def _lower(quoted: str) -> str:
    """RFC 3986, 6.2.2.1: the digits after a percent sign are the same in either case."""
    return re.sub("%..", lambda found: found[0].lower(), quoted)


def text_with(data: bytes, secrets: Mapping[str, str], where: str) -> list[str]:
    """Return which secrets, in which form, stand in some bytes."""
    return [
        f"{name} ({form}) in {where}"
        for name, secret in secrets.items()
        for form, pattern in forms(secret).items()
        if pattern in data
    ]


def files_with(folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """Return what stands in the files below a folder, archives unpacked, and in their names."""
    found: list[str] = []
    # os.walk passes over folders that are gone when it comes to them
    for path in (Path(root, name) for root, _, names in os.walk(folder) for name in names):
        found += text_with(os.fsencode(path.name), secrets, f"the name {path}")
        with contextlib.suppress(OSError):  # a temporary one, gone meanwhile
            data = path.read_bytes()
            found += text_with(data, secrets, str(path))
            found += _archive_with(data, secrets, str(path))
    return found


def _archive_with(data: bytes, secrets: Mapping[str, str], where: str) -> list[str]:
    if not data.startswith(b"PK"):
        return []
    found: list[str] = []
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            member = archive.read(name)
            found += text_with(member, secrets, f"{where}, {name}")
    return found


def history_with(repository: Path, secrets: Mapping[str, str]) -> list[str]:
    """Return what stands in the objects of a repository, reachable or not, packed or not."""
    done = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    assert b" commit " in done.stdout
    return text_with(done.stdout, secrets, f"the objects of {repository}")


class Watch:
    """Looks, while a run is under way, at the arguments of all processes and at passing files."""

    def __init__(self, secrets: Mapping[str, str], folder: Path) -> None:
        self.secrets = secrets
        self.folder = folder
        self.found: list[str] = []
        self.looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            over = self._over.wait(0.02)
            for who, line in _command_lines():
                self.found += text_with(line, self.secrets, f"the arguments of {who}")
            if self.looks % 5 == 0:
                self.found += files_with(self.folder, self.secrets)
            self.looks += 1
            if over:
                return


def _command_lines() -> Iterator[tuple[str, bytes]]:
    processes = Path("/proc")
    if (processes / "self" / "cmdline").exists():
        for path in processes.glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # ended meanwhile
                yield path.parent.name, path.read_bytes()
        return
    done = subprocess.run(["ps", "-Aww", "-o", "args="], capture_output=True, check=True)
    yield "some process", done.stdout

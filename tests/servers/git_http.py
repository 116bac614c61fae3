"""git over HTTP with basic authentication: git's own `http-backend` behind a small CGI front.

The protocol, the hooks and the locks are git's. What is ours is who may come in, what is recorded,
and the faults that can be ordered.
"""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, TypeVar, cast

__all__ = [
    "Fault",
    "GitServer",
    "Seen",
    "git_server",
    "refuse_by_hook",
    "refuse_by_status",
    "served",
]

Fault = Literal["503", "drop-reply", "drop-request", "hang"]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may come in."""

    password: str
    writes: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    authorization: tuple[str, ...]
    """Every Authorization header, in order."""


USERS = {
    "admin": User("admin-pass-1", writes=True),
    "ci": User("ci-pass-22", writes=True),
    "reader": User("reader-pass-3", writes=False),
}


@dataclass
class GitServer:
    """A running server; repositories lie bare below `root`."""

    root: Path
    url: str = ""
    """The base, without a final slash."""
    seen: list[Seen] = field(default_factory=list)
    sent: int = 0
    """Bytes of all answers."""
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    """(part of the request's path, what happens) for the next requests that match, once each."""
    latency: float = 0.0
    """Seconds before every answer."""
    moved: dict[str, str] = field(default_factory=dict)
    """First part of a path -> URL that it redirects to."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends every "hang"."""

    def create(self, name: str) -> Path:
        """Make an empty bare repository that everyone with an account reads."""
        path = self.root / name
        git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd=self.root)
        git("config", "http.receivepack", "true", cwd=path)
        return path

    def address(self, name: str, user: str | None = None) -> str:
        """Return a repository's URL, with user and password inside if asked for."""
        url = f"{self.url}/{name}"
        if user is None:
            return url
        return url.replace("://", f"://{user}:{USERS[user].password}@")

    def password(self, user: str) -> str:
        return USERS[user].password

    def order(self, part: str, fault: Fault) -> None:
        self.faults.append((part, fault))

    def take_fault(self, path: str) -> Fault | None:
        for number, (part, fault) in enumerate(self.faults):
            if part in path:
                del self.faults[number]
                return fault
        return None


def git(*arguments: str, cwd: Path, stdin: bytes | None = None) -> str:
    """Run git as the server's own account."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def refuse_by_hook(repository: Path, *lines: str) -> None:
    """Let nobody but admin push to main: a pre-receive hook that says `lines`."""
    said = "\n".join(f"    echo {_quoted(line)} >&2" for line in lines)
    _hook(
        repository,
        "pre-receive",
        f"""#!/bin/sh
while read -r old new ref; do
  if [ "$ref" = refs/heads/main ] && [ "$REMOTE_USER" != admin ]; then
{said}
    exit 1
  fi
done
""",
    )


def refuse_by_status(repository: Path, reason: str, *, times: int = 1_000_000) -> None:
    """Answer pushes to main with a reason in the status line, as Azure Repos and GitHub do.

    git hands the ref to the proc-receive hook (githooks(5)), whose words reach the client as they
    are. After `times` refusals the hook moves the branch, as git itself would have.
    """
    git("config", "receive.procReceiveRefs", "refs/heads/main", cwd=repository)
    (repository / "refusals").write_text(str(times))
    _hook(
        repository,
        "proc-receive",
        f"""#!{sys.executable} -SE
import pathlib, subprocess, sys
pipe_in, out = sys.stdin.buffer, sys.stdout.buffer
def packet():
    size = int(pipe_in.read(4), 16)
    return pipe_in.read(size - 4) if size else None
def say(data):
    out.write(b"%04x" % (len(data) + 4) + data if data else b"0000")
    out.flush()
while packet() is not None:
    pass
say(b"version=1\\0")
say(b"")
commands = []
while (line := packet()) is not None:
    commands.append(line.decode().rstrip().split(" "))
left = pathlib.Path("refusals")
for old, new, ref in commands:
    count = int(left.read_text())
    if count > 0:
        left.write_text(str(count - 1))
        say(b"ng " + ref.encode() + b" " + {reason!r}.encode())
    else:
        subprocess.run(["git", "update-ref", ref, new, old], check=True)
        say(b"ok " + ref.encode())
say(b"")
""",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _hook(repository: Path, name: str, text: str) -> None:
    place = repository / "hooks" / name
    place.write_text(text)
    place.chmod(place.stat().st_mode | stat.S_IXUSR)


@contextmanager
def git_server(root: Path) -> Iterator[GitServer]:
    """Serve the bare repositories below `root` on a free port of this machine."""
    with served(GitServer(root), _Server, _Handler) as state:
        yield state


S = TypeVar("S", bound=GitServer)


@contextmanager
def served(
    state: S, server_class: type[_Server], handler: type[BaseHTTPRequestHandler]
) -> Iterator[S]:
    """Run a server of repositories, whatever else it answers, until the block ends."""
    state.root.mkdir(parents=True, exist_ok=True)
    server = server_class(("127.0.0.1", 0), handler)
    server.state = state
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    state: GitServer
    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Requests are kept in `seen`."""

    def _answer(self, body: bytes) -> None:
        state = cast("_Server", self.server).state
        time.sleep(state.latency)
        given = tuple(self.headers.get_all("Authorization") or ())
        state.seen.append(Seen(self.command, self.path, given))
        if len(given) > 1:
            # GitHub's answer to two of them
            self._say(400, b'Duplicate header: "Authorization"')
            return
        first = self.path.split("/")[1]
        if first in state.moved:
            self.send_response(301)
            self.send_header("Location", state.moved[first] + self.path.removeprefix(f"/{first}"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        name = _who(given)
        if name is None:
            self._say(401, b"who is asking?", {"WWW-Authenticate": 'Basic realm="git"'})
            return
        if "receive-pack" in self.path and not USERS[name].writes:
            self._say(403, f"{name} has no right to push".encode())
            return
        fault = state.take_fault(self.path)
        if fault == "503":
            self._say(503, b"try again later")
        elif fault == "hang":
            state.released.wait(60)
        elif fault != "drop-request":
            status, headers, content = _backend(self, state.root, name, body)
            if fault is None:
                self._say(status, content, headers)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _say(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        cast("_Server", self.server).state.sent += len(content)


def _who(given: tuple[str, ...]) -> str | None:
    """Return the account behind a basic or bearer header: the password decides, as on GitHub and
    Azure Repos, where any user name goes with a token."""
    if not given:
        return None
    kind, _, value = given[0].partition(" ")
    if kind.lower() == "basic":
        value = base64.b64decode(value).decode().partition(":")[2]
    return next((name for name, user in USERS.items() if user.password == value), None)


def _backend(
    handler: _Handler, root: Path, user: str, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Run git's CGI program and take its answer apart (RFC 3875)."""
    path, _, query = handler.path.partition("?")
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(root),
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
        "REMOTE_USER": user,
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(
        ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n"):
        key, colon, value = line.partition(": ")
        if colon:
            headers[key] = value
    return int(headers.pop("Status", "200").split(" ")[0]), headers, content

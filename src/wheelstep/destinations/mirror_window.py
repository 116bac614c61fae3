"""A mirror as pip would see it, for this process and what it starts: where this machine can write
to a mirror, and not see where consumers read it.

Served on 127.0.0.1 below a path that nobody else knows, for as long as the process lives.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import tempfile
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import Final, Protocol
from urllib.parse import unquote

from wheelstep.destinations.layout import SIMPLE
from wheelstep.destinations.mirror_project import HTML, Entry
from wheelstep.errors import CannotHere, ServiceUnavailable, StepError

__all__ = ["Readable", "Window"]

WHOLE: Final = ".whl"
WHEEL: Final = "application/octet-stream"


class Readable(Protocol):
    """A store that is read with a sign-in of its own (destinations/blob_store.py)."""

    def read(self, path: str) -> bytes | None:
        """Return a blob's bytes, None where there is none."""

    def about(self, path: str) -> Entry | None:
        """Return what a listing would show of a blob, None where there is none."""

    def download(self, path: str, target: Path | None) -> str:
        """Read a blob as a whole, and return its SHA-256."""


class Window:
    """A server that gives what a store has."""

    def __init__(self, store: Readable, page: Callable[[str], bytes | None]) -> None:
        """Prepare; nothing is opened yet.

        Args:
            store: What is read.
            page: Returns a project's page, None where there is none.
        """
        self._store = store
        self._page = page
        self._guard = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._secret = secrets.token_urlsafe(24)
        self._wrong: Exception | None = None
        """The first thing that went wrong and that asking again does not mend."""

    @property
    def url(self) -> str:
        """The simple index, as this machine reads it; opened when it is asked for first."""
        with self._guard:
            if self._server is None:
                self._server = self._opened()
            port = self._server.server_address[1]
        return f"http://127.0.0.1:{port}/{self._secret}/{SIMPLE}/"

    def check(self) -> None:
        """Tell what went wrong since this was asked last, which whoever asked here was told by a
        status alone.

        Raises:
            StepError: What the store said to us.
            Exception: A defect.
        """
        with self._guard:
            wrong, self._wrong = self._wrong, None
        if wrong is not None:
            raise wrong

    def close(self) -> None:
        """Close it."""
        with self._guard:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _opened(self) -> ThreadingHTTPServer:
        window = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                window.answer(self)

            def do_HEAD(self) -> None:
                window.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing: what is asked for is told by whoever asks."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Keep what ended an answer for `check`: it is no business of the terminal's."""
                del request, client_address
                window.note(sys.exception())

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def note(self, error: BaseException | None) -> None:
        """Keep what went wrong; a client that has hung up is nothing wrong, and one that is told
        that a service could not answer just now asks again."""
        if isinstance(error, Exception) and not isinstance(
            error, (ConnectionError, ServiceUnavailable)
        ):
            with self._guard:
                self._wrong = self._wrong or error

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        start = f"/{self._secret}/{SIMPLE}/"
        path = unquote(asked.path.partition("?")[0])
        parts = PurePosixPath(path.removeprefix(start)).parts
        if not path.startswith(start) or not parts or ".." in parts:
            _send(asked, HTTPStatus.NOT_FOUND, b"", "text/plain")
            return
        try:
            if path.endswith("/"):
                self._give(asked, self._page(parts[0]) if len(parts) == 1 else None, HTML)
            elif path.endswith(WHOLE):
                self._give_file(asked, f"{SIMPLE}/{'/'.join(parts)}")
            else:
                self._give(asked, self._store.read(f"{SIMPLE}/{'/'.join(parts)}"), "text/plain")
        except StepError as error:
            self.note(error)
            _send(asked, HTTPStatus.BAD_GATEWAY, error.message.encode(), "text/plain")

    def _give(self, asked: BaseHTTPRequestHandler, data: bytes | None, kind: str) -> None:
        status = HTTPStatus.NOT_FOUND if data is None else HTTPStatus.OK
        _send(asked, status, data or b"", kind)

    def _give_file(self, asked: BaseHTTPRequestHandler, path: str) -> None:
        if asked.command == "HEAD":
            about = self._store.about(path)
            status = HTTPStatus.NOT_FOUND if about is None else HTTPStatus.OK
            _start(asked, status, about.size if about is not None else 0, WHEEL)
            return
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wheelstep-"))
            except OSError as error:
                raise CannotHere.from_os_error(error, "making a temporary folder") from error
            target = Path(folder) / "wheel"
            self._store.download(path, target)
            _start(asked, HTTPStatus.OK, target.stat().st_size, WHEEL)
            with target.open("rb") as stream:
                copyfileobj(stream, asked.wfile)


def _start(asked: BaseHTTPRequestHandler, status: HTTPStatus, size: int, kind: str) -> None:
    asked.send_response(status)
    asked.send_header("Content-Type", kind)
    asked.send_header("Content-Length", str(size))
    asked.end_headers()


def _send(asked: BaseHTTPRequestHandler, status: HTTPStatus, data: bytes, kind: str) -> None:
    _start(asked, status, len(data), kind)
    if asked.command == "GET":
        asked.wfile.write(data)

"""A web server whose answers a test writes, and a clock that does not wait."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class InstantClock:
    """Time passes only by waiting."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self.now = 0.0
        self.wall = wall
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.wall + self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class Asked:
    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Answer:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    """Say that the body is longer than it is, and hang up."""
    drop: bool = False
    """Hang up without an answer."""


class Web:
    """Answers in order, the last one for ever; or what a function makes of the request."""

    def __init__(
        self,
        *answers: Answer,
        answer: Callable[[Asked], Answer] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.asked: list[Asked] = []
        self.connections: list[object] = []
        self.open: list[socket.socket] = []
        waiting = list(answers)
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # a body is not to wait until its headers have arrived

            def setup(self) -> None:
                super().setup()
                web.connections.append(self.client_address)
                web.open.append(self.connection)

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, self.path, self.headers, body)
                web.asked.append(asked)
                if answer:
                    given = answer(asked)
                else:
                    given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                if given.drop:
                    self.close_connection = True
                    return
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(given.body) + 100 * given.cut))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(given.body)
                self.close_connection = given.cut

            do_GET = do_PUT = do_POST = do_HEAD = do_CONNECT = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for connection in self.open:  # one that is kept alive would answer for a later server
            with contextlib.suppress(OSError):  # closed by then
                connection.shutdown(socket.SHUT_RDWR)

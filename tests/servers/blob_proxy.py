"""What stands between a client and a store: counts requests, and loses what it is told to.

    with between(store.url, rule) as middle:
        middle.url                  # in the place of the store's
        middle.seen                 # "PUT /account/container/blob" of each request, in their order

The rule is asked for each request, before it is passed on: `Fate.LOST` passes it on and hangs up in
the place of an answer; an `Answer` is given, and nothing is passed on.
"""

from __future__ import annotations

import enum
import http.client
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.ground.web import Answer

__all__ = ["Between", "Fate", "Seen", "between", "denied"]

OURS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
"""Headers of the connection to the store, which is another one."""


class Fate(enum.Enum):
    """What becomes of a request."""

    PASSED = "passed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request."""

    number: int
    """Counted from 1."""
    method: str
    path: str
    """With its query."""
    size: int
    """Bytes of its body."""

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


Rule = Callable[[Seen], "Fate | Answer"]


def _pass(_: Seen) -> Fate:
    return Fate.PASSED


@dataclass
class Between:
    """It, while it stands."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    rule: Rule = _pass
    latency: float = 0.0
    """Seconds before each answer."""

    def asked(self, *methods: str) -> list[str]:
        """The requests with these methods; all without any."""
        return [str(one) for one in self.seen if not methods or one.method in methods]


def denied(status: int, code: str, message: str = "", **headers: str) -> Answer:
    """A refusal as the service words it ("Status and error codes")."""
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}'
    return Answer(
        status,
        {"x-ms-error-code": code, "Content-Type": "application/xml",
         **{name.replace("_", "-"): value for name, value in headers.items()}},
        f"{text}</Message></Error>".encode(),
    )  # fmt: skip


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, url: str, rule: Rule) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.place = urlsplit(url)
        self.guard = threading.Lock()
        base = f"http://127.0.0.1:{self.server_address[1]}"
        self.state = Between(f"{base}{self.place.path}", rule=rule)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        host, port = self.server.place.hostname or "", self.server.place.port
        self.behind = http.client.HTTPConnection(host, port, timeout=60)

    def finish(self) -> None:
        self.behind.close()
        super().finish()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        state = self.server.state
        with self.server.guard:
            seen = Seen(len(state.seen) + 1, self.command, self.path, len(body))
            state.seen.append(seen)
            fate = state.rule(seen)
        if state.latency:
            time.sleep(state.latency)  # what a network is like, and no wait for something
        if isinstance(fate, Answer):
            self._give(fate.status, fate.headers, fate.body)
            return
        self.behind.request(self.command, self.path, body, dict(self.headers.items()))
        answer = self.behind.getresponse()
        data = answer.read()
        if fate is Fate.LOST:
            self.close_connection = True
            return
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in OURS}
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._give(answer.status, headers, data, length)

    def _give(
        self, status: int, headers: Mapping[str, str], data: bytes, length: str | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815 - their names there

    def log_message(self, *_: object) -> None: ...


@contextmanager
def between(url: str, rule: Rule = _pass) -> Iterator[Between]:
    """Stand before a store.

    Args:
        url: The store's, http.
        rule: Says what becomes of each request.
    """
    server = _Server(url, rule)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

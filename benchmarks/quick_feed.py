"""A quick server with the routes of a feed: what benchmarks/publish.py publishes to.

One thread answers everything. What is uploaded is counted and let go: the name, the hash and the
size that the form states are what its pages list, and a download comes from the folder the wheels
lie in. Every project of an organization is another feed, empty at first: so each run has its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

__all__ = ["QuickFeed"]

PATH: Final = re.compile(rb"/[^/]+/(?P<feed>[^/]+)/_packaging/f/pypi/(?P<what>\w+)/(?P<rest>\S*)")
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
FILE: Final = re.compile(rb'name="content"; filename="([^"]+)"')
SHA256: Final = re.compile(rb'name="sha256_digest"\r\n(?:[^\r]+\r\n)*\r\n([0-9a-f]{64})')
FORM: Final = 1 << 16
"""Bytes of an upload that hold the form's fields, which all clients send before the file."""


class QuickFeed(asyncio.Protocol):
    """One connection; what is stored is shared by all of a server."""

    def __init__(
        self, dist: Path, latency: float, stored: dict[bytes, dict[str, dict[str, str]]]
    ) -> None:
        """Keep what is shared.

        Args:
            dist: Where the wheels lie.
            latency: Seconds before every answer.
            stored: Feed -> project -> file -> SHA-256.
        """
        self.dist = dist
        self.latency = latency
        self.stored = stored
        self.head = b""
        self.begun = bytearray()
        self.left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a TCP server
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.left:
            self.left -= len(data)
            if len(self.begun) < FORM:
                self.begun += data
        else:
            self.begun += data
            end = self.begun.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head = bytes(self.begun[:end])
            del self.begun[: end + 4]
            length = LENGTH.search(self.head)
            self.left = int(length[1]) - len(self.begun) if length else 0
        if self.left <= 0:
            head, form, self.left = self.head, bytes(self.begun), 0
            self.begun = bytearray()
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.answer, head, form)
            else:
                self.answer(head, form)

    def answer(self, head: bytes, form: bytes) -> None:
        """Answer a request that has come as a whole."""
        method, _, rest = head.partition(b" ")
        match = PATH.match(rest)
        if match is None or b"basic " not in head.lower():
            self.send(401 if match else 404, b"")
            return
        feed, what = self.stored[match["feed"]], match["what"]
        if method == b"POST" and what == b"upload":
            self.upload(feed, form)
        elif what == b"simple":
            name = match["rest"].strip(b"/").decode()
            self.page(match["feed"].decode(), name, feed.get(name, {}))
        elif what == b"download":
            self.file(self.dist / match["rest"].decode().rpartition("/")[2])
        else:
            self.send(404, b"")

    def upload(self, feed: dict[str, dict[str, str]], form: bytes) -> None:
        file, digest = FILE.search(form), SHA256.search(form)
        if file is None or digest is None:
            self.send(400, b"")
            return
        name = file[1].decode()
        files = feed[name.partition("-")[0].replace("_", "-")]
        self.send(409 if name in files else 202, b"")
        files[name] = digest[1].decode()

    def page(self, feed: str, name: str, files: dict[str, str]) -> None:
        links = "\n".join(
            f'<a href="/o/{feed}/_packaging/f/pypi/download/{name}/1/{file}#sha256={sha256}">'
            f"{file}</a>"
            for file, sha256 in files.items()
        )
        # a project without files is a 404 of the feed's own
        body = links or '{"typeKey": "PackageNotFoundException", "message": "no package"}'
        kind = "text/html" if links else "application/json"
        self.send(200 if links else 404, body.encode(), kind)

    def file(self, path: Path) -> None:
        size = path.stat().st_size
        self.start(200, size, "application/octet-stream")
        if size < FORM:
            self.transport.write(path.read_bytes())
        else:
            self.sending = asyncio.get_running_loop().create_task(self.pour(path))

    async def pour(self, path: Path) -> None:
        with path.open("rb") as stream:
            await asyncio.get_running_loop().sendfile(self.transport, stream)

    def start(self, status: int, size: int, kind: str) -> None:
        fields = f"Content-Type: {kind}\r\nContent-Length: {size}"
        self.transport.write(f"HTTP/1.1 {status} -\r\n{fields}\r\n\r\n".encode())

    def send(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.start(status, len(body), kind)
        self.transport.write(body)


async def serve(dist: Path, latency: float) -> None:
    """Serve until this process is ended, and print the port."""
    stored: dict[bytes, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    server = await asyncio.get_running_loop().create_server(
        lambda: QuickFeed(dist, latency, stored), "127.0.0.1", 0, backlog=256
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))

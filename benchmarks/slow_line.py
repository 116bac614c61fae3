"""A line to a server with a latency of its own: what benchmarks/mirror.py puts before a store.

    python benchmarks/slow_line.py HOST PORT SECONDS     # prints its own port

Bytes pass as they come, in both directions; the first ones of an answer wait. One thread does it
all, and looks into nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Final

PIECE: Final = 1 << 18
"""Bytes passed on at a time."""


class Line:
    """One connection, and the one behind it."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.asked = False

    async def ask(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await client.read(PIECE):
            self.asked = True
            server.write(data)
            await server.drain()

    async def answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await server.read(PIECE):
            if self.asked:
                self.asked = False
                await asyncio.sleep(self.latency)
            client.write(data)
            await client.drain()


async def serve(host: str, port: int, latency: float) -> None:
    """Serve until this process is ended, and print the port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection(host, port, limit=PIECE)
        line = Line(latency)
        tasks = [asyncio.ensure_future(line.ask(reader, ahead)),
                 asyncio.ensure_future(line.answer(behind, writer))]  # fmt: skip
        # whoever hangs up first ends it for both
        with contextlib.suppress(ConnectionError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, ahead):
            end.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=PIECE, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))

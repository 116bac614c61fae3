"""The names of Azure's services in front of stand-ins: a proxy that ends the encryption.

    with front(authority, {"pkgs.dev.azure.com": feed.base}) as where:
        where.environment()            # variables under which those names lead to the stand-ins

`authority` has to be made for those names. Another name gets 502.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.authority import secure

__all__ = ["Front", "front"]


@dataclass
class Front:
    """The proxy."""

    url: str
    authority: Path
    asked: list[str] = field(default_factory=list)
    """The names that were asked for, in their order."""

    def environment(self) -> dict[str, str]:
        return {
            "HTTPS_PROXY": self.url,
            "NO_PROXY": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "SSL_CERT_FILE": str(self.authority),
            "PIP_CERT": str(self.authority),
        }


@contextmanager
def front(authority: Path, hosts: Mapping[str, str]) -> Iterator[Front]:
    """Run the proxy on a free port.

    Args:
        authority: Of `made_authority`, with these names.
        hosts: Name -> base URL of a stand-in without encryption.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    state = Front(f"http://127.0.0.1:{listening.getsockname()[1]}", authority)
    context = secure(authority)

    def accept() -> None:
        with contextlib.suppress(OSError):  # the socket is closed at the end
            while True:
                client, _ = listening.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := client.recv(1)):
                    return
                head += piece
            method, target, _ = head.decode().split(None, 2)
            name = target.partition(":")[0]
            state.asked.append(name)
            if method != "CONNECT" or name not in hosts:
                client.sendall(b"HTTP/1.1 502 Not Here\r\nContent-Length: 0\r\n\r\n")
                return
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            place = urlsplit(hosts[name])
            with (
                context.wrap_socket(client, server_side=True) as plain,
                socket.create_connection((place.hostname or "", place.port or 80)) as behind,
            ):
                back = threading.Thread(target=_carry, args=(behind, plain), daemon=True)
                back.start()
                _carry(plain, behind)
                back.join()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes until one side ends; then the other is told."""
    with contextlib.suppress(OSError, ssl.SSLError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)

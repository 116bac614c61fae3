"""The stand-in of a feed at Azure's own names: what is sent there arrives at the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from tests.destinations.waiting import QuickClock
from tests.servers.feed import FeedServer, feed_server
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.table import destination_of
from wheelstep.ground.secret import Secret
from wheelstep.ground.sending import Sender
from wheelstep.ground.transport import RetryBudget, Transport

__all__ = ["FEED", "AtAzure", "at_azure"]

FEED = "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/"


class _Arrives(HTTPAdapter):
    """Sends to the stand-in what is meant for Azure."""

    def __init__(self, hosts: dict[str, str]) -> None:
        super().__init__(max_retries=0)
        self.hosts = hosts

    def send(self, request: requests.PreparedRequest, *args: Any, **keywords: Any) -> Any:
        meant = str(request.url)
        there = urlsplit(self.hosts[urlsplit(meant).netloc])
        request.url = urlunsplit((there.scheme, there.netloc, *urlsplit(meant)[2:]))
        answer = super().send(request, *args, **keywords)
        answer.url = meant
        return answer


class _Sender(Sender):
    def __init__(self, hosts: dict[str, str]) -> None:
        super().__init__()
        self.hosts = hosts

    def new_adapter(self) -> HTTPAdapter:
        return _Arrives(self.hosts)


class AtAzure:
    """A feed of Azure DevOps Services."""

    def __init__(self, server: FeedServer, transport: Transport) -> None:
        self.server = server
        self.transport = transport

    def feed(self, token: str, url: str = FEED) -> FeedDestination:
        made = destination_of(
            Wanted(url, name="wheels", token=Secret(token)),
            root=Path(),
            environment={},
            transport=self.transport,
        )
        assert isinstance(made, FeedDestination)
        return made


@contextmanager
def at_azure() -> Iterator[AtAzure]:
    """Run the stand-in with its two hosts, reached by Azure's names."""
    with feed_server(two_hosts=True) as server:
        sender = _Sender(
            {"pkgs.dev.azure.com": server.base, "feeds.dev.azure.com": server.feeds_base}
        )
        transport = Transport({}, budget=RetryBudget(attempts=2), clock=QuickClock(), sender=sender)
        server.base = "https://pkgs.dev.azure.com"  # links to files name it
        with transport:
            yield AtAzure(server, transport)

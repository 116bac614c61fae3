"""Workspace connections, as far as they are known: what Azure ML will authenticate with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from wheelstep.ground.proxies import is_below
from wheelstep.ground.secret import Secret

__all__ = ["AuthType", "Category", "Connection", "Targeted", "closest", "depth_of"]

Category = Literal["PythonFeed", "Git"]
AuthType = Literal["PAT", "UsernamePassword", "None"]
"""The kinds that are documented for both categories (Microsoft Learn, "Create connections")."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of a workspace."""

    name: str
    """As the workspace has it; "" where it is made from the target."""
    target: str
    """The base URL that Azure ML matches URLs of a definition against; without credentials. ""
    where it is made from the destination."""
    category: Category = "PythonFeed"
    auth_type: AuthType = "PAT"
    user: str | None = None
    """As it is, not URL-encoded."""
    secret: Secret | None = None
    """The token or password; None where it is not known here."""
    expires: dt.datetime | None = None
    """Until when the secret holds, UTC; None where that is not known."""
    shared: bool = True
    """Whether all members of the workspace may use it."""
    source: str = "connection-token"
    """Where the settings have the secret from, for messages: the option, or the variable."""


class Targeted(Protocol):
    """What has a category and a target: a connection that is wanted, or one that is there."""

    @property
    def category(self) -> str:
        """As Azure ML has it: "PythonFeed", "Git", or another."""

    @property
    def target(self) -> str:
        """The base URL."""


T = TypeVar("T", bound=Targeted)


def closest(url: str, connections: Iterable[T]) -> T | None:
    """Return the connection for Python feeds whose target matches an index's URL most closely.

    What is closest is an assumption: see rehearsal/credentials_in_effect.py.

    Args:
        url: The index; without credentials.
        connections: All that there are.

    Returns:
        None where none matches; of equal targets the first.
    """
    found = [
        one for one in connections if one.category == "PythonFeed" and is_below(url, one.target)
    ]
    return max(found, key=lambda one: depth_of(one.target), default=None)


def depth_of(target: str) -> int:
    """Return how many parts the path of a target has; -1 for what is no URL."""
    try:
        return len([part for part in urlsplit(target).path.split("/") if part])
    except ValueError:
        return -1

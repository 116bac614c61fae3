"""Workspace connections, as far as they are known: what Azure ML will authenticate with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from wheelstep.ground.secret import Secret

__all__ = ["AuthType", "Category", "Connection"]

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

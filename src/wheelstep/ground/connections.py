"""Workspace connections, as far as they are known: what Azure ML will authenticate with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wheelstep.ground.secret import Secret

__all__ = ["Category", "Connection"]

Category = Literal["PythonFeed", "Git"]


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of a workspace."""

    name: str
    """As the workspace has it; "" where it is made from the target."""
    target: str
    """The base URL that Azure ML matches URLs of a definition against; without credentials. ""
    where it is made from the destination."""
    category: Category = "PythonFeed"
    user: str | None = None
    secret: Secret | None = None
    """The token or password; None where it is not known here."""

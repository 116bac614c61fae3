"""What has to happen to a workspace's connection: pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.ground.connections import Connection
from wheelstep.workspaces.connection import (
    FINGERPRINT,
    MADE_BY,
    OURS,
    Login,
    Stored,
    same_login,
)

__all__ = [
    "Create",
    "Decision",
    "Leave",
    "TakeOver",
    "Update",
    "decide",
    "expiry_of",
    "metadata_of",
    "named",
]

TOKEN: Final = "the token"  # noqa: S105 - a word of a message
PASSWORD: Final = "the password"  # noqa: S105 - a word of a message
UNSEEN: Final = "which cannot be compared here"


@dataclass(frozen=True, slots=True)
class Create:
    """There is none of that name."""


@dataclass(frozen=True, slots=True)
class Leave:
    """It is as it is wanted: nothing is written."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class Update:
    """It is ours, and differs."""

    stored: Stored
    reasons: tuple[str, ...]
    """What differs, for people: "the target", "the token"."""
    renewed: bool
    """True when another secret is stored than before, or perhaps is."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """It was made by hand, or by another tool, and differs: only with consent."""

    update: Update


Decision = Create | Leave | Update | TakeOver


def named(name: str, stored: Sequence[Stored]) -> Stored | None:
    """Return the connection of a name; Azure compares names without regard to case."""
    return next((one for one in stored if one.name.lower() == name.lower()), None)


def _secret_differs(
    wanted: Connection, login: Login, stored: Stored, known: Login | None, mark: str | None
) -> str | None:
    """Return what to say of a secret that is, or may be, another one; None where it is the same.

    Args:
        wanted: The connection.
        login: What would be stored for it.
        stored: What the workspace has.
        known: What it is known to authenticate with; None where we may not know it.
        mark: The fingerprint of `login`, None where it has none.
    """
    what = PASSWORD if wanted.auth_type == "UsernamePassword" else TOKEN
    if wanted.auth_type != stored.auth_type:
        return what if login.secret is not None else None
    if known is not None:
        return None if same_login(known, login) else what
    if login.secret is None:
        return None
    before = stored.metadata.get(FINGERPRINT)
    if mark is not None and before is not None:
        return None if mark == before else what
    return f"{what}, {UNSEEN}"


def decide(
    wanted: Connection,
    login: Login,
    stored: Stored | None,
    known: Login | None,
    mark: str | None,
) -> Decision:
    """Decide what has to happen to one connection in one workspace.

    Args:
        wanted: The connection as the settings have it, with a name and a target.
        login: What would be stored for it.
        stored: What the workspace has under that name.
        known: What that authenticates with; None where we may not know it.
        mark: The fingerprint of `login`, None where it has none.
    """
    if stored is None:
        return Create()
    reasons: list[str] = []
    if stored.category != wanted.category:
        reasons.append(f"the category ({stored.category or 'none'})")
    if stored.target.rstrip("/") != wanted.target.rstrip("/"):
        reasons.append(f"the target ({stored.target or 'none'})")
    if stored.auth_type != wanted.auth_type:
        reasons.append(f"the authentication ({stored.auth_type or 'none'})")
    if stored.shared != wanted.shared:
        reasons.append("who may use it")
    secret = _secret_differs(wanted, login, stored, known, mark)
    if secret:
        reasons.append(secret)
    # a day that is not said says nothing: the one of the same token stays
    if wanted.expires is not None and wanted.expires != stored.expires:
        reasons.append("when it expires")
    if not reasons:
        return Leave(stored)
    update = Update(stored, tuple(reasons), renewed=secret is not None)
    return update if stored.ours else TakeOver(update)


def expiry_of(wanted: Connection, decision: Decision) -> dt.datetime | None:
    """Return the expiry that is written: a new token has that of the settings, or none that is
    known; the same token keeps its own."""
    match decision:
        case Update(stored, _, renewed=False) | TakeOver(Update(stored, _, renewed=False)):
            return wanted.expires or stored.expires
        case _:
            return wanted.expires


def metadata_of(stored: Stored | None, mark: str | None) -> Mapping[str, str]:
    """Return the metadata that is written: ours beside what others wrote."""
    kept = dict(stored.metadata) if stored is not None else {}
    kept.pop(FINGERPRINT, None)
    return kept | {MADE_BY: OURS} | ({FINGERPRINT: mark} if mark else {})

"""Which pinned versions will a feed delete, or has deleted? Pure.

Source: Microsoft Learn, "Delete and recover packages": a version is deleted when the package has
more versions than are kept and nobody downloaded it for some days; one that was promoted to a view
is never. By which order the newest are told is not said there, so both orders count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

__all__ = ["NEARLY_FULL", "Fate", "Kept", "fate_of"]

NEARLY_FULL: Final = 4500
"""Versions of one package from which on it is told that a feed takes no more one day."""
IMPLICIT: Final = "local"
"""The view that shows everything: nothing is promoted to it."""
EARLIEST: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
LOWEST: Final = Version("0.dev0")


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as the feed has it."""

    version: str
    deleted: bool
    views: Sequence[str]
    published: dt.datetime | None

    @property
    def promoted(self) -> bool:
        """Whether a view keeps it."""
        return any(view.lower() != IMPLICIT for view in self.views)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one pinned version."""

    deleted: bool
    """It is deleted; else it will be, once nobody downloads it for some days."""
    newer: int = 0
    """So many versions are newer."""


def fate_of(version: str, versions: Sequence[Kept], newest: int | None) -> Fate | None:
    """Say whether a version of a package stays.

    Args:
        version: PEP 440.
        versions: All of the package, deleted ones too.
        newest: So many versions are kept; None: all.

    Returns:
        None where it stays, and where the feed has never had it.
    """
    found = next((one for one in versions if _number(one) == _parsed(version)), None)
    if found is None:
        return None
    if found.deleted:
        return Fate(deleted=True)
    if newest is None or found.promoted:
        return None
    there = [one for one in versions if not one.deleted]
    newer = max(
        sum(_number(one) > _number(found) for one in there),
        sum(_date(one) > _date(found) for one in there),
    )
    return Fate(deleted=False, newer=newer) if newer >= newest else None


def _parsed(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:
        return LOWEST


def _number(one: Kept) -> Version:
    return _parsed(one.version)


def _date(one: Kept) -> dt.datetime:
    if one.published is None:
        return EARLIEST
    return one.published if one.published.tzinfo else one.published.replace(tzinfo=dt.UTC)

"""Branches of ours on which a host makes a commit, before another branch is moved to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from wheelstep.ground.clock import Clock

__all__ = ["NEXT", "is_abandoned", "next_branch"]

NEXT: Final = "wheelstep-next/"
"""What their names begin with."""
STAMP: Final = "%Y%m%dT%H%M%SZ"
ABANDONED: Final = timedelta(hours=1)
"""After which such a branch is nobody's any more: the time is in its name."""


def next_branch(clock: Clock) -> str:
    """Return the name of a new one, which nobody else has."""
    stamp = datetime.fromtimestamp(clock.time(), UTC).strftime(STAMP)
    return f"{NEXT}{stamp}-{uuid4().hex[:12]}"


def is_abandoned(branch: str, clock: Clock) -> bool:
    """Tell whether a branch is one that a run left that was killed.

    Args:
        branch: Short name.
        clock: Tells the time.
    """
    stamp, dash, _ = branch.removeprefix(NEXT).partition("-")
    if not branch.startswith(NEXT) or not dash:
        return False
    try:
        made = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return made < datetime.fromtimestamp(clock.time(), UTC) - ABANDONED

"""Names of what a run makes for a moment: a branch on which a host makes a commit, before another
branch is moved to it; a ref that something is fetched to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from wheelstep.ground.clock import Clock

__all__ = ["NEXT", "is_abandoned", "next_branch", "passing_name"]

NEXT: Final = "wheelstep-next/"
"""What the names of such branches begin with."""
STAMP: Final = "%Y%m%dT%H%M%SZ"
ABANDONED: Final = timedelta(hours=1)
"""After which such a thing is nobody's any more: the time is in its name."""


def next_branch(clock: Clock) -> str:
    """Return the name of a new branch, which nobody else has."""
    return passing_name(NEXT, clock)


def passing_name(prefix: str, clock: Clock) -> str:
    """Return a name that nobody else has.

    Args:
        prefix: What it begins with.
        clock: Tells the time.
    """
    stamp = datetime.fromtimestamp(clock.time(), UTC).strftime(STAMP)
    return f"{prefix}{stamp}-{uuid4().hex[:12]}"


def is_abandoned(name: str, clock: Clock, *, prefix: str = NEXT) -> bool:
    """Tell whether a name is of something that a run left that was killed.

    Args:
        name: A branch's, short; a ref's.
        clock: Tells the time.
        prefix: What such names begin with.
    """
    stamp, dash, _ = name.removeprefix(prefix).partition("-")
    if not name.startswith(prefix) or not dash:
        return False
    try:
        made = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return made < datetime.fromtimestamp(clock.time(), UTC) - ABANDONED

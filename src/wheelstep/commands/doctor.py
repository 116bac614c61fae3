"""`wheelstep doctor`: is everything in place?"""

from __future__ import annotations

from wheelstep.stages.run import Run

__all__ = ["doctor"]


def doctor(run: Run) -> None:
    """Check what a release and the image builds after it rely on; changes nothing."""
    raise NotImplementedError(run)

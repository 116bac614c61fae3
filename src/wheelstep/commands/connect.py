"""`wheelstep connect`: the workspace connections."""

from __future__ import annotations

from typing import Literal

from wheelstep.stages.run import Run

__all__ = ["Way", "connect"]

Way = Literal["store", "rotate", "remove", "print"]


def connect(run: Run, way: Way) -> None:
    """Bring the connections of the settings into the workspaces."""
    raise NotImplementedError(run, way)

"""What a commit and a pull request say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wheelstep.repositories.interface import Wording
from wheelstep.stages.run import Run

__all__ = ["wording_of"]

SHOWN: Final = 3
"""How many packages a subject names."""


def wording_of(run: Run, verb: str, versions: Sequence[tuple[str, str]]) -> Wording:
    """Return what is said of a release, or of pins.

    Args:
        run: The run.
        verb: "Pin" or "Release".
        versions: (name, version) of each package that it is about.
    """
    shown = ", ".join(f"{name} {version}" for name, version in versions[:SHOWN])
    more = f" and {len(versions) - SHOWN} more" if len(versions) > SHOWN else ""
    message = run.settings.commit_message or f"{verb} {shown}{more}"
    return Wording(message)

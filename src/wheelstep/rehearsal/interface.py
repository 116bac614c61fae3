"""What a rehearsal says about one definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wheelstep.model import Problem

__all__ = ["Resolved", "Verdict"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """One package the image would have."""

    name: str
    version: str
    sha256: str | None
    index: str | None
    """Where it came from, without credentials."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Would this definition build?"""

    path: str
    status: Literal["resolved", "failed", "skipped", "unproven"]
    python: str | None
    platform: str
    resolved: tuple[Resolved, ...] = ()
    problems: tuple[Problem, ...] = ()

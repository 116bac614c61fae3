"""Findings that a user has decided to live with, each with a reason."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from wheelstep.model import Problem

__all__ = ["EVERY", "EXCUSABLE", "OF_CONNECTIONS", "OF_MIRRORS", "Allowance", "Allowances"]

EXCUSABLE: Final = {
    "dependency-confusion": "a private package that pip could take from the public index",
    "public-could-win": "one that is pinned, and that the public index could only outrank",
    "connection-made-by-hand": "a workspace connection of that name that wheelstep did not make",
    "connection-unproven": "a token that nothing could be read with, since nothing was there",
    "mirror-open": "a mirror that everybody can read, or for which that is not known",
}
"""The codes that can be excused, and what each means."""
OF_CONNECTIONS: Final = frozenset({"connection-made-by-hand", "connection-unproven"})
"""Those whose name is that of a connection."""
OF_MIRRORS: Final = frozenset({"mirror-open"})
"""Those whose name is ACCOUNT/CONTAINER."""
EVERY: Final = "*"
"""The name that stands for all."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """One exception from a safety rule."""

    code: str
    """One of `EXCUSABLE`."""
    name: str
    """The normalised name of a package, or of a connection as it is; a mirror's ACCOUNT/CONTAINER;
    or `EVERY`."""
    reason: str


class Allowances:
    """The exceptions of a run, and which of them have excused something. Thread-safe."""

    def __init__(self, allowed: Iterable[Allowance] = ()) -> None:
        """Keep them."""
        self._allowed = tuple(allowed)
        self._used: set[Allowance] = set()
        self._looked: set[tuple[str, str]] = set()
        self._guard = threading.Lock()

    def excused(self, problem: Problem, name: str) -> Problem:
        """Return a finding about a package or a connection as it is, or as a notice where it is
        excused."""
        for one in self._allowed:
            if one.code == problem.code and one.name in {name, EVERY}:
                with self._guard:
                    self._used.add(one)
                return replace(
                    problem,
                    severity="notice",
                    exit_code=0,
                    message=f"{problem.message} It is allowed: {one.reason}",
                    cure="Nothing, as long as the reason holds.",
                )
        return problem

    def looked(self, code: str, names: Iterable[str]) -> None:
        """Note that these packages were looked at for this finding, whatever came of it."""
        with self._guard:
            self._looked |= {(code, name) for name in names}

    def unused(self) -> list[Allowance]:
        """Return the exceptions whose packages were looked at, and that excused nothing."""
        with self._guard:
            return [
                one
                for one in self._allowed
                if one not in self._used
                and any(
                    code == one.code and one.name in {name, EVERY} for code, name in self._looked
                )
            ]

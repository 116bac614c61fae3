"""What is found in a script or notebook: the environments, and what is left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from packaging.utils import canonicalize_name

from wheelstep.definitions.requirement import Unreadable, parse

__all__ = ["Gathered", "Left", "Piece", "Registered", "Role", "Words", "left_in"]

_BEGINS: Final = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:$|[\[=<>~!@;])")

Role = Literal["requirement", "option", "wheel"]


class Words(Protocol):
    """A text of the script that can be replaced."""

    @property
    def text(self) -> str:
        """What it says."""

    def line_of(self, index: int) -> int:
        """Return the line in the file of a character of it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One text of a section."""

    role: Role
    words: Words
    before: str = ""
    """What a requirements file has before it: "--index-url "."""


@dataclass(frozen=True, slots=True)
class Left:
    """A place that names a package and is not edited."""

    name: str
    line: int
    why: str
    pinned: str | None = None
    """The version that it pins, where that can be seen."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The name and version of an environment in a workspace."""

    name: str
    version: Words | None
    """None where it is not written, or computed."""
    computed: int | None = None
    """The line of a version that is no text."""


@dataclass(slots=True, eq=False)
class Gathered:
    """An environment of the script, as far as it can be seen."""

    place: str
    line: int
    how: Literal["call", "list", "shell"]
    """Whether an index option is another call, another item, or another word."""
    groups: list[list[Piece]] = field(default_factory=list)
    """What pip is handed as one list, or in one call."""
    python: str | None = None
    conda: list[tuple[str, int]] = field(default_factory=list)
    channels: list[str] | None = None
    unknown: list[str] = field(default_factory=list)
    computed: list[tuple[str, int]] = field(default_factory=list)
    """(text, line) of the literals within what is computed."""
    branches: set[object] = field(default_factory=set)
    registered: Registered | None = None
    """What it is registered as, where the script says."""

    def doubt(self, reason: str) -> None:
        """Remember why it is not wholly known."""
        if reason not in self.unknown:
            self.unknown.append(reason)


def left_in(text: str, line: int, why: str, *, pinned_only: bool = False) -> Iterator[Left]:
    """Yield the package that a text names, if it reads like a requirement."""
    try:
        found = parse(text.strip().partition("\n")[0])
    except Unreadable:
        found = None
    if found and (found.pinned or not pinned_only):
        yield Left(found.name, line, why, found.pinned)
    elif not found and not pinned_only and (begun := _BEGINS.match(text)) and _is_name(begun[1]):
        yield Left(canonicalize_name(begun[1]), line, why)


def _is_name(text: str) -> bool:
    # "1.0" is a version, though a package might have that name
    return any(letter.isalpha() for letter in text)

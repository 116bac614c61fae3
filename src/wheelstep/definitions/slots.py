"""The texts of a pip section, and which requirements stand in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from wheelstep.definitions.interface import Requirement
from wheelstep.definitions.pip_lines import LogicalLine, logical_lines
from wheelstep.definitions.requirement import Line, Unreadable, parse

__all__ = ["FoundLine", "Slot", "looked_through", "read_slots", "requirements_in"]


class Slot(NamedTuple):
    """A text with requirement lines: an item of a conda file's list, or a requirements file; a
    tuple, for lists of ten thousand items."""

    text: str
    line_of: Callable[[int], int]
    """The line in the file, counted from 1, of a character of `text`."""
    alias_line: int | None = None
    """The line of the YAML alias that names the text here; None where the text itself stands."""


class FoundLine(NamedTuple):
    """A requirement in a slot; a tuple for speed."""

    slot: int
    place: Slot
    """The same slot itself."""
    logical: LogicalLine
    line: Line

    @property
    def at(self) -> int:
        """Line in the file."""
        return self.place.line_of(self.logical.first)


def read_slots(slots: Sequence[Slot]) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    """Return the requirements that can be read, and all lines as a requirements file has them."""
    looked = looked_through(tuple(slots))
    return tuple(
        Requirement(
            line.name,
            logical.text[slice(*line.body)],
            place.line_of(logical.first),
            line.pinned,
        )
        for _, place, logical, line in looked.found
    ), looked.lines


def requirements_in(slots: Sequence[Slot]) -> tuple[FoundLine, ...]:
    """Return the requirements that can be read, with their places."""
    return looked_through(tuple(slots)).found


class Looked(NamedTuple):
    """What stands in the texts of a section."""

    found: tuple[FoundLine, ...]
    """The requirements."""
    unreadable: tuple[tuple[Slot, LogicalLine, str], ...]
    """The lines that cannot be read, each with the reason."""
    lines: tuple[str, ...]
    """All that are not blank."""


@lru_cache(maxsize=8)
def looked_through(slots: tuple[Slot, ...]) -> Looked:
    """Return all that stands in some texts, read once."""
    found: list[FoundLine] = []
    unreadable: list[tuple[Slot, LogicalLine, str]] = []
    lines: list[str] = []
    for number, slot in enumerate(slots):
        for logical in logical_lines(slot.text):
            if not logical.text:
                continue
            lines.append(logical.text)
            try:
                line = parse(logical.text)
            except Unreadable as error:
                # pip will say so, in a rehearsal too; ours are looked for separately
                unreadable.append((slot, logical, str(error)))
                continue
            if line:
                found.append(FoundLine(number, slot, logical, line))
    return Looked(tuple(found), tuple(unreadable), tuple(lines))

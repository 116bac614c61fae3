"""Lines that are added to a pip section for packages that it reaches only through others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.closure import closure_of
from wheelstep.definitions.includes import includes_in
from wheelstep.definitions.interface import Requirement, Wanted
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.repinning import new_line
from wheelstep.definitions.requirement import parse
from wheelstep.definitions.slots import FoundLine, Slot, read_slots, requirements_in
from wheelstep.definitions.targets import target_of
from wheelstep.model import PinChange

__all__ = ["Added", "additions", "changes_in"]

_EDITABLE: Final = re.compile(
    r"^\s*(?:-e|--editable)[= ]\s*(?P<place>\S+[#&]egg=\S+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Added:
    """A requirement to be added: its package is needed by one that the section names."""

    name: str
    text: str
    comment: str
    """Why it is there, without `#`."""
    slot: int
    """Which of the slots has the line that needs it."""
    line: int
    """Which of that slot's logical lines it is."""


def additions(
    path: str,
    slots: Sequence[Slot],
    wanted: Wanted,
    python: str | None,
    also: Collection[str] = (),
) -> tuple[tuple[Added, ...], tuple[str, ...]]:
    """Decide what else has to be pinned, because what the section names needs it.

    Args:
        path: For errors.
        slots: The section's texts before the edit.
        wanted: The pins and their style.
        python: The image's Python.
        also: Names that stand elsewhere in the definition, as conda packages.

    Returns:
        The lines, in the order in which they come; what is not known yet of them.

    Raises:
        DefinitionUnresolvable: No wheel fits.
    """
    if not wanted.closure:
        return (), ()
    found = list(requirements_in(slots))
    pins = {pin.name: pin for pin in wanted.pins}
    if not any(one.line.name in pins for one in found):
        return (), ()
    elsewhere = {*also, *_editable_names(slots)}
    for named in includes_in(path, slots):
        if not named.constraint and named.path:
            elsewhere |= wanted.included.get(named.path, frozenset())
    requirements = read_slots(slots)[0]
    needed = closure_of(requirements, wanted.pins, python, wanted.platform, elsewhere)
    if not needed:
        return (), ()
    hashed = any(one.line.hashes for one in found)
    lines: dict[str, FoundLine] = {}
    for one in found:
        if one.line.name in pins:
            lines.setdefault(one.line.name, one)
    added: list[Added] = []
    unknown: list[str] = []
    for name, by, root in _in_order(needed, list(lines)):
        beside = lines[root]
        target, missing = target_of(path, beside.at, pins[name], wanted, python, hashed=hashed)
        starts = [line.start for line in logical_lines(slots[beside.slot].text)]
        text = new_line(target, hashed=hashed)
        line = starts.index(beside.logical.start)
        added.append(Added(name, text, f"needed by {by}", beside.slot, line))
        unknown += missing
    return tuple(added), tuple(dict.fromkeys(unknown))


def _in_order(
    needed: Sequence[tuple[str, str]], roots: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (name, what needs it, the named package that all begins with), each after what needs
    it."""

    def below(by: str, root: str) -> Iterator[tuple[str, str, str]]:
        for name, needs in needed:
            if needs == by:
                yield name, by, root
                yield from below(name, root)

    for root in roots:
        yield from below(root, root)


def _editable_names(slots: Sequence[Slot]) -> Iterator[str]:
    for slot in slots:
        for found in _EDITABLE.finditer(slot.text):
            named = parse(found["place"])
            if named:
                yield named.name


def changes_in(
    after: Sequence[Requirement], changed: Sequence[tuple[int, str]], added: Collection[str]
) -> tuple[PinChange, ...]:
    """Return what changed in a section, where it stands now.

    Args:
        after: The section's requirements after the edit.
        changed: (position among the requirements before the edit, how it read).
        added: Names of what was added: nothing named them before.
    """
    old = [one for one in after if one.name not in added]
    new = [PinChange(one.name, "", one.text, one.line) for one in after if one.name in added]
    pairs = [(old[position], before) for position, before in changed]
    return (*(PinChange(one.name, before, one.text, one.line) for one, before in pairs), *new)

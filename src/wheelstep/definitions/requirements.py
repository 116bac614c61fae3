"""Requirements files, in pip's own syntax."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from wheelstep.definitions.additions import Added, additions, changes_in
from wheelstep.definitions.includes import includes_in
from wheelstep.definitions.index_options import Addition
from wheelstep.definitions.interface import Edited, Reading, Section, Wanted
from wheelstep.definitions.pinning import add_index, note, pin_slots
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.requirement import Unreadable, parse
from wheelstep.definitions.slots import Slot, read_slots
from wheelstep.definitions.source import Source, decode, refuse_secrets
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.model import Problem

__all__ = ["Requirements"]

_SUFFIXES: Final = (".txt", ".in", ".pip")
_USUAL_NAME: Final = re.compile(r"(?i)requirement|constraint|(?<![a-z])(?:reqs?|deps)(?![a-z])")
_OPTION: Final = re.compile(r"--?[A-Za-z]")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)[= ]\s*(?P<place>\S+)")
# the first two lines may name the encoding, as PEP 263 has it, and pip looks there only
_CODING: Final = re.compile(r"#.*coding[:=]")


class Requirements:
    """`requirements.txt`, constraints and `.in` files."""

    name = "requirements"
    suffixes: tuple[str, ...] = (".txt", ".in")

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether this is a requirements file: by its usual name; or else each line reads as
        one, and one of them pins, includes or points somewhere, as a list of words does not."""
        if not path.lower().endswith(_SUFFIXES):
            return False
        folder, _, file = path.rpartition("/")
        if _USUAL_NAME.search(file) or _USUAL_NAME.search(folder.rpartition("/")[2]):
            return True
        try:
            lines = [line.text for line in logical_lines(decode(path, data).text) if line.text]
            telling = False
            for text in lines:
                found = parse(text)
                telling = (
                    telling
                    or bool(_OPTION.match(text))
                    or (found is not None and found.pin[0] != found.pin[1])
                )
        except (StepError, Unreadable):
            return False
        return telling

    def read(self, path: str, data: bytes) -> Reading:
        """Read it; raises as the interface says."""
        return _reading(decode(path, data))

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin it; raises as the interface says."""
        del changed  # it has no version to raise
        source = decode(path, data)
        slot = _slot(source)
        pinned = pin_slots(path, [slot], wanted, None)
        added, unknown = additions(path, [slot], wanted, None)
        notes = _editable(source, slot, wanted)
        if not pinned.names:
            return Edited(data, notes=tuple(notes))
        refuse_secrets(source)
        addition, remarks = add_index(path, [slot], wanted, pinned)
        text = _with_closure(path, pinned.texts[0], added, source.line_end)
        if addition:
            # lines that were added before the one in question have moved it
            moved = sum(1 for one in added if one.line < addition.line)
            addition = replace(addition, line=addition.line + moved)
            before, text = text, _with_line(text, addition, source.line_end)
            _prove(path, before, text, addition)
        edited = source.encode(text)
        after = self.read(path, edited).requirements
        return Edited(
            edited,
            changes_in(after, pinned.changed, [one.name for one in added]),
            addition.text if addition else None,
            notes=(*notes, *pinned.notes, *remarks),
            unknown=tuple(dict.fromkeys([*pinned.unknown, *unknown])),
        )

    def refuse_unreadable(self, path: str, data: bytes) -> None:
        """Check a file that was asked for by name: every line is one that pip knows.

        Raises:
            DefinitionUnresolvable: The first line that is not, with its number.
        """
        source = decode(path, data)
        for line in logical_lines(source.text):
            try:
                parse(line.text)
            except Unreadable as error:
                raise DefinitionUnresolvable(
                    f"This line is no requirement as pip reads it: {error}.",
                    code="requirement-unreadable",
                    cure="Mend the line, or take the file out of the option `definitions`.",
                    file=path,
                    line=source.line(line.first),
                ) from None


@lru_cache(maxsize=8)
def _reading(source: Source) -> Reading:
    slots = [_slot(source)]
    requirements, lines = read_slots(slots)
    return Reading((Section(requirements, lines),), includes_in(source.path, slots))


def _slot(source: Source) -> Slot:
    return Slot(source.text, source.line)


def _editable(source: Source, slot: Slot, wanted: Wanted) -> list[Problem]:
    """Say what names a package of ours by an editable installation, and so is left alone."""
    names = {pin.name for pin in wanted.pins}
    notes = []
    for line in logical_lines(slot.text):
        found = _EDITABLE.match(line.text)
        named = parse(found["place"]) if found and "egg=" in found["place"] else None
        if named and named.name in names:
            notes.append(
                note(
                    source.path,
                    source.line(line.first),
                    "editable-left-alone",
                    f"{named.name} is installed in editable form here; that was left alone.",
                    f"Write `{named.name}` without `-e` to have it pinned.",
                )
            )
    return notes


def _with_closure(path: str, text: str, added: Sequence[Added], line_end: str) -> str:
    """Write each added requirement below the line that needs it."""
    for number, one in enumerate(added):
        line = one.line + sum(1 for other in added[:number] if other.line <= one.line)
        wanted = Addition(f"{one.text}  # {one.comment}", line, "after")
        after = _with_line(text, wanted, line_end)
        _prove(path, text, after, replace(wanted, text=one.text))
        text = after
    return text


def _with_line(text: str, addition: Addition, line_end: str) -> str:
    lines = list(logical_lines(text))
    line = lines[addition.line]
    if addition.where == "after":
        # pip ends a line at more signs than a line feed, U+0085 being one
        before = "" if text[line.end - 1 : line.end].splitlines() == [""] else line_end
        after = "" if before else line_end
        return apply(text, [(line.end, line.end, before + addition.text + after)])
    start = line.start
    if addition.line == 0:
        for number, first in enumerate(lines[:2]):
            if _CODING.match(text, first.start):
                start = lines[number + 1].start if number + 1 < len(lines) else first.end
    return apply(text, [(start, start, addition.text + line_end)])


def _prove(path: str, before: str, after: str, addition: Addition) -> None:
    def said(text: str) -> list[str]:
        return [line.text for line in logical_lines(text)]

    old, new = said(before), said(after)
    pairs = enumerate(zip(old, new, strict=False))
    place = next((number for number, (one, other) in pairs if one != other), len(old))
    if new != [*old[:place], addition.text, *old[place:]]:
        raise EditNotProven(f"{path}: the index option would change other lines.")

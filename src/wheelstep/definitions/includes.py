"""Files that a pip section takes in by `-r` and `-c`, and what pip makes of a whole tree of them.

Sources: pip's requirements file format (names are relative to the file that has them); pip 21.3,
23.2 and 24.0, tried: one package twice is refused where the versions or the URLs differ.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from wheelstep.definitions.index_options import IndexOption, index_options
from wheelstep.definitions.interface import Named, Reading, Requirement
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.requirement import Line, Unreadable, parse, same_version
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.ground.index_url import same_index

if TYPE_CHECKING:
    from wheelstep.definitions.slots import Slot

__all__ = ["beside", "includes_in", "includes_index", "refuse_twice", "required_below"]

_OPTIONS: Final = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
"""Whether it names a file of constraints."""
_ELSEWHERE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|.*\$\{[A-Za-z0-9_]+\}")
"""A URL, or what only the image's variables tell."""


def beside(path: str, named: str) -> str | None:
    """Return the path, relative to the repository's root, of a file named in another.

    Returns:
        None where it is absolute, a reference, or outside the repository.
    """
    plain = named.strip().replace("\\", "/").removeprefix("file:")
    if not plain or plain.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", plain):
        return None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), plain))
    return None if joined == ".." or joined.startswith("../") else joined


def includes_in(path: str, slots: Sequence[Slot]) -> tuple[Named, ...]:
    """Return the files that the section names by `-r` and `-c`; URLs and variables are left out.

    Args:
        path: The definition's: names are relative to its folder.
        slots: The section's texts.
    """
    return tuple(
        Named("include", text, beside(path, text), slot.line_of(line.first), constraint=constraint)
        for slot in slots
        if "-r" in slot.text or "-c" in slot.text  # `--requirement` and `--constraint` as well
        for line in logical_lines(slot.text)
        if line.text.startswith("-")
        for constraint, text in _files(line.text)
        if not _ELSEWHERE.match(text)
    )


def _files(line: str) -> Iterator[tuple[bool, str]]:
    try:
        words = iter(shlex.split(line))
    except ValueError:
        return  # pip will say that a quotation mark is missing, in a rehearsal too
    for word in words:
        name, equals, value = word.partition("=")
        if name in _OPTIONS:
            value = value if equals else next(words, "")
            if value:
                yield _OPTIONS[name], value
        elif word[:2] in _OPTIONS:
            yield _OPTIONS[word[:2]], word[2:]


def required_below(path: str, readings: Mapping[str, Reading]) -> frozenset[str]:
    """Return the names that a requirements file requires, itself and by what it includes.

    Args:
        path: The file's.
        readings: What the definitions say; others require nothing that is ours.
    """
    return frozenset(one.name for _, one in _tree(path, readings))


def _tree(path: str, readings: Mapping[str, Reading]) -> Iterator[tuple[str, Requirement]]:
    """Yield the requirements of a file and of the files below it, each file once."""
    seen = {path}
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        reading = readings.get(here)
        if reading is None:
            continue
        yield from ((here, one) for one in reading.requirements)
        for named in reading.named:
            if named.kind == "include" and not named.constraint and named.path:
                if named.path not in seen:
                    waiting.append(named.path)
                seen.add(named.path)


def includes_index(
    reading: Reading, urls: Collection[str], read: Callable[[str], Reading | None]
) -> bool:
    """Tell whether a requirements file has the index by what it includes, and no other beside it.

    Args:
        reading: What the file says.
        urls: The index, in each of its spellings.
        read: Returns what a file of the repository says; None where it is not there, or says
            nothing that can be read.
    """
    found = _options_of(reading)
    if found:
        return False  # where it stands among them has a meaning
    seen: set[str] = set()
    waiting = [reading]
    while waiting:
        for named in waiting.pop().named:
            if named.kind != "include" or not named.path or named.path in seen:
                continue
            seen.add(named.path)
            if (below := read(named.path)) is not None:
                found += _options_of(below)
                waiting.append(below)
    return bool(found) and all(
        one.kind in {"index", "extra"} and any(same_index(one.url, url) for url in urls)
        for one in found
    )


def _options_of(reading: Reading) -> list[IndexOption]:
    lines = [
        line
        for section in reading.sections
        for text in section.pip_lines
        for line in logical_lines(text)
    ]
    return [option for option in index_options(lines) if option.kind != "include"]


def refuse_twice(
    path: str, readings: Mapping[str, Reading], names: Collection[str]
) -> list[DefinitionUnresolvable]:
    """Return an error for each package that a file and one that it includes require in ways that
    exclude each other; pip takes the same version twice.

    Args:
        path: The definition that includes others.
        readings: What the definitions say after the edit.
        names: The released packages.
    """
    errors: dict[str, DefinitionUnresolvable] = {}
    seen: dict[str, list[tuple[str, Requirement]]] = {}
    for file, one in _tree(path, readings):
        if one.name not in names or one.name in errors:
            continue
        for other, before in seen.get(one.name, ()):
            if other != file and _clash(before.text, one.text):
                errors[one.name] = DefinitionUnresolvable(
                    f"{one.name} is required twice, in ways that exclude each other: "
                    f"`{before.text}` in {other}, line {before.line}, and `{one.text}` in {file}, "
                    f"line {one.line}, which it includes.",
                    code="requirement-twice",
                    cure="Remove one of the lines, or give both different markers.",
                    file=other,
                    line=before.line,
                )
                break
        seen.setdefault(one.name, []).append((file, one))
    return list(errors.values())


def _clash(first: str, second: str) -> bool:
    """Tell whether pip refuses both together."""
    try:
        one, other = parse(first), parse(second)
    except Unreadable:
        return False  # the rehearsal says so
    if one is None or other is None:
        return False
    markers = {_marker(first, one), _marker(second, other)}
    if len(markers) > 1 and "" not in markers:
        return False
    if one.url is not None and other.url is not None:
        return one.url.strip() != other.url.strip()
    return (
        one.pinned is not None
        and other.pinned is not None
        and not same_version(one.pinned, other.pinned)
    )


def _marker(text: str, line: Line) -> str:
    return text[slice(*line.marker)].strip().removeprefix(";").strip() if line.marker else ""

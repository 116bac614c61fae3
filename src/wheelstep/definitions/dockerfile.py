"""Dockerfiles: the requirements that their RUN instructions install, and the files they name.

A requirement that the shell or the build computes is reported and left alone. Index options are
never added: where a Dockerfile gets its indexes and their credentials from is its author's to say.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from packaging.utils import canonicalize_name

from wheelstep.definitions.docker_pip import FileNamed, Install, installs
from wheelstep.definitions.interface import (
    Edited,
    Named,
    Reading,
    Section,
    Unedited,
    Wanted,
)
from wheelstep.definitions.pinning import Pinned, add_index, note, pin_slots
from wheelstep.definitions.shell_words import Word, quoted
from wheelstep.definitions.slots import Slot, read_slots
from wheelstep.definitions.source import Source, decode, refuse_secrets
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import StepError
from wheelstep.model import PinChange, Problem

__all__ = ["Dockerfile", "is_dockerfile", "origins", "place_of"]

_NAME: Final = re.compile(r"(?i)dockerfile(?:[._-].*)?|.*\.dockerfile")
# what may be called so and is something else
_OTHERS: Final = (".dockerignore", ".py", ".ipynb", ".md", ".rst", ".sh", ".json", ".yml", ".yaml")
_PACKAGE: Final = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?=[\s\[(<>=!~@;,$]|$)")
_CONFIGURED: Final = (
    "The build configures pip's indexes by a variable or a file whose effect is not followed here."
)
_COMPUTED: Final = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|`[^`]*`|\$\w+")


def is_dockerfile(path: str) -> bool:
    """Tell by its name whether a file is a Dockerfile."""
    name = posixpath.basename(path)
    return bool(_NAME.fullmatch(name)) and not name.lower().endswith(_OTHERS)


class Dockerfile:
    """`Dockerfile`, `Dockerfile.gpu`, `train.Dockerfile`, or what an environment calls its own."""

    name = "dockerfile"
    suffixes: tuple[str, ...] = ("dockerfile",)

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether it is one: by its name, and an image that it starts from."""
        if not is_dockerfile(path):
            return False
        try:
            text = decode(path, data).text
        except StepError:
            return b"pip" in data  # it may well be one, with a fault that `read` tells
        return re.search(r"(?im)^\s*FROM\s", text) is not None

    def read(self, path: str, data: bytes) -> Reading:
        """Read it; the files that it names are relative to its own folder, as the context is where
        nothing else is said. Raises as the interface says."""
        return _reading(path, data)

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin the words of its commands; raises as the interface says."""
        del changed  # it has no version to raise
        source = decode(path, data)
        found = installs(source.text)
        pins = {pin.name for pin in wanted.pins}
        splices: list[tuple[int, int, str]] = []
        notes: list[Problem] = []
        unknown: list[str] = []
        expected: list[list[str]] = []
        changes: list[tuple[int, int, str]] = []
        for number, one in enumerate(found):
            words = [word.value for word in one.words]
            expected.append(words)
            slots = _slots(source, one)
            if not slots:
                continue
            here = replace(wanted, python=one.state.python or wanted.python)
            pinned = pin_slots(path, slots, here, None)
            if not pinned.names:
                continue
            refuse_secrets(source)
            notes += [*pinned.notes, *_index(source, one, slots, wanted, pinned)]
            unknown += pinned.unknown
            changes += [(number, position, before) for position, before in pinned.changed]
            editable = [at for at, word in enumerate(one.words) if _is_editable(one, word)]
            for at, text in zip(editable, pinned.texts[: len(editable)], strict=True):
                if text != words[at]:
                    splices.append(_rewritten(source, one, one.words[at], text))
                    words[at] = text
        text = apply(source.text, splices)
        after = installs(text)
        if [[word.value for word in one.words] for one in after] != expected:
            raise EditNotProven(f"{path}: the commands would not read as they were meant to.")
        edited = Source(path, text, source.mark)
        return Edited(
            source.encode(text),
            tuple(
                _change(edited, after[number], position, before)
                for number, position, before in changes
            ),
            notes=tuple(dict.fromkeys(notes)),
            unknown=tuple(dict.fromkeys(unknown)),
            unedited=tuple(
                gap
                for gap in dict.fromkeys(gap for one in found for gap in _unedited(source, one))
                if gap.name in pins
            ),
        )


@lru_cache(maxsize=16)
def _reading(path: str, data: bytes) -> Reading:
    source = decode(path, data)
    found = installs(source.text)
    telling = [one for one in found if one.words or one.files]
    sections = [
        _section(source, one, only=len(telling) == 1)
        for one in telling
        if one.words or not all(file.kind == "conda" for file in one.files)
    ]
    return Reading(
        tuple(sections),
        tuple(_named(source, found)),
        tuple(dict.fromkeys(gap for one in found for gap in _unedited(source, one))),
    )


def _is_editable(one: Install, word: Word) -> bool:
    return one.editable and not word.computed and not word.redirected


def _slots(source: Source, one: Install) -> list[Slot]:
    """Return the requirements that can be edited, then the options, which are not."""

    def slot(word: Word) -> Slot:
        line = _line(source, one, word)
        return Slot(word.value, lambda _: line)

    first = source.line(one.at)
    return [slot(word) for word in one.words if _is_editable(one, word)] + [
        Slot(option, lambda _: first) for option in one.options
    ]


def _line(source: Source, one: Install, word: Word) -> int:
    return source.line(one.script.at(word.start)) if one.editable else source.line(one.at)


def _section(source: Source, one: Install, *, only: bool) -> Section:
    requirements, _ = read_slots(_slots(source, one))
    lines = [*one.options]
    lines += [
        f"{'-r' if file.kind == 'requirement' else '-c'} {file.name}"
        for file in one.files
        if file.kind != "conda"
    ]
    lines += [
        _COMPUTED.sub("${VALUE}", word.value) if word.computed else word.value for word in one.words
    ]
    line = source.line(one.at)
    place = "" if only else f"RUN on line {line}"
    unknown = () if one.indexes_known else (_CONFIGURED,)
    return Section(
        requirements,
        tuple(lines),
        one.state.python,
        line,
        place,
        connected=False,
        unknown=unknown,
    )


def _named(source: Source, found: Sequence[Install]) -> Iterator[Named]:
    """Name each file that may be meant, likeliest first: only the context shows which is there."""
    folder = posixpath.dirname(source.path)
    seen: set[tuple[str, str]] = set()
    for one in found:
        for file in one.files:
            kind = "conda-file" if file.kind == "conda" else "include"
            for origin in origins(one, file):
                outside = origin == ".." or origin.startswith("../")
                path = None if outside else posixpath.normpath(posixpath.join(folder, origin))
                if (file.name, origin) not in seen:
                    seen.add((file.name, origin))
                    line = source.line(file.at)
                    yield Named(kind, origin, path, line)  # type: ignore[arg-type]


def origins(one: Install, file: FileNamed) -> list[str]:
    """Return which files of the context a command may read, relative to the context's root."""
    if "$" in file.name or "://" in file.name:
        return []
    return list(dict.fromkeys(one.state.origins_of(file.name)))


def place_of(one: Install, file: FileNamed) -> str | None:
    """Return the folder from which the requirements in a file name other files.

    pip takes the folder it runs in. conda runs pip in the folder of its own file (conda's
    `env/installers/pip.py`, observed).
    """
    if file.kind != "conda" or one.state.folder is None:
        return one.state.folder
    return posixpath.dirname(posixpath.normpath(posixpath.join(one.state.folder, file.name)))


def _unedited(source: Source, one: Install) -> Iterator[Unedited]:
    for word in one.words:
        said = _PACKAGE.match(word.value)
        if _is_editable(one, word) or said is None:
            continue
        if word.computed:
            why = "A variable or a command of the shell stands in this requirement: what it will be"
            why += " is known when the image is built, so it was left alone."
        elif word.redirected:
            why = "Without quotation marks the shell takes `<` and `>` for files to read and write,"
            why += " and no part of the requirement, so it was left alone."
        else:
            why = "This requirement stands in a script inside of a string, so it was left alone."
        yield Unedited(canonicalize_name(said[1]), _line(source, one, word), why)


def _index(
    source: Source, one: Install, slots: Sequence[Slot], wanted: Wanted, pinned: Pinned
) -> Iterator[Problem]:
    if not one.indexes_known or any(file.kind == "requirement" for file in one.files):
        return  # the build says the index, or a file does, which is looked at by itself
    addition, remarks = add_index(source.path, slots, wanted, pinned)
    yield from remarks
    if addition is not None:
        yield note(
            source.path,
            source.line(one.at),
            "index-not-in-dockerfile",
            "This command names no index that has the released version, and wheelstep adds none to "
            "a Dockerfile.",
            f"Add `{addition.text}` to the command, unless pip is configured elsewhere in the "
            "image; or use `pin: vendor`.",
            severity="warning",
        )


def _rewritten(source: Source, one: Install, word: Word, text: str) -> tuple[int, int, str]:
    raw = one.script.text[word.start : word.end]
    if one.exec_form:
        inner = raw[1:-1]
        plain = inner == word.value and json.dumps(text, ensure_ascii=False)[1:-1] == text
        new: str | None = f'"{text}"' if plain else json.dumps(text, ensure_ascii=False)
    else:
        new = quoted(raw, word.value, text)
    if new is None:
        raise EditNotProven(f"{source.path}: `{text}` cannot be written as one word of a command.")
    start, end = one.script.place(word.start, word.end)
    return start, end, new


def _change(source: Source, one: Install, position: int, before: str) -> PinChange:
    """Return what one requirement became; `position` counts those that name a package."""
    now = read_slots(_slots(source, one))[0][position]
    return PinChange(now.name, before, now.text, now.line)


def files_of(found: Sequence[Install]) -> list[tuple[Install, FileNamed]]:
    """Return every file that a command of a Dockerfile reads requirements from."""
    return [(one, file) for one in found for file in one.files]

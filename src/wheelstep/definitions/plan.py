"""What a set of pins means for every definition of a repository: pure, and the room's front."""

from __future__ import annotations

import contextlib
import difflib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.interface import (
    Choose,
    Edited,
    Environment,
    Kind,
    PinStyle,
    Read,
    Reading,
    Wanted,
)
from wheelstep.errors import DefinitionUnresolvable, StepError, raise_all
from wheelstep.model import Change, Index, Pin, PinChange, Problem

__all__ = ["Edits", "PlannedEdit", "plan_edits"]


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """One definition, before and after."""

    path: str
    form: str
    """"conda", "azureml" or "requirements"."""
    before: bytes
    after: bytes
    pins: tuple[PinChange, ...]
    index_added: str | None
    environments: tuple[Environment, ...]
    """The Azure ML environments of the file whose version rose, or would have."""
    followed: tuple[str, ...]
    """Other files that belong to it: environments of a conda file, the conda file of one."""
    notes: tuple[Problem, ...]
    unknown: tuple[str, ...]
    """What exists only after building or publishing; such an edit can be shown, not committed."""
    reading: Reading
    """What the definition says after the edit."""

    @property
    def status(self) -> Literal["changed", "unchanged"]:
        """Tell whether any byte differs."""
        return "unchanged" if self.before == self.after else "changed"

    @property
    def diff(self) -> str:
        """Return the unified diff, for people: line ends are not shown; "" where equal."""
        return unified_diff(self.path, self.before, self.after)

    def change(self) -> Change:
        """Return what to commit.

        Raises:
            DefinitionUnresolvable: Something is not known yet.
        """
        if self.unknown:
            raise DefinitionUnresolvable(
                f"The edit needs {' and '.join(self.unknown)}, which is not known.",
                code="pin-incomplete",
                cure="Publish the wheels in the same run, or pin by version.",
                file=self.path,
            )
        return Change(self.path, self.before, self.after)


@dataclass(frozen=True, slots=True)
class Edits:
    """All definitions found, sorted by path, and what was passed over."""

    edits: tuple[PlannedEdit, ...]
    notes: tuple[Problem, ...]


def plan_edits(
    read: Read,
    paths: Sequence[str],
    *,
    patterns: Sequence[str] | None,
    pins: Sequence[Pin],
    style: PinStyle,
    index: Index | None,
    choose: Choose,
) -> Edits:
    """Decide every edit.

    Args:
        read: Reads a file of the snapshot.
        paths: All its tracked files.
        patterns: As the option `definitions` has them; None to look for what names the packages.
        pins: At most one for each package.
        style: How to write them.
        index: Where consumers find the wheels; None to leave index options alone.
        choose: Which of several wheels, for the URL styles.

    Raises:
        StepError: Everything `definitions_in` and `Form.edit` raise, all definitions' together.
    """
    with _nothing_collected():
        return _plan(read, paths, patterns, Wanted(tuple(pins), style, index, choose))


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep Python's collector from walking over thousands of lines and nodes again and again while
    they are made: all of them are needed to the end. A third of the time of a large definition."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _plan(
    read: Read, paths: Sequence[str], patterns: Sequence[str] | None, wanted: Wanted
) -> Edits:
    pins = wanted.pins
    found = definitions_in(read, paths, patterns=patterns, names=[pin.name for pin in pins])
    before = {kind.path: read(kind.path) or b"" for kind in found.kinds}
    edited: dict[str, Edited] = {}
    errors: list[StepError] = []
    touched: set[str] = set()
    for kind in _used_first(found.kinds):
        data = before[kind.path]
        try:
            edit = kind.form.edit(kind.path, data, wanted, touched)
        except StepError as error:
            errors.append(error)
            continue
        edited[kind.path] = edit
        # what includes a changed file has changed, though not a byte of its own
        if edit.data != data or not touched.isdisjoint(kind.uses):
            touched.add(kind.path)
    raise_all(errors)
    return Edits(
        tuple(_planned(kind, before[kind.path], edited) for kind in found.kinds), found.notes
    )


def _used_first(kinds: Sequence[Kind]) -> Iterator[Kind]:
    """Yield each definition after those that belong to it."""
    by_path = {kind.path: kind for kind in kinds}
    seen: set[str] = set()

    def visit(kind: Kind) -> Iterator[Kind]:
        seen.add(kind.path)
        for path in kind.uses:
            if path in by_path and path not in seen:  # two that name each other end here
                yield from visit(by_path[path])
        yield kind

    for kind in kinds:
        if kind.path not in seen:
            yield from visit(kind)


def _planned(kind: Kind, before: bytes, edited: dict[str, Edited]) -> PlannedEdit:
    edit = edited[kind.path]
    followed = kind.uses or kind.used_by
    return PlannedEdit(
        path=kind.path,
        form=kind.form.name,
        before=before,
        after=edit.data,
        pins=edit.pins,
        index_added=edit.index_added,
        environments=edit.environments,
        followed=followed,
        notes=edit.notes,
        unknown=edit.unknown,
        reading=kind.form.read(kind.path, edit.data),
    )


def unified_diff(path: str, before: bytes, after: bytes) -> str:
    """Return a unified diff of two UTF-8 texts, its own lines ended by line feeds."""
    if before == after:
        return ""
    lines: list[str] = []
    compared = difflib.unified_diff(
        _lines(before), _lines(after), f"a/{path}", f"b/{path}", lineterm=""
    )
    for number, line in enumerate(compared):
        body = line.removesuffix("\n")
        lines.append(body.removesuffix("\r"))
        if number > 1 and body == line and not line.startswith("@@"):
            lines.append("\\ No newline at end of file")
    return "\n".join(lines) + "\n"


def _lines(data: bytes) -> list[str]:
    # by line feeds only: str.splitlines would also split at characters that are no line ends here
    parts = data.decode().split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

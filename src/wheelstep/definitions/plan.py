"""What a set of pins means for every definition of a repository: pure, and the room's front."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from wheelstep.definitions.contexts import outside_of_contexts, seen_from_here, unconnected
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.interface import (
    Choose,
    Edited,
    Environment,
    Found,
    Kind,
    PinStyle,
    Read,
    Reading,
    Unedited,
    VendoredFile,
    Wanted,
)
from wheelstep.definitions.pinning import note
from wheelstep.definitions.vendoring import Builds, Seen, Vendored
from wheelstep.errors import DefinitionUnresolvable, StepError, raise_all
from wheelstep.model import Change, Index, Pin, PinChange, Problem

__all__ = ["Edits", "PlannedEdit", "plan_edits"]


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """One definition, before and after."""

    path: str
    form: str
    """"conda", "azureml", "requirements" or "dockerfile"."""
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
    files: tuple[VendoredFile, ...] = ()
    """The wheels that it names in its build context and that are not there yet."""
    removed: tuple[str, ...] = ()
    """The wheels there that nothing names any more."""
    unedited: tuple[Unedited, ...] = ()
    """What names a released package and was found, but not edited."""

    @property
    def status(self) -> Literal["changed", "unchanged", "found-not-edited"]:
        """Tell whether any byte differs, of the wheels beside it too; and if not, whether some
        should have."""
        if self.before != self.after or self.files or self.removed:
            return "changed"
        return "found-not-edited" if self.unedited else "unchanged"

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
    wanted = Wanted(tuple(pins), style, index, choose)
    found = definitions_in(read, paths, patterns=patterns, names=[pin.name for pin in pins])
    planning = _Planning(read, paths, wanted, found)
    for kind in _used_first(found.kinds):
        planning.edit(kind)
    return planning.finished()


class _Planning:
    """All definitions while they are edited, one after the other."""

    def __init__(self, read: Read, paths: Sequence[str], wanted: Wanted, found: Found) -> None:
        self.wanted = wanted
        self.found = found
        self.kinds = {kind.path: kind for kind in found.kinds}
        self.before = {kind.path: read(kind.path) or b"" for kind in found.kinds}
        self.builds = Builds(read, self.kinds)
        self.vendored = Vendored(read, paths, {pin.name: pin for pin in wanted.pins})
        self.edited: dict[str, Edited] = {}
        self.seen: dict[str, Seen] = {}
        self.touched: set[str] = set()
        self.outside: list[str] = []
        self.errors: list[StepError] = []

    def edit(self, kind: Kind) -> None:
        data = self.before[kind.path]
        try:
            wanted = self._wanted_in(kind, data)
            # an environment that stands in another's context has not changed what is built there
            changed = {
                path
                for path in self.touched
                if path in kind.uses
                or path not in self.kinds
                or self.kinds[path].form.name != "azureml"
            }
            edit = kind.form.edit(kind.path, data, wanted, changed)
        except StepError as error:
            self.errors.append(error)
            return
        self.edited[kind.path] = edit
        # what includes a changed file has changed, though not a byte of its own
        if edit.data != data or not self.touched.isdisjoint(kind.uses):
            self.touched.add(kind.path)
        if kind.path in self.seen:
            self.touched |= {file.path for file in self.vendored.wanted(self.seen[kind.path])}

    def _wanted_in(self, kind: Kind, data: bytes) -> Wanted:
        """Return what is wanted of one definition: in a build context its Python and its paths
        are the image's."""
        uses = self.builds.uses(kind.path) if kind.contexts else []
        if self.wanted.style == "vendor" and not uses:
            names = {pin.name for pin in self.wanted.pins}
            if any(one.name in names for one in kind.form.read(kind.path, data).requirements):
                self.outside.append(kind.path)
                return replace(self.wanted, style="version")
        if not uses:
            return self.wanted
        python = self.builds.python_of(kind.path)
        if self.wanted.style != "vendor":
            return replace(self.wanted, python=python)
        seen = self.seen[kind.path] = Seen(kind.path, uses, self.vendored)
        return replace(self.wanted, python=python, vendor=seen)

    def finished(self) -> Edits:
        if self.outside:
            self.errors.append(outside_of_contexts(sorted(self.outside)))
        raise_all(self.errors)
        removed = self.vendored.unwanted(
            self.seen.values(),
            self.before,
            {path: edit.data for path, edit in self.edited.items() if self.kinds[path].contexts},
        )
        return Edits(
            tuple(self._planned(kind, removed.get(kind.path, ())) for kind in self.found.kinds),
            self.found.notes,
        )

    def _planned(self, kind: Kind, removed: tuple[str, ...]) -> PlannedEdit:
        edit = self.edited[kind.path]
        seen = self.seen.get(kind.path)
        reading = kind.form.read(kind.path, edit.data)
        return PlannedEdit(
            path=kind.path,
            form=kind.form.name,
            before=self.before[kind.path],
            after=edit.data,
            pins=edit.pins,
            index_added=edit.index_added,
            environments=edit.environments,
            followed=kind.uses or kind.used_by,
            notes=(
                *edit.notes,
                *(_not_edited(kind.path, one) for one in edit.unedited),
                *unconnected(kind, reading, self.wanted),
            ),
            unknown=edit.unknown,
            reading=seen_from_here(kind, reading, self.builds),
            files=self.vendored.wanted(seen) if seen else (),
            removed=removed,
            unedited=edit.unedited,
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


def _not_edited(path: str, found: Unedited) -> Problem:
    return note(
        path,
        found.line,
        "found-not-edited",
        f"{found.name} is named here and was not edited. {found.why}",
        "Write the whole requirement as one text where it is installed, or change it by hand.",
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

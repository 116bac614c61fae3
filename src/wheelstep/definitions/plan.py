"""What a set of pins means for every definition of a repository: pure, and the room's front."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from wheelstep.definitions.contexts import outside_of_contexts, seen_from_here, unconnected
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.forms import worth_reading
from wheelstep.definitions.includes import includes_index, refuse_twice, required_below
from wheelstep.definitions.interface import Edited, Found, Kind, Read, Reading, Unedited, Wanted
from wheelstep.definitions.patterns import choose_paths
from wheelstep.definitions.pinning import note
from wheelstep.definitions.planned import Edits, PlannedEdit
from wheelstep.definitions.references import follow_all, risen_in
from wheelstep.definitions.vendoring import Builds, Seen, Vendored
from wheelstep.errors import StepError, raise_all
from wheelstep.model import Problem

__all__ = ["Edits", "PlannedEdit", "plan_edits"]

_MANY_OBJECTS: Final = 20_000
"""More are made for definitions of thousands of lines only."""


def plan_edits(
    read: Read,
    paths: Sequence[str],
    wanted: Wanted,
    *,
    patterns: Sequence[str] | None = None,
    released: Collection[str] = (),
) -> Edits:
    """Decide every edit.

    Args:
        read: Reads a file of the snapshot.
        paths: All its tracked files.
        wanted: The pins, at most one for each package, and how to write them.
        patterns: As the option `definitions` has them; None to look for what names the packages.
        released: Normalised names of all packages of this repository.

    Raises:
        StepError: Everything `definitions_in` and `Form.edit` raise, all definitions' together;
            DefinitionUnresolvable where a file and one that it includes exclude each other.
    """
    with _nothing_collected():
        return _plan(read, paths, wanted, patterns, released)


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
            if gc.get_count()[0] > _MANY_OBJECTS and not gc.get_freeze_count():
                # counts all that was made as old, instead of walking over it right now
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _plan(
    read: Read,
    paths: Sequence[str],
    wanted: Wanted,
    patterns: Sequence[str] | None,
    released: Collection[str],
) -> Edits:
    names = [pin.name for pin in wanted.pins]
    found = definitions_in(read, paths, patterns=patterns, names=names, released=released)
    planning = _Planning(read, paths, wanted, found)
    for kind in _used_first(found.kinds):
        planning.edit(kind)
    left_out = choose_paths(paths, patterns or ()).left_out
    others = [path for path in worth_reading(paths) if path not in left_out]
    return _with_references(read, others, planning.finished())


def _with_references(read: Read, paths: Sequence[str], edits: Edits) -> Edits:
    """Let references to environments whose version rose follow, in definitions and elsewhere."""
    planned = {edit.path: edit for edit in edits.edits}
    followed = follow_all(
        lambda path: planned[path].after if path in planned else read(path),
        paths,
        risen_in({path: edit.environments for path, edit in planned.items()}),
    )
    notes = list(edits.notes)
    for path, one in followed.items():
        if path in planned:
            planned[path] = planned[path].with_references(one)
        elif one.paths:
            data = read(path) or b""
            planned[path] = PlannedEdit(path, one.form, data, data).with_references(one)
        else:
            notes += one.notes
    return Edits(tuple(planned[path] for path in sorted(planned)), tuple(notes), edits.kinds)


class _Planning:
    """All definitions while they are edited, one after the other."""

    def __init__(self, read: Read, paths: Sequence[str], wanted: Wanted, found: Found) -> None:
        self.read = read
        self.wanted = wanted
        self.found = found
        self.kinds = {kind.path: kind for kind in found.kinds}
        self.before = {kind.path: read(kind.path) or b"" for kind in found.kinds}
        self.builds = Builds(read, self.kinds)
        self.vendored = Vendored(read, paths, {pin.name: pin for pin in wanted.pins})
        self.edited: dict[str, Edited] = {}
        self.readings: dict[str, Reading] = {}
        self.seen: dict[str, Seen] = {}
        self.touched: set[str] = set()
        self.outside: list[str] = []
        self.errors: list[StepError] = []

    def edit(self, kind: Kind) -> None:
        """Edit one definition; those that belong to it have been edited."""
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
            self.readings[kind.path] = kind.form.read(kind.path, edit.data)
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
        are the image's, and in a file of constraints nothing is added."""
        wanted = replace(
            self.wanted,
            index=None if kind.limits or self._has_index(kind, data) else self.wanted.index,
            closure=self.wanted.closure and not kind.limits,
            included={path: required_below(path, self.readings) for path in kind.uses},
        )
        uses = self.builds.uses(kind.path) if kind.contexts else []
        if wanted.style == "vendor" and not uses:
            names = {pin.name for pin in wanted.pins}
            if any(one.name in names for one in kind.form.read(kind.path, data).requirements):
                self.outside.append(kind.path)
                return replace(wanted, style="version")
        if not uses:
            return wanted
        python = self.builds.python_of(kind.path)
        if wanted.style != "vendor":
            return replace(wanted, python=python)
        seen = self.seen[kind.path] = Seen(kind.path, uses, self.vendored)
        return replace(wanted, python=python, vendor=seen)

    def _has_index(self, kind: Kind, data: bytes) -> bool:
        """Tell whether a requirements file has the index by what it includes."""
        index = self.wanted.index
        if index is None or index.url is None or kind.form.name != "requirements":
            return False

        def read(path: str) -> Reading | None:
            known = self.readings.get(path)
            inside = self.read(path) if known is None and path not in self.kinds else None
            with contextlib.suppress(StepError):
                return known if inside is None else kind.form.read(path, inside)
            return None

        return includes_index(kind.form.read(kind.path, data), index.urls, read)

    def finished(self) -> Edits:
        """Return all edits.

        Raises:
            StepError: What went wrong with any of them.
        """
        if self.outside:
            self.errors.append(outside_of_contexts(sorted(self.outside)))
        raise_all(self.errors)
        names = {pin.name for pin in self.wanted.pins}
        twice = [
            one
            for path, kind in self.kinds.items()
            # each command of a Dockerfile is a pip of its own
            if kind.form.name != "dockerfile"
            for one in refuse_twice(path, self.readings, names)
        ]
        raise_all(list({(one.file, one.line, one.message): one for one in twice}.values()))
        removed = self.vendored.unwanted(
            self.seen.values(),
            self.before,
            {path: edit.data for path, edit in self.edited.items() if self.kinds[path].contexts},
        )
        return Edits(
            tuple(self._planned(kind, removed.get(kind.path, ())) for kind in self.found.kinds),
            self.found.notes,
            self.found.kinds,
        )

    def _planned(self, kind: Kind, removed: tuple[str, ...]) -> PlannedEdit:
        edit, reading = self.edited[kind.path], self.readings[kind.path]
        seen = self.seen.get(kind.path)
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

"""What a set of pins means for every definition of a repository: pure, and the room's front."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from wheelstep.definitions.find import definitions_in, worth_reading
from wheelstep.definitions.includes import refuse_twice, required_below
from wheelstep.definitions.interface import (
    Choose,
    Edited,
    Environment,
    Kind,
    PinStyle,
    Read,
    Reading,
    Unedited,
    Wanted,
)
from wheelstep.definitions.patterns import choose_paths
from wheelstep.definitions.pinning import note
from wheelstep.definitions.references import Followed, follow_all, risen_in
from wheelstep.errors import DefinitionUnresolvable, StepError, raise_all
from wheelstep.model import Change, Index, Pin, PinChange, Problem

__all__ = ["Edits", "PlannedEdit", "plan_edits"]


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """One definition, before and after."""

    path: str
    form: str
    """As `Form.name` has it: "conda", "azureml", ..."""
    before: bytes
    after: bytes
    pins: tuple[PinChange, ...]
    index_added: str | None
    environments: tuple[Environment, ...]
    """The Azure ML environments of the file whose version rose, or would have."""
    followed: tuple[str, ...]
    """Other files that belong to it: environments of a conda file, the conda file of one, the file
    of an environment that a reference in it follows."""
    notes: tuple[Problem, ...]
    unknown: tuple[str, ...]
    """What exists only after building or publishing; such an edit can be shown, not committed."""
    reading: Reading
    """What the definition says after the edit."""
    unedited: tuple[Unedited, ...] = ()
    """What names a released package and was found, but not edited."""

    @property
    def status(self) -> Literal["changed", "unchanged", "found-not-edited"]:
        """Tell whether any byte differs, and if not, whether some should have."""
        if self.before != self.after:
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
    day: dt.date | None = None,
    floors: Mapping[str, Sequence[str]] | None = None,
    released: Collection[str] = (),
    keep_ranges: bool = False,
    closure: bool = False,
    platform: str = "x86_64-manylinux_2_28",
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
        day: Of the commit that is released, for versions of environments that are dates.
        floors: The versions of each environment, by its name, that workspaces have already.
        released: Normalised names of all packages of this repository.
        keep_ranges: Whether a range that admits the version stays.
        closure: Whether what is reached only through another package gets a pin, too.
        platform: What the images are, for the markers of what packages require.

    Raises:
        StepError: Everything `definitions_in` and `Form.edit` raise, all definitions' together;
            DefinitionUnresolvable where a file and one that it includes exclude each other.
    """
    wanted = Wanted(
        tuple(pins), style, index, choose, day, floors or {}, keep_ranges, closure, platform
    )
    names = {pin.name for pin in pins}
    found = definitions_in(read, paths, patterns=patterns, names=names, released=released)
    before = {kind.path: read(kind.path) or b"" for kind in found.kinds}
    edited: dict[str, Edited] = {}
    errors: list[StepError] = []
    touched: set[str] = set()
    readings: dict[str, Reading] = {}
    for kind in _used_first(found.kinds):
        data = before[kind.path]
        try:
            below = {path: required_below(path, readings) for path in kind.uses}
            mine = replace(wanted, closure=closure and not kind.limits, included=below)
            edit = kind.form.edit(kind.path, data, mine, touched)
            readings[kind.path] = kind.form.read(kind.path, edit.data)
        except StepError as error:
            errors.append(error)
            continue
        edited[kind.path] = edit
        # what includes a changed file has changed, though not a byte of its own
        if edit.data != data or not touched.isdisjoint(kind.uses):
            touched.add(kind.path)
    raise_all(errors)
    twice = [one for kind in found.kinds for one in refuse_twice(kind.path, readings, names)]
    raise_all(list({(one.file, one.line, one.message): one for one in twice}.values()))
    planned = {
        kind.path: _planned(kind, before[kind.path], edited[kind.path], readings[kind.path])
        for kind in found.kinds
    }
    left_out = choose_paths(paths, patterns or ()).left_out
    followed = follow_all(
        lambda path: planned[path].after if path in planned else read(path),
        [path for path in worth_reading(paths) if path not in left_out],
        risen_in({path: edit.environments for path, edit in planned.items()}),
    )
    notes = list(found.notes)
    for path, one in followed.items():
        if path in planned:
            planned[path] = _with_references(planned[path], one)
        elif one.paths:
            planned[path] = _with_references(_untouched(path, read(path) or b""), one)
        else:
            notes += one.notes
    return Edits(tuple(planned[path] for path in sorted(planned)), tuple(notes))


def _untouched(path: str, data: bytes) -> PlannedEdit:
    return PlannedEdit(path, "azureml", data, data, (), None, (), (), (), (), Reading())


def _with_references(edit: PlannedEdit, followed: Followed) -> PlannedEdit:
    return replace(
        edit,
        after=followed.data,
        followed=tuple(dict.fromkeys((*edit.followed, *followed.paths))),
        notes=(*edit.notes, *followed.notes),
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


def _planned(kind: Kind, before: bytes, edit: Edited, reading: Reading) -> PlannedEdit:
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
        notes=(*edit.notes, *(_not_edited(kind.path, one) for one in edit.unedited)),
        unknown=edit.unknown,
        reading=reading,
        unedited=edit.unedited,
    )


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

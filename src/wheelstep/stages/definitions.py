"""The definitions at a head: found, and what the pins mean for them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

from wheelstep.definitions.choice import choose_for
from wheelstep.definitions.closure import unread
from wheelstep.definitions.dockerfile import is_dockerfile
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.forms import NAMING, SUFFIXES, worth_reading
from wheelstep.definitions.interface import Found, Kind, PinStyle, Read, Wanted
from wheelstep.definitions.plan import Edits, PlannedEdit, plan_edits
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.errors import StepError
from wheelstep.model import Index, Pin
from wheelstep.packages.discover import discover
from wheelstep.report import DefinitionRow, Report
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.behind_links import behind_links
from wheelstep.stages.floors import above_floors
from wheelstep.stages.readers import check_readers, readers_of
from wheelstep.stages.requires import with_requires
from wheelstep.stages.run import Run
from wheelstep.stages.views import index_of
from wheelstep.stages.whose import whose

__all__ = [
    "check_place",
    "edits_for",
    "edits_on",
    "find_definitions",
    "reader_of",
    "rows_of",
    "show_edits",
]

MANY: Final = 300
"""With more candidates than this, git is asked first which of them name a package at all."""


LATEST: Final = 253402300799
"""The last second that a date has room for: a commit may state any."""


def reader_of(run: Run, snapshot: Snapshot, names: Collection[str]) -> tuple[Read, Sequence[str]]:
    """Return what reads a file of the snapshot, and the paths worth looking at."""
    paths = snapshot.paths()
    worth = worth_reading(paths)
    contents: dict[str, bytes] = {}
    if bulky := {path for path in worth if path.lower().endswith(".json")}:
        # data sets are JSON, too: git tells which of them name conda dependencies at all, and the
        # others are never read
        telling = _grep(run, snapshot, NAMING, (".json",))
        idle = bulky.difference(bulky if telling is None else telling)
        worth = [path for path in worth if path not in idle]
        contents = dict.fromkeys(idle, b"")
    if run.settings.definitions is None:
        if len(worth) > MANY and snapshot.head and names:
            spelled = ["[-_.]+".join(map(re.escape, name.split("-"))) for name in sorted(names)]
            # what Azure ML environments name may itself name no package: it is read one by one
            found = _grep(run, snapshot, (*spelled, *NAMING, "azureml:"), SUFFIXES)
            if found is not None:
                # which scripts are a package's own modules, only the whole list tells
                worth = sorted(set(found).intersection(worth) | set(filter(is_dockerfile, worth)))
                paths = [*worth, *(path for path in paths if path.endswith(".whl"))]
        contents |= snapshot.read_many(worth)

    @cache
    def read(path: str) -> bytes | None:
        return contents[path] if path in contents else snapshot.read(path)

    return read, paths


def _grep(
    run: Run, snapshot: Snapshot, texts: Sequence[str], suffixes: Sequence[str]
) -> list[str] | None:
    """Return the files with such names that have one of these patterns in them: one git call.

    Args:
        run: The run.
        snapshot: Where to look.
        texts: Regular expressions.
        suffixes: How the names of the files end.

    Returns:
        None where git cannot tell: a clone that has not the files yet is brought them all at once.
    """
    if run.elsewhere:
        return None
    head = snapshot.revision
    patterns = [part for text in texts for part in ("-e", text)]
    globs = [f":(glob,icase)**/*{suffix}" for suffix in suffixes]
    done = run.git.try_("grep", "-laziE", *patterns, *([head] if head else []), "--", *globs)
    if done.code > 1:
        return None
    found = done.out.decode("utf-8", "surrogateescape").split("\0")
    return sorted(path.partition(":")[2] if head else path for path in found if path)


def _released(run: Run, names: Collection[str]) -> Collection[str]:
    """Return the names of all packages of the repository, not only of those to pin."""
    if not run.released:
        try:
            projects = discover(run.git, run.settings.packages)
            run.released |= {project.normalized for project in projects}
        except StepError:  # definitions alone, of packages that are elsewhere now
            run.released |= run.lock.packages.keys()
    return run.released | set(names)


def find_definitions(run: Run, snapshot: Snapshot, names: Sequence[str]) -> Found:
    """Find the definitions at a head.

    Raises:
        StepError: As `definitions_in`.
    """
    read, paths = reader_of(run, snapshot, names)
    return definitions_in(
        read,
        paths,
        patterns=run.settings.definitions,
        names=names,
        released=run.released | set(names),
    )


def check_place(run: Run, kinds: Sequence[Kind]) -> None:
    """Refuse to name wheels where not every workspace that reads a definition can read them.

    Raises:
        SettingError: As `check_readers`.
    """
    settings = run.settings
    place = settings.publish_to[0].url if settings.publish_to else None
    check_readers(place, readers_of(kinds, settings.read_by, settings.workspaces))


def edits_on(
    run: Run,
    snapshot: Snapshot,
    pins: Sequence[Pin],
    index: Index | None,
    style: PinStyle | None = None,
) -> Edits:
    """Decide every edit on a head; pure but for reading it, and for wheels of which it is not
    known what they require.

    Args:
        run: The run.
        snapshot: The head.
        pins: The intents that still hold there.
        index: Where consumers read the wheels.
        style: Another style than the settings'.

    Raises:
        StepError: As `plan_edits`.
    """
    names = [pin.name for pin in pins]
    read, paths = reader_of(run, snapshot, names)
    day, released = _day(run, snapshot), _released(run, names)
    ours = whose(run, pins)

    def decide(pins: Sequence[Pin]) -> Edits:
        return above_floors(run, snapshot, partial(decide_above, pins))

    def decide_above(
        pins: Sequence[Pin],
        floors: Mapping[str, Sequence[str]],
        settled: Mapping[tuple[str, str], str],
    ) -> Edits:
        wanted = Wanted(
            pins=tuple(pins),
            style=style or run.settings.pin,
            index=index,
            choose=choose_for(run.settings.platform),
            day=day,
            floors=floors,
            settled=settled,
            keep_ranges=run.settings.keep_ranges,
            closure=run.settings.closure,
            platform=run.settings.platform,
            ours=ours,
        )
        return plan_edits(read, paths, wanted, patterns=run.settings.definitions, released=released)

    edits = decide(pins := with_requires(run, pins))
    asked: set[str] = set()
    # one package alone needs no other of the repository
    while run.settings.closure and len(pins) > 1:
        requirements = [one for edit in edits.edits for one in edit.reading.requirements]
        unknown = unread(requirements, pins) - asked
        if not unknown:
            break
        asked |= unknown
        edits = decide(pins := with_requires(run, pins, look=unknown))
    notes = behind_links(read, paths, snapshot.links, edits)
    return replace(edits, notes=(*edits.notes, *notes)) if notes else edits


def _day(run: Run, snapshot: Snapshot) -> dt.date | None:
    """Return the day of the commit that is released, UTC; None where there is no commit yet."""
    shown = run.definition_git.try_("rev-list", "-1", "--timestamp", snapshot.head or "HEAD")
    seconds = shown.out.partition(b" ")[0]
    if shown.code != 0 or not seconds.isdigit() or int(seconds) > LATEST:
        return None
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).date()


def edits_for(run: Run, snapshot: Snapshot, pins: Sequence[Pin]) -> Edits:
    """Decide the edits on a head, with the index of the first destination.

    The service is asked whether it has a public upstream only when a definition lacks the index.

    Raises:
        StepError: As `edits_on`, and what the destination says.
    """
    first = run.destinations[0] if run.destinations else None
    cheap = index_of(first)
    edits = edits_on(run, snapshot, pins, cheap)
    if first is not None and any(edit.index_added for edit in edits.edits):
        index = first.index()
        for note in first.notes if isinstance(first, FeedDestination) else ():
            run.warn("upstreams-unknown", note)
        if index != cheap:
            edits = edits_on(run, snapshot, pins, index)
    return edits


def show_edits(report: Report, edits: Edits) -> None:
    """Put the edits into the report, in place of earlier ones."""
    report.definitions = rows_of(edits)
    report.add(edits.notes)
    for edit in edits.edits:
        # that a folder cannot be named is said once for all definitions (release.py)
        report.add([note for note in edit.notes if note.code != "index-not-named"])


def rows_of(edits: Edits) -> list[DefinitionRow]:
    """Return edits as the report tells them."""
    return [_row(edit) for edit in edits.edits]


def _row(edit: PlannedEdit) -> DefinitionRow:
    environments: list[dict[str, Any]] = [
        {"name": one.name, "from": one.before, "to": one.after, "registered": []}
        for one in edit.environments
    ]
    return DefinitionRow(
        path=edit.path,
        status=edit.status,
        pins=[
            {"name": pin.name, "from": pin.before, "to": pin.after, "line": pin.line}
            for pin in edit.pins
        ],
        diff=edit.diff,
        environment=environments[0] if environments else None,
        environments=environments,
        followed=list(edit.followed),
    )

"""The definitions at a head: found, and what the pins mean for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from wheelstep.definitions.choice import choose_for
from wheelstep.definitions.dockerfile import is_dockerfile
from wheelstep.definitions.find import definitions_in, worth_reading
from wheelstep.definitions.interface import Found, PinStyle, Read
from wheelstep.definitions.plan import Edits, PlannedEdit, plan_edits
from wheelstep.model import Index, Pin
from wheelstep.report import DefinitionRow, Report
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.run import Run

__all__ = ["edits_for", "edits_on", "find_definitions", "show_edits"]

MANY: Final = 300
"""With more candidates than this, git is asked first which of them name a package at all."""


def _reader(run: Run, snapshot: Snapshot, names: Collection[str]) -> tuple[Read, Sequence[str]]:
    """Return what reads a file of the snapshot, and the paths worth looking at."""
    paths = snapshot.paths()
    worth = worth_reading(paths)
    if len(worth) > MANY and run.settings.definitions is None and snapshot.head and names:
        worth = _grep(run, snapshot.head, names, [path for path in worth if is_dockerfile(path)])
        paths = [*worth, *(path for path in paths if path.endswith(".whl"))]
    contents: Mapping[str, bytes] = (
        snapshot.read_many(worth) if run.settings.definitions is None else {}
    )

    def read(path: str) -> bytes | None:
        return contents[path] if path in contents else snapshot.read(path)

    return read, paths


def _grep(run: Run, head: str, names: Collection[str], dockerfiles: Collection[str]) -> list[str]:
    """Return the files that name a package, a conda file or a build, with all Dockerfiles: one git
    call."""
    spelled = ["[-_.]+".join(map(re.escape, name.split("-"))) for name in sorted(names)]
    patterns = [
        part
        for text in (*spelled, "conda_file", "build['\"]?[[:space:]]*:")
        for part in ("-e", text)
    ]
    globs = [f":(glob,icase)**/*{suffix}" for suffix in (".yml", ".yaml", ".txt", ".in")]
    done = run.git.try_("grep", "-laziE", *patterns, head, "--", *globs)
    found = done.out.decode("utf-8", "surrogateescape").split("\0")
    # what Azure ML environments name may itself name no package: it is read one by one
    return sorted({*dockerfiles, *(path.partition(":")[2] for path in found if path)})


def find_definitions(run: Run, snapshot: Snapshot, names: Sequence[str]) -> Found:
    """Find the definitions at a head.

    Raises:
        StepError: As `definitions_in`.
    """
    read, paths = _reader(run, snapshot, names)
    return definitions_in(read, paths, patterns=run.settings.definitions, names=names)


def edits_on(
    run: Run,
    snapshot: Snapshot,
    pins: Sequence[Pin],
    index: Index | None,
    style: PinStyle | None = None,
) -> Edits:
    """Decide every edit on a head; pure but for reading it.

    Args:
        run: The run.
        snapshot: The head.
        pins: The intents that still hold there.
        index: Where consumers read the wheels.
        style: Another style than the settings'.

    Raises:
        StepError: As `plan_edits`.
    """
    read, paths = _reader(run, snapshot, [pin.name for pin in pins])
    return plan_edits(
        read,
        paths,
        patterns=run.settings.definitions,
        pins=pins,
        style=style or run.settings.pin,
        index=index,
        choose=choose_for(run.settings.platform),
    )


def edits_for(run: Run, snapshot: Snapshot, pins: Sequence[Pin]) -> Edits:
    """Decide the edits on a head, with the index of the first destination.

    The service is asked whether it has a public upstream only when a definition lacks the index.

    Raises:
        StepError: As `edits_on`, and what the destination says.
    """
    first = run.destinations[0] if run.destinations else None
    cheap = Index(first.consumer_url) if first is not None else None
    edits = edits_on(run, snapshot, pins, cheap)
    if first is not None and any(edit.index_added for edit in edits.edits):
        index = first.index()
        for note in getattr(first, "notes", ()):
            run.warn("upstreams-unknown", note)
        if index != cheap:
            edits = edits_on(run, snapshot, pins, index)
    return edits


def show_edits(report: Report, edits: Edits) -> None:
    """Put the edits into the report, in place of earlier ones."""
    report.definitions = [_row(edit) for edit in edits.edits]
    report.add(edits.notes)
    for edit in edits.edits:
        # that a folder cannot be named is said once for all definitions (release.py)
        report.add([note for note in edit.notes if note.code != "index-not-named"])


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

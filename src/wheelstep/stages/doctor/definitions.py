"""The definitions: what in them keeps an image build from our packages, as they are now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from packaging.version import InvalidVersion, Version

from wheelstep.definitions.choice import choose_for
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.interface import Kind, Requirement, Wanted
from wheelstep.definitions.plan import PlannedEdit, plan_edits
from wheelstep.definitions.source import without_secrets
from wheelstep.errors import SettingError, SeveralProblems, StepError
from wheelstep.ground.checks import Group
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.feed_names import same_feed
from wheelstep.ground.public_index import uv_environment
from wheelstep.ground.uv import check_platform
from wheelstep.model import Check, Pin, Problem
from wheelstep.rehearsal.interface import Verdict
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.definitions import reader_of
from wheelstep.stages.doctor.known import ATTEMPTS, PATIENCE, Definitions, Known, Task
from wheelstep.stages.rehearsing import look_only, read_after, subjects_of
from wheelstep.stages.views import index_of, unseen
from wheelstep.stages.whose import whose

__all__ = ["definition_tasks", "look_at_definitions"]

DEFINITIONS: Final = Group("definitions")
MOST_PASSES: Final = 12
"""How many files with errors of their own are passed over before the rest is given up."""
RELEASE_ENDS: Final = "The release ends before anything is built."
IMAGE: Final = "The image build fails, or installs something else."
NOTES: Final[Mapping[str, str]] = {
    "index-ignored": "pip does not look there: what only that index has is not found, or another "
    "package of the name is installed.",
    "index-not-last": "Of one version, pip takes the other index's file.",
    "index-switched-off": "pip finds no package of any index.",
    "build-context-unconnected": "The image build is refused by an index that asks for "
    "credentials.",
    "found-not-edited": "What is installed there stays at its version whatever is released.",
    "environment-version-not-raised": "What refers to the environment goes on using the old image.",
}
"""What notes about definitions mean for a build, by code; others are no faults."""
UNREADABLE: Final = frozenset({"definition-left-alone", "schema-unknown"})
OF_NOBODY: Final = frozenset(
    {"python-assumed", "connection-unknown", "connection-matching-assumed", "notice"}
)
"""What a rehearsal says that is no check of its own: connections have their own part."""
PINNED_BY_GIT: Final = re.compile(r"@[0-9a-f]{40}(#|$|\s)", re.IGNORECASE)


def look_at_definitions(known: Known) -> Definitions:
    """Find the definitions and decide their edits, past all that is wrong with some of them.

    Raises:
        StepError: There is nothing to look at.
    """
    names = _names(known)
    if not names:
        return Definitions()
    run, pins = known.run, _pins(known, names)
    first = run.destinations[0] if run.destinations else None
    wanted = Wanted(
        pins=tuple(pins),
        style="version",
        index=index_of(first),
        choose=choose_for(run.settings.platform),
        keep_ranges=run.settings.keep_ranges,
        platform=run.settings.platform,
        ours=whose(run, pins),
    )
    unfound: list[StepError] = []
    uneditable: list[StepError] = []
    bare: set[str] = set()
    left: set[str] = set()
    while True:
        snapshot = _Bare(known.head(), frozenset(bare))
        read, paths = reader_of(run, snapshot, names)
        patterns = run.settings.definitions
        if left:
            patterns = (*(patterns or ()), *(f"!{path}" for path in sorted(left)))
        errors = unfound
        try:
            found = definitions_in(
                read, paths, patterns=patterns, names=names, released=known.released()
            )
            errors = uneditable
            edits = plan_edits(read, paths, wanted, patterns=patterns, released=known.released())
        except StepError as error:
            if not _past(error, errors, bare, left):
                return Definitions(unfound=tuple(unfound), uneditable=tuple(uneditable))
            continue
        read = read_after(snapshot, edits)
        return Definitions(found.kinds, edits, tuple(unfound), tuple(uneditable), edits.notes, read)


def _past(error: StepError, errors: list[StepError], bare: set[str], left: set[str]) -> bool:
    """Note what is wrong with some files, and leave it or them out; tell whether that may help.

    Args:
        error: What looking ended with.
        errors: Gets what is new.
        bare: Gets files whose credentials are to be taken out.
        left: Gets files that are to be left out.
    """
    before = len(bare) + len(left)
    for one in _single(error):
        if not _known(one, errors):
            errors.append(one)
        if one.file is not None:
            secret = one.code == "secret-in-definition" and one.file not in bare
            (bare if secret else left).add(one.file)
    return len(bare) + len(left) > before and len(left) <= MOST_PASSES


def _names(known: Known) -> list[str]:
    try:
        return sorted(known.names())
    except StepError:
        return sorted(known.lock().packages)  # what was released is in definitions, too


def _pins(known: Known, names: Iterable[str]) -> Iterator[Pin]:
    """Yield a pin for each package, at the version that it has as far as that is written."""
    try:
        stated = {one.normalized: one.static_version for one in known.projects()}
    except StepError:
        stated = {}
    for name in names:
        locked = known.lock().packages.get(name)
        version = stated.get(name) or (locked.version if locked else None) or "0"
        try:
            version = str(Version(version))
        except InvalidVersion:
            version = "0"  # said of the packages
        yield Pin(name, version, known.tree().commit)


def _single(error: StepError) -> list[StepError]:
    return error.errors if isinstance(error, SeveralProblems) else [error]


def _known(one: StepError, errors: Iterable[StepError]) -> bool:
    key = (one.code, one.file, one.line, one.message)
    return any(key == (each.code, each.file, each.line, each.message) for each in errors)


class _Bare:
    """A snapshot that shows some files without the credentials in them."""

    def __init__(self, snapshot: Snapshot, bare: frozenset[str]) -> None:
        self._snapshot = snapshot
        self._bare = bare

    @property
    def head(self) -> str | None:
        return self._snapshot.head

    @property
    def revision(self) -> str | None:
        return self._snapshot.revision

    def read(self, path: str) -> bytes | None:
        data = self._snapshot.read(path)
        return without_secrets(data) if data is not None and path in self._bare else data

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        found = self._snapshot.read_many(paths)
        return {
            path: without_secrets(data) if path in self._bare else data
            for path, data in found.items()
        }

    def check(self, path: str) -> None:
        self._snapshot.check(path)

    def paths(self) -> Sequence[str]:
        return self._snapshot.paths()

    def links(self) -> Mapping[str, str]:
        return self._snapshot.links()

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        return self._snapshot.is_ancestor(older, newer)

    def describe(self) -> str:
        return self._snapshot.describe()


def definition_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about the definitions."""
    ends = RELEASE_ENDS
    yield Task("definitions", "definitions", partial(_unfound, known), "find", ends)
    yield Task("definitions", "definitions", partial(_as_they_are, known), "rehearse", ends)
    yield Task("definitions", "views", partial(_unseen, known), "read", ends)
    if known.run.settings.rehearse != "off":
        yield Task("definitions", "platform", partial(_platform, known), "read", ends)
        yield Task("definitions", "indexes", partial(_as_pip_sees_them, known), "rehearse", IMAGE)


def _errors(errors: Iterable[StepError]) -> list[Check]:
    return [
        check
        for error in errors
        for check in DEFINITIONS.refused(error.file or "definitions", error, RELEASE_ENDS)
    ]


def _unfound(known: Known) -> Sequence[Check]:
    """Say what keeps definitions from being found, or read."""
    return _errors(known.found().unfound)


def _as_they_are(known: Known) -> Sequence[Check]:
    """Judge what stands in the files; no index is asked."""
    what = known.found()
    faults = _errors(what.uneditable)
    names = {pin.name for pin in _pins(known, _names(known))}
    vendored = known.run.settings.pin == "vendor"
    notes = [*what.notes, *(note for edit in what.edits.edits for note in _in_place(edit))]
    for note in dict.fromkeys(notes):
        subject = note.file or "definitions"
        if note.code in UNREADABLE:
            faults.append(DEFINITIONS.unknown(subject, note.message, IMAGE, note.cure))
        elif note.code in NOTES and not (vendored and note.code == "build-context-unconnected"):
            faults.append(DEFINITIONS.of_problem(subject, note, NOTES[note.code]))
    for kind in what.kinds:
        faults += _unpinned(kind, known.head().read(kind.path) or b"", names)
    faults = list(dict.fromkeys(faults))
    told = {check.subject for check in faults}
    if not what.kinds and not faults and not what.unfound:
        return [DEFINITIONS.ok("definitions", "None names a package of ours yet: none is changed.")]
    fine = [
        DEFINITIONS.ok(edit.path, f"It names {', '.join(ours)}; nothing in it is in the way.")
        for edit in what.edits.edits
        if edit.path not in told
        and (ours := sorted({one.name for one in edit.reading.requirements} & names))
    ]
    return [*faults, *fine]


def _unseen(known: Known) -> Sequence[Check]:
    """Name the definitions that read a view in which what is released will not be."""

    def read(path: str) -> bytes | None:
        data = known.head().read(path)
        return None if data is None else without_secrets(data)

    checks: list[Check] = []
    for kind in known.found().kinds:
        try:
            errors = unseen(known.run, kind, read)
        except StepError:
            continue  # said already
        checks += _errors(errors)
    return checks


def _in_place(edit: PlannedEdit) -> Iterator[Problem]:
    """Yield an edit's notes with the lines that the file has now."""
    for note in edit.notes:
        yield replace(note, line=edit.line_before(note.line)) if note.line else note


def _unpinned(kind: Kind, data: bytes, names: set[str]) -> Iterator[Check]:
    """Yield a fault for each package of ours that a definition names without its version."""
    try:
        requirements = kind.form.read(kind.path, without_secrets(data)).requirements
    except StepError:
        return  # said already
    for one in requirements:
        if one.name in names and not kind.limits and not _is_pinned(one):
            yield DEFINITIONS.fault(
                kind.path,
                f"{one.name} is named without its version (`{one.text}`).",
                code="unpinned",
                breaks="Azure ML builds an image again only when its definition changes: a new "
                "release never gets into this one.",
                cure="Release with `keep-ranges` off, or `wheelstep pin`: both write "
                f"{one.name}==VERSION, and keep it up to date.",
                file=kind.path,
                line=one.line,
            )


def _is_pinned(requirement: Requirement) -> bool:
    by_git = "git+" in requirement.text
    if by_git:
        return PINNED_BY_GIT.search(requirement.text) is not None
    return requirement.pinned is not None or "://" in requirement.text


def _platform(known: Known) -> Sequence[Check]:
    """Say where the setting names no platform."""
    if not known.found().kinds:
        return []
    environment = uv_environment(known.run.environment, known.public())
    try:
        check_platform(known.run.settings.platform, environment)
    except SettingError as error:
        return DEFINITIONS.refused("platform", error, RELEASE_ENDS)
    return []


def _as_pip_sees_them(known: Known) -> Sequence[Check]:
    """Judge what the indexes of the definitions have of our names: whether another's package could
    be installed in the place of ours."""
    what, run = known.found(), known.run
    if not what.kinds:
        return []
    subjects = [one for edit in what.edits.edits for one in subjects_of(edit.path, edit.reading)]
    budget = RetryBudget(PATIENCE, attempts=ATTEMPTS)
    released = sorted(known.released())
    try:
        verdicts = look_only(run, what.read, subjects, released, known.connections(), budget)
    except SettingError as error:
        if error.code == "unknown-platform":
            return []  # said already
        raise
    edited = {edit.path: edit for edit in what.edits.edits}
    checks: list[Check] = []
    for verdict in verdicts:
        for problem in verdict.problems:
            line = problem.line
            if line is not None and problem.file in edited:
                line = edited[problem.file].line_before(line)
            checks += _judged(known, verdict, replace(problem, line=line))
    checks = list(dict.fromkeys(checks))
    if any(check.status != "ok" for check in checks) or not verdicts:
        return checks
    message = "In no definition could pip take a package of ours from an index of others."
    return [DEFINITIONS.ok("indexes", message), *checks]


def _judged(known: Known, verdict: Verdict, problem: Problem) -> Iterator[Check]:
    subject = verdict.path
    if problem.code in OF_NOBODY:
        return
    if problem.severity == "notice":
        yield DEFINITIONS.ok(subject, problem.message)  # what `allow` excuses
    elif problem.code == "unproven" or (problem.exit_code in {5, 6} and _ours(known, problem)):
        yield DEFINITIONS.unknown(subject, problem.message, IMAGE, problem.cure)
    else:
        yield DEFINITIONS.of_problem(subject, problem, IMAGE)


def _ours(known: Known, problem: Problem) -> bool:
    """Tell whether a problem speaks of an index that the destinations' part has looked at."""
    places = [url for each in known.run.destinations if (url := each.consumer_url)]
    named = re.findall(r"https?://\S+", problem.message)
    return any(
        place.rstrip("/") in problem.message or any(same_feed(url, place) for url in named)
        for place in places
    )

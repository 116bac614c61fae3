"""The commands that are a part of a release: build, publish, pin, rehearse."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from wheelstep.commands.released import Named, files_of, named_versions, one_of_each, version_of
from wheelstep.definitions.plan import Edits
from wheelstep.destinations.interface import Destination, writes_pages
from wheelstep.errors import SettingError
from wheelstep.lock import FILE, Lock, LockedWheel
from wheelstep.model import Change, Listed, Pin, Wheel
from wheelstep.packages.discover import discover
from wheelstep.rehearsal.interface import Subject
from wheelstep.release import Release, environments_of, release
from wheelstep.repositories.interface import Snapshot, Wording
from wheelstep.repositories.land import land
from wheelstep.stages.building import build
from wheelstep.stages.definitions import check_place, edits_for, find_definitions, show_edits
from wheelstep.stages.git_source import with_sources
from wheelstep.stages.landing import note_commit, wanted_pins
from wheelstep.stages.proposed import Proposed
from wheelstep.stages.proving import concerned, merged
from wheelstep.stages.records import pin_of
from wheelstep.stages.registering import registered
from wheelstep.stages.registrable import check_register, say_next_steps
from wheelstep.stages.rehearsing import (
    lines_as_they_are,
    read_after,
    rehearse_subjects,
    subjects_of,
)
from wheelstep.stages.run import Run
from wheelstep.stages.serving import refuse_nameless
from wheelstep.stages.survey import survey
from wheelstep.stages.vendoring import Vendoring
from wheelstep.stages.wording import check_message, wording_of
from wheelstep.stages.work import work_folder

__all__ = ["build_only", "pin", "publish", "rehearse"]


def build_only(run: Run) -> None:
    """Build the wheels of what changed into `dist`; nothing else.

    Raises:
        StepError: As the stages say.
    """
    with environments_of(run) as environments, work_folder() as work:
        with run.stage("survey"):
            found = survey(run, environments)
        with run.stage("build"):
            built = build(run, found, environments)
        Release(run, found, work, {one.package.name: one for one in built}).note_packages()
        run.report.status = "done" if built else "nothing-to-do"


def publish(run: Run) -> None:
    """Publish the wheels in `dist` to every destination; no definition is touched.

    Raises:
        StepError: As the stages say.
    """
    run.settings = replace(run.settings, prebuilt=True)
    release(run, pin=False)


def pin(run: Run, released: Sequence[str]) -> None:
    """Edit and commit the definitions for released versions.

    Args:
        run: The run.
        released: `NAME==VERSION`; without any, what was released last.

    Raises:
        SettingError: A name or a version is none, or it is released nowhere.
        StepError: As the stages say.
    """
    wanted = named_versions(released)
    one_of_each(wanted)
    _check_settings(run)
    pins, fresh = _published(run, wanted) if wanted else _latest(run)
    if run.settings.pin == "git":
        projects = discover(run.git, run.settings.packages)
        pins = with_sources(run, pins, {one.normalized: one.directory for one in projects})
    names = [pin.name for pin in pins]
    vendoring = Vendoring(run)

    decided: list[Change] = []
    last: list[Edits] = []
    heads: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> list[Change]:
        registered(run, snapshot, lambda: once(snapshot))
        return decided

    def once(snapshot: Snapshot) -> Edits:
        heads[:] = [snapshot]
        lock = Lock.parse(snapshot.read(FILE))
        # what is asked for by name is wanted, also when it is older
        holding = pins if wanted else wanted_pins(pins, lock, snapshot)
        last[:] = [edits := edits_for(run, snapshot, holding)]
        show_edits(run.report, edits)
        changed = [edit for edit in edits.edits if edit.status == "changed"]
        vendored = vendoring.changes(snapshot, edits)
        decided[:] = [*(edit.change() for edit in changed), *vendored]
        with run.stage("rehearse"):
            held = fresh.intersection(pin.name for pin in holding)
            subjects = [
                one
                for edit in concerned(edits, held)
                for one in subjects_of(edit.path, edit.reading)
            ]
            read = read_after(snapshot, edits, vendoring.content)
            subjects += merged(run, snapshot, edits, read, subjects)
            with lines_as_they_are(edits):
                rehearse_subjects(run, read, subjects, (), names)
        return edits

    if run.planning:
        changes = decide(run.snapshot)
        run.report.status = "planned" if changes else "nothing-to-do"
        return

    def wording() -> Wording:
        versions = [(one.name, one.version) for one in pins]
        directories = _directories(run) if run.settings.commit == "pull-request" else {}
        wheels = [wheel for one in pins for wheel in _locked(run, one)]
        proposed = Proposed(heads[0], decided, versions, last[0].kinds, directories, wheels)
        return wording_of(run, "Pin", proposed)

    with run.stage("commit"):
        done = land(run.repository, decide, wording, clock=run.clock)
    note_commit(run, done, decided)
    say_next_steps(run, last[-1])
    if wanted:
        run.warn(
            "pinned-by-name",
            "A release pins the versions of its checkout: it will replace what was pinned by name, "
            "where they differ.",
            cure="To stay with an older version, bring the package's sources back to it, too.",
            severity="notice",
        )
    run.report.status = "done" if run.report.changed else "nothing-to-do"


def _check_settings(run: Run) -> None:
    """Find out what would end it later.

    Raises:
        SettingError: A setting is wrong, or does not go with the others.
    """
    check_message(run)
    check_register(run)
    if run.settings.workspaces or run.settings.read_by:
        projects = discover(run.git, run.settings.packages)
        known = [project.normalized for project in projects if project.name]
        check_place(run, find_definitions(run, run.snapshot, known).kinds)
    refuse_nameless(run)


def _directories(run: Run) -> dict[str, str]:
    """Return the folders of the packages; a repository of definitions alone has none."""
    with contextlib.suppress(SettingError):
        projects = discover(run.git, run.settings.packages)
        return {one.normalized: one.directory for one in projects if one.name}
    return {}


def _locked(run: Run, pin: Pin) -> list[LockedWheel]:
    """Return the wheels of a pin as a record would have them."""
    places = tuple(one.place for one in run.destinations[:1])
    return [
        LockedWheel(one.file, one.sha256, one.content, one.size, one.requires_python, places)
        for one in pin.wheels
    ]


def rehearse(run: Run) -> None:
    """Resolve the definitions as they are.

    Raises:
        StepError: One does not resolve.
    """
    projects = discover(run.git, run.settings.packages)
    names = [project.normalized for project in projects if project.name]
    subjects: list[Subject] = []
    for kind in find_definitions(run, run.snapshot, names).kinds:
        reading = kind.form.read(kind.path, run.snapshot.read(kind.path) or b"")
        subjects += subjects_of(kind.path, reading)
    with run.stage("rehearse"):
        rehearse_subjects(run, run.snapshot.read, subjects, (), names)
    run.report.status = "done" if subjects else "nothing-to-do"


def _latest(run: Run) -> tuple[list[Pin], frozenset[str]]:
    """Return each package's last release: what the record says, or what `publish` has published of
    this checkout since; and the names of the latter, which no release has rehearsed."""
    records, pins = dict(run.lock.packages), {}
    first = run.destinations[0] if run.destinations else None
    with environments_of(run) as environments, run.stage("survey"):
        rows = [row for row in survey(run, environments).packages if row.package is not None]
    asked = [row.name for row in rows]
    if run.settings.pin in {"url", "bare-url"}:
        asked += sorted(records)
    listed = first.look(asked) if first is not None and asked else {}
    for row in rows:
        files = [one for one in listed.get(row.name, ()) if str(version_of(one)) == row.version]
        if first is not None and files and row.package is not None:
            commit = row.package.sources.commit
            pins[row.name] = _pin(first, row.name, row.version, commit, files)
        elif (last := records.get(row.name)) is not None:
            run.warn(
                "not-published",
                f"{row.project.name} {row.version} of this checkout is not published yet: "
                f"{last.version} stays pinned.",
                cure="Run `wheelstep release`, or `wheelstep publish` before `wheelstep pin`.",
            )
    if not pins and not records:
        raise SettingError(
            f"There is no {FILE}, and no package is published at the version it has in this "
            "checkout, so it is not known what was released last.",
            code="nothing-released",
            cure="Run `wheelstep release`, or name the version: `wheelstep pin NAME==VERSION`.",
        )
    urls = _urls(first, [one for files in listed.values() for one in files]) if first else {}
    recorded = {name: pin_of(record, urls) for name, record in records.items()}
    return [pin for _, pin in sorted((recorded | pins).items())], frozenset(pins)


def _urls(destination: Destination, files: Sequence[Listed]) -> dict[str, str]:
    """Return where consumers read files, by file name; none for those they cannot read."""
    if not writes_pages(destination):
        return {one.file: one.url for one in files}
    named = {one.file: destination.public_url(one.file) for one in files}
    return {file: url for file, url in named.items() if url is not None}


def _published(run: Run, wanted: Sequence[Named]) -> tuple[list[Pin], frozenset[str]]:
    """Return the pins of versions that a destination has, and their names: whoever names a version
    wants to know that every definition builds with it, those that need no edit too."""
    if not run.destinations:
        raise SettingError(
            "No destination is set, so it cannot be seen whether the version is released.",
            code="no-destination",
            cure="Set `publish-to` to the feed, index or folder that has it.",
        )
    first = run.destinations[0]
    listed = first.look(sorted({name for name, _ in wanted}))
    pins = []
    for name, asked in wanted:
        files = files_of(first, listed, (name, asked))
        version = str(version_of(files[0]))  # 3.0 is 3.0.0: as it was published
        locked = run.lock.packages.get(name)
        commit = locked.commit if locked is not None and locked.version == version else ""
        pins.append(_pin(first, name, version, commit, files))
    return pins, frozenset(pin.name for pin in pins)


def _pin(
    destination: Destination, name: str, version: str, commit: str, files: Sequence[Listed]
) -> Pin:
    wheels = tuple(
        Wheel(one.file, name, version, one.sha256 or "", "", one.size or 0, one.requires_python)
        for one in files
    )
    return Pin(name, version, commit, wheels, tuple(sorted(_urls(destination, files).items())))

"""What a release would do: every decision, no deed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wheelstep.definitions.plan import Edits
from wheelstep.errors import StepError
from wheelstep.lock import Locked
from wheelstep.model import Pin
from wheelstep.packages.environments import BuildEnvironments
from wheelstep.packages.interface import Built
from wheelstep.rehearsal.interface import Verdict
from wheelstep.report import PackageRow, PlanRow, WheelRow
from wheelstep.stages.agreed.document import Plan, packages_of, planned
from wheelstep.stages.agreed.file import write_plan
from wheelstep.stages.boundaries import check_boundaries
from wheelstep.stages.building import added, build
from wheelstep.stages.connecting.connect import Connecting
from wheelstep.stages.definitions import edits_for, edits_on, show_edits
from wheelstep.stages.git_source import with_sources
from wheelstep.stages.landing import wanted_pins
from wheelstep.stages.matrix import matrix
from wheelstep.stages.promoting import planned_row, say_planned_promotions
from wheelstep.stages.proving import concerned, merged, names
from wheelstep.stages.publishing import check_versions, lacking
from wheelstep.stages.records import pin_of, requires_of
from wheelstep.stages.registering import foresee, say_planned
from wheelstep.stages.rehearsing import (
    includes,
    lines_as_they_are,
    note_verdicts,
    read_after,
    rehearse_subjects,
    subjects_of,
)
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey, Surveyed
from wheelstep.stages.tagging import Release, note_planned_tags
from wheelstep.stages.upstreams import check_names
from wheelstep.stages.urls import urls_of
from wheelstep.stages.vendoring import Vendoring
from wheelstep.stages.views import check_reads, check_views, index_of, places_of

__all__ = ["hold_edits", "hold_wheels", "plan_and_hold", "read_agreed"]


def _plan(
    run: Run, found: Survey, environments: BuildEnvironments
) -> tuple[Edits, Sequence[Built]]:
    """Put into the report what a release would do.

    Wheels exist only after building: their hashes, whether a destination has other content under
    the same version, and the rehearsal of definitions that would pin them are not known; whether a
    public package could take their place there is.

    Returns:
        What it would do to the definitions, and the wheels that it would take instead of
        building.

    Raises:
        StepError: What the release would end with, as far as it can be told.
    """
    report = run.report
    lacks = set(lacking(run, found))
    report.packages = [_row(run, row, lacking=row.name in lacks) for row in found.packages]
    check_versions(run, found)
    check_views(run)
    more = {row.name for row in added(run, found)}
    # nothing is built: the wheels of other jobs are inspected
    prebuilt = build(run, found, environments) if run.settings.prebuilt else ()
    for row in found.packages:
        if row.package is not None and row.locked is not None:
            _warn_of_same_version(run, row)
    edits = _edits(run, found, prebuilt)
    show_edits(report, edits)
    say_planned(run, run.snapshot, edits)
    foresee(run, run.snapshot, edits)
    changed = [edit for edit in edits.edits if edit.status == "changed"]
    new = {row.project.normalized for row in found.packages if row.package is not None}
    all_names = [row.name for row in found.packages]
    connecting = Connecting(run, all_names)
    if new | lacks:
        check_boundaries(run)
    check_names(run, {row.name: row.version for row in found.packages if row.name in new | lacks})
    if new or lacks:
        check_reads(run, found.definitions.kinds)
    say_planned_promotions(run, found)
    if new or lacks or changed:
        connecting.check(definitions=bool(found.definitions.kinds))
    fresh = new | more | lacks
    asked = concerned(edits, fresh)
    later = [edit for edit in asked if edit.unknown or names(edit, fresh)]
    if later:
        # what is not known of a file is not known of those that take it in
        later = [edit for edit in asked if edit in later or includes(edit.reading)]
    with run.stage("rehearse"):
        unnamed = [
            Verdict(
                edit.path, "skipped", section.python, run.settings.platform, place=section.place
            )
            for edit in later
            for section in edit.reading.sections
            if edit.unknown and section.pip_lines
        ]
        note_verdicts(run, unnamed, "known after build")
        subjects = [
            one
            for edit in asked
            if edit not in later
            for one in subjects_of(edit.path, edit.reading)
        ]
        ahead = [
            one
            for edit in later
            if not edit.unknown
            for one in subjects_of(edit.path, edit.reading)
        ]
        read = read_after(run.snapshot, edits, Vendoring(run).content)
        subjects += merged(run, run.snapshot, edits, read, [*subjects, *ahead])
        with lines_as_they_are(edits):
            rehearse_subjects(run, read, subjects, (), all_names, ahead)
    with run.stage("connect"):
        connecting.store()
    _note_tags(run, found)
    connects = any(row.status == "planned" for row in report.connections)
    to_do = connects or bool(new or lacks or more or changed)
    if to_do:
        report.commit.status = "planned" if run.settings.commit != "none" else "none"
        report.commit.branch = run.settings.branch or run.trigger.branch
    tags = any(row.status == "planned" for row in report.tags)
    report.status = "planned" if to_do or tags else "nothing-to-do"
    return edits, prebuilt


def _written(run: Run, found: Survey, environments: BuildEnvironments) -> Plan:
    """Put into the report what a release would do, and write it to the file that is asked for.

    Returns:
        The plan.

    Raises:
        StepError: As `_plan`; the file cannot be written.
    """
    edits, prebuilt = _plan(run, found, environments)
    document = planned(run, found, run.report, edits, prebuilt)
    if (out := run.settings.out) is not None:
        _tell(run, PlanRow(out.name, write_plan(document.document, out)))
    run.report.matrix = matrix(found, run.host.name)
    return document


def read_agreed(run: Run) -> None:
    """Read the plan that somebody agreed to, where there is one, before anything else is done.

    Raises:
        SettingError: What is named is no plan.
        CannotHere: It cannot be read.
    """
    if run.agreed is not None:
        _tell(run, PlanRow(run.agreed.named, run.agreed.digest))


def _tell(run: Run, row: PlanRow) -> None:
    run.report.plan = row
    run.host.say(f"The plan {row.file} is {row.digest}.")


def plan_and_hold(run: Run, found: Survey, environments: BuildEnvironments) -> None:
    """Plan, and refuse to release anything else than what was agreed to, where something was.

    Raises:
        Refused: It differs.
        StepError: As `_written`.
    """
    try:
        present = _written(run, found, environments)
    except StepError:
        if run.agreed is not None:
            # a package that was not agreed to may be why: its wheel is not there
            run.agreed.hold_packages(packages_of(found))
        raise
    if run.agreed is not None:
        run.agreed.hold(present)


def hold_wheels(run: Run, built: Iterable[Built]) -> None:
    """Refuse to release other wheels than what was agreed to, where something was.

    Raises:
        Refused: They differ.
    """
    if run.agreed is not None:
        run.agreed.hold_wheels(built)


def hold_edits(run: Run, edits: Edits) -> None:
    """Refuse other edits than what was agreed to, where something was.

    Raises:
        Refused: They differ.
    """
    if run.agreed is not None:
        run.agreed.hold_edits(edits, run.report)


def _warn_of_same_version(run: Run, row: Surveyed) -> None:
    if row.locked is not None and row.locked.version == row.version:
        run.warn(
            "version-not-raised",
            f"{row.project.name} has changed since {row.version} was released, and its version "
            "has not: if the wheel's content has changed too, the release will be refused.",
            cure="Raise the version; or, when the change must not ship, add the changed files to "
            "`exclude`.",
            file=row.project.file or None,
        )


def _row(run: Run, row: Surveyed, *, lacking: bool) -> PackageRow:
    wheels = []
    if row.locked is not None and row.package is None:
        wheels = [
            WheelRow.of(
                wheel,
                [
                    planned_row(destination)
                    for destination in run.destinations
                    if lacking and not set(places_of(destination)).issubset(recorded.places)
                ],
            )
            for wheel, recorded in zip(row.locked.as_wheels(), row.locked.wheels, strict=True)
        ]
    status = "planned" if row.package is not None else "unchanged"
    return PackageRow(row.project.name, row.version, row.project.directory, status, wheels)


def _released(found: Survey) -> list[Locked]:
    """Return the records of the packages that are as they were released."""
    return [row.locked for row in found.packages if row.package is None and row.locked]


def _note_tags(run: Run, found: Survey) -> None:
    """Put the tags into the report: those of packages that were released before, too."""
    commits = {row.name: row.package.sources.commit for row in found.packages if row.package}
    commits |= {one.name: one.commit for one in _released(found)}
    note_planned_tags(
        run,
        [
            Release(row.name, row.version, commits[row.name])
            for row in found.packages
            if row.name in commits
        ],
    )


def _edits(run: Run, found: Survey, prebuilt: Sequence[Built]) -> Edits:
    released = _released(found)
    urls = urls_of(run, [wheel for one in released for wheel in one.as_wheels()])
    recorded = {one.name: pin_of(one, urls) for one in released}
    needs = {one.package.name: requires_of(None, one, None) for one in prebuilt}
    pins = [
        recorded.get(row.name)
        or Pin(
            row.name,
            row.version,
            row.package.sources.commit if row.package is not None else found.tree.commit,
            requires=needs.get(row.name),
        )
        for row in found.packages
    ]
    directories = {row.name: row.project.directory for row in found.packages}
    pins = with_sources(run, wanted_pins(pins, run.lock, run.snapshot), directories)
    if run.trigger.pull_request:  # nobody signs in to be told of upstreams
        return edits_on(run, run.snapshot, pins, index_of(next(iter(run.destinations), None)))
    return edits_for(run, run.snapshot, pins)

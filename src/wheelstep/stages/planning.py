"""What a release would do: every decision, no deed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wheelstep.definitions.plan import Edits
from wheelstep.model import Pin
from wheelstep.packages.environments import BuildEnvironments
from wheelstep.rehearsal.interface import Verdict
from wheelstep.report import PackageRow, WheelRow
from wheelstep.stages.agreed import matrix, planned, write_plan
from wheelstep.stages.boundaries import check_boundaries
from wheelstep.stages.building import added, build
from wheelstep.stages.connecting.connect import Connecting
from wheelstep.stages.definitions import edits_on, show_edits
from wheelstep.stages.git_source import with_sources
from wheelstep.stages.landing import wanted_pins
from wheelstep.stages.promoting import planned_row, say_planned_promotions
from wheelstep.stages.proving import concerned, merged, names
from wheelstep.stages.publishing import check_versions, lacking
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
from wheelstep.stages.vendoring import Vendoring
from wheelstep.stages.views import check_reads, check_views, index_of, places_of

__all__ = ["hold_to_plan", "plan", "write_planned"]


def plan(run: Run, found: Survey, environments: BuildEnvironments) -> None:
    """Put into the report what a release would do.

    Wheels exist only after building: their hashes, whether a destination has other content under
    the same version, and the rehearsal of definitions that would pin them are not known; whether a
    public package could take their place there is.

    Raises:
        StepError: What the release would end with, as far as it can be told.
    """
    report = run.report
    lacks = set(lacking(run, found))
    report.packages = [_row(run, row, lacking=row.name in lacks) for row in found.packages]
    check_versions(run, found)
    check_views(run)
    more = {row.name for row in added(run, found)}
    if run.settings.prebuilt:
        build(run, found, environments)  # nothing is built: the wheels of other jobs are inspected
    for row in found.packages:
        if row.package is not None and row.locked is not None:
            _warn_of_same_version(run, row)
    edits = _edits(run, found)
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
    note_planned_tags(
        run,
        [
            Release(row.name, row.version, row.package.sources.commit)
            for row in found.packages
            if row.package is not None
        ],
    )
    connects = any(row.status == "planned" for row in report.connections)
    to_do = connects or bool(new or lacks or more or changed)
    if to_do:
        report.commit.status = "planned" if run.settings.commit != "none" else "none"
        report.commit.branch = run.settings.branch or run.trigger.branch
    report.status = "planned" if to_do else "nothing-to-do"


def write_planned(run: Run, found: Survey, environments: BuildEnvironments) -> dict[str, Any]:
    """Put into the report what a release would do, and write it to the file that is asked for.

    Returns:
        The plan as a document.

    Raises:
        StepError: As `plan`; the file cannot be written.
    """
    plan(run, found, environments)
    document = planned(run, found, run.report)
    if run.settings.out is not None:
        write_plan(document, run.settings.out)
    run.report.matrix = matrix(found, run.host.name)
    return document


def hold_to_plan(run: Run, found: Survey, environments: BuildEnvironments) -> None:
    """Refuse to release anything else than what was agreed to, where something was.

    Raises:
        SettingError: What is named is no plan.
        Refused: It differs.
        StepError: As `plan`.
    """
    if run.agreed is not None:
        run.agreed.hold(write_planned(run.rehearsing(), found, environments), found)


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


def _edits(run: Run, found: Survey) -> Edits:
    pins: Sequence[Pin] = [
        Pin(
            row.name,
            row.version,
            row.package.sources.commit
            if row.package is not None
            else (row.locked.commit if row.locked else found.tree.commit),
            row.locked.as_wheels() if row.package is None and row.locked is not None else (),
            requires=row.locked.requires
            if row.package is None and row.locked is not None
            else None,
        )
        for row in found.packages
    ]
    directories = {row.name: row.project.directory for row in found.packages}
    pins = with_sources(run, wanted_pins(pins, run.lock, run.snapshot), directories)
    first = run.destinations[0] if run.destinations else None
    return edits_on(run, run.snapshot, pins, index_of(first))

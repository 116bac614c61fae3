"""`wheelstep publish NAME==VERSION`: released versions, to the destinations that lack them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wheelstep.commands.released import Named, named_versions, not_released
from wheelstep.destinations.decide import Copy
from wheelstep.destinations.examine import Examination, each_once, examine, look_at
from wheelstep.destinations.publish import Published
from wheelstep.errors import SettingError, StepError
from wheelstep.model import Wheel
from wheelstep.packages.content import content_hash
from wheelstep.report import PackageRow, WheelRow
from wheelstep.stages.boundaries import check_boundaries
from wheelstep.stages.elsewhere import served_wheels
from wheelstep.stages.promoting import Promoting
from wheelstep.stages.publishing import publish_examined, to_copy
from wheelstep.stages.records import published_row
from wheelstep.stages.run import Run
from wheelstep.stages.upstreams import check_versions_of_names
from wheelstep.stages.views import check_views
from wheelstep.stages.work import work_folder

__all__ = ["copy_released"]


def copy_released(run: Run, released: Sequence[str]) -> None:
    """Copy versions, by hash and without building, from the destinations that have them to those
    that lack them; promote them where a view is set.

    Args:
        run: The run.
        released: `NAME==VERSION`, at least one.

    Raises:
        SettingError: A name or a version is none, or no destination has it.
        Refused: Destinations have other content under one version; a feed could serve a public
            package in its place.
        StepError: As the stages say.
    """
    wanted = named_versions(released)
    each_once(run.destinations)
    if run.planning:
        run.report.packages = [
            PackageRow(name, str(version), "", "planned") for name, version in wanted
        ]
        run.report.status = "planned"
        return
    promoting = Promoting(run)
    with run.stage("check"):
        check_views(run)
        check_boundaries(run)
    with work_folder() as work:
        with run.stage("examine"):
            wheels = _wheels(run, wanted, work)
            examination = examine(
                wheels,
                run.destinations,
                content_of=content_hash,
                work=work,
                parallel=run.transfers,
            )
            check_versions_of_names(
                run, [_version(one) for one in examination.actions if isinstance(one, Copy)]
            )
            examination, _ = to_copy(run, examination)
        done = _publish(run, examination, wheels, promoting)
    if promoting.feeds:
        with run.stage("promote"):
            promoting.promote(_by_name(done))
    _note(run, wheels, done, promoting)
    run.report.status = "done" if run.report.changed else "nothing-to-do"


def _wheels(run: Run, wanted: Sequence[Named], work: Path) -> list[Wheel]:
    if not run.destinations:
        raise SettingError(
            "No destination is set, so it is not known where the version is, and where to copy it.",
            code="no-destination",
            cure="Name in `publish-to` the destination that has it, and the one that lacks it.",
        )
    looks = look_at(run.destinations, sorted({name for name, _ in wanted}), run.transfers)
    wheels = []
    for name, version in wanted:
        there = served_wheels(run, name, version, looks, work)
        if not there:
            every = [one for place in looks.values() for one in place.get(name, ())]
            places = " or ".join(one.name for one in run.destinations)
            raise not_released(places, every, (name, version))
        wheels += [one.wheel for one in there]
    return wheels


def _publish(
    run: Run, examination: Examination, wheels: Sequence[Wheel], promoting: Promoting
) -> tuple[Published, ...]:
    so_far: list[Published] = []
    try:
        with run.stage("publish"):
            return publish_examined(run, examination, so_far.append)
    except StepError:
        _note(run, wheels, so_far, promoting)  # what is there is there, whatever came after
        raise


def _version(copy: Copy) -> tuple[str, str]:
    return copy.wheel.name, copy.wheel.version


def _by_name(done: Sequence[Published]) -> dict[str, list[Published]]:
    found: dict[str, list[Published]] = {}
    for one in done:
        found.setdefault(one.wheel.name, []).append(one)
    return found


def _note(
    run: Run, wheels: Sequence[Wheel], done: Sequence[Published], promoting: Promoting
) -> None:
    """Put into the report what is where."""
    rows: dict[tuple[str, str], PackageRow] = {}
    for wheel in wheels:
        key = wheel.name, wheel.version
        package = rows.setdefault(key, PackageRow(*key, "", "unchanged"))
        package.wheels.append(
            WheelRow.of(
                wheel,
                [
                    published_row(one, promoting.view_of(one.destination.place, *key))
                    for one in done
                    if one.wheel.file == wheel.file
                ],
            )
        )
    run.report.packages = list(rows.values())

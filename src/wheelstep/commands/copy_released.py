"""`wheelstep publish NAME==VERSION`: released versions, to the destinations that lack them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wheelstep.commands.released import Named, named_versions, not_released
from wheelstep.destinations.decide import Copy
from wheelstep.destinations.examine import Examination, each_once, examine, look_at
from wheelstep.destinations.publish import Published, at_hand
from wheelstep.errors import SettingError, StepError
from wheelstep.model import Wheel
from wheelstep.packages.content import content_hash
from wheelstep.report import PackageRow, PublishedRow, WheelRow
from wheelstep.stages.elsewhere import served_wheels
from wheelstep.stages.promoting import Promoting
from wheelstep.stages.publishing import publish_examined, work_folder
from wheelstep.stages.run import Run
from wheelstep.stages.upstreams import check_names
from wheelstep.stages.views import check_views

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
            _check_names(run, examination)
            examination, _ = at_hand(examination, run.transfers)
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


def _check_names(run: Run, examination: Examination) -> None:
    """Ask of each version that a destination is to get whether a public one could take its place.

    Raises:
        StepError: As `check_names`.
    """
    copied = {
        (one.wheel.name, one.wheel.version) for one in examination.actions if isinstance(one, Copy)
    }
    while copied:  # several versions of one package are asked for one after another
        versions = dict(sorted(copied))
        check_names(run, versions)
        copied -= set(versions.items())


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
        published = [one for one in done if one.wheel.file == wheel.file]
        package.wheels.append(
            WheelRow(
                wheel.file,
                wheel.sha256,
                wheel.content,
                wheel.size,
                wheel.requires_python,
                [
                    PublishedRow(
                        one.destination.name,
                        one.url,
                        one.outcome.value,
                        promoting.view_of(one.destination.place, *key),
                    )
                    for one in published
                ],
            )
        )
    run.report.packages = list(rows.values())

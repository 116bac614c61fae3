"""`wheelstep promote`: versions that were released earlier, to the view of their feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wheelstep.commands.released import Named, files_of, named_versions, version_of
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.examine import fetched
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.promote import lacking_in_view
from wheelstep.destinations.promote import promote as promote_in
from wheelstep.errors import SettingError
from wheelstep.model import Listed, Outcome, Wheel
from wheelstep.report import PackageRow, PublishedRow, WheelRow
from wheelstep.stages.run import Run
from wheelstep.stages.upstreams import check_versions_of_names
from wheelstep.stages.views import check_views, with_views
from wheelstep.stages.work import work_folder

__all__ = ["promote"]


@dataclass(frozen=True, slots=True)
class _There:
    """A wheel of a version that is to be promoted, as its feed lists it."""

    feed: FeedDestination
    wheel: Wheel
    listed: Listed


def promote(run: Run, released: Sequence[str]) -> None:
    """Promote versions that are in a feed already, after each of their wheels was read.

    Args:
        run: The run.
        released: `NAME==VERSION`, at least one.

    Raises:
        SettingError: A name or a version is none, or is not in the feed; there is no feed with a
            view; the feed has no such view.
        Refused: A feed could serve a public package in a version's place.
        StepError: As `destinations.promote.promote`.
    """
    wanted = named_versions(released)
    if not wanted:
        raise SettingError(
            "No version is named that is to be promoted.",
            code="bad-setting",
            cure="Name it: `wheelstep promote NAME==VERSION`.",
        )
    feeds = _feeds(run)
    with run.stage("check"):
        check_views(run)
    with run.stage("examine"):
        there = [one for feed in feeds for one in _listed(feed, wanted)]
        lacking = {feed.place: _lacking(feed, there) for feed in feeds}
        waiting = [one for one in there if _key(one.wheel) in lacking[one.feed.place]]
        # what the view shows then is what consumers get, and nothing takes it back
        check_versions_of_names(run, [_key(one.wheel) for one in waiting])
        if waiting and not run.planning:
            there = _read(run, there, waiting)
    _note(run, there, lacking, planned=run.planning)
    if run.planning:
        run.report.status = "planned" if waiting else "nothing-to-do"
        return
    with run.stage("promote"):
        for feed in feeds:
            wheels = [one.wheel for one in there if one.feed is feed]
            for name, version in promote_in(feed, wheels, clock=run.clock):
                run.report.promoted = True
                run.host.say(f"{name} {version} promoted to {feed.view} of {feed.name}")
            lacking[feed.place] = set()
            _note(run, there, lacking)
    run.report.status = "done" if run.report.changed else "nothing-to-do"


def _feeds(run: Run) -> list[FeedDestination]:
    """Return the feeds to promote in.

    Raises:
        SettingError: There is none.
    """
    if not run.settings.publish_to_given:
        raise SettingError(
            "No destination is set, so it is not known which feed has the version.",
            code="no-destination",
            cure="Set `publish-to` to the Azure Artifacts feed that has it, and `view` to the view "
            "to promote to.",
        )
    if feeds := with_views(run):
        return feeds
    if any(isinstance(one, FeedDestination) for one in run.destinations):
        raise SettingError(
            "It is not said which view to promote to.",
            code="no-view",
            cure="Set `view`, for instance to Release.",
        )
    raise SettingError(
        "Only an Azure Artifacts feed has views, and no destination is one.",
        code="view-without-feed",
        cure="Name the feed that has the version in `publish-to`.",
    )


def _key(wheel: Wheel) -> tuple[str, str]:
    return wheel.name, wheel.version


def _listed(feed: FeedDestination, wanted: Sequence[Named]) -> list[_There]:
    """Return the wheels of all versions in one feed.

    Raises:
        SettingError: A version is not there.
        StepError: As `Destination.look`.
    """
    listed = feed.look(sorted({name for name, _ in wanted}))
    return [
        _There(
            feed,
            Wheel(
                one.file,
                name,
                str(version_of(one)),  # 3.0 is 3.0.0: as it was published
                one.sha256 or "",
                "",
                one.size or 0,
                one.requires_python,
            ),
            one,
        )
        for name, version in wanted
        for one in files_of(feed, listed, (name, version))
    ]


def _lacking(feed: FeedDestination, there: Sequence[_There]) -> set[tuple[str, str]]:
    """Return the versions that the feed's view does not show yet.

    Raises:
        StepError: As `Destination.look`, and `lacking_in_view`.
    """
    wheels = [one.wheel for one in there if one.feed is feed]
    names = sorted({wheel.name for wheel in wheels})
    view = feed.view or ""
    shown = feed.look_in(view, names)
    return set(lacking_in_view(wheels, shown, f"The view {view} of {feed.name}"))


def _read(run: Run, there: Sequence[_There], waiting: Sequence[_There]) -> list[_There]:
    """Read each wheel that is to be promoted: what cannot be read, or is not what is listed, must
    not be promoted.

    Raises:
        StepError: As `Destination.fetch`.
    """
    with work_folder() as work:

        def size_of(one: _There, folder: Path = work) -> int:
            path, _ = fetched(one.feed, one.listed, folder)
            size = path.stat().st_size
            path.unlink()
            return size

        sizes = in_parallel([lambda a=one: size_of(a) for one in waiting], run.transfers)  # type: ignore[misc]
    known = {
        (one.feed.place, one.wheel.file): size for one, size in zip(waiting, sizes, strict=True)
    }
    return [
        _There(
            one.feed,
            replace(one.wheel, size=known.get((one.feed.place, one.wheel.file), one.wheel.size)),
            one.listed,
        )
        for one in there
    ]


def _note(
    run: Run,
    there: Sequence[_There],
    lacking: Mapping[str, set[tuple[str, str]]],
    *,
    planned: bool = False,
) -> None:
    """Put into the report which version is in which view now, or would be."""
    rows: dict[tuple[str, str], PackageRow] = {}
    wheels: dict[tuple[str, str], WheelRow] = {}
    for one in there:
        wheel, key = one.wheel, _key(one.wheel)
        package = rows.setdefault(key, PackageRow(wheel.name, wheel.version, "", "unchanged"))
        if (file := wheels.get((wheel.file, wheel.sha256))) is None:
            file = WheelRow.of(wheel)
            wheels[wheel.file, wheel.sha256] = file
            package.wheels.append(file)
        waits = key in lacking[one.feed.place]
        file.published.append(
            PublishedRow(
                one.feed.name,
                one.listed.url,
                "planned" if waits and planned else Outcome.IDENTICAL.value,
                None if waits and not planned else one.feed.view,
            )
        )
    run.report.packages = list(rows.values())

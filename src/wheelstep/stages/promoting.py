"""The last of the publishing: what a release publishes is promoted to the views of its feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.decide import find
from wheelstep.destinations.examine import fetched
from wheelstep.destinations.interface import Destination
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.promote import promote
from wheelstep.destinations.publish import Published
from wheelstep.model import Listed, Wheel
from wheelstep.report import PublishedRow
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey
from wheelstep.stages.views import with_views

__all__ = ["Promoted", "Promoting", "at_hand_for_views", "planned_row", "say_planned_promotions"]


@dataclass(frozen=True, slots=True)
class Promoted:
    """A version that a view of a feed shows."""

    place: str
    """The feed's."""
    name: str
    """Normalised."""
    version: str


@dataclass
class Promoting:
    """What a run has promoted, or found promoted."""

    run: Run
    shown: dict[Promoted, str] = field(default_factory=dict)
    """The view it is in."""
    now: list[Promoted] = field(default_factory=list)
    """What this run itself promoted."""

    @property
    def feeds(self) -> list[FeedDestination]:
        """The feeds that something is promoted in."""
        return with_views(self.run)

    def promote(self, published: Mapping[str, Sequence[Published]]) -> None:
        """Promote what is published, in each feed all packages together; what a view shows
        already is left alone.

        Args:
            published: By name, every wheel at every destination.

        Raises:
            StepError: As `destinations.promote.promote`; what was promoted in other feeds before
                stays noted.
        """
        for feed in self.feeds:
            wheels = [
                one.wheel for rows in published.values() for one in rows if one.destination is feed
            ]
            for name, version in promote(feed, wheels, clock=self.run.clock):
                one = Promoted(feed.place, name, version)
                self.now.append(one)
                self.run.report.promoted = True
                self.run.host.say(f"{name} {version} promoted to {feed.view} of {feed.name}")
            self.shown |= {
                Promoted(feed.place, wheel.name, wheel.version): feed.view or "" for wheel in wheels
            }

    def view_of(self, place: str, name: str, version: str) -> str | None:
        """Return the view of a feed that shows a version, None where none is known to."""
        return self.shown.get(Promoted(place, name, version))

    def places(self, name: str, version: str) -> dict[str, str]:
        """Return where a version is in a view, for the record: the feed's place -> the view's."""
        return {
            feed.place: feed.view_place
            for feed in self.feeds
            if feed.view_place and self.view_of(feed.place, name, version) is not None
        }


def at_hand_for_views(run: Run, wheels: Sequence[Wheel], work: Path) -> list[Wheel]:
    """Fetch recorded wheels that a view does not show yet, so that definitions which read the view
    can be rehearsed with them before they are promoted.

    Args:
        run: The run.
        wheels: Those that are published already, by their record.
        work: A folder for them.

    Returns:
        The same wheels with their `path`, as far as a feed has them and its view has not.

    Raises:
        StepError: As `Destination.look` and `fetch`.
    """
    found: dict[str, Wheel] = {}
    names = sorted({wheel.name for wheel in wheels})
    for feed in with_views(run) if names else ():
        listed, shown = feed.look(names), feed.look_in(feed.view or "", names)
        wanted: list[tuple[Wheel, Listed]] = []
        for wheel in wheels:
            there = find(wheel, listed[wheel.name])
            if there is None or wheel.file in found or find(wheel, shown[wheel.name]) is not None:
                continue
            wanted.append((wheel, there))
        paths = in_parallel(
            [lambda f=feed, a=listing: fetched(f, a, work) for _, listing in wanted],  # type: ignore[misc]
            run.transfers,
        )
        for (wheel, _), (path, sha256) in zip(wanted, paths, strict=True):
            if sha256 == wheel.sha256:
                found[wheel.file] = replace(wheel, path=path)
    return list(found.values())


def planned_row(destination: Destination) -> PublishedRow:
    """Return what a plan says of a wheel that a destination, or a view there, does not have."""
    view = destination.view if isinstance(destination, FeedDestination) else None
    return PublishedRow(destination.name, None, "planned", promoted_to=view)


def say_planned_promotions(run: Run, found: Survey) -> None:
    """Say in a plan what would be promoted as far as the record tells, and that it cannot be taken
    back.

    Args:
        run: The run.
        found: The packages.
    """
    for feed in with_views(run):
        those = [
            f"{row.project.name} {row.version}"
            for row in found.packages
            if row.package is not None
            or (row.locked is not None and feed.view_place not in row.locked.places())
        ]
        if those:
            run.warn(
                "promotion-planned",
                f"{', '.join(those)} would be promoted to the view {feed.view} of {feed.name}, "
                "after all else is published and proved. A promotion cannot be taken back.",
                severity="notice",
            )

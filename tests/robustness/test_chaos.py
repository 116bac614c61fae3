"""A third of all answers of a feed goes wrong, by a seed: everything is published and promoted
exactly once.

Nothing waits in earnest but for answers that never come: the clock only moves when somebody would
wait.
"""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path
from typing import Final, cast

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.waiting import quick_transport
from tests.servers.feed import Fault, FeedServer, feed_server
from tests.servers.feed_state import Route
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.feed_facts import Retention
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.promote import check_view, promote
from wheelstep.destinations.publish import publish
from wheelstep.destinations.table import destination_of
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.model import Outcome
from wheelstep.packages.content import content_hash

PLANNED: Final = 2000
SEEDS: Final = range(5)
NOT_DONE: Final = (
    Fault("status", 429, {"Retry-After": "1"}),
    Fault("status", 429),
    Fault("status", 500),
    Fault("status", 503, {"Retry-After": "2"}),
    Fault("drop"),
    Fault("late"),
)
CUT_OFF: Final = Fault("truncate")
LOST: Final = (
    CUT_OFF,
    Fault("drop", store=True),
    Fault("status", 500, store=True),
    Fault("late", store=True),
)
"""The answer to what was done all the same."""
FAULTS: Final[dict[Route, tuple[Fault, ...]]] = {
    "simple": (*NOT_DONE, CUT_OFF),
    "upload": (*NOT_DONE, *LOST),
    "download": (*NOT_DONE, CUT_OFF),
    "api": (*NOT_DONE, *LOST),
    "host": (*NOT_DONE, CUT_OFF),
}
PATIENCE: Final = 0.15
"""Seconds."""


class Chaos:
    """What goes wrong with the requests that are to come."""

    def __init__(self, seed: int, feed: FeedServer) -> None:
        self.feed = feed
        chance = random.Random(seed)  # noqa: S311 - the same for the same seed
        for route, faults in FAULTS.items():
            # the server takes None for "no fault"
            planned = [
                chance.choice(faults) if chance.random() < 1 / 3 else None for _ in range(PLANNED)
            ]
            feed.faults[route] = cast("deque[Fault]", deque(planned))

    def came(self, route: Route) -> int:
        """How many requests it has seen."""
        return PLANNED - len(self.feed.faults[route])


def feed_at(
    server: FeedServer, transport: Transport, root: Path, *, token: str = ""
) -> FeedDestination:
    wanted = Wanted(
        f"feed+{server.simple_url}", token=Secret(token or server.token), view="Release"
    )
    made = destination_of(wanted, root=root, environment={}, transport=transport)
    assert isinstance(made, FeedDestination)
    return made


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_published_and_promoted_exactly_once(seed: int, tmp_path: Path) -> None:
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    wheels = [
        make_wheel(tmp_path / "dist", f"acme-{number % 10}", f"1.{number}", text=f"N = {number}\n")
        for number in range(30)
    ]
    with (
        feed_server(visible_after=seed % 3) as server,
        quick_transport(attempts=6, patience=PATIENCE) as (transport, clock),
    ):
        server.batch_refused = one_by_one = seed % 2 == 1
        chaos = Chaos(seed, server)
        feed = feed_at(server, transport, tmp_path, token=server.job_token)
        check_view(feed)
        (tmp_path / "work").mkdir()
        done = publish(wheels, [feed], content_of=content_hash, work=tmp_path / "work", clock=clock)
        promoted = promote(feed, [one.wheel for one in done], clock=clock)
        assert {one.outcome for one in done} <= {Outcome.UPLOADED, Outcome.IDENTICAL}
        assert sorted(promoted) == sorted((wheel.name, wheel.version) for wheel in wheels)
        # the feed refuses a second file of a name: what is there was stored once, and is ours
        assert {file: stored.sha256 for file, stored in server.files.items()} == {
            wheel.file: wheel.sha256 for wheel in wheels
        }
        assert len({(stored.name, stored.version) for stored in server.files.values()}) == 30
        assert all(stored.views == {"release"} for stored in server.files.values())
        assert len(server.seen("PATCH", "/versions/")) >= 30 * one_by_one
        for route in ("simple", "upload", "download"):
            assert chaos.came(route) > 20
        assert chaos.came("host") > 0
        assert chaos.came("api") > 30 * one_by_one
        assert clock.monotonic() > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_service_says_is_heard_right(seed: int, tmp_path: Path) -> None:
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    with (
        feed_server(public_upstream=True) as server,
        quick_transport(attempts=6, patience=PATIENCE) as (transport, _),
    ):
        feed = feed_at(server, transport, tmp_path)
        assert feed.put(make_wheel(tmp_path, "acme-a"))
        server.promote("acme-a", "1.0.0", "release")
        server.deleted |= {("acme-a", "0.9")}
        server.recycled |= {("acme-a", "0.9")}
        server.retention = {"countLimit": 7, "daysToKeepRecentlyDownloadedPackages": 30}
        server.external_versions |= {"acme-a"}
        chaos = Chaos(seed, server)
        service = feed.service
        for _ in range(4):
            assert service.feed().public_upstreams == ("PyPI",)
            assert service.views() == ("Local", "Prerelease", "Release")
            assert service.retention() == Retention(7, 30)
            assert {one.version: one.deleted for one in service.versions("acme-a")} == {
                "0.9": True,
                "1.0.0": False,
            }
            known = service.version("acme-a", "1.0.0")
            assert known is not None
            assert known.views == ("Local", "Release")
            assert service.version("acme-a", "2") is None
            assert service.recycled("acme-a", "0.9")
            assert not service.recycled("acme-a", "1.0.0")
            assert service.upstreaming("acme-a")
            assert not service.upstreaming("acme-b")
            assert service.identity() == "Release Build"
        assert chaos.came("api") > 30
        assert chaos.came("host") > 3


@pytest.mark.parametrize(
    ("route", "fault"), [(route, fault) for route, faults in FAULTS.items() for fault in faults]
)
def test_one_more_attempt_is_enough_for_any_one_fault(
    route: Route, fault: Fault, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, "acme-a")
    with (
        feed_server() as server,
        quick_transport(attempts=2, patience=PATIENCE) as (transport, clock),
    ):
        feed = feed_at(server, transport, tmp_path)
        server.fault(route, fault)
        (work := tmp_path / "work").mkdir()
        publish([wheel], [feed], content_of=content_hash, work=work, clock=clock)
        promote(feed, [wheel], clock=clock)
        assert not server.faults[route]
        assert len(clock.slept) == 1
        assert [(one.sha256, one.views) for one in server.files.values()] == [
            (wheel.sha256, {"release"})
        ]

"""A third of all answers of a feed goes wrong, by a seed: everything is published exactly once.

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
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.promote import check_view, promote
from wheelstep.destinations.publish import publish
from wheelstep.destinations.table import destination_of
from wheelstep.ground.secret import Secret
from wheelstep.model import Outcome
from wheelstep.packages.content import content_hash

FAULTS: Final = (
    Fault("status", 429, {"Retry-After": "1"}),
    Fault("status", 429),
    Fault("status", 500),
    Fault("status", 503, {"Retry-After": "2"}),
    Fault("drop"),
)
LATE: Final = Fault("late")
LOST: Final = (
    Fault("drop", store=True),
    Fault("status", 500, store=True),
    Fault("late", store=True),
)
"""The answer to what was done all the same."""
PATIENCE: Final = 0.15
"""Seconds."""
ROUTES: Final[dict[Route, tuple[Fault, ...]]] = {
    "simple": (*FAULTS, LATE),
    "upload": (*FAULTS, *LOST),
    "download": (*FAULTS, LATE, Fault("truncate")),
    "api": (*FAULTS, *LOST),
}


class Chaos:
    """What goes wrong with the requests that are to come."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sent: dict[Route, int] = {}

    def let_loose_on(self, feed: FeedServer) -> None:
        chance = random.Random(self.seed)  # noqa: S311 - the same for the same seed
        for route, faults in ROUTES.items():
            # the server takes None for "no fault"
            planned = [
                chance.choice(faults) if chance.random() < 1 / 3 else None for _ in range(2000)
            ]
            feed.faults[route] = cast("deque[Fault]", deque(planned))

    def came(self, feed: FeedServer, route: Route, least: int = 20) -> bool:
        return len(feed.faults[route]) < 2000 - least


@pytest.mark.parametrize("seed", range(8))
def test_everything_is_published_exactly_once(seed: int, tmp_path: Path) -> None:
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    wheels = [
        make_wheel(tmp_path / "dist", f"acme-{number % 10}", f"1.{number}", text=f"N = {number}\n")
        for number in range(30)
    ]
    with (
        feed_server(visible_after=seed % 3) as feed,
        quick_transport(attempts=6, patience=PATIENCE) as (transport, clock),
    ):
        chaos = Chaos(seed)
        chaos.let_loose_on(feed)
        wanted = Wanted(f"feed+{feed.simple_url}", token=Secret(feed.token), view="Release")
        destination = destination_of(wanted, root=tmp_path, environment={}, transport=transport)
        (tmp_path / "work").mkdir()
        done = publish(
            wheels,
            [destination],
            content_of=content_hash,
            work=tmp_path / "work",
            clock=clock,
        )
        assert isinstance(destination, FeedDestination)
        check_view(destination)
        promote(destination, [one.wheel for one in done], clock=clock)
        assert {one.outcome for one in done} <= {Outcome.UPLOADED, Outcome.IDENTICAL}
        # the feed refuses a second file of a name: what is there was stored once, and is ours
        assert {file: stored.sha256 for file, stored in feed.files.items()} == {
            wheel.file: wheel.sha256 for wheel in wheels
        }
        assert len({(stored.name, stored.version) for stored in feed.files.values()}) == 30
        assert all(stored.views == {"release"} for stored in feed.files.values())
        assert all(chaos.came(feed, route) for route in ("simple", "upload", "download"))
        assert chaos.came(feed, "api", 1)
        assert clock.monotonic() > 0

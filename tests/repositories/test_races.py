from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.repositories.conftest import Hosted
from tests.repositories.support import add_line
from wheelstep.ground.clock import SystemClock
from wheelstep.repositories.interface import Committed
from wheelstep.repositories.land import land, still_wanted


@pytest.mark.parametrize("same_file", [True, False])
@pytest.mark.parametrize("count", [2, 10])
def test_everyones_work_ends_on_the_branch(hosted: Hosted, count: int, same_file: bool) -> None:
    names = [f"p{number}" for number in range(count)]
    # two clones share a folder: several jobs of one self-hosted agent
    repositories = [hosted.push_repository(hosted.clone(name, "--depth=1")) for name in names[:3]]
    repositories += [hosted.push_repository(hosted.world.root / "p0") for _ in names[3:]]

    def release(number: int) -> Committed:
        path = "pins.txt" if same_file else f"pins-{number}.txt"
        clock = SystemClock()
        return land(
            repositories[number], add_line(path, names[number]), f"By {number}", clock=clock
        )

    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(release, range(count)))
    assert [each.status for each in done] == ["pushed"] * count
    assert len(hosted.commits()) == count + 1
    if same_file:
        assert hosted.show("pins.txt").decode().splitlines() == sorted(names)
    else:
        assert [hosted.show(f"pins-{number}.txt").decode() for number in range(count)] == names
    hosted.world.git(hosted.bare, "fsck", "--strict")


def line_of(*commits: str) -> dict[str, int]:
    return {commit: number for number, commit in enumerate(commits)}


@pytest.mark.parametrize(
    ("ours", "theirs", "wanted"),
    [
        (("1.0", "b"), (None, None), True),
        (("1.0", "b"), ("1.0", "b"), True),
        (("1.0", "b"), ("9.0", "b"), True),
        # the line of history decides, whatever the versions
        (("1.0", "b"), ("1.1", "c"), False),
        (("2.0", "b"), ("1.1", "c"), False),
        (("2.0", "b"), ("1.0", "a"), True),
        (("1.0", "b"), ("2.0", "a"), True),
        # other lines, unknown commits, no record: the higher version
        (("1.10", "b"), ("1.9", "x"), True),
        (("1.9", "b"), ("1.10", "x"), False),
        (("1.9", "b"), ("1.9.0", "x"), True),
        (("1.0", "b"), ("1.0rc1", None), True),
        (("1.0rc1", "b"), ("1.0", None), False),
        (("1.0", "b"), ("latest", None), True),
    ],
)
def test_a_newer_pin_is_never_taken_back(
    ours: tuple[str, str], theirs: tuple[str | None, str | None], wanted: bool
) -> None:
    order = line_of("a", "b", "c")

    def is_ancestor(older: str, newer: str) -> bool | None:
        if older not in order or newer not in order:
            return None
        return order[older] <= order[newer]

    assert still_wanted(*ours, *theirs, is_ancestor) is wanted


def test_any_order_of_arrival_ends_with_the_newest() -> None:
    order = line_of("a", "b", "c", "d")
    pins = [("1.0", "a"), ("1.1", "b"), ("1.0.1", "c"), ("1.2", "d")]
    chance = random.Random(7)  # noqa: S311 - an order, no secret
    for _ in range(50):
        chance.shuffle(pins)
        now: tuple[str | None, str | None] = (None, None)
        for pin in pins:
            if still_wanted(*pin, *now, lambda older, newer: order[older] <= order[newer]):
                now = pin
        assert now == ("1.2", "d")

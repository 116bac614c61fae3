from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.repositories.conftest import Hosted
from tests.repositories.support import add_line, add_pin
from wheelstep.ground.clock import SystemClock
from wheelstep.model import Change
from wheelstep.repositories.interface import Committed, Snapshot
from wheelstep.repositories.land import land, still_wanted


@pytest.mark.parametrize("count", [2, 10])
def test_everyones_work_ends_on_the_branch(hosted: Hosted, count: int) -> None:
    names = [f"p{number}" for number in range(count)]
    # some share a clone, as jobs of one self-hosted agent do; some clones are shallow
    clones = [hosted.clone("full"), hosted.clone("shallow", "--depth=1")]
    repositories = [hosted.push_repository(clones[number % 2]) for number in range(count)]

    def release(number: int) -> Committed:
        own, common = add_line(f"own-{number}", "x"), add_line("pins.txt", names[number])

        def decide(head: Snapshot) -> list[Change]:
            return [*own(head), *common(head)]

        return land(repositories[number], decide, f"By {number}", clock=SystemClock())

    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(release, range(count)))
    assert [each.status for each in done] == ["pushed"] * count
    assert len(hosted.commits()) == count + 1
    assert hosted.show("pins.txt").decode().splitlines() == sorted(names)
    assert [hosted.show(f"own-{number}") for number in range(count)] == [b"x"] * count
    hosted.world.git(hosted.bare, "fsck", "--strict")
    for clone in clones:
        assert hosted.world.git(clone, "for-each-ref", "refs/wheelstep") == ""


def test_a_colleague_at_work_among_racing_runs_loses_nothing(hosted: Hosted) -> None:
    git, bare = hosted.world.git, hosted.bare.as_uri()
    begin = hosted.head()
    clones = [hosted.clone(f"clone-{number}", "--depth=1") for number in range(10)]
    place = hosted.world.root / "colleague"
    git(hosted.world.root, "clone", "--quiet", bare, str(place))

    def colleague() -> None:
        """Edit by hand what the runs edit, too; pull and push until it is there."""
        for number in range(8):
            while True:
                git(place, "fetch", "--quiet")
                git(place, "reset", "--quiet", "--hard", "origin/main")
                text = (place / "conda.yml").read_text()
                (place / "conda.yml").write_text(f"# by hand {number}\n{text}")
                git(place, "commit", "--quiet", "--all", "-m", f"By hand {number}")
                if done_by(place, "push", "--quiet", "origin", "main"):
                    break

    def done_by(where: Path, *arguments: str) -> bool:
        try:
            git(where, *arguments)
        except AssertionError:
            return False
        return True

    def release(number: int) -> Committed:
        decide = add_pin("conda.yml", f"p{number}", "1.0")
        return land(hosted.push_repository(clones[number]), decide, "Pin", clock=SystemClock())

    with ThreadPoolExecutor(11) as pool:
        by_hand = pool.submit(colleague)
        done = list(pool.map(release, range(10)))
        by_hand.result()
    assert {one.status for one in done} == {"pushed"}
    text = hosted.show("conda.yml").decode()
    assert [f"# by hand {number}" in text for number in range(8)] == [True] * 8
    assert sorted(line for line in text.splitlines() if "==" in line) == sorted(
        ["- acme==1.0", *(f"- p{number}==1.0" for number in range(10))]
    )
    assert git(hosted.bare, "rev-list", "--merges", "main") == ""
    assert git(hosted.bare, "rev-list", "--count", f"{begin}..main") == "18"


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

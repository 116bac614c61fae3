"""A proposal on GitHub and on Azure Repos: one branch, one pull request, whoever comes between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.repositories.proposal_kit import BRANCH, HOSTS, Proposing, proposing
from tests.repositories.support import NoWait, add_line, pin
from wheelstep.errors import StoppedBySignal
from wheelstep.ground.clock import SystemClock
from wheelstep.repositories.interface import Committed, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.pulls import PullWish

GONE = "Nothing is left to propose: `main` has it all."
CLOSED = {"closed", "abandoned"}
OPEN = {"open", "active"}
MERGED_BY_HAND = {"conda.yml": "dependencies:\n- acme==2.0\n"}


@pytest.fixture(params=HOSTS)
def host(
    request: pytest.FixtureRequest, tmp_path: Path, bare_seed: Path, seed: Path
) -> Iterator[Proposing]:
    with proposing(request.param, tmp_path, bare_seed, seed) as made:
        yield made


def test_with_nothing_left_the_branch_goes_and_the_pull_request_with_it(host: Proposing) -> None:
    host.propose(pin())
    host.commit("main", MERGED_BY_HAND)
    done = host.propose(pin())
    assert done.status == "none"
    [note] = done.notes
    assert f"The branch {BRANCH} is removed." in note
    assert host.branches == ["main"]
    assert set(host.states) <= CLOSED
    assert host.comments() == [GONE]
    # and the next one asks nobody for anything
    assert host.propose(pin()) == Committed("none")
    assert host.comments() == [GONE]


def test_a_commit_that_somebody_pushes_meanwhile_keeps_its_pull_request(host: Proposing) -> None:
    host.propose(pin())
    host.commit("main", MERGED_BY_HAND)
    host.before["remove"] = lambda: host.commit(BRANCH, {"notes": "careful\n"})
    done = host.propose(pin())
    assert done.status == "pull-request"
    assert host.show("notes", BRANCH) == "careful"
    assert set(host.states) <= OPEN
    assert host.comments() == []


@pytest.mark.parametrize("call", ["remove", "close"])
def test_a_run_that_was_killed_in_between_is_finished_by_the_next(
    host: Proposing, call: str
) -> None:
    def killed() -> None:
        raise StoppedBySignal(9)

    host.propose(pin())
    host.commit("main", MERGED_BY_HAND)
    host.before[call] = killed
    with pytest.raises(StoppedBySignal):
        host.propose(pin())
    assert host.propose(pin()).status == "none"
    assert host.branches == ["main"]
    assert set(host.states) <= CLOSED


def test_another_run_that_proposes_while_it_is_closed_ends_with_a_pull_request(
    host: Proposing,
) -> None:
    host.propose(pin())
    host.commit("main", MERGED_BY_HAND)
    host.before["close"] = lambda: host.propose(pin(version="3.0"), "Pin 3")
    assert host.propose(lambda _: []).status == "pull-request"
    assert "acme==3.0" in host.show("conda.yml", BRANCH)
    assert len([one for one in host.states if one in OPEN]) == 1


def test_a_run_that_was_killed_before_it_opened_a_new_one_is_made_up_for(host: Proposing) -> None:
    def killed() -> None:
        raise StoppedBySignal(9)

    host.propose(pin())
    host.close(1)
    assert host.propose(pin()).status == "none", "what somebody closed stays closed"
    host.before["create"] = killed
    with pytest.raises(StoppedBySignal):
        host.propose(pin(version="3.0"))
    # what is on the branch now is not what somebody closed
    assert host.propose(pin(version="3.0")).status == "pull-request"
    assert len([one for one in host.states if one in OPEN]) == 1


def test_ten_runs_at_once_end_in_one_pull_request_with_everyones_pins(host: Proposing) -> None:
    names = [f"p{number}" for number in range(10)]

    def run(name: str) -> Committed:
        return host.propose(add_line("pins.txt", name), f"Pin {name}", clock=SystemClock())

    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(run, names))
    assert {one.status for one in done} == {"pull-request"}
    assert len({one.url for one in done}) == 1
    assert host.show("pins.txt", BRANCH).splitlines() == names
    assert host.git("rev-list", "--count", f"main..{BRANCH}") == "1"
    assert host.branches == ["main", BRANCH], "and nothing is left lying about"
    assert len(host.states) == 1


def test_two_that_open_one_at_the_same_time_end_with_the_same(host: Proposing) -> None:
    host.propose(pin())
    host.server.pulls.clear()
    both = threading.Barrier(2)
    repositories = [host.repository(host.world.root / "checkout") for _ in range(2)]
    for one in repositories:
        # both have looked, and there was none
        one._pulls.before = {"create": both.wait}  # type: ignore[attr-defined]
    with ThreadPoolExecutor(2) as pool:
        words = Wording("Pin", "Pin", "Body")
        done = list(
            pool.map(lambda one: land(one, pin(), lambda: words, clock=NoWait()), repositories)
        )
    assert len({one.url for one in done}) == 1
    assert {one.status for one in done} == {"pull-request"}
    assert len(host.states) == 1


def test_the_same_again_writes_nothing(host: Proposing) -> None:
    host.propose(pin())
    host.server.calls.clear()
    host.server.seen.clear()
    for title in ("Pin", "Said in other words"):
        assert host.propose(pin(), title).status == "pull-request"
    writing = [one for one in host.server.calls if one.method not in {"GET", "OPTIONS"}]
    assert [one.label for one in writing] == []
    assert [one.path for one in host.server.seen if "receive-pack" in one.path] == []


def test_what_a_person_wrote_stays_as_long_as_the_content_does(host: Proposing) -> None:
    host.propose(pin())
    [there] = host.server.pulls[host.listed]
    there.title = "By hand"
    host.propose(pin(), "Anew")
    assert there.title == "By hand"
    host.propose(pin(version="3.0"), "Pin 3")
    assert there.title == "Pin 3"


def test_what_a_faster_run_says_of_both_is_not_overwritten(host: Proposing) -> None:
    host.propose(pin())
    host.before["latest"] = lambda: host.propose(add_line("pins.txt", "b==1"), "Of both")
    assert host.propose(add_line("pins.txt", "a==1"), "Of one").status == "pull-request"
    [there] = host.server.pulls[host.listed]
    assert there.title == "Of both"
    assert host.show("pins.txt", BRANCH).splitlines() == ["a==1", "b==1"]


def test_what_a_run_that_was_killed_left_undone_of_a_pull_request_is_made_up_for(
    host: Proposing,
) -> None:
    host.propose(pin())  # and it was killed here
    [there] = host.server.pulls[host.listed]
    there.title = "By hand"
    words = "body" if hasattr(there, "body") else "description"
    long = "Longer than Azure Repos lists. " * 20
    setattr(there, words, long)
    host.wish = PullWish("", "", labels=("pins",), merge="squash")
    for _ in range(2):
        assert host.propose(pin()).status == "pull-request"
        completes = getattr(there, "auto_merge", "") or getattr(there, "completed_by", "")
        assert (there.title, there.labels, bool(completes)) == ("By hand", ["pins"], True)
        assert getattr(there, words) == long
    host.server.calls.clear()
    host.propose(pin())
    writing = [one for one in host.server.calls if one.method not in {"GET", "OPTIONS"}]
    assert [one.label for one in writing] == []

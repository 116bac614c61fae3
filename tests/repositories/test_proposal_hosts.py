"""A proposal on GitHub and on Azure Repos: one branch, one pull request, whoever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repositories.proposal_kit import BRANCH, HOSTS, Proposing, proposing
from tests.repositories.support import pin
from wheelstep.errors import StoppedBySignal

GONE = "Nothing is left to propose: main has all of it."
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
    assert host.propose(pin()).status == "none"
    assert host.branches == ["main"]
    assert set(host.states) <= CLOSED
    assert host.comments() == [GONE]
    # and the next one asks nobody for anything
    assert host.propose(pin()).status == "none"
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

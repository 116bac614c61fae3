"""Branches that GitHub moves, removes and tags, read back with git."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.repositories.github_kit import (
    FAULTS,
    NAME,
    NOW,
    STABLE,
    AtGitHub,
    nothing,
    somebody_pushes,
)
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StoppedBySignal
from wheelstep.ground.git import Git
from wheelstep.repositories.next_branch import NEXT
from wheelstep.repositories.objects import GitSnapshot
from wheelstep.repositories.pulls import PullWish

NEW = b"dependencies:\n- acme==2.0\n"


# -- a branch that is replaced


def test_a_new_branch_appears_with_its_commit(github: AtGitHub) -> None:
    noted: list[str] = []
    draft = github.draft()
    made = github.way().replace(STABLE, None, draft, noted.append)
    assert made == github.head(STABLE)
    assert noted == [made]
    assert github.server.branches(NAME) == ["main", STABLE]
    clone = github.cloned("clone", STABLE)
    assert (clone / "conda.yml").read_bytes() == NEW
    assert github.world.git(clone, "rev-parse", "HEAD^") == draft.on.head


def test_a_branch_that_is_there_becomes_the_new_commit_alone(github: AtGitHub) -> None:
    first = github.way().replace(STABLE, None, github.draft(), nothing)
    somebody_pushes(github)
    draft = github.draft(message="Pin acme 3.0")
    second = github.way().replace(STABLE, first, draft, nothing)
    assert second == github.head(STABLE)
    assert github.git("rev-list", "--count", f"{draft.on.head}..{STABLE}") == "1"
    assert github.server.branches(NAME) == ["main", STABLE]


def test_a_base_that_github_has_not_is_one_that_has_moved(github: AtGitHub) -> None:
    head = github.snapshot()
    gone = github.world.git(github.checkout, "commit-tree", f"{head.head}^{{tree}}", "-m", "Gone")
    on = GitSnapshot(Git.open(github.checkout, github.world.environment), gone, branch="main")
    assert github.way().replace(STABLE, None, github.draft(on=on), nothing) is None
    assert github.server.branches(NAME) == ["main"]


@pytest.mark.parametrize("was", [None, "0123456789" * 4])
def test_a_branch_that_is_elsewhere_is_left_alone(github: AtGitHub, was: str | None) -> None:
    github.way().replace(STABLE, None, github.draft(), nothing)
    theirs = somebody_pushes(github, STABLE)
    github.server.calls.clear()
    assert github.way().replace(STABLE, was, github.draft(), nothing) is None
    assert github.server.labels() == ["State"], "nothing is made in vain"
    assert github.head(STABLE) == theirs
    assert github.server.branches(NAME) == ["main", STABLE]


def test_a_branch_that_moves_in_between_is_left_alone(github: AtGitHub) -> None:
    first = github.way().replace(STABLE, None, github.draft(), nothing)
    theirs: list[str] = []
    draft = github.draft(message="Pin acme 3.0")
    made = github.way().replace(
        STABLE, first, draft, lambda _: theirs.append(somebody_pushes(github, STABLE))
    )
    assert made is None
    assert github.head(STABLE) == theirs[0]
    assert github.server.branches(NAME) == ["main", STABLE]


def test_of_several_runs_at_once_one_gets_the_branch(github: AtGitHub) -> None:
    first = github.way().replace(STABLE, None, github.draft(), nothing)
    on = github.snapshot()

    def run(number: int) -> str | None:
        draft = github.draft({"conda.yml": b"%d" % number}, on=on)
        return github.way().replace(STABLE, first, draft, nothing)

    with ThreadPoolExecutor(6) as pool:
        made = [each for each in pool.map(run, range(6)) if each is not None]
    assert made == [github.head(STABLE)]
    assert github.server.branches(NAME) == ["main", STABLE]


@pytest.mark.parametrize("was_there", [True, False])
def test_an_older_server_moves_the_branch_in_steps(github: AtGitHub, was_there: bool) -> None:
    github.server.lacks.add("updateRefs")
    first = github.way().replace(STABLE, None, github.draft(), nothing) if was_there else None
    made = github.way().replace(STABLE, first, github.draft(message="Pin acme 3.0"), nothing)
    assert made == github.head(STABLE)
    assert github.server.branches(NAME) == ["main", STABLE]
    assert github.way().remove(STABLE, made or "") is True
    assert github.server.branches(NAME) == ["main"]


def test_a_branch_that_may_not_be_moved_stays_and_nothing_lies_about(github: AtGitHub) -> None:
    first = github.way().replace(STABLE, None, github.draft(), nothing)
    github.server.protected[NAME, STABLE] = "ruleset"
    with pytest.raises(ServiceRefused, match=f"{STABLE} at .* is protected") as raised:
        github.way().replace(STABLE, first, github.draft(message="Pin acme 3.0"), nothing)
    assert raised.value.code == "branch-protected"
    assert github.head(STABLE) == first
    assert github.server.branches(NAME) == ["main", STABLE]


REQUESTS = ("State", "POST", "createCommitOnBranch", "updateRefs", "GET")


def test_a_branch_is_replaced_by_these_requests(github: AtGitHub) -> None:
    github.way().replace(STABLE, None, github.draft(), nothing)
    assert tuple(label.partition(" ")[0] for label in github.server.labels()) == REQUESTS


def proposed(github: AtGitHub) -> str:
    """Make the branch, with a pull request that closes when the branch has nothing of its own."""
    first = github.way().replace(STABLE, None, github.draft(), nothing)
    assert first
    github.pulls().create(STABLE, "main", PullWish("Update", "Text"))
    return first


def check(github: AtGitHub, first: str, head: str) -> str:
    """Check that the branch is at one of its two places, and the pull request open."""
    now = github.head(STABLE)
    assert now is not None
    assert github.git("rev-parse", f"{now}^") == head, "one commit on main"
    assert now == first or github.git("show", f"{now}:conda.yml") == "three"
    assert github.server.pull(NAME, 1).state == "open"
    return now


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", range(1, len(REQUESTS) + 1))
def test_one_fault_at_any_request_changes_nothing_of_the_end(
    github: AtGitHub, fault: Any, nth: int
) -> None:
    first = proposed(github)
    draft = github.draft({"conda.yml": b"three"}, message="Pin acme 3.0")
    github.server.trouble(fault, nth=nth)
    noted: list[str] = []
    made = github.way().replace(STABLE, first, draft, noted.append)
    assert not github.server.ordered
    assert made == check(github, first, draft.on.head)
    assert made != first
    assert noted == [made]
    assert github.server.branches(NAME) == ["main", STABLE]


@pytest.mark.parametrize("fault", ["503", "503-after", "drop-request", "drop-reply"])
@pytest.mark.parametrize("nth", range(1, len(REQUESTS) + 1))
def test_a_service_that_goes_away_at_any_request_leaves_no_half_state(
    github: AtGitHub, fault: Any, nth: int
) -> None:
    first = proposed(github)
    draft = github.draft({"conda.yml": b"three"}, message="Pin acme 3.0")
    github.server.trouble(fault, nth=nth, times=1000)
    if nth == len(REQUESTS):
        assert github.way().replace(STABLE, first, draft, nothing)
    else:
        with pytest.raises(ServiceUnavailable):
            github.way().replace(STABLE, first, draft, nothing)
    github.server.ordered.clear()
    there = check(github, first, draft.on.head)
    # the next run, more than an hour later
    github.clock.passed += 3700
    draft = github.draft({"conda.yml": b"three"}, message="Pin acme 3.1")
    made = github.way().replace(STABLE, there, draft, nothing)
    assert made == check(github, first, draft.on.head)
    assert github.server.branches(NAME) == ["main", STABLE]


def test_a_hanging_service_is_given_up(github: AtGitHub) -> None:
    draft = github.draft()
    github.server.trouble("stall", "createCommitOnBranch", times=3)
    with pytest.raises(ServiceUnavailable, match="got no answer"):
        github.way(read=0.3).replace(STABLE, None, draft, nothing)
    assert github.server.branches(NAME) == ["main"]


def test_what_killed_runs_left_is_swept_after_an_hour(github: AtGitHub) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW - 3700))
    young = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW - 60))
    names = [f"{NEXT}{stamp}-dead", f"{NEXT}{young}-alive", f"{NEXT}mine"]
    for name in names:
        github.git("branch", name, "main")
    github.way().replace(STABLE, None, github.draft(), nothing)
    assert github.server.branches(NAME) == ["main", names[1], names[2], STABLE]


@pytest.mark.parametrize("nth", range(1, len(REQUESTS) + 1))
def test_a_run_that_is_stopped_stops_there(github: AtGitHub, nth: int) -> None:
    first = proposed(github)
    draft = github.draft({"conda.yml": b"three"}, message="Pin acme 3.0")
    github.server.trouble("503", nth=nth, times=1000)
    github.clock.stopped = True
    with pytest.raises(StoppedBySignal):
        github.way().replace(STABLE, first, draft, nothing)
    check(github, first, draft.on.head)


# -- branches that go, tags


def test_a_branch_is_removed_where_it_was_seen(github: AtGitHub) -> None:
    made = github.way().replace(STABLE, None, github.draft(), nothing)
    assert made
    assert github.way().remove(STABLE, made) is True
    assert github.server.branches(NAME) == ["main"]
    assert github.way().remove(STABLE, made) is True, "gone already"


def test_a_branch_that_is_elsewhere_is_not_removed(github: AtGitHub) -> None:
    made = github.way().replace(STABLE, None, github.draft(), nothing)
    assert made
    theirs = somebody_pushes(github, STABLE)
    assert github.way().remove(STABLE, made) is False
    assert github.head(STABLE) == theirs


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("older", [True, False])
def test_a_lost_answer_about_a_removal_is_looked_after(
    github: AtGitHub, fault: Any, older: bool
) -> None:
    made = github.way().replace(STABLE, None, github.draft(), nothing)
    assert made
    if older:
        github.server.lacks.add("updateRefs")
    github.server.trouble(fault, "DELETE" if older else "updateRefs")
    assert github.way().remove(STABLE, made) is True
    assert not github.server.ordered
    assert github.server.branches(NAME) == ["main"]


def test_a_tag_is_made_once_and_never_moves(github: AtGitHub) -> None:
    first = github.head() or ""
    assert github.way().tag("acme-2.0", first) == first
    later = github.way().commit("main", github.draft(), nothing)
    assert later
    assert github.way().tag("acme-2.0", later) == first
    assert github.git("rev-parse", "refs/tags/acme-2.0") == first


def test_a_tag_with_a_text_of_its_own_is_told_by_its_commit(github: AtGitHub) -> None:
    head = github.head() or ""
    github.git("-c", "user.name=A", "-c", "user.email=a@b", "tag", "-a", "-m", "Two", "v/2", "main")
    assert github.git("cat-file", "-t", "v/2") == "tag"
    assert github.way().tag("v/2", head) == head


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_answer_about_a_tag_does_no_harm(github: AtGitHub, fault: Any) -> None:
    head = github.head() or ""
    github.server.trouble(fault, "POST")
    assert github.way().tag("v1", head) == head
    assert not github.server.ordered
    assert github.git("rev-parse", "refs/tags/v1") == head


def test_a_tag_that_a_rule_forbids_is_told(github: AtGitHub) -> None:
    github.server.protected[NAME, "v1"] = "ruleset"
    with pytest.raises(ServiceRefused, match=r"v1 at .* is protected") as raised:
        github.way().tag("v1", github.head() or "")
    assert raised.value.code == "branch-protected"

"""How a proposal ends: merged, emptied, closed; and what comes back after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.conftest import Hosted
from tests.repositories.pulls_kit import (
    BRANCH,
    Pulls,
    branches,
    proposed,
    somebody,
    subjects,
)
from tests.repositories.support import pin
from wheelstep.repositories.git_way import GitWay
from wheelstep.repositories.remote import Remote


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_the_branch_goes_when_all_of_it_is_merged(
    hosted: Hosted, clone: Path, pulls: Pulls, how: str
) -> None:
    proposed(hosted, clone, pulls, pin())
    place = hosted.world.root / "merging"
    hosted.world.git(hosted.world.root, "clone", "--quiet", str(hosted.bare), str(place))
    option = "--no-ff" if how == "merge" else "--squash"
    hosted.world.git(place, "merge", "--quiet", option, f"origin/{BRANCH}")
    if how == "squash":
        hosted.world.git(place, "commit", "--quiet", "-m", "Squashed")
    hosted.world.git(place, "push", "--quiet", "origin", "main")
    pulls.set("merged", 1)
    done = proposed(hosted, clone, pulls, pin())
    assert done.status == "none"
    assert branches(hosted) == ["main"]
    assert pulls.done == ["create 1: Pin"]
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert subjects(hosted) == ["Pin 3"]
    assert pulls.done == ["create 1: Pin", "create 2: Pin 3"]


def test_a_branch_that_is_merged_and_removed_while_a_run_looks_at_it(
    hosted: Hosted, pulls: Pulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = hosted.clone("late")
    proposed(hosted, hosted.clone("early"), pulls, pin())
    fetch = Remote.fetch

    def merged(remote: Remote, branch: str | None = None, *, depth: int = 1) -> str:
        monkeypatch.setattr(Remote, "fetch", fetch)
        hosted.world.git(hosted.bare, "branch", "--force", "main", BRANCH)
        hosted.world.git(hosted.bare, "branch", "--delete", "--force", BRANCH)
        pulls.set("merged", 1)
        return fetch(remote, branch, depth=depth)

    monkeypatch.setattr(Remote, "fetch", merged)
    assert proposed(hosted, late, pulls, pin()).status == "none"
    assert Remote.fetch is fetch, "it was merged meanwhile"
    assert branches(hosted) == ["main"]
    assert pulls.done == ["create 1: Pin"]


@pytest.mark.parametrize("how", ["squash", "rebase"])
def test_a_colleagues_commits_that_are_merged_are_not_proposed_again(
    hosted: Hosted, how: str, pulls: Pulls
) -> None:
    clone = hosted.clone("clone")
    proposed(hosted, clone, pulls, pin())
    somebody(hosted, BRANCH, {"notes": "mine"}, "By hand")
    pulls.set("merged", 1, hosted.world.git(hosted.bare, "rev-parse", BRANCH))
    somebody(hosted, "main", {"readme": "two"}, "Elsewhere")
    place = hosted.world.root / "merging"
    hosted.world.git(hosted.world.root, "clone", "--quiet", str(hosted.bare), str(place))
    if how == "squash":
        hosted.world.git(place, "merge", "--quiet", "--squash", f"origin/{BRANCH}")
        hosted.world.git(place, "commit", "--quiet", "-m", "Squashed")
    else:
        hosted.world.git(place, "cherry-pick", f"main..origin/{BRANCH}")
    hosted.world.git(place, "push", "--quiet", "origin", "main")
    assert proposed(hosted, clone, pulls, pin()).status == "none"
    assert branches(hosted) == ["main"]
    assert pulls.done == ["create 1: Pin"]


def test_a_commit_that_comes_after_the_merge_is_a_colleagues(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    pulls.set("merged", 1, hosted.world.git(hosted.bare, "rev-parse", BRANCH))
    somebody(hosted, BRANCH, {"notes": "mine"}, "By hand")
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert subjects(hosted) == ["Pin 3", "By hand", "Pin"]


def test_a_branch_from_which_nothing_was_proposed_is_not_removed(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    hosted.world.git(hosted.bare, "branch", BRANCH, "main")
    assert proposed(hosted, clone, pulls, lambda _: []).status == "none"
    assert branches(hosted) == ["main", BRANCH]


def test_a_proposal_that_came_about_otherwise_is_closed(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    somebody(hosted, "main", {"conda.yml": "dependencies:\n- acme==2.0\n"}, "By hand")
    assert proposed(hosted, clone, pulls, pin()).status == "none"
    assert branches(hosted) == ["main"]
    assert pulls.done[1:] == ["close 1: Nothing is left to propose: `main` has it all."]


def test_what_another_run_proposes_once_the_branch_is_removed_is_not_closed(
    hosted: Hosted, pulls: Pulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, other = hosted.clone("clone"), hosted.clone("other")
    proposed(hosted, clone, pulls, pin())
    somebody(hosted, "main", {"conda.yml": "dependencies:\n- acme==2.0\n"}, "By hand")
    remove = GitWay.remove

    def faster(way: GitWay, branch: str, was: str) -> bool:
        monkeypatch.setattr(GitWay, "remove", remove)
        done = remove(way, branch, was)
        proposed(hosted, other, pulls, pin(version="3.0"), "Pin 3")
        return done

    monkeypatch.setattr(GitWay, "remove", faster)
    assert proposed(hosted, clone, pulls, lambda _: []).status == "pull-request"
    assert hosted.show("conda.yml", BRANCH) == b"dependencies:\n- acme==3.0"
    assert pulls.done == ["create 1: Pin", "update 1: Pin 3"]


def test_what_somebody_closed_is_not_proposed_again(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    pulls.set("closed", 1)
    done = proposed(hosted, clone, pulls, pin())
    assert done.status == "none"
    assert "Somebody has closed the pull request https://host/pull/1" in done.notes[0]
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert pulls.done == ["create 1: Pin", "create 2: Pin 3"]

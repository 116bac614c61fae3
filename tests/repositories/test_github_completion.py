"""`auto-merge` on GitHub: what the host does of it, and what the user reads of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.repositories.github_kit import NAME, STABLE, AtGitHub
from wheelstep.repositories.pulls import Merge, PullRequest, PullWish


@pytest.fixture
def github(github_with_branch: AtGitHub) -> AtGitHub:
    return github_with_branch


def opened(github: AtGitHub, wish: PullWish) -> PullRequest:
    pull, notes = github.pulls().create(STABLE, "main", wish)
    assert notes == []
    return pull


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_it_is_completed_as_soon_as_the_rules_allow(github: AtGitHub, how: Merge) -> None:
    pull = opened(github, PullWish("Update", "Text", merge=how))
    assert pull.state == "open"
    assert github.server.pull(NAME, 1).auto_merge == how


@pytest.mark.parametrize(("how", "commits"), [("merge", "2"), ("squash", "1"), ("rebase", "1")])
def test_with_nothing_to_wait_for_it_is_merged_at_once(
    github: AtGitHub, how: Merge, commits: str
) -> None:
    github.server.waits = False
    before = github.head()
    pull = opened(github, PullWish("Update", "Text", merge=how))
    assert pull.state == "merged"
    assert github.git("rev-list", "--count", f"{before}..main") == commits
    assert (github.cloned("clone") / "conda.yml").read_bytes() == b"dependencies:\n- acme==2.0\n"


def test_a_lost_answer_about_the_merge_is_looked_after(github: AtGitHub) -> None:
    github.server.waits = False
    github.server.trouble("drop-reply", "/merge")
    assert opened(github, PullWish("Update", "Text", merge="squash")).state == "merged"
    assert not github.server.ordered


def test_a_merge_that_is_refused_is_told(github: AtGitHub) -> None:
    github.server.waits = False
    github.server.trouble("502", "/merge", times=1000)
    pull, notes = github.pulls().create(STABLE, "main", PullWish("Up", "Text", merge="merge"))
    assert pull.state == "open"
    assert [note.partition(": ")[0] for note in notes] == ["Whether it was completed is not known"]


def test_a_repository_without_auto_merge_is_told_with_the_cure(github: AtGitHub) -> None:
    github.server.auto_merge = False
    pull, notes = github.pulls().create(STABLE, "main", PullWish("Up", "Text", merge="merge"))
    assert pull.state == "open"
    assert notes == [
        (
            "The pull request is not set to complete by itself: Auto merge is not allowed for this"
            ' repository. Switch "Allow auto-merge" on in the repository\'s settings, under'
            " General."
        )
    ]


def test_a_way_of_merging_that_is_not_allowed_is_told(github: AtGitHub) -> None:
    github.server.methods = {"squash"}
    _, notes = github.pulls().create(STABLE, "main", PullWish("Up", "Text", merge="rebase"))
    assert notes == [
        (
            "The pull request is not set to complete by itself: Merge method rebase merging is not"
            " allowed on this repository. Set `auto-merge` to a way that the repository's settings"
            " allow."
        )
    ]


def test_a_way_of_merging_that_github_has_not_is_told(github: AtGitHub) -> None:
    wish = PullWish("Up", "Text", merge="semi-linear")
    _, notes = github.pulls().create(STABLE, "main", wish)
    assert notes == [
        (
            "The pull request is not set to complete by itself: GitHub has no semi-linear merge. It"
            " has merge, squash, rebase."
        )
    ]


def test_on_a_branch_with_a_queue_it_goes_into_the_queue(github: AtGitHub) -> None:
    github.server.waits = False
    github.server.queues.add((NAME, "main"))
    pull = opened(github, PullWish("Up", "Text", merge="squash"))
    assert (pull.state, github.server.queued) == ("open", [1])


@pytest.mark.parametrize("waits", [True, False])
def test_what_somebody_pushed_meanwhile_is_not_completed(github: AtGitHub, waits: bool) -> None:
    github.server.waits = waits
    rehearsed = github.head(STABLE)
    assert rehearsed is not None
    wish = PullWish("Up", "Text", merge="squash")
    pull, notes = github.pulls().create(STABLE, "main", replace(wish, head="0" * 40))
    assert (pull.state, github.server.pull(NAME, 1).auto_merge) == ("open", "")
    [note] = notes
    assert "Somebody has pushed to its branch meanwhile, and that was not rehearsed" in note
    again, notes = github.pulls().make_up(pull, replace(wish, head=rehearsed))
    assert notes == []
    assert again.state == ("open" if waits else "merged")
    assert github.server.pull(NAME, 1).auto_merge == ("squash" if waits else "")


def test_a_base_that_has_just_moved_is_waited_for(github: AtGitHub) -> None:
    github.server.waits, github.server.passing = False, 1
    assert opened(github, PullWish("Up", "Text", merge="squash")).state == "merged"
    github.server.passing = 0


@pytest.mark.parametrize(
    ("draft", "checks", "advice"),
    [
        (True, "clean", "Drafts are not merged: leave `pull-request-draft` out"),
        (False, "unstable", "Require them in the branch's rules, or merge it by hand."),
    ],
)
def test_what_github_does_not_wait_for_is_told_with_what_to_do(
    github: AtGitHub, draft: bool, checks: str, advice: str
) -> None:
    github.server.waits, github.server.checks = False, checks
    wish = PullWish("Up", "Text", draft=draft, merge="squash")
    pull, [note] = github.pulls().create(STABLE, "main", wish)
    assert pull.state == "open"
    assert note.startswith("The pull request is not set to complete by itself: Pull request")
    assert advice in note


def test_a_queue_takes_it_also_where_auto_merge_is_not_allowed(github: AtGitHub) -> None:
    github.server.auto_merge = False
    github.server.queues.add((NAME, "main"))
    assert opened(github, PullWish("Up", "Text", merge="squash")).state == "open"
    assert github.server.queued == [1]


@pytest.mark.parametrize("part", ["enqueuePullRequest", "enablePullRequestAutoMerge", "/merge"])
def test_a_service_that_goes_away_costs_the_completion_only(github: AtGitHub, part: str) -> None:
    github.server.waits = False
    if part == "enqueuePullRequest":
        github.server.queues.add((NAME, "main"))
    github.server.trouble("502", part, times=1000)
    pull, [note] = github.pulls().create(STABLE, "main", PullWish("Up", "Text", merge="merge"))
    assert pull.state == "open"
    assert "is not known: " in note

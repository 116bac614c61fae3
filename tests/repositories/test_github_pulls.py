"""Pull requests on GitHub."""

from __future__ import annotations

from typing import Any

import pytest

from tests.repositories.github_kit import FAULTS, NAME, NOW, STABLE, AtGitHub
from tests.servers.github import Pull
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StoppedBySignal
from wheelstep.repositories.pulls import PullRequest, PullWish

JOB = "job-token-55"
WISH = PullWish("Update acme to 2.0", "It is out.\n")
COLLABORATORS = (
    "Reviews may only be requested from collaborators. One or more of the users or teams you"
    f" specified is not a collaborator of the {NAME} repository."
)


@pytest.fixture
def github(github_with_branch: AtGitHub) -> AtGitHub:
    return github_with_branch


def opened(github: AtGitHub, wish: PullWish = WISH, token: str = "ci-pass-22") -> PullRequest:
    pull, notes = github.pulls(token).create(STABLE, "main", wish)
    assert notes == []
    return pull


def sent(github: AtGitHub) -> list[str]:
    """What was sent that changes something."""
    return [label for label in github.server.labels() if not label.startswith("GET ")]


# -- looking


def test_there_is_none_at_first(github: AtGitHub) -> None:
    assert github.pulls().latest(STABLE, "main") is None


def test_an_open_one_is_found_before_a_later_closed_one(github: AtGitHub) -> None:
    first = opened(github)
    github.server.pulls[NAME].append(
        Pull(2, "Later", "", STABLE, "main", NAME, "ann", state="closed")
    )
    found = github.pulls().latest(STABLE, "main")
    assert found == first
    assert found == PullRequest(
        number=1,
        url=f"{github.server.url}/{NAME}/pull/1",
        state="open",
        head=github.head(STABLE) or "",
    )


@pytest.mark.parametrize("merged", [True, False])
def test_else_the_latest_that_was(github: AtGitHub, merged: bool) -> None:
    github.server.pulls[NAME] = [
        Pull(1, "Old", "", STABLE, "main", NAME, "ann", state="closed"),
        Pull(2, "New", "", STABLE, "main", NAME, "ann", state="closed", merged=merged),
    ]
    found = github.pulls().latest(STABLE, "main")
    assert found is not None
    assert (found.number, found.state) == (2, "merged" if merged else "closed")


def test_others_with_the_same_branch_name_are_not_ours(github: AtGitHub) -> None:
    github.server.pulls[NAME] = [
        Pull(1, "A fork's", "", STABLE, "main", "ann/tools", "ann"),
        Pull(2, "A fork of the same owner", "", STABLE, "main", "acme/tools-2", "ann"),
        Pull(3, "To another branch", "", STABLE, "release", NAME, "ann"),
    ]
    assert github.pulls().latest(STABLE, "main") is None


def test_an_open_one_is_found_behind_a_hundred_closed_ones(github: AtGitHub) -> None:
    first = opened(github)
    github.server.pulls[NAME] += [
        Pull(number, "Closed", "", STABLE, "main", NAME, "ann", state="closed")
        for number in range(2, 120)
    ]
    assert github.pulls().latest(STABLE, "main") == first


# -- opening


def test_a_pull_request_is_opened_with_everything_asked_for(github: AtGitHub) -> None:
    wish = PullWish(
        "Update\nacme", "Text", labels=("deps", "wheels"), reviewers=("ann", "acme/platform"),
        draft=True,
    )  # fmt: skip
    pull = opened(github, wish)
    there = github.server.pull(NAME, 1)
    assert pull.head == there.sha == github.head(STABLE)
    assert (there.title, there.body, there.draft) == ("Update acme", "Text", True)
    assert (there.labels, there.reviewers, there.teams) == (
        ["deps", "wheels"],
        ["ann"],
        ["platform"],
    )


@pytest.mark.parametrize("wish", [{"labels": ("deps",)}, {"reviewers": ("acme/platform",)}])
def test_one_that_is_not_known_everywhere_yet_is_waited_for(
    github: AtGitHub, wish: dict[str, Any]
) -> None:
    github.server.unresolved = 2
    opened(github, PullWish("Update", "Text", **wish))
    there = github.server.pull(NAME, 1)
    assert (*there.labels, *there.teams) in {("deps",), ("platform",)}
    assert github.clock.waits


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_answer_opens_no_second_one(github: AtGitHub, fault: Any) -> None:
    github.server.trouble(fault, "POST /repos/acme/tools/pulls")
    assert opened(github, PullWish("Update", "Text", labels=("deps",))).number == 1
    assert not github.server.ordered
    assert len(github.server.pulls[NAME]) == 1
    assert github.server.pull(NAME, 1).labels == ["deps"]


def test_where_another_run_was_faster_that_one_is_brought_up_to_date(github: AtGitHub) -> None:
    theirs = opened(github, PullWish("Theirs", "Theirs"))
    pull, notes = github.pulls().create(STABLE, "main", WISH)
    assert (pull.number, notes) == (theirs.number, [])
    [there] = github.server.pulls[NAME]
    assert there.title == WISH.title


@pytest.mark.parametrize("behind", [1, 9])
def test_one_that_is_there_and_not_listed_yet_is_waited_for(github: AtGitHub, behind: int) -> None:
    theirs = opened(github)
    github.server.unlisted = behind
    if behind == 1:
        pull, notes = github.pulls().create(STABLE, "main", WISH)
        assert (pull, notes) == (theirs, [])
    else:
        with pytest.raises(ServiceRefused, match="A pull request already exists") as raised:
            github.pulls().create(STABLE, "main", WISH)
        assert raised.value.code == "pull-request-refused"
    assert len(github.server.pulls[NAME]) == 1


def test_without_drafts_it_is_opened_all_the_same(github: AtGitHub) -> None:
    github.server.drafts = False
    pull, notes = github.pulls().create(STABLE, "main", PullWish("Update", "Text", draft=True))
    assert pull.state == "open"
    assert notes == [
        (
            "The pull request is no draft: GitHub has none in this repository (private ones of a"
            " free plan)."
        )
    ]


def test_nothing_to_propose_is_told(github: AtGitHub) -> None:
    github.git("branch", "same", "main")
    with pytest.raises(ServiceRefused) as raised:
        github.pulls().create("same", "main", WISH)
    assert raised.value.code == "pull-request-empty"
    assert raised.value.message == (
        f"same has nothing that main has not, so there is nothing to propose at {github.url}:"
        " Validation Failed / No commits between main and same"
    )


def test_a_branch_that_is_not_there_is_told(github: AtGitHub) -> None:
    with pytest.raises(ServiceRefused) as raised:
        github.pulls().create(STABLE, "gone", WISH)
    assert (raised.value.code, raised.value.message) == (
        "pull-request-refused",
        (
            f"GitHub does not open a pull request from {STABLE} to gone at {github.url}: Validation"
            " Failed / PullRequest base invalid"
        ),
    )


def test_a_repository_that_forbids_jobs_to_open_them_names_the_setting(github: AtGitHub) -> None:
    github.server.jobs_open_pulls = False
    with pytest.raises(ServiceRefused) as raised:
        github.pulls(JOB).create(STABLE, "main", WISH)
    assert raised.value.code == "pull-request-forbidden"
    assert raised.value.message == (
        f"The account that asks may not work on pull requests at {github.url}: GitHub Actions is"
        " not permitted to create or approve pull requests."
    )
    assert raised.value.cure == (
        'Switch on "Allow GitHub Actions to create and approve pull requests", in the repository\'s'
        " settings under Actions, General; where it cannot be switched on, the organization's"
        " settings forbid it. Or give a token of a GitHub App or a person as `repository-token`: a"
        " pull request of such a one starts the checks, too."
    )


def test_a_token_without_the_right_is_told_which(github: AtGitHub) -> None:
    pull = opened(github)
    poor = github.pulls("contents-only-44")
    wish = PullWish("Other", "Other")
    for work in (
        lambda: poor.create(STABLE, "main", wish),
        lambda: poor.update(pull, wish),
        lambda: poor.close(pull, "Done"),
    ):
        with pytest.raises(ServiceRefused) as raised:
            work()
        assert raised.value.code == "pull-request-forbidden"
        assert raised.value.message == (
            f"The account that asks may not work on pull requests at {github.url}: Resource not"
            " accessible by personal access token"
        )
        assert "`permissions: pull-requests: write`" in raised.value.cure


@pytest.mark.parametrize(
    ("token", "code"),
    [("stranger-pass-6", "repository-not-found"), ("made-up-token-9", "not-authenticated")],
)
def test_who_is_not_known_is_told_as_for_a_push(github: AtGitHub, token: str, code: str) -> None:
    for work in (
        lambda: github.pulls(token).latest(STABLE, "main"),
        lambda: github.pulls(token).create(STABLE, "main", WISH),
    ):
        with pytest.raises(ServiceRefused) as raised:
            work()
        assert raised.value.code == code


def test_a_service_that_stays_away_ends_the_run(github: AtGitHub) -> None:
    github.server.trouble("502", times=1000)
    with pytest.raises(ServiceUnavailable) as raised:
        github.pulls().create(STABLE, "main", WISH)
    assert raised.value.exit_code == 6
    github.server.ordered.clear()
    assert github.pulls().latest(STABLE, "main") is None


# -- what cannot be done of a wish


def test_one_wrong_reviewer_does_not_spoil_the_others(github: AtGitHub) -> None:
    wish = PullWish("Update", "Text", reviewers=("ann", "nobody", "ci", "acme/ghosts", "bob"))
    pull, notes = github.pulls().create(STABLE, "main", wish)
    assert pull.state == "open"
    assert github.server.pull(NAME, 1).reviewers == ["ann", "bob"]
    assert notes == [
        f"nobody was not asked for a review: {COLLABORATORS}",
        "ci was not asked for a review: Review cannot be requested from pull request author.",
        f"acme/ghosts was not asked for a review: {COLLABORATORS}",
    ]


def test_a_team_that_the_jobs_token_cannot_see_is_told_with_the_cure(github: AtGitHub) -> None:
    wish = PullWish("Update", "Text", reviewers=("ann", "acme/platform"))
    _, notes = github.pulls(JOB).create(STABLE, "main", wish)
    assert github.server.pull(NAME, 1).reviewers == ["ann"]
    assert notes == [
        (
            "acme/platform was not asked for a review: Validation Failed / Could not resolve to a"
            " node with the global id of 'T_1'. The job's own token cannot see teams: give a token"
            " as `repository-token` that may read the organization's members."
        )
    ]


def test_a_label_that_github_does_not_take_is_told(github: AtGitHub) -> None:
    wish = PullWish("Update", "Text", labels=("fine", "x" * 51))
    _, notes = github.pulls().create(STABLE, "main", wish)
    assert github.server.pull(NAME, 1).labels == ["fine"]
    assert notes == [
        (
            f"The label '{'x' * 51}' was not added: Validation Failed / name is too long (maximum"
            " is 50 characters)."
        )
    ]


def test_a_service_that_goes_away_after_the_opening_costs_only_the_rest(github: AtGitHub) -> None:
    github.server.trouble("502", "/labels", times=1000)
    wish = PullWish("Update", "Text", labels=("deps",), reviewers=("ann",))
    pull, notes = github.pulls().create(STABLE, "main", wish)
    assert pull.number == 1
    assert [note.partition(": ")[0] for note in notes] == ["The label 'deps' was not added"]
    assert github.server.pull(NAME, 1).reviewers == ["ann"]


@pytest.mark.parametrize("part", ["/labels", "/requested_reviewers", "AutoMerge", "/reviews"])
def test_a_run_that_is_stopped_stops_there(github: AtGitHub, part: str) -> None:
    wish = PullWish("Update", "Text", labels=("deps",), reviewers=("ann",), merge="squash")
    pull = opened(github)
    github.server.trouble("503", part, times=1000)
    github.clock.stopped = True
    with pytest.raises(StoppedBySignal):
        github.pulls().update(pull, wish)


# -- bringing up to date


def test_only_what_differs_is_sent(github: AtGitHub) -> None:
    wish = PullWish("Up", "a\r\nb\n", ("deps",), ("ann", "acme/platform"), merge="squash")
    pull = opened(github, wish)
    github.server.calls.clear()
    assert github.pulls().update(pull, wish) == (pull, [])
    assert sent(github) == []
    same = PullWish("Up", "a\nb", ("Deps",), ("Ann", "acme/Platform"), merge="squash")
    assert github.pulls().update(pull, same) == (pull, [])
    assert sent(github) == []


def test_what_differs_is_sent(github: AtGitHub) -> None:
    pull = opened(github, PullWish("Up", "Text", ("deps",), ("ann",), draft=True))
    github.server.calls.clear()
    wish = PullWish("Up", "More", ("deps", "new"), ("ann", "bob"))
    _, notes = github.pulls().update(pull, wish)
    there = github.server.pull(NAME, 1)
    assert (there.title, there.body, notes) == ("Up", "More", [])
    assert (there.labels, there.reviewers, there.draft) == (["deps", "new"], ["ann", "bob"], True)
    bodies = [call.body for call in github.server.calls if call.method != "GET"]
    assert bodies == [
        {"body": "More"},
        {"labels": ["new"]},
        {"reviewers": ["bob"], "team_reviewers": []},
    ]


def test_who_has_given_a_review_is_not_asked_again(github: AtGitHub) -> None:
    wish = PullWish("Up", "Text", reviewers=("ann", "bob", "acme/platform"))
    pull = opened(github, wish)
    there = github.server.pull(NAME, 1)
    there.reviewers, there.teams, there.reviews = ["bob"], [], ["ann"]
    github.server.calls.clear()
    github.pulls().update(pull, wish)
    assert sent(github) == []


def test_a_title_is_one_line_and_fits(github: AtGitHub) -> None:
    wish = PullWish("T\n" * 300, "x" * 65_536)
    pull = opened(github, wish)
    there = github.server.pull(NAME, 1)
    assert len(there.title) == 256
    assert there.title.endswith("T\u2026")
    github.server.calls.clear()
    github.pulls().update(pull, wish)
    assert sent(github) == []


# -- closing


def test_it_is_closed_with_a_comment(github: AtGitHub) -> None:
    pull = opened(github)
    github.pulls().close(pull, "Nothing is left to do.")
    there = github.server.pull(NAME, 1)
    assert (there.state, there.comments) == ("closed", ["Nothing is left to do."])


@pytest.mark.parametrize("fault", ["502-after", "drop-reply"])
def test_a_lost_answer_about_the_comment_repeats_it_not(github: AtGitHub, fault: Any) -> None:
    pull = opened(github)
    github.server.trouble(fault, "/comments")
    github.pulls().close(pull, "Nothing is left to do.")
    there = github.server.pull(NAME, 1)
    assert there.state == "closed"
    assert there.comments == ["Nothing is left to do."]


# -- limits


def test_a_limit_is_waited_for_and_a_long_one_ends_the_run(github: AtGitHub) -> None:
    github.server.trouble("secondary", "POST")
    opened(github)
    assert 3 <= sum(github.clock.waits) <= 5
    github.server.reset_at = int(NOW) + 3600
    github.server.trouble("primary", "GET")
    with pytest.raises(ServiceUnavailable, match="for about 60 minutes more") as raised:
        github.pulls().latest(STABLE, "main")
    assert raised.value.code == "rate-limited"


def test_a_conversation_that_is_locked_is_closed_without_a_word(github: AtGitHub) -> None:
    pull = opened(github)
    github.server.locked.add(pull.number)
    github.pulls().close(pull, "Nothing is left to do.")
    there = github.server.pull(NAME, 1)
    assert (there.state, there.comments) == ("closed", [])

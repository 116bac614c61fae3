"""Pull requests of Azure Repos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.repositories.azure_kit import NAME, Azure, azure
from tests.servers.azure_repos import Pull, Trouble
from wheelstep.errors import ServiceRefused
from wheelstep.repositories.interface import Wording
from wheelstep.repositories.pulls import Merge, PullSettings, PullWish

BRANCH = "wheelstep/main"
ANN = "11111111-2222-3333-4444-555555555555"
WISH = PullWish("Pin acme 2.0", "Body\n")


@pytest.fixture
def there(tmp_path: Path, seed: Path) -> Iterator[Azure]:
    with azure(tmp_path, seed) as made:
        commit = made.world.git(made.bare, "commit-tree", "main^{tree}", "-p", "main", "-m", "Pin")
        made.world.git(made.bare, "update-ref", f"refs/heads/{BRANCH}", commit)
        yield made


def pulls_of(there: Azure) -> list[Pull]:
    return there.server.pulls.get(NAME, [])


def test_it_is_opened_found_and_told(there: Azure) -> None:
    assert there.pulls().latest(BRANCH, "main") is None
    made, notes = there.pulls().create(BRANCH, "main", WISH)
    assert notes == []
    assert (made.number, made.state, made.head) == (1, "open", there.at(BRANCH))
    assert made.url == f"{there.server.url}/acme/Train/_git/tools/pullrequest/1"
    found = there.pulls().latest(BRANCH, "main")
    assert found == made
    [pull] = pulls_of(there)
    assert (pull.source, pull.target) == (f"refs/heads/{BRANCH}", "refs/heads/main")
    assert (pull.title, pull.description) == ("Pin acme 2.0", "Body")


def test_a_second_one_is_never_opened(there: Azure) -> None:
    there.pulls().create(BRANCH, "main", WISH)
    again, notes = there.pulls().create(BRANCH, "main", PullWish("Pin acme 3.0", "More"))
    assert (again.number, notes) == (1, [])
    [pull] = pulls_of(there)
    assert (pull.title, pull.description) == ("Pin acme 3.0", "More")


@pytest.mark.parametrize("trouble", ["503-after", "drop-reply", "503", "drop-request"])
def test_a_reply_that_is_lost_opens_no_second_one(there: Azure, trouble: Trouble) -> None:
    there.server.trouble(trouble, "POST git/repositories/tools/pullRequests")
    made, _ = there.pulls().create(BRANCH, "main", WISH)
    assert made.number == 1
    assert len(pulls_of(there)) == 1


def test_what_is_as_wished_is_not_sent_again(there: Azure) -> None:
    wish = PullWish(
        "Pin", "Body", labels=("pins", "acme"), reviewers=("ann@acme.example", ANN),
        merge="squash", work_items=(12, 7),
    )  # fmt: skip
    there.server.people["ann@acme.example"] = ANN
    made, notes = there.pulls().create(BRANCH, "main", wish)
    assert notes == []
    [pull] = pulls_of(there)
    assert (pull.labels, pull.reviewers) == (["pins", "acme"], [ANN])
    assert pull.work_items == ["12", "7"]
    assert pull.completed_by != ""
    assert pull.completes is not None
    assert (pull.completes["mergeStrategy"], pull.completes["deleteSourceBranch"]) == (
        "squash", True
    )  # fmt: skip
    there.server.calls.clear()
    there.pulls().update(made, wish)
    assert {call.method for call in there.server.calls} <= {"GET", "OPTIONS"}


@pytest.mark.parametrize(
    ("merge", "strategy"),
    [("merge", "noFastForward"), ("squash", "squash"), ("rebase", "rebase"),
     ("semi-linear", "rebaseMerge")],
)  # fmt: skip
def test_each_way_to_complete(there: Azure, merge: Merge, strategy: str) -> None:
    there.pulls().create(BRANCH, "main", PullWish("Pin", "", merge=merge))
    [pull] = pulls_of(there)
    assert pull.completes is not None
    assert pull.completes["mergeStrategy"] == strategy


def test_somebody_whom_nobody_knows_is_told_and_ends_nothing(there: Azure) -> None:
    wish = PullWish("Pin", "", reviewers=("nobody@acme.example",))
    made, notes = there.pulls().create(BRANCH, "main", wish)
    assert made.state == "open"
    assert notes == [
        "nobody@acme.example is not asked to review: the organization knows nobody by that name."
    ]


def wished(there: Azure, **wish: Any) -> tuple[Pull, list[str]]:
    """The pull request that is opened with something of the wish refused, and what is noted."""
    made, notes = there.pulls().create(BRANCH, "main", PullWish("Pin", "Body", **wish))
    assert made.state == "open"
    [pull] = pulls_of(there)
    return pull, notes


def test_reviewers_that_cannot_be_asked_are_told_and_the_others_asked(there: Azure) -> None:
    stranger = "99999999-2222-3333-4444-555555555555"
    there.server.people |= {"ann@acme.example": ANN, "[Train]\\Owners": ANN.replace("1", "7")}
    there.server.namesakes["Kim"] = [ANN, stranger]
    pull, notes = wished(
        there, reviewers=(stranger, "Kim", "[Train]\\Owners", "ann@acme.example", ANN)
    )
    assert notes == [
        f"{stranger} is not asked to review: The identity {stranger} is not found.",
        (
            "Kim is not asked to review: the organization knows several by that name: use an "
            "address or an id."
        ),
    ]
    assert pull.reviewers == [ANN.replace("1", "7"), ANN]


def test_a_label_that_is_refused_is_told_and_the_others_made(there: Azure) -> None:
    pull, notes = wished(there, labels=("a,b", "pins", "Pins"))
    assert notes == [
        "The pull request did not get the label a,b: The label has a character that it cannot have."
    ]
    assert pull.labels == ["pins"]


def test_a_work_item_that_nobody_knows_is_told_and_not_linked(there: Azure) -> None:
    there.server.no_work_items.add(7)
    pull, notes = wished(there, work_items=(12, 7))
    assert notes == [
        (
            "The pull request is linked to no work item: TF401232: Work item 7 does not exist, or "
            "you do not have permissions to read it."
        )
    ]
    assert pull.work_items == []


def test_a_draft_does_not_complete_by_itself_and_that_is_told(there: Azure) -> None:
    pull, notes = wished(there, draft=True, merge="squash")
    assert notes == [
        (
            "The pull request does not complete by itself: it is a draft. Publish it, and set that "
            "there."
        )
    ]
    assert (pull.draft, pull.completed_by) == (True, "")


def test_a_way_to_complete_that_a_policy_forbids_is_told(there: Azure) -> None:
    there.server.no_strategies.add("rebase")
    pull, notes = wished(there, merge="rebase")
    assert notes == [
        (
            "The pull request does not complete by itself: TF402469: The merge strategy rebase is "
            "not allowed by the branch's policy."
        )
    ]
    assert pull.completed_by == ""


def test_a_wish_to_complete_that_is_taken_and_not_set_is_told(there: Azure) -> None:
    there.server.completes = False
    pull, notes = wished(there, merge="squash")
    assert notes == [
        (
            "The pull request does not complete by itself: Azure Repos has taken the wish and not "
            "set it."
        )
    ]
    assert pull.completed_by == ""


def test_how_somebody_else_has_it_complete_stays(there: Azure) -> None:
    made, _ = there.pulls().create(BRANCH, "main", WISH)
    [pull] = pulls_of(there)
    pull.completed_by, pull.completes = ANN, {"mergeStrategy": "rebase"}
    _, notes = there.pulls().update(made, PullWish("Pin acme 2.0", "Body", merge="squash"))
    assert notes == ["Ann has set the pull request to complete by itself (rebase): that stays."]
    assert (pull.completed_by, pull.completes) == (ANN, {"mergeStrategy": "rebase"})


def test_our_own_way_to_complete_follows_the_setting(there: Azure) -> None:
    pull, _ = wished(there, merge="squash")
    ours = pull.completed_by
    made = there.pulls().latest(BRANCH, "main")
    assert made is not None
    there.pulls().update(made, PullWish("Pin", "Body", merge="rebase"))
    assert pull.completes is not None
    assert (pull.completed_by, pull.completes["mergeStrategy"]) == (ours, "rebase")


@pytest.mark.parametrize("part", ["labels", "reviewers", "ConnectionData", "Identities"])
@pytest.mark.parametrize("trouble", ["sign-in", "503", "odd"])
def test_nothing_beside_the_text_ends_the_run(there: Azure, part: str, trouble: Trouble) -> None:
    there.server.people["ann@acme.example"] = ANN
    there.server.odd = {"value": [3]}
    for _ in range(40):
        there.server.trouble(trouble, part)
    _, notes = wished(there, labels=("pins",), reviewers=("ann@acme.example",), merge="squash")
    assert notes or (trouble, part) == ("odd", "reviewers")
    assert all(note.endswith(".") for note in notes)


def test_a_text_that_a_list_has_cut_is_not_sent_again(there: Azure) -> None:
    wish = PullWish("Pin", "line\n" * 500)
    first, _ = there.pulls().create(BRANCH, "main", wish)
    again, _ = there.pulls().create(BRANCH, "main", wish)
    assert again == first
    found = there.pulls().latest(BRANCH, "main")
    assert found is not None
    there.pulls().update(found, wish)
    assert "PATCH" not in {call.method for call in there.server.calls}


def test_labels_and_reviewers_of_others_stay(there: Azure) -> None:
    made, _ = there.pulls().create(BRANCH, "main", WISH)
    [pull] = pulls_of(there)
    pull.labels.append("by-hand")
    pull.reviewers.append("bob")
    there.pulls().update(made, PullWish("Pin", "Body", labels=("pins",)))
    assert (pull.labels, pull.reviewers) == (["by-hand", "pins"], ["bob"])


def test_what_is_as_long_as_can_be_is_sent_once(there: Azure) -> None:
    room = there.pulls().room
    wish = PullWish("\U0001f3a1" * 300, "\U0001f3a1" * (room.limit // 2))
    made, _ = there.pulls().create(BRANCH, "main", wish)
    [pull] = pulls_of(there)
    assert pull.description == wish.body
    assert pull.title == "\U0001f3a1" * 199 + "\u2026"
    there.server.calls.clear()
    there.pulls().update(made, wish)
    assert {call.method for call in there.server.calls} <= {"GET", "OPTIONS"}
    with pytest.raises(ServiceRefused, match="too long"):
        there.pulls().update(made, PullWish("Pin", f"{wish.body}\U0001f3a1"))


def test_it_is_abandoned_with_a_reason(there: Azure) -> None:
    made, _ = there.pulls().create(BRANCH, "main", WISH)
    there.pulls().close(made, "Nothing is left.")
    [pull] = pulls_of(there)
    assert (pull.status, pull.comments) == ("abandoned", ["Nothing is left."])
    found = there.pulls().latest(BRANCH, "main")
    assert found is not None
    assert found.state == "closed"
    again, _ = there.pulls().create(BRANCH, "main", WISH)
    assert again.number == 2
    assert there.pulls().latest(BRANCH, "main") == again


def test_a_forks_branch_of_the_same_name_is_another_one(there: Azure) -> None:
    there.server.pulls[NAME] = [
        Pull(1, f"refs/heads/{BRANCH}", "refs/heads/main", "Theirs", "", fork=True)
    ]
    assert there.pulls().latest(BRANCH, "main") is None


@pytest.mark.parametrize("password", ["no-pulls-44", "reader-pass-3"])
def test_the_right_that_is_missing_is_named(there: Azure, password: str) -> None:
    there.password = password
    with pytest.raises(ServiceRefused, match="PullRequestContribute") as caught:
        there.pulls().create(BRANCH, "main", WISH)
    assert caught.value.code == "pull-request-forbidden"
    assert "Contribute to pull requests" in caught.value.cure


@pytest.mark.parametrize("odd", [3, "x", [3], [{}], {"value": [{}]}, {"pullRequestId": "x"}])
def test_an_answer_of_another_shape_is_no_traceback(there: Azure, odd: object) -> None:
    there.server.odd = odd
    there.server.trouble("odd", "GET git/repositories/tools/pullRequests")
    with pytest.raises(ServiceRefused):
        there.pulls().latest(BRANCH, "main")
    there.server.trouble("odd", "POST git/repositories/tools/pullRequests")
    with pytest.raises(ServiceRefused):
        there.pulls().create(BRANCH, "main", WISH)


def test_a_name_that_is_no_text_reaches_the_page_as_text(there: Azure) -> None:
    wish = PullSettings().wish(Wording("Pin caf\udce9.yml", "", "`caf\udce9.yml` b\u00fccher"))
    there.pulls().create(BRANCH, "main", wish)
    [pull] = pulls_of(there)
    assert pull.title == "Pin caf\ufffd.yml"
    assert pull.description == "`caf\ufffd.yml` b\u00fccher"

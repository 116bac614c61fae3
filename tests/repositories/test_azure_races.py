"""What others do to a branch of Azure Repos while a commit is on its way there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.repositories.azure_kit import NAME, Azure, azure
from tests.repositories.support import add_line, pin
from tests.servers.azure_repos import SaysNo, Trouble
from wheelstep.errors import SettingError
from wheelstep.ground.clock import SystemClock
from wheelstep.repositories.interface import Committed
from wheelstep.repositories.land import land

NEW = b"dependencies:\n- acme==2.0\n"
STABLE = "wheelstep/main"
REFS = "POST git/repositories/tools/refs"
PUSHES = "POST git/repositories/tools/pushes"


@pytest.fixture
def there(tmp_path: Path, seed: Path) -> Iterator[Azure]:
    with azure(tmp_path, seed) as made:
        yield made


@pytest.fixture
def clone(there: Azure) -> Path:
    return there.clone("clone", "--depth=1")


def nothing(_: str) -> None:
    """Nobody asks for the id."""


def branch_at(there: Azure, branch: str, commit: str = "main") -> None:
    there.world.git(there.bare, "update-ref", f"refs/heads/{branch}", commit)


def branch_gone(there: Azure, branch: str) -> None:
    there.world.git(there.bare, "update-ref", "-d", f"refs/heads/{branch}")


def commit_by_hand(there: Azure, branch: str, on: str) -> str:
    made = there.world.git(there.bare, "commit-tree", f"{on}^{{tree}}", "-p", on, "-m", "By hand")
    branch_at(there, branch, made)
    return made


@pytest.mark.parametrize("trouble", [None, "drop-reply", "503-after"])
def test_a_branch_deleted_before_the_push_is_not_made_anew(
    there: Azure, clone: Path, trouble: Trouble | None
) -> None:
    repository = there.push(clone)
    there.server.meanwhile("pushes", lambda: branch_gone(there, "main"))
    if trouble:
        there.server.trouble(trouble, "pushes")
    with pytest.raises(SettingError, match="has no branch 'main' to commit to") as caught:
        land(repository, pin(), "Pin", clock=there.clock)
    assert (caught.value.code, caught.value.exit_code) == ("no-branch", 2)
    assert there.server.branches(NAME) == []


def test_a_branch_deleted_before_it_is_looked_for_is_never_pushed(
    there: Azure, clone: Path
) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    branch_gone(there, "main")
    assert there.way(clone).commit("main", draft, nothing) is None
    assert there.server.labels() == []


def test_who_built_on_a_branch_that_was_made_anew_keeps_it(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.server.meanwhile("pushes", lambda: branch_gone(there, "main"))
    there.server.meanwhile(REFS, lambda: commit_by_hand(there, "main", "main"))
    made = there.way(clone).commit("main", draft, nothing)
    assert there.world.git(there.bare, "log", "--format=%s", "main").splitlines()[:2] == [
        "By hand", "Pin"
    ]  # fmt: skip
    assert made == there.at("main^")


def test_a_branch_that_was_made_anew_and_stays_is_told(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.password = "no-force-55"
    there.server.meanwhile("pushes", lambda: branch_gone(there, "main"))
    with pytest.raises(SettingError) as caught:
        there.way(clone).commit("main", draft, nothing)
    assert caught.value.message == (
        f"main at {there.url} was deleted while this run committed, the commit made it anew, and it"
        " cannot be removed: TF401027: You need the Git 'GenericContribute / ForcePush' permission."
    )
    assert caught.value.cure == "Delete the branch main, or keep it, and run it again."


def test_a_service_that_goes_away_before_such_a_branch_is_removed_is_told(
    there: Azure, clone: Path
) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.server.meanwhile("pushes", lambda: branch_gone(there, "main"))
    for _ in range(40):
        there.server.trouble("503", REFS)
    with pytest.raises(SettingError, match="the commit made it anew, and it cannot be removed"):
        there.way(clone).commit("main", draft, nothing)


def test_a_new_branch_takes_one_request_and_another_commit_on_it_four(
    there: Azure, clone: Path
) -> None:
    way = there.way(clone)
    first = way.replace(STABLE, None, there.draft(clone, {"conda.yml": NEW}), nothing)
    assert there.server.labels() == [PUSHES]
    there.server.calls.clear()
    assert way.replace(STABLE, first, there.draft(clone, {"conda.yml": b"3"}), nothing)
    assert there.server.labels() == [PUSHES, REFS, REFS, "GET git/repositories/tools/refs"]
    assert there.server.branches(NAME) == ["main", STABLE]


def test_an_update_of_a_branch_that_is_refused_as_a_whole_is_a_lost_race(
    there: Azure, clone: Path
) -> None:
    way = there.way(clone)
    first = way.replace(STABLE, None, there.draft(clone, {"conda.yml": NEW}), nothing)

    def stale() -> None:
        raise SaysNo(409, "TF401028: The reference has changed.", "GitReferenceStaleException")

    there.server.meanwhile(REFS, stale)
    assert way.replace(STABLE, first, there.draft(clone, {"conda.yml": b"3"}), nothing) is None
    assert (there.at(STABLE), there.server.branches(NAME)) == (first, ["main", STABLE])


def test_a_branch_that_appears_meanwhile_keeps_its_commit(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.server.meanwhile("pushes", lambda: commit_by_hand(there, STABLE, "main"))
    assert there.way(clone).replace(STABLE, None, draft, nothing) is None
    assert there.world.git(there.bare, "log", "-1", "--format=%s", STABLE) == "By hand"


def test_a_branch_that_appears_without_a_commit_of_its_own_is_noticed(
    there: Azure, clone: Path
) -> None:
    draft = there.draft(clone, {"conda.yml": b"1"})
    there.server.meanwhile("pushes", lambda: branch_at(there, STABLE))
    assert there.way(clone).replace(STABLE, None, draft, nothing) is None
    branch_gone(there, STABLE)
    there.server.meanwhile("pushes", lambda: branch_at(there, STABLE))
    done = land(there.proposal(clone), pin(), "Pin", clock=there.clock)
    assert (done.status, done.sha) == ("pull-request", there.at(STABLE))
    assert there.world.git(there.bare, "rev-list", "--count", f"main..{STABLE}") == "1"
    assert there.server.labels().count(PUSHES) == 2, "what is there is what is wished"


def test_a_service_that_does_not_tell_what_is_new_is_no_endless_race(
    there: Azure, clone: Path
) -> None:
    there.server.tells_new = False
    repository = there.proposal(clone)
    for version in ("2.0", "3.0"):
        assert land(repository, pin(version=version), "Pin", clock=there.clock).sha == there.at(
            STABLE
        )
    assert there.server.labels().count(PUSHES) == 2


def test_a_proposal_replaced_by_another_run_meanwhile_keeps_both(there: Azure, clone: Path) -> None:
    other = there.clone("other")
    repository = there.proposal(clone)
    land(repository, pin(), "Pin", clock=there.clock)

    def faster() -> None:
        land(there.proposal(other), add_line("theirs.txt", "x"), "Theirs", clock=there.clock)

    there.server.meanwhile(REFS, faster)
    land(repository, add_line("ours.txt", "y"), "Ours", clock=there.clock)
    assert [there.show(name, STABLE) for name in ("theirs.txt", "ours.txt")] == ["x", "y"]
    assert "acme==2.0" in there.show("conda.yml", STABLE)
    assert there.server.branches(NAME) == ["main", STABLE]
    assert len(there.server.pulls[NAME]) == 1


def test_racing_proposals_end_in_one_pull_request_whatever_is_lost_on_the_way(
    there: Azure,
) -> None:
    clones = [there.clone(f"clone-{number}", "--depth=1") for number in range(4)]
    chance = random.Random(7)  # noqa: S311 - no secret
    troubles: list[Trouble] = ["503-after", "drop-reply", "drop-request", "429", "503"]
    for number in range(12):
        there.server.trouble(chance.choice(troubles), "git/", nth=3 * number + 1)

    def run(number: int) -> Committed:
        decide = add_line("pins.txt", f"p{number}")
        return land(there.proposal(clones[number]), decide, f"By {number}", clock=SystemClock())

    with ThreadPoolExecutor(4) as pool:
        assert [done.status for done in pool.map(run, range(4))] == ["pull-request"] * 4
    assert there.show("pins.txt", STABLE).splitlines() == [f"p{number}" for number in range(4)]
    assert there.world.git(there.bare, "rev-list", "--count", f"main..{STABLE}") == "1"
    [pull] = there.server.pulls[NAME]
    assert pull.status == "active"

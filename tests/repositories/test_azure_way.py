"""Commits that Azure Repos makes, read back by git."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.repositories.azure_kit import NAME, Azure, azure
from tests.servers.azure_repos import Trouble
from wheelstep.errors import Refused, ServiceRefused, ServiceUnavailable
from wheelstep.ground.clock import SystemClock
from wheelstep.model import Change
from wheelstep.repositories import azure_repository, azure_way
from wheelstep.repositories.identity import made_by_us
from wheelstep.repositories.interface import Snapshot
from wheelstep.repositories.land import land

NEW = b"dependencies:\r\n- acme==2.0\r\n\xff"
STABLE = "wheelstep/main"


@pytest.fixture
def there(tmp_path: Path, seed: Path) -> Iterator[Azure]:
    with azure(tmp_path, seed) as made:
        yield made


@pytest.fixture
def clone(there: Azure) -> Path:
    return there.clone("clone", "--depth=1")


def nothing(_: str) -> None:
    """Nobody asks for the id."""


def test_a_commit_is_what_was_drafted_byte_for_byte(there: Azure, clone: Path) -> None:
    files = {"conda.yml": NEW, "new/file.txt": b"", "windows.txt": None}
    draft = there.draft(clone, files, "Pin acme\n\nBecause.")
    noted: list[str] = []
    made = there.way(clone).commit("main", draft, noted.append)
    assert made is not None
    assert noted == [made] == [there.at()]
    assert there.world.git(there.bare, "rev-parse", f"{made}^{{tree}}") == draft.tree
    assert there.world.git(there.bare, "rev-parse", f"{made}^") == draft.on.head
    about = there.world.git(there.bare, "log", "-1", "--format=%an|%s", made)
    assert about == "Wheel Step|Pin acme"
    there.remote(clone).fetch()
    assert made_by_us(there.git(clone), made)


def test_without_an_author_it_is_by_whoever_asks(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    made = there.way(clone, author=False).commit("main", draft, nothing)
    name = there.world.git(there.bare, "log", "-1", "--format=%an", str(made))
    assert name == "Train Build Service (acme)"


def test_a_branch_that_has_moved_is_left_alone(there: Azure, clone: Path) -> None:
    first = there.draft(clone, {"conda.yml": NEW})
    second = there.draft(clone, {"conda.yml": b"other"})
    way = there.way(clone)
    made = way.commit("main", second, nothing)
    assert way.commit("main", first, nothing) is None
    assert there.at() == made


def test_racing_commits_all_end_on_the_branch(there: Azure) -> None:
    clones = [there.clone(f"clone-{number}", "--depth=1") for number in range(10)]
    lost: list[Trouble] = ["drop-reply", "503-after", "drop-request", "429"]
    for number, trouble in enumerate(lost):
        there.server.trouble(trouble, "pushes", nth=3 * number + 1)

    def run(number: int) -> None:
        clone = clones[number]
        for _ in range(100):
            draft = there.draft(clone, {f"own-{number}": b"x"}, f"By {number}")
            if there.way(clone).commit("main", draft, nothing) is not None:
                return
            SystemClock().sleep(0.01 * number)
        raise AssertionError("lost too often")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(run, range(10)))
    assert [there.show(f"own-{number}") for number in range(10)] == ["x"] * 10
    assert there.world.git(there.bare, "rev-list", "--count", "main") == "11"
    there.world.git(there.bare, "fsck", "--strict")


@pytest.mark.parametrize("trouble", ["503", "503-after", "drop-request", "drop-reply", "429"])
def test_a_reply_that_does_not_come_is_looked_after(
    there: Azure, clone: Path, trouble: Trouble
) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.server.trouble(trouble, "pushes")
    made = there.way(clone).commit("main", draft, nothing)
    assert made == there.at()
    assert there.world.git(there.bare, "rev-list", "--count", "main") == "2"


@pytest.mark.parametrize("options", [(), ("--depth=1",)], ids=["full", "shallow"])
def test_a_lost_reply_and_a_colleague_on_top(
    there: Azure, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, colleague = there.clone("clone", *options), there.clone("colleague")
    draft = there.draft(clone, {"conda.yml": NEW})
    way = there.way(clone)
    there.server.trouble("drop-reply", "pushes")
    look = way._remote.look

    def look_after_a_colleague(*branches: str) -> Mapping[str, str]:
        if there.at() != draft.on.head and "By" not in subjects():
            there.world.git(colleague, "fetch", "--quiet", str(there.bare), "main")
            tree = there.world.git(colleague, "rev-parse", "FETCH_HEAD^{tree}")
            top = there.world.git(colleague, "commit-tree", tree, "-p", "FETCH_HEAD", "-m", "By")
            there.world.git(colleague, "push", "--quiet", str(there.bare), f"{top}:main")
        return look(*branches)

    def subjects() -> list[str]:
        return there.world.git(there.bare, "log", "--format=%s", "main").splitlines()

    monkeypatch.setattr(way._remote, "look", look_after_a_colleague)
    made = way.commit("main", draft, nothing)
    assert subjects()[:2] == ["By", "Pin"]
    assert made == there.world.git(there.bare, "rev-parse", "main^")
    assert subjects().count("Pin") == 1


def proposed(there: Azure, clone: Path, was: str | None, text: str) -> str | None:
    draft = there.draft(clone, {"conda.yml": text.encode()}, text)
    return there.way(clone).replace(STABLE, was, draft, nothing)


def test_a_branch_is_made_and_replaced_as_a_whole(there: Azure, clone: Path) -> None:
    first = proposed(there, clone, None, "one")
    assert first == there.at(STABLE)
    second = proposed(there, clone, first, "two")
    assert second == there.at(STABLE)
    assert there.world.git(there.bare, "rev-parse", f"{STABLE}^") == there.at()
    assert there.server.branches(NAME) == ["main", STABLE]
    assert proposed(there, clone, first, "three") is None
    assert proposed(there, clone, None, "three") is None
    assert there.at(STABLE) == second
    assert there.way(clone).remove(STABLE, str(first)) is False
    assert there.way(clone).remove(STABLE, str(second)) is True
    assert there.way(clone).remove(STABLE, str(second)) is True
    assert there.server.branches(NAME) == ["main"]


@pytest.mark.parametrize("trouble", ["503", "503-after", "drop-request", "drop-reply"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_trouble_at_any_request_leaves_nothing_half_done(
    there: Azure, clone: Path, trouble: Trouble, nth: int
) -> None:
    first = proposed(there, clone, None, "one")
    there.server.trouble(trouble, "git/", nth=nth)
    second = proposed(there, clone, first, "two")
    assert second is not None
    assert there.at(STABLE) == second
    assert there.show("conda.yml", STABLE) == "two"
    assert there.server.branches(NAME) == ["main", STABLE]


def test_what_a_killed_run_left_is_swept_after_an_hour(there: Azure, clone: Path) -> None:
    for stamp in ("19690101T000000Z-0123456789ab", "19700101T000000Z-0123456789ab"):
        there.world.git(there.bare, "branch", f"wheelstep-next/{stamp}", "main")
    there.world.git(there.bare, "branch", "wheelstep-next/of-somebody", "main")
    proposed(there, clone, proposed(there, clone, None, "one"), "two")
    left = {name for name in there.server.branches(NAME) if name.startswith("wheelstep-next/")}
    assert left == {
        "wheelstep-next/19700101T000000Z-0123456789ab", "wheelstep-next/of-somebody"
    }  # fmt: skip


def test_a_tag_is_made_once(there: Azure, clone: Path) -> None:
    way, first = there.way(clone), there.at()
    assert way.tag("acme-v1", first) == first
    made = way.commit("main", there.draft(clone, {"conda.yml": NEW}), nothing)
    assert way.tag("acme-v1", str(made)) == first
    assert there.world.git(there.bare, "rev-parse", "acme-v1") == first


def test_an_executable_file_is_refused(there: Azure, clone: Path) -> None:
    with pytest.raises(Refused, match=r"tool\.sh is executable") as caught:
        there.way(clone).commit("main", there.draft(clone, {"tool.sh": b"#!/bin/bash\n"}), nothing)
    assert (caught.value.code, caught.value.cure) == (
        "mode-not-possible",
        "Set `commit-with: git`: then the commit is made here and pushed.",
    )


def refusal(there: Azure, clone: Path) -> ServiceRefused:
    draft = there.draft(clone, {"conda.yml": NEW})
    with pytest.raises(ServiceRefused) as caught:
        there.way(clone).commit("main", draft, nothing)
    assert there.world.git(there.bare, "rev-list", "--count", "main") == "1"
    return caught.value


def test_a_policy_of_the_branch_is_named_with_the_two_ways_out(there: Azure, clone: Path) -> None:
    there.server.policies.add((NAME, "main"))
    error = refusal(there, clone)
    assert error.code == "branch-protected"
    assert error.message == (
        f"main at {there.url} is protected, and the rule refused the push: TF402455: Pushes to this"
        " branch are not permitted; you must use a pull request to update this branch."
    )
    assert "bypass the rule" in error.cure
    assert "`commit: pull-request`" in error.cure
    assert proposed(there, clone, None, "one") is not None


def test_a_right_that_is_missing_is_named(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.password = there.server.password("reader")
    with pytest.raises(ServiceRefused, match="GenericContribute") as caught:
        there.way(clone).commit("main", draft, nothing)
    assert caught.value.code == "push-forbidden"
    assert "build service" in caught.value.cure


def test_the_right_to_replace_a_branch_is_named(there: Azure, clone: Path) -> None:
    first = proposed(there, clone, None, "one")
    there.password = "no-force-55"
    with pytest.raises(ServiceRefused, match="ForcePush") as caught:
        proposed(there, clone, first, "two")
    assert caught.value.code == "push-forbidden"
    assert there.at(STABLE) == first


@pytest.mark.parametrize(
    ("password", "code"),
    [("wrong-77", "not-authenticated"), ("stranger-66", "repository-not-found")],
)
def test_who_may_not_come_in(there: Azure, clone: Path, password: str, code: str) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.password = password
    with pytest.raises(ServiceRefused) as caught:
        there.way(clone).commit("main", draft, nothing)
    assert caught.value.code == code
    assert password not in f"{caught.value.message} {caught.value.cure}"


def test_a_page_to_sign_in_is_no_answer(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    there.server.trouble("sign-in", "pushes")
    with pytest.raises(ServiceRefused, match="a page for people to sign in") as caught:
        there.way(clone).commit("main", draft, nothing)
    assert caught.value.code == "not-authenticated"


def test_a_service_that_stays_away(there: Azure, clone: Path) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    for _ in range(40):
        there.server.trouble("503", "pushes")
    with pytest.raises(ServiceUnavailable):
        there.way(clone).commit("main", draft, nothing)


ODD: tuple[object, ...] = (
    None, [], {}, 3, "x", {"value": 3}, {"refUpdates": []}, {"refUpdates": [{}]}, [{}],
    {"count": 1, "value": [None]}, {"refUpdates": [{"newObjectId": "--help"}]},
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("part", ["pushes", "POST git/repositories/tools/refs"])
def test_an_answer_of_another_shape_is_no_traceback(
    there: Azure, clone: Path, odd: object, part: str
) -> None:
    first = proposed(there, clone, None, "one")
    there.server.odd = odd
    for _ in range(3):
        there.server.trouble("odd", part)
    with pytest.raises(ServiceRefused):
        proposed(there, clone, first, "two")
    assert there.at(STABLE) == first


NAMES = ("b\u00fccher \u2603/#1 100%.yml", ".hidden/.env", "a b/c+d&e?.yml", "Windows.txt")


def test_any_name_that_is_text_is_committed_and_links_stay(there: Azure, clone: Path) -> None:
    before = there.world.git(there.bare, "ls-tree", "main", "link.yml", "linked", "tool.sh")
    files: dict[str, bytes | None] = dict.fromkeys(NAMES, NEW)
    draft = there.draft(clone, {**files, "windows.txt": None})  # one differs in case alone
    made = there.way(clone).commit("main", draft, nothing)
    assert there.world.git(there.bare, "rev-parse", f"{made}^{{tree}}") == draft.tree
    listed = there.world.git(there.bare, "ls-tree", "main", "link.yml", "linked", "tool.sh")
    assert listed == before
    assert there.world.git(there.bare, "ls-tree", "--name-only", "main").count("indows.txt") == 1


ODD_NAME = "caf\udce9.yml"


@pytest.mark.parametrize(
    ("path", "code"), [(ODD_NAME, "path-not-possible"), ("tool.sh", "mode-not-possible")]
)
def test_what_the_api_cannot_be_told_is_pushed_or_refused(
    there: Azure, clone: Path, path: str, code: str
) -> None:
    def decide(head: Snapshot) -> list[Change]:
        now = head.read(path)
        return [] if now == b"2" else [Change(path, now, b"2")]

    with pytest.raises(Refused) as caught:
        land(there.push(clone, "azure-repos"), decide, "Pin", clock=there.clock)
    assert (caught.value.code, "commit-with: git" in caught.value.cure) == (code, True)
    assert there.server.labels() == []
    done = land(there.push(clone), decide, "Pin", clock=there.clock)
    assert (done.status, done.sha) == ("pushed", there.at())
    assert there.show(path) == "2"
    assert there.server.labels() == [], "git's push"


def test_the_request_is_measured_as_it_is_sent(
    there: Azure, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes | None] = {f"n\u00fcr {number}.yml": b"\xff" for number in range(40)}
    way, draft = there.way(clone), there.draft(clone, files, "Pin \u2603")
    assert way.commit("main", draft, nothing)
    sent = max(there.server.sizes)
    there.server.calls.clear()
    draft = there.draft(clone, dict.fromkeys(files, b"\xfe"), "Pin \u2603")
    edited = sent + 40  # "edit" is longer than "add"
    monkeypatch.setattr(azure_way, "LARGEST", edited - len("main") + azure_way.ROOM - 1)
    with pytest.raises(Refused, match="more than Azure Repos takes at once") as caught:
        way.commit("main", draft, nothing)
    assert (caught.value.code, there.server.calls) == ("commit-too-large", [])
    monkeypatch.setattr(azure_way, "LARGEST", edited - len("main") + azure_way.ROOM)
    assert way.commit("main", draft, nothing)


def test_a_request_that_is_too_large_all_the_same_is_told(
    there: Azure, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = there.draft(clone, {"conda.yml": NEW})
    monkeypatch.setattr(azure_repository, "LARGEST", 100)
    with pytest.raises(Refused, match="more than Azure Repos takes at once"):
        there.way(clone).commit("main", draft, nothing)
    assert "POST git/repositories/tools/pushes" not in there.server.labels()

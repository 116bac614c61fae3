"""A proposal: its branch on a real server, its pull requests in memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import pytest

from tests.repositories.conftest import ME, Hosted
from tests.repositories.support import NoWait, add_line, pin
from wheelstep.ground.clock import SystemClock
from wheelstep.ground.page import Room
from wheelstep.ground.secret import Secret
from wheelstep.lock import FILE, Lock, Locked, LockedWheel
from wheelstep.model import Change
from wheelstep.repositories.git_way import GitWay
from wheelstep.repositories.identity import made_by_us
from wheelstep.repositories.interface import Committed, Redo, Snapshot, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.proposal import ProposalRepository
from wheelstep.repositories.pulls import PullRequest, PullWish
from wheelstep.repositories.remote import Remote

BRANCH = "wheelstep/main"


@dataclass
class Pulls:
    """Pull requests of a host, and what was done to them."""

    room: ClassVar = Room(4000)
    hosted: Hosted
    there: list[PullRequest] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def latest(self, branch: str, base: str) -> PullRequest | None:
        assert (branch, base) == (BRANCH, "main")
        with self.guard:
            opened = [one for one in self.there if one.state == "open"]
            newest = self.there[-1] if self.there else None
            return opened[0] if opened else newest

    def create(self, branch: str, base: str, wish: PullWish) -> tuple[PullRequest, list[str]]:
        assert (branch, base) == (BRANCH, "main")
        with self.guard:
            if any(one.state == "open" for one in self.there):
                self.done.append("found")
                return next(one for one in self.there if one.state == "open"), []
            number = len(self.there) + 1
            one = PullRequest(number, f"https://host/pull/{number}", "open", "")
            self.there.append(one)
            self.done.append(f"create {number}: {wish.title}")
        return one, []

    def update(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        self.done.append(f"update {there.number}: {wish.title}")
        return there, []

    def make_up(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        self.done.append(f"make up {there.number}")
        return there, []

    def close(self, there: PullRequest, comment: str) -> None:
        self.done.append(f"close {there.number}: {comment}")
        self.set("closed", there.number)

    def set(self, state: str, number: int, head: str = "") -> None:
        now = self.there[number - 1]
        self.there[number - 1] = replace(now, state=state, head=head)  # type: ignore[arg-type]


@pytest.fixture
def pulls(hosted: Hosted) -> Pulls:
    return Pulls(hosted)


def proposals(hosted: Hosted, clone: Path, pulls: Pulls) -> ProposalRepository:
    git = hosted.world.open(clone)
    remote = Remote(
        git,
        name=None,
        branch="main",
        user=None,
        token=Secret(hosted.server.password("ci")),
        environment=hosted.world.environment,
        wait=60.0,
        clock=NoWait(),
    )
    way = GitWay(git, remote, ME, NoWait())
    return ProposalRepository(
        git,
        base="main",
        branch=BRANCH,
        remote=remote,
        way=way,
        pulls=pulls,
        wish=lambda wording: PullWish(wording.title, wording.body),
    )


def proposed(
    hosted: Hosted, clone: Path, pulls: Pulls, decide: Redo, title: str = "Pin"
) -> Committed:
    repository = proposals(hosted, clone, pulls)

    def wording() -> Wording:
        return Wording(title, title, f"Body of {title}")

    return land(repository, decide, wording, clock=NoWait())


def subjects(hosted: Hosted, revision: str = BRANCH) -> list[str]:
    return hosted.world.git(hosted.bare, "log", "--format=%s", f"main..{revision}").splitlines()


def branches(hosted: Hosted) -> list[str]:
    names = hosted.world.git(hosted.bare, "for-each-ref", "--format=%(refname:short)")
    return names.splitlines()


def somebody(hosted: Hosted, branch: str, files: dict[str, str], subject: str) -> None:
    """Let a colleague commit on a branch of the server."""
    place = hosted.world.root / f"colleague-{len(list(hosted.world.root.iterdir()))}"
    hosted.world.git(
        hosted.world.root, "clone", "--quiet", f"--branch={branch}", str(hosted.bare), str(place)
    )
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    hosted.world.git(place, "add", "--all")
    hosted.world.git(place, "commit", "--quiet", "-m", subject)
    hosted.world.git(place, "push", "--quiet", "origin", branch)


@pytest.fixture(params=["full", "shallow"])
def clone(hosted: Hosted, request: pytest.FixtureRequest) -> Path:
    somebody(hosted, "main", {"readme": "one"}, "Second")
    options = ["--depth=1"] if request.param == "shallow" else []
    return hosted.clone(str(request.param), *options)


def test_its_commit_skips_no_checks(hosted: Hosted, pulls: Pulls) -> None:
    proposed(hosted, hosted.clone("skips"), pulls, pin(), title="Pin [skip ci] acme")
    assert subjects(hosted) == ["Pin acme"]


def test_one_branch_and_one_pull_request(hosted: Hosted, clone: Path, pulls: Pulls) -> None:
    before = hosted.head()
    done = proposed(hosted, clone, pulls, pin())
    assert (done.status, done.branch, done.url) == (
        "pull-request", BRANCH, "https://host/pull/1"
    )  # fmt: skip
    assert hosted.head() == before
    assert subjects(hosted) == ["Pin"]
    assert hosted.show("conda.yml", BRANCH) == b"dependencies:\n- acme==2.0"
    assert hosted.show("tool.sh", BRANCH) == b"#!/bin/sh"
    head = hosted.world.git(hosted.bare, "rev-parse", BRANCH)
    assert made_by_us(hosted.world.open(clone), head)
    assert pulls.done == ["create 1: Pin"]
    assert hosted.world.git(clone, "status", "--porcelain") == ""
    hosted.world.git(clone, "fsck", "--strict")


def test_the_same_again_changes_nothing(hosted: Hosted, clone: Path, pulls: Pulls) -> None:
    first = proposed(hosted, clone, pulls, pin())
    somebody(hosted, "main", {"readme": "two"}, "Elsewhere")
    for place in (clone, hosted.clone("another", "--depth=1")):
        again = proposed(hosted, place, pulls, pin())
        assert (again.status, again.sha, again.url) == ("pull-request", first.sha, first.url)
    assert pulls.done == ["create 1: Pin"]


def test_a_newer_pin_replaces_the_commit(hosted: Hosted, clone: Path, pulls: Pulls) -> None:
    proposed(hosted, clone, pulls, pin())
    somebody(hosted, "main", {"readme": "two"}, "Elsewhere")
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert subjects(hosted) == ["Pin 3"]
    assert hosted.show("conda.yml", BRANCH) == b"dependencies:\n- acme==3.0"
    assert hosted.show("readme", BRANCH) == b"two"
    assert pulls.done == ["create 1: Pin", "update 1: Pin 3"]


def test_what_others_proposed_stays(hosted: Hosted, clone: Path, pulls: Pulls) -> None:
    proposed(hosted, clone, pulls, add_line("pins.txt", "b==1"))
    proposed(hosted, clone, pulls, add_line("pins.txt", "a==1"), "Both")
    assert hosted.show("pins.txt", BRANCH) == b"a==1\nb==1"
    assert subjects(hosted) == ["Both"]


def test_a_file_that_somebody_changed_on_the_base_is_decided_anew(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    somebody(hosted, "main", {"conda.yml": "dependencies:\n- acme==1.0\n- numpy\n"}, "numpy")
    proposed(hosted, clone, pulls, pin(), "Again")
    assert hosted.show("conda.yml", BRANCH) == b"dependencies:\n- numpy\n- acme==2.0"
    assert subjects(hosted) == ["Again"]


@pytest.mark.parametrize(("on_base", "in_all"), [("1.5", "2.0"), ("3.0", "3.0")])
def test_of_two_records_each_package_has_its_newer_release(
    hosted: Hosted, pulls: Pulls, on_base: str, in_all: str
) -> None:
    clone = hosted.clone("clone")

    def record(**versions: str) -> bytes:
        wheel = LockedWheel("x-1-py3-none-any.whl", "0" * 64, "c", 1, None, ("../index",))
        rows = [
            Locked(name, version, "s", "0" * 40, None, (), (wheel,))
            for name, version in versions.items()
        ]
        return Lock().with_packages(*rows).render()

    somebody(hosted, "main", {FILE: record(a="1.0", b="1.0").decode()}, "First")
    ours = [Change(FILE, None, record(a="2.0", b="1.0"))]
    proposed(hosted, clone, pulls, lambda _: ours)
    somebody(hosted, "main", {FILE: record(a=on_base, b="3.0").decode()}, "Theirs")
    proposed(hosted, clone, pulls, pin(), "Pin")
    there = Lock.parse(hosted.show(FILE, BRANCH)).packages
    assert {name: row.version for name, row in there.items()} == {"a": in_all, "b": "3.0"}


@pytest.mark.parametrize("path", ["wheels", "wheels/x.whl/y"])
def test_a_file_that_has_no_room_any_more_takes_nothing_of_the_base_away(
    hosted: Hosted, pulls: Pulls, path: str
) -> None:
    clone = hosted.clone("clone")
    vendored = [Change("wheels/x.whl", None, b"PK")]
    proposed(hosted, clone, pulls, lambda _: vendored)
    somebody(hosted, "main", {path: "theirs"}, "By hand")
    proposed(hosted, clone, pulls, pin(), "Pin")
    assert hosted.show(path, BRANCH) == b"theirs"
    changed = hosted.world.git(hosted.bare, "diff", "--name-only", f"main...{BRANCH}")
    assert changed == "conda.yml"


def test_what_others_proposed_is_merged_with_what_somebody_changed_on_the_base(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    lines = [f"line {number}\n" for number in range(9)]
    somebody(hosted, "main", {"pins.txt": "".join(lines)}, "Lines")

    def raised(number: int) -> Redo:
        def decide(head: Snapshot) -> list[Change]:
            before = head.read("pins.txt") or b""
            after = before.replace(f"line {number}\n".encode(), f"pin {number}\n".encode())
            return [Change("pins.txt", before, after)] if after != before else []

        return decide

    proposed(hosted, clone, pulls, raised(1))
    somebody(hosted, "main", {"pins.txt": "".join([*lines, "by hand\n"])}, "By hand")
    assert proposals(hosted, clone, pulls).snapshot().merged_paths == ["pins.txt"]
    proposed(hosted, clone, pulls, raised(7), "Both")
    shown = hosted.show("pins.txt", BRANCH).decode().splitlines()
    assert (shown[1], shown[7], shown[-1]) == ("pin 1", "pin 7", "by hand")
    assert subjects(hosted) == ["Both"]


def test_a_colleagues_commit_on_the_branch_is_kept_and_one_is_added(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    somebody(hosted, BRANCH, {"notes": "careful"}, "By hand")
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert subjects(hosted) == ["Pin 3", "By hand", "Pin"]
    assert hosted.show("notes", BRANCH) == b"careful"
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert subjects(hosted) == ["Pin 3", "By hand", "Pin"]
    proposed(hosted, clone, pulls, pin(version="4.0"), "Pin 4")
    assert subjects(hosted)[0] == "Pin 4"
    assert len(subjects(hosted)) == 4


def test_an_amended_commit_is_a_colleagues(hosted: Hosted, clone: Path, pulls: Pulls) -> None:
    proposed(hosted, clone, pulls, pin())
    place = hosted.world.root / "amending"
    hosted.world.git(
        hosted.world.root, "clone", "--quiet", f"--branch={BRANCH}", str(hosted.bare), str(place)
    )
    (place / "notes").write_text("more")
    hosted.world.git(place, "add", "notes")
    hosted.world.git(place, "commit", "--quiet", "--amend", "--no-edit")
    hosted.world.git(place, "push", "--quiet", "--force", "origin", BRANCH)
    proposed(hosted, clone, pulls, pin(version="3.0"), "Pin 3")
    assert subjects(hosted) == ["Pin 3", "Pin"]
    assert hosted.show("notes", BRANCH) == b"more"


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


def test_a_run_that_was_killed_before_its_pull_request_is_made_up_for(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    pulls.there.clear()
    done = proposed(hosted, clone, pulls, lambda _: [])
    assert (done.status, pulls.done[1:]) == ("pull-request", ["create 1: Pin"])


def test_no_token_that_skips_pipelines_is_on_the_branch(
    hosted: Hosted, clone: Path, pulls: Pulls
) -> None:
    proposed(hosted, clone, pulls, pin())
    assert "[skip" not in hosted.world.git(hosted.bare, "log", "-1", "--format=%B", BRANCH)


def test_racing_runs_end_in_one_proposal_with_everyones_pins(hosted: Hosted, pulls: Pulls) -> None:
    clones = [hosted.clone("full"), hosted.clone("shallow", "--depth=1")]
    names = [f"p{number}" for number in range(8)]

    def run(number: int) -> Committed:
        repository = proposals(hosted, clones[number % 2], pulls)
        own, common = add_line(f"own-{number}", "x"), add_line("pins.txt", names[number])

        def decide(head: object) -> list[Change]:
            return [*own(head), *common(head)]  # type: ignore[arg-type]

        return land(repository, decide, f"By {number}", clock=SystemClock())

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(run, range(8)))
    assert {one.status for one in done} == {"pull-request"}
    assert hosted.show("pins.txt", BRANCH).decode().splitlines() == names
    assert len(subjects(hosted)) == 1
    assert len(pulls.there) == 1
    hosted.world.git(hosted.bare, "fsck", "--strict")

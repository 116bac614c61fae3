"""What a proposal is made of: one branch, one commit of ours, one pull request, of many runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.repositories.conftest import Hosted
from tests.repositories.pulls_kit import (
    BRANCH,
    Pulls,
    proposals,
    proposed,
    somebody,
    subjects,
)
from tests.repositories.support import add_line, pin
from wheelstep.ground.clock import SystemClock
from wheelstep.lock import FILE, Lock, Locked, LockedWheel
from wheelstep.model import Change
from wheelstep.repositories.identity import made_by_us
from wheelstep.repositories.interface import Committed, Redo, Snapshot
from wheelstep.repositories.land import land


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

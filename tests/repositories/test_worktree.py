from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.repositories.conftest import FILES, World
from tests.repositories.support import change
from wheelstep.errors import CannotHere
from wheelstep.model import Change
from wheelstep.repositories.interface import Committed, Wording
from wheelstep.repositories.worktree import WorkTree


def test_reads_what_lies_on_disk(world: World, checkout: Path) -> None:
    (checkout / "conda.yml").write_bytes(b"on disk\r\n")
    (checkout / "untracked.yml").write_bytes(b"x")
    (checkout / "windows.txt").unlink()
    (checkout / "envs/c.yml").write_bytes(b"staged\n")
    world.git(checkout, "add", "envs/c.yml")
    tree = WorkTree(world.open(checkout / "envs"))
    tree.prove()
    head = tree.snapshot()
    assert head.head is None
    tracked = {*FILES, "envs/c.yml"} - {"windows.txt"}
    assert head.paths() == sorted(tracked)
    assert head.read("conda.yml") == b"on disk\r\n"
    for path in (
        "untracked.yml",
        "windows.txt",
        "link.yml",
        "linked/c.yml",
        "../x",
        "wheelstep.lock",
    ):
        assert head.read(path) is None
    (checkout / "conda.yml").write_bytes(b"later\n")
    assert head.read("conda.yml") == b"on disk\r\n"
    assert head.read_many(["conda.yml", "windows.txt"]) == {"conda.yml": b"on disk\r\n"}
    assert head.links() == {"link.yml": "conda.yml", "linked": "envs"}
    commit = world.git(checkout, "rev-parse", "HEAD")
    assert head.is_ancestor(commit, commit) is True
    assert str(checkout) in head.describe()


def test_the_lock_counts_before_it_is_tracked(world: World, checkout: Path) -> None:
    (checkout / "wheelstep.lock").write_bytes(b"lock\n")
    head = WorkTree(world.open(checkout)).snapshot()
    assert head.read("wheelstep.lock") == b"lock\n"
    assert "wheelstep.lock" in head.paths()


def test_writes_and_commits_nothing(world: World, checkout: Path) -> None:
    before = world.git(checkout, "rev-parse", "HEAD")
    tree = WorkTree(world.open(checkout))
    head = tree.snapshot()
    changes = [
        change(head, "tool.sh", b"#!/bin/sh\r\nexit\r\n"),
        change(head, "wheelstep.lock", b"lock\n"),
        change(head, "new/a.yml", b"a\n"),
        change(head, "conda.yml", FILES["conda.yml"]),
    ]
    untouched = (checkout / "conda.yml").stat()
    assert tree.propose(changes, on=head, wording=Wording("x")) == Committed("none")
    assert (checkout / "tool.sh").read_bytes() == b"#!/bin/sh\r\nexit\r\n"
    assert (checkout / "tool.sh").stat().st_mode & 0o777 == 0o755
    assert (checkout / "wheelstep.lock").stat().st_mode & 0o777 == (
        (checkout / ".git/config").stat().st_mode & 0o777
    )
    assert (checkout / "new/a.yml").read_bytes() == b"a\n"
    assert (checkout / "conda.yml").stat() == untouched
    assert world.git(checkout, "rev-parse", "HEAD") == before
    assert world.git(checkout, "diff", "--cached", "--name-only") == ""
    assert not list(checkout.rglob("*.tmp"))


def test_an_edit_in_between_is_not_overwritten(world: World, checkout: Path) -> None:
    tree = WorkTree(world.open(checkout))
    head = tree.snapshot()
    changes = [change(head, path, b"ours\n") for path in ("conda.yml", "tool.sh")]
    (checkout / "tool.sh").write_bytes(b"edited\n")
    assert tree.propose(changes, on=head, wording=Wording("x")) is None
    assert (checkout / "conda.yml").read_bytes() == FILES["conda.yml"]
    assert (checkout / "tool.sh").read_bytes() == b"edited\n"


def test_a_full_disk_puts_everything_back(
    world: World, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = WorkTree(world.open(checkout))
    head = tree.snapshot()
    real = os.fsync
    calls: list[int] = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    changes = [change(head, "conda.yml", b"x"), Change("new.yml", None, b"y"),
               change(head, "tool.sh", b"z")]  # fmt: skip
    with pytest.raises(CannotHere) as caught:
        tree.propose(changes, on=head, wording=Wording("x"))
    assert caught.value.code == "disk-full"
    assert caught.value.file == "tool.sh"
    assert {path: (checkout / path).read_bytes() for path in FILES} == FILES
    assert world.git(checkout, "status", "--porcelain") == ""

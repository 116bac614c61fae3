"""A file that goes: the change has no content after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.conftest import Hosted, World
from tests.repositories.support import change
from wheelstep.errors import CannotHere
from wheelstep.model import Change
from wheelstep.repositories.interface import Snapshot, Wording
from wheelstep.repositories.objects import touched_between
from wheelstep.repositories.worktree import WorkTree


def gone(head: Snapshot, path: str) -> Change:
    return Change(path, head.read(path), None)


def status(world: World, checkout: Path) -> str:
    return world.git(checkout, "status", "--porcelain")


def test_a_local_commit_takes_a_file_away_and_adds_another(world: World, checkout: Path) -> None:
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [
        gone(head, "windows.txt"),
        gone(head, "never/there.whl"),
        change(head, "ctx/wheels/new.whl", b"PK"),
    ]
    done = repository.propose(changes, on=head, wording=Wording("Vendor"))
    assert done is not None
    assert done.notes == ()
    assert status(world, checkout) == ""
    assert not (checkout / "windows.txt").exists()
    assert (checkout / "ctx/wheels/new.whl").read_bytes() == b"PK"
    shown = world.git(checkout, "show", "--name-status", "--format=", "HEAD").splitlines()
    assert sorted(shown) == ["A\tctx/wheels/new.whl", "D\twindows.txt"]
    touched = touched_between(repository._git, head.head, done.sha or "")
    assert {each.path: each.new is None for each in touched} == {
        "ctx/wheels/new.whl": False,
        "windows.txt": True,
    }


def test_a_folder_left_empty_goes_with_its_last_file(world: World, checkout: Path) -> None:
    repository = world.local(checkout)
    head = repository.snapshot()
    assert repository.propose([change(head, "a/b/x.whl", b"1")], on=head, wording=Wording("Add"))
    head = repository.snapshot()
    assert repository.propose([gone(head, "a/b/x.whl")], on=head, wording=Wording("Remove"))
    assert not (checkout / "a").exists()
    assert (checkout / "conda.yml").exists()
    assert status(world, checkout) == ""


@pytest.mark.parametrize("staged", [False, True])
def test_a_file_that_the_user_changed_stays_on_disk(
    world: World, checkout: Path, staged: bool
) -> None:
    (checkout / "windows.txt").write_bytes(b"mine\n")
    if staged:
        world.git(checkout, "add", "windows.txt")
    repository = world.local(checkout)
    head = repository.snapshot()
    done = repository.propose([gone(head, "windows.txt")], on=head, wording=Wording("Remove"))
    assert done is not None
    assert len(done.notes) == 1
    assert (checkout / "windows.txt").read_bytes() == b"mine\n"
    assert "windows.txt" not in world.git(checkout, "ls-tree", "--name-only", "HEAD").split()


def test_a_file_that_the_user_removed_already_is_no_conflict(world: World, checkout: Path) -> None:
    (checkout / "windows.txt").unlink()
    repository = world.local(checkout)
    head = repository.snapshot()
    done = repository.propose([gone(head, "windows.txt")], on=head, wording=Wording("Remove"))
    assert done is not None
    assert done.notes == ()
    assert status(world, checkout) == ""


def test_a_push_takes_a_file_away(hosted: Hosted) -> None:
    checkout = hosted.clone("mine")
    repository = hosted.push_repository(checkout)
    head = repository.snapshot()
    done = repository.propose([gone(head, "windows.txt")], on=head, wording=Wording("Remove"))
    assert done is not None
    assert (done.status, done.notes) == ("pushed", ())
    listed = hosted.world.git(hosted.bare, "ls-tree", "--name-only", "main").split()
    assert "windows.txt" not in listed
    assert "conda.yml" in listed
    assert not (checkout / "windows.txt").exists()
    assert status(hosted.world, checkout) == ""


def test_the_work_tree_loses_a_file_and_gets_it_back_when_another_fails(
    world: World, checkout: Path
) -> None:
    tree = WorkTree(world.open(checkout))
    head = tree.snapshot()
    before = (checkout / "windows.txt").read_bytes()
    too_long = "x" * 300 + ".whl"
    with pytest.raises(CannotHere):
        tree.propose(
            [gone(head, "windows.txt"), change(head, too_long, b"PK")], on=head, wording=Wording("")
        )
    assert (checkout / "windows.txt").read_bytes() == before
    wheel = change(head, "wheels/x.whl", b"PK")
    assert tree.propose([gone(head, "windows.txt"), wheel], on=head, wording=Wording(""))
    assert not (checkout / "windows.txt").exists()
    assert (checkout / "wheels/x.whl").read_bytes() == b"PK"
    # written by a run before, not tracked by git yet: seen all the same
    assert tree.snapshot().read("wheels/x.whl") == b"PK"

"""A local commit beside changes of the user's: the next commit of something else keeps the pin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.conftest import World
from tests.repositories.support import change, propose_once
from wheelstep.errors import CannotHere
from wheelstep.repositories.interface import Committed, Wording


def commit_another_file(world: World, checkout: Path) -> str:
    """Do what a user does next; return which files that commit changed."""
    (checkout / "innocent.txt").write_text("x\n")
    world.git(checkout, "add", "innocent.txt")
    world.git(checkout, "commit", "--quiet", "-m", "Something else")
    return world.git(checkout, "show", "--format=", "--name-status", "HEAD")


@pytest.mark.parametrize(
    ("edit", "shown"), [(b"mine\n", " M conda.yml"), (None, " D conda.yml")]
)  # fmt: skip
def test_an_edit_that_is_not_staged_does_not_take_the_pin_back(
    world: World, checkout: Path, edit: bytes | None, shown: str
) -> None:
    path = checkout / "conda.yml"
    if edit is None:
        path.unlink()
    else:
        path.write_bytes(edit)
    done = propose_once(world.local(checkout), "conda.yml", b"pinned\n")
    assert isinstance(done, Committed)
    (note,) = done.notes
    assert note.startswith("conda.yml has changes of yours that are not staged")
    assert (path.read_bytes() if path.exists() else None) == edit
    status = "status", "--porcelain", "--untracked-files=all"
    assert world.git(checkout, *status) == shown
    assert commit_another_file(world, checkout) == "A\tinnocent.txt"
    assert world.git(checkout, "show", "HEAD:conda.yml") == "pinned"


def test_an_untracked_file_of_the_same_name_does_not_take_ours_out(
    world: World, checkout: Path
) -> None:
    (checkout / "wheelstep.lock").write_bytes(b"mine\n")
    done = propose_once(world.local(checkout), "wheelstep.lock", b"lock\n")
    assert isinstance(done, Committed)
    assert len(done.notes) == 1
    assert commit_another_file(world, checkout) == "A\tinnocent.txt"
    assert world.git(checkout, "show", "HEAD:wheelstep.lock") == "lock"
    assert (checkout / "wheelstep.lock").read_bytes() == b"mine\n"


@pytest.mark.parametrize("on_disk", [b"staged\n", b"more\n"])
def test_what_is_staged_stays_and_the_note_says_what_that_means(
    world: World, checkout: Path, on_disk: bytes
) -> None:
    (checkout / "conda.yml").write_bytes(b"staged\n")
    world.git(checkout, "add", "conda.yml")
    (checkout / "conda.yml").write_bytes(on_disk)
    done = propose_once(world.local(checkout), "conda.yml", b"pinned\n")
    assert isinstance(done, Committed)
    (note,) = done.notes
    assert "next commit of this file would take back" in note
    assert world.git(checkout, "show", ":conda.yml") == "staged"
    assert (checkout / "conda.yml").read_bytes() == on_disk
    assert world.git(checkout, "show", "HEAD:conda.yml") == "pinned"


def test_a_folder_staged_where_our_file_goes_stays(world: World, checkout: Path) -> None:
    (checkout / "wheelstep.lock").mkdir()
    (checkout / "wheelstep.lock/a").write_text("mine\n")
    world.git(checkout, "add", "wheelstep.lock/a")
    done = propose_once(world.local(checkout), "wheelstep.lock", b"lock\n")
    assert isinstance(done, Committed)
    assert "in the index" in done.notes[0]
    assert world.git(checkout, "show", ":wheelstep.lock/a") == "mine"


def test_files_that_git_overlooks_follow_in_the_index_and_stay_overlooked(
    world: World, checkout: Path
) -> None:
    world.git(checkout, "update-index", "--assume-unchanged", "conda.yml")
    world.git(checkout, "update-index", "--skip-worktree", "tool.sh")
    for path in ("conda.yml", "tool.sh"):
        (checkout / path).write_bytes(b"hidden\n")
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [change(head, path, b"ours\n") for path in ("conda.yml", "tool.sh")]
    assert repository.propose(changes, on=head, wording=Wording("Pin")) is not None
    assert world.git(checkout, "ls-files", "-v", "conda.yml", "tool.sh") == (
        "h conda.yml\nS tool.sh"
    )
    assert commit_another_file(world, checkout) == "A\tinnocent.txt"
    assert (checkout / "conda.yml").read_bytes() == b"hidden\n"
    assert (checkout / "tool.sh").read_bytes() == b"hidden\n"


def test_a_run_that_was_killed_between_index_and_branch_ends_the_same(
    world: World, checkout: Path
) -> None:
    (checkout / "conda.yml").write_bytes(b"pinned\n")
    world.git(checkout, "add", "conda.yml")  # as the killed run left the index
    (checkout / "conda.yml").write_bytes(b"mine\n")
    done = propose_once(world.local(checkout), "conda.yml", b"pinned\n")
    assert isinstance(done, Committed)
    assert "that are not staged" in done.notes[0]
    assert commit_another_file(world, checkout) == "A\tinnocent.txt"
    assert (checkout / "conda.yml").read_bytes() == b"mine\n"


def test_what_a_killed_run_had_in_the_index_and_not_on_disk_follows(
    world: World, checkout: Path
) -> None:
    files = {"conda.yml": b"pinned\n", "new/a.yml": b"new\n"}
    for path, content in files.items():
        oid = world.git(checkout, "hash-object", "-w", "--stdin", stdin=content)
        world.git(checkout, "update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [change(head, path, content) for path, content in files.items()]
    done = repository.propose(changes, on=head, wording=Wording("Pin"))
    assert done is not None
    assert done.notes == ()
    assert {path: (checkout / path).read_bytes() for path in files} == files
    assert world.git(checkout, "status", "--porcelain") == ""


def test_a_commit_that_fails_takes_the_index_back(world: World, checkout: Path) -> None:
    world.git(checkout, "config", "filter.broken.clean", "cat")
    world.git(checkout, "config", "filter.broken.smudge", "false")
    world.git(checkout, "config", "filter.broken.required", "true")
    (checkout / ".git/info/attributes").write_text("tool.sh filter=broken\n")
    (checkout / "conda.yml").write_bytes(b"mine\n")
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [change(head, path, b"ours\n") for path in ("conda.yml", "tool.sh")]
    with pytest.raises(CannotHere, match="smudge filter"):
        repository.propose(changes, on=head, wording=Wording("Pin"))
    (checkout / ".git/info/attributes").unlink()
    assert world.git(checkout, "diff", "--cached", "--name-only") == ""
    assert (checkout / "conda.yml").read_bytes() == b"mine\n"

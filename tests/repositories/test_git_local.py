from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.repositories.conftest import FILES, ME, World
from tests.repositories.support import NoWait, change, pin, propose_once
from wheelstep.errors import CannotHere, Refused, SettingError
from wheelstep.ground.process import Finished, run
from wheelstep.model import Change
from wheelstep.repositories.interface import Committed, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.table import Wish, repository_of

SNOW = "envs/b\u00fccher \u2603.yml"


def status(world: World, directory: Path) -> str:
    return world.git(directory, "status", "--porcelain", "--untracked-files=all")


def test_reads_the_commit_byte_for_byte(world: World, checkout: Path) -> None:
    (checkout / "conda.yml").write_bytes(b"not committed\n")
    (checkout / "untracked.yml").write_bytes(b"x\n")
    head = world.local(checkout).snapshot()
    assert head.paths() == sorted(FILES)
    assert head.read_many([*FILES, "link.yml", "none.yml", "linked/x"]) == FILES
    assert head.read("link.yml") is None
    assert head.links() == {"link.yml": "conda.yml", "linked": "envs"}
    assert head.read("untracked.yml") is None
    assert head.head == world.git(checkout, "rev-parse", "HEAD")
    assert "Begin, Ada" in head.describe()


def test_commits_bytes_modes_and_names(world: World, checkout: Path) -> None:
    world.git(checkout, "config", "core.autocrlf", "true")
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [
        change(head, "windows.txt", b"one\r\nthree\r\n"),
        change(head, SNOW, b"more snow\n"),
        change(head, "tool.sh", b"#!/bin/sh\nexit 0\n"),
        change(head, "wheelstep.lock", b"lock\n"),
        change(head, "new/folder/a.yml", b"a\n"),
    ]
    done = repository.propose(changes, on=head, wording=Wording("Pin acme\n\nBecause."))
    assert done == Committed("local", world.git(checkout, "rev-parse", "main"), "main")
    for each in changes:
        shown = world.git(checkout, "cat-file", "blob", f"main:{each.path}") + "\n"
        assert shown.encode() == each.after
    assert world.git(checkout, "ls-tree", "main", "tool.sh").startswith("100755")
    assert world.git(checkout, "ls-tree", "main", "wheelstep.lock").startswith("100644")
    tree = world.git(checkout, "rev-parse", "main^{tree}")
    assert world.git(checkout, "log", "-1", "--format=%an <%ae> %cn|%B").strip() == (
        f"{ME.name} <{ME.email}> {ME.name}|Pin acme [skip ci]\n\nBecause.\n\nWheelstep-Tree: {tree}"
    )
    assert world.git(checkout, "rev-parse", "main^") == head.head
    assert (checkout / "new/folder/a.yml").exists()
    assert (checkout / "tool.sh").stat().st_mode & 0o100
    assert status(world, checkout) == ""
    world.git(checkout, "fsck", "--strict")


def test_line_ends_of_the_checkout_stay_the_users(world: World, checkout: Path) -> None:
    world.git(checkout, "config", "core.autocrlf", "true")
    (checkout / "conda.yml").unlink()
    world.git(checkout, "checkout", "--", "conda.yml")
    assert b"\r\n" in (checkout / "conda.yml").read_bytes()
    land(world.local(checkout), pin(), "Pin", clock=NoWait())
    assert (checkout / "conda.yml").read_bytes() == b"dependencies:\r\n- acme==2.0\r\n"
    assert world.git(checkout, "show", "main:conda.yml") == "dependencies:\n- acme==2.0"
    assert status(world, checkout) == ""


def test_what_the_user_changed_is_left_alone(world: World, checkout: Path) -> None:
    (checkout / "conda.yml").write_bytes(b"my edit\n")
    (checkout / "tool.sh").write_bytes(b"staged\n")
    world.git(checkout, "add", "tool.sh")
    (checkout / "windows.txt").write_bytes(b"elsewhere\n")
    (checkout / "wheelstep.lock").write_bytes(b"mine\n")
    repository = world.local(checkout)
    head = repository.snapshot()
    paths = ["conda.yml", "tool.sh", "wheelstep.lock", SNOW]
    index = world.git(checkout, "ls-files", "-s", "tool.sh", "windows.txt")
    done = repository.propose(
        [change(head, path, b"ours\n") for path in paths], on=head, wording=Wording("Pin")
    )
    assert done is not None
    assert [note.partition(" has changes")[0] for note in done.notes] == paths[:3]
    assert (checkout / "conda.yml").read_bytes() == b"my edit\n"
    assert (checkout / "tool.sh").read_bytes() == b"staged\n"
    assert (checkout / "windows.txt").read_bytes() == b"elsewhere\n"
    assert (checkout / "wheelstep.lock").read_bytes() == b"mine\n"
    assert (checkout / SNOW).read_bytes() == b"ours\n"
    assert world.git(checkout, "ls-files", "-s", "tool.sh", "windows.txt") == index
    assert [("in the index" in note) for note in done.notes] == [False, True, False]
    assert world.git(checkout, "show", "HEAD:conda.yml") == "ours"


def test_a_file_of_the_users_makes_no_room_for_a_folder(world: World, checkout: Path) -> None:
    (checkout / "wheels").write_bytes(b"mine\n")
    repository = world.local(checkout)
    changes = [Change("wheels/deep/acme.whl", None, b"new\n")]
    done = repository.propose(changes, on=repository.snapshot(), wording=Wording("Pin"))
    assert done is not None
    assert "wheels/deep/acme.whl has changes of yours" in done.notes[0]
    assert (checkout / "wheels").read_bytes() == b"mine\n"
    assert world.git(checkout, "show", "HEAD:wheels/deep/acme.whl") == "new"


def test_the_same_content_on_disk_already_counts_as_clean(world: World, checkout: Path) -> None:
    (checkout / "conda.yml").write_bytes(b"new\n")
    (checkout / "wheelstep.lock").write_bytes(b"lock\n")
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [change(head, "conda.yml", b"new\n"), change(head, "wheelstep.lock", b"lock\n")]
    done = repository.propose(changes, on=head, wording=Wording("Pin"))
    assert done is not None
    assert done.notes == ()
    assert status(world, checkout) == ""


def test_a_moved_branch_is_not_overwritten(world: World, checkout: Path) -> None:
    repository = world.local(checkout)
    head = repository.snapshot()
    world.git(checkout, "commit", "--quiet", "--allow-empty", "-m", "Faster")
    before = world.git(checkout, "rev-parse", "HEAD")
    assert (
        repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
        is None
    )
    assert world.git(checkout, "rev-parse", "HEAD") == before
    assert status(world, checkout) == ""
    assert land(repository, pin(), "Pin", clock=NoWait()).status == "local"


def test_a_held_branch_is_waited_for_not_broken(world: World, checkout: Path) -> None:
    lock = checkout / ".git/refs/heads/main.lock"
    lock.touch()
    assert propose_once(world.local(checkout)) is None
    lock.unlink()
    assert status(world, checkout) == ""
    assert isinstance(propose_once(world.local(checkout)), Committed)


def test_a_lock_that_a_dead_git_left_is_no_lost_race(world: World, checkout: Path) -> None:
    (checkout / ".git/refs/heads/main.lock").touch()
    with pytest.raises(CannotHere, match=r"refs/heads/main\.lock") as caught:
        land(world.local(checkout), pin(), "Pin", clock=NoWait())
    assert caught.value.code == "branch-locked"
    assert status(world, checkout) == ""


def test_a_busy_index_stops_before_the_branch_moves(world: World, checkout: Path) -> None:
    before = world.git(checkout, "rev-parse", "HEAD")
    (checkout / ".git/index.lock").touch()
    with pytest.raises(CannotHere, match=r"index\.lock"):
        propose_once(world.local(checkout))
    (checkout / ".git/index.lock").unlink()
    assert world.git(checkout, "rev-parse", "HEAD") == before
    assert status(world, checkout) == ""
    assert not (checkout / ".git/refs/heads/main.lock").exists()


def test_a_file_that_cannot_be_written_takes_everything_back(world: World, checkout: Path) -> None:
    # a filter that fails after the first file stands for a full disk
    world.git(checkout, "config", "filter.broken.clean", "cat")
    world.git(checkout, "config", "filter.broken.smudge", "false")
    world.git(checkout, "config", "filter.broken.required", "true")
    (checkout / ".git/info/attributes").write_text("tool.sh filter=broken\n")
    repository = world.local(checkout)
    head = repository.snapshot()
    new = Change("a/new.txt", None, b"z\n")
    changes = [new, change(head, "conda.yml", b"x\n"), change(head, "tool.sh", b"y\n")]
    with pytest.raises(CannotHere, match="smudge filter"):
        repository.propose(changes, on=head, wording=Wording("Pin"))
    (checkout / ".git/info/attributes").unlink()
    assert world.git(checkout, "rev-parse", "HEAD") == head.head
    assert not (checkout / "a/new.txt").exists()
    assert (checkout / "conda.yml").read_bytes() == FILES["conda.yml"]
    assert world.git(checkout, "diff", "--cached", "--name-only") == ""


def test_no_change_no_commit(world: World, checkout: Path) -> None:
    before = world.git(checkout, "rev-parse", "HEAD")
    assert propose_once(world.local(checkout), "conda.yml", FILES["conda.yml"]) == Committed("none")
    assert land(world.local(checkout), lambda _: [], "x", clock=NoWait()) == Committed("none")
    assert world.git(checkout, "rev-parse", "HEAD") == before


def test_detached_head(world: World, checkout: Path) -> None:
    world.git(checkout, "checkout", "--quiet", "--detach")
    with pytest.raises(SettingError, match="detached"):
        world.local(checkout).prove()
    done = propose_once(world.local(checkout, "main"))
    assert isinstance(done, Committed)
    assert world.git(checkout, "rev-parse", "main") == done.sha
    assert world.git(checkout, "rev-parse", "HEAD") != done.sha
    assert status(world, checkout) == ""


@pytest.mark.parametrize("branch", ["none", "-x", "a..b"])
def test_no_such_branch(world: World, checkout: Path, branch: str) -> None:
    with pytest.raises(SettingError, match=branch):
        world.local(checkout, branch).snapshot()


def test_linked_work_tree_and_subdirectory(world: World, checkout: Path) -> None:
    linked = world.root / "linked"
    world.git(checkout, "worktree", "add", "--quiet", "-b", "side", str(linked))
    done = propose_once(world.local(linked / "envs"))
    assert isinstance(done, Committed)
    assert done.branch == "side"
    assert status(world, linked) == ""
    assert (linked / "conda.yml").read_bytes() == b"new\n"
    # the branch of another work tree takes that one along, and not this one
    other = propose_once(world.local(checkout, "side"), after=b"newer\n")
    assert isinstance(other, Committed)
    assert (linked / "conda.yml").read_bytes() == b"newer\n"
    assert status(world, linked) == status(world, checkout) == ""


def test_sparse_checkout_stays_sparse(world: World, checkout: Path) -> None:
    world.git(checkout, "sparse-checkout", "set", "envs")
    world.git(checkout, "sparse-checkout", "set", "--no-cone", "/conda.yml")
    assert not (checkout / "tool.sh").exists()
    repository = world.local(checkout)
    head = repository.snapshot()
    assert head.read("tool.sh") == FILES["tool.sh"]
    changes = [change(head, "tool.sh", b"x\n"), change(head, "conda.yml", b"y\n")]
    assert repository.propose(changes, on=head, wording=Wording("Pin")) is not None
    assert not (checkout / "tool.sh").exists()
    assert (checkout / "conda.yml").read_bytes() == b"y\n"
    assert status(world, checkout) == ""


def test_files_that_git_is_told_to_overlook_are_left(world: World, checkout: Path) -> None:
    world.git(checkout, "update-index", "--assume-unchanged", "conda.yml")
    world.git(checkout, "update-index", "--skip-worktree", "tool.sh")
    (checkout / "conda.yml").write_bytes(b"hidden\n")
    (checkout / "tool.sh").write_bytes(b"hidden\n")
    repository = world.local(checkout)
    head = repository.snapshot()
    changes = [change(head, path, b"x\n") for path in ("conda.yml", "tool.sh")]
    done = repository.propose(changes, on=head, wording=Wording("Pin"))
    assert done is not None
    assert len(done.notes) == 2
    assert (checkout / "conda.yml").read_bytes() == b"hidden\n"
    assert (checkout / "tool.sh").read_bytes() == b"hidden\n"


def test_a_merge_in_progress_is_left_alone(world: World, checkout: Path) -> None:
    world.git(checkout, "checkout", "--quiet", "-b", "side")
    (checkout / "conda.yml").write_bytes(b"side\n")
    world.git(checkout, "commit", "--quiet", "-a", "-m", "Side")
    world.git(checkout, "checkout", "--quiet", "main")
    (checkout / "conda.yml").write_bytes(b"main\n")
    world.git(checkout, "commit", "--quiet", "-a", "-m", "Main")
    with pytest.raises(AssertionError):
        world.git(checkout, "merge", "--quiet", "side")
    conflict = (checkout / "conda.yml").read_bytes()
    assert b"<<<<<<<" in conflict
    index = world.git(checkout, "ls-files", "-u")
    done = propose_once(world.local(checkout))
    assert isinstance(done, Committed)
    assert len(done.notes) == 1
    assert (checkout / "conda.yml").read_bytes() == conflict
    assert world.git(checkout, "ls-files", "-u") == index


def test_no_hook_and_no_signature(world: World, checkout: Path) -> None:
    hooks = checkout / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction",
                 "post-index-change", "post-checkout"):  # fmt: skip
        (hooks / name).write_text("#!/bin/sh\ntouch hook-ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    world.git(checkout, "config", "commit.gpgSign", "true")
    world.git(checkout, "config", "gpg.program", "false")
    assert isinstance(propose_once(world.local(checkout)), Committed)
    assert not (checkout / "hook-ran").exists()
    assert not (checkout / ".git/hook-ran").exists()


@pytest.mark.parametrize(
    "path",
    ["../out", "/etc/x", "a/../../b", ".git/config", ".GIT/x", "a/.git/x", ".g\u200cit/x",
     "git~1/x", ".git ./x", "a//b", "", ".", "./x", "a/"],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["local", "none"])
def test_paths_stay_inside(world: World, checkout: Path, path: str, mode: str) -> None:
    repository = repository_of(
        mode, Wish(git=world.open(checkout), host="terminal", environment=world.environment)
    )
    head = repository.snapshot()
    with pytest.raises(Refused) as caught:
        repository.propose([Change(path, None, b"x")], on=head, wording=Wording("Pin"))
    assert caught.value.code == "unsafe-path"


@pytest.mark.parametrize("path", ["link.yml", "linked/b.yml", "conda.yml/x", "envs"])
@pytest.mark.parametrize("mode", ["local", "none"])
def test_only_regular_files(world: World, checkout: Path, path: str, mode: str) -> None:
    repository = repository_of(
        mode, Wish(git=world.open(checkout), host="terminal", environment=world.environment)
    )
    head = repository.snapshot()
    assert head.read(path) is None
    with pytest.raises(Refused) as caught:
        repository.propose([Change(path, None, b"x")], on=head, wording=Wording("Pin"))
    assert caught.value.code == "not-a-regular-file"
    assert status(world, checkout) == ""


def test_many_files_are_no_more_calls_and_no_longer_commands(
    world: World, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [f"a-folder-with-a-name/and-another-one/env-{number:04}.yml" for number in range(500)]
    repository = world.local(checkout)
    head = repository.snapshot()
    new = [Change(path, None, f"{path}: 1\n".encode()) for path in paths]
    assert repository.propose(new, on=head, wording=Wording("Add"))
    (checkout / paths[7]).write_text("mine\n")
    commands: list[Sequence[str | Path]] = []

    def counted(command: Sequence[str | Path], **named: Any) -> Finished:
        commands.append(command)
        return run(command, **named)

    monkeypatch.setattr("wheelstep.ground.git.run", counted)
    head = repository.snapshot()
    before = head.read_many(paths)
    raised = [Change(path, before[path], f"{path}: 2\n".encode()) for path in paths]
    done = repository.propose(raised, on=head, wording=Wording("Raise"))
    assert done is not None
    assert [paths[7] in note for note in done.notes] == [True]
    assert (checkout / paths[8]).read_text() == f"{paths[8]}: 2\n"
    assert world.git(checkout, "status", "--porcelain") == f" M {paths[7]}"
    # all of them named take 27,000 characters, and Windows takes 32,767 for a whole command
    assert max(sum(len(str(part)) for part in command) for command in commands) < 2000
    assert len(commands) < 30

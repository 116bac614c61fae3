from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.conftest import FILES, ME, Hosted, World
from tests.repositories.support import NoWait, add_line, change, pin, propose_once
from tests.servers.git_http import refuse_by_hook
from wheelstep.errors import CannotHere, ServiceRefused, SettingError
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.interface import Committed, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.next_branch import passing_name
from wheelstep.repositories.remote import PRIVATE


def refs(world: World, clone: Path) -> str:
    return world.git(clone, "for-each-ref", "--format=%(objectname) %(refname)")


def advance_remote(hosted: Hosted, path: str = "other.txt", name: str = "colleague") -> str:
    clone = hosted.clone(name)
    (clone / path).write_text(name)
    hosted.world.git(clone, "add", "--all")
    hosted.world.git(clone, "commit", "--quiet", "-m", f"By {name}")
    hosted.world.git(clone, "push", "--quiet", str(hosted.bare), "main")
    return hosted.head()


def test_pushes_and_the_clean_branch_follows(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    config = (clone / ".git/config").read_bytes()
    repository = hosted.push_repository(clone)
    repository.prove()
    head = repository.snapshot()
    assert head.read_many(FILES) == FILES
    changes = [change(head, "conda.yml", b"new\n"), change(head, "wheelstep.lock", b"l\n")]
    done = repository.propose(changes, on=head, wording=Wording("Pin acme"))
    assert done == Committed("pushed", hosted.head(), "main")
    assert hosted.commits() == ["Pin acme [skip ci]", "Begin"]
    assert hosted.world.git(hosted.bare, "log", "-1", "--format=%an|%ae", "main") == (
        f"{ME.name}|{ME.email}"
    )
    fresh = hosted.clone("fresh")
    assert (fresh / "conda.yml").read_bytes() == b"new\n"
    assert (fresh / "wheelstep.lock").read_bytes() == b"l\n"
    git = hosted.world.git
    assert git(clone, "status", "--porcelain", "--branch") == "## main...origin/main"
    assert git(clone, "rev-parse", "HEAD") == done.sha
    assert (clone / "conda.yml").read_bytes() == b"new\n"
    assert (clone / ".git/config").read_bytes() == config
    assert not (clone / ".git/FETCH_HEAD").exists()


def test_changed_files_and_a_newer_branch_stay(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    (clone / "conda.yml").write_bytes(b"mine\n")
    before = refs(hosted.world, clone)
    done = propose_once(hosted.push_repository(clone))
    assert isinstance(done, Committed)
    assert "conda.yml" in done.notes[0]
    assert "git pull" in done.notes[0]
    assert (clone / "conda.yml").read_bytes() == b"mine\n"
    assert refs(hosted.world, clone) == before
    assert hosted.world.git(clone, "diff", "--cached", "--name-only") == ""


def test_commits_on_the_remote_head_not_on_the_local_one(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(clone, "commit", "--quiet", "--allow-empty", "-m", "Not to be published")
    hosted.world.git(clone, "tag", "v1")
    theirs = advance_remote(hosted)
    hosted.world.git(hosted.bare, "tag", "theirs", "main")
    before = refs(hosted.world, clone)
    repository = hosted.push_repository(clone)
    head = repository.snapshot()
    assert head.head == theirs
    assert head.read("other.txt") == b"colleague"
    assert head.is_ancestor(hosted.world.git(clone, "rev-parse", "main~1"), theirs) is True
    assert head.is_ancestor(hosted.world.git(clone, "rev-parse", "main"), theirs) is False
    assert head.is_ancestor("0" * 40, theirs) is None
    assert head.is_ancestor("--help", theirs) is None
    done = repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
    assert done is not None
    assert hosted.commits() == ["Pin [skip ci]", "By colleague", "Begin"]
    assert refs(hosted.world, clone) == before


def test_detached_checkout_of_a_ci_host(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(clone, "checkout", "--quiet", "--detach")
    before = (refs(hosted.world, clone), hosted.world.git(clone, "rev-parse", "HEAD"))
    assert isinstance(propose_once(hosted.push_repository(clone)), Committed)
    assert (refs(hosted.world, clone), hosted.world.git(clone, "rev-parse", "HEAD")) == before
    assert hosted.world.git(clone, "status", "--porcelain") == ""


def test_a_shallow_clone_stays_as_shallow_as_it_was(hosted: Hosted) -> None:
    advance_remote(hosted)
    clone = hosted.clone("clone", "--depth=1")
    shallow = (clone / ".git/shallow").read_text()
    # a merge of a branch from before the cut: fetched the usual way, all history would come along
    merger = hosted.clone("merger")
    git = hosted.world.git
    git(merger, "checkout", "--quiet", "-b", "old", "main~1")
    git(merger, "commit", "--quiet", "--allow-empty", "-m", "Old work")
    git(merger, "checkout", "--quiet", "main")
    git(merger, "merge", "--quiet", "--no-edit", "old")
    git(merger, "push", "--quiet", str(hosted.bare), "main")
    begin = git(hosted.bare, "rev-list", "--max-parents=0", "main")
    repository = hosted.push_repository(clone)
    before = refs(hosted.world, clone)
    head = repository.snapshot()
    assert "Merge branch 'old', Ada" in head.describe()
    assert head.is_ancestor(git(clone, "rev-parse", "HEAD"), head.head) is True
    assert head.is_ancestor(git(merger, "rev-parse", "old"), head.head) is None
    assert head.is_ancestor(head.head, git(clone, "rev-parse", "HEAD")) is None
    assert land(repository, pin(), "Pin", clock=NoWait()).status == "pushed"
    assert (clone / ".git/shallow").read_text() == shallow
    assert refs(hosted.world, clone) == before
    missing = git(clone, "cat-file", "--batch-check", stdin=f"{begin}\n".encode())
    assert missing.endswith("missing")
    # a later step's pull finds related histories
    hosted.world.git(clone, "remote", "set-url", "origin", hosted.bare.as_uri())
    git(clone, "pull", "--quiet", "--ff-only")
    assert git(clone, "rev-parse", "HEAD") == hosted.head()


def test_a_branch_that_is_behind_stays_behind_without_a_word(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    advance_remote(hosted)
    before = (refs(hosted.world, clone), hosted.world.git(clone, "rev-parse", "HEAD"))
    done = propose_once(hosted.push_repository(clone))
    assert isinstance(done, Committed)
    assert done.notes == ()
    assert (refs(hosted.world, clone), hosted.world.git(clone, "rev-parse", "HEAD")) == before


def test_many_tags_are_asked_for_in_portions(hosted: Hosted) -> None:
    git = hosted.world.git
    remote = hosted.push_repository(hosted.clone("clone"))._remote
    names = [f"refs/tags/a-package-with-a-name-{number}-v1.0.0" for number in range(450)]
    for name in (names[0], names[-1]):
        git(hosted.bare, "update-ref", name, "main")
    hosted.server.seen.clear()
    assert set(remote.refs(*names)) == {names[0], names[-1]}
    assert len([one for one in hosted.server.seen if "info/refs" in one.path]) == 3


class Late(NoWait):
    def time(self) -> float:
        return 2 * 3600.0


def test_what_a_killed_run_fetched_is_let_go(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    git = hosted.world.git
    git(clone, "update-ref", passing_name(PRIVATE, NoWait()), "HEAD")
    git(clone, "branch", "kept")
    git(clone, "symbolic-ref", passing_name(PRIVATE, NoWait()), "refs/heads/kept")
    git(clone, "update-ref", fresh := passing_name(PRIVATE, Late()), "HEAD")
    repository = hosted.push_repository(clone)
    repository._remote._clock = Late()
    advance_remote(hosted)
    repository.snapshot()
    assert git(clone, "for-each-ref", "--format=%(refname)", PRIVATE) == fresh
    assert git(clone, "rev-parse", "--verify", "refs/heads/kept")


def test_what_another_git_does_meanwhile_leaves_no_lock_behind(hosted: Hosted) -> None:
    clone = hosted.clone("clone", "--depth=1")
    remote = hosted.push_repository(clone)._remote
    shallow = clone / ".git/shallow"
    shallow.unlink(missing_ok=True)  # another step has fetched the whole history
    remote._forget_cut(frozenset({hosted.head()}))
    shallow.mkdir()
    with pytest.raises(CannotHere, match="writing the repository"):
        remote._forget_cut(frozenset({hosted.head()}))
    assert not (clone / ".git/shallow.lock").exists(), "no git could fetch here any more"


def test_a_partial_clone(hosted: Hosted) -> None:
    hosted.world.git(hosted.bare, "config", "uploadpack.allowFilter", "true")
    hosted.world.git(hosted.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    clone = hosted.clone("clone", "--filter=blob:none", "--no-checkout")
    advance_remote(hosted)
    repository = hosted.push_repository(clone)
    # what is read comes from origin, with what origin's checkout left for it
    hosted.world.git(clone, "remote", "set-url", "origin", hosted.server.address("acme.git", "ci"))
    assert repository.snapshot().read("conda.yml") == FILES["conda.yml"]
    assert land(repository, pin(), "Pin", clock=NoWait()).status == "pushed"
    assert hosted.commits()[0] == "Pin [skip ci]"


def test_a_lost_race_is_decided_again(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    repository = hosted.push_repository(clone)
    head = repository.snapshot()
    advance_remote(hosted)
    assert (
        repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
        is None
    )
    assert hosted.world.git(clone, "status", "--porcelain") == ""
    done = land(repository, pin(), "Pin", clock=NoWait())
    assert done.status == "pushed"
    assert hosted.commits() == ["Pin [skip ci]", "By colleague", "Begin"]
    # and again, with nothing left to do
    assert land(repository, pin(), "Pin", clock=NoWait()) == Committed("none")


def test_no_such_branch_on_the_remote(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(clone, "checkout", "--quiet", "-b", "side")
    with pytest.raises(SettingError, match="no branch 'side'"):
        hosted.push_repository(clone, branch="side").prove()


def test_which_remote(hosted: Hosted, world: World) -> None:
    clone = hosted.clone("clone")
    other = hosted.server.create("other.git")
    world.git(clone, "push", "--quiet", str(other), "main")
    world.git(clone, "remote", "add", "upstream", hosted.server.address("other.git"))
    world.git(clone, "config", "branch.main.remote", "upstream")
    assert isinstance(propose_once(hosted.push_repository(clone)), Committed)
    assert world.git(other, "log", "-1", "--format=%s", "main") == "Pin acme [skip ci]"
    assert hosted.commits() == ["Begin"]
    by_url = hosted.push_repository(clone, remote=hosted.url)
    assert isinstance(propose_once(by_url, after=b"x\n"), Committed)
    assert hosted.commits()[0] == "Pin acme [skip ci]"
    for name, code in (
        ("nobody", "no-remote"),
        (hosted.server.address("acme.git", "ci"), "secret-in-url"),
    ):
        with pytest.raises(SettingError) as caught:
            hosted.push_repository(clone, remote=name)
        assert caught.value.code == code
        assert "ci-pass-22" not in str(caught.value)
    world.git(clone, "config", "--unset", "branch.main.remote")
    world.git(clone, "config", "remote.origin.url", "")
    with pytest.raises(SettingError, match="origin of this repository has an empty URL"):
        hosted.push_repository(clone)
    world.git(clone, "remote", "remove", "origin")
    assert isinstance(propose_once(hosted.push_repository(clone), after=b"y\n"), Committed)
    world.git(clone, "remote", "remove", "upstream")
    with pytest.raises(SettingError, match="no remote"):
        hosted.push_repository(clone)


def test_a_folder_as_remote_and_its_own_hooks(world: World, checkout: Path) -> None:
    bare = world.root / "bare.git"
    world.git(world.root, "clone", "--quiet", "--bare", str(checkout), str(bare))
    world.git(checkout, "remote", "add", "origin", "../bare.git")
    repository = PushRepository(
        world.open(checkout),
        branch="main",
        remote=None,
        identity=ME,
        environment=world.environment,
        clock=NoWait(),
    )
    repository.prove()
    assert isinstance(propose_once(repository), Committed)
    assert world.git(bare, "log", "-1", "--format=%s", "main") == "Pin acme [skip ci]"
    # that our own hooks are off does not reach the other side
    refuse_by_hook(bare, "GH006: Protected branch update failed for refs/heads/main.")
    with pytest.raises(ServiceRefused, match="GH006"):
        propose_once(repository, after=b"more\n")


def test_neither_the_users_hooks_nor_their_push_settings(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hook = clone / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    for key, value in (
        ("push.gpgSign", "true"),
        ("push.followTags", "true"),
        ("remote.origin.push", "refs/heads/*:refs/heads/*"),
        ("remote.origin.mirror", "true"),
        ("fetch.prune", "true"),
        ("push.useForceIfIncludes", "true"),
    ):
        hosted.world.git(clone, "config", key, value)
    hosted.world.git(clone, "tag", "-a", "-m", "x", "v9")
    hosted.world.git(clone, "branch", "secret-plans")
    assert isinstance(propose_once(hosted.push_repository(clone)), Committed)
    assert hosted.world.git(hosted.bare, "for-each-ref", "--format=%(refname)") == (
        "refs/heads/main"
    )


def test_a_decision_that_adds_the_line_of_another(hosted: Hosted) -> None:
    first, second = (hosted.push_repository(hosted.clone(name)) for name in ("one", "two"))
    stale = second.snapshot()
    land(first, add_line("pins.txt", "a"), "A", clock=NoWait())
    changes = add_line("pins.txt", "b")(stale)
    assert second.propose(changes, on=stale, wording=Wording("B")) is None
    land(second, add_line("pins.txt", "b"), "B", clock=NoWait())
    assert hosted.show("pins.txt") == b"a\nb"


def stopped_after_the_push(hosted: Hosted, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a SIGKILL does between the push and the local branch's following it."""

    def die(*_: object) -> tuple[str, ...]:
        raise KeyboardInterrupt

    repository = hosted.push_repository(clone)
    monkeypatch.setattr(PushRepository, "_follow", die)
    with pytest.raises(KeyboardInterrupt):
        land(repository, pin(), "Pin", clock=NoWait())
    monkeypatch.undo()


def test_what_was_pushed_before_a_kill_is_followed_by_the_next_run(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    git, clone = hosted.world.git, hosted.clone("clone")
    before = git(clone, "rev-parse", "HEAD")
    stopped_after_the_push(hosted, clone, monkeypatch)
    pushed = hosted.head()
    assert git(clone, "rev-parse", "HEAD") == before != pushed
    # others go on meanwhile: the branch ends where an undisturbed run would have left it
    advance_remote(hosted)
    assert land(hosted.push_repository(clone), pin(), "Pin", clock=NoWait()) == Committed("none")
    assert git(clone, "rev-parse", "HEAD") == pushed
    assert git(clone, "status", "--porcelain") == ""
    assert not list((clone / ".git").glob("wheelstep*"))


def test_what_was_never_pushed_is_forgotten(hosted: Hosted) -> None:
    git, clone = hosted.world.git, hosted.clone("clone")
    before = git(clone, "rev-parse", "HEAD")
    tree = git(clone, "rev-parse", "HEAD^{tree}")
    stray = git(clone, "commit-tree", tree, "-p", before, "-m", "Never pushed")
    pending = clone / ".git" / "wheelstep-pending"
    for text in (f"main {stray}\n", f"side {stray}\n", "main --all\n", "\0\xff", ""):
        pending.write_text(text, encoding="latin-1")
        land(hosted.push_repository(clone), lambda _: [], "Pin", clock=NoWait())
        assert git(clone, "rev-parse", "HEAD") == before
        assert not pending.exists()


def test_a_refused_push_leaves_nothing(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    before = refs(hosted.world, clone)
    refuse_by_hook(hosted.bare, "GH006: Protected branch update failed for refs/heads/main.")
    with pytest.raises(ServiceRefused):
        land(hosted.push_repository(clone), pin(), "Pin", clock=NoWait())
    assert refs(hosted.world, clone) == before
    assert not list((clone / ".git").glob("wheelstep*"))


def test_a_setting_of_the_clone_beats_the_users(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    git = hosted.world.git
    git(clone, "config", "--global", "remote.origin.proxy", "http://of-the-user.example:1")
    git(clone, "config", "remote.origin.proxy", "http://of-the-clone.example:1")
    git(clone, "config", "--add", "remote.origin.url", "https://a-second-place.example/acme.git")
    remote = hosted.push_repository(clone)._remote
    told = remote.run("config", "--get-regexp", "^remote.wheelstep-private.(url|proxy)$").text
    assert sorted(told.splitlines()) == [
        "remote.wheelstep-private.proxy http://of-the-clone.example:1",
        f"remote.wheelstep-private.url {hosted.url}",
    ]

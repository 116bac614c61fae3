from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.conftest import World
from wheelstep.errors import SettingError
from wheelstep.repositories.git_local import LocalRepository
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.identity import Identity, full_message, identity_of
from wheelstep.repositories.table import Wish, repository_of
from wheelstep.repositories.worktree import WorkTree


def test_who_commits(world: World, checkout: Path) -> None:
    git = world.open(checkout)
    given = Identity("X", "x@example.com")
    assert identity_of("github", git, given) == given
    assert identity_of("github", git, None).email.startswith("41898282+github-actions[bot]@")
    assert identity_of("azure", git, None).name == "Azure Pipelines"
    assert identity_of("terminal", git, None) == Identity("Ada", "ada@example.com")
    world.git(checkout, "config", "user.email", "ada@work.example")
    assert identity_of("terminal", git, None).email == "ada@work.example"


def test_nobody_is_made_up(world: World, checkout: Path) -> None:
    (world.root / "home/.gitconfig").unlink()
    with pytest.raises(SettingError, match=r"user\.email") as caught:
        repository_of("local", Wish(git=world.open(checkout), host="terminal", environment={}))
    assert caught.value.code == "no-identity"


@pytest.mark.parametrize("name", ["", " ", "a<b", "a\nb"])
def test_what_git_would_change_is_refused(world: World, checkout: Path, name: str) -> None:
    with pytest.raises(SettingError):
        identity_of("github", world.open(checkout), Identity(name, "a@example.com"))
    with pytest.raises(SettingError):
        identity_of("github", world.open(checkout), Identity("a", name))


@pytest.mark.parametrize(
    ("text", "skip_ci", "message"),
    [
        ("Pin", True, "Pin [skip ci]"),
        ("Pin", False, "Pin"),
        ("Pin\r\n\r\nBecause.\n", True, "Pin [skip ci]\n\nBecause."),
        ("Pin [skip ci]", True, "Pin [skip ci]"),
    ],
)
def test_the_message(text: str, skip_ci: bool, message: str) -> None:
    assert full_message(text, skip_ci=skip_ci) == message


@pytest.mark.parametrize("text", ["", " \n ", "a\0b"])
def test_no_message(text: str) -> None:
    with pytest.raises(SettingError):
        full_message(text, skip_ci=True)


def test_one_row_for_each_kind(world: World, checkout: Path) -> None:
    git = world.open(checkout)
    world.git(checkout, "remote", "add", "origin", "../x.git")
    kinds = {
        mode: type(
            repository_of(
                mode,
                Wish(git=git, host="terminal", environment={}, branch="refs/heads/main"),
            )
        )
        for mode in ("none", "local", "push")
    }
    assert kinds == {"none": WorkTree, "local": LocalRepository, "push": PushRepository}
    with pytest.raises(SettingError, match="names none"):
        repository_of("push", Wish(git=git, host="github", environment={}))
    with pytest.raises(SettingError, match="'pull'") as caught:
        repository_of("pull", Wish(git=git, host="github", environment={}))
    assert "none, local, push" in caught.value.cure

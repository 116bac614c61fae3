from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.conftest import World
from wheelstep.errors import SettingError
from wheelstep.repositories.git_local import LocalRepository
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.identity import (
    Identity,
    full_message,
    identity_of,
    made_by_us,
    marked,
    with_trailers,
)
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


SIGNED = ("Signed-off-by", "Ada <ada@example.com>")
TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MARK = f"Wheelstep-Tree: {TREE}"


def trailers(world: World, message: str) -> list[str]:
    """What git itself takes for trailers."""
    place = world.root / "message"
    place.write_text(message)
    return world.git(world.root, "interpret-trailers", "--parse", str(place)).splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "Pin", "chore: pin", "chore: pin\n\n", "Pin\n\nacme 1.0 -> 1.1\n", "Pin\r\n\r\nWhy.\r\n",
        "Pin\n\nSee https://example.com", "Pin\n\nhttps://example.com/run/1", "Pin\n \nWhy\n\n\nM",
        "Pin\n\nNote: this\nis prose",
    ],
)  # fmt: skip
def test_git_finds_the_trailers(world: World, text: str) -> None:
    first = with_trailers(text, [("Related-work-items", "AB#12"), SIGNED])
    message = marked(full_message(first, skip_ci=True), TREE)
    ours = ["Related-work-items: AB#12", "Signed-off-by: Ada <ada@example.com>", MARK]
    assert trailers(world, message) == ours
    assert message.splitlines()[0] == f"{text.splitlines()[0]} [skip ci]"
    assert marked(message, TREE) == message


@pytest.mark.parametrize(
    "there", ["Co-authored-by: Bob <bob@example.com>", "Reviewed-by: Bob\n  <bob@example.com>",
              "Fixes:#3", "Acked-by : Bob"],
)  # fmt: skip
def test_trailers_that_are_there_stay_trailers(world: World, there: str) -> None:
    before = trailers(world, f"Pin\n\n{there}\n")
    assert len(before) == 1
    message = marked(with_trailers(f"Pin\n\n{there}", [SIGNED], above="About: nothing"), TREE)
    assert trailers(world, message) == [*before, "Signed-off-by: Ada <ada@example.com>", MARK]
    assert message.startswith(f"Pin\n\nAbout: nothing\n\n{there}\nSigned-off-by")


def test_words_with_blanks_stand_above_the_trailers(world: World) -> None:
    above = "Related work items: #12, #34"
    message = marked(with_trailers("Pin", [SIGNED], above=above), TREE)
    assert trailers(world, message) == ["Signed-off-by: Ada <ada@example.com>", MARK]
    assert message.split("\n\n")[1] == above
    assert with_trailers(message, [SIGNED], above=above) == message


def test_a_commit_with_all_of_it_is_known_as_ours(world: World, checkout: Path) -> None:
    tree = world.git(checkout, "rev-parse", "HEAD^{tree}")
    first = with_trailers("Pin", [SIGNED], above="Related work items: #12")
    commit = world.git(checkout, "commit-tree", tree, "-p", "HEAD", "-m", marked(first, tree))
    other = world.git(checkout, "commit-tree", tree, "-p", "HEAD", "-m", marked(first, TREE))
    git = world.open(checkout)
    assert (made_by_us(git, commit), made_by_us(git, other)) == (True, False)

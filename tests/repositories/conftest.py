"""A seeded repository behind the server, and clones of it made by real git."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.repositories.support import NoWait, run_git
from tests.servers.git_http import GitServer, git_server
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_local import LocalRepository
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.identity import Identity

if TYPE_CHECKING:
    from tests.repositories.github_kit import AtGitHub
    from tests.repositories.pulls_kit import Pulls

FILES: Mapping[str, bytes] = {
    "conda.yml": b"dependencies:\n- acme==1.0\n",
    "windows.txt": b"one\r\ntwo\r\n",
    "envs/b\u00fccher \u2603.yml": b"snow\n",
    "tool.sh": b"#!/bin/sh\n",
}
ME = Identity("Wheel Step", "step@example.com")


@dataclass(frozen=True)
class World:
    """A home of its own, and repositories in it."""

    root: Path
    environment: dict[str, str]

    def git(self, directory: Path, *arguments: str, stdin: bytes | None = None) -> str:
        return run_git(directory, self.environment, *arguments, stdin=stdin)

    @classmethod
    def at(cls, root: Path) -> World:
        home = root / "home"
        home.mkdir()
        (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
        }
        return cls(root, environment)

    def open(self, directory: Path) -> Git:
        return Git.open(directory, self.environment)

    def local(self, directory: Path, branch: str | None = None) -> LocalRepository:
        return LocalRepository(self.open(directory), branch=branch, identity=ME)


@dataclass(frozen=True)
class Hosted:
    """The repository on the server."""

    world: World
    server: GitServer
    bare: Path

    @property
    def url(self) -> str:
        return self.server.address("acme.git")

    def clone(self, name: str, *options: str) -> Path:
        """Clone what is on the server; the clone knows it by its URL, and has no credentials."""
        place = self.world.root / name
        bare = self.bare.as_uri()
        self.world.git(self.world.root, "clone", "--quiet", *options, bare, str(place))
        self.world.git(place, "remote", "set-url", "origin", self.url)
        return place

    def push_repository(
        self,
        clone: Path,
        user: str | None = "ci",
        *,
        branch: str = "main",
        remote: str | None = None,
        password: str | None = None,
        wait: float = 60.0,
    ) -> PushRepository:
        token = Secret(password or self.server.password(user)) if user else None
        return PushRepository(
            self.world.open(clone),
            branch=branch,
            remote=remote,
            identity=ME,
            environment=self.world.environment,
            token=token,
            user=None,
            wait=wait,
            clock=NoWait(),
        )

    def show(self, path: str, revision: str = "main") -> bytes:
        text = self.world.git(self.bare, "show", f"{revision}:{path}")
        return text.encode("utf-8", "surrogateescape")

    def commits(self) -> list[str]:
        return self.world.git(self.bare, "log", "--format=%s", "main").splitlines()

    def head(self) -> str:
        return self.world.git(self.bare, "rev-parse", "main")


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit that has files of several kinds, to be copied."""
    world = World.at(tmp_path_factory.mktemp("seed"))
    directory = world.root / "seed"
    directory.mkdir()
    world.git(directory, "init", "--quiet", "--initial-branch=main")
    for path, content in FILES.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_bytes(content)
    (directory / "tool.sh").chmod(0o755)
    (directory / "link.yml").symlink_to("conda.yml")
    (directory / "linked").symlink_to("envs")
    world.git(directory, "add", "--all")
    world.git(directory, "commit", "--quiet", "-m", "Begin")
    return directory


@pytest.fixture(scope="session")
def bare_seed(tmp_path_factory: pytest.TempPathFactory, seed: Path) -> Path:
    """The same as the server has it, to be copied."""
    root = tmp_path_factory.mktemp("bare")
    bare = GitServer(root).create("acme.git")
    World.at(root).git(seed, "push", "--quiet", str(bare), "main")
    return bare


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.at(tmp_path)


@pytest.fixture
def checkout(world: World, seed: Path) -> Path:
    place = world.root / "checkout"
    shutil.copytree(seed, place, symlinks=True)
    world.git(place, "update-index", "-q", "--refresh")
    return place


@pytest.fixture
def hosted(world: World, bare_seed: Path) -> Iterator[Hosted]:
    with git_server(world.root / "served") as server:
        bare = server.root / "acme.git"
        shutil.copytree(bare_seed, bare)
        yield Hosted(world, server, bare)


@pytest.fixture
def pulls(hosted: Hosted) -> Pulls:
    """Pull requests in memory, for proposals on a real server."""
    from tests.repositories.pulls_kit import Pulls

    return Pulls(hosted)


@pytest.fixture(params=["full", "shallow"])
def clone(hosted: Hosted, request: pytest.FixtureRequest) -> Path:
    """A clone with the whole history, and one with a part of it."""
    from tests.repositories.pulls_kit import somebody

    somebody(hosted, "main", {"readme": "one"}, "Second")
    options = ["--depth=1"] if request.param == "shallow" else []
    return hosted.clone(str(request.param), *options)


@pytest.fixture
def github(world: World, bare_seed: Path, seed: Path) -> Iterator[AtGitHub]:
    """The stand-in of GitHub with a copy of the seeded repository."""
    from tests.repositories.github_kit import at_github  # its descriptions take long to import

    with at_github(world, bare_seed, seed) as here:
        yield here


@pytest.fixture
def github_with_branch(github: AtGitHub) -> AtGitHub:
    """The same with a branch that is to be proposed."""
    from tests.repositories.github_kit import STABLE

    github.way().replace(STABLE, None, github.draft(), lambda _: None)
    github.server.calls.clear()
    return github

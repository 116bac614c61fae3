"""A seeded repository behind the server, and clones of it made by real git."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.repositories.support import NoWait, run_git
from tests.servers.git_http import GitServer, git_server
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_local import LocalRepository
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.identity import Identity

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

    def seed(self, directory: Path) -> Path:
        """Make a repository with one commit that has files of several kinds."""
        directory.mkdir(parents=True)
        self.git(directory, "init", "--quiet", "--initial-branch=main")
        for path, content in FILES.items():
            (directory / path).parent.mkdir(exist_ok=True)
            (directory / path).write_bytes(content)
        (directory / "tool.sh").chmod(0o755)
        (directory / "link.yml").symlink_to("conda.yml")
        (directory / "linked").symlink_to("envs")
        self.git(directory, "add", "--all")
        self.git(directory, "commit", "--quiet", "-m", "Begin")
        return directory

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
        """Clone over HTTP with a password, of which nothing is left in the clone."""
        place = self.world.root / name
        self.world.git(
            self.world.root,
            "clone",
            "--quiet",
            *options,
            self.server.address("acme.git", "admin"),
            str(place),
        )
        self.world.git(place, "remote", "set-url", "origin", self.url)
        self.server.seen.clear()
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


@pytest.fixture
def world(tmp_path: Path) -> World:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }
    return World(tmp_path, environment)


@pytest.fixture
def checkout(world: World) -> Path:
    return world.seed(world.root / "checkout")


@pytest.fixture
def hosted(world: World) -> Iterator[Hosted]:
    with git_server(world.root / "served") as server:
        bare = server.create("acme.git")
        source = world.seed(world.root / "source")
        world.git(source, "push", "--quiet", str(bare), "main")
        yield Hosted(world, server, bare)

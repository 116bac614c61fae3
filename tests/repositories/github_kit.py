"""A repository on the GitHub stand-in, and what the tests of its API share."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.repositories.conftest import World
from tests.repositories.support import run_git
from tests.servers.github import GitHubServer, github_server
from wheelstep.errors import StepError, StoppedBySignal
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.model import Change
from wheelstep.repositories.github_pulls import GitHubPulls
from wheelstep.repositories.github_repository import GitHubRepository
from wheelstep.repositories.github_way import GitHubWay
from wheelstep.repositories.objects import GitSnapshot, write_blobs
from wheelstep.repositories.way import Draft, draft_of

NAME = "acme/tools"
NOW = 1_800_000_000.0
CI = "ci-pass-22"
STABLE = "wheelstep/update"
FAULTS = ("502", "503", "502-after", "503-after", "drop-request", "drop-reply")


class Clock:
    """Does not wait, and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.passed = 0.0
        self.stopped = False

    def monotonic(self) -> float:
        return self.passed

    def time(self) -> float:
        return NOW + self.passed

    def sleep(self, seconds: float) -> None:
        if self.stopped:
            raise StoppedBySignal(2)
        self.waits.append(seconds)
        self.passed += seconds


@dataclass(frozen=True)
class AtGitHub:
    """The repository, its server, and a checkout of it."""

    world: World
    server: GitHubServer
    bare: Path
    checkout: Path
    clock: Clock

    @property
    def url(self) -> str:
        return f"{self.server.url}/{NAME}.git"

    def repository(
        self, token: str | None = CI, *, url: str = "", wait: float = 300.0, read: float = 10.0
    ) -> GitHubRepository:
        transport = Transport(
            {}, clock=self.clock, budget=RetryBudget(wait, attempts=3), timeout=(5, read)
        )
        found = GitHubRepository.at(
            url or self.url,
            transport=transport,
            token=Secret(token) if token else None,
            environment=self.server.environment,
        )
        assert found is not None
        return found

    def way(self, token: str = CI, *, wait: float = 300.0, read: float = 10.0) -> GitHubWay:
        return GitHubWay(self.repository(token, wait=wait, read=read))

    def pulls(self, token: str = CI, *, wait: float = 300.0) -> GitHubPulls:
        return GitHubPulls(self.repository(token, wait=wait))

    def git(self, *arguments: str) -> str:
        return run_git(self.bare, self.world.environment, *arguments)

    def head(self, branch: str = "main") -> str | None:
        listed = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return listed or None

    def snapshot(self, branch: str = "main") -> GitSnapshot:
        """Fetch a branch by git over HTTP and return its head."""
        git = Git.open(self.checkout, self.world.environment)
        place = self.server.address(f"{NAME}.git", "ci")
        seen = f"refs/seen/{uuid4().hex}"
        git.output("fetch", "--quiet", place, f"refs/heads/{branch}:{seen}")
        return GitSnapshot(git, git.text("rev-parse", seen), branch=branch)

    def draft(
        self,
        changes: Mapping[str, bytes | None] | None = None,
        *,
        on: GitSnapshot | None = None,
        message: str = "Pin acme 2.0\n\nBecause it is out.\n",
    ) -> Draft:
        head = on or self.snapshot()
        wished = {"conda.yml": b"dependencies:\n- acme==2.0\n"} if changes is None else changes
        listed = [Change(path, head.read(path), after) for path, after in wished.items()]
        git = Git.open(self.checkout, self.world.environment)
        touched = write_blobs(git, head, listed)
        return draft_of(git, head, touched, message, mark=False)

    def cloned(self, name: str, branch: str = "main") -> Path:
        """Clone the branch, by git over HTTP, as anybody would."""
        place = self.world.root / name
        url = self.server.address(f"{NAME}.git", "ci")
        self.world.git(self.world.root, "clone", "--quiet", "--branch", branch, url, str(place))
        return place


@contextmanager
def at_github(world: World, bare_seed: Path, seed: Path) -> Iterator[AtGitHub]:
    """Serve a copy of the seeded repository as GitHub does; nothing that is sent may be against
    GitHub's own descriptions."""
    checkout = world.root / "checkout"
    shutil.copytree(seed, checkout, symlinks=True)
    with github_server(world.root / "github") as server:
        bare = server.bare(NAME)
        shutil.copytree(bare_seed, bare)
        yield AtGitHub(world, server, bare, checkout, Clock())
        assert not server.violations, "\n".join(server.violations)


def nothing(_: str) -> None:
    """Nobody wants to know."""


def somebody_pushes(github: AtGitHub, branch: str = "main", path: str = "theirs.txt") -> str:
    """Put a commit of somebody else on a branch, by git."""
    place = github.cloned(f"theirs-{time.monotonic_ns()}", branch)
    (place / path).write_text("theirs\n")
    github.world.git(place, "add", path)
    github.world.git(place, "commit", "--quiet", "-m", "Theirs")
    github.world.git(place, "push", "--quiet", "origin", branch)
    return github.world.git(place, "rev-parse", "HEAD")


def message_of(error: StepError) -> str:
    return f"{error.code}: {error.message} | {error.cure}"

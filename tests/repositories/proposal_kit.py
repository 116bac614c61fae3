"""A proposal on the stand-in of each host, with the host's own way and its pull requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tests.repositories.azure_kit import NAME as AZURE_NAME
from tests.repositories.azure_kit import azure
from tests.repositories.conftest import World
from tests.repositories.github_kit import NAME as GITHUB_NAME
from tests.repositories.github_kit import at_github
from tests.repositories.support import NoWait, run_git
from wheelstep.ground.clock import Clock
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.interface import Committed, Redo, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.proposal import ProposalRepository
from wheelstep.repositories.pulls import PullRequests, PullWish
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.way import Way

__all__ = ["BRANCH", "HOSTS", "HostName", "Proposing", "proposing"]

HostName = Literal["github", "azure"]
HOSTS: tuple[HostName, ...] = ("github", "azure")
BRANCH = "wheelstep/main"


@dataclass
class Between:
    """The host's way and its pull requests, and what happens just before one of their calls."""

    inner: Any
    before: dict[str, Callable[[], object]]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*given: Any, **named: Any) -> Any:
            if name in self.before:
                self.before.pop(name)()
            return found(*given, **named)

        return call


@dataclass
class Proposing:
    """A repository on a host."""

    server: Any
    world: World
    bare: Path
    url: str
    listed: str
    """What the server calls the repository."""
    way: Callable[[Git, Remote], Way]
    pulls: Callable[[], PullRequests]
    wish: PullWish = field(default_factory=lambda: PullWish("", ""))
    """What pull requests are to be, beside their words."""
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    """Name of a method of the way or of the pull requests -> what is done once just before it."""

    def repository(self, checkout: Path, clock: Clock | None = None) -> ProposalRepository:
        git = self.world.open(checkout)
        remote = Remote(
            git, name=self.url, branch="main", user=None, token=Secret("ci-pass-22"),
            environment=self.world.environment, wait=60.0, clock=clock or NoWait(),
        )  # fmt: skip
        return ProposalRepository(
            git, base="main", branch=BRANCH, remote=remote,
            way=Between(self.way(git, remote), self.before),
            pulls=Between(self.pulls(), self.before),
            wish=lambda wording: replace(self.wish, title=wording.title, body=wording.body),
        )  # fmt: skip

    def propose(
        self, decide: Redo, title: str = "Pin", *, checkout: Path | None = None,
        clock: Clock | None = None,
    ) -> Committed:  # fmt: skip
        repository = self.repository(checkout or self.world.root / "checkout", clock)
        words = Wording(title, title, f"Body of {title}")
        return land(repository, decide, lambda: words, clock=clock or NoWait())

    def git(self, *arguments: str) -> str:
        return run_git(self.bare, self.world.environment, *arguments)

    def show(self, path: str, revision: str = "main") -> str:
        return self.git("show", f"{revision}:{path}")

    def commit(self, branch: str, files: dict[str, str], subject: str = "By hand") -> None:
        """Let a colleague commit on a branch of the server."""
        git = self.world.git
        place = self.world.root / f"colleague-{len(list(self.world.root.iterdir()))}"
        git(self.world.root, "clone", "--quiet", f"--branch={branch}", str(self.bare), str(place))
        for path, text in files.items():
            (place / path).write_text(text)
        git(place, "add", "--all")
        git(place, "commit", "--quiet", "-m", subject)
        git(place, "push", "--quiet", "origin", branch)

    @property
    def branches(self) -> list[str]:
        return list(self.server.branches(self.listed))

    @property
    def states(self) -> list[str]:
        """What its pull requests are, in the host's words."""
        return [
            str(getattr(one, "status", None) or one.state)
            for one in self.server.pulls.get(self.listed, ())
        ]

    def comments(self) -> list[str]:
        return [text for one in self.server.pulls[self.listed] for text in one.comments]

    def close(self, number: int) -> None:
        """Let a person close a pull request."""
        one = self.server.pulls[self.listed][number - 1]
        if hasattr(one, "status"):
            one.status = "abandoned"
        else:
            one.state = "closed"


@contextmanager
def proposing(host: HostName, root: Path, bare_seed: Path, seed: Path) -> Iterator[Proposing]:
    """Serve the seeded repository as a host does."""
    if host == "github":
        with at_github(World.at(root), bare_seed, seed) as at:
            yield Proposing(
                at.server, at.world, at.bare, at.url, GITHUB_NAME,
                lambda git, remote: at.way(), at.pulls,
            )  # fmt: skip
        return
    with azure(root, seed) as there:
        checkout = there.clone("checkout")
        yield Proposing(
            there.server, there.world, there.bare, there.url, AZURE_NAME,
            lambda git, remote: there.way(checkout), there.pulls,
        )  # fmt: skip

"""A repository on the Azure Repos stand-in, and clones of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.repositories.conftest import ME, World
from tests.repositories.support import NoWait
from tests.servers.azure_repos import AzureReposServer, azure_repos_server
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.model import Change
from wheelstep.repositories.azure_pulls import AzurePulls
from wheelstep.repositories.azure_repository import AzureRepository
from wheelstep.repositories.azure_way import AzureWay
from wheelstep.repositories.hosting import WayName
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.interface import Repository
from wheelstep.repositories.objects import GitSnapshot, write_blobs
from wheelstep.repositories.pulls import PullSettings
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.table import Wish, repository_of
from wheelstep.repositories.way import Draft, draft_of

__all__ = ["NAME", "Azure", "azure"]

NAME = "acme/Train/_git/tools"


@dataclass
class Azure:
    """The repository, as somebody with a token sees it."""

    world: World
    server: AzureReposServer
    clock: NoWait
    password: str = "ci-pass-22"

    @property
    def bare(self) -> Path:
        return self.server.bare(NAME)

    @property
    def url(self) -> str:
        return self.server.address(NAME)

    def clone(self, name: str, *options: str) -> Path:
        place = self.world.root / name
        self.world.git(
            self.world.root, "clone", "--quiet", *options, self.bare.as_uri(), str(place)
        )
        self.world.git(place, "remote", "set-url", "origin", self.url)
        return place

    def git(self, clone: Path) -> Git:
        return self.world.open(clone)

    def remote(self, clone: Path, branch: str = "main") -> Remote:
        return Remote(
            self.git(clone), name=None, branch=branch, user=None, token=Secret("ci-pass-22"),
            environment=self.world.environment, wait=60.0, clock=self.clock,
        )  # fmt: skip

    def repository(self) -> AzureRepository:
        transport = Transport({}, clock=self.clock)
        found = AzureRepository.at(self.url, transport=transport, token=Secret(self.password))
        assert found is not None
        return found

    def way(self, clone: Path, *, author: bool = True) -> AzureWay:
        return AzureWay(
            self.repository(), self.git(clone), self.remote(clone), ME if author else None
        )

    def push(
        self, clone: Path, way: WayName = "auto", author: Identity | None = None
    ) -> Repository:
        """What `commit: push` commits to."""
        return repository_of("push", replace(self._wish(clone, way), given=author))

    def proposal(self, clone: Path, pull: PullSettings | None = None) -> Repository:
        """What `commit: pull-request` commits to."""
        return repository_of("pull-request", replace(self._wish(clone, "auto"), pull=pull))

    def _wish(self, clone: Path, way: WayName) -> Wish:
        return Wish(
            git=self.git(clone), host="terminal", environment=self.world.environment,
            branch="main", token=Secret(self.password), way=way, clock=self.clock,
        )  # fmt: skip

    def pulls(self) -> AzurePulls:
        return AzurePulls(self.repository())

    def head(self, clone: Path, branch: str = "main") -> GitSnapshot:
        remote = self.remote(clone, branch)
        head = remote.head()
        if not remote.here(head):
            head = remote.fetch()
        return GitSnapshot(self.git(clone), head, branch=branch)

    def draft(self, clone: Path, files: dict[str, bytes | None], text: str = "Pin") -> Draft:
        on = self.head(clone)
        changes = [Change(path, on.read(path), after) for path, after in files.items()]
        git = self.git(clone)
        return draft_of(git, on, write_blobs(git, on, changes), text)

    def show(self, path: str, revision: str = "main") -> str:
        return self.world.git(self.bare, "show", f"{revision}:{path}")

    def at(self, branch: str = "main") -> str:
        return self.world.git(self.bare, "rev-parse", branch)


@contextmanager
def azure(root: Path, seed: Path) -> Iterator[Azure]:
    """Serve the seed's content as a repository of Azure Repos."""
    world = World.at(root)
    with azure_repos_server(root / "served") as server:
        (server.root / NAME).parent.mkdir(parents=True)
        bare = server.create(NAME)
        world.git(seed, "push", "--quiet", str(bare), "main")
        made = Azure(world, server, NoWait())
        yield made
        assert server.violations == []

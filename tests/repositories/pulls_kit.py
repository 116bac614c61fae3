"""A proposal: its branch on a real server, its pull requests in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from tests.repositories.conftest import ME, Hosted
from tests.repositories.support import NoWait
from wheelstep.ground.page import Room
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_way import GitWay
from wheelstep.repositories.interface import Committed, Redo, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.proposal import ProposalRepository
from wheelstep.repositories.pulls import PullRequest, PullWish
from wheelstep.repositories.remote import Remote

BRANCH = "wheelstep/main"


@dataclass
class Pulls:
    """Pull requests of a host, and what was done to them."""

    room: ClassVar = Room(4000)
    hosted: Hosted
    there: list[PullRequest] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def latest(self, branch: str, base: str) -> PullRequest | None:
        assert (branch, base) == (BRANCH, "main")
        with self.guard:
            opened = [one for one in self.there if one.state == "open"]
            newest = self.there[-1] if self.there else None
            return opened[0] if opened else newest

    def create(self, branch: str, base: str, wish: PullWish) -> tuple[PullRequest, list[str]]:
        assert (branch, base) == (BRANCH, "main")
        with self.guard:
            if any(one.state == "open" for one in self.there):
                self.done.append("found")
                return next(one for one in self.there if one.state == "open"), []
            number = len(self.there) + 1
            one = PullRequest(number, f"https://host/pull/{number}", "open", "")
            self.there.append(one)
            self.done.append(f"create {number}: {wish.title}")
        return one, []

    def update(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        self.done.append(f"update {there.number}: {wish.title}")
        return there, []

    def make_up(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        self.done.append(f"make up {there.number}")
        return there, []

    def close(self, there: PullRequest, comment: str) -> None:
        self.done.append(f"close {there.number}: {comment}")
        self.set("closed", there.number)

    def set(self, state: str, number: int, head: str = "") -> None:
        now = self.there[number - 1]
        self.there[number - 1] = replace(now, state=state, head=head)  # type: ignore[arg-type]


def proposals(hosted: Hosted, clone: Path, pulls: Pulls) -> ProposalRepository:
    git = hosted.world.open(clone)
    remote = Remote(
        git,
        name=None,
        branch="main",
        user=None,
        token=Secret(hosted.server.password("ci")),
        environment=hosted.world.environment,
        wait=60.0,
        clock=NoWait(),
    )
    way = GitWay(git, remote, ME, NoWait())
    return ProposalRepository(
        git,
        base="main",
        branch=BRANCH,
        remote=remote,
        way=way,
        pulls=pulls,
        wish=lambda wording: PullWish(wording.title, wording.body),
    )


def proposed(
    hosted: Hosted, clone: Path, pulls: Pulls, decide: Redo, title: str = "Pin"
) -> Committed:
    repository = proposals(hosted, clone, pulls)

    def wording() -> Wording:
        return Wording(title, title, f"Body of {title}")

    return land(repository, decide, wording, clock=NoWait())


def subjects(hosted: Hosted, revision: str = BRANCH) -> list[str]:
    return hosted.world.git(hosted.bare, "log", "--format=%s", f"main..{revision}").splitlines()


def branches(hosted: Hosted) -> list[str]:
    names = hosted.world.git(hosted.bare, "for-each-ref", "--format=%(refname:short)")
    return names.splitlines()


def somebody(hosted: Hosted, branch: str, files: dict[str, str], subject: str) -> None:
    """Let a colleague commit on a branch of the server."""
    place = hosted.world.root / f"colleague-{len(list(hosted.world.root.iterdir()))}"
    hosted.world.git(
        hosted.world.root, "clone", "--quiet", f"--branch={branch}", str(hosted.bare), str(place)
    )
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    hosted.world.git(place, "add", "--all")
    hosted.world.git(place, "commit", "--quiet", "-m", subject)
    hosted.world.git(place, "push", "--quiet", "origin", branch)

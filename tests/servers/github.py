"""A GitHub: git over HTTP and the API, REST and GraphQL, before the same bare repositories.

What it keeps and what can be ordered of it is here. The API's two halves are github_rest.py with
github_pulls.py, and github_graphql.py; what they do to a repository, with real git, is
github_git.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.servers.git_http import USERS, GitServer, git, served

__all__ = ["TOKENS", "Call", "GitHubServer", "Pull", "SaysNo", "Token", "github_server"]

Trouble = Literal[
    "502", "503", "502-after", "503-after", "drop-request", "drop-reply", "stall", "primary",
    "secondary", "unnamed", "graphql-limit", "page", "stale",
]  # fmt: skip
"""What goes wrong: before the work or "after" it; the middle ones are limits of the rate. "page" is
what a proxy answers in GitHub's place, "stale" what a commit gets though nobody moved the branch.
"""


@dataclass(frozen=True, slots=True)
class Token:
    """Who a token is, and what it may."""

    login: str
    reads: bool = True
    contents: bool = True
    """May write contents."""
    pulls: bool = True
    """May write pull requests."""
    job: bool = False
    """It is a job's own, and what GitHub forbids to those is forbidden to it."""


TOKENS = {
    USERS["admin"].password: Token("admin"),
    USERS["ci"].password: Token("ci"),
    USERS["reader"].password: Token("reader", contents=False, pulls=False),
    "contents-only-44": Token("writer", pulls=False),
    "job-token-55": Token("github-actions[bot]", job=True),
    "stranger-pass-6": Token("stranger", reads=False, contents=False, pulls=False),
}


class SaysNo(Exception):
    """The API refuses."""

    def __init__(self, status: int, message: str, *, kind: str = "", errors: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        """Of a GraphQL error."""
        self.errors = errors


@dataclass
class Pull:
    """A pull request."""

    number: int
    title: str
    body: str
    head: str
    base: str
    head_repository: str
    author: str
    draft: bool = False
    state: str = "open"
    sha: str = ""
    merged: bool = False
    auto_merge: str = ""
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    reviews: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """A request of the API as it came in."""

    method: str
    path: str
    operation: str
    """Of GraphQL: the field that is asked for."""
    authorization: str
    body: Any

    @property
    def label(self) -> str:
        return " ".join(part for part in (self.method, self.path, self.operation) if part)


@dataclass
class _Ordered:
    trouble: Trouble
    part: str
    skip: int
    times: int


@dataclass
class GitHubServer(GitServer):
    """A running GitHub; a repository "acme/tools" lies bare in "acme/tools.git" below `root`."""

    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What was sent that GitHub's published descriptions do not allow."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    protected: dict[tuple[str, str], Literal["rule", "ruleset"]] = field(default_factory=dict)
    """(repository, branch) -> how; only admin may pass."""
    pulls: dict[str, list[Pull]] = field(default_factory=dict)
    releases: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    """Repository -> tag -> its release."""
    verified: set[str] = field(default_factory=set)
    """Commits that GitHub has signed."""
    lacks: set[str] = field(default_factory=set)
    """Mutations that this server is too old for."""
    jobs_open_pulls: bool = True
    """"Allow GitHub Actions to create and approve pull requests"."""
    drafts: bool = True
    auto_merge: bool = True
    waits: bool = True
    """A rule has to be met before a pull request can be merged."""
    checks: str = "clean"
    """How a pull request stands for which nothing required is left to wait: "clean", "unstable"."""
    unlisted: int = 0
    """How many times more pull requests are looked for in a list that is behind."""
    unresolved: int = 0
    """How many times more a pull request is asked of whoever has not heard of it yet."""
    locked: set[int] = field(default_factory=set)
    """Numbers of the pull requests whose conversation is locked."""
    passing: int = 0
    """How often a merge is refused because its base has just moved."""
    queues: set[tuple[str, str]] = field(default_factory=set)
    """(repository, branch) that only a merge queue changes."""
    queued: list[int] = field(default_factory=list)
    """Numbers of the pull requests in it."""
    methods: set[str] = field(default_factory=lambda: {"merge", "squash", "rebase"})
    collaborators: set[str] = field(default_factory=lambda: {"ann", "bob", "ci"})
    teams: set[str] = field(default_factory=lambda: {"platform"})
    renamed: dict[str, str] = field(default_factory=dict)
    reset_at: int = 0
    """When the rate's limit ends, seconds since 1970."""
    ordered: list[_Ordered] = field(default_factory=list)
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    """Part of a call's label -> what is done once just before the first such call."""

    @property
    def environment(self) -> dict[str, str]:
        """What a job on this GitHub has in its environment."""
        return {"GITHUB_SERVER_URL": self.url, "GITHUB_API_URL": f"{self.url}/api/v3"}

    def trouble(self, trouble: Trouble, part: str = "", *, nth: int = 1, times: int = 1) -> None:
        """Order what goes wrong with the nth of the next calls whose label has `part` in it."""
        self.ordered.append(_Ordered(trouble, part, nth - 1, times))

    def let_happen(self, call: Call) -> None:
        """Do what was ordered to happen before this call."""
        with self.lock:
            for part in [one for one in self.meanwhile if one in call.label]:
                self.meanwhile.pop(part)()

    def take_trouble(self, call: Call) -> Trouble | None:
        with self.lock:
            for order in self.ordered:
                if order.part not in call.label:
                    continue
                if order.skip:
                    order.skip -= 1
                    continue
                order.times -= 1
                if not order.times:
                    self.ordered.remove(order)
                return order.trouble
        return None

    def bare(self, repository: str) -> Path:
        return self.root / f"{repository}.git"

    def pull(self, repository: str, number: int) -> Pull:
        return self.pulls[repository][number - 1]

    def head(self, repository: str, branch: str) -> str:
        return git("rev-parse", f"refs/heads/{branch}", cwd=self.bare(repository))

    def branches(self, repository: str) -> list[str]:
        listed = git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads",
                     cwd=self.bare(repository))  # fmt: skip
        return listed.splitlines()

    def labels(self) -> list[str]:
        return [call.operation or f"{call.method} {call.path}" for call in self.calls]


@contextmanager
def github_server(root: Path) -> Iterator[GitHubServer]:
    """Serve the bare repositories below `root` as GitHub does, on a free port of this machine."""
    from tests.servers.github_handler import Handler, Server

    with served(GitHubServer(root), Server, Handler) as state:
        yield state

"""An Azure Repos: git over HTTP and the REST API, before the same bare repositories.

A repository lies bare in "ORGANIZATION/PROJECT/_git/NAME" below the root. What it keeps and what
can be ordered of it is here; what it answers is in azure_repos_rest.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.servers.git_http import USERS, GitServer, git, served

__all__ = ["TOKENS", "AzureReposServer", "Call", "Pull", "SaysNo", "Token", "azure_repos_server"]

Trouble = Literal[
    "503", "503-after", "drop-request", "drop-reply", "429", "sign-in", "moved", "odd"
]
"""What goes wrong: before the work, or "after" it; "sign-in" is the page for people, "moved"
leads where `leads_to` says, "odd" is what `odd` says."""


@dataclass(frozen=True, slots=True)
class Token:
    """Who a token is, and what it may."""

    name: str
    reads: bool = True
    contributes: bool = True
    """GenericContribute, CreateBranch, CreateTag."""
    forces: bool = True
    """ForcePush on a branch of somebody else's."""
    pulls: bool = True
    """PullRequestContribute."""

    @property
    def id(self) -> str:
        return f"00000000-0000-0000-0000-{sum(self.name.encode()):012d}"


TOKENS = {
    USERS["admin"].password: Token("admin"),
    USERS["ci"].password: Token("Train Build Service (acme)"),
    USERS["reader"].password: Token("reader", contributes=False, forces=False, pulls=False),
    "no-pulls-44": Token("no-pulls", pulls=False),
    "no-force-55": Token("no-force", forces=False),
    "stranger-66": Token("stranger", reads=False),
}


class SaysNo(Exception):
    """The API refuses."""

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        """`typeKey` of the answer."""


@dataclass
class Pull:
    """A pull request."""

    id: int
    source: str
    target: str
    title: str
    description: str
    draft: bool = False
    status: str = "active"
    head: str = ""
    """The commit that it proposes, as far as it was noticed."""
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    work_items: list[str] = field(default_factory=list)
    completes: dict[str, Any] | None = None
    """Options of its completion, where it is set to complete by itself."""
    completed_by: str = ""
    fork: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request of the API as it came in."""

    method: str
    path: str
    body: Any

    @property
    def label(self) -> str:
        return f"{self.method} {self.path.partition('/_apis/')[2]}"


@dataclass
class _Ordered:
    trouble: Trouble
    part: str
    skip: int


@dataclass
class AzureReposServer(GitServer):
    """A running Azure Repos."""

    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What was sent that the published description does not allow."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    policies: set[tuple[str, str]] = field(default_factory=set)
    """(repository, branch) that only a pull request changes; not even admin's push."""
    pulls: dict[str, list[Pull]] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    """What somebody is looked for by -> their id."""
    namesakes: dict[str, list[str]] = field(default_factory=dict)
    """What several are looked for by -> their ids."""
    version: float = 7.2
    """The newest of the API that it knows."""
    email: str = ""
    """How the address of each commit's author has to end."""
    no_work_items: set[int] = field(default_factory=set)
    no_strategies: set[str] = field(default_factory=set)
    """Ways to complete a pull request that a policy forbids."""
    completes: bool = True
    """A pull request can be set to complete by itself."""
    tells_new: bool = True
    """A push's answer tells by zeros that it made its branch: observed, and not documented."""
    pushes: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """Repository -> what the API's pushes did, oldest first."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of each request."""
    events: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    ordered: list[_Ordered] = field(default_factory=list)
    leads_to: str = ""
    odd: Any = None
    """The document of an "odd" answer."""

    def trouble(self, trouble: Trouble, part: str = "", *, nth: int = 1) -> None:
        """Order what goes wrong with the nth of the next calls whose label has `part` in it."""
        self.ordered.append(_Ordered(trouble, part, nth - 1))

    def meanwhile(self, part: str, act: Callable[[], object]) -> None:
        """Let something happen just before the next call whose label has `part` in it is heard."""
        self.events.append((part, act))

    def take_event(self, call: Call) -> None:
        with self.lock:
            found = next((one for one in self.events if one[0] in call.label), None)
            if found is None:
                return
            self.events.remove(found)
        found[1]()  # it may ask this server, too

    def take_trouble(self, call: Call) -> Trouble | None:
        with self.lock:
            for order in self.ordered:
                if order.part not in call.label or call.method == "OPTIONS":
                    continue
                if order.skip:
                    order.skip -= 1
                    continue
                self.ordered.remove(order)
                return order.trouble
        return None

    def bare(self, repository: str) -> Path:
        return self.root / repository

    def branches(self, repository: str) -> list[str]:
        listed = git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads",
                     cwd=self.bare(repository))  # fmt: skip
        return listed.splitlines()

    def labels(self) -> list[str]:
        return [call.label for call in self.calls if call.method != "OPTIONS"]


@contextmanager
def azure_repos_server(root: Path) -> Iterator[AzureReposServer]:
    """Serve the bare repositories below `root` as Azure Repos does, on a free port."""
    from tests.servers.azure_repos_rest import Handler, Server

    with served(AzureReposServer(root), Server, Handler) as state:
        yield state

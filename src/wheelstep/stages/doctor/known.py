"""What the parts of doctor share: each thing is found out once, by whoever wants it first."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from wheelstep.definitions.interface import Kind, Read
from wheelstep.definitions.plan import Edits
from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.errors import StepError
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.connections import Connection
from wheelstep.ground.credentials import TokenSource, organization_of
from wheelstep.ground.entra import EntraTokens
from wheelstep.ground.index_page import SEEN, SUPPRESS_SIGN_IN
from wheelstep.ground.public_index import PipIndexes, public_indexes, uv_environment
from wheelstep.ground.secret import Secret
from wheelstep.ground.simple_index import ACCEPT
from wheelstep.ground.transport import Transport
from wheelstep.ground.uv import default_index
from wheelstep.lock import Lock
from wheelstep.model import Check, Problem, Project, Workspace
from wheelstep.packages.discover import discover
from wheelstep.packages.tree import Tree, read_tree
from wheelstep.rehearsal.interface import Subject
from wheelstep.report import Report
from wheelstep.repositories.interface import Snapshot
from wheelstep.repositories.worktree import WorkTree
from wheelstep.stages.connecting.known import (
    Had,
    known_connections,
    login_in,
    workspace_connections,
)
from wheelstep.stages.connecting.named import NamedUrl, indexes_of, repositories_of
from wheelstep.stages.readers import readers_of
from wheelstep.stages.rehearsing import subjects_of
from wheelstep.stages.run import Run
from wheelstep.workspaces.connection import Login, Stored

__all__ = ["ATTEMPTS", "PATIENCE", "Definitions", "Known", "Once", "Stage", "Task"]

PATIENCE: Final = 4.0
"""Seconds that are waited for services that do not answer at once: a person waits."""
ATTEMPTS: Final = 3
TIMEOUT: Final = (4.0, 15.0)
"""Seconds to connect, and seconds without a byte while reading."""
PROBE: Final = "wheelstep-probe"
"""A name to ask for where no package has one: an index answers that it has none."""

T = TypeVar("T")
Stage = Literal[
    "open",
    "discover",
    "head",
    "find",
    "versions",
    "serve",
    "push",
    "connect",
    "accept",
    "read",
    "build",
    "rehearse",
    "publish",
]
"""The steps of a release, each of which can end it before the next one begins."""
Opened = Literal["open", "closed", "neither"]
"""To somebody who does not sign in."""


class Once(Generic[T]):
    """Something that is found out at most once, whatever the number of threads that want it."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Keep how it is found out; nothing is done yet."""
        self._make = make
        self._found: Future[T] | None = None
        self._guard = threading.Lock()

    def __call__(self) -> T:
        """Return it; whoever comes first finds it out, the others wait.

        Raises:
            StepError: What went wrong, the same for everybody.
        """
        with self._guard:
            mine = self._found is None
            if self._found is None:
                self._found = Future()
            found = self._found
        if mine:
            try:
                found.set_result(self._make())
            except BaseException as error:
                found.set_exception(error)
                raise
        return found.result()


@dataclass(frozen=True, slots=True)
class Task:
    """One question, answered by one or more checks."""

    group: str
    subject: str
    ask: Callable[[], Sequence[Check]]
    stage: Stage
    """Where a release would come upon a fault."""
    breaks: str = ""
    """What may fail, where a service's strange answer keeps it from being answered."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A destination of the settings, or why there is none."""

    wanted: Wanted
    destination: Destination | StepError


@dataclass(frozen=True, slots=True)
class Definitions:
    """What was found, and what kept the rest from being looked at."""

    kinds: tuple[Kind, ...] = ()
    edits: Edits = field(default_factory=lambda: Edits((), ()))
    """What a release would change."""
    unfound: tuple[StepError, ...] = ()
    """What a release would end with when it looks for them."""
    uneditable: tuple[StepError, ...] = ()
    """What it would end with when it edits them."""
    notes: tuple[Problem, ...] = ()
    read: Read = field(default=lambda _: None)
    """Reads a file as it would be committed."""


class Known:
    """What is known of the run; the parts read it from several threads."""

    def __init__(self, run: Run, look: Callable[[Known], Definitions]) -> None:
        """Prepare; nothing is asked yet.

        Args:
            run: The run; its report is left alone.
            look: Finds the definitions.
        """
        # what the stages warn of is turned into checks
        self.run = run = dataclasses.replace(run, report=Report("doctor"), warned=set())
        self.transport = Transport(
            run.environment,
            clock=run.clock,
            budget=RetryBudget(PATIENCE, attempts=ATTEMPTS),
            timeout=TIMEOUT,
        )
        self.placed = _placed(run, self.transport)
        # what reads definitions takes those that there are
        run.destinations = [
            one.destination for one in self.placed if not isinstance(one.destination, StepError)
        ]
        with contextlib.suppress(StepError):  # whoever asks there hears of it
            run.resource_manager = run.manager_over(self.transport, _SignedInOnce)
        self.tree: Once[Tree] = Once(partial(read_tree, run.git))
        self.projects: Once[Sequence[Project]] = Once(
            lambda: discover(run.git, run.settings.packages, tree=self.tree())
        )
        self.snapshot: Once[Snapshot] = Once(self._snapshot)
        """The head that a release would read."""
        self.head: Once[Snapshot] = Once(self._head)
        """The same, or what is checked out where that cannot be read."""
        self.lock: Once[Lock] = Once(self._lock)
        """The record there."""
        self.found: Once[Definitions] = Once(lambda: look(self))
        self.named: Once[Sequence[NamedUrl]] = Once(self._named)
        """The indexes that definitions name, or will name after a release."""
        self.readers: Once[Mapping[str, Sequence[Workspace]]] = Once(self._readers)
        """By definition, the workspaces that read it."""
        self.public: Once[PipIndexes] = Once(lambda: public_indexes(run.environment))
        """What pip is configured with."""
        self.default: Once[str | None] = Once(self._default)
        """The index that pip has where none is configured."""
        self.had: Once[Sequence[Had]] = Once(lambda: workspace_connections(run))
        """What the workspaces have."""
        self.connections: Once[Sequence[Connection]] = Once(self._connections)
        """What Azure ML will authenticate with, as far as that can be known."""
        self.restricted = False
        """Whether the storage account or the registry of a workspace is behind network rules."""
        self._logins: dict[str, Once[Login | None]] = {}
        self._opened: dict[str, Once[Opened]] = {}
        self._guard = threading.Lock()

    # --- the repository -----------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the normalised names of the packages whose names their own files state.

        Raises:
            StepError: No packages, a broken project file.
        """
        return [project.normalized for project in self.projects() if project.normalized]

    def released(self) -> set[str]:
        """Return the names of all packages that are ours, as far as they are known."""
        found = set(self.lock().packages)
        try:
            return found.union(self.names())
        except StepError:
            return found

    def to_try(self) -> list[str]:
        """Return names to ask indexes for, the likeliest to be there first; at least one."""
        recorded = [name for name in sorted(self.released()) if name in self.lock().packages]
        return list(dict.fromkeys([*recorded, *sorted(self.released())])) or [PROBE]

    def _snapshot(self) -> Snapshot:
        # that there is no branch or no remote is found out here, too
        return self.run.repository.snapshot()

    def _head(self) -> Snapshot:
        """Return the head that definitions are read from: that of the remote, or what is checked
        out where the remote cannot be read."""
        try:
            found = self.snapshot()
        except StepError:
            found = WorkTree(self.run.git).snapshot()
        self.run.snapshot = found  # what the stages read, too
        return found

    def _lock(self) -> Lock:
        self.head()
        return self.run.lock

    # --- the definitions ----------------------------------------------------------------------

    def _named(self) -> Sequence[NamedUrl]:
        found = self.found()
        subjects = _subjects(found)
        public = {url.rstrip("/") for url in self.public().index_urls if url}
        if (default := self.default()) is not None:
            public.add(default.rstrip("/"))
        return [
            one for one in indexes_of(subjects, found.read) if one.url.rstrip("/") not in public
        ]

    def repositories(self) -> Sequence[str]:
        """Return the git repositories that definitions name, or will name after a release.

        Raises:
            StepError: There are no definitions to look at.
        """
        found = self.found()
        return list(dict.fromkeys(r.url for r in repositories_of(_subjects(found), found.read)))

    def _readers(self) -> Mapping[str, Sequence[Workspace]]:
        settings = self.run.settings
        return readers_of(self.found().kinds, settings.read_by, settings.workspaces)

    def _default(self) -> str | None:
        return default_index(uv_environment(self.run.environment, self.public()))

    # --- the services -------------------------------------------------------------------------

    def _connections(self) -> Sequence[Connection]:
        self.had()
        return known_connections(self.run, lambda _run, stored: self.login(stored))

    def login(self, stored: Stored) -> Login | None:
        """Return what a workspace's connection authenticates with, None where we may not know."""
        with self._guard:
            once = self._logins.setdefault(
                stored.id.lower(), Once(partial(login_in, self.run, stored))
            )
        return once()

    def opened(self, url: str) -> Opened:
        """Tell whether an index can be read by somebody who does not sign in.

        Args:
            url: Of the index.

        Raises:
            StepError: It does not answer.
        """
        with self._guard:
            once = self._opened.setdefault(url.rstrip("/"), Once(partial(self._open, url)))
        return once()

    def _open(self, url: str) -> Opened:
        base = f"{url.rstrip('/')}/"
        for page in (f"{base}{self.to_try()[0]}/", base):
            response = self.transport.request(
                "GET",
                page,
                headers={"Accept": ACCEPT, **SUPPRESS_SIGN_IN},
                accept_statuses=SEEN,
            )
            if urlsplit(response.url)[:2] != urlsplit(page)[:2]:
                # Azure DevOps sends whom it does not know to sign in
                return "closed" if organization_of(page) else "neither"
            match response.status:
                case 200:
                    return "open"
                case 401 | 403:
                    return "closed"
                case _:
                    pass  # the index may have no such package: its own page tells
        return "neither"


class _SignedInOnce:
    """A token source that is asked by many: where nobody is signed in, finding that out takes
    seconds, and is done once."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._first = Once(source.token)

    def token(self) -> Secret:
        self._first()
        return self._source.token()  # it keeps a token until shortly before it expires


def _subjects(found: Definitions) -> list[Subject]:
    return [one for edit in found.edits.edits for one in subjects_of(edit.path, edit.reading)]


def _placed(run: Run, transport: Transport) -> Sequence[Placed]:
    entra = EntraTokens(run.surroundings, transport)

    def place(wanted: Wanted) -> Placed:
        try:
            return Placed(wanted, run.destination(wanted, transport, entra))
        except StepError as error:
            return Placed(wanted, error)

    return [place(wanted) for wanted in run.settings.publish_to]

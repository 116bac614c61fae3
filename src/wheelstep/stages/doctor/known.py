"""What the parts of doctor share: each thing is found out once, by whoever wants it first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.destinations.table import destination_of
from wheelstep.errors import StepError
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.credentials import EntraTokens
from wheelstep.ground.transport import Transport
from wheelstep.lock import Lock
from wheelstep.model import Check, Project
from wheelstep.packages.discover import discover
from wheelstep.packages.tree import Tree, read_tree
from wheelstep.repositories.interface import Snapshot
from wheelstep.repositories.worktree import WorkTree
from wheelstep.stages.run import Run

__all__ = ["Known", "Once", "Placed", "Task"]

PATIENCE = 4.0
"""Seconds that are waited for services that do not answer at once: a person waits."""
ATTEMPTS = 3
TIMEOUT = (4.0, 15.0)
"""Seconds to connect, and seconds without a byte while reading."""

T = TypeVar("T")


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
    breaks: str = ""
    """What may fail, where a service's strange answer keeps it from being answered."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A destination of the settings, or why there is none."""

    wanted: Wanted
    destination: Destination | StepError


@dataclass
class Known:
    """What is known of the run; the parts read it from several threads."""

    run: Run
    transport: Transport = field(init=False)
    placed: Sequence[Placed] = field(init=False)
    tree: Once[Tree] = field(init=False)
    projects: Once[Sequence[Project]] = field(init=False)
    snapshot: Once[Snapshot] = field(init=False)
    """The head that a release would read."""
    head: Once[Snapshot] = field(init=False)
    """The same, or what is checked out where that cannot be read."""
    lock: Once[Lock] = field(init=False)
    """The record there."""

    def __post_init__(self) -> None:
        run = self.run
        self.transport = Transport(
            run.environment,
            clock=run.clock,
            budget=RetryBudget(PATIENCE, attempts=ATTEMPTS),
            timeout=TIMEOUT,
        )
        self.tree = Once(partial(read_tree, run.git))
        self.projects = Once(lambda: discover(run.git, run.settings.packages, tree=self.tree()))
        self.snapshot = Once(self._snapshot)
        self.head = Once(self._head)
        self.lock = Once(self._lock)
        entra = EntraTokens()
        job_token = run.host.job_token() if run.host.name == "azure" else None

        def place(wanted: Wanted) -> Placed:
            try:
                return Placed(
                    wanted,
                    destination_of(
                        wanted,
                        root=run.root,
                        environment=run.environment,
                        transport=self.transport,
                        job_token=job_token,
                        entra=entra,
                        parallel=run.transfers,
                    ),
                )
            except StepError as error:
                return Placed(wanted, error)

        self.placed = [place(wanted) for wanted in run.settings.publish_to]
        # what reads definitions takes those that there are
        run.destinations = [
            one.destination for one in self.placed if not isinstance(one.destination, StepError)
        ]

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

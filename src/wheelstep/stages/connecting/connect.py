"""Connecting, as a part of a release and on its own: checked early, proved, then stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wheelstep.errors import SettingError, StepError, raise_all
from wheelstep.ground.connections import Connection, closest
from wheelstep.ground.transport import Transport
from wheelstep.stages.connecting.coverage import check_coverage, tell_other_spellings
from wheelstep.stages.connecting.known import workspace_connections
from wheelstep.stages.connecting.named import NamedUrl, all_subjects, indexes_of, repositories_of
from wheelstep.stages.connecting.proof import Tried, prove
from wheelstep.stages.connecting.store import foresee, store
from wheelstep.stages.connecting.wanted import (
    check_tokens,
    private_indexes,
    to_store,
    wanted_connections,
)
from wheelstep.stages.run import Run
from wheelstep.workspaces.connection import login_of

__all__ = ["Connecting", "need_workspaces"]


@dataclass
class Connecting:
    """The connections of one run."""

    run: Run
    names: Sequence[str]
    """Normalised names of the repository's packages, those that are published first."""
    checked: bool = field(default=False, init=False)

    @property
    def wanted(self) -> list[Connection]:
        """The connections that are to be stored: those with something to store, where there are
        workspaces."""
        if not self.run.workspaces:
            return []
        return to_store(self.run)

    def check(self, *, definitions: bool) -> None:
        """Find out, before anything is built or published, what connecting would end with, as far
        as that can be told: a token that is no good, a workspace that cannot be read or written, a
        feed that no connection covers. Once in a run.

        Args:
            definitions: Whether there are definitions whose builds need a connection.

        Raises:
            StepError: What would end it.
        """
        if self.checked or not self.run.workspaces:
            return
        self.checked = True
        wanted = self.wanted
        if wanted:
            check_tokens(self.run, wanted)
            # nothing is published for workspaces that could not be connected afterwards
            raise_all([had.error for had in workspace_connections(self.run) if had.error])
            foresee(self.run, wanted)
        elif definitions:
            check_coverage(self.run, self.names, all_subjects(self.run))

    def store(self, *, rotate: bool = False) -> None:
        """Prove each credential, then bring the connections into the workspaces.

        Raises:
            StepError: A credential that does not read; a workspace that cannot be read or written.
        """
        wanted = self.wanted
        if not wanted:
            return
        if not self.checked:
            check_tokens(self.run, wanted)
        named, cloned = self.named()
        indexes, repositories = self._urls(named, cloned)
        every = wanted_connections(self.run)
        tell_other_spellings(self.run, named, every)
        proved: list[Connection] = []
        errors: list[StepError] = []
        with Transport(self.run.environment, clock=self.run.clock) as transport:
            for one in wanted:
                tried = Tried(
                    self.names,
                    [url for url in indexes if closest(url, every) in {one, None}],
                    repositories,
                )
                try:
                    prove(self.run, transport, one, login_of(one), tried)
                except StepError as error:
                    errors.append(error)
                else:
                    proved.append(one)
        raise_all(errors)  # nothing is stored of what is only half right
        store(self.run, proved, indexes, rotate=rotate)

    def urls(self) -> tuple[list[str], list[str]]:
        """Return the indexes and repositories that the connections are for: what this step
        publishes to, and what definitions name."""
        return self._urls(*self.named())

    def _urls(
        self, named: Sequence[NamedUrl], repositories: Sequence[NamedUrl]
    ) -> tuple[list[str], list[str]]:
        ours = list(private_indexes(self.run))
        found = dict.fromkeys([*ours, *(one.url for one in named if one.connected)])
        return list(found), list(dict.fromkeys(one.url for one in repositories))

    def named(self) -> tuple[list[NamedUrl], list[NamedUrl]]:
        """Return the indexes and the repositories that definitions name."""
        subjects = all_subjects(self.run)
        read = self.run.snapshot.read
        return indexes_of(subjects, read), repositories_of(subjects, read)


def need_workspaces(run: Run) -> None:
    """Refuse to connect nothing.

    Raises:
        SettingError: No workspace is named.
    """
    if not run.workspaces:
        raise SettingError(
            "No workspace is named, so there is none to connect.",
            code="no-workspace",
            cure="Set `workspace` to SUBSCRIPTION/GROUP/NAME, or to the workspace's resource id.",
        )

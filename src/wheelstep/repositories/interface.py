"""A repository that definitions are read from and commits go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from wheelstep.ground.page import Room
from wheelstep.model import Change

__all__ = [
    "Committed",
    "Redo",
    "Repository",
    "Snapshot",
    "Wording",
    "base_of",
    "carried_by",
    "merged_by",
]


class Snapshot(Protocol):
    """One head, which can be read and does not change."""

    @property
    def head(self) -> str | None:
        """Full commit id; None for the work tree itself (`commit: none`)."""

    @property
    def revision(self) -> str | None:
        """What git reads it by, where that is not the head: a tree."""

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes as they are in the repository (as they lie on disk for the work
        tree), or None where there is none, or where it is no regular file."""

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the bytes of those of `paths` that `read` would return; many files at once cost
        hardly more than one."""

    def check(self, path: str) -> None:
        """Refuse a path at which no file could be put.

        Raises:
            Refused: It leads out of the repository, or is no regular file.
        """

    def paths(self) -> Sequence[str]:
        """Return all tracked regular files, sorted, ignored and submodule content left out."""

    def links(self) -> Mapping[str, str]:
        """Return all tracked symbolic links with where they lead to, relative to their folder."""

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Tell whether commit `older` is `newer` or an ancestor of it; None where the history at
        hand cannot tell (shallow, unknown commit)."""

    def describe(self) -> str:
        """Return the head in words, for messages: branch, short id, subject and author."""


class ProposedSnapshot(Snapshot, Protocol):
    """A head with what an open proposal changes of it already."""

    @property
    def base(self) -> Snapshot:
        """The head without it."""

    @property
    def carried_paths(self) -> Sequence[str]:
        """The files that it changes."""

    @property
    def merged_paths(self) -> Sequence[str]:
        """Those of them that somebody has changed on the base since: they are here with both."""


def base_of(snapshot: Snapshot) -> Snapshot:
    """Return what a proposal is held against: the head without what is proposed already, or the
    head itself."""
    base: Snapshot = getattr(snapshot, "base", snapshot)
    return base


def carried_by(snapshot: Snapshot) -> Sequence[str]:
    """Return the paths of files that an open proposal changes already."""
    paths: Sequence[str] = getattr(snapshot, "carried_paths", ())
    return paths


def merged_by(snapshot: Snapshot) -> Sequence[str]:
    """Return the paths of files that an open proposal changes, and somebody on its base as well:
    what both come to together nobody has seen yet."""
    paths: Sequence[str] = getattr(snapshot, "merged_paths", ())
    return paths


@dataclass(frozen=True, slots=True)
class Wording:
    """What a proposal says of itself."""

    message: str
    """The commit's: a subject, and after an empty line more if wanted."""
    title: str = ""
    """The pull request's; the subject where it is empty."""
    body: str = ""
    """The pull request's, in Markdown that fits in `Repository.room`; "" where there is none."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a proposal."""

    status: Literal["none", "local", "pushed", "pull-request"]
    sha: str | None = None
    branch: str | None = None
    url: str | None = None
    """The commit's page, where the remote's host is known to have one; the pull request's."""
    notes: tuple[str, ...] = ()
    """Whole sentences for the user: what was left alone, and why."""


class Repository(Protocol):
    """Where the commit goes: the work tree only, the local branch, or a remote branch."""

    @property
    def room(self) -> Room | None:
        """How long the text of a pull request may be; None where there is none."""

    def prove(self) -> None:
        """Find out, before anything is published, what would stop the commit at the end: asks the
        remote for the right to push. What only a real push shows (branch protection) stays open.

        Raises:
            SettingError: No identity to commit with, no such branch.
            ServiceRefused: No right to push.
            ServiceUnavailable: The remote does not answer.
        """

    def snapshot(self) -> Snapshot:
        """Return the present head of the target branch; asks the remote where there is one.

        Raises:
            SettingError: No such branch, detached head.
            ServiceRefused: No right to read.
            ServiceUnavailable: The remote does not answer.
        """

    def settle(self, on: Snapshot) -> None:
        """Finish what a run that was killed after its commit had landed left undone on this
        machine; nothing where there is nothing."""

    def propose(
        self, changes: Sequence[Change], *, on: Snapshot, wording: Wording
    ) -> Committed | None:
        """Commit on that head, compare-and-swap.

        Without changes nothing is committed: a proposal that is open stands, one that has nothing
        left to propose goes.

        Returns:
            None when the head has moved meanwhile: take a new snapshot, decide again.

        Raises:
            Refused: A path leads out of the repository, or is no regular file.
            ServiceRefused: No right to push, protected branch.
            ServiceUnavailable: The remote does not answer.
            CannotHere: Disk full.
        """


Redo = Callable[[Snapshot], Sequence[Change]]
"""Decide again on a newer head."""

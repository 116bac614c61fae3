"""How a commit of ours reaches a branch of the remote: by `git push`, or by the host's own API.

Reading is git's in every case. What is written is written on condition: a branch is where it was
seen, or nothing happens and the caller looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from wheelstep.errors import Refused
from wheelstep.ground.git import Git
from wheelstep.ground.text import writable
from wheelstep.repositories.blobs import read_blobs
from wheelstep.repositories.identity import marked
from wheelstep.repositories.objects import (
    Entry,
    GitSnapshot,
    Touched,
    tree_with,
)

__all__ = ["BY_GIT", "Draft", "HostWay", "Noted", "Way", "check_names", "draft_of"]

BY_GIT: Final = "Set `commit-with: git`: then the commit is made here and pushed."

Noted = Callable[[str], None]
"""Is told a commit's id as soon as it is known: before it is sent where git makes it, with the
answer where the host does."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit that is to be made."""

    on: GitSnapshot
    """Its parent."""
    touched: Sequence[Touched]
    """What differs from the parent; at least one, and each a regular file."""
    contents: Mapping[str, bytes]
    """Path -> the bytes that are committed, for each of `touched` that is not removed."""
    tree: str
    """Object id of the whole tree of the commit; this repository has it."""
    message: str
    """As it is committed: subject, empty line, text."""

    @property
    def executable(self) -> list[str]:
        """Paths of files that are executable after it."""
        return [each.path for each in self.touched if _is_executable(each.new)]


def check_names(draft: Draft, service: str) -> None:
    """Refuse a draft with a name that JSON cannot say: to git it is any bytes.

    Args:
        draft: What is to be committed.
        service: Whose API is told it.

    Raises:
        Refused: "path-not-possible".
    """
    for each in draft.touched:
        try:
            each.path.encode()
        except UnicodeEncodeError:
            raise Refused(
                f"The name {writable(each.path)!r} is no UTF-8, and {service}'s API cannot be told"
                " such a name.",
                code="path-not-possible",
                cure=BY_GIT,
            ) from None


def draft_of(
    git: Git,
    on: GitSnapshot,
    touched: Sequence[Touched],
    message: str,
    *,
    mark: bool = True,
    extra: Mapping[str, str] | None = None,
) -> Draft:
    """Return the draft of a commit whose blobs are in the repository already.

    Args:
        git: In the repository.
        on: The parent.
        touched: What differs from it.
        message: As it is committed.
        mark: Let `made_by_us` know the commit.
        extra: Environment for git: a partial clone fetches what it reads.

    Raises:
        CannotHere: Disk full.
    """
    new = {each.path: each.new for each in touched if each.new is not None}
    contents = read_blobs(git, [entry.oid for entry in new.values()], extra=extra)
    tree = tree_with(git, on.head, touched, extra=extra)
    text = marked(message, tree) if mark else message
    return Draft(on, touched, dict(zip(new, contents, strict=True)), tree, text)


def _is_executable(entry: Entry | None) -> bool:
    return entry is not None and entry.mode == "100755"


class Way(Protocol):
    """Writes to one repository of one remote.

    All methods raise:
        ServiceRefused: No right ("push-forbidden"), a protected branch ("branch-protected"), not
            authenticated ("not-authenticated"), no such repository ("repository-not-found").
        ServiceUnavailable: The service does not answer, or limits the rate.
        CannotHere: Disk full.
    """

    name: str
    """"git", "github" or "azure-repos"."""

    def commit(self, branch: str, draft: Draft, noted: Noted) -> str | None:
        """Put a commit on a branch's head, which must still be `draft.on`.

        A lost reply is looked after: what counts is what the branch has then.

        Args:
            branch: Short name; it is there.
            draft: What to commit.
            noted: Is told the commit's id.

        Returns:
            The commit's id; None when the branch has moved meanwhile.
        """

    def replace(self, branch: str, was: str | None, draft: Draft, noted: Noted) -> str | None:
        """Let a branch be the draft's parent with this one commit on it, whatever it was.

        Nobody ever sees the branch without the commit: a pull request would be closed.

        Args:
            branch: Short name.
            was: The commit it must still be at; None: it must not be there.
            draft: What to commit.
            noted: Is told the commit's id.

        Returns:
            The commit's id; None when the branch is elsewhere meanwhile.
        """

    def remove(self, branch: str, was: str) -> bool:
        """Remove a branch that is still at `was`.

        Returns:
            False when it is elsewhere meanwhile; True also when it is gone already.
        """

    def tag(self, name: str, commit: str) -> str:
        """Make a lightweight tag where there is none of that name; one that is there never moves.

        Args:
            name: The tag's.
            commit: Full id; the remote has it.

        Returns:
            The commit that the tag is at now, which may be another one.
        """


class HostWay(Way, Protocol):
    """A host's own way, which cannot make every commit."""

    def check(self, draft: Draft) -> None:
        """Refuse a commit that the host would make otherwise than it is meant, or not at all;
        nothing is asked.

        Raises:
            Refused: With the reason: git can make it.
        """

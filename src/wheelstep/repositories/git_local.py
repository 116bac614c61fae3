"""`commit: local`: a commit on a branch of this repository, made from git's objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.git import Git
from wheelstep.model import Change
from wheelstep.repositories.advance import Advanced, advance
from wheelstep.repositories.identity import Identity, full_message, marked
from wheelstep.repositories.interface import Committed, Snapshot, Wording
from wheelstep.repositories.objects import GitSnapshot, build_commit, tree_with, write_blobs

__all__ = ["LocalRepository", "as_git_snapshot", "check_branch", "left_alone"]

PATIENCE: Final = 8
"""How often in a row a branch may be held by another git: each time is longer than one needs."""


@final
class LocalRepository:
    """The branch that is checked out, or another one of this repository."""

    room: Final = None

    def __init__(
        self, git: Git, *, branch: str | None, identity: Identity, skip_ci: bool = True
    ) -> None:
        """Keep what to commit to.

        Args:
            git: In the repository.
            branch: Short name; None for the one that is checked out.
            identity: Author and committer.
            skip_ci: End the subject with "[skip ci]".
        """
        self._git = git
        self._branch = branch
        self._identity = identity
        self._skip_ci = skip_ci
        self._held = 0

    def prove(self) -> None:
        """Find out whether the branch is there.

        Raises:
            SettingError: Detached head, no such branch.
        """
        self.snapshot()

    def snapshot(self) -> GitSnapshot:
        """Return the branch's present head.

        Raises:
            SettingError: Detached head and no branch given, or no such branch.
        """
        branch = self._branch or self._checked_out()
        check_branch(self._git, branch)
        done = self._git.try_("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        if done.code != 0:
            raise SettingError(
                f"This repository has no branch {branch!r} to commit to.",
                code="no-branch",
                cure=f"Create it with `git branch {branch}`, or set `branch` to one that is here.",
            )
        return GitSnapshot(self._git, done.text.strip(), branch=branch)

    def settle(self, on: Snapshot) -> None:
        """Do nothing: `propose` ends in one piece, or the next one finishes it."""

    def propose(
        self, changes: Sequence[Change], *, on: Snapshot, wording: Wording
    ) -> Committed | None:
        """Commit on the snapshot and move the branch; clean files of a checkout follow.

        Returns:
            None when the branch has moved meanwhile.

        Raises:
            Refused: A path leads out of the repository, or is no regular file.
            CannotHere: Disk full, or another git is busy with the index, or, each time that it was
                tried, with the branch.
        """
        head = as_git_snapshot(on)
        text = full_message(wording.message, skip_ci=self._skip_ci)
        touched = write_blobs(self._git, head, changes)
        if not touched:
            return Committed("none")
        tree = tree_with(self._git, head.head, touched)
        text = marked(text, tree)
        commit = build_commit(self._git, head, tree, message=text, identity=self._identity)
        done = advance(self._git, head.branch, old=head.head, new=commit, touched=touched)
        self._held = self._held + 1 if done.held else 0
        if self._held == PATIENCE:
            raise CannotHere(
                f"Another git holds the branch {head.branch} in {self._git.directory}, or died "
                f"there: there is a file refs/heads/{head.branch}.lock (or HEAD.lock).",
                code="branch-locked",
                cure="Wait until it is done and run again; or, when no git runs there, delete that"
                " file in the repository's git folder.",
            )
        if not done.moved:
            return None
        return Committed("local", sha=commit, branch=head.branch, notes=left_alone(done))

    def _checked_out(self) -> str:
        done = self._git.try_("symbolic-ref", "--quiet", "--short", "HEAD")
        if done.code != 0:
            raise SettingError(
                "The checkout is on no branch (a detached head), so there is none to commit to.",
                code="detached-head",
                cure="Set `branch`, or check a branch out first.",
            )
        return done.text.strip()


def check_branch(git: Git, branch: str, option: str = "branch") -> None:
    """Refuse what cannot be the short name of a branch.

    Args:
        git: Any repository.
        branch: What is to be one.
        option: The setting that it comes from.

    Raises:
        SettingError: With what was given.
    """
    if git.try_("check-ref-format", f"refs/heads/{branch}").code != 0 or branch.startswith("-"):
        raise SettingError(
            f"{branch!r} cannot be the name of a branch.",
            code="bad-branch",
            cure=f"Set `{option}` to a branch's short name, such as main.",
        )


def as_git_snapshot(snapshot: Snapshot) -> GitSnapshot:
    """Return the snapshot as what this kind of repository handed out."""
    if not isinstance(snapshot, GitSnapshot):
        raise TypeError("the snapshot comes from another repository")
    return snapshot


def left_alone(done: Advanced) -> tuple[str, ...]:
    """Return a sentence or two for each file that the user has changed."""
    return tuple(
        f"{path} has changes of yours in the index, and was left as it is there and on disk: your"
        " next commit of this file would take back what this commit changed in it. See `git diff"
        f" HEAD -- {path}` and bring both together before you commit it."
        if path in done.staged
        else f"{path} has changes of yours that are not staged, and was left as it is on disk: the"
        " commit and your index have the new content, the file does not. See `git diff --"
        f" {path}` and bring both together before you stage it."
        for path in done.left
    )

"""A clone of another repository: one commit, and of its files only those that are read."""

from __future__ import annotations

from pathlib import Path

from wheelstep.ground.git import Git
from wheelstep.repositories.remote import OURS

__all__ = ["sparing_clone"]


def sparing_clone(folder: Path, git: Git) -> Git:
    """Make an empty repository that fetches what it is asked for: no history, no work tree, and a
    file when it is read (git-clone(1), `--depth` and `--filter=blob:none`; a server that cannot
    filter sends all files of the commit).

    Where it is cloned from, and with what right, is said by `Remote`.

    Args:
        folder: An empty one.
        git: In the user's repository: its environment is taken over.

    Raises:
        CannotHere: Disk full.
    """
    made = Git(folder, git.environment)
    made.output("init", "--quiet")
    for key, value in (
        (f"remote.{OURS}.promisor", "true"),
        (f"remote.{OURS}.partialCloneFilter", "blob:none"),
    ):
        made.output("config", key, value)
    return made

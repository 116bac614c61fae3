"""What .gitattributes of a head say of files that are to be committed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from wheelstep.ground.git import Git
from wheelstep.repositories.interface import Snapshot
from wheelstep.repositories.objects import GitSnapshot

__all__ = ["kept_by_lfs"]


def kept_by_lfs(git: Git, snapshot: Snapshot, paths: Sequence[str]) -> list[str]:
    """Return those of some paths whose content Git LFS keeps: git expects a pointer there, and
    takes a file that is committed as it is for changed (git-lfs(1), "migrate import --fixup").

    Args:
        git: In the repository.
        snapshot: The head; of the work tree itself nothing is returned, git filters that itself.
        paths: Of files, there or not.

    Raises:
        CannotHere: Disk full.
    """
    if not isinstance(snapshot, GitSnapshot) or not paths:
        return []
    parts = [path.split("/")[:-1] for path in paths]
    folders = {"/".join(part[:depth]) for part in parts for depth in range(len(part) + 1)}
    places = sorted(f"{folder}/.gitattributes".lstrip("/") for folder in folders)
    if not any(b"lfs" in text for text in snapshot.read_many(places).values()):
        return []
    names = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(prefix="wheelstep-") as scratch:
        index = snapshot.extra | {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git.output("read-tree", snapshot.revision, extra=index)
        command = ("check-attr", "--cached", "-z", "--stdin", "filter")
        said = git.output(*command, stdin=names, extra=index)
    told = said.decode("utf-8", "surrogateescape").split("\0")
    return [path for path, value in zip(told[::3], told[2::3], strict=False) if value == "lfs"]

"""Paths that a change may have: inside the repository, and never git's own; and their folders."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable

from wheelstep.errors import Refused

__all__ = ["check_path", "folders_of"]


def check_path(path: str) -> None:
    """Refuse a path that leads out of the repository or into git's own folder.

    The spellings of `.git` that NTFS and HFS+ take for the same folder count as it, as git itself
    has it (core.protectNTFS, core.protectHFS).

    Args:
        path: Relative to the repository's root, with forward slashes.

    Raises:
        Refused: With the reason.
    """
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        _refuse(path, "is not a plain path below the repository's root")
    if "\0" in path or (os.sep == "\\" and any(sign in path for sign in '\\:*?"<>|')):
        _refuse(path, "has a character that a path cannot have")
    for part in parts:
        visible = "".join(sign for sign in part if unicodedata.category(sign) != "Cf")
        if visible.lower().partition(":")[0].rstrip(". ") in {".git", "git~1"}:
            _refuse(path, "lies in git's own folder")


def folders_of(paths: Iterable[str]) -> set[str]:
    """Return all folders that some files are in, the root left out.

    Args:
        paths: Relative to the root, with forward slashes.
    """
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _refuse(path: str, why: str) -> None:
    raise Refused(
        f"{path!r} {why}, so it is neither written nor committed.",
        code="unsafe-path",
        cure="Name files below the repository's root, by their path from there.",
    )

"""Paths that a change may have: inside the repository, and never git's own."""

from __future__ import annotations

import os
import unicodedata

from wheelstep.errors import Refused

__all__ = ["check_path"]


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


def _refuse(path: str, why: str) -> None:
    raise Refused(
        f"{path!r} {why}, so it is neither written nor committed.",
        code="unsafe-path",
        cure="Name files below the repository's root, by their path from there.",
    )

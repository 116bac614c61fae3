"""Git LFS: a pointer in the repository stands for a large file kept elsewhere.

A pointer that reaches a wheel is a broken wheel, so a pointer is replaced or is an error.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wheelstep.errors import BuildFailed
from wheelstep.ground.git import Git

__all__ = ["POINTER", "replace_pointers"]

POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:[a-z0-9.-]+ [^\n]+\n)*?"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]+)\n"
)
"""The whole text of a pointer (git-lfs's docs/spec.md)."""

LONGEST_POINTER: Final = 1024
"""Bytes: a pointer is always shorter (git-lfs's docs/spec.md)."""


def replace_pointers(git: Git, root: Path, paths: Sequence[str], *, above: str = "") -> list[str]:
    """Replace the pointers among exported files by what they stand for.

    It is taken from the clone's own LFS store, else from the checkout, else `git lfs smudge`
    downloads it with the user's own set-up; the SHA-256 is checked each time.

    Args:
        git: The repository the files come from.
        root: Where they were exported to.
        paths: Relative to both.
        above: The place of `git` in the user's repository, for errors: "" or ending in a slash.

    Returns:
        The paths that were replaced.

    Raises:
        BuildFailed: A file cannot be had.
    """
    replaced = []
    for path in paths:
        file = root / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size >= LONGEST_POINTER:
            continue
        pointer = file.read_bytes()
        match = POINTER.fullmatch(pointer)
        if match:
            reason = _replace(git, file, path, pointer, match.group(1).decode())
            if reason:
                raise _missing(above + path, reason)
            replaced.append(path)
    return replaced


def _replace(git: Git, file: Path, path: str, pointer: bytes, sha256: str) -> str:
    """Replace one pointer; return why it cannot be done, or nothing."""
    store = git.directory / git.text("rev-parse", "--git-common-dir") / "lfs" / "objects"
    for place in (store / sha256[:2] / sha256[2:4] / sha256, git.directory / path):
        if place.is_file() and _sha256(place) == sha256:
            mode = file.stat().st_mode
            shutil.copyfile(place, file)
            file.chmod(mode)
            return ""
    done = git.try_("lfs", "smudge", "--", path, stdin=pointer)
    if done.code == 0 and hashlib.sha256(done.out).hexdigest() == sha256:
        file.write_bytes(done.out)
        return ""
    if b"is not a git command" in done.error:
        return "git-lfs is not installed"
    lines = done.error_text.strip().splitlines()
    return f"git-lfs cannot get it: {lines[-1] if lines else 'it gave other bytes'}"


def _missing(path: str, reason: str) -> BuildFailed:
    return BuildFailed(
        f"The file is in Git LFS and only its pointer is here; {reason}.",
        code="large-file-missing",
        cure="Check large files out: `lfs: true` at the checkout step of GitHub and of Azure "
        "Pipelines, or `git lfs pull`.",
        file=path,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

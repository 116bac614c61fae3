"""The commits to a package between two of its releases, as git knows them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.interface import Kind
from wheelstep.ground.git import Git
from wheelstep.lock import FILE, Lock, Locked
from wheelstep.repositories.objects import COMMIT_ID

__all__ = ["Commits", "commits_between", "folder_of", "recorded"]

LOOKED_AT: Final = 20
"""Commits to the record in which a version is looked for; each touches its line."""
SPECIAL: Final = re.compile(r"[][\\.*^$+?(){}|]")
"""What means something in a POSIX extended regular expression."""


@dataclass(frozen=True, slots=True)
class Commits:
    """Those that one commit has and another has not."""

    command: str
    """That lists them."""
    rows: Sequence[tuple[str, str, str]]
    """(short id, author, subject) of each, the newest first."""


def recorded(git: Git, head: str | None, locks: Sequence[Lock], name: str, version: str) -> str:
    """Return the commit that a version was built from; "" where no record at hand says it.

    Args:
        git: In the repository with the record.
        head: Where its history begins; None: there is none.
        locks: Records that are known already.
        name: The package's, normalised.
        version: As it was released.
    """
    for lock in locks:
        if (known := lock.packages.get(name)) is not None and known.version == version:
            return known.commit
    for earlier in _earlier(git, head, name, version) if head else ():
        if earlier.version == version:
            return earlier.commit
    return ""


def _earlier(git: Git, head: str, name: str, version: str) -> Iterator[Locked]:
    """Yield the package's records in the commits that wrote or took away the line of a version."""
    line = SPECIAL.sub(lambda found: f"\\{found[0]}", f'version = "{version}"')
    listed = git.try_(
        "log", f"--max-count={LOOKED_AT}", "--format=%H", f"-G^{line}$", head, "--", FILE
    )
    for commit in listed.text.split() if listed.code == 0 else ():
        blob = git.try_("cat-file", "blob", f"{commit}:{FILE}")
        record = Lock.parse(blob.out).packages.get(name) if blob.code == 0 else None
        if record is not None:
            yield record


def folder_of(directory: str, others: Collection[str], kinds: Sequence[Kind]) -> list[str]:
    """Return git's pathspecs for what a package is made of: its folder without other packages',
    the record and the definitions.

    Args:
        directory: Its folder, relative to the repository's root; "." for the root.
        others: The folders of all packages.
        kinds: The definitions, where they are in the same repository.
    """
    top = "" if directory == "." else f"{directory}/"
    inside = {FILE, *others, *(kind.path for kind in kinds)} - {directory, "."}
    without = sorted(path for path in inside if path.startswith(top))
    # git finds nothing at `:(top).`
    whole = ":(top)" if directory == "." else f":(top,literal){directory}"
    return [whole, *(f":(top,exclude,literal){path}" for path in without)]


def commits_between(git: Git, old: str, new: str, places: Sequence[str]) -> Commits | None:
    """Return the commits of `new` that `old` has not; None where that cannot be told here.

    Args:
        git: In the repository of the sources.
        old: Full id.
        new: Full id. Both may come from a file that anyone can edit: what is no id is unknown.
        places: From `folder_of`.
    """
    if not COMMIT_ID.fullmatch(old) or not COMMIT_ID.fullmatch(new) or "\n" in places[0]:
        return None
    form = "--format=%h%x1f%an%x1f%s"
    # thousands of definitions are too much for a command, on Windows at least; one of them with a
    # line end in its name counts as the package's
    listed = "".join(f"{place}\n" for place in ("--", *places) if "\n" not in place)
    done = git.try_(
        *("log", "-z", "--no-decorate", form, f"{old}..{new}", "--stdin"),
        stdin=listed.encode("utf-8", "surrogateescape"),
    )
    if done.code != 0:
        return None
    rows = []
    for line in done.text.split("\0"):
        short, author, subject = (*line.split("\x1f", 2), "", "")[:3]
        rows += [(short, author, subject)] if line else []
    where = shlex.quote(places[0].partition(")")[2] or ".")
    return Commits(f"git log {old[:12]}..{new[:12]} -- {where}", rows)

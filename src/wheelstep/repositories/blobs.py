"""Contents of files in git's object store, many at once: a process for each would take longer than
all the rest of a commit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere
from wheelstep.ground.git import Git

__all__ = ["read_blobs", "store_blobs"]

PORTION: Final = 64 << 20
"""Bytes that lie in the folder for temporary files at once, and one content more."""


def store_blobs(git: Git, contents: Iterable[bytes]) -> Mapping[bytes, str]:
    """Write contents into the object store, byte for byte; return the object id of each.

    Args:
        git: In the repository.
        contents: Any; one that is there several times is written once.

    Raises:
        CannotHere: Disk full.
    """
    ids: dict[bytes, str] = {}
    for portion in _portions(dict.fromkeys(contents)):
        with tempfile.TemporaryDirectory(prefix="wheelstep-") as scratch:
            places = [Path(scratch, str(number)) for number in range(len(portion))]
            try:
                for place, content in zip(places, portion, strict=True):
                    place.write_bytes(content)
            except OSError as error:
                raise CannotHere.from_os_error(error, "writing what is committed") from error
            asked = os.fsencode("".join(f"{place.as_posix()}\n" for place in places))
            # --no-filters: these bytes, whatever core.autocrlf and attributes say
            said = git.text("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=asked)
        ids |= zip(portion, said.split("\n"), strict=True)
    return ids


def _portions(contents: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    portion: list[bytes] = []
    size = 0
    for content in contents:
        portion.append(content)
        size += len(content)
        if size > PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def read_blobs(
    git: Git, ids: Sequence[str], *, extra: Mapping[str, str] | None = None
) -> list[bytes]:
    """Return the bytes of blobs, in their order.

    Args:
        git: In the repository.
        ids: Object ids.
        extra: Environment for git: a partial clone fetches what it reads.

    Raises:
        CannotHere: One of them is lost.
    """
    wanted = dict.fromkeys(ids)  # a wheel that is vendored in many places is held once
    if not wanted:
        return []
    asked = "".join(f"{oid}\n" for oid in wanted).encode()
    blobs = _batch(git.output("cat-file", "--batch", stdin=asked, extra=extra), len(wanted))
    found = dict(zip(wanted, blobs, strict=True))
    return [found[oid] for oid in ids]


def _batch(out: bytes, count: int) -> list[bytes]:
    """Take the answer of `git cat-file --batch` apart: a line with the size, then the bytes."""
    found: list[bytes] = []
    at = 0
    for _ in range(count):
        end = out.find(b"\n", at)
        about = out[at:end].split(b" ")
        if end < 0 or len(about) != 3:  # noqa: PLR2004 - id, kind, size
            raise CannotHere(
                "The repository has lost an object that its head needs:"
                f" {out[at:end].decode('utf-8', 'replace')}.",
                code="broken-repository",
                cure="Run `git fsck`, or check the repository out afresh.",
            )
        start = end + 1
        at = start + int(about[2])
        found.append(out[start:at])
        at += 1
    return found

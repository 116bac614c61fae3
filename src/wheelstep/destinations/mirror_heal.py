"""What a killed publisher, or somebody with another tool, left in a project of a mirror."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from wheelstep.destinations.blob_file import BlobFile, Parts
from wheelstep.destinations.layout import (
    METADATA_ENDING,
    SIMPLE,
    project_of,
)
from wheelstep.destinations.mirror_project import (
    GONE,
    MADE_OF,
    METADATA_HASH,
    Entry,
    PageStore,
)
from wheelstep.destinations.wheel_metadata import metadata_in, notes_about
from wheelstep.ground.swap import Conflict

__all__ = ["METADATA_KIND", "NEVER_CHANGES", "HealStore", "heal"]

NEVER_CHANGES: Final = "max-age=31536000, immutable"
"""The Cache-Control of a wheel and its metadata: a version is never overwritten."""
PIECE: Final = 1 << 16
"""Bytes of one request for a part of a wheel: most wheels' lists of members are within."""
METADATA_KIND: Final = "text/plain; charset=utf-8"


class HealStore(PageStore, Parts, Protocol):
    """A store whose blobs can be read in parts, annotated and removed."""

    def create(
        self, path: str, source: Path | bytes, *, kind: str, cache: str, notes: Mapping[str, str]
    ) -> bool:
        """Write a blob that is not there yet."""

    def annotate(self, path: str, notes: Mapping[str, str], *, etag: str) -> str:
        """Replace what is kept beside a blob that still has this ETag."""

    def download(self, path: str, target: Path | None) -> str:
        """Read a blob as a whole, and return its SHA-256."""

    def remove(self, path: str, *, etag: str | None = None) -> None:
        """Remove a blob."""


def heal(store: HealStore, name: str, entries: Mapping[str, Entry]) -> Mapping[str, Entry] | None:
    """Complete what is there of each wheel: its hash, its METADATA beside it.

    Args:
        store: Where they are.
        name: The project's, normalised.
        entries: Of its folder.

    Returns:
        The folder as it is now; None where it has to be listed again.

    Raises:
        StepError: As the store has it.
    """
    folder, changed = f"{SIMPLE}/{name}", False
    for file, entry in entries.items():
        if project_of(file) != name:
            continue
        beside = f"{file}{METADATA_ENDING}"
        if GONE in entry.notes:
            continue  # its pages first; `mirror --delete` or its repair ends it
        if MADE_OF not in entry.notes:
            changed |= _looked_into(store, folder, file, entry)
        elif METADATA_HASH in entry.notes and beside not in entries:
            archive = io.BufferedReader(BlobFile(store, f"{folder}/{file}"), PIECE)
            metadata = metadata_in(file, archive)
            if metadata and hashlib.sha256(metadata).hexdigest() == entry.notes[METADATA_HASH]:
                changed |= _completed(store, folder, file, metadata)
    return None if changed else entries


def _completed(store: HealStore, folder: str, file: str, metadata: bytes | None) -> bool:
    if metadata is None:
        return False
    path = f"{folder}/{file}{METADATA_ENDING}"
    store.create(path, metadata, kind=METADATA_KIND, cache=NEVER_CHANGES, notes={})
    return True


def _looked_into(store: HealStore, folder: str, file: str, entry: Entry) -> bool:
    """Note what a wheel is that another tool has put there: read once as a whole."""
    with tempfile.TemporaryDirectory(prefix="wheelstep-") as temporary:
        target = Path(temporary) / "wheel"
        sha256 = store.download(f"{folder}/{file}", target)
        found, metadata = notes_about(file, sha256, target)
    _completed(store, folder, file, metadata)
    try:
        store.annotate(f"{folder}/{file}", {**entry.notes, **found}, etag=entry.etag)
    except Conflict:
        return True  # somebody else has: the folder is listed again
    return True

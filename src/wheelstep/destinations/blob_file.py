"""A blob as a file that is read where it is sought to: a wheel's METADATA without the rest."""

from __future__ import annotations

import io
from typing import Any, Protocol

__all__ = ["BlobFile", "Parts"]


class Parts(Protocol):
    """What gives parts of blobs (destinations/blob_store.py)."""

    def part(self, path: str, start: int, length: int) -> bytes:
        """Return some of a blob's bytes."""

    def size(self, path: str) -> int:
        """Return a blob's size in bytes."""


class BlobFile(io.RawIOBase):
    """A blob that is read where it is sought to."""

    def __init__(self, store: Parts, path: str) -> None:
        """Ask for its size.

        Raises:
            StepError: It cannot be read.
        """
        super().__init__()
        self._store, self._path, self._at = store, path, 0
        self._size = store.size(path)

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else, as any file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read what fits.

        Raises:
            StepError: It cannot be read.
        """
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = self._store.part(self._path, self._at, length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

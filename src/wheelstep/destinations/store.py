"""Files in a folder that several processes write at once: whole or not there, never overwritten.

A file is written under a passing name in the same folder and renamed. Who writes it holds a lock on
it, so that what a killed process left can be told from what another one is just writing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere
from wheelstep.ground.folder_lock import locked, try_lock
from wheelstep.ground.sending import changed_on_disk

__all__ = ["FileStore", "sha256_of"]

PASSING: Final = ".part"
LOCK: Final = ".lock"
PIECE: Final = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hex.

    Raises:
        CannotHere: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CannotHere.from_os_error(error, "reading a file") from error


@contextlib.contextmanager
def _machine(doing: str) -> Iterator[None]:
    """Turn what the operating system says into an error for readers."""
    try:
        yield
    except OSError as error:
        raise CannotHere.from_os_error(error, doing) from error


class _Passing:
    """A file that is just being written."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.{secrets.token_hex(6)}{PASSING}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        # not tempfile: its files are for their owner only, and a web server is to read these
        self._handle = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        self._open = True
        try_lock(self._handle)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    def sync(self) -> None:
        os.fsync(self._handle)

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._handle)

    def rename(self, target: Path) -> None:
        """Give it its name; the folder's lock is held, so that nobody sweeps in between."""
        self.close()  # Windows renames no open file
        self.path.replace(target)


class FileStore:
    """One folder; paths are relative to it, with forward slashes."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is made yet.

        Args:
            folder: Absolute.
        """
        self.folder = folder

    def locked(self) -> AbstractContextManager[None]:
        """Hold the folder's lock; not to be nested.

        Raises:
            CannotHere: The folder cannot be written.
        """
        with _machine("making the folder"):
            self.folder.mkdir(parents=True, exist_ok=True)
        return locked(self.folder / LOCK)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None where there is none.

        Raises:
            CannotHere: It cannot be read.
        """
        with _machine("reading the folder"):
            try:
                return (self.folder / path).read_bytes()
            except FileNotFoundError:
                return None

    def names(self, path: str) -> list[str]:
        """Return the names in a folder that are not hidden, sorted; none where there is no folder.

        Raises:
            CannotHere: It cannot be read.
        """
        with _machine("reading the folder"):
            try:
                found = [entry.name for entry in (self.folder / path).iterdir()]
            except FileNotFoundError:
                return []
        return sorted(name for name in found if not name.startswith("."))

    def add(self, path: str, source: Path, sha256: str) -> bool:
        """Copy a file in, unless there is one of that name.

        Args:
            path: Where to.
            source: What to copy.
            sha256: What it must be, hex.

        Returns:
            False when there is one already; it is left alone and may be anything.

        Raises:
            CannotHere: Disk full, not writable; or the source is no longer what it was.
        """
        target = self.folder / path
        with self._passing(target) as passing:
            digest = hashlib.sha256()
            with _machine(f"copying {source.name} to {self.folder}"), source.open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    passing.write(piece)
                passing.sync()
            if digest.hexdigest() != sha256:
                raise changed_on_disk(source)
            with self.locked(), _machine(f"naming {source.name}"):
                if target.exists():
                    return False
                passing.rename(target)
                return True

    def write(self, path: str, data: bytes) -> bool:
        """Write a file that is derived, unless it has these bytes; the lock is held.

        Returns:
            True when it was written.

        Raises:
            CannotHere: Disk full, not writable.
        """
        if self.read(path) == data:
            return False
        target = self.folder / path
        with (
            self._passing(target, guarded=True) as passing,
            _machine(f"writing a page to {self.folder}"),
        ):
            passing.write(data)
            passing.sync()
            passing.rename(target)
        return True

    @contextlib.contextmanager
    def _passing(self, target: Path, *, guarded: bool = False) -> Iterator[_Passing]:
        """Open a file under a passing name beside the target; it is gone afterwards.

        Args:
            target: What it will be.
            guarded: The lock is held already.
        """
        # between its making and its own lock nobody may sweep
        guard = contextlib.nullcontext() if guarded else self.locked()
        with guard, _machine("writing to the folder"):
            target.parent.mkdir(parents=True, exist_ok=True)
            passing = _Passing(target)
        try:
            yield passing
        finally:
            passing.close()
            passing.path.unlink(missing_ok=True)

    def sweep(self, path: str) -> None:
        """Remove what killed processes left in a folder; the lock is held.

        Raises:
            CannotHere: Not writable.
        """
        with _machine("clearing what a stopped run left"):
            for left in sorted((self.folder / path).glob(f".*{PASSING}")):
                try:
                    handle = os.open(left, os.O_RDWR)
                except FileNotFoundError:
                    continue  # its writer was just done
                try:
                    abandoned = try_lock(handle)
                finally:
                    os.close(handle)
                if abandoned:
                    # Windows keeps what somebody has open: that is not abandoned
                    with contextlib.suppress(PermissionError, FileNotFoundError):
                        left.unlink()

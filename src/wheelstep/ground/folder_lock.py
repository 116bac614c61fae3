"""A lock between threads and processes on one folder; a killed holder's lock ends with it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wheelstep.errors import CannotHere

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["locked", "try_lock"]

UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; waits for whoever holds it.

    The operating system holds it for the open file (flock on POSIX, a locked byte on Windows), so
    there is nothing stale to detect. The file stays: removing it would let two in at once.

    Args:
        path: The lock file; made when it is not there.

    Raises:
        CannotHere: The file cannot be made, or this file system has no locks.
    """
    doing = "locking a folder"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise CannotHere.from_os_error(error, doing) from error
    try:
        try:
            _wait_for(handle)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                raise CannotHere(
                    f"The file system of {path.parent} has no file locks, and without them runs "
                    "at the same time would lose each other's work.",
                    code="no-file-locks",
                    cure="Write to a folder on a local disk, and copy or upload it from there.",
                ) from error
            raise CannotHere.from_os_error(error, doing) from error
        yield
    finally:
        os.close(handle)  # gives the lock back, too


def _wait_for(handle: int) -> None:
    if sys.platform == "win32":
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError as error:
                # LK_LOCK gives up after ten seconds
                if error.errno not in {errno.EDEADLK, errno.EACCES}:
                    raise
            else:
                return
    else:
        fcntl.flock(handle, fcntl.LOCK_EX)


def try_lock(handle: int) -> bool:
    """Lock an open file unless somebody has it; given back when the file is closed.

    On Windows this always succeeds: an open file cannot be removed there, which serves as well.
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

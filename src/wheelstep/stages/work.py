"""A folder for files that pass through this machine."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wheelstep.errors import CannotHere

__all__ = ["work_folder"]


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Give a folder for files that pass from one destination to another.

    Raises:
        CannotHere: It cannot be made.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix="wheelstep-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CannotHere.from_os_error(error, "making a temporary folder") from error
    with temporary as folder:
        yield Path(folder)

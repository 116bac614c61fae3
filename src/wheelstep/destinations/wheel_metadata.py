"""The METADATA of a wheel that is published: what an index keeps beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

from wheelstep.destinations.layout import metadata_member, requires_python
from wheelstep.destinations.mirror_project import notes_of
from wheelstep.errors import CannotHere
from wheelstep.ground import archive as archives

__all__ = ["metadata_in", "notes_about"]


def metadata_in(file: str, wheel: Path | IO[bytes]) -> bytes | None:
    """Return a wheel's METADATA; None where it has none that can be read: the wheel is listed all
    the same, as any index would.

    Args:
        file: The wheel's file name.
        wheel: Where it is.

    Raises:
        CannotHere: It cannot be read.
        StepError: As the stream has it.
    """
    try:
        with archives.opened(wheel) as archive:
            member = metadata_member(file, archive.namelist())
            return archives.text_of(archive, member, archives.LARGEST_TEXT) if member else None
    except archives.Damaged:
        return None
    except OSError as error:
        raise CannotHere.from_os_error(error, "reading a wheel's metadata") from error


def notes_about(
    file: str, sha256: str, wheel: Path | IO[bytes]
) -> tuple[dict[str, str], bytes | None]:
    """Return what a mirror keeps beside a wheel, and its METADATA; both from one look into it.

    Args:
        file: The wheel's file name.
        sha256: The wheel's, hex.
        wheel: Where it is.

    Raises:
        StepError: As `metadata_in`.
    """
    metadata = metadata_in(file, wheel)
    notes = notes_of(
        sha256,
        requires_python=requires_python(metadata) if metadata else None,
        metadata=hashlib.sha256(metadata).hexdigest() if metadata else None,
    )
    return notes, metadata

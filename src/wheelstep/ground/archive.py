"""Zip archives that anybody may have made: read in bounded memory, whatever is wrong with one being
one error."""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from wheelstep.errors import StepError

__all__ = ["CHUNK", "LARGEST_TEXT", "Damaged", "faults", "member_bytes", "opened", "text_of"]

CHUNK: Final = 1 << 20
"""Bytes read at a time: an archive of any size is read in bounded memory."""
LARGEST_TEXT: Final = 64 << 20
"""Bytes: METADATA, WHEEL and RECORD are read whole, up to this."""

FAULTS: Final = (
    zipfile.BadZipFile,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What zipfile was seen to raise for archives that were damaged at random."""
OPTIONAL: Final = frozenset({"LZMAError", "ZstdError"})
"""The same of modules that a Python need not have; they derive from Exception alone."""


class Damaged(Exception):
    """An archive, or a member of one, that cannot be read: cut off, encrypted, or made up."""


@contextmanager
def faults() -> Iterator[None]:
    """Turn everything that is an archive's fault into `Damaged`; disk errors stay as they are."""
    try:
        yield
    except StepError:
        raise  # where it is read from
    except OSError as error:
        # bz2's own, and a member said to lie before the file's start: no trouble with the disk
        if error.errno not in {None, errno.EINVAL}:
            raise
        raise Damaged(str(error)) from error
    except FAULTS as error:
        raise Damaged(str(error) or type(error).__name__) from error
    except Exception as error:
        if type(error).__name__ not in OPTIONAL:
            raise
        raise Damaged(str(error)) from error


def opened(archive: Path | IO[bytes]) -> zipfile.ZipFile:
    """Open an archive.

    Raises:
        Damaged: It is none.
        OSError: It cannot be read.
    """
    with faults():
        return zipfile.ZipFile(archive)


def member_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes in chunks of at most `CHUNK`, in bounded memory.

    Raises:
        Damaged: The member is encrypted, damaged or compressed in an unknown way.
        OSError: It cannot be read.
    """
    with faults():
        stream = archive.open(member)
    with stream:
        while True:
            with faults():
                chunk = stream.read(CHUNK)
            if not chunk:
                return
            yield chunk


def text_of(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member whole.

    Args:
        archive: It.
        name: Of the member.
        most: Bytes; what says that it has more is not read.

    Raises:
        KeyError: There is no such member.
        Damaged: It has more bytes, or cannot be read.
        OSError: It cannot be read.
    """
    member = archive.getinfo(name)
    if member.file_size > most:
        raise Damaged(f"it says that it has {member.file_size} bytes; at most {most} are accepted")
    # what zipfile gives ends at the size that is said
    return b"".join(member_bytes(archive, member))

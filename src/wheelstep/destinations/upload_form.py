"""The one file that knows twine: the form of an upload, its fields and its metadata.

twine calls all of this internal. Nothing of its sending is used: its retries (immediate, five
times), its prompts, keyring, configuration file, progress bars, its own opinion on what a 409 means
and its two readings of the whole file in pieces of 8 KiB stay out.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from wheelstep.errors import BuildFailed, CannotHere
from wheelstep.ground.archive import Damaged, faults
from wheelstep.ground.secret import redact
from wheelstep.ground.sending import changed_on_disk

if TYPE_CHECKING:
    from twine.package import PackageFile

__all__ = ["UploadForm"]

PIECE: Final = 1 << 20
"""Bytes of a wheel that are read at a time."""

OWN_FIELDS: Final = ((":action", "file_upload"), ("protocol_version", "1"))


class UploadForm:
    """A wheel in the form of the public index's upload API (multipart/form-data, RFC 7578).

    A body of the transport: it is read from the disk for every attempt, in pieces, and hashed on
    the way. Where the file is no longer what it was, its end is never sent: a form without an end
    is none.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        """Read the wheel's metadata and its hashes, as twine sends them.

        Args:
            path: The wheel.
            sha256: What it must be, hex.

        Raises:
            BuildFailed: twine finds the wheel or its metadata invalid.
            CannotHere: The wheel cannot be read, or is no longer what it was.
        """
        self.path = path
        self.sha256 = sha256
        package = _package(path)
        if package.sha2_digest != sha256:
            raise changed_on_disk(path)
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._start = _start(package, path.name, boundary)
        self._end = f"\r\n--{boundary}--\r\n".encode()
        self._size = path.stat().st_size

    def __len__(self) -> int:
        """Return the bytes of the whole form."""
        return len(self._start) + self._size + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the form's bytes.

        Raises:
            CannotHere: The wheel cannot be read, or is no longer what it was.
        """
        total, left = hashlib.sha256(), self._size
        begun = self._start
        try:
            with self.path.open("rb", buffering=0) as stream:
                while left and (piece := stream.read(min(PIECE, left))):
                    total.update(piece)
                    left -= len(piece)
                    # the small file of many goes out in one piece, with what is around it
                    if not left and total.hexdigest() == self.sha256:
                        yield begun + piece + self._end if begun else piece + self._end
                        return
                    yield begun + piece if begun else piece
                    begun = b""
        except OSError as error:
            raise CannotHere.from_os_error(error, f"reading {self.path.name}") from error
        raise changed_on_disk(self.path)


def _start(package: PackageFile, file: str, boundary: str) -> bytes:
    """Return the form up to the file's first byte."""
    fields = [*_fields(package.metadata_dictionary()), *OWN_FIELDS]
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{file}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(lines).encode("utf-8", "surrogateescape")


def _fields(metadata: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the fields in the form in which indexes take them apart again (twine's repository.py,
    whose import would bring a progress bar)."""
    for name, value in metadata.items():
        if isinstance(value, dict):  # project_urls
            yield from ((name, f"{label}, {url}") for label, url in value.items())
        elif name == "keywords" and isinstance(value, list):
            yield name, ", ".join(value)
        elif isinstance(value, (list, tuple)):
            yield from ((name, str(one)) for one in value)
        else:
            yield name, str(value)


def _package(path: Path) -> PackageFile:
    """Read a wheel's metadata as twine sends it.

    Raises:
        BuildFailed: twine refuses it.
        CannotHere: It cannot be read.
    """
    from twine.exceptions import TwineException

    try:
        with faults():
            package: PackageFile = _twine().PackageFile.from_filename(os.fspath(path), None)
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading {path.name}") from error
    except (TwineException, Damaged) as error:
        why = redact(str(error)).replace(os.fspath(path), path.name).rstrip(".")
        raise BuildFailed(
            f"{path.name} cannot be uploaded: {why}.",
            code="wheel-invalid",
            cure="Mend the metadata in the package's pyproject.toml, and build it again.",
        ) from error
    return package


@cache
def _twine() -> ModuleType:
    """Import twine's package.py, whose hashes are taken in large pieces from then on."""
    from twine import package

    class Hashes(package.HashManager):
        def hash(self) -> None:
            with Path(self.filename).open("rb", buffering=0) as stream:
                while piece := stream.read(PIECE):
                    self._sha2_update(piece)
                    self._blake_update(piece)

    vars(package)["HashManager"] = Hashes
    return package

"""What is in a wheel, member by member: as RECORD says, and nothing that must not be published.

Members are read in chunks, each once: a wheel of any size is looked through in bounded memory.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wheelstep.errors import BuildFailed, Refused
from wheelstep.ground.secret import known_forms
from wheelstep.packages.content import member_bytes, open_wheel

__all__ = ["HASHES", "Recorded", "invalid", "refuse_secrets", "scan", "some"]

SECRET_NAMES: Final = re.compile(
    r"(?:\.env(?:\.(?!example$|sample$|template$|dist$|defaults$).+)?|\.netrc|_netrc|\.pypirc"
    r"|\.git-credentials|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?)",
    re.IGNORECASE,
)
KEY_SUFFIXES: Final = (".pem", ".key", ".p8", ".crt", ".cer")
KEY_MARK: Final = b"PRIVATE KEY-----"
KEY_START: Final = re.compile(rb"\s*-----BEGIN [A-Z ]*PRIVATE KEY-----|PuTTY-User-Key-File-\d:")
LFS_START: Final = b"version https://git-lfs.github.com/spec/"
LFS_LARGEST: Final = 1024
"""Bytes: a pointer is smaller, by git-lfs's own specification."""

SHORTEST_SEARCHED: Final = 8
"""Bytes: a shorter secret would be found by accident in any large file."""

HASHES: Final = ("sha256", "sha384", "sha512")
"""PEP 427: sha256 or better; md5 and sha1 are not permitted."""

SHOWN: Final = 5
"""How many members an error names."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of RECORD."""

    algorithm: str
    digest: str
    size: int | None


def refuse_secrets(path: Path) -> None:
    """Look through a wheel that others built, before it gets to one more place.

    Raises:
        Refused: A secret is in it ("secret-in-wheel").
        BuildFailed: It cannot be looked through, or holds pointers instead of files.
        CannotHere: It cannot be read.
    """
    with open_wheel(path) as archive:
        scan(path, archive, "", {}, ())


def invalid(path: Path, why: str, cure: str = "") -> BuildFailed:
    """Return the error for a wheel that is not valid.

    Args:
        path: The wheel.
        why: A clause.
        cure: What to do; to build it again when "".
    """
    return BuildFailed(
        f"The wheel {path.name} is not valid: {why}.",
        code="wheel-invalid",
        cure=cure or "Build it again with a current release of its build back end.",
    )


def some(names: Sequence[str]) -> str:
    """Return the first names of members, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def scan(
    path: Path,
    archive: zipfile.ZipFile,
    info: str,
    record: Mapping[str, Recorded],
    forbidden_paths: Sequence[Path],
) -> dict[str, str]:
    """Read every member once: hash it, hold it against RECORD, look for what must not be there.

    Returns:
        SHA-256 (hex) by member name.
    """
    secrets = _searched(known_forms())
    places = [form for folder in forbidden_paths for form in _spellings(folder)]
    digests: dict[str, str] = {}
    found: list[str] = []
    built: list[str] = []
    pointers: list[str] = []
    for member in archive.infolist():
        name = member.filename
        if member.is_dir():
            continue
        sha256 = hashlib.sha256()
        recorded = record.get(name)
        other = (
            hashlib.new(recorded.algorithm)
            if recorded and recorded.algorithm in HASHES and recorded.algorithm != "sha256"
            else sha256
        )
        what = _secret_by_name(name)
        leaks = False
        longest = max(map(len, [*secrets, *places, KEY_MARK]))
        for number, (chunk, window) in enumerate(_windows(archive, member, longest - 1)):
            sha256.update(chunk)
            if other is not sha256:
                other.update(chunk)
            if number == 0 and chunk.startswith(LFS_START) and member.file_size < LFS_LARGEST:
                pointers.append(name)
            if not what and (
                (number == 0 and KEY_START.match(chunk))
                or (name.lower().endswith(KEY_SUFFIXES) and KEY_MARK in window)
            ):
                what = "a private key"
            if not what and any(secret in window for secret in secrets):
                what = "one of this run's secrets"
            leaks = leaks or any(place in window for place in places)
        digests[name] = sha256.hexdigest()
        if recorded is not None and name != f"{info}/RECORD":
            _check_recorded(path, member, recorded, other.digest())
        found += [f"{name} ({what})"] if what else []
        built += [name] if leaks else []
    _raise_found(path, found, built, pointers)
    return digests


def _searched(forms: Sequence[bytes]) -> list[bytes]:
    """Return what has to be searched for: a form with another one inside is found by that one."""
    searched: list[bytes] = []
    for form in sorted(forms, key=len):
        if len(form) >= SHORTEST_SEARCHED and not any(short in form for short in searched):
            searched.append(form)
    return searched


def _raise_found(
    path: Path, found: Sequence[str], built: Sequence[str], pointers: Sequence[str]
) -> None:
    if found:
        raise Refused(
            f"The wheel {path.name} would publish a secret: {some(found)}.",
            code="secret-in-wheel",
            cure="Leave the file out of the package (and out of git, and replace the secret if it "
            "was committed).",
        )
    if pointers:
        raise BuildFailed(
            f"The wheel {path.name} holds Git LFS pointers instead of the files: {some(pointers)}.",
            code="lfs-pointer",
            cure="Install git-lfs, and let the checkout fetch the files (`lfs: true`).",
        )
    if built:
        raise BuildFailed(
            f"The wheel {path.name} holds the path of the folder it was built in: {some(built)}. "
            "It would differ on every machine, and be broken where that folder is needed.",
            code="build-path-in-wheel",
            cure="Let the build write relative paths: leave generated files out, strip debug "
            "information.",
        )


def _windows(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, overlap: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yield (chunk, chunk with the end of the one before): no match is lost between two."""
    tail = b""
    for chunk in member_bytes(archive, member):
        window = tail + chunk
        yield chunk, window
        tail = window[-overlap:] if overlap else b""


def _check_recorded(path: Path, member: zipfile.ZipInfo, recorded: Recorded, digest: bytes) -> None:
    if not recorded.algorithm:  # RECORD.jws and RECORD.p7s are listed without one
        return
    said = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if recorded.digest.rstrip("=") != said:
        raise invalid(path, f"its RECORD has another hash for {member.filename}")
    if recorded.size is not None and recorded.size != member.file_size:
        raise invalid(
            path,
            f"its RECORD says that {member.filename} has {recorded.size} bytes, "
            f"it has {member.file_size}",
        )


def _secret_by_name(name: str) -> str:
    parts = name.split("/")
    if ".git" in parts:
        return "part of a git repository"
    return "a file for secrets, by its name" if SECRET_NAMES.fullmatch(parts[-1]) else ""


def _spellings(folder: Path) -> set[bytes]:
    """Return the forms in which a folder's path may be in a file."""
    forms = {str(folder), folder.as_posix()}
    if sys.platform == "win32":
        forms.add(str(folder).replace("\\", "\\\\"))
    return {form.encode("utf-8", "surrogateescape") for form in forms}

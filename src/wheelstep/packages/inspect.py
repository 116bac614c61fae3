"""Is this file a valid wheel, the one that was planned, and free of what must not be published?

The binary distribution format (PEP 427 and its living specification) says what is valid. Members
are read in chunks: a wheel of any size is inspected in bounded memory.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import stat
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from packaging.metadata import InvalidMetadata, Metadata, parse_email
from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from wheelstep.errors import BuildFailed, CannotHere
from wheelstep.ground.archive import CHUNK
from wheelstep.model import Package, Wheel
from wheelstep.packages.content import (
    content_of,
    dist_info_of,
    headers_and_body,
    open_wheel,
    read_member,
)
from wheelstep.packages.members import HASHES, Recorded, invalid, scan, some

__all__ = ["inspect_wheel", "requirements_of"]

UNRECORDED: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")


def inspect_wheel(
    path: Path, *, expected: Package | None, forbidden_paths: Sequence[Path] = ()
) -> Wheel:
    """Check a wheel and return what is known of it.

    Args:
        path: The file.
        expected: The package it must be, name and version; None to take it as it is.
        forbidden_paths: Folders of this machine whose path must be in no member: where it was
            built.

    Returns:
        The wheel, with `path`.

    Raises:
        BuildFailed: It is not valid, or not the one that was planned.
        Refused: A secret is in it ("secret-in-wheel").
        CannotHere: It cannot be read.
    """
    try:
        name, version, build, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise invalid(path, f"its file name is not a wheel's ({error})") from error
    build_tag = f"{build[0]}{build[1]}" if build else ""
    with open_wheel(path) as archive:
        _check_names(path, archive)
        info = dist_info_of(archive)
        _check_folder(path, info, name, version)
        metadata = _metadata(path, read_member(archive, f"{info}/METADATA"))
        if canonicalize_name(metadata.name) != name or metadata.version != version:
            raise invalid(
                path, f"its METADATA says {metadata.name} {metadata.version}, unlike its file name"
            )
        if expected is not None:
            _check_expected(path, name, version, expected)
        _check_wheel_file(path, read_member(archive, f"{info}/WHEEL"), build_tag, tags)
        record = _record(path, info, archive)
        digests = scan(path, archive, info, record, forbidden_paths)
        content = content_of(archive, digests)
    sha256, size = _file_digest(path)
    return Wheel(
        file=path.name,
        name=name,
        version=str(version),
        sha256=sha256,
        content=content,
        size=size,
        requires_python=str(metadata.requires_python) if metadata.requires_python else None,
        path=path,
        requires=_requirements(metadata),
    )


def requirements_of(path: Path) -> tuple[str, ...]:
    """Return what a wheel requires: its Requires-Dist, sorted, each once.

    Raises:
        BuildFailed: It is not valid.
        CannotHere: It cannot be read.
    """
    with open_wheel(path) as archive:
        info = dist_info_of(archive)
        return _requirements(_metadata(path, read_member(archive, f"{info}/METADATA")))


def _requirements(metadata: Metadata) -> tuple[str, ...]:
    return tuple(sorted({str(one) for one in metadata.requires_dist or ()}))


def _check_names(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse members that installers would write elsewhere, or over one another."""
    seen: dict[str, str] = {}
    parents: set[str] = set()
    for member in archive.infolist():
        # the name as it is in the file: zipfile cuts it at NUL and turns separators
        name = member.orig_filename
        parts = name.removesuffix("/").split("/")
        if (
            name.startswith("/")
            or re.match("[A-Za-z]:", name)
            or "\\" in name
            or any(part in ("", ".", "..") for part in parts)
        ):
            raise invalid(path, f"the member {name!r} lies outside of it")
        if any(ord(character) < ord(" ") or character == "\x7f" for character in name):
            raise invalid(path, f"the member {name!r} has control characters in its name")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise invalid(
                path,
                f"the member {name} is a symbolic link, which installers write as a text file",
                "Let the package hold the file itself.",
            )
        key = unicodedata.normalize("NFC", name.removesuffix("/")).casefold()
        if key in seen:
            raise invalid(
                path,
                f"the member {name} is in it twice"
                if seen[key] == name
                else f"the members {seen[key]} and {name} are one file where case does not count",
            )
        seen[key] = name
        parents.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    for name in seen.values():
        if not name.endswith("/") and name in parents:
            raise invalid(path, f"the member {name} is both a file and a folder")


def _check_folder(path: Path, info: str, name: str, version: Version) -> None:
    said_name, _, said_version = info.removesuffix(".dist-info").rpartition("-")
    try:
        same = canonicalize_name(said_name) == name and Version(said_version) == version
    except ValueError:
        same = False
    if not same:
        raise invalid(path, f"its folder {info} is another name or version than its file name")


def _metadata(path: Path, data: bytes) -> Metadata:
    """Parse METADATA, as strictly as an index does on upload."""
    raw, unparsed = parse_email(data)
    if raw.get("metadata_version", "") in ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3"):
        # setuptools wrote this field for years before it was one: no index minds
        raw.pop("license_files", None)
        unparsed.pop("license-file", None)
    if unparsed:
        raise invalid(path, f"its METADATA has no valid {', '.join(sorted(unparsed))}")
    try:
        return Metadata.from_raw(raw)
    except RecursionError:
        raise invalid(path, "its METADATA has a requirement that is nested too deeply") from None
    except (ExceptionGroup, InvalidMetadata) as error:
        errors = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        raise invalid(
            path,
            f"its METADATA is not ({'; '.join(str(one) for one in errors)})",
            "Correct the fields in pyproject.toml.",
        ) from error


def _check_expected(path: Path, name: str, version: Version, expected: Package) -> None:
    if name != expected.name or version != Version(expected.version):
        raise BuildFailed(
            f"{path.name} is {name} {version}, but {expected.name} {expected.version} "
            f"({expected.directory}) was to be released.",
            code="wheel-unexpected",
            cure="Let the package state one version in one place; with `prebuilt`, build its wheel "
            "from the same commit.",
        )


def _check_wheel_file(path: Path, data: bytes, build: str, tags: frozenset[Tag]) -> None:
    headers = headers_and_body(data)[0]
    found = {name.lower(): value for name, value in headers}
    form = found.get("wheel-version", "")
    if not re.fullmatch(r"1\.\d+", form):
        raise invalid(path, f"its WHEEL has the Wheel-Version {form!r}; installers know 1.x")
    if found.get("root-is-purelib", "").lower() not in ("true", "false"):
        raise invalid(path, "its WHEEL does not say Root-Is-Purelib: true or false")
    said: set[Tag] = set()
    for name, value in headers:
        if name.lower() == "tag":
            try:
                said |= parse_tag(value)
            except ValueError as error:
                raise invalid(path, f"its WHEEL has the tag {value!r}") from error
    if said != tags:
        raise invalid(
            path,
            f"its file name says {_listed(tags)}, its WHEEL says {_listed(said) or 'no tag'}",
            "Rename wheels with `python -m wheel tags`, which writes both.",
        )
    if found.get("build", "") != build:
        raise invalid(
            path, f"its file name has the build {build!r}, its WHEEL {found.get('build', '')!r}"
        )


def _listed(tags: set[Tag] | frozenset[Tag]) -> str:
    return ", ".join(sorted(map(str, tags)))


def _record(path: Path, info: str, archive: zipfile.ZipFile) -> dict[str, Recorded]:
    """Read RECORD and hold it against the list of members."""
    text = read_member(archive, f"{info}/RECORD").decode("utf-8", "replace")
    record: dict[str, Recorded] = {}
    own = {f"{info}/{name}" for name in UNRECORDED}
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise invalid(path, f"its RECORD cannot be read ({error})") from error
    for row in rows:
        if len(row) != 3 or (row[2] and not row[2].isdecimal()):  # noqa: PLR2004 - name, hash, size
            raise invalid(path, f"its RECORD has the line {','.join(row)!r}")
        name = row[0]
        algorithm, _, digest = row[1].partition("=")
        if name in record:
            raise invalid(path, f"its RECORD lists {name} twice")
        if name not in own and algorithm not in HASHES:
            raise invalid(
                path, f"its RECORD gives {name} {'the hash ' + row[1] if row[1] else 'no hash'}"
            )
        record[name] = Recorded(algorithm, digest, int(row[2]) if row[2] else None)
    members = {member.filename for member in archive.infolist() if not member.is_dir()}
    if absent := sorted(record.keys() - members):
        raise invalid(path, f"its RECORD lists what is not in it: {some(absent)}")
    if unlisted := sorted(members - record.keys() - own):
        raise invalid(path, f"its RECORD does not list {some(unlisted)}")
    return record


def _file_digest(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hex) and size in bytes of the file."""
    total, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                total.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading the wheel {path.name}") from error
    return total.hexdigest(), size

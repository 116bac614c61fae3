"""What a wheel installs, as one hash: equal for wheels that only their build tools tell apart.

Left out is what a build tool writes about itself or only lays out differently from release to
release: RECORD, WHEEL's Generator, METADATA's order, folding and version, where license files lie,
zip timestamps, compression and member order. What is left decides whether a version that is
published already holds the same thing (adopt it) or another (refuse).

Sources: the binary distribution format (PEP 427), core metadata (PEP 566, 639, 643, 794), and what
setuptools, hatchling and flit were observed to change between their releases.
"""

from __future__ import annotations

import configparser
import fnmatch
import hashlib
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from wheelstep.errors import BuildFailed, CannotHere
from wheelstep.ground import archive as archives

__all__ = [
    "content_hash",
    "content_of",
    "differing_members",
    "dist_info_of",
    "headers_and_body",
    "is_executable",
    "member_bytes",
    "open_wheel",
    "read_member",
]

SCHEME: Final = b"wheelstep content 1\n"
"""Hashed first, so that a later scheme can never be mistaken for this one."""

OWN_FILES: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")
LICENSE_NAMES: Final = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "AUTHORS*")
"""What setuptools and wheel copied beside METADATA before PEP 639 gave license files a folder."""

UNREAL_FIELDS: Final = frozenset(
    {
        "metadata-version",  # the form of the file
        "dynamic",  # which fields the back end filled in (PEP 643)
        "license-file",  # the files themselves are hashed
        "import-name",  # may be filled in by the back end (PEP 794): the modules themselves count
        "import-namespace",
    }
)
Canonical = dict[str, tuple[str, str]]
"""Canonical member name -> (hash, member name in this wheel)."""


def open_wheel(path: Path) -> zipfile.ZipFile:
    """Open a wheel's zip file.

    Raises:
        BuildFailed: It is no zip file.
        CannotHere: It cannot be read.
    """
    try:
        return archives.opened(path)
    except archives.Damaged as error:
        raise BuildFailed(
            f"{path.name} is not a wheel: it is no readable zip file ({error}).",
            code="wheel-invalid",
            cure="Build it again; the file may have been cut off while it was copied.",
        ) from error
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading the wheel {path.name}") from error


def member_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes in chunks of at most `CHUNK`, in bounded memory.

    Raises:
        BuildFailed: The member is encrypted, damaged or compressed in an unknown way.
        CannotHere: It cannot be read.
    """
    with _read(archive, member.filename):
        yield from archives.member_bytes(archive, member)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a text member (METADATA, WHEEL, RECORD) whole.

    Raises:
        BuildFailed: It is absent, damaged, or larger than any such file is.
        CannotHere: It cannot be read.
    """
    try:
        with _read(archive, name):
            return archives.text_of(archive, name, archives.LARGEST_TEXT)
    except KeyError as error:
        raise BuildFailed(
            f"{Path(str(archive.filename)).name} has no member {name}.",
            code="wheel-invalid",
            cure="Build it again with a current build back end.",
        ) from error


@contextmanager
def _read(archive: zipfile.ZipFile, name: str) -> Iterator[None]:
    wheel = Path(str(archive.filename)).name
    try:
        yield
    except archives.Damaged as error:
        raise BuildFailed(
            f"{wheel}: the member {name} cannot be read ({error}).",
            code="wheel-invalid",
            cure="Build it again; the file may have been damaged while it was copied.",
        ) from error
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading the wheel {wheel}") from error


def is_executable(member: zipfile.ZipInfo) -> bool:
    """Tell whether pip installs this member as an executable file (its rule: a regular file by
    its Unix mode, with any executable bit)."""
    mode = member.external_attr >> 16
    return bool(mode and stat.S_ISREG(mode) and mode & 0o111)


def content_hash(path: Path) -> str:
    """Return the hash of what a wheel installs: 64 lower-case hex digits.

    Raises:
        BuildFailed: It is no readable wheel.
        CannotHere: The file cannot be read.
    """
    with open_wheel(path) as archive:
        return content_of(archive)


def content_of(archive: zipfile.ZipFile, digests: Mapping[str, str] | None = None) -> str:
    """Return the hash of what an open wheel installs.

    Args:
        archive: The wheel.
        digests: SHA-256 (hex) of members by name, where they are known already.

    Raises:
        BuildFailed: It is no readable wheel.
    """
    total = hashlib.sha256(SCHEME)
    for name, (digest, _) in sorted(_canonical(archive, digests or {}).items()):
        total.update(f"{name}\0{digest}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def differing_members(first: Path, second: Path) -> list[str]:
    """Return the names of the members whose content differs, sorted; for METADATA with the fields.

    Empty exactly when both wheels have the same content hash.

    Raises:
        BuildFailed: One is no readable wheel.
        CannotHere: A file cannot be read.
    """
    with open_wheel(first) as one, open_wheel(second) as two:
        left, right = _canonical(one, {}), _canonical(two, {})
        names: list[str] = []
        for key in left.keys() | right.keys():
            mine, other = left.get(key), right.get(key)
            if mine is None and other is not None:
                names.append(f"{other[1]} (only in {_where(first, second)})")
            elif other is None and mine is not None:
                names.append(f"{mine[1]} (only in {_where(second, first)})")
            elif mine is not None and other is not None and mine[0] != other[0]:
                fields = _differing_fields(one, mine[1], two, other[1])
                names.append(mine[1] + (f" ({', '.join(fields)})" if fields else ""))
        return sorted(names)


def _where(without: Path, having: Path) -> str:
    return having.name if having.name != without.name else str(having)


def _differing_fields(
    one: zipfile.ZipFile, name: str, two: zipfile.ZipFile, other: str
) -> list[str]:
    if not name.endswith(".dist-info/METADATA"):
        return []
    left = set(_metadata_fields(read_member(one, name)))
    right = set(_metadata_fields(read_member(two, other)))
    return sorted({field.title() for field, _ in left ^ right})


def _canonical(archive: zipfile.ZipFile, digests: Mapping[str, str]) -> Canonical:
    """Return what counts of each member."""
    info = dist_info_of(archive)
    data = info.removesuffix(".dist-info") + ".data"
    licenses = _license_names(archive, info)
    canonical: Canonical = {}
    for member in archive.infolist():
        name = member.filename
        folder, _, rest = name.partition("/")
        if member.is_dir() or (folder == info and rest in OWN_FILES):
            continue
        reader = _READERS.get(rest) if folder == info else None
        digest = (reader(read_member(archive, name)) if reader else None) or (
            digests.get(name) or _digest(archive, member)
        )
        if folder == info:
            key = f"<dist-info>/{rest}"
            if _is_license(rest, licenses):
                # one key for each content: old setuptools flattened folders, new ones keep them
                key = f"<dist-info>/<license>/{rest.rpartition('/')[2]}/{digest}"
        elif folder == data:
            key = f"<data>/{rest}"
        else:
            key = name
        # installers make every script executable, whatever the zip says
        runs = is_executable(member) or key.startswith("<data>/scripts/")
        canonical[key + ("\0x" if runs and folder != info else "")] = (digest, name)
    return canonical


def dist_info_of(archive: zipfile.ZipFile) -> str:
    """Return the name of the wheel's one .dist-info folder.

    Raises:
        BuildFailed: There is none, or more than one.
    """
    folders = {name.partition("/")[0] for name in archive.namelist() if "/" in name}
    found = sorted(folder for folder in folders if folder.endswith(".dist-info"))
    if len(found) != 1:
        raise BuildFailed(
            f"{Path(str(archive.filename)).name} is not a wheel: it has "
            f"{'no' if not found else 'more than one'} .dist-info folder"
            f"{': ' + ', '.join(found) if found else ''}.",
            code="wheel-invalid",
            cure="Build it again with a current build back end.",
        )
    return found[0]


def _digest(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    total = hashlib.sha256()
    for chunk in member_bytes(archive, member):
        total.update(chunk)
    return total.hexdigest()


def _license_names(archive: zipfile.ZipFile, info: str) -> frozenset[str]:
    headers, _ = headers_and_body(read_member(archive, f"{info}/METADATA"))
    listed = [value.strip() for name, value in headers if name.lower() == "license-file"]
    return frozenset(listed) | {name.rpartition("/")[2] for name in listed}


def _is_license(rest: str, listed: frozenset[str]) -> bool:
    folder, _, below = rest.partition("/")
    if below:
        return folder in ("licenses", "license_files") or rest in listed
    return rest in listed or any(
        fnmatch.fnmatchcase(rest.upper(), pattern) for pattern in LICENSE_NAMES
    )


def _hash_fields(fields: list[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    for key, value in fields:
        total.update(f"{key}\0{value}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _wheel_digest(data: bytes) -> str:
    """Hash WHEEL without what names the tool and the form: Generator and Wheel-Version."""
    headers, _ = headers_and_body(data)
    return _hash_fields(
        sorted(
            (name.lower(), value.strip())
            for name, value in headers
            if name.lower() not in ("generator", "wheel-version")
        )
    )


def _metadata_digest(data: bytes) -> str:
    return _hash_fields(_metadata_fields(data))


def _entry_points_digest(data: bytes) -> str | None:
    """Hash entry points by group, name and object; None for what is no such file."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(data.decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError):
        return None
    entries = [
        (f"{group}\0{name}", "".join((value or "").split()))
        for group in parser.sections()
        for name, value in parser.items(group)
    ]
    return _hash_fields(sorted(entries))


def _lines_digest(data: bytes) -> str:
    lines = data.decode("utf-8", "surrogateescape").split()
    return _hash_fields([("", line) for line in sorted(lines)])


_READERS: Final[Mapping[str, Callable[[bytes], str | None]]] = {
    "METADATA": _metadata_digest,
    "WHEEL": _wheel_digest,
    "entry_points.txt": _entry_points_digest,
    "top_level.txt": _lines_digest,
}


def _metadata_fields(data: bytes) -> list[tuple[str, str]]:
    """Return METADATA's real fields in a canonical form, sorted."""
    headers, description = headers_and_body(data)
    fields: set[tuple[str, str]] = set()
    for name, value in headers:
        key = name.lower()
        if key in UNREAL_FIELDS or value.strip() in ("", "UNKNOWN"):
            continue
        if key == "description":
            description = description if description.strip() else _unfolded(value)
        elif key == "keywords":
            parts = value.split(",") if "," in value else value.split()
            fields.update(("keywords", part.strip()) for part in parts if part.strip())
        else:
            # PEP 639: the same expression moved from License to License-Expression
            key = "license" if key == "license-expression" else key
            fields.add((key, _plain(key, " ".join(value.split()))))
    text = "\n".join(line.rstrip() for line in description.splitlines()).strip()
    if text and text != "UNKNOWN":
        body = text.encode("utf-8", "surrogateescape")
        fields.add(("description", hashlib.sha256(body).hexdigest()))
    return sorted(fields)


def headers_and_body(data: bytes) -> tuple[list[tuple[str, str]], str]:
    """Take METADATA or WHEEL apart: (name, value) of each header, and the body; folded values
    keep their line ends.

    The standard library's parser is not used: it replaces what is no ASCII in a body.
    """
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    head, _, body = text.partition("\n\n")
    headers: list[tuple[str, str]] = []
    for line in head.removeprefix("\n").split("\n"):
        if line.startswith((" ", "\t")) and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value}\n{line}")
        elif line:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
    return headers, body


def _unfolded(value: str) -> str:
    """Undo the folding of a Description header: eight spaces, or seven and a bar."""
    first, *others = value.split("\n")
    folds = (" " * 8, " " * 7 + "|")
    return "\n".join([first, *(line[8:] if line.startswith(folds) else line for line in others)])


def _plain(key: str, value: str) -> str:
    """Return a field's value in the spelling that packaging gives it; as it is where it cannot."""
    try:
        match key:
            case "name" | "provides-extra":
                return canonicalize_name(value)
            case "version":
                return str(Version(value))
            case "requires-python":
                return str(SpecifierSet(value))
            case "requires-dist":
                requirement = Requirement(value)
                requirement.name = canonicalize_name(requirement.name)
                requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
                return str(requirement)
            case _:
                return value
    except (InvalidVersion, InvalidSpecifier, InvalidRequirement, RecursionError):
        return value

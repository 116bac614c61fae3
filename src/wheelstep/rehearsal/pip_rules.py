"""What pip's rules of choice depend on: its version, and the names that it reads.

Source: pip's own code, `_internal/index/package_finder.py` and `_internal/models/wheel.py`, in the
versions 22.3.1, 24.0, 24.1, 24.3.1, 25.0.1, 25.1, 25.3, 26.0, 26.1.2 and 26.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

__all__ = [
    "ERAS",
    "ArchiveName",
    "Era",
    "admits_python",
    "allowed_formats",
    "allows_prereleases",
    "archive_name",
    "eras_of",
    "full_python",
]

SOURCE_ENDINGS = (
    ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz",
    ".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma",
)  # fmt: skip
LENIENT_WHEEL = re.compile(
    r"([^\s-]+?)-([^\s-]*?)(?:-(\d[^-]*?))?-([^\s-]+?)-([^\s-]+?)-([^\s-]+?)\.whl"
)
PYTHON_ENDING = re.compile(r"-py([123]\.?[0-9]?)$")
"""Of source archives that are for one Python only, as setuptools once named them."""


@dataclass(frozen=True, slots=True)
class Era:
    """What pip's versions differ in; those of one era choose alike."""

    since: tuple[int, int]
    words: str
    """For prose: "pip 25.3"."""
    legacy_python: bool = False
    """It understands a Requires-Python like ">=3.6.*", which later ones pass over."""
    lenient_names: bool = True
    """It takes wheels whose names break the standard, such as "acme-1.0_1-py3-none-any.whl"."""
    open_ends: bool = True
    """`<2.0rc1` and `>1.0b1` let pre-releases in, as `<=` and `>=` do."""
    fallback: bool = False
    """A range that only pre-releases meet lets them in (PEP 440); before, only no range did."""
    release_options: bool = False
    """It knows --all-releases and --only-final."""
    unpinned_hashes: bool = False
    """A requirement with hashes need not be pinned with ==."""


ERAS = (
    Era((0, 0), "pip before 24.1", legacy_python=True, open_ends=False),
    Era((24, 1), "pip 24.1 to 24.3", open_ends=False),
    Era((25, 0), "pip 25.0 to 25.2"),
    Era((25, 3), "pip 25.3", lenient_names=False),
    Era((26, 0), "pip 26.0", lenient_names=False, fallback=True, release_options=True),
    Era(
        (26, 1),
        "pip 26.1 and later",
        lenient_names=False,
        fallback=True,
        release_options=True,
        unpinned_hashes=True,
    ),
)


def eras_of(pip: str | None) -> tuple[Era, ...]:
    """Return the eras a pip may be of, oldest first.

    Args:
        pip: Its version, "24.0"; None, or what is no version, where it is not known.
    """
    try:
        release = Version(pip or "").release
    except InvalidVersion:
        return ERAS
    return (next(era for era in reversed(ERAS) if era.since <= release),)


def full_python(python: str) -> Version:
    """Return the Python that is meant; of a series like "3.10" its newest patch release.

    Raises:
        packaging.version.InvalidVersion: It is none.
    """
    # no release series has come near a hundred patches
    return Version(python if python.count(".") > 1 else f"{python}.99")


def admits_python(requires: str | None, python: Version, era: Era) -> bool:
    """Tell whether a Requires-Python admits a Python: one that cannot be read admits every one."""
    if not requires:
        return True
    try:
        return SpecifierSet(requires).contains(python, prereleases=True)
    except InvalidSpecifier:
        if not era.legacy_python:
            return True
    try:
        readable = SpecifierSet(re.sub(r"([<>]=?\s*[\d.]+?)\.\*", r"\1", requires))
    except InvalidSpecifier:
        return True
    return readable.contains(python, prereleases=True)


def allows_prereleases(specifiers: SpecifierSet, era: Era) -> bool:
    """Tell whether a range names a pre-release, and so lets them all in."""
    operators = {"==", ">=", "<=", "~=", "==="} | ({"<", ">"} if era.open_ends else set())
    for each in specifiers:
        if each.operator not in operators:
            continue
        try:
            if Version(each.version.removesuffix(".*")).is_prerelease:
                return True
        except InvalidVersion:
            continue  # `===` takes any text
    return False


@dataclass(frozen=True, slots=True)
class ArchiveName:
    """What a file's name says."""

    version: Version
    build: tuple[()] | tuple[int, str] = ()
    tags: frozenset[Tag] | None = None
    """None: a source archive."""
    python: str | None = None
    """Of a source archive for one Python only: "3.8"."""

    def rank(self, tags: Mapping[Tag, int]) -> int | None:
        """Return the rank of the best tag, 0 first; a source archive comes last of all; None
        where nothing fits."""
        if self.tags is None:
            return len(tags)
        return min((tags[tag] for tag in self.tags if tag in tags), default=None)


def archive_name(file: str, name: str, era: Era) -> ArchiveName | None:
    """Read a file's name as pip does.

    Args:
        file: The last part of its URL, percent-encoding undone.
        name: The project's, normalised.
        era: Of the pip that reads it.

    Returns:
        None for what pip passes over: another project, another kind of file, no version.
    """
    try:
        if file.endswith(".whl"):
            return wheel_name(file, name, era)
        ending = next((end for end in SOURCE_ENDINGS if file.endswith(end)), None)
        if ending is None or (ending == ".zip" and "macosx10" in file):
            return None
        stem = file.removesuffix(ending)
        for at, sign in enumerate(stem):
            # the project's name may hold dashes itself
            if sign == "-" and canonicalize_name(stem[:at]) == name:
                text = stem[at + 1 :]
                only = PYTHON_ENDING.search(text)
                version = Version(text[: only.start()] if only else text)
                return ArchiveName(version, python=only[1] if only else None)
    except InvalidVersion:
        pass  # pip before 24.1 keeps these, but below every other and for no range
    return None


def wheel_name(file: str, name: str, era: Era) -> ArchiveName | None:
    """Read a wheel's name.

    Raises:
        packaging.version.InvalidVersion: Its version is none.
    """
    try:
        found, version, build, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:
        loose = LENIENT_WHEEL.fullmatch(file) if era.lenient_names else None
        if loose is None or canonicalize_name(loose[1]) != name:
            return None
        number = re.match(r"\d+", loose[3] or "")
        return ArchiveName(
            Version(loose[2].replace("_", "-")),
            (int(number[0]), loose[3][number.end() :]) if number else (),
            frozenset(
                Tag(python, abi, platform)
                for python in loose[4].split(".")
                for abi in loose[5].split(".")
                for platform in loose[6].split(".")
            ),
        )
    return ArchiveName(version, build, tags) if found == name else None


def allowed_formats(
    options: Iterable[tuple[str, str]], name: str, *, pair: tuple[str, str]
) -> tuple[bool, bool]:
    """Follow two options that take names from each other (pip's `FormatControl` and
    `ReleaseControl`).

    Args:
        options: From `candidates.options_of`, in order.
        name: The project's, normalised.
        pair: The options, ("no-binary", "only-binary") or ("all-releases", "only-final").

    Returns:
        For each of the two, whether it holds for the name.
    """
    held: dict[str, set[str]] = {option: set() for option in pair}
    for option, value in options:
        if option not in held:
            continue
        target = held[option]
        other = held[pair[1] if option == pair[0] else pair[0]]
        words = value.split(",")
        covered = False
        while ":all:" in words and not covered:
            other.clear()
            target.clear()
            target.add(":all:")
            del words[: words.index(":all:") + 1]
            # without a :none: to follow, all covers the names that do
            covered = ":none:" not in words
        for word in () if covered else words:
            if word == ":none:":
                target.clear()
                continue
            other.discard(canonicalize_name(word))
            target.add(canonicalize_name(word))
    named = [name in held[option] for option in pair]
    if any(named):
        return named[0], named[1]
    every = [":all:" in held[option] for option in pair]
    return every[0], every[1]

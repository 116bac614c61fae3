"""A pip section taken apart as pip would read it: what can be resolved, and what cannot.

Everything here is pure but for reading files of the repository through the function given.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.markers import (
    InvalidMarker,
    Marker,
    UndefinedComparison,
    UndefinedEnvironmentName,
)
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from wheelstep.ground.secret import blanked, without_credentials
from wheelstep.model import Wheel
from wheelstep.rehearsal.candidates import options_of
from wheelstep.rehearsal.section_lines import VARIABLE, Fault, Line, shown

__all__ = ["Section", "take_apart"]


LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
VERSION_CONTROL = ("git+", "hg+", "svn+", "bzr+")
HASH = re.compile(r"#(?:.*&)?sha256=([0-9a-fA-F]{64})\b")
ANY_HASH = re.compile(r"#(?:.*&)?(md5|sha1|sha224|sha256|sha384|sha512)=")
OF_A_REQUIREMENT = frozenset({"hash", "config-settings"})
"""Options that pip heeds behind a requirement; others that it knows, it passes over there."""

SIGNED = re.compile(r"[?&]sig=", re.IGNORECASE)
"""The signature of a SAS in a URL."""


@dataclass(slots=True)
class Section:
    """What a pip section asks for."""

    requirements: list[str] = field(default_factory=list)
    """As PEP 508 has them."""
    constraints: list[str] = field(default_factory=list)
    hashes: dict[str, set[str]] = field(default_factory=dict)
    """SHA-256 sums allowed for a name."""
    require_hashes: bool = False
    names: set[str] = field(default_factory=set)
    """Normalised names that it asks for itself."""
    from_source: dict[str, str] = field(default_factory=dict)
    """Names that would have to be built, with the reason; a text in <> where there is no name."""
    unknown: list[str] = field(default_factory=list)
    """Reasons why nothing of it can be proved."""
    options: list[str] = field(default_factory=list)
    """The option lines, in order."""
    prerelease: bool = False


def take_apart(
    lines: Iterable[Line],
    path: str,
    wheels: Mapping[str, Wheel],
    local: Callable[[str], Path | None],
    commits: Mapping[str, str] | None = None,
    *,
    markers: Mapping[str, str] | None = None,
    served: Callable[[str], bool] = lambda _: True,
) -> Section:
    """Sort a section's lines.

    Args:
        lines: From `flatten`.
        path: The definition's.
        wheels: The new wheels (with `path`) by file name: they are not published yet, so that a
            URL of one means the file itself.
        local: Lays a wheel of the repository, by its path, on the disk; None where there is none.
        commits: From which commit the new wheels of a name were built.
        markers: What markers are evaluated with: the hashes of a requirement whose marker is false
            allow nothing, though they make pip ask for all. Every marker is true when None.
        served: Tells of a URL whether new wheels may be published there: elsewhere a file of the
            same name is another one.

    Raises:
        Fault: A line that pip would refuse.
    """
    section = Section()
    folder = posixpath.dirname(path)
    for line in lines:
        try:
            if line.text.startswith("-"):
                take_options(section, line.text)
                continue
            words = line.text.split(" ")
            first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
            text = " ".join(words[:first]).strip()
            if VARIABLE.search(LOGIN.sub("", text)):
                section.unknown.append(f"`{shown(text)}` holds a variable that only the image has.")
                continue
            named = named_by(text)
            if line.constraint and named.extras:
                raise Fault(f"`{shown(text)}` is a constraint, and pip allows no extras there.")
            sums = sums_of(section, " ".join(words[first:]))
            if sums and not applies(named.marker, markers or {}):
                section.require_hashes = True
                sums = set()
            built = built_from(named, wheels, commits or {})
            if built is not None:
                text = f"{built.name}{named.extras}=={built.version}{named.marker}"
                keep(section, line, built.name, text, sums)
            elif named.place is None:
                keep(section, line, named.name, text, sums)
            else:
                new = wheels if "://" not in named.place or served(named.place) else {}
                take_place(section, line, named, sums, folder=folder, wheels=new, local=local)
        except Fault as fault:
            raise Fault(fault.message, line.file, line.number, line.text) from fault
        except ValueError as error:
            message = f"pip cannot read the line `{shown(line.text)}`: {error}."
            raise Fault(message, line.file, line.number, line.text) from error
    return section


def sums_of(section: Section, options: str) -> set[str]:
    """Return the SHA-256 sums that the options behind a requirement allow; what keeps them from
    being judged is noted.

    Raises:
        Fault: A hash that pip refuses.
        ValueError: As `options_of`.
    """
    sums: set[str] = set()
    for name, value in options_of(options):
        if not name:
            section.unknown.append(f"`{shown(value)}` is an option whose effect is not known.")
        if name != "hash":
            continue
        kind, _, digest = value.partition(":")
        if kind not in {"sha256", "sha384", "sha512"}:
            raise Fault(f"`--hash={value}` names no hash that pip checks: sha256, sha384, sha512.")
        if kind != "sha256":
            section.unknown.append(f"Whether a file has a {kind} sum is not looked into.")
        elif digest != digest.lower():
            section.unknown.append(f"pip before 25 refuses {digest}: it has capital letters.")
        sums.add(digest.lower())
    return sums


def readable(marker: str) -> bool:
    """Tell whether a text is a marker."""
    try:
        Marker(marker.strip())
    except InvalidMarker:
        return False
    return True


def applies(marker: str, markers: Mapping[str, str]) -> bool:
    """Tell whether a marker, written with its semicolon, is true; "" always is."""
    text = marker.lstrip(" ;")
    try:
        return not text or not markers or Marker(text).evaluate({**markers, "extra": ""})
    except (InvalidMarker, UndefinedEnvironmentName, UndefinedComparison):
        return True  # uv says what it thinks of it


def _place_option(name: str, value: str, text: str) -> list[str]:
    """Return why nothing is known of an index, or of a page of links.

    Raises:
        Fault: pip finds nothing there.
    """
    if VARIABLE.search(LOGIN.sub("", value)):
        return [f"`{shown(text)}` holds a variable that only the image has."]
    if name == "index-url" and SIGNED.search(value):
        raise Fault(
            f"`{without_credentials(value)}` has a SAS, which works on the URL of one file only: "
            "pip appends the names of packages to it, and finds none."
        )
    if name != "find-links" and re.search(r"[?#]", value):
        why = "does not end with its path, and pip appends the names of packages to it."
        return [f"`{without_credentials(value)}` {why}"]
    return []


def take_options(section: Section, text: str) -> None:
    """Keep what an option line says."""
    section.options.append(text)
    for name, value in options_of(text):
        match name:
            case "editable":
                section.from_source[label_of(value)] = "it is an editable source tree"
            case "no-binary" if value not in {":none:", ""}:
                for each in value.split(","):
                    label = f"<{each}>" if each == ":all:" else canonicalize_name(each)
                    section.from_source[label] = "`--no-binary` asks for its source"
            case "require-hashes":
                section.require_hashes = True
            case "pre":
                section.prerelease = True
            case "requirement" | "constraint":
                section.unknown.append(f"It reads further requirements from {shown(value)}.")
            case "index-url" | "extra-index-url" | "find-links":
                section.unknown += _place_option(name, value, text)
            case "":
                section.unknown.append(f"`{shown(value)}` is an option whose effect is not known.")
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Named:
    """What a requirement names: a package of an index, or a place."""

    name: str | None
    place: str | None = None
    """URL or path."""
    extras: str = ""
    """With brackets."""
    marker: str = ""
    """With the semicolon."""


def named_by(text: str) -> Named:
    """Read a requirement, in PEP 508's forms and in pip's own (a bare URL or path).

    Raises:
        Fault: It is neither.
    """
    try:
        requirement = Requirement(text)
    except RecursionError:
        raise Fault(f"`{shown(text[:200])}` is nested too deeply.") from None
    except InvalidRequirement:
        place, _, condition = text.partition(" ;")
        marker = f" ; {condition.strip()}" if condition else ""
        if marker and not readable(condition):
            raise Fault(f"`{shown(text)}` has a condition that pip does not understand.") from None
        if not re.search(r"[/\\]|^\.|^file:|\.whl\b", place):
            raise Fault(f"`{shown(text)}` is no requirement that pip understands.") from None
        # of a URL, pip takes brackets for a part of it
        by_path = "://" not in place
        found = by_path and re.fullmatch(r"(.*\.whl)(\[[^\]]*\])", place.strip())
        bare, extras = (found[1], found[2]) if found else (place.strip(), "")
        return Named(None, bare, extras, marker)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return Named(canonicalize_name(requirement.name), requirement.url, extras, marker)


def built_from(
    named: Named, wheels: Mapping[str, Wheel], commits: Mapping[str, str]
) -> Wheel | None:
    """Return a new wheel that was built from the very commit which a requirement names by git: it
    stands for what pip would build of it; None where there is none."""
    if named.place is None or not named.place.startswith("git+"):
        return None
    name = named.name or label_of(named.place)
    commit = commits.get(name)
    if not commit or not re.search(rf"@{re.escape(commit)}(?:#|$)", named.place):
        return None
    return next((one for one in wheels.values() if one.name == name and one.path), None)


def label_of(place: str) -> str:
    """Return the name that a URL states for its source (`#egg=`), else the URL in <>."""
    found = re.search(r"#(?:.*&)?egg=([\w.-]+)", place)
    return canonicalize_name(found[1]) if found else f"<{shown(place)}>"


def take_place(
    section: Section,
    line: Line,
    named: Named,
    sums: set[str],
    *,
    folder: str,
    wheels: Mapping[str, Wheel],
    local: Callable[[str], Path | None],
) -> None:
    """Keep a requirement by URL or path; a source is only noted.

    Raises:
        Fault: No wheel name; another hash than the new wheel of that name has.
    """
    place = named.place or ""
    file = unquote(urlsplit(place).path).replace("\\", "/").rpartition("/")[2]
    if not file.endswith(".whl") or place.startswith(VERSION_CONTROL):
        where = blanked(without_credentials(place) if "://" in place else place)
        section.from_source[named.name or label_of(place)] = f"{where} is a source"
        return
    try:
        name = canonicalize_name(parse_wheel_filename(file)[0])
    except InvalidWheelFilename as error:
        raise Fault(f"{file} is no valid wheel name.") from error
    if named.name not in {None, name}:
        raise Fault(f"{file} is a wheel of {name}, and is named as one of {named.name}.")
    stated = ANY_HASH.search(place)
    if stated and stated[1] != "sha256":
        section.unknown.append(f"Whether {file} has the {stated[1]} of its URL is not looked into.")
    elif stated and not HASH.search(place):
        raise Fault(f"{file} is named with a SHA-256 that is none.")
    if fragment := HASH.search(place):
        sums.add(fragment[1].lower())
    wheel = wheels.get(file)
    target = wheel.path.absolute() if wheel and wheel.path else None
    if target is None and "://" not in place:
        bare = place.partition("#")[0].replace("\\", "/")
        target = local(posixpath.normpath(posixpath.join(folder, bare)))
        if target is None:
            section.unknown.append(f"{place} is a file that the repository does not have.")
            return
    if wheel and sums and wheel.sha256.lower() not in sums:
        raise Fault(
            f"{file} is named with SHA-256 {min(sums)}, but the wheel of this release has "
            f"{wheel.sha256}."
        )
    url = target.as_uri() if target else LOGIN.sub("", place)
    keep(section, line, name, f"{name}{named.extras} @ {url}{named.marker}", sums)


def keep(section: Section, line: Line, name: str | None, text: str, sums: set[str]) -> None:
    """Add one requirement or constraint that can be resolved."""
    if name and sums:
        # of several lines, pip allows what each of them allows
        section.hashes[name] = section.hashes.get(name, sums) & sums
        section.require_hashes |= " --hash" in line.text  # one makes pip ask for all
    if line.constraint:
        section.constraints.append(text)
    else:
        section.requirements.append(text)
        section.names.update([name] if name else [])

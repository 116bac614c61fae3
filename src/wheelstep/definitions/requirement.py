"""One requirement as pip has it: what it names, and what it pins.

Sources: PEP 508 (names, extras, markers, direct references), PEP 440 (versions), pip's
requirements file format (URLs, `#egg=`, `--hash`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wheelstep.definitions.interface import PinStyle

__all__ = ["EXACT", "Line", "Unreadable", "begins_with_name", "parse", "same_version"]

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAMED: Final = re.compile(rf"(?P<name>{_NAME})(?:\s*(?P<extras>\[[^\]]*\]))?")
_OPTIONS: Final = re.compile(r"(?:^| )(?=-)")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\s)")
_DIRECT: Final = re.compile(r"\s*@\s*(?P<url>\S+)")
_MARKER: Final = re.compile(r"(?P<before>\s*);(?P<after>\s*)(?P<marker>.*)$", re.DOTALL)
_URL_MARKER: Final = re.compile(r"(?P<before>\s*);(?P<after>\s+)(?P<marker>.*)$", re.DOTALL)
EXACT: Final = re.compile(r"\s*\(?\s*={2,3}\s*(?P<version>[^\s,*;()=]+)\s*\)?\s*")
"""`==version`, spelled as pip takes it."""
_HASH: Final = re.compile(r"--hash[= ]\s*\S+")
_EGG: Final = re.compile(rf"(?:^|&)egg=(?P<name>{_NAME})(?P<extras>\[[^\]]*\])?")

_RELEASE: Final = r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
_PLAIN: Final = re.compile(
    r"(?P<head>(?P<name>[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*)"
    r"(?P<extras> ?\[[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*\])?)"
    rf"(?P<pin>(?: ?(?:==|>=|<=|!=) ?{_RELEASE}(?:,(?:==|>=|<=|!=){_RELEASE})*)?)"
    r"(?P<condition> *;(?P<marker>[^;#]*[^;#\s]))?"
)
"""Requirements as nearly all are: what fits is valid by PEP 508 when its marker is."""


class Unreadable(ValueError):
    """pip would not take this line as a requirement; the text says why."""


class Line(NamedTuple):
    """A requirement, with the places of its parts in the logical line; a tuple for speed."""

    name: str
    """Normalised as PEP 503 has it."""
    spelled: str
    """As written; the normalised name where only a URL names it."""
    extras: str
    """As written, with the brackets; "" without."""
    kind: PinStyle
    """How it is written now; "version" for a range or nothing as well."""
    pinned: str | None
    """The version it allows only, as written there or in the wheel's file name."""
    url: str | None
    head: tuple[int, int]
    """Name and extras; nothing for a bare URL."""
    pin: tuple[int, int]
    """What says the version: the specifier, or `@` and the URL, or the bare URL."""
    marker: tuple[int, int] | None
    """The marker with its semicolon and the space around it."""
    body: tuple[int, int]
    """All but the options."""
    hashes: tuple[tuple[int, int], ...]
    """Each `--hash` option."""


def begins_with_name(text: str, name: str) -> bool:
    """Tell whether a line begins with this normalised name, readable or not."""
    found = _NAMED.match(text)
    return found is not None and canonicalize_name(found["name"]) == name


def same_version(one: str, other: str) -> bool:
    """Compare as PEP 440 has it; texts that are no versions are compared as texts."""
    try:
        return Version(one) == Version(other)
    except ValueError:  # no version, or a number of more digits than Python reads
        return one == other


@lru_cache(maxsize=32768)
def parse(text: str) -> Line | None:
    """Read a logical line.

    Returns:
        None where it is blank, an option, or something without a name (a folder, an archive).

    Raises:
        Unreadable: pip would refuse it.
    """
    if plain := _parse_plain(text):
        return plain
    options = _OPTIONS.search(text)
    body = text[: options.start()].rstrip() if options else text.rstrip()
    if not body:
        return None
    hashes = tuple(found.span() for found in _HASH.finditer(text, len(body)))
    if _is_place(body):
        return _parse_place(body, hashes)
    named = _NAMED.match(body)
    kind: PinStyle = "version"
    url: str | None = None
    try:
        requirement = Parsed(body)
    except InvalidRequirement as error:
        raise Unreadable(str(error).partition("\n")[0]) from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    if named is None:
        raise Unreadable("it does not begin with a name")
    direct = _DIRECT.match(body, named.end())
    after = direct.end() if direct else named.end()
    marker = _MARKER.search(body, after) if requirement.marker else None
    end = marker.start() if marker else len(body)
    written = body[named.end() : end]
    if direct:
        kind = "git" if direct["url"].startswith("git+") else "url"
        pinned, url = _version_in(direct["url"]), direct["url"]
    else:
        exact = EXACT.fullmatch(written)
        pinned = exact["version"] if exact else None
    return Line(
        name=canonicalize_name(named["name"]),
        spelled=named["name"],
        extras=named["extras"] or "",
        kind=kind,
        pinned=pinned,
        url=url,
        head=named.span(),
        pin=(named.end(), end),
        marker=marker.span() if marker else None,
        body=(0, len(body)),
        hashes=hashes,
    )


def _parse_plain(text: str) -> Line | None:
    """Read a line that has nothing special, ten times faster than packaging; None for others."""
    found = _PLAIN.fullmatch(text)
    if (
        found is None
        or " -" in text
        or ".whl" in text.lower()
        or not _marker_is_valid(found["marker"])
    ):
        return None
    exact = EXACT.fullmatch(found["pin"])
    return Line(
        name=canonicalize_name(found["name"]),
        spelled=found["name"],
        extras=(found["extras"] or "").strip(),
        kind="version",
        pinned=exact["version"] if exact else None,
        url=None,
        head=found.span("head"),
        pin=found.span("pin"),
        marker=found.span("condition") if found["marker"] else None,
        body=(0, len(text)),
        hashes=(),
    )


@lru_cache(maxsize=1024)
def _marker_is_valid(text: str | None) -> bool:
    try:
        return text is None or bool(Marker(text))
    except (InvalidMarker, RecursionError):
        return False


def _is_place(body: str) -> bool:
    """Tell a URL or path from a name, as pip does by its form."""
    if _URL.match(body):
        return True
    first = re.split(r"[\s;]", body, maxsplit=1)[0]
    named = _NAMED.match(body)
    if named and _DIRECT.match(body, named.end()):
        return False
    return first.startswith(".") or "/" in first or "\\" in first or ".whl" in first.lower()


def _parse_place(body: str, hashes: tuple[tuple[int, int], ...]) -> Line | None:
    marker = (_URL_MARKER if _URL.match(body) else _MARKER).search(body)
    end = marker.start() if marker else len(body)
    place = body[:end]
    egg = _EGG.search(_parts(place).fragment if "#" in place else "")
    wheel = _wheel_in(place)
    extras = re.search(r"\.whl(\[[^\]]*\])$", place)
    if wheel:
        name = wheel[0]
    elif egg:
        name = canonicalize_name(egg["name"])
    else:
        return None
    with_extras = extras[1] if extras else (egg["extras"] if egg else None)
    return Line(
        name=name,
        spelled=egg["name"] if egg else name,
        extras=with_extras or "",
        kind="bare-url",
        pinned=wheel[1] if wheel else None,
        url=place,
        head=(0, 0),
        pin=(0, end),
        marker=marker.span() if marker else None,
        body=(0, len(body)),
        hashes=hashes,
    )


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise Unreadable(f"its URL cannot be read ({error})") from None


def _wheel_in(place: str) -> tuple[str, str] | None:
    """Return name and version from the wheel's file name at the end of a URL or path."""
    path = _parts(place).path if _URL.match(place) else place.partition("#")[0]
    file = re.split(r"[/\\]", unquote(path))[-1]
    try:
        name, version, _, _ = parse_wheel_filename(re.sub(r"\[[^\]]*\]$", "", file))
    except (InvalidWheelFilename, InvalidVersion):
        return None
    return name, str(version)


def _version_in(url: str) -> str | None:
    wheel = _wheel_in(url)
    return wheel[1] if wheel else None

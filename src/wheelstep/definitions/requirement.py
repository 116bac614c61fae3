"""One requirement as pip has it: what it names, what it pins, and how it reads pinned anew.

Sources: PEP 508 (names, extras, markers, direct references), PEP 440 (versions), pip's
requirements file format (URLs, `#egg=`, `--hash`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wheelstep.definitions.git_url import parse_git_url, repointed
from wheelstep.definitions.interface import PinStyle
from wheelstep.definitions.pip_lines import LogicalLine

__all__ = [
    "Line",
    "Target",
    "Unreadable",
    "admits",
    "begins_with_name",
    "new_line",
    "overruled",
    "parse",
    "repin",
    "same_version",
]

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAMED: Final = re.compile(rf"(?P<name>{_NAME})(?:\s*(?P<extras>\[[^\]]*\]))?")
_OPTIONS: Final = re.compile(r"(?:^| )(?=-)")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\s)")
_DIRECT: Final = re.compile(r"\s*@\s*(?P<url>\S+)")
_MARKER: Final = re.compile(r"(?P<before>\s*);(?P<after>\s*)(?P<marker>.*)$", re.DOTALL)
_URL_MARKER: Final = re.compile(r"(?P<before>\s*);(?P<after>\s+)(?P<marker>.*)$", re.DOTALL)
_EXACT: Final = re.compile(r"\s*\(?\s*={2,3}\s*(?P<version>[^\s,*;()=]+)\s*\)?\s*")
_OPERATOR: Final = re.compile(r"\s*\(?\s*[<>=!~]+(?P<after>\s*)")
_HASH: Final = re.compile(r"--hash[= ]\s*\S+")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
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


@dataclass(frozen=True, slots=True)
class Target:
    """What a requirement shall say."""

    name: str
    version: str
    style: PinStyle
    url: str = ""
    """The wheel's URL for the URL styles, without fragment; its path in the image for "vendor";
    that of the commit, with its fragment, for "git"."""
    sha256: str = ""
    """The same wheel's."""
    hashes: tuple[str, ...] = ()
    """SHA-256 of every wheel of the version, for lines that had `--hash` options."""
    urls: tuple[str, ...] = ()
    """All URLs of the version: a definition that names one of them is left alone."""


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
        exact = _EXACT.fullmatch(written)
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
    exact = _EXACT.fullmatch(found["pin"])
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


def has_pinned(line: Line, target: Target) -> bool:
    """Tell whether nothing has to change.

    A URL of the wanted version satisfies the version style, whatever place it names. A version
    does not satisfy a URL style: where wheels are taken by URL there may be no index to ask.
    """
    if target.style == "git":
        return line.url is not None and _repinned_url(line, target) == line.url
    if line.pinned is None or not same_version(line.pinned, target.version):
        return False
    if target.style == "version":
        return True
    if target.style == "vendor":
        return line.url is not None and line.url.removesuffix(line.extras) == target.url
    return line.url is not None and line.url.partition("#")[0] in target.urls


def has_hashes(line: Line, text: str, target: Target) -> bool:
    """Tell whether the `--hash` options of a line, where it has any, allow every wheel that is
    released; where those are not known yet, nothing is missing.

    Args:
        line: The requirement.
        text: The logical line that it was read from.
        target: What it shall say.
    """
    wanted = {one for one in target.hashes if _DIGEST.fullmatch(one)}
    said = {text[slice(*span)].rpartition(":")[2].lower() for span in line.hashes}
    return not line.hashes or wanted <= said


def overruled(line: Line, specifier: str, version: str) -> Literal["limit", "higher"] | None:
    """Tell whether pinning a version goes against what the line says now.

    Args:
        line: As it is before the edit.
        specifier: What is written after name and extras: `>=1,<2`, with or without parentheses.
        version: The one to pin.

    Returns:
        "higher" where it pins a higher version, "limit" where it excludes the version otherwise;
        None where it allows it, or pins a lower one as the last release left it.
    """
    if line.pinned is not None:
        try:
            return "higher" if Version(version) < Version(line.pinned) else None
        except ValueError:
            return "limit"  # `===` takes any text (PEP 440), and nothing says which is higher
    if line.url is not None:
        return None
    try:
        allowed = SpecifierSet(specifier.strip().removeprefix("(").removesuffix(")"))
        return None if allowed.contains(version, prereleases=True) else "limit"
    except ValueError:  # none, or a number of more digits than Python reads
        return "limit"


def admits(line: Line, text: str, version: str) -> bool:
    """Tell whether a line is a range, or a bare name, for which pip may take this version.

    A pre-release is taken only where the range names one; what has hashes has to be exact.

    Args:
        line: The requirement.
        text: The logical line.
        version: The one in question.
    """
    if line.pinned is not None or line.url is not None or line.hashes:
        return False
    written = text[slice(*line.pin)].strip().removeprefix("(").removesuffix(")")
    try:
        allowed = SpecifierSet(written)
        return allowed.contains(version, prereleases=bool(allowed.prereleases))
    except ValueError:  # none, or a number of more digits than Python reads
        return False


def new_line(target: Target, *, hashed: bool) -> str:
    """Write a requirement that is not there yet."""
    if target.style == "version":
        text = f"{target.name}=={target.version}"
    elif target.style == "url":
        fragment = f"#sha256={target.sha256}" if target.sha256 else ""
        text = f"{target.name} @ {target.url}{fragment}"
    else:
        text = target.url
    hashes = target.hashes if hashed else ()
    return " ".join([text, *(f"--hash=sha256:{digest}" for digest in hashes)])


def repin(
    source: str, logical: LogicalLine, line: Line, target: Target
) -> list[tuple[int, int, str]]:
    """Return what to replace in `source`, the text that the logical line was read from, for a line
    that has not pinned the target yet.

    Name, extras, marker and the space between them stay as they are written.
    """
    start, end = line.pin
    head = line.spelled + line.extras if line.kind == "bare-url" else ""
    if target.style == "vendor":
        # a path takes extras behind it, and a semicolon may touch it (pip, parse_req_from_line)
        place = (*logical.place(0, end), target.url + line.extras)
        return [place, *_new_hashes(source, logical, line, target)]
    if target.style == "version":
        written = logical.text[start:end] if line.kind == "version" else ""
        new = head + _specifier(written, target.version)
    else:
        if target.style == "bare-url" and not line.extras:
            start, new = 0, target.url
        else:
            fragment = f"#sha256={target.sha256}" if target.sha256 else ""
            url = _repinned_url(line, target) if target.style == "git" else target.url + fragment
            new = url if _is_bare_git(line, target) else f"{head} @ {url}"
        if line.marker:
            # a semicolon that touches a URL would belong to it
            end = line.marker[1]
            marker = logical.text[slice(*line.marker)]
            before, _, after = marker.partition(";")
            new += f"{before or ' '};{'' if after[:1].isspace() else ' '}{after}"
    return [(*logical.place(start, end), new), *_new_hashes(source, logical, line, target)]


def _repinned_url(line: Line, target: Target) -> str:
    """Return the URL of the target's commit, spelled as the line has it where it is the same."""
    return repointed(line.url, target.url) if line.url is not None else target.url


def _is_bare_git(line: Line, target: Target) -> bool:
    """Tell whether a line is a bare `git+...#egg=name` URL, and can stay one."""
    if line.kind != "bare-url" or target.style != "git" or line.url is None:
        return False
    old, new = parse_git_url(line.url), parse_git_url(target.url)
    return old is not None and new is not None and old.same_place(new)


def _specifier(written: str, version: str) -> str:
    """Write `==version` in the manner of what was written."""
    exact = _EXACT.fullmatch(written)
    if exact:
        return written[: exact.start("version")] + version + written[exact.end("version") :]
    before = written[: len(written) - len(written.lstrip())]
    operator = _OPERATOR.match(written)
    after = operator["after"] if operator else ""
    if written.strip().startswith("("):
        return f"{before}(=={after}{version})"
    return f"{before if written.strip() else ''}=={after}{version}"


def _new_hashes(
    source: str, logical: LogicalLine, line: Line, target: Target
) -> list[tuple[int, int, str]]:
    """Replace the old version's hashes one by one, in their own layout."""
    wanted = [f"--hash=sha256:{digest}" for digest in target.hashes]
    places = [logical.place(*span) for span in line.hashes]
    splices: list[tuple[int, int, str]] = []
    previous = logical.place(*line.body)[1]
    for number, (start, end) in enumerate(places):
        if number >= len(wanted):
            splices.append((previous, end, ""))
        else:
            more = wanted[number + 1 :] if number == len(places) - 1 else []
            # what separates two options here, a continued line's backslash included
            between = source[previous:start]
            splices.append((start, end, wanted[number] + "".join(between + one for one in more)))
        previous = end
    return splices

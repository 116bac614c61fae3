"""One requirement pinned anew: whether it has to be, what that goes against, and how it reads then.

Sources: as requirement.py has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from wheelstep.definitions.git_url import parse_git_url, repointed
from wheelstep.definitions.interface import PinStyle
from wheelstep.definitions.pip_lines import LogicalLine
from wheelstep.definitions.requirement import EXACT, Line, same_version

__all__ = ["Target", "admits", "has_hashes", "has_pinned", "new_line", "overruled", "repin"]

_OPERATOR: Final = re.compile(r"\s*\(?\s*[<>=!~]+(?P<after>\s*)")
_SUM: Final = re.compile(r"[#&]sha256=([0-9a-fA-F]{64})(?:&|$)")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


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
    if line.url is None or line.url.partition("#")[0] not in target.urls:
        return False
    # with the sum of another file, pip refuses what is there
    stated = _SUM.search(line.url)
    return stated is None or not target.hashes or stated[1].lower() in target.hashes


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
    exact = EXACT.fullmatch(written)
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

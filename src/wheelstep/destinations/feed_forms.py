"""The forms in which people name a feed: what the portal shows, and three parts in short.

What Azure DevOps shows: the feed's page (`dev.azure.com/ORG/PROJECT/_artifacts/feed/FEED`, before
that `.../PROJECT/_packaging?_a=feed&feed=FEED`) and, under "Connect to feed", lines for pip.ini and
.pypirc. All of them become the URL of the feed's simple index. Pure.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit, urlunsplit

from wheelstep.errors import SettingError
from wheelstep.ground.credentials import organization_of
from wheelstep.ground.feed_names import SERVICES, feed_name, same_feed

__all__ = ["SHORT_FORMS", "Form", "items_of", "plain", "right_form"]

SHORT_FORMS: Final = "feed:ORG/PROJECT/FEED, or feed:ORG/FEED for a feed of the organization"

_MARKS: Final = "\"'`<>\u201c\u201d\u2018\u2019"
_NAME: Final = r"[^/\\:~&;'\"?<>|#$*{},+=\[\]\x00-\x1f]+"
"""A project's or feed's name: what Azure DevOps takes in one, and percent-encoding (Microsoft
Learn, "Naming restrictions and conventions")."""
_SHORT: Final = re.compile(
    rf"(?P<organization>[A-Za-z0-9][A-Za-z0-9-]*)/(?P<project>{_NAME})/(?P<feed>{_NAME})/?"
)
_SHORTER: Final = re.compile(rf"(?P<organization>[A-Za-z0-9][A-Za-z0-9-]*)/(?P<feed>{_NAME})/?")
_URL: Final = re.compile(r"(?P<kind>feed\+)?(?P<url>https?://.*)", re.IGNORECASE)
_ALMOST: Final = (
    (re.compile(r"feed(?:\+(?:feed:)?(?!https?:)|:)/*(?!https?:)", re.IGNORECASE), "feed:"),
    (re.compile(r"((?:feed\+)?https?):/(?!/)", re.IGNORECASE), r"\1://"),
    (
        re.compile(
            r"/{0,2}(?=(?:[^/\s]*@)?(?:(?:pkgs\.|feeds\.)?dev\.azure\.com|"
            r"[a-z0-9-]+(?:\.pkgs)?\.visualstudio\.com)/)",
            re.IGNORECASE,
        ),
        "https://",
    ),
)
"""Beginnings that are not quite right and can mean one thing only: `feed://` for `feed:`, one slash
for two, a host of Azure DevOps without a scheme, as some browsers show it."""
_SENTENCE: Final = ".,;"
"""What follows a URL in a text."""
_ANY_SCHEME: Final = re.compile(r"[\w.+-]+://")
_ASSIGNED: Final = re.compile(r"[\w.-]+\s*[=:]\s*(?P<value>[\"']?https?://.*)", re.IGNORECASE)
"""A line of pip.ini or .pypirc: `index-url=https://...`."""
_HEADER: Final = re.compile(r"\[{1,2}[\w .:-]+\]{1,2}")
_PASSWORD: Final = re.compile(r"\s*password\s*[=:]\s*\S", re.IGNORECASE)
_USER: Final = re.compile(r"[\w-]*")
_LONGEST_USER: Final = 32
"""Characters: a longer user name in a URL is taken for a token (a personal access token has 52 or
84), unless it is the organization's name."""
_ENDS: Final = frozenset({"pypi", "nuget", "npm", "maven", "cargo", "simple", "upload"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a text means."""

    text: str
    """The URL, where one was found in it; else as it is, without marks around it."""
    hint: str = ""
    """What to try where such a feed is not found, a sentence."""
    short: bool = False
    """Written as three parts, which a folder may have, too."""


def plain(text: str) -> Form:
    """Return what a text that names a destination says, without what stands around it.

    Args:
        text: One line, as it was written or pasted.
    """
    text = _begun(_bare(text))
    if not _ANY_SCHEME.match(text) and "://" in text:
        text = _in_line(text)
    if "://" not in text:
        return _short(text)
    found = _URL.fullmatch(text)
    if found is None:
        return Form(text)
    url, prefix = found["url"].rstrip(_SENTENCE), found["kind"] or ""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return Form(text)  # no URL: table.py says so
    named = _without_user(parts)
    if "@" in named.netloc:
        return Form(text)  # table.py refuses it
    if (page := _page(named)) is not None:
        return Form(prefix + page.text, page.hint)
    return Form(prefix + urlunsplit(named)) if feed_name(url) is not None else Form(text)


def _bare(text: str) -> str:
    """Take blanks and pairs of quotation marks away."""
    while (less := text.strip().strip(_MARKS)) != text:
        text = less
    return text


def _begun(text: str) -> str:
    """Return a text with its beginning as it is meant."""
    for almost, meant in _ALMOST:
        if (found := almost.match(text)) is not None:
            return found.expand(meant) + text[found.end() :]
    return text


def _in_line(text: str) -> str:
    """Return the URL in a line of a configuration file or a command: that of a feed, if one is."""
    if found := _ASSIGNED.fullmatch(text):
        return _bare(found["value"])
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    values = [word[at:] for word in words if (at := word.find("http")) >= 0 and "://" in word]
    urls = [value for value in values if _URL.fullmatch(value)]
    return next((url for url in urls if feed_name(url) is not None), urls[0] if urls else text)


def _short(text: str) -> Form:
    outright = text.lower().startswith("feed:")
    said = text[len("feed:") :].strip() if outright else text
    found = _SHORT.fullmatch(said) or (_SHORTER.fullmatch(said) if outright else None)
    parts = [unquote(part) for part in found.groupdict().values()] if found else []
    if not parts or any(part.strip() != part or part in {".", ".."} for part in parts):
        return Form(text)
    url = _url(SERVICES, parts[:-1], parts[-1])
    if outright:
        return Form(url)
    return Form(url, f"If the folder {said} is meant, write ./{said}.", short=True)


def _url(origin: str, scope: list[str], feed: str) -> str:
    path = "/".join(quote(part, safe="@") for part in [*scope, "_packaging", feed])
    return f"{origin}/{path}/pypi/simple/"


def _without_user(parts: SplitResult) -> SplitResult:
    """Take a user name away, which the portal puts into URLs: it is no secret. What may be one
    stays, and is refused."""
    user, at, host = parts.netloc.rpartition("@")
    name = unquote(user.removesuffix(":"))
    services = organization_of(urlunsplit(parts._replace(netloc=host, path="/x"))) is not None
    if not services and not _USER.fullmatch(name):
        return parts  # another host's name, to be read in the place of the real one
    ours = organization_of(urlunsplit(parts._replace(netloc=host))) == name.lower()
    if not at or ":" in name or (len(name) > _LONGEST_USER and not ours):
        return parts
    return parts._replace(netloc=host)


def _page(parts: SplitResult) -> Form | None:
    """Return the feed that a page of Azure DevOps shows, None where it is no feed's page."""
    segments = [unquote(part) for part in parts.path.split("/") if part]
    lower = [segment.lower() for segment in segments]
    if "_artifacts" in lower:
        at = lower.index("_artifacts")
        feed = segments[at + 2] if lower[at + 1 : at + 2] == ["feed"] and segments[at + 2 :] else ""
    elif lower[-1:] == ["_packaging"]:
        at = len(lower) - 1
        feed = next(iter(parse_qs(parts.query).get("feed", ())), "")
    else:
        return None
    name, _, view = feed.partition("@")
    if not name:
        return None
    # what the portal shows of a feed is its view Local, in which all versions are
    shown = name if view.lower() in {"", "local"} else f"{name}@{view}"
    origin, scope = _collection(parts, segments[:at])
    url, whole = _url(origin, scope, shown), _url(origin, scope[:-1], shown)
    if len(scope) < 2:  # noqa: PLR2004 - organization or collection, and project
        return Form(url)
    return Form(
        url,
        "The page of a feed does not tell whether the feed belongs to the project or to the whole "
        f"organization; if it is the organization's, write {whole}.",
    )


def _collection(parts: SplitResult, scope: list[str]) -> tuple[str, list[str]]:
    """Return the host of a page's feeds and the path before `_packaging` there."""
    organization = organization_of(urlunsplit(parts._replace(netloc=_host(parts))))
    if organization is None:
        return f"{parts.scheme.lower()}://{parts.netloc}", scope
    if not (parts.hostname or "").lower().endswith(".visualstudio.com"):
        return SERVICES, scope
    if scope and scope[0].lower() == "defaultcollection":
        scope = scope[1:]
    return SERVICES, [organization, *scope]


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def right_form(url: str) -> str:
    """Return how the URL of a Python feed would read, with the parts that a wrong one has.

    Args:
        url: Of anything; a password in it is not repeated.
    """
    name = feed_name(url)
    try:
        parts = urlsplit(url)
        services = organization_of(url) is not None
    except ValueError:
        parts, services = urlsplit(""), False
    if name is not None and (len(name.scope) < 2 if name.organization else not services):  # noqa: PLR2004 - the project
        return f"{name.origin}/{'/'.join(_parts(name.path(with_view=True)))}/pypi/simple/"
    segments = [unquote(part) for part in parts.path.split("/") if part] if services else []
    if {".", ".."} & set(segments):
        segments = []
    if (parts.hostname or "").lower().endswith(".visualstudio.com"):
        segments = [organization_of(url) or "", *segments]
    ends = (at for at, part in enumerate(segments) if part[:1] in "_@" or part.lower() in _ENDS)
    known = segments[: next(ends, len(segments))]
    project = known[1] if len(known) > 1 else "[PROJECT]"
    feed = name.feed if name else known[2] if len(known) == 3 else "FEED"  # noqa: PLR2004
    path = "/".join(_parts([known[0] if known else "ORG", project, "_packaging", feed]))
    return f"{SERVICES}/{path}/pypi/simple/".replace("/[PROJECT]", "[/PROJECT]")


def _parts(path: list[str]) -> list[str]:
    return [quote(part, safe="@[]") for part in path]


def items_of(text: str) -> list[str]:
    """Return the destinations that a text of several lines names.

    From a line in brackets on it is a piece of a configuration file (pip.ini, .pypirc), as the
    portal shows it: of that its URLs count, and of several the feeds.

    Raises:
        SettingError: There is a password in it.
    """
    lines = [line.strip() for line in text.splitlines()]
    start = next((at for at, line in enumerate(lines) if _HEADER.fullmatch(line)), len(lines))
    items, piece = [line for line in lines[:start] if line], lines[start:]
    if any(_PASSWORD.match(line) for line in piece):
        raise SettingError(
            "The destination holds a password, in a piece of a configuration file; the setting is "
            "in a file or a log that others read.",
            code="credentials-in-url",
            cure="Take it out, and give feed-user and feed-token. A secret that was committed must "
            "be replaced.",
        )
    urls = [plain(line).text for line in piece if "://" in line and not line.startswith(("#", ";"))]
    urls = [url for url in urls if feed_name(url) is not None] or urls
    for at, url in enumerate(urls):
        if not any(same_feed(url, other) for other in urls[:at]):
            items.append(url)
    return items

"""Which Azure Artifacts feed a URL names, and when two URLs name one feed: pure.

Forms (Microsoft Learn, "Publish and consume Python packages"): `https://pkgs.dev.azure.com/ORG
[/PROJECT]/_packaging/FEED[@VIEW]/pypi/simple/` and `.../pypi/upload/`; the older host
`ORG.pkgs.visualstudio.com` with the same tails; Azure DevOps Server with its collection before
`_packaging`. Azure DevOps compares the names of organizations, collections, projects and feeds
without case. A GUID in place of a name cannot be told from one: it is another spelling for us.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from wheelstep.ground.credentials import organization_of
from wheelstep.ground.proxies import is_below

__all__ = ["SERVICES", "FeedName", "feed_name", "one_spelling", "same_feed", "spelled_like"]

SERVICES: Final = "https://pkgs.dev.azure.com"
"""The host of feeds of Azure DevOps Services, today."""
PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class FeedName:
    """What a feed's URL says."""

    origin: str
    """Scheme, host and port as far as it is not the usual one, in lower case, no slash at the end;
    of Azure DevOps Services one of its two hosts for packages."""
    organization: str | None
    """Of Azure DevOps Services, as it is written; None on a server."""
    scope: tuple[str, ...]
    """The path parts before `_packaging`, decoded, without the organization: at most the project;
    on a server virtual directory, collection and project."""
    feed: str
    """Decoded, without the view."""
    view: str | None
    tail: tuple[str, ...]
    """The path parts after the feed, decoded: ("pypi", "simple")."""

    @property
    def older(self) -> bool:
        """Whether the host is ORG.pkgs.visualstudio.com."""
        return self.organization is not None and self.origin != SERVICES

    @property
    def is_index(self) -> bool:
        """Whether the URL is that of the simple index, of the feed or of a view."""
        return [part.lower() for part in self.tail] == ["pypi", "simple"]

    def path(self, *, with_view: bool = False) -> list[str]:
        """Return the path parts up to the feed, decoded."""
        first = [self.organization] if self.organization is not None and not self.older else []
        view = f"@{self.view}" if with_view and self.view else ""
        return [*first, *self.scope, "_packaging", f"{self.feed}{view}"]

    @property
    def place(self) -> str:
        """The one spelling of the feed: its simple index at today's host, in lower case, without a
        view."""
        organization = [self.organization] if self.organization is not None else []
        origin = self.origin if self.organization is None else SERVICES
        parts = [*organization, *self.scope, "_packaging", self.feed, "pypi", "simple"]
        # a name that a browser copied and one that was typed may differ in how accents are put
        path = "/".join(_quoted(unicodedata.normalize("NFC", part).lower()) for part in parts)
        return f"{origin}/{path}/"


def feed_name(url: str) -> FeedName | None:
    """Take a feed's URL apart, whatever kind of package its end is for.

    Args:
        url: Any text.

    Returns:
        None for what is no http or https URL with `/_packaging/FEED` in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    segments = [unquote(part) for part in parts.path.split("/") if part]
    lower = [segment.lower() for segment in segments]
    if scheme not in PORTS or not host or "_packaging" not in lower[:-1]:
        return None
    at = lower.index("_packaging")
    feed, _, view = segments[at + 1].partition("@")
    if not feed or {".", ".."} & set(segments):
        return None
    origin = _origin(scheme, host, port)
    scope, tail = segments[:at], segments[at + 2 :]
    organization = organization_of(url)
    if organization is not None and host.endswith(".visualstudio.com"):
        origin = f"https://{organization}.pkgs.visualstudio.com"
        if lower[:1] == ["defaultcollection"]:
            scope = scope[1:]  # the same place, spelled as long ago
    elif organization is not None and at > 0:
        origin, organization, scope = SERVICES, scope[0], scope[1:]
    else:
        organization = None  # a host of Azure DevOps without an organization is none, too
    return FeedName(origin, organization, tuple(scope), feed, view or None, tuple(tail))


def _origin(scheme: str, host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + (f":{port}" if port not in {None, PORTS[scheme]} else "")


def _quoted(part: str) -> str:
    return quote(part, safe="@")


def same_feed(one: str, other: str) -> bool:
    """Tell whether two URLs name one feed, whatever their views and ends."""
    first, second = feed_name(one), feed_name(other)
    return first is not None and second is not None and first.place == second.place


def one_spelling(url: str) -> str:
    """Return the one spelling (`FeedName.place`) of the URL of a feed's simple index; any other
    text as it is."""
    name = feed_name(url)
    return name.place if name is not None and name.is_index and not name.view else url


def spelled_like(url: str, target: str) -> str | None:
    """Return the URL of the same feed as it has to be spelled to lie below a target.

    Args:
        url: Of a feed.
        target: A base URL: of the organization, the project or the feed.

    Returns:
        None where the feed lies below the target in no spelling.
    """
    name = feed_name(url)
    try:
        parts = urlsplit(target)
        origin = _origin_of(parts)
    except ValueError:
        return None
    if name is None or origin is None:
        return None
    path = [*name.path(with_view=True), *name.tail]
    if name.organization is not None:
        # an organization's host is enough: its case is none
        if (organization_of(target) or "") != name.organization.lower():
            return None
        bare = path if name.older else path[1:]
        older = (parts.hostname or "").endswith(".visualstudio.com")
        path = bare if older else [name.organization, *bare]
    elif origin != name.origin:
        return None
    wanted = [unquote(part) for part in parts.path.split("/") if part]
    begins = [part.lower() for part in path[: len(wanted)]] == [part.lower() for part in wanted]
    path = [*wanted, *path[len(wanted) :]]
    found = f"{origin}/{'/'.join(_quoted(part) for part in path)}/"
    return found if begins and is_below(found, target) else None


def _origin_of(parts: SplitResult) -> str | None:
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    return _origin(scheme, host, parts.port) if scheme in PORTS and host else None

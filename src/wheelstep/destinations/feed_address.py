"""The URLs of an Azure Artifacts feed, made from any one of them.

Forms (Microsoft Learn, "Publish and consume Python packages"): `https://pkgs.dev.azure.com/ORG
[/PROJECT]/_packaging/FEED[@VIEW]/pypi/simple/` and `.../pypi/upload/`; the older host
`ORG.pkgs.visualstudio.com` with the same tails; Azure DevOps Server with its collection before
`_packaging`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from wheelstep.errors import SettingError
from wheelstep.ground.credentials import organization_of
from wheelstep.ground.secret import without_credentials

__all__ = ["FeedAddress", "page_of_a_feed"]

PYTHON_TAILS = {(), ("pypi",), ("pypi", "simple"), ("pypi", "upload")}
LONGEST_SCOPE = {"pkgs.dev.azure.com": 2}


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Where a feed is."""

    origin: str
    """Scheme, host and port, in lower case, no slash at the end."""
    scope: tuple[str, ...]
    """The path parts before `_packaging`, decoded: organization and project as the host has it."""
    feed: str
    """Without a view."""
    view: str | None = None
    """What is read by consumers; None reads all versions."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take a feed's URL apart.

        Args:
            url: Any of the feed's URLs, http or https, without credentials.

        Raises:
            SettingError: It is not a feed's URL, or one for another kind of package.
        """
        parts = urlsplit(url)
        segments = [unquote(part) for part in parts.path.split("/") if part]
        lower = [segment.lower() for segment in segments]
        if "_packaging" not in lower or lower[-1] == "_packaging":
            raise _not_a_feed(url, "it has no `/_packaging/FEED/` in it")
        at = lower.index("_packaging")
        scope, tail = segments[:at], tuple(lower[at + 2 :])
        if tail not in PYTHON_TAILS:
            raise _not_a_feed(url, f"`{'/'.join(tail)}` is not the end of a Python feed's URL")
        host = (parts.hostname or "").lower()
        if host.endswith(".visualstudio.com") and lower[:1] == ["defaultcollection"]:
            scope = scope[1:]  # the same place, spelled as long ago
        feed, _, view = segments[at + 1].partition("@")
        longest = 1 if host.endswith(".visualstudio.com") else LONGEST_SCOPE.get(host)
        least = 0 if host.endswith(".visualstudio.com") else 1
        if not feed or len(scope) < least or (longest is not None and len(scope) > longest):
            raise _not_a_feed(url, "the parts before `_packaging` do not fit this host")
        return cls(f"{parts.scheme.lower()}://{parts.netloc.lower()}", tuple(scope), feed,
                   view or None)  # fmt: skip

    def _url(self, feed: str, tail: str, *, origin: str = "", scope: tuple[str, ...] = ()) -> str:
        path = "/".join(quote(part, safe="") for part in (scope or self.scope))
        path = f"{path}/_packaging" if path else "_packaging"
        return f"{origin or self.origin}/{path}/{quote(feed, safe='@')}/pypi/{tail}/"

    @property
    def upload_url(self) -> str:
        """Where wheels are sent; the final slash matters (without it the answer is a 301)."""
        return self._url(self.feed, "upload")

    @property
    def simple_url(self) -> str:
        """The simple index of all versions, whatever the view."""
        return self._url(self.feed, "simple")

    @property
    def consumer_url(self) -> str:
        """The simple index that consumers name: of the view, where there is one."""
        return self._url(f"{self.feed}@{self.view}" if self.view else self.feed, "simple")

    @property
    def place(self) -> str:
        """The one spelling of this feed, for the lock: today's host, without a view."""
        organization = organization_of(f"{self.origin}/{'/'.join(self.scope)}")
        if organization is None or not self.origin.endswith(".visualstudio.com"):
            return self.simple_url
        scope = (organization, *self.scope)
        return self._url(
            self.feed, "simple", origin="https://pkgs.dev.azure.com", scope=scope
        )  # fmt: skip

    @property
    def collection(self) -> tuple[str, str | None]:
        """The organization's (or the server's collection's) URL, and the project, None where the
        feed belongs to the organization.

        On a server the two cannot be told apart by form: the last of several parts is taken for
        the project.
        """
        if self.origin.endswith(".visualstudio.com"):
            return f"{self.origin}/", self.scope[0] if self.scope else None
        project = self.scope[-1] if len(self.scope) > 1 else None
        parts = self.scope[:-1] if project else self.scope
        return f"{self.origin}/{'/'.join(quote(part, safe='') for part in parts)}/", project

    @property
    def rest_url(self) -> str:
        """The base URL of the feeds' REST area (Azure DevOps REST reference, "Feed Management")."""
        collection = self.collection[0]
        organization = organization_of(collection)
        return f"https://feeds.dev.azure.com/{organization}" if organization else collection

    @property
    def packages_url(self) -> str:
        """The base URL of the packages' REST area (the same, "Artifacts Package Types")."""
        collection = self.collection[0]
        organization = organization_of(collection)
        return f"https://pkgs.dev.azure.com/{organization}" if organization else collection

    @property
    def portal_url(self) -> str:
        """The feed's page in the browser, where its settings are."""
        collection, project = self.collection
        organization = organization_of(collection)
        base = f"https://dev.azure.com/{organization}/" if organization else collection
        scope = f"{quote(project, safe='')}/" if project else ""
        return f"{base}{scope}_artifacts/feed/{quote(self.feed, safe='')}"


def page_of_a_feed(url: str) -> str | None:
    """Return the feed's own URL when `url` is the feed's page in the browser, else None.

    Args:
        url: E.g. `https://dev.azure.com/ORG/PROJECT/_artifacts/feed/FEED@Local`.
    """
    parts = urlsplit(url)
    segments = [part for part in parts.path.split("/") if part]
    if organization_of(url) is None or segments.count("_artifacts") != 1:
        return None
    at = segments.index("_artifacts")
    if len(segments) < at + 3 or segments[at + 1].lower() != "feed":
        return None
    scope = segments[:at]
    if parts.netloc.lower().endswith(".visualstudio.com"):
        scope = [organization_of(url) or "", *scope]
    path = "/".join([*scope, "_packaging", segments[at + 2].partition("@")[0], "pypi", "simple"])
    return urlunsplit(("https", "pkgs.dev.azure.com", f"/{path}/", "", ""))


def _not_a_feed(url: str, why: str) -> SettingError:
    return SettingError(
        f"{without_credentials(url)} is not the URL of an Azure Artifacts Python feed: {why}.",
        code="destination-unknown",
        cure="Copy it from Azure DevOps: Artifacts, the feed, Connect to feed, pip. It reads "
        "https://pkgs.dev.azure.com/ORG[/PROJECT]/_packaging/FEED/pypi/simple/.",
    )

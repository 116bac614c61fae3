"""The URLs of an Azure Artifacts feed, made from any one of them.

Forms (Microsoft Learn, "Publish and consume Python packages"): `https://pkgs.dev.azure.com/ORG
[/PROJECT]/_packaging/FEED[@VIEW]/pypi/simple/` and `.../pypi/upload/`; the older host
`ORG.pkgs.visualstudio.com` with the same tails; Azure DevOps Server with its collection before
`_packaging`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, urlsplit

from wheelstep.destinations.feed_forms import plain, right_form
from wheelstep.errors import SettingError
from wheelstep.ground.credentials import organization_of, same_organization
from wheelstep.ground.feed_names import feed_name
from wheelstep.ground.secret import blanked, without_credentials

__all__ = ["FeedAddress"]

PYTHON_TAILS: Final = {(), ("pypi",), ("pypi", "simple"), ("pypi", "upload")}
USUAL_DIRECTORY: Final = "tfs"
"""The virtual directory of Azure DevOps Server up to 2018; later ones have none by default."""
USUAL_COLLECTION: Final = "defaultcollection"


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
    depth: int | None = None
    """How many parts of the scope are those of the server's collection; None where only the form
    tells."""

    @classmethod
    def parse(cls, text: str, *, collections: Iterable[str] = ()) -> Self:
        """Take a feed's URL apart.

        Args:
            text: Any of the feed's URLs, http or https, without credentials; or another form that
                `feed_forms.plain` knows.
            collections: URLs of collections of a server that are known, a pipeline job's own: they
                tell where the collection ends.

        Raises:
            SettingError: It is not a feed's URL, or one for another kind of package.
        """
        url = re.sub(r"^feed\+", "", plain(text).text, flags=re.IGNORECASE)
        name = feed_name(url)
        if name is None:
            raise _not_a_feed(url, "it has no `/_packaging/FEED/` in it")
        tail = tuple(part.lower() for part in name.tail)
        if tail not in PYTHON_TAILS and tail[:-1] != ("pypi", "simple"):
            raise _not_a_feed(url, f"`{'/'.join(tail)}` is not the end of a Python feed's URL")
        organization = name.organization
        first = () if organization is None or name.older else (organization,)
        scope = (*first, *name.scope)
        services = organization is not None or organization_of(url) is not None
        if len(name.scope) > 1 if organization is not None else services or not scope:
            raise _not_a_feed(url, "the parts before `_packaging` do not fit this host")
        known = () if services else (one for one in collections if same_organization(one, url))
        depth = next((len(urlsplit(one).path.strip("/").split("/")) for one in known), None)
        return cls(name.origin, scope, name.feed, name.view, depth)

    def _url(self, feed: str, tail: str) -> str:
        path = [*(quote(part, safe="") for part in self.scope), "_packaging", quote(feed, safe="@")]
        return f"{self.origin}/{'/'.join(path)}/pypi/{tail}/"

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
        """The one spelling of this feed, for the lock: today's host, lower case, no view."""
        name = feed_name(self.simple_url)
        return self.simple_url if name is None else name.place

    @property
    def collection(self) -> tuple[str, str | None]:
        """The organization's (or the server's collection's) URL, and the project, None where the
        feed belongs to the organization.

        On a server the two cannot be told apart by form alone, where no job tells: of two parts the
        first is a virtual directory where it is `tfs`, or where the second is `DefaultCollection`,
        else the collection; of three and more the last is the project.
        """
        if self.origin.endswith(".visualstudio.com"):
            return f"{self.origin}/", self.scope[0] if self.scope else None
        whole = len(self.scope) == (self.depth or self._usual_depth())
        parts, project = (self.scope, None) if whole else (self.scope[:-1], self.scope[-1])
        return f"{self.origin}/{'/'.join(quote(part, safe='') for part in parts)}/", project

    def _usual_depth(self) -> int:
        """Return how many parts of the scope are the collection's, as far as their form tells."""
        if len(self.scope) != 2 or organization_of(f"{self.origin}/{self.scope[0]}"):  # noqa: PLR2004 - see `collection`
            return max(1, len(self.scope) - 1)
        first, second = (part.lower() for part in self.scope)
        return 2 if first == USUAL_DIRECTORY or second == USUAL_COLLECTION else 1

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


def _not_a_feed(url: str, why: str) -> SettingError:
    return SettingError(
        f"{without_credentials(blanked(url))} is not the URL of an Azure Artifacts Python feed: "
        f"{why}.",
        code="destination-unknown",
        cure=f"It reads {right_form(url)}; copy it from Azure DevOps: Artifacts, the feed, Connect "
        "to feed, pip.",
    )

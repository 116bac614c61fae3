"""The indexes of a definition: whose they are, who reads them, and what a refusal means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from wheelstep.errors import DefinitionUnresolvable, ServiceRefused, StepError
from wheelstep.ground.connections import Connection
from wheelstep.ground.feed_names import spelled_like
from wheelstep.ground.index_url import same_index
from wheelstep.ground.proxies import is_below
from wheelstep.ground.public_index import IndexCredential, PipIndexes, credential_for
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.wheel_url import lies_at
from wheelstep.rehearsal.credentials_in_effect import injected, uncovered
from wheelstep.rehearsal.pages import Page

__all__ = ["Indexes", "Place", "Source"]

Source = Literal["nobody", "connection", "settings", "definition", "public"]
"""Where a credential comes from."""
ANY_USER = "wheelstep"
"""Feeds take any user name beside a token."""


@dataclass(frozen=True, slots=True)
class Place:
    """One index of a definition, or one place of find-links."""

    url: str | None
    """As the definition or pip's configuration has it, without credentials; None: pip's default."""
    read: str | None
    """What is read in its place; None: nothing can be."""
    kind: Literal["ours", "public", "other"]
    published: bool = False
    """The new wheels will be listed there."""
    links: bool = False
    credential: IndexCredential | None = None
    source: Source = "nobody"
    connection: Connection | None = None
    """What Azure ML injects."""

    @property
    def remote(self) -> bool:
        """True for an index over the network that does not stand for the public one."""
        return self.kind != "public" and not self.links and (self.read or "").startswith("http")

    @property
    def shown(self) -> str:
        """The place, for people."""
        return without_credentials(self.url or self.read or "the index that pip has by default")


@dataclass(frozen=True, slots=True)
class Indexes:
    """What a run knows about indexes, the same for all definitions."""

    public: PipIndexes
    """What pip is configured with: it stands for what the image has."""
    default: str | None
    """pip's own default; None where it is switched off, or not known."""
    new: str
    """Stands for the new wheels as an index of this machine."""
    published: tuple[str, ...] = ()
    """Indexes that will list the new wheels, as definitions name them."""
    local: tuple[str, ...] = ()
    """The same of this machine: no definition can name them, and every one has them."""
    files_at: tuple[str, ...] = ()
    """Folders that will hold the new wheels, each at a URL of its own."""
    instead: Mapping[str, str] | None = None
    credentials: tuple[IndexCredential, ...] = ()
    """Those of the settings, for publishing; used while no connection is known, and where the
    secret of the one that is injected is not."""
    connections: tuple[Connection, ...] = ()
    switched_off: bool = False
    """Nothing is to stand for the public index."""

    def places(
        self,
        index_urls: Sequence[str | None],
        find_links: Sequence[str],
        own: Sequence[IndexCredential],
        *,
        connected: bool,
    ) -> list[Place]:
        """Return where pip looks, in its order, each place once.

        Args:
            index_urls: From `index_order`, without credentials.
            find_links: From there, too.
            own: The credentials that the definition's URLs hold.
            connected: Whether workspace connections reach this build.
        """
        found: dict[str | None, Place] = {}
        for link in find_links:
            who = credential_for(link, self.public.credentials)
            source: Source = "public" if who else "nobody"
            found[f"links {link}"] = Place(
                link, link, "other", links=True, credential=who, source=source
            )
        for url in index_urls:
            key = url.rstrip("/") if url else None
            if key not in found:
                found[key] = self.place(url, own, connected=connected)
        for local in reversed(self.local or (() if self.published else (self.new,))):
            found[local.rstrip("/")] = Place(local, local, "ours", published=True)
        return list(found.values())

    def place(self, url: str | None, own: Sequence[IndexCredential], *, connected: bool) -> Place:
        """Return what is known about one index."""
        if url is None:
            return Place(None, self.default, "public")
        published = any(same_index(url, each) for each in self.published)
        local = (self.instead or {}).get(url.rstrip("/"))
        if local is not None:
            return Place(url, local, "ours", published=published)
        configured = any(each and same_index(url, each) for each in self.public.index_urls)
        public = configured or bool(self.default and same_index(url, self.default))
        targeted = self.targeted(url)
        # a connection for a whole host says nothing of whose packages an index there has
        kind: Literal["ours", "public", "other"] = (
            "ours" if published else "public" if public else "ours" if targeted else "other"
        )
        who, source, connection = self.reader(
            url, own, connected=connected, configured=configured and not (published or targeted)
        )
        return Place(url, url, kind, published, False, who, source, connection)

    def guarded(self, places: Iterable[Place]) -> set[str | None]:
        """Return the hosts that are sent a credential of the settings, or of a connection; those of
        a definition's places among them: a feed has two, and its credential goes to both."""
        urls = [
            *(one.url for one in self.credentials),
            *(one.target for one in self.connections if one.secret),
            *(
                one.credential.url
                for one in places
                if one.credential and one.source in {"settings", "connection"}
            ),
        ]
        return {urlsplit(url).hostname for url in urls}

    def may_serve(self, url: str) -> bool:
        """Tell whether a URL may be that of a wheel which this release publishes: where one of our
        indexes has its files; nowhere but on this machine, where no index of ours has a URL."""
        places = (*self.published, *self.files_at)
        return url.startswith("file:") or any(lies_at(url, each) for each in places)

    def unread(self, place: Place) -> str:
        """Return why an index that the definition has is not looked at."""
        if self.switched_off:
            return "It looks in the index that pip has by default too, and `public-index` is none."
        return f"Which index {place.shown} is cannot be told here."

    def targeted(self, url: str) -> bool:
        """Tell whether an index lies below the target of a connection, be it in another spelling:
        Azure ML does not match that, and it is for the same feed all the same."""
        return any(
            each.category == "PythonFeed"
            and (is_below(url, each.target) or spelled_like(url, each.target) is not None)
            for each in self.connections
        )

    def reader(
        self,
        url: str,
        own: Sequence[IndexCredential],
        *,
        connected: bool = True,
        configured: bool = False,
    ) -> tuple[IndexCredential | None, Source, Connection | None]:
        """Return who reads a URL, and why: as the image build does, as far as that is known."""
        if configured:
            who = credential_for(url, self.public.credentials)
            return who, "public" if who else "nobody", None
        if connected and self.connections and (one := injected(url, self.connections)):
            unknown = one.secret is None and one.auth_type != "None"
            if unknown and (who := credential_for(url, self.credentials)):
                return who, "settings", one
            who = IndexCredential(one.target, one.user or ANY_USER, one.secret)
            return (who if one.secret else None), "connection", one
        if connected and not self.connections:
            if who := credential_for(url, self.credentials):
                return who, "settings", None
            if who := credential_for(url, self.public.credentials):
                return who, "public", None
        who = credential_for(url, own)
        return who, "definition" if who else "nobody", None

    def fault(self, place: Place, page: Page, *, connected: bool) -> StepError | str | None:
        """Return what a page that could not be read means: an error, or a reason why nothing is
        proved; None where it could be."""
        shown = place.shown
        if page.error is None or not page.refused:
            return page.error
        if place.connection is not None and place.source == "connection" and place.credential:
            return ServiceRefused(
                f"{shown} refuses the token of the connection {place.connection.name}, which is "
                "what Azure ML will inject for it. The image build would be refused, too.",
                code="connection-refused",
                cure="Renew the connection's token (Packaging: Read is enough) in the workspace, "
                "and hand the new one over as connection-token.",
            )
        if place.connection is not None and place.connection.auth_type == "None":
            return ServiceRefused(
                f"{shown} asks for credentials, and the connection {place.connection.name}, which "
                "Azure ML will take for it, has none. The image build would be refused, too.",
                code="connection-refused",
                cure="Give the connection a token that may read (Packaging: Read is enough).",
            )
        if place.credential is not None and place.credential.password:
            return page.error
        if self.connections and connected and place.kind == "ours" and place.connection is None:
            message, cure = uncovered(shown, self.connections)
            return DefinitionUnresolvable(message, code="index-not-covered", cure=cure)
        if place.connection is not None:
            why = (
                f"Azure ML will inject those of the connection {place.connection.name}, and its "
                "token is not known here"
            )
        elif not connected:
            why = "workspace connections do not reach a Dockerfile build"
        elif self.connections:
            why = "no connection that is known here matches it"
        else:
            why = "none were given for it"
        return f"{shown} asks for credentials, and {why}."

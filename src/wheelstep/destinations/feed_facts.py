"""What is known of a feed and its packages: values, made from the client's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = [
    "FeedFacts",
    "FeedVersion",
    "KnownVersion",
    "Retention",
    "Upstream",
    "known_of",
    "upstream_of",
]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a feed takes packages from."""

    id: str
    name: str
    protocol: str
    """In lower case: "pypi", "npm", ..."""
    public: bool
    """True: a public index; False: another feed."""
    location: str
    works: bool
    """False when it is disabled or was deleted."""


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """A feed's settings."""

    id: str
    name: str
    upstream_enabled: bool
    upstreams: tuple[Upstream, ...]
    """As they are listed, of every kind of package."""

    @property
    def public_upstreams(self) -> tuple[str, ...]:
        """Names of the public Python indexes whose packages it serves."""
        return tuple(
            one.name
            for one in self.upstreams
            if self.upstream_enabled and one.works and one.public and one.protocol == "pypi"
        )


@dataclass(frozen=True, slots=True)
class Retention:
    """Which versions a feed keeps of each package."""

    newest: int
    """So many."""
    days: int
    """And those that were downloaded within so many days."""


@dataclass(frozen=True, slots=True)
class FeedVersion:
    """One version of a package, as the feed knows it."""

    views: tuple[str, ...]
    """Names of the views that show it."""
    deleted: bool
    """In the recycle bin, or gone from there: its number stays reserved."""
    source: tuple[str, ...]
    """Names of the upstreams it came through, the nearest first; none: published here."""


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """One of a package's versions in a list of them all."""

    version: str
    deleted: bool
    upstream: str | None
    """Name (or else id, in lower case) of the upstream it was taken from; None: published here."""
    views: tuple[str, ...]
    published: datetime | None


def upstream_of(source: Any) -> Upstream:
    """Return a feed's upstream from the client's UpstreamSource."""
    return Upstream(
        id=str(source.id or "").lower(),
        name=str(source.name or source.id or ""),
        protocol=str(source.protocol or "").lower(),
        public=str(source.upstream_source_type or "").lower() == "public",
        location=str(source.display_location or source.location or ""),
        works=str(source.status or "ok").lower() == "ok" and source.deleted_date is None,
    )


def known_of(version: Any) -> KnownVersion:
    """Return a version from the client's MinimalPackageVersion; its upstream is an id."""
    return KnownVersion(
        version=str(version.version),
        deleted=bool(version.is_deleted),
        upstream=str(version.direct_upstream_source_id or "").lower() or None,
        views=tuple(str(view.name) for view in version.views or () if view.name),
        published=version.publish_date,
    )

"""Which view of a feed a destination promotes to, as its settings say it together; no I/O."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.interface import EVERYTHING, Wanted
from wheelstep.errors import SettingError
from wheelstep.ground.secret import without_credentials

__all__ = [
    "is_of",
    "listing_urls",
    "refuse_view",
    "view_place",
    "view_read_at",
    "view_to_promote_to",
]


def view_read_at(address: FeedAddress, url: str) -> str | None:
    """Return the view of a feed that a URL reads, where it narrows what is seen: None for the feed
    itself, for @Local, which shows every version, and for anything but this feed.

    Args:
        address: The feed.
        url: What a definition or `serve-url` names, without credentials.
    """
    other = _parsed(url)
    if other is None or not _same_feed(other, address):
        return None
    return None if (other.view or EVERYTHING).lower() == EVERYTHING else other.view


def is_of(address: FeedAddress, url: str) -> bool:
    """Tell whether a URL is one of a feed, of whatever view of it."""
    other = _parsed(url)
    return other is not None and _same_feed(other, address)


def _parsed(url: str) -> FeedAddress | None:
    try:
        return FeedAddress.parse(url)
    except (SettingError, ValueError):
        return None


def _same_feed(one: FeedAddress, other: FeedAddress) -> bool:
    """Tell whether two addresses are of one feed: the service does not look at case."""
    return one.place.lower() == other.place.lower()


def view_to_promote_to(wanted: Wanted, address: FeedAddress) -> str | None:
    """Return the view that versions are promoted to, None for none: the one that is set, else the
    one that consumers read by the destination's own URLs.

    Args:
        wanted: What the settings say.
        address: Of its `url`.

    Raises:
        SettingError: Consumers read another view than the one that is set.
    """
    named = wanted.serve_url or address.consumer_url
    read = view_read_at(address, named)
    if wanted.view is None or read is None or read.lower() == wanted.view.lower():
        return wanted.view or read
    setting = "serve-url" if wanted.serve_url else "publish-to"
    raise SettingError(
        f"Versions would be promoted to the view {wanted.view}, but consumers read the view {read} "
        f"({without_credentials(named)}): they would never see them.",
        code="view-contradiction",
        cure=f"Name one view in both `view` and `{setting}`, or the feed itself in `{setting}`.",
    )


def refuse_view(wanted: Wanted) -> None:
    """Refuse a view of what is no feed.

    Raises:
        SettingError: There is one.
    """
    if wanted.view is not None:
        raise SettingError(
            f"The destination {wanted.name or without_credentials(wanted.url)} has a `view`, and "
            "only an Azure Artifacts feed has views.",
            code="view-without-feed",
            cure="Leave `view` out, or put feed+ before the URL if it is a feed.",
        )


def view_place(address: FeedAddress, view: str) -> str:
    """Return the one spelling of a view of a feed, for the lock: views are told apart without
    regard to case."""
    head, _, tail = address.place.rpartition("/pypi/")
    return f"{head}@{quote(view.lower(), safe='')}/pypi/{tail}"


def listing_urls(address: FeedAddress, view: str | None) -> tuple[str, ...]:
    """Return the simple indexes that list a new version once it is published and promoted, as
    definitions name them: of the feed, of @Local, and of the view.

    Args:
        address: The feed.
        view: The one that versions are promoted to; None for none.
    """
    seen = [replace(address, view=one).consumer_url for one in (None, "Local", view)]
    return tuple(dict.fromkeys(seen))

"""Whose a wheel's URL is: whether it lies where an index has its files. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from wheelstep.ground.feed_names import FeedName, feed_name
from wheelstep.ground.proxies import is_below

__all__ = ["lies_at"]

GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PAGES: Final = frozenset({"simple", "+simple"})
"""The last part of an index's URL, as the servers that we know have it: files are beside it."""


def lies_at(url: str, place: str) -> bool:
    """Tell whether a URL lies where an index has its files: below the folder that its pages are in.

    A server beside it on the same host is another one's. Azure Artifacts names a feed, and its
    project, by a GUID in the URLs of files: which of an organization's feeds that is, it does not
    tell, and it is taken for ours. What a server may read in two ways (`..`, an encoded slash, an
    encoded percent sign) lies nowhere.

    Args:
        url: The wheel's; user, query and fragment do not matter.
        place: The URL of a simple index, or of a folder with one.
    """
    try:
        inner, outer = urlsplit(url), urlsplit(place)
    except ValueError:
        return False
    if "%25" in inner.path or not outer.netloc:
        return False
    ours, other = feed_name(place), feed_name(url)
    if ours is not None:
        whole = f"{inner.scheme}://{inner.netloc}/"
        return other is not None and is_below(url, whole) and _same_feed(other, ours)
    folder, _, last = outer.path.rstrip("/").rpartition("/")
    path = folder if last.lower() in PAGES else outer.path
    return is_below(url, outer._replace(path=path, query="", fragment="").geturl())


def _same_feed(url: FeedName, ours: FeedName) -> bool:
    if (url.organization or "").lower() != (ours.organization or "").lower():
        return False
    if ours.organization is None and url.origin != ours.origin:
        return False
    names = (*url.scope, url.feed), (*ours.scope, ours.feed)
    return len(names[0]) == len(names[1]) and all(
        one.lower() == other.lower() or GUID.fullmatch(one)
        for one, other in zip(*names, strict=True)
    )

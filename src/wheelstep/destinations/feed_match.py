"""Whether two URLs are of the same feed, as far as their forms tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.errors import SettingError
from wheelstep.ground.pypirc import Match

__all__ = ["matcher"]

IDENTIFIER: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
"""Feeds and projects have names, and ids that stand for them in every URL."""


def matcher(address: FeedAddress) -> Callable[[str], Match]:
    """Return what tells whether a URL, in any of its spellings, is of this feed.

    Args:
        address: Of the feed.
    """
    ours = _parts(address)

    def match(url: str) -> Match:
        try:
            theirs = _parts(FeedAddress.parse(url))
        except (SettingError, ValueError):
            return "other"
        if theirs == ours:
            return "same"
        alike = len(theirs) == len(ours) and theirs[0] == ours[0]
        # an organization has no id that stands in URLs
        return "perhaps" if alike and all(map(_may_be, theirs[1:], ours[1:])) else "other"

    return match


def _parts(address: FeedAddress) -> tuple[str, ...]:
    """Return the collection, the project where there is one, and the feed, in one case."""
    known = FeedAddress.parse(address.place)
    collection, project = known.collection
    parts = (collection, known.feed) if project is None else (collection, project, known.feed)
    return tuple(part.lower() for part in parts)


def _may_be(one: str, other: str) -> bool:
    return one == other or bool(IDENTIFIER.fullmatch(one)) != bool(IDENTIFIER.fullmatch(other))

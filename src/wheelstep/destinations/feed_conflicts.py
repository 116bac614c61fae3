"""Why a feed takes no upload of a version, told apart: prose, no I/O.

Sources: Microsoft Learn, "Artifacts storage, limits and deletion" and "Upstream sources"; texts of
answers as public threads show them (uv #8817, azure-devops-docs #8488).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from wheelstep.destinations.feed_refusals import FeedAsker
from wheelstep.destinations.refusals import type_key, words
from wheelstep.errors import ServiceRefused
from wheelstep.ground.transport import Response
from wheelstep.model import Wheel

__all__ = [
    "MOST_VERSIONS",
    "at_upstream",
    "deleted",
    "says_deleted",
    "says_full",
    "says_upstream",
    "too_many_versions",
]

MOST_VERSIONS: Final = 5000
"""Versions of one package in a feed (Microsoft Learn, "Limits on packages")."""
FULL: Final = re.compile(r"\blimit of\b.*\bversions\b|maximum number of .*versions", re.IGNORECASE)


RECYCLED: Final = {
    True: (
        " It is in the feed's recycle bin still.",
        (
            "Raise the version. Or, if the deleted one is what you want, restore it: {page}, "
            "Recycle Bin; a Feed Owner may."
        ),
    ),
    False: (
        " It is not in the feed's recycle bin any more, and cannot be restored.",
        "Raise the version ({page} shows the versions that there are).",
    ),
    None: (
        "",
        (
            "Raise the version; or restore the old one from the feed's recycle bin within 30 days "
            "of its deletion, if it is what you want ({page}, Recycle Bin)."
        ),
    ),
}
"""By whether a deleted version is in the recycle bin: what is said of it, and the cure."""


def says_deleted(response: Response) -> bool:
    """Say whether a 409 means that the version was deleted ("... has been deleted, and cannot be
    republished")."""
    key = type_key(response).lower()
    return "already" not in key and "deleted" in f"{key} {words(response)}".lower()


def says_upstream(response: Response) -> bool:
    """Say whether a 409 means an upstream ("... cannot be published to the feed because it exists
    in at least one of the feed's upstream sources")."""
    return response.status == HTTPStatus.CONFLICT and "upstream source" in words(response).lower()


def says_full(response: Response) -> bool:
    """Say whether a refusal means that the package has as many versions as it may."""
    refusing = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}
    return response.status in refusing and (
        "limitexceeded" in type_key(response).lower() or FULL.search(words(response)) is not None
    )


def deleted(wheel: Wheel, asker: FeedAsker, *, recycled: bool | None) -> ServiceRefused:
    """Return the error for a version that was deleted.

    Args:
        wheel: What was to be published.
        asker: Which feed.
        recycled: Whether it is in the recycle bin still; None where that is not known.
    """
    page = asker.address.portal_url
    where, cure = RECYCLED[recycled]
    return ServiceRefused(
        f"{asker.name} does not take {wheel.file}: version {wheel.version} of {wheel.name} was "
        f"deleted from {asker.feed}, and a feed never takes a deleted version again.{where}",
        code="version-deleted",
        cure=cure.format(page=page),
    )


def at_upstream(wheel: Wheel, asker: FeedAsker, upstreams: Sequence[str]) -> ServiceRefused:
    """Return the error for a version that an upstream of the feed has.

    Args:
        wheel: What was to be published.
        asker: Which feed.
        upstreams: Names of those that may have it.
    """
    names = ", ".join(upstreams)
    which = f"an upstream of the feed ({names})" if names else "an upstream of the feed"
    return ServiceRefused(
        f"{asker.name} does not take {wheel.file}: {wheel.name} {wheel.version} is at {which}, and "
        f"{asker.feed} takes no version that one of its upstreams has.",
        code="version-at-upstream",
        cure=f"If that is your package, use it from there, or raise the version. If it is somebody "
        f"else's package of the same name, rename yours. Or remove the upstream: "
        f"{asker.address.portal_url}, Feed settings, Upstream sources.",
    )


def too_many_versions(wheel: Wheel, asker: FeedAsker, count: int | None) -> ServiceRefused:
    """Return the error for a package that has as many versions as it may.

    Args:
        wheel: What was to be published.
        asker: Which feed.
        count: How many it has; None where that is not known.
    """
    has = f"{count} versions" if count is not None else "as many versions as it may"
    return ServiceRefused(
        f"{asker.name} takes no further version of {wheel.name}: it has {has} at {asker.feed}, "
        f"and Azure Artifacts takes {MOST_VERSIONS} of a package. {wheel.file} was not stored.",
        code="too-many-versions",
        cure=f"Delete versions that no definition pins ({asker.address.portal_url}, the package, "
        "Versions), or set a retention policy there (Feed settings, Retention). Versions in views "
        "stay.",
    )

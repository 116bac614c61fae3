"""What else in a workspace meets our indexes: connections that would win, or that break builds.

Sources: the closest match (azure-sdk-for-python #22441), a broken connection that broke the builds
of others (azureml-examples PR #2265), the credentials documented for Python feeds (Microsoft Learn,
"Create connections").
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from wheelstep.ground.connections import depth_of
from wheelstep.ground.proxies import is_below
from wheelstep.model import Workspace
from wheelstep.workspaces.commands import delete_connection
from wheelstep.workspaces.connection import Stored

__all__ = [
    "SOON",
    "Finding",
    "broken",
    "expiry_finding",
    "harm",
]

SOON: Final = dt.timedelta(days=14)
"""How long before its end an expiry is warned of."""
DOCUMENTED: Final = frozenset({"PAT", "UsernamePassword", "None"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the connections of a workspace that a reader should know."""

    code: str
    message: str
    cure: str
    connection: str
    """The name of the one it is about."""
    expired: bool = False
    """True where builds fail because of it already."""


def broken(one: Stored, now: dt.datetime) -> str | None:
    """Return why a connection is broken, a part of a sentence, None where nothing is to be seen.

    Args:
        one: The connection.
        now: UTC.
    """
    if one.error:
        return f"the service says that it is broken ({one.error})"
    if one.expires is not None and one.expires <= now:
        return f"it expired on {one.expires:%Y-%m-%d}"
    if one.category != "PythonFeed":
        return None
    if one.auth_type not in DOCUMENTED:
        return (
            f"it authenticates with {one.auth_type or 'nothing that is stated'}, which Azure ML "
            "does not document for Python feeds"
        )
    try:
        parts = urlsplit(one.target)
        usable = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    return None if usable else f"its target {one.target!r} is no URL"


def harm(
    workspace: Workspace,
    ours: Stored,
    stored: Sequence[Stored],
    indexes: Sequence[str],
    now: dt.datetime,
) -> Iterator[Finding]:
    """Yield what in a workspace would spoil our connection, or would be spoilt by it.

    Args:
        workspace: Whose connections they are.
        ours: The connection that is ours, as it is or shall be.
        stored: All that the workspace has for Python feeds and git.
        indexes: URLs of the indexes that ours is meant for.
        now: UTC.
    """
    meant = [url for url in indexes if is_below(url, ours.target)]
    for one in stored:
        if one.name.lower() == ours.name.lower() or one.category != ours.category:
            continue
        why = broken(one, now)
        of_us = [url for url in meant if is_below(url, one.target)]
        if ours.category == "PythonFeed" and of_us and depth_of(one.target) > depth_of(ours.target):
            yield Finding(
                "connection-outranked",
                f"In the workspace {workspace} the connection {one.name} ({one.target}) matches "
                f"{of_us[0]} more closely than {ours.name} ({ours.target}): Azure ML would "
                "authenticate with it" + (f", and {why}." if why else "."),
                f"Give {ours.name} a closer target (`connection-target`), or delete {one.name} if "
                f"nobody needs it: {delete_connection(workspace, one.name)}",
                one.name,
            )
        elif _same_target(one, ours):
            yield Finding(
                "connection-ambiguous",
                f"In the workspace {workspace} the connections {one.name} and {ours.name} have the "
                f"same target {ours.target}: which of them Azure ML takes is not documented"
                + (f", and of {one.name}: {why}." if why else "."),
                f"Keep one of them: {delete_connection(workspace, one.name)}",
                one.name,
            )
        elif why is not None:
            yield Finding(
                "connection-broken",
                f"In the workspace {workspace} the connection {one.name} ({one.target}) is broken: "
                f"{why}. Builds of everybody whose definitions name an index there fail, and "
                "jobs that use all connections (AutoML) with them.",
                f"Mend it, or delete it: {delete_connection(workspace, one.name)}",
                one.name,
            )
        elif ours.category == "PythonFeed" and is_below(ours.target, one.target):
            yield Finding(
                "connection-takes-over",
                f"In the workspace {workspace} the connection {one.name} ({one.target}) serves "
                f"whatever lies below its target; {ours.name} takes over all of it that lies below "
                f"{ours.target}, the feeds of other teams included.",
                f"Narrow `connection-target` to the feed itself, or make sure that the token of "
                f"{ours.name} may read those feeds, too.",
                one.name,
            )


def expiry_finding(workspace: Workspace, one: Stored, now: dt.datetime) -> Finding | None:
    """Return what is to be said of a connection that ends soon, or has ended.

    Args:
        workspace: Whose it is.
        one: The connection.
        now: UTC.
    """
    if one.expires is None or one.expires > now + SOON:
        return None
    ended = one.expires <= now
    days = (one.expires - now).days
    when = f"expired on {one.expires:%Y-%m-%d}"
    if not ended:
        left = "today or tomorrow" if days < 1 else f"in {days} day{'s' if days > 1 else ''}"
        when = f"expires on {one.expires:%Y-%m-%d}, {left}"
    return Finding(
        "connection-expired" if ended else "connection-expires-soon",
        f"The token of the connection {one.name} in the workspace {workspace} {when}: "
        f"{'image builds are refused' if ended else 'from then on image builds are refused'} at "
        f"{one.target}.",
        "Make a new token (Packaging: Read is enough), set connection-token and "
        "`connection-expires`, and run `wheelstep connect --rotate`.",
        one.name,
        expired=ended,
    )


def _same_target(one: Stored, other: Stored) -> bool:
    return is_below(one.target, other.target) and is_below(other.target, one.target)

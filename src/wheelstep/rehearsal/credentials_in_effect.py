"""Which workspace connection Azure ML injects for an index: pure.

Documented is: for a base image with a conda specification "we'll update urls from the spec with the
auth from ws connections using the closest match" (azure-sdk-for-python #22441), and "the feed with
the matching base URL" (Microsoft Learn, "Use private Python packages"). Not documented is what is
closest. The assumption made here: the same scheme, host and port, and of several targets the one
with the longest path of whole segments that the index's URL begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from wheelstep.ground.connections import Connection, closest
from wheelstep.ground.credentials import organization_of
from wheelstep.ground.feed_names import spelled_like
from wheelstep.ground.proxies import is_below

__all__ = ["ASSUMPTION", "NearMiss", "injected", "near_misses", "uncovered", "usual_target"]

ASSUMPTION: Final = (
    "Azure ML documents only that the connection with the closest match to an index's URL is used. "
    "It was assumed that scheme, host and port have to be equal and that the longest target wins "
    "that the URL begins with, in whole parts of its path."
)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A connection that was perhaps meant for an index, and does not match it."""

    connection: Connection
    why: str
    """A part of a sentence: "its target has the other host name of the same organization"."""
    cure: str


def injected(url: str, connections: Iterable[Connection]) -> Connection | None:
    """Return the connection whose credential Azure ML puts into an index's URL.

    `pkgs.dev.azure.com/ORG` and `ORG.pkgs.visualstudio.com` are different hosts: a connection for
    one never matches an index at the other.

    Args:
        url: The index, as the definition names it; without credentials.
        connections: All that the workspace has, as far as they are known.

    Returns:
        None where none matches; of equal targets the first.
    """
    return closest(url, connections)


def near_misses(url: str, connections: Iterable[Connection]) -> list[NearMiss]:
    """Return the connections that do not match an index, and nearly do, each with its cure.

    Args:
        url: The index, as the definition names it.
        connections: Those that are known; `injected` found none among them.
    """
    found: list[NearMiss] = []
    for one in connections:
        try:
            target, index = urlsplit(one.target), urlsplit(url)
            same_host = target.hostname == index.hostname and (
                _port(target) == _port(index) or (target.port, index.port) == (None, None)
            )
        except ValueError:
            continue
        organization = organization_of(url)
        if one.category != "PythonFeed":
            if is_below(url, one.target) or same_host:
                found.append(
                    NearMiss(
                        one,
                        f"is one for {one.category}, not for Python feeds",
                        "Make it a connection of the category PythonFeed.",
                    )
                )
        elif (spelled := spelled_like(url, one.target)) is not None:
            found.append(
                NearMiss(
                    one,
                    f"is for the same feed in another spelling, {one.target}: Azure ML compares "
                    "the text, and an index that begins otherwise is not matched",
                    f"Write {spelled} in the definition, or make {usual_target(url)} the "
                    "connection's target.",
                )
            )
        elif organization and organization == organization_of(one.target) and not same_host:
            found.append(
                NearMiss(
                    one,
                    "has the other host name of the same organization as its target",
                    f"Make {usual_target(url)} the connection's target, or name the index with the "
                    f"host {target.hostname} in the definition.",
                )
            )
        elif same_host and target.scheme.lower() != index.scheme.lower():
            found.append(
                NearMiss(
                    one,
                    f"has a target with {target.scheme}://, and the index has {index.scheme}://",
                    f"Make {usual_target(url)} the connection's target.",
                )
            )
        elif same_host:
            found.append(
                NearMiss(
                    one,
                    "has a target on the same host that the index's URL does not begin with",
                    f"Make its target wider: {usual_target(url)}.",
                )
            )
    return found


def uncovered(url: str, connections: Sequence[Connection]) -> tuple[str, str]:
    """Return (what is wrong, what to do) where no connection covers an index that refuses
    everybody who does not sign in.

    Args:
        url: The index, without credentials.
        connections: Those that are known, at least one.
    """
    missed = near_misses(url, connections)
    known = "; ".join(f"{one.name} ({one.category}, {one.target})" for one in connections)
    near = " ".join(f"{one.connection.name} {one.why}." for one in missed)
    message = (
        f"{url} asks for credentials, and none of the workspace's connections matches it: the "
        f"image build would be refused there. Known are: {known}."
    )
    cure = " Or: ".join(dict.fromkeys(one.cure for one in missed))
    return (
        f"{message} {near}".rstrip(),
        cure
        or f"Create a connection of the category PythonFeed with the target "
        f"{usual_target(url)}, and name it in the settings (`connection`).",
    )


def _segments(parts: SplitResult) -> list[str]:
    return [unquote(part) for part in parts.path.split("/") if part]


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme.lower())


def usual_target(url: str) -> str:
    """Return the widest target that is usual for an index: the organization of an Azure Artifacts
    feed, else the host.

    Args:
        url: The index.
    """
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    first = _segments(parts)[:1]
    shared = (parts.hostname or "").endswith(".dev.azure.com")
    return f"{host}/{first[0]}" if shared and first else f"{host}/"

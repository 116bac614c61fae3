"""Which URLs of definitions are our own: only those are edited."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final
from urllib.parse import unquote, urlsplit

from wheelstep.destinations.interface import Destination
from wheelstep.destinations.workspace_storage import (
    PRIVATE_WHEEL,
    WorkspaceStorage,
    folder_in,
    workspace_of,
)
from wheelstep.errors import StepError
from wheelstep.ground.proxies import is_below
from wheelstep.ground.wheel_url import lies_at
from wheelstep.model import Pin
from wheelstep.stages.run import Run
from wheelstep.stages.views import listing_urls

__all__ = ["whose"]

SHA256: Final = re.compile(r"(?:^|&)sha256=([0-9a-fA-F]{64})(?:&|$)")


def whose(run: Run, pins: Iterable[Pin]) -> Callable[[str], bool]:
    """Return what tells of a wheel's URL whether it is ours: under a destination of the settings,
    or under one that the record has a wheel at, or the very wheel that the record has, by its hash.

    Only where a URL has the form of a wheel in a workspace's storage, the workspaces are asked
    which storage they have.

    Args:
        run: The run.
        pins: What is pinned, with the URLs that are known.
    """
    recorded = [wheel for row in run.lock.packages.values() for wheel in row.wheels]
    places = {place for wheel in recorded for place in wheel.places}
    indexes = {*(url for one in run.destinations for url in _urls(one)), *places}
    sums = {(wheel.file, wheel.sha256) for wheel in recorded}
    folders = {url.rpartition("/")[0] for pin in pins for _, url in pin.urls}

    @cache
    def storages() -> list[str]:
        return [*_storages(run, places)]

    def in_storage(plain: str) -> bool:
        # on a pull request nobody signs in to ask, and nothing is committed
        return run.trigger.pull_request or any(
            is_below(plain, each) for each in (*folders, *storages())
        )

    @cache
    def tell(url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme.lower() not in {"http", "https"}:
            return True  # of this machine, or of the image
        stated = SHA256.search(parts.fragment)
        file = unquote(parts.path).rpartition("/")[2]
        plain = url.partition("#")[0].partition("?")[0]
        return (
            any(lies_at(url, each) for each in indexes)
            or (stated is not None and (file, stated[1].lower()) in sums)
            or (PRIVATE_WHEEL.match(plain) is not None and in_storage(plain))
        )

    return tell


def _urls(one: Destination) -> Iterator[str]:
    yield from listing_urls(one)
    if "://" in one.place:
        yield one.place


def _storages(run: Run, places: Iterable[str]) -> Iterator[str]:
    """Yield the folders of wheels in the storage of workspaces: of destinations, and of what the
    record names, as far as they may be asked."""
    for one in run.destinations:
        if isinstance(one, WorkspaceStorage):
            yield one.folder()
    known = {one.place for one in run.destinations}
    for place in sorted(places):
        if place.startswith("azureml:") and place not in known:
            try:
                yield folder_in(run.door(workspace_of(place)).storage())
            except StepError:
                continue  # it is gone, or another's now: its wheels are not taken for ours

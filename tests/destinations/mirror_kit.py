"""Mirrors in a real store, and what their pages say."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from tests.servers.azurite import ACCOUNT, KEY
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.ground.clock import Clock
from wheelstep.ground.simple_index import parse
from wheelstep.ground.transport import Transport
from wheelstep.model import Listed, Wheel

__all__ = [
    "Killed",
    "blobs",
    "both_pages",
    "killed_after",
    "listed",
    "mirror_at",
    "projects",
    "published",
]


class Killed(BaseException):
    """The process was."""


def killed_after(mirror: BlobMirror, changes: int) -> None:
    """Let so many changes of the store through, and then kill."""
    left = itertools.count(changes, -1)

    def stopping(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if next(left) <= 0:
                raise Killed
            return method(*arguments, **keywords)

        return call

    store: Any = mirror.store
    for name in ("create", "write", "annotate", "remove"):
        setattr(store, name, stopping(getattr(store, name)))


def mirror_at(
    url: str, container: str, *, prefix: str = "team", clock: Clock | None = None
) -> BlobMirror:
    """A mirror whose publisher has the account's key.

    Args:
        url: The account's, with its name as the first part of the path.
        container: In it.
        prefix: A folder of the container; "" for none.
        clock: What waits.
    """
    who = BlobSignIn("key", "a key", lambda: AzureNamedKeyCredential(ACCOUNT, KEY))
    address = MirrorAddress.parse(f"blob+{url}/{container}/{prefix}")
    transport = Transport({}, clock=clock)
    return BlobMirror(address, name="the mirror", transport=transport, sign_in=lambda: who)


def published(mirror: BlobMirror, *wheels: Wheel) -> None:
    """Publish as a run does; each is new."""
    names = sorted({wheel.name for wheel in wheels})
    mirror.look(names)
    for wheel in wheels:
        assert mirror.put(wheel)
    mirror.finish(names)


def both_pages(mirror: BlobMirror, name: str) -> tuple[list[Listed], list[Listed]]:
    url = f"{mirror.address.url}simple/{name}/"
    html = mirror.store.read(f"simple/{name}/")
    twin = mirror.store.read(f"simple/{name}/index.json")
    assert html is not None
    assert twin is not None
    return parse(html, "text/html", url), parse(twin, "application/json", url)


def listed(mirror: BlobMirror, name: str) -> dict[str, Listed]:
    """What the page says, each file once; and the twin says the same."""
    pages = both_pages(mirror, name)
    told = [
        sorted((one.file, one.url, one.sha256, str(one.yanked), one.core_metadata) for one in page)
        for page in pages
    ]
    assert told[0] == told[1]
    found = {one.file: one for one in pages[1]}
    assert len(found) == len(pages[0])
    for one in found.values():
        assert one.url == urljoin(f"{mirror.address.url}simple/{name}/", one.file)
    return found


def projects(mirror: BlobMirror) -> list[str]:
    """What the page of all projects says, and its twin, too."""
    page, html = mirror.store.read("simple/index.json"), mirror.store.read("simple/")
    assert page is not None
    assert html is not None
    names = [str(one["name"]) for one in json.loads(page)["projects"]]
    assert html.decode().count("<a href=") == len(names)
    assert all(f'<a href="{name}/">' in html.decode() for name in names)
    return names


def blobs(container: ContainerClient) -> dict[str, str]:
    """Name below `team/` -> ETag."""
    return {str(blob.name).removeprefix("team/"): str(blob.etag) for blob in container.list_blobs()}

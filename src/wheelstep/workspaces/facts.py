"""What a workspace and all that hangs on it say of themselves: read, and not judged.

What could not be read is kept as such, with the reason: `prerequisites` never takes it for a yes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from wheelstep.errors import StepError
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Workspace
from wheelstep.workspaces.resource_manager import ResourceManager

__all__ = [
    "Document",
    "Facts",
    "Missing",
    "State",
    "Unread",
    "connections_of",
    "items",
    "part",
    "read_facts",
    "read_permissions",
    "text",
]

STORAGE: Final = "2025-06-01"
REGISTRY: Final = "2023-07-01"
AUTHORIZATION: Final = "2022-04-01"
NETWORK: Final = "2024-05-01"
"""The api-versions of the other services that Azure Resource Manager is asked for."""
AT_ONCE: Final = 16
MOST_ENDPOINTS: Final = 12
"""Private endpoints that are looked at: a workspace has a handful."""

Document = Mapping[str, Any]
"""A resource, as Azure Resource Manager answers."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read."""

    why: str
    """One or more whole sentences."""
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A resource that is not there, as the service says outright (404)."""

    why: str


State = Document | Unread | Missing


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one workspace."""

    workspace: Workspace
    document: State
    permissions: tuple[Document, ...] | Unread
    """What whoever asks may do in the workspace: permissions, each with what it takes out again."""
    storage: State | None = None
    """The workspace's default storage account; None where the workspace names none."""
    registry: State | None = None
    """Its container registry; None where it has none yet."""
    compute: State | None = None
    """The compute that builds images; None where none is set."""
    endpoints: Mapping[str, State] = field(default_factory=dict)
    """Private endpoints by resource id, in lower case."""


def read_facts(manager: ResourceManager, workspace: Workspace) -> Facts:
    """Ask for everything, as much at once as one thing does not hang on another.

    Three answers deep: the workspace; what it names; the private endpoints of those.

    Args:
        manager: Signed in.
        workspace: Which.
    """
    with ThreadPool(AT_ONCE) as pool:
        asked = pool.submit(_one, manager, f"{workspace.id}?api-version={manager.api_version}")
        rights = pool.submit(read_permissions, manager, workspace)
        document = asked.result()
        if isinstance(document, Unread | Missing):
            return Facts(workspace, document, rights.result())

        def named(key: str, version: str) -> Callable[[], State] | None:
            place = text(document, "properties", key)
            return (lambda: _one(manager, f"{place}?api-version={version}")) if place else None

        compute = text(document, "properties", "imageBuildCompute")
        places = {
            "storage": named("storageAccount", STORAGE),
            "registry": named("containerRegistry", REGISTRY),
            "compute": (
                lambda: _one(
                    manager,
                    f"{workspace.id}/computes/{quote(compute, safe='')}"
                    f"?api-version={manager.api_version}",
                )
            )
            if compute
            else None,
        }
        waiting = {name: pool.submit(ask) for name, ask in places.items() if ask is not None}
        found = {name: one.result() for name, one in waiting.items()}
        ids = _endpoints((document, *found.values()))
        networks = {
            place: pool.submit(_one, manager, f"{place}?api-version={NETWORK}") for place in ids
        }
        return Facts(
            workspace,
            document,
            rights.result(),
            storage=found.get("storage"),
            registry=found.get("registry"),
            compute=found.get("compute"),
            endpoints={place.lower(): one.result() for place, one in networks.items()},
        )


def _one(manager: ResourceManager, path: str) -> State:
    """Return a resource, or why there is none; anything but a defect of ours is an answer."""
    shown = path.partition("?")[0].rpartition("/providers/")[2]
    try:
        if not path.startswith("/"):
            return Unread(f"{shown!r} is no resource id.")
        response = manager.get(path, accept=(HTTPStatus.NOT_FOUND,))
        if response.status == HTTPStatus.NOT_FOUND:
            return Missing(_said(response.body) or f"{shown} is not there.")
        document = json.loads(response.body)
    except StepError as error:
        return Unread(f"{shown} could not be read: {error.message}", error.cure)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Unread(f"{shown} was answered with something that is no resource.")
    return document


def read_permissions(
    manager: ResourceManager, workspace: Workspace
) -> tuple[Document, ...] | Unread:
    """Return what whoever asks may do in a workspace, or why that is not known."""
    path = f"{workspace.id}/providers/Microsoft.Authorization/permissions"
    try:
        found = tuple(manager.pages(f"{path}?api-version={AUTHORIZATION}"))
    except StepError as error:
        return Unread(f"The permissions in the workspace could not be read: {error.message}")
    if not found:
        return Unread("Azure Resource Manager lists no permissions at all in the workspace.")
    return found


def _said(body: bytes) -> str:
    """Return ARM's own words for what is not there."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return text(document, "error", "message") or ""


def _endpoints(resources: Iterable[State]) -> Sequence[str]:
    """Return the private endpoints of resources, each once, in order."""
    found: dict[str, str] = {}
    for resource in resources:
        if isinstance(resource, Unread | Missing):
            continue
        for one in items(resource, "properties", "privateEndpointConnections"):
            place = text(one, "properties", "privateEndpoint", "id")
            if place:
                found.setdefault(place.lower(), place)
    return list(found.values())[:MOST_ENDPOINTS]


# --- reading what a service answered, whatever it is ------------------------------------------


def part(document: object, *keys: str) -> object:
    """Return what lies at a path of keys; None where it does not."""
    for key in keys:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def text(document: object, *keys: str) -> str | None:
    """Return the text at a path of keys; None where there is none, or an empty one."""
    found = part(document, *keys)
    return found.strip() or None if isinstance(found, str) else None


def items(document: object, *keys: str) -> list[Document]:
    """Return the objects in the list at a path of keys."""
    found = part(document, *keys)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def connections_of(resource: Document) -> list[tuple[str, str]]:
    """Return (id, status) of a resource's private endpoint connections."""
    return [
        (
            text(one, "properties", "privateEndpoint", "id") or "",
            text(one, "properties", "privateLinkServiceConnectionState", "status") or "",
        )
        for one in items(resource, "properties", "privateEndpointConnections")
    ]

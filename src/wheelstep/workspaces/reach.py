"""How a workspace's storage account and container registry can be reached: pure.

Sources: the published descriptions of Microsoft.Storage 2025-06-01 and
Microsoft.ContainerRegistry 2023-07-01. A storage account's `publicNetworkAccess` is optional there:
without it the network rules alone decide.
"""

from __future__ import annotations

from typing import Final, Literal

from wheelstep.ground.checks import Group
from wheelstep.model import Check
from wheelstep.workspaces.facts import (
    Document,
    Missing,
    State,
    Unread,
    connections_of,
    items,
    part,
    text,
)

__all__ = ["Access", "missing", "registry_access", "storage_access", "way_in"]

Access = Literal["open", "restricted", "unknown"]
"""From everywhere; only by network rules or private endpoints, or not at all; not known."""

WORKSPACES: Final = Group("workspaces")


def storage_access(storage: State | None) -> Access:
    """Return how a storage account can be reached."""
    if storage is None or isinstance(storage, Unread | Missing):
        return "unknown"
    public = text(storage, "properties", "publicNetworkAccess")
    default = text(storage, "properties", "networkAcls", "defaultAction")
    if public is not None and public.lower() != "enabled":
        return "restricted"
    return _by_default(default)


def registry_access(registry: State | None) -> Access:
    """Return how a container registry can be reached; one that is not there yet will be open."""
    if registry is None:
        return "open"
    if isinstance(registry, Unread | Missing):
        return "unknown"
    public = text(registry, "properties", "publicNetworkAccess")
    if public is None:
        return "unknown"
    if public.lower() != "enabled":
        return "restricted"
    # only a Premium registry has rules at all
    if part(registry, "properties", "networkRuleSet") is None:
        return "open"
    return _by_default(text(registry, "properties", "networkRuleSet", "defaultAction"))


def _by_default(action: str | None) -> Access:
    match action.lower() if action else None:
        case "allow":
            return "open"
        case "deny":
            return "restricted"
        case _:
            return "unknown"


def way_in(  # noqa: PLR0917 - all that the sentence names
    subject: str, name: str, resource: Document, portal: str, breaks: str, what: str
) -> list[Check]:
    """Judge whether there is a way into a resource that is not open to all networks."""
    if items(resource, "properties", "networkAcls", "virtualNetworkRules"):
        return []
    if not isinstance(part(resource, "properties", "privateEndpointConnections"), list):
        return [
            WORKSPACES.unknown(
                subject,
                f"Which private endpoints {name} has is not told.",
                breaks,
                f"{portal}, Private access.",
            )
        ]
    found = [status.lower() for _, status in connections_of(resource)]
    if "approved" in found:
        return []
    if "" in found:
        message = f"Whether a private endpoint of {name} is approved is not told."
        return [WORKSPACES.unknown(subject, message, breaks, f"{portal}, Private access.")]
    waiting = "pending" in found
    return [
        WORKSPACES.fault(
            subject,
            f"{name} is closed to public networks, and "
            + ("its private endpoint waits for approval." if waiting else "has no way in."),
            code=f"{what}-endpoint-pending" if waiting else f"{what}-no-way-in",
            breaks=breaks,
            cure=f"{portal}, Private access: "
            + ("approve the endpoint." if waiting else "add an endpoint in the build's network."),
        )
    ]


def missing(subject: str, code: str, why: str, breaks: str, cure: str) -> Check:
    """Return that a workspace names a resource that is not there."""
    return WORKSPACES.fault(
        subject,
        f"The workspace names one that is not there: {why}",
        code=code,
        breaks=breaks,
        cure=cure,
    )

"""The workspace's storage account, as image builds and jobs need it: pure."""

from __future__ import annotations

from typing import Final

from wheelstep.ground.checks import Group
from wheelstep.model import Check
from wheelstep.workspaces.facts import (
    Document,
    Facts,
    Missing,
    Unread,
    connections_of,
    items,
    part,
    text,
)
from wheelstep.workspaces.reach import missing, storage_access, way_in

__all__ = ["storage_checks"]

WORKSPACES: Final = Group("workspaces")
BREAKS: Final = "Jobs cannot read their code, and image builds cannot read their context."


def storage_checks(subject: str, facts: Facts, document: Document) -> list[Check]:
    """Judge the workspace's storage account."""
    storage = facts.storage
    match storage:
        case None:
            return [WORKSPACES.unknown(subject, "The workspace does not say which it has.", BREAKS)]
        case Missing(why=why):
            cure = "Restore it within 14 days: Azure portal, Storage accounts, Restore deleted."
            return [missing(subject, "storage-missing", why, BREAKS, cure)]
        case Unread(why=why, cure=cure):
            return [WORKSPACES.unknown(subject, why, BREAKS, cure)]
        case _:
            pass
    name = text(storage, "name") or "the storage account"
    portal = f"Azure portal: Storage accounts, {name}, Networking"
    match storage_access(storage):
        case "open":
            return [WORKSPACES.ok(subject, f"{name} can be reached from all networks.")]
        case "unknown":
            return [
                WORKSPACES.unknown(
                    subject,
                    f"The network rules of {name} are not told.",
                    BREAKS,
                    f"{portal}: see whether public access is on, and for which networks.",
                )
            ]
        case _:
            pass
    checks = [
        *_trusted_by_storage(subject, name, storage, document, portal),
        *way_in(subject, name, storage, portal, BREAKS, "storage"),
        *_groups(subject, name, facts, storage, portal),
    ]
    return checks or [
        WORKSPACES.ok(
            subject,
            f"{name} is behind network rules, with a private way in, and lets the workspace in.",
        )
    ]


def _trusted_by_storage(
    subject: str, name: str, storage: Document, document: Document, portal: str
) -> list[Check]:
    bypass = text(storage, "properties", "networkAcls", "bypass")
    breaks = "Azure ML itself cannot reach the account: builds, jobs and the studio fail."
    cure = (
        f"{portal}: allow trusted Microsoft services, or add the workspace as a resource instance "
        f"(`az storage account update --name {name} --bypass AzureServices`)."
    )
    own = (text(document, "id") or "").lower()
    rules = items(storage, "properties", "networkAcls", "resourceAccessRules")
    if own and any((text(rule, "resourceId") or "").lower() == own for rule in rules):
        return []
    if bypass is None:
        return [
            WORKSPACES.unknown(
                subject, f"Whether {name} lets trusted services in is not told.", breaks, cure
            )
        ]
    if "azureservices" in {word.strip().lower() for word in bypass.split(",")}:
        return []
    return [
        WORKSPACES.fault(
            subject,
            f"{name} is behind network rules, and neither trusted services nor this workspace are "
            f"let in (bypass: {bypass}).",
            code="storage-trusted-services",
            breaks=breaks,
            cure=cure,
        )
    ]


def _groups(subject: str, name: str, facts: Facts, storage: Document, portal: str) -> list[Check]:
    """Say which of the account's two services Azure ML needs have no private endpoint, where all
    endpoints can be read."""
    approved = [place for place, status in connections_of(storage) if status.lower() == "approved"]
    known = [facts.endpoints.get(place.lower()) for place in approved]
    if not known or any(one is None or isinstance(one, Unread | Missing) for one in known):
        return []
    groups = {
        group.lower()
        for endpoint in known
        for kind in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
        for one in items(endpoint, "properties", kind)
        for group in _words(part(one, "properties", "groupIds"))
    }
    lacking = [one for one in ("blob", "file") if groups and one not in groups]
    return [
        WORKSPACES.fault(
            subject,
            f"{name} has no private endpoint for its {one} service, which Azure ML needs.",
            code="storage-endpoint-missing",
            breaks="Clusters cannot mount what they need: builds and jobs fail.",
            cure=f"{portal}, Private access: add an endpoint with the target sub-resource {one}.",
        )
        for one in lacking
    ]


def _words(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

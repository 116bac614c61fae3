"""The workspace's container registry, as image builds need it: pure."""

from __future__ import annotations

from typing import Final

from wheelstep.ground.checks import Group
from wheelstep.model import Check, Workspace
from wheelstep.workspaces.commands import of_workspace
from wheelstep.workspaces.facts import Document, Facts, Missing, Unread, text
from wheelstep.workspaces.reach import missing, registry_access, way_in

__all__ = ["registry_checks"]

WORKSPACES: Final = Group("workspaces")
BREAKS: Final = "Images cannot be pushed or pulled: every build and every job fails."


def registry_checks(subject: str, facts: Facts, *, restricted: bool) -> list[Check]:
    """Judge the workspace's container registry.

    Args:
        subject: For people.
        facts: What is known.
        restricted: The storage account is not open, as far as is known.
    """
    registry = facts.registry
    match registry:
        case None:
            return [_none_yet(subject, facts, restricted=restricted)]
        case Missing(why=why):
            command = _command(facts.workspace)
            cure = f"Make a registry and give it to the workspace: `{command}`."
            return [missing(subject, "registry-missing", why, BREAKS, cure)]
        case Unread(why=why, cure=cure):
            return [WORKSPACES.unknown(subject, why, BREAKS, cure)]
        case _:
            return _judged(subject, registry)


def _none_yet(subject: str, facts: Facts, *, restricted: bool) -> Check:
    if not restricted:
        return WORKSPACES.ok(subject, "None yet: Azure ML makes one at the first build.")
    return WORKSPACES.unknown(
        subject,
        "The workspace has none yet, and its storage account is not open: whether the one that "
        "Azure ML makes at the first build fits is not known.",
        BREAKS,
        "Make a Premium registry in the network and give it to the workspace: "
        f"`{_command(facts.workspace)}`.",
    )


def _command(workspace: Workspace) -> str:
    return of_workspace(workspace, "update", "--container-registry ID")


def _judged(subject: str, registry: Document) -> list[Check]:
    name = text(registry, "name") or "the registry"
    portal = f"Azure portal: Container registries, {name}, Networking"
    match registry_access(registry):
        case "open":
            return [WORKSPACES.ok(subject, f"{name} can be reached from all networks.")]
        case "unknown":
            return [
                WORKSPACES.unknown(
                    subject, f"How {name} can be reached is not told.", BREAKS, f"{portal}."
                )
            ]
        case _:
            pass
    checks = [
        *_tier(subject, name, registry),
        *_trusted_by_registry(subject, name, registry, portal),
        *way_in(subject, name, registry, portal, BREAKS, "registry"),
    ]
    return checks or [
        WORKSPACES.ok(
            subject,
            f"{name} is Premium, behind network rules, with a private way in, and lets trusted "
            "services in.",
        )
    ]


def _tier(subject: str, name: str, registry: Document) -> list[Check]:
    tier = text(registry, "sku", "name")
    cure = f"`az acr update --name {name} --sku Premium`."
    if tier is None:
        return [WORKSPACES.unknown(subject, f"The tier of {name} is not told.", BREAKS, cure)]
    if tier.lower() == "premium":
        return []
    return [
        WORKSPACES.fault(
            subject,
            f"{name} is closed to public networks and of the tier {tier}; behind a network a "
            "registry has to be Premium.",
            code="registry-not-premium",
            breaks=BREAKS,
            cure=cure,
        )
    ]


def _trusted_by_registry(subject: str, name: str, registry: Document, portal: str) -> list[Check]:
    bypass = text(registry, "properties", "networkRuleBypassOptions")
    breaks = "Azure ML itself cannot reach the registry: images are not found."
    cure = (
        f"`az acr update --name {name} --allow-trusted-services true`; or {portal}: allow trusted "
        "Microsoft services."
    )
    if bypass is None:
        return [
            WORKSPACES.unknown(
                subject, f"Whether {name} lets trusted services in is not told.", breaks, cure
            )
        ]
    if bypass.lower() == "azureservices":
        return []
    return [
        WORKSPACES.fault(
            subject,
            f"{name} is closed to public networks and lets no trusted services in.",
            code="registry-trusted-services",
            breaks=breaks,
            cure=cure,
        )
    ]

"""What must be in place before a workspace builds images with private packages: pure.

Source: Microsoft Learn, "Secure an Azure Machine Learning workspace with virtual networks" and
"Workspace managed virtual network isolation": serverless image builds work only while neither the
storage account nor the container registry is under any network restriction; else a CPU cluster in
the same network has to build them, the registry has to be Premium and both have to let trusted
services in.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from wheelstep.ground.checks import Group
from wheelstep.model import Check, Workspace
from wheelstep.workspaces.builds import build_checks, isolation
from wheelstep.workspaces.commands import place_options
from wheelstep.workspaces.facts import Document, Facts, Missing, Unread, items, part, text
from wheelstep.workspaces.reach import storage_access
from wheelstep.workspaces.registry import registry_checks
from wheelstep.workspaces.rights import Right, rights
from wheelstep.workspaces.storage import storage_checks

__all__ = ["Wants", "prerequisites"]

WORKSPACES: Final = Group("workspaces")


@dataclass(frozen=True, slots=True)
class Wants:
    """What a release with these settings asks of a workspace."""

    rights: tuple[Right, ...] = ()
    hosts: tuple[str, ...] = ()
    """Host names from which image builds read packages."""
    needed: bool = False
    """Whether a release ends where the workspace is not there."""


def prerequisites(facts: Facts, wants: Wants) -> list[Check]:
    """Judge one workspace.

    Args:
        facts: What it says.
        wants: What is asked of it.
    """
    name = facts.workspace.name
    subject = f"the workspace {name}"
    document = facts.document
    own = rights(f"{subject}: rights", facts.permissions, wants.rights)
    match document:
        case Missing(why=why):
            return [_not_found(subject, facts.workspace, why, needed=wants.needed)]
        case Unread(why=why, cure=cure):
            return [
                WORKSPACES.unknown(
                    subject,
                    why,
                    "Whether its image builds can work cannot be told: its storage account, its "
                    "container registry and its build compute are not known.",
                    cure,
                ),
                *own,
            ]
        case _:
            pass
    restricted = storage_access(facts.storage) != "open"
    return [
        _there(subject, document),
        *own,
        *storage_checks(f"{subject}: storage account", facts, document),
        *registry_checks(f"{subject}: container registry", facts, restricted=restricted),
        *build_checks(f"{subject}: image builds", facts, document),
        *_outbound(f"{subject}: outbound rules", facts.workspace, document, wants.hosts),
    ]


def _not_found(subject: str, workspace: Workspace, why: str, *, needed: bool) -> Check:
    return WORKSPACES.fault(
        subject,
        f"{workspace} is not there: {why}",
        code="workspace-not-found",
        breaks="A release cannot look at its connections"
        + (" and ends." if needed else ": nothing is known of what image builds sign in with."),
        cure="Check `workspace`, part by part, against `az ml workspace list --resource-group "
        f"{shlex.quote(workspace.group)} --subscription {workspace.subscription} --output table`.",
        exit_code=5 if needed else 0,
    )


def _there(subject: str, document: Document) -> Check:
    state = text(document, "properties", "provisioningState")
    if state is None or state.lower() == "succeeded":
        place = text(document, "location")
        return WORKSPACES.ok(subject, f"It is there{f', in {place}' if place else ''}.")
    return WORKSPACES.unknown(
        subject,
        f"It is there, and its provisioning is in the state {state}.",
        "Nothing can be said of its image builds before it is done.",
        "Azure portal: the workspace, Overview; wait until it is done, or see why it failed.",
    )


def _outbound(
    subject: str, workspace: Workspace, document: Document, hosts: Sequence[str]
) -> list[Check]:
    """Judge whether builds in a network that allows only what was approved reach the packages."""
    if isolation(document) != "allowonlyapprovedoutbound" or not hosts:
        return []
    breaks = "The image build cannot reach the packages there and fails after some minutes."
    ways = part(document, "properties", "managedNetwork", "outboundRules")
    if not isinstance(ways, dict):
        return [
            WORKSPACES.unknown(
                subject,
                "Only approved hosts can be reached from its network, and which those are is not "
                "told.",
                breaks,
                f"`az ml workspace outbound-rule list {place_options(workspace)}`: "
                f"{', '.join(hosts)} has to be among them.",
            )
        ]
    approved = [
        place.lower()
        for one in items({"rules": list(ways.values())}, "rules")
        if (text(one, "type") or "").lower() == "fqdn" and (place := text(one, "destination"))
    ]
    checks = [
        WORKSPACES.fault(
            subject,
            f"Only approved hosts can be reached from its network, and {host} is none of them.",
            code="outbound-not-approved",
            breaks=breaks,
            cure=f"`az ml workspace outbound-rule set {place_options(workspace)} "
            f"--rule packages-{number} --type fqdn --destination {host}`.",
        )
        for number, host in enumerate(hosts, 1)
        if not any(fnmatchcase(host.lower(), pattern) for pattern in approved)
    ]
    return checks or [WORKSPACES.ok(subject, f"{', '.join(hosts)} can be reached.")]

"""Where a workspace's images are built: serverless, or on a cluster of its own: pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from wheelstep.ground.checks import Group
from wheelstep.model import Check, Workspace
from wheelstep.workspaces.commands import of_workspace, place_options
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
from wheelstep.workspaces.reach import Access, registry_access, storage_access

__all__ = ["build_checks", "isolation"]

WORKSPACES: Final = Group("workspaces")
ACCELERATED: Final = re.compile(r"(standard|basic)_n", re.IGNORECASE)
"""Sizes of the N series have a GPU or another accelerator (Microsoft Learn, "Sizes for virtual
machines")."""
UNSETTLED: Final = frozenset({"creating", "updating", "unknown"})
BUILDS: Final = "No image can be built: jobs and deployments fail before they start."


def build_checks(subject: str, facts: Facts, document: Document) -> list[Check]:
    """Judge where images are built.

    Args:
        subject: For people.
        facts: What is known.
        document: The workspace itself.
    """
    name = text(document, "properties", "imageBuildCompute")
    accesses = (storage_access(facts.storage), registry_access(facts.registry))
    if name is None:
        return [_serverless(subject, facts.workspace, accesses)]
    managed = isolation(document) not in {None, "disabled"}
    match facts.compute:
        case Missing(why=why):
            message = f"The image build compute {name} is not there: {why}"
            cure = f"Make it again, or name another one: `{_command(facts.workspace)}`."
            return [_fault(subject, "build-compute-missing", message, cure)]
        case Unread(why=why, cure=cure):
            message = f"Whether the compute {name} can build images is not known: {why}"
            return [WORKSPACES.unknown(subject, message, BUILDS, cure)]
        case None:
            return [WORKSPACES.unknown(subject, f"The compute {name} was not looked at.", BUILDS)]
        case compute:
            wrong = next(_cluster(subject, name, facts.workspace, compute, managed=managed), None)
    if wrong is not None:
        return [wrong]
    checks = [WORKSPACES.ok(subject, f"The CPU cluster {name} builds images.")]
    if "restricted" in accesses:
        checks.append(_network(f"{subject}, network", facts, document, compute, managed=managed))
    return checks


def isolation(document: Document) -> str | None:
    """Return the isolation mode of a workspace's managed network, in lower case; None where it
    says none."""
    mode = text(document, "properties", "managedNetwork", "isolationMode")
    return mode.lower() if mode else None


def _command(workspace: Workspace) -> str:
    return of_workspace(workspace, "update", "--image-build-compute NAME")


def _fault(subject: str, code: str, message: str, cure: str) -> Check:
    return WORKSPACES.fault(subject, message, code=code, breaks=BUILDS, cure=cure)


def _serverless(subject: str, workspace: Workspace, accesses: Sequence[Access]) -> Check:
    command = _command(workspace)
    if "restricted" in accesses:
        return _fault(
            subject,
            "build-compute-not-set",
            "The storage account or the container registry is behind a network rule, and no image "
            "build compute is set: serverless builds cannot reach them.",
            f"Make a CPU cluster in the same network and name it: `{command}`.",
        )
    if "unknown" in accesses:
        return WORKSPACES.unknown(
            subject,
            "No image build compute is set, and whether one is needed is not known: how the "
            "storage account or the container registry can be reached is not.",
            BUILDS,
            f"If either is behind a network rule: `{command}`.",
        )
    return WORKSPACES.ok(subject, "Images are built serverless; no network rule is in the way.")


def _cluster(
    subject: str, name: str, workspace: Workspace, compute: Document, *, managed: bool
) -> Iterator[Check]:
    """Yield what is wrong with the compute that builds images, or not known of it."""
    look = f"Azure ML studio: Compute, {name}."
    another = f"Make a cluster (AmlCompute) of a CPU size and name it: `{_command(workspace)}`."

    def unknown(message: str) -> Check:
        return WORKSPACES.unknown(subject, message, BUILDS, look)

    kind = text(compute, "properties", "computeType")
    # in a managed network a compute instance may build, too
    kinds = {"amlcompute", "computeinstance"} if managed else {"amlcompute"}
    if kind is None:
        yield unknown(f"Which kind of compute {name} is is not told.")
    elif kind.lower() not in kinds:
        message = f"The image build compute {name} is of the kind {kind}, which builds no images."
        yield _fault(subject, "build-compute-kind", message, another)
    size = text(compute, "properties", "properties", "vmSize")
    if size is None:
        yield unknown(f"Whether {name} has CPUs or GPUs is not told.")
    elif ACCELERATED.match(size):
        message = (
            f"The image build compute {name} has GPUs ({size}); images are built on CPUs only."
        )
        yield _fault(subject, "build-compute-gpu", message, another)
    state = text(compute, "properties", "provisioningState")
    if state is None or state.lower() in UNSETTLED:
        yield unknown(f"Whether {name} is ready is not known (state {state or 'not told'}).")
    elif state.lower() != "succeeded":
        message = f"The image build compute {name} is in the state {state}."
        yield _fault(subject, "build-compute-failed", message, f"{look} Mend it. Or: {another}")
    if part(compute, "properties", "properties", "scaleSettings", "maxNodeCount") == 0:
        message = f"The image build compute {name} may have no node at all (maxNodeCount 0)."
        cure = f"`az ml compute update --name {name} --max-instances 1 {place_options(workspace)}`."
        yield _fault(subject, "build-compute-empty", message, cure)


def _network(
    subject: str, facts: Facts, document: Document, compute: Document, *, managed: bool
) -> Check:
    """Judge whether the cluster stands where storage account and registry can be reached."""
    if not managed:
        return _same_network(subject, facts, compute)
    state = text(document, "properties", "managedNetwork", "status", "status")
    if state is not None and state.lower() == "active":
        return WORKSPACES.ok(subject, "The workspace's managed network connects them.")
    return WORKSPACES.unknown(
        subject,
        f"The workspace's managed network is not known to be active ({state or 'not told'}).",
        BUILDS,
        f"`{of_workspace(facts.workspace, 'provision-network')}`.",
    )


def _same_network(subject: str, facts: Facts, compute: Document) -> Check:
    """Judge whether the build cluster stands in the network of the private endpoints of whatever is
    closed."""
    breaks = "The build cannot reach the storage account or the registry, and fails."
    cure = (
        "Make the cluster in the network of the private endpoints (`az ml compute create --name "
        "NAME --type amlcompute --vnet-name VNET --subnet SUBNET "
        f"{place_options(facts.workspace)}`), and name it as the image build compute."
    )
    properties = part(compute, "properties", "properties")
    subnet = text(properties, "subnet", "id")
    if subnet is None:
        if isinstance(properties, dict) and "subnet" in properties and not properties["subnet"]:
            message = "The build cluster stands in no network, and what it needs is closed."
            return WORKSPACES.fault(
                subject, message, code="build-compute-network", breaks=breaks, cure=cure
            )
        return WORKSPACES.unknown(
            subject, "In which network the build cluster stands is not told.", breaks, cure
        )
    closed = [
        ("storage account", facts.storage, storage_access(facts.storage)),
        ("container registry", facts.registry, registry_access(facts.registry)),
    ]
    outside, unclear = [], []
    for what, resource, access in closed:
        if access != "restricted" or resource is None or isinstance(resource, Unread | Missing):
            continue
        match _reaches(facts, resource, subnet):
            case False:
                outside.append(what)
            case None:
                unclear.append(what)
            case True:
                pass
    if outside:
        return WORKSPACES.fault(
            subject,
            f"The build cluster stands in {_shown(subnet)}, and {_and(outside)} has no "
            "private endpoint there.",
            code="build-compute-network",
            breaks=breaks,
            cure=cure,
        )
    if unclear:
        return WORKSPACES.unknown(
            subject,
            f"Whether {_and(unclear)} can be reached from {_shown(subnet)}, where the build "
            "cluster stands, is not known: its private endpoints cannot be read.",
            breaks,
            "Give the identity that runs this the role Reader on the private endpoints.",
        )
    return WORKSPACES.ok(subject, f"All stand in {_shown(subnet)}.")


def _reaches(facts: Facts, resource: Document, subnet: str) -> bool | None:
    """Tell whether a resource has a way in from a subnet's network; None where not known."""
    rules = items(resource, "properties", "networkAcls", "virtualNetworkRules")
    if any((text(rule, "id") or "").lower() == subnet.lower() for rule in rules):
        return True
    unclear = False
    for place, status in connections_of(resource):
        if status.lower() != "approved":
            continue
        endpoint = facts.endpoints.get(place.lower())
        found = text(endpoint, "properties", "subnet", "id") if isinstance(endpoint, dict) else None
        if found is None:
            unclear = True
        elif _network_of(found) == _network_of(subnet):
            return True
    return None if unclear else False


def _network_of(subnet: str) -> str:
    """Return the resource id of a subnet's network, in lower case."""
    return subnet.lower().partition("/subnets/")[0]


def _and(parts: Sequence[str]) -> str:
    return " and ".join(f"the {one}" for one in parts)


def _shown(subnet: str) -> str:
    return f"the network {_network_of(subnet).rpartition('/')[2]}"

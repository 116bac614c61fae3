"""What a workspace needs before it builds images: documents in, checks out, no server."""

from __future__ import annotations

import copy
import shlex
from dataclasses import replace
from typing import Any

import pytest

from tests.servers.arm_state import GROUP, SUBSCRIPTION, made_workspace
from wheelstep.model import Check, Workspace
from wheelstep.workspaces.facts import Facts, Missing, Unread
from wheelstep.workspaces.prerequisites import Wants, prerequisites
from wheelstep.workspaces.rights import Right, allowed, rights

TRAIN = Workspace(SUBSCRIPTION, GROUP, "train")
SPACE = "Microsoft.MachineLearningServices/workspaces"
ALL = ({"actions": ["*"], "notActions": []},)


def facts(*, closed: bool, **changed: Any) -> Facts:
    """A healthy workspace's, with some of them replaced."""
    resources: dict[str, dict[str, Any]] = {}
    made = made_workspace(resources, SUBSCRIPTION, GROUP, "train", closed=closed)
    compute = {"name": "image-build", "properties": made.compute} if closed else None
    endpoints = {
        place: document
        for place, document in resources.items()
        if "/privateendpoints/" in place and "/privateendpointconnections/" not in place
    }
    given: dict[str, Any] = {
        "document": made.document,
        "permissions": ALL,
        "storage": made.storage,
        "registry": made.registry,
        "compute": compute,
        "endpoints": endpoints,
    }
    return Facts(TRAIN, **copy.deepcopy(given | changed))


def judged(given: Facts, **wants: Any) -> dict[str, Check]:
    """Checks by the last part of their subject."""
    found = prerequisites(given, Wants(**wants))
    return {check.subject.rpartition(": ")[2]: check for check in found}


def of(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document[key]
    return document


@pytest.mark.parametrize("closed", [True, False])
def test_a_healthy_workspace_is_well(closed: bool) -> None:
    found = judged(facts(closed=closed))
    assert {check.status for check in found.values()} == {"ok"}


def test_an_open_workspace_without_a_registry_gets_one_at_its_first_build() -> None:
    assert judged(facts(closed=False, registry=None))["container registry"].status == "ok"


def test_a_closed_workspace_without_a_registry_is_not_known_to_get_one_that_fits() -> None:
    assert judged(facts(closed=True, registry=None))["container registry"].status == "unknown"


def test_a_service_endpoint_of_the_build_network_is_a_way_in() -> None:
    given = facts(closed=True)
    subnet = of(given.compute, "properties", "properties", "subnet", "id")
    for resource in (given.storage, given.registry):
        properties = of(resource, "properties")
        properties["privateEndpointConnections"] = []
        properties.setdefault("networkAcls", {})["virtualNetworkRules"] = [{"id": subnet.upper()}]
    found = judged(given)
    assert found["storage account"].status == "ok"
    assert found["image builds, network"].status == "ok"


def test_a_gpu_cluster_breaks_builds_of_an_open_workspace_too() -> None:
    given = facts(closed=False)
    of(given.document, "properties")["imageBuildCompute"] = "gpus"
    cluster = {"computeType": "AmlCompute", "provisioningState": "Succeeded",
               "properties": {"vmSize": "Standard_NC24ads_A100_v4"}}  # fmt: skip
    changed = Facts(TRAIN, given.document, ALL, given.storage, given.registry,
                    {"properties": cluster})  # fmt: skip
    assert judged(changed)["image builds"].code == "build-compute-gpu"


@pytest.mark.parametrize(
    ("size", "gpu"),
    [("Standard_DS3_v2", False), ("Standard_NV6", True), ("STANDARD_ND96ASR_V4", True),
     ("Standard_F4s_v2", False), ("standard_np10s", True), ("Standard_E4ds_v4", False)],
)  # fmt: skip
def test_a_size_of_the_n_series_has_gpus(size: str, gpu: bool) -> None:
    given = facts(closed=True)
    of(given.compute, "properties", "properties")["vmSize"] = size
    assert (judged(given)["image builds"].code == "build-compute-gpu") is gpu


@pytest.mark.parametrize(
    ("active", "status"), [("Active", "ok"), ("Inactive", "unknown"), (None, "unknown")]
)
def test_a_managed_network_connects_what_it_holds_once_it_is_active(
    active: str | None, status: str
) -> None:
    given = facts(closed=True)
    managed: dict[str, Any] = {"isolationMode": "AllowInternetOutbound"}
    if active:
        managed["status"] = {"status": active}
    of(given.document, "properties")["managedNetwork"] = managed
    del of(given.compute, "properties", "properties")["subnet"]
    assert judged(given)["image builds, network"].status == status


def test_in_a_managed_network_a_compute_instance_may_build() -> None:
    given = facts(closed=True)
    of(given.compute, "properties")["computeType"] = "ComputeInstance"
    assert judged(given)["image builds"].code == "build-compute-kind"
    of(given.document, "properties")["managedNetwork"] = {
        "isolationMode": "AllowInternetOutbound",
        "status": {"status": "Active"},
    }
    assert judged(given)["image builds"].status == "ok"


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ({"feed": {"type": "FQDN", "destination": "pkgs.dev.azure.com"}}, "ok"),
        ({"feed": {"type": "FQDN", "destination": "*.dev.azure.com"}}, "ok"),
        ({"feed": {"type": "FQDN", "destination": "PKGS.dev.azure.com"}}, "ok"),
        ({"feed": {"type": "FQDN", "destination": "dev.azure.com"}}, "fault"),
        ({"tag": {"type": "ServiceTag", "destination": {"serviceTag": "AzureDevOps"}}}, "fault"),
        ({}, "fault"),
        (None, "unknown"),
    ],
)
def test_a_network_of_approved_hosts_has_to_approve_the_feed(
    rules: dict[str, Any] | None, status: str
) -> None:
    given = facts(closed=True)
    managed: dict[str, Any] = {"isolationMode": "AllowOnlyApprovedOutbound"}
    if rules is not None:
        managed["outboundRules"] = rules
    of(given.document, "properties")["managedNetwork"] = managed
    found = judged(given, hosts=("pkgs.dev.azure.com",))["outbound rules"]
    assert found.status == status
    assert status == "ok" or "pkgs.dev.azure.com" in found.cure


def test_what_is_said_of_a_workspace_that_is_not_there_follows_the_release() -> None:
    given = Facts(TRAIN, Missing("not found"), ALL)
    (ends,) = prerequisites(given, Wants(needed=True))
    (warns,) = prerequisites(given, Wants())
    assert (ends.code, ends.exit_code) == ("workspace-not-found", 5)
    assert (warns.code, warns.exit_code) == ("workspace-not-found", 0)


@pytest.mark.parametrize(
    "strange", [{}, {"properties": None}, {"properties": []}, {"properties": {"sku": 1}}]
)
@pytest.mark.parametrize("part", ["storage", "registry", "compute"])
def test_an_answer_of_another_shape_is_unknown_and_crashes_nothing(
    part: str, strange: dict[str, Any]
) -> None:
    found = judged(facts(closed=True, **{part: strange}))
    assert "unknown" in {check.status for check in found.values()}
    assert "fault" not in {check.status for check in found.values()}


def test_what_could_not_be_read_keeps_its_reason() -> None:
    found = judged(facts(closed=True, storage=Unread("forbidden to me", "ask Ada")))
    check = found["storage account"]
    assert (check.status, check.message, check.cure) == ("unknown", "forbidden to me", "ask Ada")


def test_commands_are_complete_and_fit_for_a_shell() -> None:
    odd = Workspace(SUBSCRIPTION, "ml(eu)", "train")
    given = replace(facts(closed=True), workspace=odd)
    of(given.compute, "properties", "properties")["scaleSettings"] = {"maxNodeCount": 0}
    of(given.document, "properties")["managedNetwork"] = {
        "isolationMode": "AllowOnlyApprovedOutbound",
        "outboundRules": {},
    }
    every = [
        *prerequisites(given, Wants(hosts=("pkgs.dev.azure.com",))),
        *prerequisites(replace(given, compute=Missing("gone")), Wants()),
        *prerequisites(replace(given, registry=None), Wants()),
        *prerequisites(replace(given, registry=Missing("gone")), Wants()),
        *prerequisites(replace(given, document=Missing("gone")), Wants()),
        *prerequisites(_of_another_network(odd), Wants()),
    ]
    commands = {
        text for check in every for text in check.cure.split("`") if text.startswith("az ml ")
    }
    assert {" ".join(text.split()[2:4]) for text in commands} == {
        "compute create",
        "compute update",
        "workspace list",
        "workspace outbound-rule",
        "workspace update",
    }
    for text in commands:
        words = shlex.split(text)
        assert "'ml(eu)'" in text, text
        assert words[words.index("--resource-group") + 1] == "ml(eu)"
        assert words[words.index("--subscription") + 1] == SUBSCRIPTION
        assert "train" in words or words[3] == "list", text


def _of_another_network(workspace: Workspace) -> Facts:
    given = replace(facts(closed=True), workspace=workspace)
    subnet = of(given.compute, "properties", "properties", "subnet")
    subnet["id"] = subnet["id"].replace("/virtualNetworks/ml/", "/virtualNetworks/other/")
    return given


# --- rights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "granted"),
    [
        ([{"actions": ["*"], "notActions": []}], True),
        ([{"actions": ["*/read"], "notActions": []}], False),
        ([{"actions": [f"{SPACE}/*"], "notActions": None}], True),
        ([{"actions": [f"{SPACE.lower()}/CONNECTIONS/write"], "notActions": []}], True),
        ([{"actions": ["*"], "notActions": [f"{SPACE}/connections/*"]}], False),
        ([{"actions": ["*"], "notActions": ["*/write"]}, {"actions": [f"{SPACE}/connections/*"],
                                                          "notActions": []}], True),
        ([{"actions": [f"{SPACE}/connections/write2"], "notActions": []}], False),
        ([{"actions": "*", "notActions": []}], None),
        ([{"actions": ["*"]}], None),
        ([{}], None),
        ([], False),
    ],
)  # fmt: skip
def test_a_right_is_granted_as_azure_grants_it(
    entries: list[dict[str, Any]], granted: bool | None
) -> None:
    assert allowed(entries, f"{SPACE}/connections/write") is granted


def test_a_right_that_is_missing_ends_or_warns_as_the_release_does() -> None:
    wanted = (Right("A/read", "look", 0), Right("A/write", "write", 5))
    found = rights("rights", [{"actions": ["A/r*"], "notActions": []}], wanted)
    assert [(check.status, check.exit_code) for check in found] == [("ok", 0), ("fault", 5)]
    assert "look" in found[0].message
    assert "A/write" in found[1].message

"""What cannot be known reads `?`: never ✓, and never a fault that was only guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doctor.world import World, world
from tests.servers.arm_answers import Reply, failing
from tests.servers.feed import Fault

ML = "Microsoft.MachineLearningServices/workspaces"


@dataclass(frozen=True)
class Unanswered:
    """One change that takes an answer away."""

    name: str
    subject: str
    """Of the check that reads `?`; a part of it."""
    plant: Callable[[World], object]


def _no_bypass(world: World) -> None:
    rules = world.train.storage["properties"]["networkAcls"]
    del rules["bypass"]
    rules["resourceAccessRules"] = []


def _no_rules(world: World) -> None:
    properties = world.score.storage["properties"]
    properties["publicNetworkAccess"] = "Enabled"
    del properties["networkAcls"]


def _no_registry_bypass(world: World) -> None:
    del world.train.registry["properties"]["networkRuleBypassOptions"]


def _no_size(world: World) -> None:
    del world.train.compute["properties"]["vmSize"]


def _no_subnet(world: World) -> None:
    del world.train.compute["properties"]["subnet"]


def _no_date(world: World) -> None:
    del world.train.connections["feed"]["properties"]["expiryTime"]


def _no_connections(world: World) -> None:
    world.arm.fail("GET", f"{world.train.id}/connections", failing(503), times=None)


CASES = (
    Unanswered(
        "403 on the registry",
        "the workspace train: container registry",
        lambda world: world.arm.deny("Microsoft.ContainerRegistry/registries/read"),
    ),
    Unanswered(
        "403 on the storage account",
        "the workspace train: storage account",
        lambda world: world.arm.deny("Microsoft.Storage/storageAccounts/read"),
    ),
    Unanswered(
        "403 on the workspace",
        "the workspace train",
        lambda world: world.arm.deny(f"{ML}/read"),
    ),
    Unanswered(
        "503 on the compute",
        "the workspace train: image builds",
        lambda world: world.arm.fail("GET", "*/computes/*", failing(503), times=None),
    ),
    Unanswered(
        "no permission to list permissions",
        "the workspace train: rights",
        lambda world: world.arm.deny("Microsoft.Authorization/permissions/read"),
    ),
    Unanswered(
        "private endpoints of others",
        "the workspace train: image builds, network",
        lambda world: world.arm.deny("Microsoft.Network/*"),
    ),
    Unanswered(
        "no word of trusted services", "the workspace train: storage account", _no_bypass
    ),
    Unanswered("no network rules", "the workspace score: storage account", _no_rules),
    Unanswered(
        "no word of the registry's trust",
        "the workspace train: container registry",
        _no_registry_bypass,
    ),
    Unanswered("no size of the cluster", "the workspace train: image builds", _no_size),
    Unanswered("no subnet", "the workspace train: image builds, network", _no_subnet),
    Unanswered(
        "a workspace that is no JSON",
        "the workspace train",
        lambda world: world.arm.fail(
            "GET", world.train.id, Reply(200, raw=b"<html>hello</html>"), times=None
        ),
    ),
    Unanswered("secrets that may not be read", " in train", lambda world: world.arm.deny(
        f"{ML}/connections/listsecrets/action")),
    Unanswered("connections that cannot be read", "connections of train", _no_connections),
    Unanswered("no date of expiry", "feed in train", _no_date),
    Unanswered(
        "a branch that is not shown",
        "protection of main",
        lambda world: world.github.clear(),
    ),
    Unanswered(
        "a feed whose settings fail",
        ": upstreams",
        lambda world: world.feed.fault("api", *[Fault("status", 500)] * 200),
    ),
    Unanswered(
        "an index that shows nothing yet",
        "/simple/ in train",
        lambda world: world.feed.fault("simple", *[Fault("status", 404)] * 200),
    ),
    Unanswered(
        "a public index that fails",
        "names on the public index",
        lambda world: world.environment.update(PIP_INDEX_URL="http://127.0.0.1:9/simple/"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_that_is_not_there_reads_unknown(
    case: Unanswered, tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        before = set(healthy.doctor().unknown)
        case.plant(healthy)
        ran = healthy.doctor()
    new = [check for check in ran.report.checks if check.status == "unknown"
           and check.subject not in before and check.subject.endswith(case.subject)]  # fmt: skip
    assert new, ran.unknown
    assert all(check.message for check in new)
    # and the same is not said to be well in the same breath
    assert "ok" not in {check.status for check in ran.report.checks
                        if check.subject == new[0].subject}  # fmt: skip
    assert ran.faults == set()
    assert ran.report.exit_code == 0

"""Faults, each planted by one change to a healthy world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.doctor.world import CONDA, World, shallow
from tests.servers.feed import Stored


@dataclass(frozen=True)
class Fault:
    """One change, and how doctor has to name what came of it."""

    name: str
    code: str
    exit_code: int
    """What a release would end with because of it alone."""
    plant: Callable[[World], object]
    late: bool = False
    """Planted after the repository was pushed."""
    ends: str = ""
    """What the release calls it that ends with it, where that is another word."""


def _no_build_compute(world: World) -> None:
    world.train.properties["imageBuildCompute"] = ""


def _standard_registry(world: World) -> None:
    world.train.registry["sku"]["name"] = "Standard"


def _registry_trusts_nobody(world: World) -> None:
    world.train.registry["properties"]["networkRuleBypassOptions"] = "None"


def _gpu(world: World) -> None:
    world.train.compute["properties"]["vmSize"] = "STANDARD_NC6S_V3"


def _no_compute(world: World) -> None:
    del world.train.computes["image-build"]


def _no_connection(world: World) -> None:
    del world.train.connections["feed"]


def _expired(world: World) -> None:
    world.train.connections["feed"]["properties"]["expiryTime"] = "2026-01-01T00:00:00Z"


def _closer_and_broken(world: World) -> None:
    made = world.train.connect("old", world.feed.root, {"pat": "gone"})
    # written by the SDK without a word, and documented for no Python feed
    made["properties"] |= {"authType": "SAS", "credentials": {"sas": "gone"}}


def _token_in_definition(world: World) -> None:
    token = "k7f3" * 13
    world.edit(CONDA, "--index-url http://", f"--index-url http://build:{token}@")


def _ignored_index(world: World) -> None:
    line = "      - --extra-index-url https://mirror.example.invalid/simple/\n"
    world.edit(CONDA, "  - pip:\n", f"  - pip:\n{line}")


def _unpinned(world: World) -> None:
    world.edit(CONDA, "acme-core==1.0.0", "acme-core")


def _token_may_not_read(world: World) -> None:
    world.environment["WHEELSTEP_FEED_TOKEN"] = world.feed.no_rights_token


def _wrong_feed(world: World) -> None:
    world.edit("wheelstep.toml", "/_packaging/wheels/", "/_packaging/whels/")


def _wrong_workspace(world: World) -> None:
    world.edit("wheelstep.toml", "/score", "/scroe")


def _may_not_push(world: World) -> None:
    world.repo.git("remote", "set-url", "origin", world.remote("reader"))


def _saved_from_outside(world: World) -> None:
    file = "acme_core-9.9-py3-none-any.whl"
    world.feed.files[file] = Stored("acme-core", "9.9", file, b"PK", None, 0, source="PyPI")


def _not_kept(world: World) -> None:
    world.feed.retention = {"countLimit": 1}
    file = "acme_features-0.9.1-py3-none-any.whl"
    world.feed.files[file] = Stored("acme-features", "0.9.1", file, b"PK", None, 0)


FAULTS = (
    Fault("closed storage and no build compute", "build-compute-not-set", 0, _no_build_compute),
    Fault("a closed registry that is not Premium", "registry-not-premium", 0, _standard_registry),
    Fault("trusted services off", "registry-trusted-services", 0, _registry_trusts_nobody),
    Fault("a build compute with GPUs", "build-compute-gpu", 0, _gpu),
    Fault("a build compute that is not there", "build-compute-missing", 0, _no_compute),
    Fault("no connection for the feed", "connection-missing", 2, _no_connection),
    Fault("a connection that expired", "connection-expired", 0, _expired),
    Fault(
        "a closer connection that is broken",
        "connection-broken",
        5,
        _closer_and_broken,
        ends="connection-refused",
    ),
    Fault("a token in a definition", "secret-in-definition", 4, _token_in_definition),
    Fault("an index that pip ignores", "index-ignored", 0, _ignored_index),
    Fault("an unpinned package", "unpinned", 0, _unpinned),
    Fault("a token without the right to read", "not-authorized", 5, _token_may_not_read),
    Fault("a shallow clone", "shallow-clone", 2, shallow, late=True),
    Fault("a feed that is not there", "not-found", 5, _wrong_feed),
    Fault(
        "a workspace that is not there",
        "workspace-not-found",
        5,
        _wrong_workspace,
        ends="resource-not-found",
    ),
    Fault(
        "a public package of our name in the feed",
        "dependency-confusion",
        4,
        _saved_from_outside,
    ),
    Fault("a pinned version that retention deletes", "pinned-not-kept", 0, _not_kept),
    Fault("no right to push", "push-forbidden", 5, _may_not_push, late=True),
)

EXCLUDED: dict[frozenset[str], str] = {
    frozenset({"build-compute-not-set", "build-compute-gpu"}): "a compute that is not set has no "
    "size",
    frozenset({"build-compute-not-set", "build-compute-missing"}): "one that is not set cannot be "
    "missing",
    frozenset({"build-compute-gpu", "build-compute-missing"}): "one that is not there has no size",
    frozenset({"connection-missing", "connection-expired"}): "one that is not there has no date",
    frozenset({"connection-missing", "connection-broken"}): "the closer one covers the feed",
    **{
        frozenset({unread, told}): "a feed that cannot be read tells nothing of itself"
        for unread in ("not-authorized", "not-found")
        for told in ("dependency-confusion", "pinned-not-kept")
    },
    frozenset({"not-authorized", "not-found"}): "a feed that is not there tells of no rights",
}
"""Pairs of codes of which one cannot be there beside the other, and why."""


def plant(world: World, *faults: Fault) -> None:
    """Make the changes."""
    for fault in faults:
        if not fault.late:
            fault.plant(world)
    world.push()
    # a clone first: what else is late changes the clone
    for fault in sorted(faults, key=lambda one: one.code != "shallow-clone"):
        if fault.late:
            fault.plant(world)

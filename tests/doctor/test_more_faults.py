"""Further faults, beside those that are tried in pairs: each is found where it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doctor.world import CONDA, CORE, World, world


@dataclass(frozen=True)
class Case:
    """One change, and how doctor has to name what came of it."""

    name: str
    code: str
    exit_code: int
    plant: Callable[[World], object]
    released: bool = False
    """A real release is held beside it."""


def _storage_trusts_nobody(world: World) -> None:
    rules = world.train.storage["properties"]["networkAcls"]
    rules.update(bypass="None", resourceAccessRules=[])


def _no_endpoint(world: World) -> None:
    world.train.storage["properties"]["privateEndpointConnections"] = []


def _waiting_endpoint(world: World) -> None:
    for one in world.train.registry["properties"]["privateEndpointConnections"]:
        one["properties"]["privateLinkServiceConnectionState"]["status"] = "Pending"


def _no_file_endpoint(world: World) -> None:
    listed = world.train.storage["properties"]["privateEndpointConnections"]
    listed[:] = [one for one in listed if not one["name"].endswith("file")]


def _other_network(world: World) -> None:
    subnet = world.train.compute["properties"]["subnet"]
    subnet["id"] = subnet["id"].replace("/virtualNetworks/ml/", "/virtualNetworks/other/")


def _no_network(world: World) -> None:
    world.train.compute["properties"]["subnet"] = None


def _kubernetes(world: World) -> None:
    world.train.compute["computeType"] = "Kubernetes"


def _failed_cluster(world: World) -> None:
    world.train.compute["provisioningState"] = "Failed"


def _no_nodes(world: World) -> None:
    world.train.compute["properties"]["scaleSettings"]["maxNodeCount"] = 0


def _approved_only(world: World) -> None:
    world.train.properties["managedNetwork"] = {
        "isolationMode": "AllowOnlyApprovedOutbound",
        "status": {"status": "Active"},
        "outboundRules": {"other": {"type": "FQDN", "destination": "*.example.com"}},
    }
    feed = world.feed.simple_url
    line = "      - --extra-index-url https://packages.contoso.com/simple/\n"
    world.edit(CONDA, f"--index-url {feed}\n", f"--index-url {feed}\n{line}")


def _lost_storage(world: World) -> None:
    del world.arm.resources[str(world.train.storage["id"]).lower()]


def _lost_registry(world: World) -> None:
    del world.arm.resources[str(world.train.registry["id"]).lower()]


def _soon(world: World) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=5)
    found = world.train.connections["feed"]["properties"]
    found["expiryTime"] = soon.strftime("%Y-%m-%dT%H:%M:%SZ")


def _other_target(world: World) -> None:
    found = world.train.connections["feed"]["properties"]
    found["target"] = found["target"].replace("/contoso", "/contosso")


def _token_refused(world: World) -> None:
    world.train.connections["feed"]["properties"]["credentials"]["pat"] = "revoked-long-ago"


def _distant_and_broken(world: World) -> None:
    world.train.connect("dead", "no url at all", {"pat": "x"})


def _local_version(world: World) -> None:
    world.edit(CORE, 'version = "1.1.0"', 'version = "1.1.0+local"')


def _bad_version(world: World) -> None:
    world.edit(CORE, 'version = "1.1.0"', 'version = "one"')


def _no_such_tool(world: World) -> None:
    world.edit(CORE, '"setuptools>=61"', '"setuptools>=61", "acme-build-tool>=3"')


def _other_python(world: World) -> None:
    world.edit(CORE, '">=3.8"', '">=3.11"')


def _public_name(world: World) -> None:
    world.public["/simple/acme-core/"] = (
        b'<a href="/files/acme_core-99.0-py3-none-any.whl">acme_core-99.0-py3-none-any.whl</a>'
    )
    feed, index = world.feed.simple_url, world.environment["PIP_INDEX_URL"]
    line = f"      - --extra-index-url {index}/\n"
    world.edit(CONDA, f"--index-url {feed}\n", f"--index-url {feed}\n{line}")


def _broken_definition(world: World) -> None:
    world.edit(CONDA, "  - pip:\n", "  - pip:\n\t- broken\n")


def _dockerfile(world: World) -> None:
    world.repo.write(
        {
            "serve/Dockerfile": f"""\
                FROM python:3.10
                RUN pip install --index-url {world.feed.simple_url} acme-core==1.0.0
                """
        }
    )
    world.changed = True


def _uncommitted(world: World) -> None:
    world.repo.write({"packages/core/acme_core/new.py": "NEW = 1\n"})


def _unpushed(world: World) -> None:
    world.repo.write({"packages/core/acme_core/new.py": "NEW = 1\n"})
    world.repo.commit()


def _no_branch(world: World) -> None:
    world.repo.git("checkout", "--quiet", "--detach")


def _no_remote(world: World) -> None:
    world.repo.git("remote", "remove", "origin")


def _not_registering(world: World) -> None:
    world.environment["WHEELSTEP_REGISTER"] = "true"
    world.arm.deny("Microsoft.MachineLearningServices/workspaces/environments/versions/write")


def _no_workspace(world: World) -> None:
    world.edit("wheelstep.toml", f"feed+{world.feed.simple_url}", "azureml://subscriptions/1")


def _connection_token_refused(world: World) -> None:
    world.environment["WHEELSTEP_CONNECTION_TOKEN"] = "revoked-yesterday-of-the-feed"


CASES = (
    Case("storage lets nobody in", "storage-trusted-services", 0, _storage_trusts_nobody),
    Case("no way into the storage", "storage-no-way-in", 0, _no_endpoint),
    Case("an endpoint that waits", "registry-endpoint-pending", 0, _waiting_endpoint),
    Case("no endpoint for files", "storage-endpoint-missing", 0, _no_file_endpoint),
    Case("a cluster in another network", "build-compute-network", 0, _other_network),
    Case("a cluster in no network", "build-compute-network", 0, _no_network),
    Case("a build compute of another kind", "build-compute-kind", 0, _kubernetes),
    Case("a cluster that failed", "build-compute-failed", 0, _failed_cluster),
    Case("a cluster without nodes", "build-compute-empty", 0, _no_nodes),
    # what answers nothing there ends the release, too
    Case("a host that is not approved", "outbound-not-approved", 6, _approved_only),
    Case("a storage account that is gone", "storage-missing", 0, _lost_storage),
    Case("a registry that is gone", "registry-missing", 0, _lost_registry),
    Case("a connection that ends soon", "connection-expires-soon", 0, _soon),
    Case("a connection for another place", "connection-missing", 2, _other_target, released=True),
    Case("a connection that is refused", "connection-refused", 5, _token_refused, released=True),
    Case("a broken connection far away", "connection-broken", 0, _distant_and_broken),
    Case("a version that no feed takes", "wheel-not-acceptable", 3, _local_version, released=True),
    Case("a version that is none", "bad-version", 2, _bad_version, released=True),
    Case("a build tool that is nowhere", "build-requirements", 3, _no_such_tool),
    Case("an image with an older Python", "unresolvable", 7, _other_python),
    Case("a public package of our name", "dependency-confusion", 4, _public_name),
    Case("a definition that is no YAML", "definition-not-yaml", 7, _broken_definition,
         released=True),
    Case("a Dockerfile without credentials", "build-context-unconnected", 0, _dockerfile),
    Case("changes that are not committed", "uncommitted", 0, _uncommitted),
    Case("a commit that is not pushed", "head-not-pushed", 4, _unpushed, released=True),
    Case("no branch", "no-branch", 2, _no_branch, released=True),
    Case("no remote", "no-remote", 2, _no_remote, released=True),
    Case("a connection's token that does not read", "connection-refused", 5,
         _connection_token_refused, released=True),
    Case("no right to register", "right-missing", 5, _not_registering),
    Case("a destination that is no workspace", "destination-unknown", 2, _no_workspace,
         released=True),
)  # fmt: skip


@pytest.mark.parametrize(
    ("token", "packages", "status"),
    [("reader-token-0815", True, "ok"), ("reader-token-0815", False, "ok"), ("x.y", True, "fault")],
)
def test_the_settings_token_is_tried_as_a_release_would_and_not_stored(
    token: str, packages: bool, status: str, tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.environment["WHEELSTEP_CONNECTION_TOKEN"] = token
        if not packages:
            healthy.feed.files.clear()
        (check,) = healthy.doctor().of(
            f"{healthy.feed.base.removeprefix('http://').replace('.', '-').replace(':', '-')} at "
            f"{healthy.feed.simple_url}"
        )
        assert not healthy.arm.seen("PUT")
    assert check.status == status, check
    assert status == "fault" or ("acme-core" in check.message) == packages


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_found(case: Case, tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        case.plant(healthy)
        ran = healthy.doctor()
        if case.released:
            released = healthy.repo.wheelstep("release", extra=healthy.environment)
            assert ran.report.exit_code == released.code, released.said
    check = ran.fault(case.code)
    assert check.status == "fault"
    assert check.breaks
    assert check.cure
    assert ran.report.exit_code == case.exit_code


def test_what_does_not_answer_hides_no_fault_of_a_connection(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.train.connections["feed"]["properties"]["expiryTime"] = "2026-01-01T00:00:00Z"
        port = healthy.feed.base.rpartition(":")[2]
        for one in (healthy.train, healthy.score):
            found = one.connections["feed"]["properties"]
            found["target"] = found["target"].replace(port, "9")
        healthy.edit("wheelstep.toml", f":{port}/", ":9/")
        healthy.edit(CONDA, f":{port}/", ":9/")
        ran = healthy.doctor()
    assert "connection-expired" in ran.faults
    assert ran.report.exit_code == 6


@pytest.mark.parametrize(
    ("variable", "value", "code", "exit_code"),
    [
        ("WHEELSTEP_PLATFORM", "x86_64-manylinux_9_99", "unknown-platform", 2),
        ("PIP_CONFIG_FILE", "broken.ini", "pip-configuration", 2),
        ("AZURE_CLOUD", "AzureMoon", "bad-setting", 2),
    ],
)
def test_a_setting_that_is_wrong_takes_no_other_check_along(  # noqa: PLR0917 - a case, and places
    variable: str, value: str, code: str, exit_code: int, tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        (tmp_path / "broken.ini").write_text("no section\n")
        if variable == "AZURE_CLOUD":
            del healthy.environment["WHEELSTEP_RESOURCE_MANAGER"]
        value = str(tmp_path / value) if value.endswith(".ini") else value
        healthy.environment[variable] = value
        ran = healthy.doctor()
        released = healthy.repo.wheelstep("release", extra=healthy.environment)
    assert ran.report.exit_code == exit_code == released.code, released.said
    assert code in ran.faults
    assert "ok" in {check.status for check in ran.report.checks if check.group == "repository"}

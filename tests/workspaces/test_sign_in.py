"""Workspaces, signed in at by a service connection of Azure Pipelines: the token service and
Resource Manager are stand-ins, azure-identity is itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ground.web import InstantClock
from tests.release.kit import Repo
from tests.release.samples import flit
from tests.servers.arm import Arm
from tests.servers.arm_answers import invalid_token
from tests.servers.entra import JOB_TOKEN, TENANT, Entra, entra_server
from wheelstep.errors import ServiceRefused
from wheelstep.hosts import host_of
from wheelstep.report import Report
from wheelstep.settings import load
from wheelstep.stages.run import Run, open_run

CONNECTION = "5d3d9e0a-1111-4222-8333-44445555aaaa"


@pytest.fixture
def entra(authority: Path) -> Iterator[Entra]:
    with entra_server(authority) as running:
        yield running


def handed(arm: Arm, entra: Entra) -> dict[str, str]:
    """What the agent gives the task whose input names the connection."""
    return {
        **entra.pipelines(),
        "WHEELSTEP_RESOURCE_MANAGER": arm.url,
        "INPUT_SERVICECONNECTION": CONNECTION,
        f"ENDPOINT_AUTH_SCHEME_{CONNECTION}": "WorkloadIdentityFederation",
        f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_SERVICEPRINCIPALID": entra.client,
        f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_TENANTID": entra.tenant,
        "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN": JOB_TOKEN,
        "BUILD_SOURCEBRANCH": "refs/heads/main",
        "WHEELSTEP_COMMIT": "none",
    }


def opened(arm: Arm, entra: Entra, place: Path) -> Run:
    repo = Repo.create(place, flit("acme-core", ""))
    environment = {**repo.environment, **handed(arm, entra)}
    host = host_of(environment, io.StringIO(), io.StringIO())
    settings = load("doctor", {}, environment=environment, host=host, directory=repo.root)
    run = open_run(settings, host, environment, Report("doctor"))
    run.clock = InstantClock(entra.started)
    return run


def test_a_task_signs_in_at_a_workspace_by_its_service_connection(
    arm: Arm, entra: Entra, tmp_path: Path
) -> None:
    workspace = arm.workspace("train")
    run = opened(arm, entra, tmp_path / "place")
    assert run.resource_manager.find(f"{workspace.id}?api-version=2024-10-01")
    assert str(run.resource_manager.identity()).startswith(f"the application {entra.client}")
    assert entra.assertions == [f"assertion-1-of-pipelines-for-{CONNECTION}"]
    # the job's token is for Azure DevOps alone
    seen = [one.headers.get("Authorization", "") for one in arm.requests]
    assert seen
    assert not any(JOB_TOKEN in text for text in seen)
    assert not any(JOB_TOKEN.encode() in one.body for one in entra.asked("/oauth2/"))


def test_a_token_that_resource_manager_does_not_take_any_more_is_replaced_once(
    arm: Arm, entra: Entra, tmp_path: Path
) -> None:
    workspace = arm.workspace("train")
    path = f"{workspace.id}?api-version=2024-10-01"
    run = opened(arm, entra, tmp_path / "place")
    assert run.resource_manager.find(path)
    arm.fail("GET", workspace.id, invalid_token(TENANT))
    assert run.resource_manager.find(path)
    assert len(entra.given) == 2
    arm.fail("GET", workspace.id, invalid_token(TENANT), times=None)
    with pytest.raises(ServiceRefused):
        run.resource_manager.find(path)
    assert len(entra.given) == 2

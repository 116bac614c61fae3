"""Which versions a workspace has: asked of a stand-in of Azure Resource Manager."""

from __future__ import annotations

import json

import pytest

from tests.servers.arm import Arm
from tests.servers.arm_answers import Reply, failing, of_the_workspace, throttled
from tests.servers.arm_state import Workspace
from wheelstep.errors import ServiceRefused, ServiceUnavailable, SettingError
from wheelstep.workspaces.environment import create, versions_of
from wheelstep.workspaces.resource_manager import ResourceManager, endpoint_of

VERSIONS = "*/environments/acme-train/versions"


@pytest.fixture
def workspace(arm: Arm) -> Workspace:
    found = arm.workspace("train")
    found.register("acme-train", *(str(number) for number in range(1, 8)))
    return found


@pytest.fixture
def manager(arm: Arm, workspace: Workspace) -> ResourceManager:
    return arm.manager()


def test_all_pages_are_read(manager: ResourceManager, arm: Arm, workspace: Workspace) -> None:
    assert list(versions_of(manager, workspace.id, "acme-train")) == list("7654321")
    assert len(arm.requests) == 3


def test_archived_versions_count(manager: ResourceManager, workspace: Workspace) -> None:
    workspace.environments["acme-train"]["7"]["isArchived"] = True
    assert versions_of(manager, workspace.id, "acme-train")["7"]["isArchived"] is True


def test_an_environment_that_is_not_there_has_no_versions(
    manager: ResourceManager, workspace: Workspace
) -> None:
    assert versions_of(manager, workspace.id, "other") == {}


def test_a_workspace_that_is_not_there_is_not_one_without_versions(
    manager: ResourceManager, workspace: Workspace
) -> None:
    with pytest.raises(ServiceRefused, match="no workspace x in the resource group"):
        versions_of(manager, workspace.id.replace("/train", "/x"), "acme-train")


def test_no_right_is_said_in_the_services_words(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    arm.deny("*/environments/versions/read")
    with pytest.raises(ServiceRefused, match="environments/versions/read") as caught:
        versions_of(manager, workspace.id, "acme-train")
    assert "AzureML Data Scientist" in caught.value.cure


def test_what_passes_is_tried_again(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    arm.fail("GET", VERSIONS, throttled(3))
    arm.lose("GET", VERSIONS, after=False)
    arm.fail("GET", VERSIONS, failing())
    assert len(versions_of(manager, workspace.id, "acme-train")) == 7


def test_what_stays_is_said(manager: ResourceManager, arm: Arm, workspace: Workspace) -> None:
    arm.fail("GET", VERSIONS, failing(), times=None)
    with pytest.raises(ServiceUnavailable):
        versions_of(manager, workspace.id, "acme-train")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 1}', b'{"value": ["x"]}'])
def test_another_service(
    manager: ResourceManager, arm: Arm, workspace: Workspace, body: bytes
) -> None:
    arm.fail("GET", VERSIONS, Reply(200, raw=body))
    with pytest.raises(ServiceRefused, match="did not answer as Azure Resource Manager"):
        versions_of(manager, workspace.id, "acme-train")


def test_the_token_goes_to_no_other_host(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    page = {"value": [], "nextLink": "https://elsewhere.example/x"}
    arm.fail("GET", VERSIONS, Reply(200, raw=json.dumps(page).encode()))
    with pytest.raises(ServiceRefused, match="another host"):
        versions_of(manager, workspace.id, "acme-train")
    assert len(arm.requests) == 1


def test_the_clouds() -> None:
    assert endpoint_of({}) == "https://management.azure.com"
    assert endpoint_of({"AZURE_CLOUD": "AzureUSGovernment"}).endswith("usgovcloudapi.net")
    with pytest.raises(SettingError, match="none of Azure's clouds"):
        endpoint_of({"AZURE_CLOUD": "Nimbus"})
    with pytest.raises(SettingError, match="no https URL"):
        endpoint_of({"WHEELSTEP_RESOURCE_MANAGER": "http://h"})


# --- creating -------------------------------------------------------------------------------------

MADE = {"image": "base", "condaFile": "name: e\n", "isAnonymous": False, "isArchived": False}


def test_what_is_created_is_read_back(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    made = create(manager, workspace.id, "acme-train", "8", MADE)
    found = made.properties
    assert (made.accepted, found["image"]) == (True, "base")
    assert found["environmentType"] == "UserCreated"
    assert workspace.environments["acme-train"]["8"] == MADE
    assert [one.method for one in arm.requests] == ["PUT", "GET"]
    assert json.loads(arm.requests[0].body) == {"properties": MADE}


def test_names_and_versions_are_escaped(manager: ResourceManager, arm: Arm) -> None:
    with pytest.raises(ServiceRefused):
        create(manager, arm.workspace("train").id, "a/b", "1 2?x", MADE)
    assert arm.requests[0].path.endswith("/environments/a%2Fb/versions/1%202%3Fx")


def test_of_a_version_that_others_have_theirs_is_returned(
    manager: ResourceManager, workspace: Workspace
) -> None:
    before = dict(workspace.environments["acme-train"]["7"])
    made = create(manager, workspace.id, "acme-train", "7", MADE)
    assert made.accepted is False
    assert made.properties["image"] == before["image"] != "base"
    assert workspace.environments["acme-train"]["7"] == before


def test_a_conflict_about_something_else_is_an_error(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    arm.fail("PUT", "*", of_the_workspace(409, "Conflict", "The workspace is being moved."))
    with pytest.raises(ServiceRefused, match="being moved"):
        create(manager, workspace.id, "acme-train", "8", MADE)


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_reply_makes_no_second_version(
    manager: ResourceManager, arm: Arm, workspace: Workspace, *, after: bool
) -> None:
    arm.lose("PUT", "*", after=after)
    assert create(manager, workspace.id, "acme-train", "8", MADE).properties["image"] == "base"
    assert list(workspace.environments["acme-train"])[-1] == "8"


def test_what_is_not_to_be_read_yet_is_what_the_service_answered(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    missing = of_the_workspace(404, "UserError", "Environment acme-train version 8 not found.")
    arm.fail("GET", "*/versions/8", missing)
    made = create(manager, workspace.id, "acme-train", "8", MADE)
    assert made.properties["condaFile"] == "name: e\n"


def test_without_the_right_the_action_is_named(
    manager: ResourceManager, arm: Arm, workspace: Workspace
) -> None:
    arm.deny("*/environments/versions/write")
    with pytest.raises(ServiceRefused, match="workspaces/environments/versions/write"):
        create(manager, workspace.id, "acme-train", "8", MADE)

"""Which versions a workspace has: a stand-in over TLS, in Azure Resource Manager's shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ground.web import Answer, InstantClock, Web
from tests.servers.authority import made_authority, secure
from tests.servers.workspace import TOKEN, Workspace, refused
from wheelstep.errors import ServiceRefused, ServiceUnavailable, SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.workspaces.environment import versions_of
from wheelstep.workspaces.resource_manager import ResourceManager, endpoint_of

WORKSPACE = (
    "/subscriptions/5f3b6a0e-0000-4000-8000-000000000001/resourceGroups/ml/providers/"
    "Microsoft.MachineLearningServices/workspaces/train"
)


class Tokens:
    def token(self) -> Secret:
        return Secret(TOKEN)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def workspace() -> Workspace:
    found = Workspace(WORKSPACE)
    found.environments["acme-train"] = [str(number) for number in range(7, 0, -1)]
    return found


@pytest.fixture
def web(workspace: Workspace, authority: Path) -> Iterator[Web]:
    with Web(answer=workspace.answer, tls=secure(authority)) as web:
        workspace.base = web.url
        yield web


@pytest.fixture
def manager(web: Web, authority: Path) -> Iterator[ResourceManager]:
    environment = {"WHEELSTEP_RESOURCE_MANAGER": web.url, "REQUESTS_CA_BUNDLE": str(authority)}
    with Transport(environment, clock=InstantClock(), timeout=(2, 2)) as transport:
        yield ResourceManager(environment, transport, Tokens())


def test_all_pages_are_read(manager: ResourceManager, web: Web) -> None:
    assert versions_of(manager, WORKSPACE, "acme-train") == ["7", "6", "5", "4", "3", "2", "1"]
    assert len(web.asked) == 3


def test_an_environment_that_is_not_there_has_no_versions(manager: ResourceManager) -> None:
    assert versions_of(manager, WORKSPACE, "other") == []


def test_no_right_is_said_in_the_services_words(
    manager: ResourceManager, workspace: Workspace
) -> None:
    workspace.trouble = [
        refused(
            403,
            "AuthorizationFailed",
            "The client 'x' does not have authorization to perform action 'Microsoft."
            "MachineLearningServices/workspaces/environments/versions/read'.",
        )
    ]
    with pytest.raises(ServiceRefused, match="environments/versions/read") as caught:
        versions_of(manager, WORKSPACE, "acme-train")
    assert "AzureML Data Scientist" in caught.value.cure


def test_what_passes_is_tried_again(manager: ResourceManager, workspace: Workspace) -> None:
    busy = Answer(429, {"Retry-After": "3"})
    workspace.trouble = [busy, Answer(drop=True), Answer(503)]
    assert len(versions_of(manager, WORKSPACE, "acme-train")) == 7


def test_what_stays_is_said(manager: ResourceManager, workspace: Workspace) -> None:
    workspace.trouble = [Answer(503)] * 50
    with pytest.raises(ServiceUnavailable):
        versions_of(manager, WORKSPACE, "acme-train")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 1}', b'{"value": ["x"]}'])
def test_another_service(manager: ResourceManager, workspace: Workspace, body: bytes) -> None:
    workspace.trouble = [Answer(200, {}, body)]
    with pytest.raises(ServiceRefused, match="did not answer as Azure Resource Manager"):
        versions_of(manager, WORKSPACE, "acme-train")


def test_the_token_goes_to_no_other_host(
    manager: ResourceManager, workspace: Workspace, web: Web
) -> None:
    page = {"value": [], "nextLink": "https://elsewhere.example/x"}
    workspace.trouble = [Answer(200, {}, json.dumps(page).encode())]
    with pytest.raises(ServiceRefused, match="another host"):
        versions_of(manager, WORKSPACE, "acme-train")
    assert len(web.asked) == 1


def test_the_clouds() -> None:
    assert endpoint_of({}) == "https://management.azure.com"
    assert endpoint_of({"AZURE_CLOUD": "AzureUSGovernment"}).endswith("usgovcloudapi.net")
    with pytest.raises(SettingError, match="none of Azure's clouds"):
        endpoint_of({"AZURE_CLOUD": "Nimbus"})
    with pytest.raises(SettingError, match="no https URL"):
        endpoint_of({"WHEELSTEP_RESOURCE_MANAGER": "http://h"})

"""What Azure Resource Manager's refusals mean: who lacks what, where, and what mends it."""

from __future__ import annotations

import json

import pytest

from tests.servers import arm_answers as says
from tests.servers.arm import Arm
from tests.servers.arm_answers import Reply
from tests.servers.arm_identity import CLIENT, OBJECT
from tests.servers.arm_state import TENANT, Workspace
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Response
from wheelstep.workspaces import refusals
from wheelstep.workspaces.refusals import absent, refused, role_for
from wheelstep.workspaces.resource_manager import API_VERSION, ResourceManager

CONNECTIONS = "Microsoft.MachineLearningServices/workspaces/connections"
URL = "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/N.S/things/one"


@pytest.fixture
def workspace(arm: Arm) -> Workspace:
    return arm.workspace("train")


def refusal(manager: ResourceManager, path: str, *, write: bool = False) -> StepError:
    """The error of reading or writing a connection below this path."""
    url = f"{path}/connections/feed?api-version={API_VERSION}"
    properties = {
        "category": "PythonFeed",
        "target": "https://pkgs.dev.azure.com/contoso",
        "authType": "PAT",
        "credentials": {"pat": Secret("pat-of-the-tests-77aa")},
    }
    with pytest.raises(StepError) as caught:
        manager.put(url, {"properties": properties}) if write else manager.find(url)
    assert "pat-of-the-tests" not in f"{caught.value.message} {caught.value.cure}"
    return caught.value


def meant(reply: Reply, method: str = "PUT") -> StepError:
    return refused(method, Response(reply.status, reply.headers, reply.body, URL))


def test_a_missing_right_names_action_scope_identity_role_and_command(
    arm: Arm, workspace: Workspace
) -> None:
    arm.deny(f"{CONNECTIONS}/write")
    error = refusal(arm.manager(), workspace.id, write=True)
    assert isinstance(error, ServiceRefused)
    assert error.code == "not-authorized"
    assert f"{CONNECTIONS}/write" in error.message
    assert f"{workspace.id}/connections/feed" in error.message
    assert CLIENT in error.message
    assert OBJECT in error.message
    assert (
        f"az role assignment create --assignee {OBJECT} --role 'AzureML Data Scientist' "
        f"--scope {workspace.id}\n" in error.cure
    )


def test_the_right_to_secrets_has_a_role_of_its_own(arm: Arm, workspace: Workspace) -> None:
    workspace.connect("feed", credentials={"pat": "x"})
    arm.deny(f"{CONNECTIONS}/listsecrets/action")
    path = f"{workspace.id}/connections/feed/listsecrets?api-version={API_VERSION}"
    with pytest.raises(ServiceRefused, match="connections/listsecrets/action") as caught:
        arm.manager().post(path)
    assert "Azure Machine Learning Workspace Connection Secrets Reader" in caught.value.cure


@pytest.mark.parametrize(
    ("action", "role"),
    [
        (f"{CONNECTIONS}/delete", "AzureML Data Scientist"),
        ("Microsoft.MachineLearningServices/workspaces/read", "AzureML Data Scientist"),
        ("Microsoft.MachineLearningServices/workspaces/write", "Contributor"),
        ("Microsoft.Storage/storageAccounts/read", "Reader"),
        ("Microsoft.ContainerRegistry/registries/read", "Reader"),
        ("Microsoft.Storage/storageAccounts/write", "Contributor"),
    ],
)
def test_the_role_is_the_smallest_that_serves(action: str, role: str) -> None:
    assert role_for(action) == role


def test_a_scope_that_is_no_path_stays_one_word_of_the_command() -> None:
    error = meant(says.forbidden("x", OBJECT, "A.B/c/read", "/x; rm -r ~"))
    assert "--scope '/x; rm -r ~'\n" in error.cure


def test_a_right_that_is_missing_on_something_else_is_named(workspace: Workspace) -> None:
    store = workspace.properties["storageAccount"]
    error = meant(
        says.forbidden_link(
            OBJECT, f"{CONNECTIONS}/write", workspace.id, "Microsoft.Storage/x/read", store
        )
    )
    assert "Microsoft.Storage/x/read" in error.message
    assert f"--role Reader --scope {store}\n" in error.cure


def test_another_wording_of_a_missing_right_is_quoted() -> None:
    error = meant(says.refused(403, "AuthorizationFailed", "No."))
    assert error.code == "not-authorized"
    assert error.message.endswith("(AuthorizationFailed): No.")
    assert "AzureML Data Scientist" in error.cure


def test_a_subscription_that_does_not_exist(arm: Arm, workspace: Workspace) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    path = workspace.id.replace("5f3b6a0e-0000-4000-8000-000000000001", other)
    error = refusal(arm.manager(), path)
    assert error.code == "subscription-not-found"
    assert other in error.message
    assert OBJECT in error.message, "who is signed in decides what can be seen"
    assert "az account list" in error.cure


def test_a_subscription_that_is_no_guid(arm: Arm, workspace: Workspace) -> None:
    path = workspace.id.replace("5f3b6a0e-0000-4000-8000-000000000001", "dev")
    error = refusal(arm.manager(), path)
    assert error.code == "subscription-not-found"
    assert "no subscription dev," in error.message


def test_a_group_that_does_not_exist(arm: Arm, workspace: Workspace) -> None:
    error = refusal(arm.manager(), workspace.id.replace("/ml/", "/mll/"))
    assert error.code == "resource-group-not-found"
    assert "no resource group mll" in error.message
    assert "second part of `workspace`" in error.cure


@pytest.mark.parametrize("write", [True, False])
def test_a_workspace_that_does_not_exist(arm: Arm, workspace: Workspace, *, write: bool) -> None:
    error = refusal(arm.manager(), workspace.id.replace("train", "trian"), write=write)
    assert error.code == "resource-not-found"
    named = "/ml/providers/Microsoft.MachineLearningServices/workspaces/trian (Parent"
    assert (named if write else "no workspace trian in the resource group ml") in error.message
    assert "az ml workspace list" in error.cure


def test_a_token_for_another_cloud(arm: Arm, workspace: Workspace) -> None:
    manager = arm.manager(aud="https://management.chinacloudapi.cn/")
    error = refusal(manager, workspace.id)
    assert error.code == "token-for-another-cloud"
    assert "https://management.chinacloudapi.cn/" in error.message
    assert "AZURE_CLOUD" in error.cure
    assert "WHEELSTEP_RESOURCE_MANAGER" in error.cure
    assert len(arm.requests) == 1


def test_a_token_of_another_tenant(arm: Arm, workspace: Workspace) -> None:
    theirs = "99999999-0000-4000-8000-000000000000"
    error = refusal(arm.manager(tid=theirs), workspace.id)
    assert error.code == "token-of-another-tenant"
    assert theirs in error.message
    assert f"az login --tenant {TENANT}" in error.cure


def test_a_token_that_has_expired(arm: Arm, workspace: Workspace) -> None:
    error = refusal(arm.manager(exp=1_700_000_000), workspace.id)
    assert error.code == "token-expired"
    assert "11/14/2023" in error.message


def test_a_token_that_is_none(arm: Arm, workspace: Workspace) -> None:
    error = refusal(arm.manager(raw="opaque"), workspace.id)
    assert error.code == "not-authenticated"
    assert "signed in as" not in error.message


@pytest.mark.parametrize("version", ["2099-01-01", "latest", ""])
def test_an_api_version_that_is_not_known(arm: Arm, workspace: Workspace, version: str) -> None:
    with pytest.raises(ServiceRefused) as caught:
        arm.manager().find(f"{workspace.id}?api-version={version}")
    assert caught.value.code == "api-version-refused"
    assert "`api-version`" in caught.value.cure


def test_a_policy_is_named() -> None:
    error = meant(says.disallowed("feed", "No connections with PAT"))
    assert error.code == "policy-refused"
    assert "policy 'No connections with PAT (landing zone)'" in error.message


@pytest.mark.parametrize("operation", ["write", "delete"])
def test_a_lock_is_named(workspace: Workspace, operation: str) -> None:
    error = meant(says.locked(workspace.id, operation))
    assert error.code == "resource-locked"
    assert workspace.id in error.message
    assert "az lock list" in error.cure


def test_details_are_told_with_what_they_are_below() -> None:
    inner = {"code": "Inner", "message": "the vault is closed", "details": [{"code": "Deepest"}]}
    reply = says.refused(400, "BadRequest", "One or more errors.", details=[inner])
    assert "One or more errors. / Inner: the vault is closed" in meant(reply).message


@pytest.mark.parametrize(
    ("code", "status"), [("SubscriptionRequestsThrottled", 429), ("TooManyRequests", 503)]
)
def test_throttling_is_for_later(code: str, status: int) -> None:
    error = meant(says.refused(status, code, "Please try again after '17' seconds."))
    assert isinstance(error, ServiceUnavailable)
    assert error.code == "rate-limited"
    assert "'17' seconds" in error.message


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"error": None}, {"error": "no"}, {"error": {"code": 7}}, {"error": {}},
        {"error": {"code": "X", "message": 5, "details": "x", "additionalInfo": [1, {"info": 2}]}},
        {"error": {"code": "AuthorizationFailed"}}, {"error": {"code": "ResourceNotFound"}},
        {"error": {"code": "{what}{0}", "message": "{cure} {} {x"}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [302, 400, 404, 409, 422, 503])
def test_any_shape_of_refusal_is_an_error_with_a_cure(document: object, status: int) -> None:
    response = Response(status, {}, json.dumps(document).encode(), URL)
    error = refused("GET", response)
    assert error.message
    assert error.cure
    assert error.exit_code == (6 if status == 503 and "Auth" not in response.body.decode() else 5)
    assert isinstance(absent(response), bool)


def test_a_body_nested_without_end_is_an_error_too() -> None:
    deep = b'{"error":' * 60_000 + b"}" * 60_000
    response = Response(400, {}, deep, URL)
    assert refused("GET", response).exit_code == 5
    details: dict[str, object] = {"code": "X", "message": "deep"}
    for _ in range(3000):  # later Pythons parse that
        details = {"code": "X", "message": "up", "details": [details]}
    assert set(refusals._below(details)) == {"X: up"}

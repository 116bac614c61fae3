"""The stand-in for Azure Resource Manager is kept honest: by the published descriptions, and by
Microsoft's own client, which drives it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.oracles import python_of
from tests.servers.arm import Arm, arm_server
from tests.servers.arm_answers import throttled
from tests.servers.arm_specs import Descriptions
from tests.servers.arm_state import GROUP, SUBSCRIPTION, Workspace
from wheelstep.errors import StepError
from wheelstep.workspaces.resource_manager import API_VERSION, ResourceManager

TARGET = "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/"
VERSION = f"api-version={API_VERSION}"
GOOD: dict[str, Any] = {
    "category": "PythonFeed",
    "target": TARGET,
    "authType": "PAT",
    "credentials": {"pat": "x"},
    "isSharedToAll": True,
    "metadata": {"made-by": "a test"},
    "expiryTime": "2027-01-31T00:00:00Z",
}
SIGNED_IN = {"Authorization": "Bearer x", "Content-Type": "application/json"}


@pytest.fixture
def workspace(arm: Arm) -> Workspace:
    return arm.workspace("train")


@pytest.fixture
def descriptions() -> Descriptions:
    found = Descriptions()
    if not found.are_there:
        pytest.skip("the published descriptions of Azure's services are not beside this repository")
    return found


def broken(
    descriptions: Descriptions,
    properties: object,
    *,
    name: str = "feed",
    subscription: str = SUBSCRIPTION,
    version: str = VERSION,
    token: bool = True,
) -> list[str]:
    """What the description says against a PUT of a connection."""
    target = (
        f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/"
        f"Microsoft.MachineLearningServices/workspaces/train/connections/{name}?{version}"
    )
    body = {} if properties is None else {"properties": properties}
    headers = SIGNED_IN if token else {"Content-Type": "application/json"}
    return descriptions.violations("PUT", target, headers, json.dumps(body).encode())


@pytest.mark.parametrize("version", ["2024-10-01", "2025-06-01", "2024-04-01-preview"])
def test_the_description_takes_good_requests(descriptions: Descriptions, version: str) -> None:
    password = {"authType": "UsernamePassword", "credentials": {"username": "u", "password": "p"}}
    none = {key: value for key, value in GOOD.items() if key != "credentials"}
    for properties in (GOOD, GOOD | password, none | {"authType": "None"}):
        assert not broken(descriptions, properties, version=f"api-version={version}")


@pytest.mark.parametrize(
    "change",
    [
        {"category": "WheelFeed"},
        {"authType": "pat"},
        {"credentials": {"pat": 4711}},
        {"credential": {"pat": "x"}},
        {"authType": None},
        {"metadata": {"days": 14}},
    ],
)
def test_the_description_refuses_bad_bodies(
    descriptions: Descriptions, change: dict[str, Any]
) -> None:
    changed = {key: value for key, value in (GOOD | change).items() if value is not None}
    assert broken(descriptions, changed)


@pytest.mark.parametrize("name", ["ab", "feed.one", "f" * 34])
def test_the_description_refuses_bad_names(descriptions: Descriptions, name: str) -> None:
    assert broken(descriptions, GOOD, name=name)


def test_the_description_refuses_the_rest_of_what_is_wrong(descriptions: Descriptions) -> None:
    assert broken(descriptions, None)
    assert broken(descriptions, GOOD, version="api-version=2099-01-01")
    assert broken(descriptions, GOOD, version="")
    assert broken(descriptions, GOOD, subscription="dev")
    assert broken(descriptions, GOOD, token=False)


def test_a_violation_names_no_value(descriptions: Descriptions) -> None:
    said = broken(descriptions, GOOD | {"authType": "secret-1", "metadata": {"a": ["secret-2"]}})
    assert said
    assert "secret" not in "".join(said)


def test_the_path_is_described_however_it_is_spelled(descriptions: Descriptions) -> None:
    target = (
        f"/Subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/providers/"
        f"microsoft.machinelearningservices/Workspaces/train/Connections/feed?{VERSION}"
    )
    body = json.dumps({"properties": GOOD | {"category": "WheelFeed"}}).encode()
    assert descriptions.violations("PUT", target, SIGNED_IN, body)


def test_a_violation_is_refused_and_ends_the_test(
    descriptions: Descriptions, authority: Path
) -> None:
    def bad() -> None:
        with arm_server(authority) as arm:
            path = f"{arm.workspace('train').id}/connections/feed?{VERSION}"
            with pytest.raises(StepError, match="ValidationError"):
                arm.manager().put(path, {"properties": GOOD | {"category": "WheelFeed"}})

    with pytest.raises(AssertionError, match="category breaks 'enum'"):
        bad()


def test_its_own_answers_are_held_against_the_description(
    descriptions: Descriptions, arm: Arm, workspace: Workspace
) -> None:
    workspace.connect("feed", metadata={"days": 14})
    arm.manager().find(f"{workspace.id}/connections/feed?{VERSION}")
    assert "our answer to GET" in arm.violations[0]
    arm.violations.clear()


@pytest.mark.parametrize(
    ("kind", "credentials"),
    [
        ("PAT", {"username": "u", "password": "p"}),
        ("PAT", {}),
        ("PAT", {"pat": ""}),
        ("UsernamePassword", {"username": "u"}),
    ],
)
def test_credentials_that_do_not_fit_are_refused(
    arm: Arm, workspace: Workspace, kind: str, credentials: dict[str, str]
) -> None:
    path = f"{workspace.id}/connections/feed?{VERSION}"
    with pytest.raises(StepError, match=r"ValidationError\).*do not fit"):
        arm.manager().put(
            path, {"properties": GOOD | {"authType": kind, "credentials": credentials}}
        )
    assert not workspace.connections


def everything(manager: ResourceManager, workspace: Workspace) -> list[dict[str, Any]]:
    """All that a workspace and what it relies on say."""
    versions = {"storage": "2025-06-01", "registries": "2023-07-01", "network": "2025-01-01"}
    paths = [f"{workspace.id}?{VERSION}", f"{workspace.id}/computes?{VERSION}"]
    for document in workspace.resources.values():
        version = next(v for kind, v in versions.items() if kind in str(document["type"]).lower())
        paths.append(f"{document['id']}?api-version={version}")
    found = [manager.find(path) for path in paths]
    assert all(one is not None for one in found)
    return [dict(one) for one in found if one]


@pytest.mark.parametrize("closed", [True, False])
def test_the_healthy_set_ups_are_what_the_descriptions_know(arm: Arm, *, closed: bool) -> None:
    workspace = arm.workspace("train", closed=closed)
    documents = everything(arm.manager(), workspace)
    text = json.dumps(documents)
    assert ("imageBuildCompute" in text) is closed
    assert text.count('"Approved"') == (8 if closed else 0)
    subnets = {one for one in text.split('"') if "/subnets/" in one}
    assert len({one.partition("/subnets/")[0] for one in subnets}) == (1 if closed else 0)
    assert not arm.violations


def test_what_is_denied_is_refused_and_told(arm: Arm, workspace: Workspace) -> None:
    other = arm.workspace("score")
    arm.granted = ("*/read", "Microsoft.MachineLearningServices/workspaces/connections/*")
    arm.deny("*/connections/write", f"{workspace.id}*")
    manager = arm.manager()

    def rights(one: Workspace) -> dict[str, Any]:
        path = f"{one.id}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
        (found,) = manager.pages(path)
        return dict(found)

    assert rights(other)["notActions"] == []
    assert rights(workspace)["notActions"] == ["*/connections/write"]
    assert rights(workspace)["actions"] == list(arm.granted)
    manager.put(f"{other.id}/connections/feed?{VERSION}", {"properties": GOOD})
    with pytest.raises(StepError, match="may not do"):
        manager.put(f"{workspace.id}/connections/feed?{VERSION}", {"properties": GOOD})


def test_workspaces_are_listed_with_their_own_subscription_only(arm: Arm) -> None:
    theirs = "22222222-0000-4000-8000-000000000002"
    ours = arm.workspace("train")
    arm.workspace("train", subscription=theirs, group="other")
    kind = "providers/Microsoft.MachineLearningServices/workspaces"
    found = list(arm.manager().pages(f"/subscriptions/{SUBSCRIPTION}/{kind}?{VERSION}"))
    assert [one["id"] for one in found] == [ours.id]


def test_connections_are_listed_by_category_and_target(arm: Arm, workspace: Workspace) -> None:
    workspace.connect("feed", TARGET, {"pat": "P"})
    workspace.connect("wide", "https://pkgs.dev.azure.com/contoso", {"pat": "P"})
    workspace.connect("code", TARGET, {"pat": "P"}, category="Git")
    path = f"{workspace.id}/connections?{VERSION}"

    def names(query: str) -> list[str]:
        return [one["name"] for one in arm.manager().pages(path + query)]

    assert names("") == ["code", "feed", "wide"]
    assert names("&category=PythonFeed") == ["feed", "wide"]
    assert names(f"&category=PythonFeed&target={quote(TARGET, safe='')}") == ["feed"]
    assert '"P"' not in "".join(one.answer.decode() for one in arm.seen("GET"))


def test_ids_compare_without_case(arm: Arm, workspace: Workspace) -> None:
    workspace.connect("feed", TARGET, {"pat": "x"})
    spelled = workspace.id.replace("resourceGroups/ml", "resourcegroups/ML").replace(
        "train", "Train"
    )
    found = arm.manager().find(f"{spelled}/connections/FEED?{VERSION}")
    assert found is not None
    assert found["name"] == "feed"


def test_an_instant_comes_back_in_another_spelling(arm: Arm, workspace: Workspace) -> None:
    given = GOOD | {"expiryTime": "2027-01-31T01:00:00+01:00"}
    path = f"{workspace.id}/connections/feed?{VERSION}"
    stored = arm.manager().put(path, {"properties": given}).document
    assert stored["properties"]["expiryTime"] == "2027-01-31T00:00:00.0000000Z"


def test_answers_wait_together(arm: Arm, workspace: Workspace) -> None:
    arm.latency = 0.3
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        manager = arm.manager()
        list(pool.map(lambda _: manager.find(f"{workspace.id}?{VERSION}"), range(8)))
    assert 0.3 <= time.monotonic() - started < 1.8


def test_a_defect_of_the_stand_in_ends_the_test(authority: Path) -> None:
    def bad() -> None:
        with arm_server(authority) as arm:
            workspace = arm.workspace("train")
            workspace.connections["feed"] = {}
            with pytest.raises(StepError, match="no answer"):
                arm.manager().find(f"{workspace.id}/connections/feed?{VERSION}")

    with pytest.raises(AssertionError, match="KeyError"):
        bad()


def test_no_connection_is_left_at_the_end(authority: Path) -> None:
    with arm_server(authority) as arm:
        idle = socket.create_connection(("127.0.0.1", urlsplit(arm.url).port or 0))
        manager = arm.manager()
        manager.find(f"{arm.workspace('train').id}?{VERSION}")
    with idle:
        idle.settimeout(5)
        assert idle.recv(1) == b""


def driven(arm: Arm, workspace: Workspace, steps: Sequence[tuple[str, object]]) -> list[Any]:
    """What Microsoft's own client makes of some steps."""
    asked = {
        "subscription": SUBSCRIPTION,
        "group": GROUP,
        "workspace": workspace.document["name"],
        "token": arm.token(),
        "steps": steps,
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "AZUREML_"))}
    done = subprocess.run(
        [python_of("azure-ai-ml"), str(Path(__file__).with_name("azure_drives.py"))],
        input=json.dumps(asked),
        env=kept
        | {
            "ARM_CLOUD_METADATA_URL": f"{arm.url}/metadata/endpoints",
            "REQUESTS_CA_BUNDLE": str(arm.authority),
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_microsofts_own_client_makes_lists_reads_and_removes_connections(
    arm: Arm, workspace: Workspace
) -> None:
    pat = {"name": "feed", "type": "python_feed", "target": TARGET, "credentials": {"pat": "P"}}
    login = pat | {"name": "login", "credentials": {"username": "u", "password": "p%40ss"}}
    code = pat | {"name": "code", "type": "git", "target": "https://github.com/contoso"}
    public = pat | {"name": "public", "credentials": {}}
    workspace.connect("older", TARGET, {"pat": "older"})
    arm.fail("PUT", "*/connections/login", throttled(0))
    arm.deny("*/connections/delete", "*/connections/code")
    steps = [
        *(("connect", one) for one in (pat, login, code, public)),
        ("get", {"name": "feed"}),
        ("list", {"connection_type": "python_feed"}),
        ("delete", {"name": "login"}),
        ("get", {"name": "login"}),
        ("delete", {"name": "code"}),
        ("workspace", {}),
        ("compute", {"name": "image-build"}),
    ]
    *connected, read, listed, removed, missing, forbidden, found, cluster = driven(
        arm, workspace, steps
    )
    kinds = ["pat", "username_password", "pat", "None"]
    assert [one["authentication"] for one in connected] == kinds
    assert read["target"] == TARGET
    assert read["credentials"] == {"pat": None, "username": None, "password": None}
    assert [one["name"] for one in listed] == ["feed", "login", "older", "public"]
    assert removed is None
    assert missing["error"] == "ResourceNotFoundError"
    assert "connections/delete" in forbidden["message"]
    assert found == ["train", "image-build", "Disabled"]
    assert cluster[:2] == ["amlcompute", "STANDARD_DS3_V2"]
    assert cluster[2].endswith("/subnets/training")
    assert sorted(workspace.connections) == ["code", "feed", "older", "public"]
    assert workspace.connections["feed"]["properties"] == {
        "category": "PythonFeed",
        "target": TARGET,
        "authType": "PAT",
        "credentials": {"pat": "P"},
        "isSharedToAll": True,
        "metadata": {},
    }
    assert [one.status for one in arm.seen("PUT", "*/connections/login")] == [429, 200]


def test_microsofts_own_client_registers_environments(arm: Arm, workspace: Workspace) -> None:
    conda = {"name": "acme", "dependencies": ["python=3.11", {"pip": ["acme-core==1.2.3"]}]}
    one = {"name": "acme", "version": "7", "image": "base:1", "conda_file": conda}
    made, read, taken, described, raised, versions, latest = driven(
        arm,
        workspace,
        [
            ("register", one),
            ("environment", {"name": "acme", "version": "7"}),
            ("register", one | {"image": "base:2"}),
            ("register", one | {"description": "the same"}),
            ("register", {"name": "acme", "image": "base:2", "conda_file": conda}),
            ("versions", {"name": "acme"}),
            ("environment", {"name": "acme", "label": "latest"}),
        ],
    )
    assert made == {"name": "acme", "version": "7"}
    assert read == {"version": "7", "image": "base:1", "conda": conda}
    assert taken["error"] == "ResourceExistsError", "what it raises the version for"
    assert described == {"name": "acme", "version": "7"}
    assert raised == {"name": "acme", "version": "8"}
    assert versions == ["8", "7"]
    assert latest == {"version": "8", "image": "base:2", "conda": conda}
    assert workspace.environments["acme"]["7"]["description"] == "the same"

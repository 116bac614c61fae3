"""Reading and writing through Azure Resource Manager: a stand-in over TLS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.ground.web import InstantClock
from tests.servers.arm import Arm
from tests.servers.arm_answers import Reply, conflict, disallowed, failing, throttled
from tests.servers.arm_state import Workspace
from wheelstep.errors import ServiceRefused, ServiceUnavailable, SettingError, StepError
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.workspaces.refusals import ResourceConflict
from wheelstep.workspaces.resource_manager import API_VERSION, Deletion, ResourceManager

TARGET = "https://pkgs.dev.azure.com/contoso"
PAT = "pat-of-the-tests-4f6a"
FEED = "*/connections/feed"
VERSION = f"api-version={API_VERSION}"


@pytest.fixture
def workspace(arm: Arm) -> Workspace:
    return arm.workspace("train")


def at(workspace: Workspace, name: str = "feed", version: str = VERSION) -> str:
    return f"{workspace.id}/connections/{name}?{version}"


def body(secret: str = PAT, **properties: object) -> Mapping[str, Any]:
    return {
        "properties": {
            "category": "PythonFeed",
            "target": TARGET,
            "authType": "PAT",
            "credentials": {"pat": Secret(secret)},
            "isSharedToAll": True,
            "metadata": {},
            **properties,
        }
    }


def stored(workspace: Workspace, name: str = "feed") -> str:
    return str(workspace.connections[name]["properties"]["credentials"]["pat"])


def test_a_connection_is_created_changed_and_read_back(arm: Arm, workspace: Workspace) -> None:
    manager = arm.manager()
    made = manager.put(at(workspace), body())
    assert made.status == 200
    assert made.document["name"] == "feed"
    assert stored(workspace) == PAT
    manager.put(at(workspace), body("another-pat-8c1d"))
    assert stored(workspace) == "another-pat-8c1d"
    found = manager.find(at(workspace))
    assert found is not None
    assert found["properties"]["target"] == TARGET
    assert "credentials" not in found["properties"]
    assert len(arm.seen("PUT")) == 2


def test_the_same_again_changes_nothing(arm: Arm, workspace: Workspace) -> None:
    manager = arm.manager()
    first = manager.put(at(workspace), body()).document
    assert manager.put(at(workspace), body()).document == first
    assert list(workspace.connections) == ["feed"]


def test_the_secret_is_in_the_request_and_in_no_repr(arm: Arm, workspace: Workspace) -> None:
    given = body()
    made = arm.manager().put(at(workspace), given)
    (request,) = arm.seen("PUT", FEED)
    assert json.loads(request.body)["properties"]["credentials"] == {"pat": PAT}
    assert request.headers["Content-Type"] == "application/json"
    assert PAT not in f"{given!r}{made!r}{request.path}{request.query}{dict(request.headers)}"


def test_what_is_no_json_is_a_defect_and_not_sent(arm: Arm, workspace: Workspace) -> None:
    with pytest.raises(TypeError, match="bytes is no JSON"):
        arm.manager().put(at(workspace), {"properties": b"x"})
    assert not arm.requests


def test_the_secrets_are_listed(arm: Arm, workspace: Workspace) -> None:
    workspace.connect("feed", TARGET, {"username": "any", "password": "p%40ss"})
    path = at(workspace, "feed/listsecrets")
    found = arm.manager().post(path)["properties"]
    assert found["credentials"] == {"username": "any", "password": "p%40ss"}
    assert arm.seen("POST")[0].body == b""


def test_a_list_is_read_page_by_page(arm: Arm, workspace: Workspace) -> None:
    for number in range(7):
        workspace.connect(f"feed{number}", TARGET, {"pat": PAT})
    workspace.connect("code", "https://github.com/contoso", {"pat": PAT}, category="Git")
    path = f"{workspace.id}/connections?{VERSION}&category=PythonFeed"
    names = [one["name"] for one in arm.manager().pages(path)]
    assert names == [f"feed{number}" for number in range(7)]
    assert len(arm.seen("GET")) == 3


@pytest.mark.parametrize(
    ("link", "ours"),
    [
        ("https://management.azure.com:443/x", True),
        ("HTTPS://Management.Azure.com/x", True),
        ("https://management.azure.com:444/x", False),
        ("https://management.azure.com.example/x", False),
        ("https://management.azure.com:x/", False),
        ("http://management.azure.com/x", False),
    ],
)
def test_a_link_is_ours_however_it_spells_host_and_port(link: str, *, ours: bool) -> None:
    class Nobody:
        def token(self) -> Secret:
            raise SettingError("nobody is signed in", code="not-signed-in")

    # nothing listens: what is ours gets as far as asking for a token
    manager = ResourceManager({}, Transport({}), Nobody())
    with pytest.raises(StepError) as caught:
        manager.get(link)
    assert caught.value.code == ("not-signed-in" if ours else "foreign-link")


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/x", "https://[x", "{url}@elsewhere.example/", "http:{rest}"]
)
def test_the_token_follows_no_foreign_link(arm: Arm, workspace: Workspace, link: str) -> None:
    following = link.format(url=arm.url, rest=arm.url.partition(":")[2])
    arm.fail("GET", "*/connections", Reply(200, {"value": [], "nextLink": following}))
    with pytest.raises(ServiceRefused, match="another host") as caught:
        list(arm.manager().pages(f"{workspace.id}/connections?{VERSION}"))
    assert caught.value.code == "foreign-link"
    assert len(arm.requests) == 1


def test_a_redirect_is_not_followed(arm: Arm, workspace: Workspace) -> None:
    moved = Reply(307, headers={"Location": "https://elsewhere.example/x"})
    arm.fail("PUT", FEED, moved)
    with pytest.raises(ServiceRefused, match="307"):
        arm.manager().put(at(workspace), body())
    assert not workspace.connections


def test_a_removal_says_whether_there_was_something(arm: Arm, workspace: Workspace) -> None:
    workspace.connect("feed", TARGET, {"pat": PAT})
    manager = arm.manager()
    assert manager.delete(at(workspace)) is Deletion.DELETED
    assert manager.delete(at(workspace)) is Deletion.WAS_ABSENT
    missing = Reply(404, {"error": {"code": "NotFound", "message": "not there"}})
    arm.fail("DELETE", FEED, missing)
    assert manager.delete(at(workspace)) is Deletion.WAS_ABSENT


@pytest.mark.parametrize("gone", [None, Reply(404, {"error": {"code": "UserError"}})])
def test_what_a_removal_finds_missing_the_second_time_it_has_removed(
    arm: Arm, workspace: Workspace, gone: Reply | None
) -> None:
    workspace.connect("feed", TARGET, {"pat": PAT})
    arm.lose("DELETE", FEED, after=True)
    if gone is not None:
        arm.fail("DELETE", FEED, gone)
    assert arm.manager().delete(at(workspace)) is Deletion.DELETED
    assert not workspace.connections
    assert len(arm.seen("DELETE")) == 2


def test_removing_from_a_workspace_that_is_not_there_is_no_success(
    arm: Arm, workspace: Workspace
) -> None:
    with pytest.raises(ServiceRefused, match="There is no"):
        arm.manager().delete(at(workspace).replace("/train/", "/trian/"))


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_reply_ends_in_one_connection(
    arm: Arm, workspace: Workspace, *, after: bool
) -> None:
    arm.lose("PUT", FEED, after=after, times=2)
    assert arm.manager().put(at(workspace), body()).document["name"] == "feed"
    assert [one.status for one in arm.seen("PUT")] == [None, None, 200]
    assert stored(workspace) == PAT


@pytest.mark.parametrize("after", [True, False])
def test_secrets_are_asked_for_again_after_a_lost_reply(
    arm: Arm, workspace: Workspace, *, after: bool
) -> None:
    workspace.connect("feed", TARGET, {"pat": PAT})
    arm.lose("POST", "*/listsecrets", after=after)
    found = arm.manager().post(at(workspace, "feed/listsecrets"))
    assert found["properties"]["credentials"] == {"pat": PAT}


def test_replies_that_are_always_lost_are_said_without_the_body(
    arm: Arm, workspace: Workspace
) -> None:
    arm.lose("PUT", FEED, after=False, times=None)
    with pytest.raises(ServiceUnavailable, match="got no answer in 6 attempts") as caught:
        arm.manager().put(at(workspace), body())
    assert PAT not in f"{caught.value.message} {caught.value.cure}"
    assert "connections/feed" in caught.value.message


def test_retry_after_is_waited_for(arm: Arm, workspace: Workspace) -> None:
    clock = InstantClock()
    arm.fail("PUT", FEED, throttled(7))
    arm.manager(clock=clock).put(at(workspace), body())
    assert len(clock.waits) == 1
    assert 7 <= clock.waits[0] <= 8
    assert stored(workspace) == PAT


def test_a_rate_that_stays_limited_is_said_in_the_end(arm: Arm, workspace: Workspace) -> None:
    arm.fail("PUT", FEED, throttled(7), times=None)
    with pytest.raises(ServiceUnavailable, match="limits how often") as caught:
        arm.manager().put(at(workspace), body())
    assert caught.value.code == "rate-limited"
    assert len(arm.seen("PUT")) == 6


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_fails_is_asked_again(arm: Arm, workspace: Workspace, status: int) -> None:
    arm.fail("PUT", FEED, failing(status), times=2)
    arm.manager().put(at(workspace), body())
    assert stored(workspace) == PAT


def test_a_conflict_is_handed_to_the_caller(arm: Arm, workspace: Workspace) -> None:
    arm.fail("PUT", FEED, conflict())
    with pytest.raises(ResourceConflict, match="being changed by another request") as caught:
        arm.manager().put(at(workspace), body())
    assert caught.value.arm_code == "Conflict"
    assert caught.value.exit_code == 5
    assert len(arm.seen("PUT")) == 1


def test_a_version_that_differs_is_a_conflict_and_one_that_is_equal_none(
    arm: Arm, workspace: Workspace
) -> None:
    manager = arm.manager()
    path = f"{workspace.id}/environments/acme/versions/3?{VERSION}"
    given = {"properties": {"image": "base:1", "condaFile": "name: acme\n"}}
    assert manager.put(path, given).status == 201
    assert manager.put(path, given).status == 200
    with pytest.raises(
        ResourceConflict, match="already registered and cannot be changed"
    ) as caught:
        manager.put(path, {"properties": {"image": "base:2", "condaFile": "name: acme\n"}})
    assert caught.value.arm_code == "UserError"
    assert workspace.environments["acme"]["3"]["image"] == "base:1"


def test_one_workspace_of_three_fails_and_the_others_do_not(arm: Arm) -> None:
    three = [arm.workspace(name) for name in ("train", "score", "serve")]
    arm.fail("PUT", "*/workspaces/score/*", failing(), times=None)
    manager = arm.manager()
    outcomes: list[str] = []
    for one in three:
        try:
            manager.put(at(one), body())
            outcomes.append("stored")
        except ServiceUnavailable:
            outcomes.append("failed")
    assert outcomes == ["stored", "failed", "stored"]


def test_nothing_refused_repeats_what_was_sent(arm: Arm, workspace: Workspace) -> None:
    # a service that quotes the request: the secret is known and blotted out
    arm.fail("PUT", FEED, disallowed("feed", f"no credentials {PAT}"))
    with pytest.raises(ServiceRefused) as caught:
        arm.manager().put(at(workspace), body())
    assert PAT not in f"{caught.value.message} {caught.value.cure}"
    assert "no credentials ***" in caught.value.message


def test_find_gives_nothing_only_where_the_rest_is_there(arm: Arm, workspace: Workspace) -> None:
    manager = arm.manager()
    assert manager.find(at(workspace)) is None
    store = workspace.properties["storageAccount"]
    assert manager.find(f"{store}?api-version=2025-06-01") == workspace.storage
    assert manager.find(f"{store}x?api-version=2025-06-01") is None
    for wrong in ("/train/", "/ml/", "/5f3b6a0e-0000-4000-8000-000000000001/"):
        with pytest.raises(ServiceRefused, match="There is no"):
            manager.find(at(workspace).replace(wrong, f"{wrong[:-2]}9/"))


def test_an_answer_of_another_service_is_not_nothing(arm: Arm, workspace: Workspace) -> None:
    arm.fail("GET", FEED, Reply(404, raw=b"<html>no such page"))
    with pytest.raises(ServiceRefused, match="404"):
        arm.manager().find(at(workspace))


def test_the_api_version_is_the_callers(arm: Arm, workspace: Workspace) -> None:
    from wheelstep.workspaces.environment import versions_of

    workspace.register("acme", "1")
    manager = arm.manager(options={"api_version": "2025-06-01"})
    assert list(versions_of(manager, workspace.id, "acme")) == ["1"]
    assert [one.query["api-version"] for one in arm.requests] == ["2025-06-01"]
    assert arm.manager().api_version == API_VERSION


def test_who_is_signed_in(arm: Arm) -> None:
    application = arm.manager().identity()
    assert application is not None
    assert str(application) == (
        "the application 6a1f0b7c-0000-4000-8000-00000000c11e "
        "(object id 1c9e4d52-0000-4000-8000-0000000000b1, "
        "tenant 72f988bf-0000-4000-8000-0000000000aa)"
    )
    user = arm.manager(upn="ada@contoso.com").identity()
    assert user is not None
    assert str(user).startswith("ada@contoso.com (object id ")
    assert not arm.requests


@pytest.mark.parametrize("raw", ["opaque", "a.b.c", "a.bm90IGpzb24.c", "a.W10.c", "a.e30.c"])
def test_a_token_that_says_nothing_is_nobodys(arm: Arm, raw: str) -> None:
    assert arm.manager(raw=raw).identity() is None

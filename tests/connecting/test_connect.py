"""`wheelstep connect`: created, left, updated, and nothing worse."""

from __future__ import annotations

import json

import pytest

from tests.connecting.conftest import CONDA, TOKEN, Scene, statuses
from tests.servers.arm_answers import conflict, failing, throttled
from wheelstep.workspaces.connection import FINGERPRINT

LISTSECRETS = "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action"
WRITE = "Microsoft.MachineLearningServices/workspaces/connections/write"


def test_a_connection_is_created_as_the_documentation_has_it(scene: Scene) -> None:
    ran = scene.connect("--connection-expires", "2099-03-01")
    assert ran.code == 0, ran.said
    assert ran.status == "done"
    assert ran.report["connections"] == [
        {
            "workspace": scene.train.option,
            "name": "ml-feed",
            "target": scene.target,
            "category": "PythonFeed",
            "expires": "2099-03-01T23:59:59+00:00",
            "status": "created",
            "changes": [],
        }
    ]
    held = scene.held()
    assert held["credentials"] == {"pat": TOKEN}
    assert (held["category"], held["authType"], held["target"], held["isSharedToAll"]) == (
        "PythonFeed",
        "PAT",
        scene.target,
        True,
    )
    assert held["expiryTime"].startswith("2099-03-01T23:59:59")
    assert TOKEN not in held["metadata"][FINGERPRINT]
    # the feed was asked for a released package, with that very token
    assert TOKEN in {seen.password for seen in scene.feed.seen("GET", "/simple/acme-core")}


def test_nothing_is_written_when_nothing_changed(scene: Scene) -> None:
    assert scene.connect().code == 0
    before = scene.writes()
    ran = scene.connect()
    assert (ran.code, ran.status, statuses(ran)) == (0, "nothing-to-do", ["unchanged"])
    # nor where the stored token may not be seen
    scene.arm.deny(LISTSECRETS)
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (0, ["unchanged"]), ran.said
    assert scene.writes() == before


@pytest.mark.parametrize("hidden", [False, True])
def test_another_token_is_stored(scene: Scene, hidden: bool) -> None:
    assert scene.connect().code == 0
    scene.feed.read_only_token = new = "another-reader-token-of-the-feed"
    if hidden:
        scene.arm.deny(LISTSECRETS)
    ran = scene.connect(WHEELSTEP_CONNECTION_TOKEN=new)
    assert (ran.code, statuses(ran)) == (0, ["updated"]), ran.said
    assert ran.report["connections"][0]["changes"] == ["the token"]
    assert scene.held()["credentials"] == {"pat": new}


def test_drift_is_noticed_and_named(scene: Scene) -> None:
    assert scene.connect().code == 0
    scene.train.connections["ml-feed"]["properties"]["target"] = "https://elsewhere.example"
    ran = scene.connect("--dry-run")
    assert (ran.code, ran.status, statuses(ran)) == (0, "planned", ["planned"])
    assert ran.report["connections"][0]["changes"] == ["the target (https://elsewhere.example)"]
    assert scene.held()["target"] == "https://elsewhere.example"
    ran = scene.connect()
    assert statuses(ran) == ["updated"]
    assert scene.held()["target"] == scene.target


def test_a_password_is_url_encoded_and_written_again(scene: Scene) -> None:
    scene.feed.read_only_token = password = "pass/w:rd & of 8"
    more = {"WHEELSTEP_CONNECTION_USER": "a@b", "WHEELSTEP_CONNECTION_TOKEN": password}
    ran = scene.connect(**more)
    assert ran.code == 0, ran.said
    held = scene.held()
    assert held["authType"] == "UsernamePassword"
    assert held["credentials"] == {"username": "a%40b", "password": "pass%2Fw%3Ard%20%26%20of%208"}
    assert FINGERPRINT not in held["metadata"]
    assert statuses(scene.connect(**more)) == ["unchanged"]
    scene.arm.deny(LISTSECRETS)
    ran = scene.connect(**more)
    assert statuses(ran) == ["updated"]
    assert "cannot be compared" in ran.report["connections"][0]["changes"][0]


def test_who_may_use_it_and_the_target_are_settings(scene: Scene) -> None:
    ran = scene.connect(
        "--no-connection-shared", "--connection-target", scene.feed.root
    )  # fmt: skip
    assert ran.code == 0, ran.said
    assert (scene.held()["isSharedToAll"], scene.held()["target"]) == (False, scene.feed.root)


# --- made by hand ---------------------------------------------------------------------------------


def test_what_was_made_by_hand_is_shown_and_not_changed(scene: Scene) -> None:
    scene.train.connect("ml-feed", scene.target, {"pat": "by-hand-token-of-somebody"})
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (4, ["failed"])
    problem = ran.problem("connection-made-by-hand")
    for said in (scene.train.option, scene.target, "PAT", "the token"):
        assert said in problem["message"]
    assert "allow" in problem["cure"]
    assert scene.writes() == []
    assert "by-hand-token-of-somebody" not in ran.said + json.dumps(ran.report)


def test_with_consent_it_is_taken_over(scene: Scene) -> None:
    scene.train.connect(
        "ml-feed", scene.target, {"pat": "by-hand-token-of-somebody"}, metadata={"team": "ml"}
    )
    allow = "connection-made-by-hand ml-feed we look after it from now on"
    ran = scene.connect("--allow", allow)
    assert (ran.code, statuses(ran)) == (0, ["updated"]), ran.said
    assert "look after it" in ran.problem("connection-made-by-hand")["message"]
    assert scene.held()["metadata"]["team"] == "ml"
    # it is ours now
    assert statuses(scene.connect("--connection-target", scene.feed.root)) == ["updated"]


def test_what_was_made_by_hand_and_is_right_needs_no_consent(scene: Scene) -> None:
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN})
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (0, ["unchanged"]), ran.said


def test_a_connection_of_another_kind_is_not_overwritten(scene: Scene) -> None:
    scene.train.connect("ml-feed", "acr.example", {"username": "u", "password": "p"},
                        category="ContainerRegistry")  # fmt: skip
    ran = scene.connect()
    assert ran.code == 4
    assert "ContainerRegistry" in ran.problem("connection-made-by-hand")["message"]
    assert scene.held()["category"] == "ContainerRegistry"


# --- several workspaces, and services that fail ---------------------------------------------------


def test_three_workspaces_with_one_failing(scene: Scene) -> None:
    score, test = scene.arm.workspace("score"), scene.arm.workspace("test")
    scene.arm.deny(WRITE, f"{score.id}*")
    names = "\n".join(one.option for one in (scene.train, score, test))
    ran = scene.connect(WHEELSTEP_WORKSPACE=names)
    assert (ran.code, statuses(ran)) == (5, ["created", "failed", "created"])
    problem = ran.problem("not-authorized")
    assert WRITE.lower() in problem["message"].lower()
    assert score.id in problem["message"]
    assert "az role assignment create" in problem["cure"]
    which = ran.problem("connection-partly")["message"]
    assert f"as it is wanted in {scene.train.option}, {test.option}, and not in" in which
    assert "ml-feed" not in score.connections
    # mended and run again: only what is missing is done
    scene.arm.denied.clear()
    ran = scene.connect(WHEELSTEP_WORKSPACE=names)
    assert (ran.code, statuses(ran)) == (0, ["unchanged", "created", "unchanged"])


def test_what_passes_is_tried_again(scene: Scene) -> None:
    scene.arm.fail("GET", "*/connections", throttled(0.2))
    scene.arm.fail("PUT", "*/connections/ml-feed", conflict())
    scene.arm.lose("PUT", "*/connections/ml-feed", after=True)
    scene.arm.fail("PUT", "*/connections/ml-feed", failing(502))
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said
    assert scene.held()["credentials"] == {"pat": TOKEN}


def test_a_lost_race_is_said(scene: Scene) -> None:
    scene.arm.fail("PUT", "*/connections/ml-feed", conflict(), times=None)
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (6, ["failed"])
    assert "ml-feed" in ran.problem("race-lost")["message"]


def test_a_workspace_that_is_not_there(scene: Scene) -> None:
    ran = scene.connect(WHEELSTEP_WORKSPACE=scene.train.option.replace("/train", "/training"))
    assert (ran.code, statuses(ran)) == (5, ["failed"])
    assert "training" in ran.said
    subscription = "5f3b6a0e-0000-4000-8000-00000000dead"
    ran = scene.connect(WHEELSTEP_WORKSPACE=f"{subscription}/ml/train")
    assert ran.code == 5
    assert subscription in ran.problem("subscription-not-found")["message"]


def test_a_token_for_the_wrong_cloud(scene: Scene) -> None:
    scene.arm.identity["aud"] = "https://management.chinacloudapi.cn/"
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (5, ["failed"])
    problem = ran.problem("token-for-another-cloud")
    assert "management.chinacloudapi.cn" in problem["message"]
    assert "AZURE_CLOUD" in problem["cure"]


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_reply_to_a_removal(scene: Scene, after: bool) -> None:
    assert scene.connect().code == 0
    scene.arm.lose("DELETE", "*/connections/ml-feed", after=after)
    ran = scene.connect("--remove")
    assert (ran.code, statuses(ran)) == (0, ["removed"]), ran.said
    assert scene.train.connections == {}


def test_the_api_version_is_a_setting(scene: Scene) -> None:
    assert scene.connect("--api-version", "2025-06-01").code == 0
    assert {seen.query["api-version"] for seen in scene.arm.requests} == {"2025-06-01"}
    ran = scene.connect("--api-version", "2019-01-01")
    assert ran.code == 5
    assert "api-version" in ran.said


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("WHEELSTEP_WORKSPACE", "no-workspace"),
        ("WHEELSTEP_CONNECTION_TOKEN", "connection-token-missing"),
    ],
)
def test_what_is_missing_is_asked_for(scene: Scene, missing: str, code: str) -> None:
    ran = scene.connect(**{missing: None})
    assert (ran.code, ran.problem(code)["exit_code"]) == (2, 2)
    assert scene.arm.requests == []


def test_a_definition_that_spells_the_feed_otherwise_is_told_of(scene: Scene) -> None:
    feed = scene.feed
    theirs = feed.simple_url.replace("/contoso/", "/Contoso/")
    target = {"WHEELSTEP_CONNECTION_TARGET": f"{feed.base}/contoso"}
    scene.repo.replace(CONDA, feed.simple_url, theirs)
    scene.repo.commit()
    ran = scene.connect(**target)
    assert ran.code == 0, ran.said
    problem = ran.problem("index-spelled-otherwise")
    assert (problem["severity"], problem["file"], problem["line"]) == ("warning", CONDA, 5)
    assert (
        f"names {theirs}, and the connection ml-feed is for {feed.base}/contoso"
        in (problem["message"])
    )
    assert f"Write {feed.simple_url} in the definition" in problem["cure"]
    # another one of the workspace serves it
    scene.train.connect("theirs", f"{feed.base}/Contoso", {"pat": TOKEN})
    assert "index-spelled-otherwise" not in scene.connect(**target).codes

"""Tables of connections, rotating, removing, printing; neighbours and expiry."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import Any

import pytest
import yaml

from tests.connecting.conftest import CONDA, TOKEN, Scene, statuses
from tests.oracles import python_of
from tests.servers.arm_answers import Reply
from tests.servers.arm_state import SUBSCRIPTION

NEW = "the-new-token-of-the-connection"


def soon(days: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).strftime("%Y-%m-%d")


# --- tables ---------------------------------------------------------------------------------------


def test_several_connections_are_tables_each_with_its_own_token(scene: Scene) -> None:
    other = scene.feed.base.replace("127.0.0.1", "localhost")
    scene.repo.write({
        "wheelstep.toml": f"""\
            [[connection]]
            name = "ml-feed"
            target = "{scene.feed.base}"
            token-env = "READ_FEED"
            expires = 2099-03-01
            [[connection]]
            name = "theirs"
            target = "{other}"
            token-env = "READ_THEIRS"
            shared = false
            auth-type = "pat"
            [[allow]]
            code = "connection-unproven"
            name = "theirs"
            reason = "it is not reached from here"
            """})  # fmt: skip
    scene.repo.commit()
    ran = scene.connect(
        WHEELSTEP_CONNECTION=None,
        WHEELSTEP_CONNECTION_TOKEN=None,
        READ_FEED=TOKEN,
        READ_THEIRS="a-token-of-somewhere-else",
    )
    assert (ran.code, statuses(ran)) == (0, ["created", "created"]), ran.said
    assert scene.held()["credentials"] == {"pat": TOKEN}
    assert scene.held()["expiryTime"].startswith("2099-03-01T23:59:59")
    assert scene.held("theirs")["credentials"] == {"pat": "a-token-of-somewhere-else"}
    assert scene.held("theirs")["isSharedToAll"] is False
    assert {seen.password for seen in scene.feed.requests} <= {TOKEN, None}


def test_one_name_for_two_is_refused(scene: Scene) -> None:
    scene.repo.write({
        "wheelstep.toml": """\
            connection = [{target = "https://h.example/a", name = "one"},
                          {target = "https://h.example/b", name = "ONE"}]
            """})  # fmt: skip
    ran = scene.connect(WHEELSTEP_CONNECTION=None)
    assert (ran.code, ran.codes) == (2, ["connection-twice"])


# --- rotating -------------------------------------------------------------------------------------


def test_a_new_token_reaches_every_workspace_that_has_the_connection(scene: Scene) -> None:
    score, test = scene.arm.workspace("score"), scene.arm.workspace("test")
    names = "\n".join(one.option for one in (scene.train, score, test))
    for workspace in (scene.train, score):
        assert scene.connect(WHEELSTEP_WORKSPACE=workspace.option).code == 0
    scene.feed.read_only_token = NEW
    more = {"WHEELSTEP_WORKSPACE": names, "WHEELSTEP_CONNECTION_TOKEN": NEW}
    ran = scene.connect("--rotate", "--connection-expires", "2099-01-31", **more)
    assert (ran.code, statuses(ran)) == (0, ["updated", "updated"]), ran.said
    for workspace in (scene.train, score):
        held = scene.held(workspace=workspace)
        assert held["credentials"] == {"pat": NEW}
        assert held["expiryTime"].startswith("2099-01-31")
    assert test.connections == {}


def test_where_one_fails_it_is_said_which_have_which(scene: Scene) -> None:
    score = scene.arm.workspace("score")
    names = f"{scene.train.option}\n{score.option}"
    assert scene.connect(WHEELSTEP_WORKSPACE=names).code == 0
    scene.feed.read_only_token = NEW
    scene.arm.deny("*/connections/write", f"{score.id}*")
    more = {"WHEELSTEP_WORKSPACE": names, "WHEELSTEP_CONNECTION_TOKEN": NEW}
    ran = scene.connect("--rotate", **more)
    assert (ran.code, statuses(ran)) == (5, ["updated", "failed"])
    said = ran.problem("connection-partly")["message"]
    assert f"as it is wanted in {scene.train.option}" in said
    assert f"not in {score.option}, where what was there before still stands" in said
    assert scene.held(workspace=score)["credentials"] == {"pat": TOKEN}


def test_a_token_that_did_not_arrive_is_noticed(scene: Scene) -> None:
    assert scene.connect().code == 0
    scene.feed.read_only_token = NEW
    # a service that says yes and keeps the old one
    yes = Reply(200, {"name": "ml-feed", "properties": {"authType": "PAT"}})
    scene.arm.fail("PUT", "*/connections/ml-feed", yes, times=None)
    ran = scene.connect("--rotate", WHEELSTEP_CONNECTION_TOKEN=NEW)
    assert (ran.code, statuses(ran)) == (5, ["failed"]), ran.said
    assert "has something else" in ran.problem("connection-not-kept")["message"]


def test_a_token_that_does_not_read_is_not_rotated_in(scene: Scene) -> None:
    assert scene.connect().code == 0
    ran = scene.connect("--rotate", WHEELSTEP_CONNECTION_TOKEN=NEW)
    assert ran.code == 5
    assert scene.held()["credentials"] == {"pat": TOKEN}


def test_rotating_what_is_nowhere(scene: Scene) -> None:
    ran = scene.connect("--rotate")
    assert (ran.code, ran.status, statuses(ran)) == (0, "nothing-to-do", [])
    assert "connection-nowhere" in ran.codes
    assert scene.train.connections == {}


# --- removing -------------------------------------------------------------------------------------


def test_a_connection_is_removed_after_what_stops_was_shown(scene: Scene) -> None:
    assert scene.connect().code == 0
    ran = scene.connect("--remove", "--dry-run", WHEELSTEP_CONNECTION_TOKEN=None)
    assert (ran.code, statuses(ran)) == (0, ["planned"])
    assert "ml-feed" in scene.train.connections
    ran = scene.connect("--remove", WHEELSTEP_CONNECTION_TOKEN=None)
    assert (ran.code, statuses(ran)) == (0, ["removed"]), ran.said
    problem = ran.problem("connection-in-use")
    assert (problem["file"], problem["line"]) == (CONDA, 5)
    assert scene.train.option in problem["message"]
    assert scene.train.connections == {}
    assert statuses(scene.connect("--remove", WHEELSTEP_CONNECTION_TOKEN=None)) == []


def test_what_another_connection_covers_does_not_stop(scene: Scene) -> None:
    assert scene.connect().code == 0
    scene.train.connect("wide", scene.feed.base, {"pat": "x-of-somebody"})
    ran = scene.connect("--remove")
    assert "connection-in-use" not in ran.codes
    assert list(scene.train.connections) == ["wide"]


def test_what_was_made_by_hand_is_removed_with_consent(scene: Scene) -> None:
    scene.train.connect("ml-feed", scene.target, {"pat": "by-hand-token-of-somebody"})
    ran = scene.connect("--remove")
    assert (ran.code, statuses(ran)) == (4, ["failed"])
    assert "not deleted" in ran.problem("connection-made-by-hand")["message"]
    ran = scene.connect("--remove", "--allow", "connection-made-by-hand ml-feed nobody needs it")
    assert (ran.code, scene.train.connections) == (0, {})


# --- printing -------------------------------------------------------------------------------------


def printed(scene: Scene, **more: str | None) -> str:
    code, out, said = scene.repo.run(["connect", "--print"], extra=scene.settings(**more))
    assert code == 0, said
    return out


LOADS = """
import json, sys
from azure.ai.ml import load_workspace_connection
one = load_workspace_connection(sys.argv[1])._to_rest_object()
print(json.dumps(one.as_dict() if hasattr(one, "as_dict") else one.serialize()))
"""


def test_what_is_printed_is_what_azure_ml_reads(scene: Scene) -> None:
    text = printed(scene)
    assert TOKEN not in text
    assert f"--workspace-name train --subscription {SUBSCRIPTION}" in text
    assert '--set credentials.pat="$CONNECTION_TOKEN"' in text
    body = yaml.safe_load(text)
    assert body == {
        "name": "ml-feed",
        "type": "python_feed",
        "target": scene.target,
        "is_shared": True,
        "credentials": {"type": "pat", "pat": "SET_WHEN_CREATING"},
    }
    file = scene.repo.place / "ml-feed.yml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [python_of("azure-ai-ml"), "-c", LOADS, file], capture_output=True, check=True, text=True
    )
    read: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["properties"]
    assert (read["category"], read["target"], read["authType"]) == (
        "PythonFeed",
        scene.target,
        "PAT",
    )
    assert read["credentials"] == {"pat": "SET_WHEN_CREATING"}
    assert scene.arm.requests == []


def test_it_can_be_printed_without_any_right_or_token(scene: Scene) -> None:
    text = printed(scene, WHEELSTEP_WORKSPACE=None, WHEELSTEP_CONNECTION_TOKEN=None,
                   WHEELSTEP_CONNECTION=None)  # fmt: skip
    assert yaml.safe_load(text)["target"] == scene.target
    assert "--workspace-name NAME" in text
    more = {"WHEELSTEP_CONNECTION_USER": "a@b", "WHEELSTEP_CONNECTION_TOKEN": "pass-w0rd"}
    assert yaml.safe_load(printed(scene, **more))["credentials"] == {
        "type": "username_password",
        "username": "a%40b",
        "password": "SET_WHEN_CREATING",
    }


# --- neighbours and expiry ------------------------------------------------------------------------


def test_neighbours_that_win_or_break_builds_are_named(scene: Scene) -> None:
    scene.train.connect("closer", scene.feed.root, {"pat": "x-of-somebody"})
    scene.train.connect("twin", scene.feed.base, {"pat": "x-of-somebody"})
    scene.train.connect("broken", "https://h.example/", {"pat": "x"},
                        expiryTime="2020-01-01T00:00:00Z")  # fmt: skip
    ran = scene.connect()
    assert ran.code == 0, ran.said
    assert "closer" in ran.problem("connection-outranked")["message"]
    assert "twin" in ran.problem("connection-ambiguous")["message"]
    assert "az ml connection delete --name broken" in ran.problem("connection-broken")["cure"]


def test_who_would_lose_feeds_is_named(scene: Scene) -> None:
    scene.train.connect("wide", scene.feed.base, {"pat": "x-of-somebody"})
    ran = scene.connect("--connection-target", f"{scene.feed.base}/contoso")
    assert "takes over" in ran.problem("connection-takes-over")["message"]


@pytest.mark.parametrize(
    ("days", "code", "exit_code"),
    [(30, None, 0), (10, "connection-expires-soon", 0), (-3, "connection-expired", 2)],
)
def test_the_end_of_a_token_is_told(
    scene: Scene, days: int, code: str | None, exit_code: int
) -> None:
    ran = scene.connect("--connection-expires", soon(days))
    assert ran.code == exit_code, ran.said
    assert [each for each in ran.codes if each.startswith("connection-exp")] == (
        [code] if code else []
    )


def test_an_unknown_end_is_said_as_unknown_and_a_known_one_is_remembered(scene: Scene) -> None:
    ran = scene.connect()
    assert "not known" in ran.problem("connection-expiry-unknown")["message"]
    assert ran.report["connections"][0]["expires"] is None
    assert scene.connect("--connection-expires", soon(5)).code == 0
    # the same token without its day: the workspace still knows it
    ran = scene.connect()
    assert statuses(ran) == ["unchanged"]
    assert ran.report["connections"][0]["expires"].startswith(soon(5))
    assert "connection-expires-soon" in ran.codes
    assert "connection-expiry-unknown" not in ran.codes

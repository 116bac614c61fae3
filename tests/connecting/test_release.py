"""A release connects after publishing and before it commits; without a token it looks first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.connecting.conftest import CONDA, TOKEN, Scene, statuses
from tests.release.kit import Ran
from tests.servers.arm_answers import Reply

LISTSECRETS = "*/connections/listsecrets/action"


def raised(scene: Scene, version: str = "1.1") -> None:
    path = "acme_core.py"
    scene.repo.write({path: f"'''A sample.'''\n__version__ = '{version}'\n"})
    scene.repo.commit()


def release(scene: Scene, *arguments: str, **more: str | None) -> Ran:
    return scene.run("release", *arguments, WHEELSTEP_COMMIT="local", **more)


def test_a_release_connects_and_the_next_one_leaves_it(scene: Scene) -> None:
    raised(scene)
    ran = release(scene)
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said
    assert scene.held()["credentials"] == {"pat": TOKEN}
    assert "acme-core==1.1" in scene.repo.read(CONDA)
    order = list(ran.report["timings"])
    assert order.index("publish") < order.index("connect") < order.index("commit")
    # what it was rehearsed with is what the workspace has: no word of an unknown token
    assert "connection-unknown" not in ran.codes
    writes = scene.writes()
    again = release(scene)
    assert (again.code, again.status, statuses(again)) == (0, "nothing-to-do", ["unchanged"])
    assert scene.writes() == writes


def test_a_token_that_cannot_read_ends_it_before_the_commit(scene: Scene) -> None:
    raised(scene)
    head = scene.repo.head
    ran = release(scene, WHEELSTEP_CONNECTION_TOKEN="wrong-token-of-nobody-at-all")
    assert ran.code == 5, ran.said
    assert scene.repo.head == head
    assert scene.writes() == []
    assert len(scene.feed.files) == 1  # the rehearsal read with it: nothing was published


def test_a_workspace_that_cannot_be_read_ends_it_before_anything_is_published(scene: Scene) -> None:
    raised(scene)
    scene.arm.deny("*/connections/read")
    ran = release(scene)
    assert ran.code == 5
    assert "connections/read" in ran.problem("not-authorized")["message"]
    assert len(scene.feed.files) == 1


@pytest.mark.parametrize("command", ["release", "plan"])
def test_what_would_be_refused_afterwards_ends_it_before_anything_is_published(
    scene: Scene, command: str
) -> None:
    raised(scene)
    # made by hand: no consent
    scene.train.connect("ml-feed", scene.target, {"pat": "by-hand-token-of-somebody"})
    ran = scene.run(command, WHEELSTEP_COMMIT="local")
    assert (ran.code, "connection-made-by-hand" in ran.codes) == (4, True), ran.said
    # no right to write
    scene.train.connections.clear()
    scene.arm.deny("*/connections/write")
    ran = scene.run(command, WHEELSTEP_COMMIT="local")
    assert ran.code == 5, ran.said
    problem = ran.problem("right-missing")
    assert "connections/write" in problem["message"]
    assert "az role assignment create --assignee" in problem["cure"]
    assert len(scene.feed.files) == 1
    # a right that is not needed is not asked for
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN})
    assert scene.run(command, WHEELSTEP_COMMIT="local").code == 0


def test_what_others_made_meanwhile_is_not_overwritten(scene: Scene) -> None:
    raised(scene)
    theirs = {
        "category": "PythonFeed",
        "target": scene.target,
        "authType": "PAT",
        "isSharedToAll": True,
        "metadata": {},
        "credentials": {"pat": "of-somebody-else"},
    }
    first = Reply(200, {"value": []})
    scene.arm.fail("GET", "*/connections", first)
    scene.train.connections["ml-feed"] = {"properties": theirs}
    ran = release(scene)
    assert ran.code == 4, ran.said
    assert scene.held()["credentials"] == {"pat": "of-somebody-else"}


def test_a_plan_says_what_it_would_connect(scene: Scene) -> None:
    raised(scene)
    ran = scene.run("plan")
    assert (ran.code, ran.status, statuses(ran)) == (0, "planned", ["planned"]), ran.said
    assert scene.writes() == []


# --- without a token -----------------------------------------------------------------------------


@pytest.fixture
def checking(scene: Scene) -> Scene:
    raised(scene)
    return scene


NO_TOKEN: dict[str, str | None] = {
    "WHEELSTEP_CONNECTION": None,
    "WHEELSTEP_CONNECTION_TOKEN": None,
}


def test_a_feed_that_no_connection_covers_is_refused_early(checking: Scene) -> None:
    checking.train.connect("narrow", f"{checking.feed.base}/contoso/other", {"pat": "x-of-some"})
    ran = release(checking, **NO_TOKEN)
    assert ran.code == 2
    problem = ran.problem("connection-missing")
    for said in (checking.train.option, checking.feed.simple_url, "narrow"):
        assert said in problem["message"]
    assert "connection-token" in problem["cure"]
    assert len(checking.feed.files) == 1
    assert checking.run("plan", **NO_TOKEN).code == 2


def test_a_definition_whose_spelling_no_connection_matches_is_told_so(checking: Scene) -> None:
    """The definition has another case than `publish-to`: one feed, and two texts for Azure ML."""
    feed = checking.feed
    theirs = feed.simple_url.replace("/contoso/", "/Contoso/")
    checking.repo.replace(CONDA, feed.simple_url, theirs)
    checking.repo.commit()
    checking.train.connect("feed", f"{feed.base}/contoso", {"pat": TOKEN})
    ran = release(checking, **NO_TOKEN)
    assert ran.code == 2, ran.said
    problem = ran.problem("connection-missing")
    assert (problem["file"], problem["line"]) == (CONDA, 5)
    assert f"covers {theirs}" in problem["message"]
    assert (
        f"feed is for the same feed in another spelling, {feed.base}/contoso"
        in (problem["message"])
    )
    assert f"Write {feed.simple_url} in the definition" in problem["cure"]
    assert len(feed.files) == 1
    checking.train.connect("theirs", f"{feed.base}/Contoso", {"pat": TOKEN})
    ran = release(checking, **NO_TOKEN)
    # nothing reads it in the spelling of `publish-to`, and no second index is written beside it
    assert ran.code == 0, ran.said
    assert [row["status"] for row in ran.report["rehearsals"]][-1] == "resolved"
    text = checking.repo.read(CONDA)
    assert text.count("index-url") == 1
    assert theirs in text


def test_every_workspace_has_to_cover_it(checking: Scene) -> None:
    checking.train.connect("feed", checking.target, {"pat": TOKEN})
    score = checking.arm.workspace("score")
    both = f"{checking.train.option}\n{score.option}"
    ran = release(checking, **NO_TOKEN | {"WHEELSTEP_WORKSPACE": both})
    assert ran.code == 2
    assert score.option in ran.problem("connection-missing")["message"]


def test_what_the_workspace_has_is_used(checking: Scene) -> None:
    checking.train.connect("feed", checking.target, {"pat": TOKEN})
    ran = release(checking, **NO_TOKEN)
    assert (ran.code, statuses(ran)) == (0, []), ran.said
    assert "connection-unknown" not in ran.codes
    assert checking.writes() == []
    assert TOKEN not in ran.said + json.dumps(ran.report)


def test_a_token_that_expired_last_night_is_found_before_anything_is_published(
    checking: Scene,
) -> None:
    checking.train.connect("feed", checking.target, {"pat": "was-good-until-last-night"})
    ran = release(checking, **NO_TOKEN)
    assert ran.code == 5
    problem = ran.problem("connection-refused")
    assert f"the connection feed of the workspace {checking.train.option}" in problem["message"]
    assert "image build would be refused" in problem["message"]
    assert len(checking.feed.files) == 1


def test_a_token_that_may_not_be_seen_is_said_to_be_unknown(checking: Scene) -> None:
    checking.train.connect("feed", checking.target, {"pat": TOKEN})
    checking.arm.deny(LISTSECRETS)
    ran = release(checking, **NO_TOKEN)
    assert ran.code == 0, ran.said
    assert "not known here" in ran.problem("connection-unknown")["message"]
    assert [row["status"] for row in ran.report["rehearsals"]] == ["resolved"]


def test_what_ends_soon_or_would_win_is_said(checking: Scene) -> None:
    checking.train.connect("feed", checking.target, {"pat": TOKEN},
                           expiryTime="2020-01-01T00:00:00Z")  # fmt: skip
    checking.train.connect("bad", "https://h.example/", {"pat": "x"},
                           expiryTime="2020-01-01T00:00:00Z")  # fmt: skip
    ran = release(checking, **NO_TOKEN)
    assert ran.code == 0, ran.said
    assert "2020-01-01" in ran.problem("connection-expired")["message"]
    assert "bad" in ran.problem("connection-broken")["message"]


def test_a_workspace_that_cannot_be_read_is_a_warning(checking: Scene) -> None:
    checking.arm.deny("*/connections/read")
    ran = release(checking, **NO_TOKEN)
    assert ran.code == 0, ran.said
    assert "connections/read" in ran.problem("workspace-not-read")["message"]


def test_a_workspace_that_is_not_there_covers_nothing(checking: Scene) -> None:
    checking.train.connect("feed", checking.target, {"pat": TOKEN})
    mistyped = checking.train.option.replace("/train", "/trian")
    ran = release(checking, **NO_TOKEN, WHEELSTEP_WORKSPACE=mistyped)
    assert ran.code == 5, ran.said
    assert "no workspace trian" in ran.problem("resource-not-found")["message"]
    assert not checking.feed.seen("POST", "upload")


def test_nothing_is_asked_of_a_workspace_without_need(scene: Scene) -> None:
    def asked(method: str, pattern: str) -> int:
        found = len(scene.arm.seen(method, pattern))
        scene.arm.requests.clear()
        return found

    raised(scene)
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN})
    assert scene.run("plan").code == 0
    assert asked("GET", "*/connections") == 1
    # before anything is published, and right before it would be written
    assert release(scene).code == 0
    assert asked("POST", "*/listsecrets") == 2
    # of a connection that is only looked at, once
    raised(scene, "1.2")
    assert release(scene, **NO_TOKEN).code == 0
    assert asked("POST", "*/listsecrets") == 1


def test_a_connection_that_loses_its_token_is_rehearsed_without_one(scene: Scene) -> None:
    raised(scene)
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN}, metadata={"madeBy": "wheelstep"})
    ran = release(scene, WHEELSTEP_CONNECTION_TOKEN=None, WHEELSTEP_CONNECTION_AUTH_TYPE="none")
    assert ran.code == 5, ran.said
    assert "ml-feed, which Azure ML will take for it, has none" in ran.said
    assert len(scene.feed.files) == 1  # nothing was published
    assert scene.writes() == []


# --- pull requests --------------------------------------------------------------------------------

PULL_REQUEST = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REF": "refs/pull/7/merge",
}


def test_a_pull_request_writes_nothing_and_sees_no_secret(checking: Scene) -> None:
    checking.train.connect("feed", checking.target, {"pat": TOKEN})
    ran = release(checking, **NO_TOKEN, **PULL_REQUEST)
    assert ran.code == 0, ran.said
    assert checking.arm.seen("POST") == []
    ran = checking.connect(**PULL_REQUEST)
    assert statuses(ran) == ["planned"]
    assert checking.writes() == []
    assert checking.arm.seen("POST") == []


def test_no_token_goes_to_where_a_pull_request_says(checking: Scene) -> None:
    checking.repo.write({
        "wheelstep.toml": f"""\
            [[connection]]
            name = "ml-feed"
            target = "{checking.feed.base}"
            token-env = "READ_FEED"
            """})  # fmt: skip
    checking.repo.commit()
    ran = checking.connect(**NO_TOKEN, READ_FEED=TOKEN, **PULL_REQUEST)
    assert ran.code == 2
    assert "On a pull request" in ran.problem("connection-token-missing")["message"]
    assert TOKEN not in {seen.password for seen in checking.feed.requests}


@pytest.mark.parametrize("setting", ["publish-to", "serve-url"])
def test_nor_to_where_its_destination_would_be(
    checking: Scene, setting: str, tmp_path: Path
) -> None:
    url = checking.feed.simple_url
    value = f'["feed+{url}"]' if setting == "publish-to" else f'"{url}"'
    checking.repo.write({"wheelstep.toml": f"{setting} = {value}\n"})
    checking.repo.commit()
    settings: dict[str, str | None] = {"WHEELSTEP_CONNECTION": None, "WHEELSTEP_FEED_TOKEN": None}
    given = "index+https://index.example/#simple=https://index.example/simple/"
    settings["WHEELSTEP_PUBLISH_TO"] = None if setting == "publish-to" else given
    for command in ("plan", "rehearse", "connect"):
        checking.run(command, **settings, **PULL_REQUEST)
        assert TOKEN not in {seen.password for seen in checking.feed.requests}
    # without the pull request it is what is wanted
    checking.run("rehearse", **settings)
    assert TOKEN in {seen.password for seen in checking.feed.requests}

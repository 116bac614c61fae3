"""What a pull request, a settings file or a workspace could do with connections, tried."""

from __future__ import annotations

import pytest

from tests.connecting.conftest import CONDA, TOKEN, Scene, statuses
from tests.ground.web import Web
from tests.robustness.test_attacks import locked_in, passwords

OURS = {"madeBy": "wheelstep"}
PULL_REQUEST = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REF": "refs/pull/7/merge",
}


@pytest.mark.parametrize("command", ["connect", "connect --rotate", "release", "doctor"])
def test_a_pull_request_reads_no_secret_of_a_workspace(scene: Scene, command: str) -> None:
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN}, metadata=OURS)
    ran = scene.run(*command.split(), **PULL_REQUEST)
    assert ran.code == 0, ran.said
    assert scene.arm.seen("GET", "*/connections")  # it was looked at
    assert scene.arm.seen("POST") == []
    assert scene.writes() == []
    # the workflow itself may
    scene.run(*command.split())
    assert scene.arm.seen("POST", "*/ml-feed/listsecrets")


def test_what_a_pull_request_cannot_compare_needs_no_consent(scene: Scene) -> None:
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN})  # by hand, and right
    ran = scene.run("release", **PULL_REQUEST)
    assert ran.code == 0, ran.said
    assert scene.arm.seen("POST") == []
    # what is seen to differ without the secret does
    scene.train.connect("ml-feed", f"{scene.target}contoso", {"pat": TOKEN})
    assert scene.run("release", **PULL_REQUEST).code == 4


@pytest.mark.parametrize("way", ["--remove", "--rotate"])
def test_a_pull_request_takes_nothing_away(scene: Scene, way: str) -> None:
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN}, metadata=OURS)
    ran = scene.connect(way, **PULL_REQUEST)
    assert (ran.code, statuses(ran)) == (0, ["planned"]), ran.said
    assert scene.writes() == []
    assert scene.held()["credentials"] == {"pat": TOKEN}
    scene.connect(way)
    assert scene.writes()


@pytest.mark.parametrize("command", ["rehearse", "doctor"])
def test_a_secret_of_a_workspace_follows_no_target_of_the_settings(
    scene: Scene, command: str
) -> None:
    """A connection of the same name is another one where it has another target."""
    scene.train.connect("ml-feed", scene.target, {"pat": TOKEN})
    settings = {"WHEELSTEP_CONNECTION_TOKEN": None, "WHEELSTEP_FEED_TOKEN": None}
    with Web(answer=locked_in) as evil:
        line = f"- --index-url {scene.feed.simple_url}"
        scene.repo.replace(CONDA, line, f"{line}\n    - --extra-index-url {evil.url}/simple/")
        scene.repo.commit()
        scene.run(command, WHEELSTEP_CONNECTION_TARGET=evil.url, **settings)
        assert scene.arm.seen("POST", "*/ml-feed/listsecrets")
        assert evil.asked
        assert passwords(evil.asked) == set()

"""A release to a feed at its real names: what the settings have in short, and definitions spell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.servers.authority import made_authority
from tests.servers.feed import FeedServer, feed_server
from tests.servers.front import Front, front

NEWER, OLDER = "pkgs.dev.azure.com", "contoso.pkgs.visualstudio.com"
FEED = "ml/_packaging/wheels/pypi/simple/"
READER = "reader-token-0815-of-the-feed"


@dataclass
class Scene:
    """A repository whose definition reads the feed at its older host."""

    repo: Repo
    feed: FeedServer
    front: Front

    def release(self, **more: str) -> Ran:
        return self.repo.wheelstep(
            "release",
            extra={
                **self.front.environment(),
                "PIP_CERT": str(self.front.authority),  # whatever this machine's pip trusts
                "WHEELSTEP_PUBLISH_TO": "contoso/ml/wheels",
                "WHEELSTEP_FEED_TOKEN": self.feed.token,
                "WHEELSTEP_PREBUILT": "true",
                **more,
            },
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    authority = made_authority(tmp_path, NEWER, OLDER, "feeds.dev.azure.com")
    with feed_server() as feed:
        feed.read_only_token = READER
        hosts = dict.fromkeys((NEWER, OLDER, "feeds.dev.azure.com"), feed.base)
        with front(authority, hosts) as where:
            feed.base = f"https://{NEWER}"
            files = {
                "pyproject.toml": '[project]\nname = "acme-core"\nversion = "1.0"\n',
                "requirements.txt": f"--index-url https://{OLDER}/{FEED}\nacme-core==0.9\n",
                ".gitignore": "/dist/\n",
            }
            repo = Repo.create(tmp_path / "place", files)
            # nothing but the feed is to be reached: a build would want its back end
            make_wheel(repo.root / "dist", "acme-core", "1.0")
            yield Scene(repo, feed, where)


def test_a_definition_at_the_older_host_is_rehearsed_against_the_same_feed(scene: Scene) -> None:
    ran = scene.release()
    assert ran.code == 0, ran.said
    assert [one.version for one in scene.feed.files.values()] == ["1.0"]
    # laid over before it was published, and read where the definition says afterwards
    assert {row["status"] for row in ran.report["rehearsals"]} == {"resolved"}
    assert OLDER in scene.front.asked
    text = scene.repo.read("requirements.txt")
    assert text == f"--index-url https://{OLDER}/{FEED}\nacme-core==1.0\n"
    again = scene.release()
    assert (again.code, again.status) == (0, "nothing-to-do"), again.said


def test_it_is_told_of_a_connection_for_the_newer_host(scene: Scene) -> None:
    connection = {
        "WHEELSTEP_CONNECTION_TARGET": f"https://{NEWER}/contoso",
        "WHEELSTEP_CONNECTION_TOKEN": READER,
    }
    ran = scene.release(**connection)
    assert ran.code == 7, ran.said
    problem = ran.problem("index-not-covered")
    assert (problem["file"], problem["line"]) == ("requirements.txt", 1)
    for said in (f"https://{OLDER}/{FEED} asks for", f"another spelling, https://{NEWER}/contoso:"):
        assert said in problem["message"]
    assert f"Write https://{NEWER}/contoso/{FEED} in the definition" in problem["cure"]
    assert not scene.feed.files
    connection["WHEELSTEP_CONNECTION_TARGET"] = f"https://{OLDER}/"
    assert scene.release(**connection).code == 0


def test_three_parts_that_name_no_feed_may_have_meant_a_folder(scene: Scene) -> None:
    ran = scene.release(WHEELSTEP_PUBLISH_TO="contoso/ml/wheel-index")
    assert ran.code == 5, ran.said
    cure = ran.problem("not-found")["cure"]
    assert "If the folder contoso/ml/wheel-index is meant, write ./contoso/ml/wheel-index." in cure

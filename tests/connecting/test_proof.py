"""Proved before stored: a token is tried with exactly what will be stored."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.connecting.conftest import CONDA, Scene, statuses
from tests.release.kit import served
from tests.servers.feed import Fault


def jwt() -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "typ": "JWT"}).encode()).decode()
    return f"{head.rstrip('=')}.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("token", "status", "cure"),
    [
        ("wrong-token-of-nobody-at-all", "401", "make a new one with Packaging: Read"),
        ("stranger-token-99", "403", "Feed Reader"),
    ],
)
def test_a_token_that_cannot_read_is_refused_with_the_reason(
    scene: Scene, token: str, status: str, cure: str
) -> None:
    ran = scene.connect(WHEELSTEP_CONNECTION_TOKEN=token)
    assert ran.code == 5
    problem = ran.problem("connection-refused")
    assert status in problem["message"]
    assert "It was not stored" in problem["message"]
    assert scene.feed.simple_url in problem["message"]
    assert cure in problem["cure"]
    assert scene.writes() == []
    assert token not in ran.said + json.dumps(ran.report)


def test_a_missing_right_is_named(scene: Scene) -> None:
    ran = scene.connect(WHEELSTEP_CONNECTION_TOKEN=scene.feed.no_rights_token)
    assert "ReadPackages" in ran.problem("connection-refused")["message"]


@pytest.mark.parametrize("token", [jwt(), "ghs_16C7e42F292c6912E7710c838347Ae178B4a"])
def test_a_token_that_is_dead_within_hours_is_refused(scene: Scene, token: str) -> None:
    ran = scene.connect(WHEELSTEP_CONNECTION_TOKEN=token)
    assert ran.code == 2
    assert "dead within hours" in ran.problem("token-short-lived")["message"]
    assert scene.arm.requests == []
    assert scene.feed.requests == []


def test_githubs_token_is_not_sent_to_a_feed(scene: Scene) -> None:
    ran = scene.connect(
        WHEELSTEP_CONNECTION_TOKEN="github_pat_11ABCDEFG0abcdefghijkl",
        WHEELSTEP_CONNECTION_TARGET="https://pkgs.dev.azure.com/contoso",
    )
    assert (ran.code, ran.codes) == (2, ["feed-token-foreign"])


def test_the_publishing_token_gets_a_warning(scene: Scene) -> None:
    ran = scene.connect(WHEELSTEP_CONNECTION_TOKEN=scene.feed.token)
    assert ran.code == 0, ran.said
    assert "could publish with it" in ran.problem("connection-token-publishes")["message"]
    assert "connection-token-publishes" not in scene.connect().codes


def test_an_index_without_packages_is_read_itself(scene: Scene) -> None:
    scene.feed.files.clear()
    ran = scene.connect()
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said


def test_a_feed_that_is_not_there(scene: Scene) -> None:
    url = scene.feed.simple_url.replace("/wheels/", "/weels/")
    scene.repo.replace(CONDA, scene.feed.simple_url, url)
    scene.repo.commit()
    ran = scene.connect(WHEELSTEP_PUBLISH_TO=f"feed+{url}")
    assert ran.code == 5
    assert "part by part" in ran.problem("not-found")["cure"]
    assert scene.writes() == []


def test_a_feed_that_does_not_answer(scene: Scene) -> None:
    scene.feed.fault("simple", *[Fault("status", 503)] * 60)
    ran = scene.connect()
    assert ran.code == 6
    assert scene.writes() == []


def test_what_everybody_can_read_proves_nothing(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "public" / "acme-core").mkdir(parents=True)
    with served(tmp_path / "public") as url:
        scene.repo.write(
            {CONDA: f"dependencies:\n  - pip:\n    - -i {url}\n    - acme-core==1.0\n"}
        )
        scene.repo.commit()
        ran = scene.connect(WHEELSTEP_PUBLISH_TO=f"index+{url}#simple={url}")
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said
    assert "by everybody who reaches it" in ran.problem("connection-not-needed")["message"]


def test_nothing_to_try_is_refused_unless_it_is_allowed(scene: Scene) -> None:
    target = "https://index.example/private"
    ran = scene.connect("--connection-target", target)
    assert ran.code == 4
    assert target in ran.problem("connection-unproven")["message"]
    assert scene.writes() == []
    allow = "connection-unproven ml-feed behind a private endpoint"
    ran = scene.connect("--connection-target", target, "--allow", allow)
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said
    assert "private endpoint" in ran.problem("connection-unproven")["message"]


def test_no_credentials_are_proved_too(scene: Scene, tmp_path: Path) -> None:
    none = {"WHEELSTEP_CONNECTION_TOKEN": None, "WHEELSTEP_CONNECTION_AUTH_TYPE": "none"}
    ran = scene.connect(**none)
    assert ran.code == 5, ran.said
    assert "has no credentials" in ran.problem("connection-refused")["message"]
    page = tmp_path / "public" / "acme-core" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!DOCTYPE html><a href='acme_core-1.0-py3-none-any.whl'>x</a>\n")
    with served(tmp_path / "public") as url:
        scene.repo.write(
            {CONDA: f"dependencies:\n  - pip:\n    - -i {url}\n    - acme-core==1.0\n"}
        )
        scene.repo.commit()
        ran = scene.connect(WHEELSTEP_PUBLISH_TO=f"index+{url}#simple={url}", **none)
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said
    assert scene.held()["authType"] == "None"


def test_another_teams_feed_below_the_target_has_to_be_read_too(scene: Scene) -> None:
    theirs = scene.feed.simple_url.replace("/wheels/", "/theirs/")
    scene.repo.replace(CONDA, "    - acme-core==1.0\n", f"    - acme-core==1.0\n    - --extra-index-url {theirs}\n")  # fmt: skip # noqa: E501
    scene.repo.commit()
    ran = scene.connect()
    assert ran.code == 5
    assert theirs in ran.problem("not-found")["message"]
    # a target as narrow as the feed leaves it alone
    ran = scene.connect("--connection-target", scene.feed.root)
    assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said


# --- git ------------------------------------------------------------------------------------------


@contextmanager
def git_host(token: str) -> Iterator[str]:
    """A host with one private repository, which answers as `git http-backend` does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            header = self.headers.get("Authorization", "")
            password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")[2]
            if password != token:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            there = self.path == "/contoso/tools.git/info/refs?service=git-upload-pack"
            body = b"001e# service=git-upload-pack\n0000"
            self.send_response(200 if there else 404)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


GIT = "a-token-that-reads-the-repository"


def of_git(scene: Scene, host: str, repository: str = "tools.git") -> None:
    scene.repo.replace(CONDA, "    - acme-core==1.0\n", f"    - acme-core==1.0\n    - tools @ git+{host}/contoso/{repository}@v1\n")  # fmt: skip # noqa: E501
    scene.repo.commit()


def git_settings(host: str, token: str = GIT) -> dict[str, str | None]:
    return {
        "WHEELSTEP_CONNECTION": "tools-git",
        "WHEELSTEP_CONNECTION_CATEGORY": "Git",
        "WHEELSTEP_CONNECTION_TARGET": f"{host}/contoso",
        "WHEELSTEP_CONNECTION_TOKEN": token,
    }


def test_a_git_connection_is_tried_at_the_repositories_of_the_definitions(scene: Scene) -> None:
    with git_host(GIT) as host:
        of_git(scene, host)
        ran = scene.connect(**git_settings(host))
        assert (ran.code, statuses(ran)) == (0, ["created"]), ran.said
        held = scene.held("tools-git")
        assert (held["category"], held["authType"], held["target"], held["credentials"]) == (
            "Git",
            "PAT",
            f"{host}/contoso",
            {"pat": GIT},
        )
        ran = scene.connect(**git_settings(host, "a-token-that-reads-nothing"))
    assert ran.code == 5
    problem = ran.problem("connection-refused")
    assert f"{host}/contoso/tools.git" in problem["message"]
    assert "Contents: Read-only" in problem["cure"]


def test_a_repository_that_is_not_there_or_not_to_be_seen(scene: Scene) -> None:
    with git_host(GIT) as host:
        of_git(scene, host, "other.git")
        ran = scene.connect(**git_settings(host))
    assert ran.code == 5
    assert "what one may not see" in ran.problem("connection-refused")["message"]


def test_a_git_connection_that_no_definition_needs(scene: Scene) -> None:
    ran = scene.connect(**git_settings("https://github.com"))
    assert ran.code == 4
    assert "no repository below its target" in ran.problem("connection-unproven")["message"]

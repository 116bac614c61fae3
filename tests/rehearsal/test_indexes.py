"""Indexes over HTTP: who may read them, and what it means when one does not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_index, make_wheel, serve
from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground.public_index import IndexCredential, PipIndexes
from wheelstep.ground.secret import Secret
from wheelstep.rehearsal.resolve import errors_of

LOGIN = ("me", "pat-of-the-feed-1234")


def private(scene: Scene) -> None:
    """An index below `feed/` with an unchanged released package."""
    wheel = make_wheel(scene.folder / "w", "acme-base", "0.9", ["right"])
    make_index(scene.folder / "served/feed/simple", wheel)


def credential(url: str, password: str = LOGIN[1]) -> IndexCredential:
    return IndexCredential(url, LOGIN[0], Secret(password))


@pytest.mark.parametrize("option", ["--extra-index-url", "--index-url"])
def test_an_unchanged_package_comes_from_its_own_index(scene: Scene, option: str) -> None:
    private(scene)
    new = make_wheel(scene.folder / "dist", "acme-core", "1.0", ["acme-base==0.9"], note="new")
    right = make_wheel(scene.folder / "w", "right", "1.1")
    make_index(scene.folder / "served/feed/simple", right)
    with serve(scene.folder / "served", LOGIN) as server:
        verdict = scene.rehearse(
            f"{option} {server.url}/feed/simple/",
            "acme-core==1.0",
            wheels=(new,),
            released=("acme-base",),
            credentials=(credential(f"{server.url}/feed"),),
        )
    assert verdict.status == "resolved", verdict
    found = {each.name: (each.version, each.index) for each in verdict.resolved}
    assert found["acme-base"] == ("0.9", f"{server.url}/feed/simple/")
    # alone, an index hides the public one; beside it, the better version wins
    expected = "1.1" if option == "--index-url" else "1.5"
    assert found["right"][0] == expected
    assert LOGIN[1] not in repr(verdict)


def test_a_refused_token_is_no_failed_definition(scene: Scene) -> None:
    private(scene)
    with serve(scene.folder / "served", LOGIN) as server:
        verdict = scene.rehearse(
            f"--extra-index-url {server.url}/feed/simple",
            "acme-base==0.9",
            credentials=(credential(server.url, "wrong-token-9876"),),
        )
    assert verdict.status == "unproven"
    (error,) = errors_of([verdict])
    assert isinstance(error, ServiceRefused)
    assert server.url.removeprefix("http://") in error.message
    assert "wrong-token-9876" not in repr(verdict)


def test_the_same_after_the_right_token_filled_the_cache(scene: Scene) -> None:
    private(scene)
    with serve(scene.folder / "served", LOGIN) as server:
        statuses = [
            scene.rehearse(
                f"--extra-index-url {server.url}/feed/simple",
                "acme-base==0.9",
                released=("acme-base",),
                credentials=(credential(server.url, password),),
            ).status
            for password in (LOGIN[1], "wrong-token-9876")
        ]
    assert statuses == ["resolved", "unproven"]


def test_a_version_published_a_moment_ago_is_seen(scene: Scene) -> None:
    private(scene)
    with serve(scene.folder / "served") as server:
        for version in ("0.9", "0.10"):
            new = make_wheel(scene.folder / "w", "acme-base", version)
            make_index(scene.folder / "served/feed/simple", new)
            verdict = scene.rehearse(
                f"--extra-index-url {server.url}/feed/simple",
                f"acme-base=={version}",
                released=("acme-a", "acme-base"),
            )
            assert verdict.status == "resolved", verdict


def test_an_index_that_we_have_no_credential_for_is_unproven(scene: Scene) -> None:
    private(scene)
    with serve(scene.folder / "served", LOGIN) as server:
        verdict = scene.rehearse(f"--extra-index-url {server.url}/feed/simple", "left")
    assert verdict.status == "unproven"
    assert errors_of([verdict]) == []
    assert server.url in verdict.problems[0].message


@pytest.mark.parametrize("login", ["me:${FEED_PAT}@", "${FEED_PAT}@", "somebody@"])
def test_the_settings_credential_takes_the_place_of_a_variable(scene: Scene, login: str) -> None:
    private(scene)
    with serve(scene.folder / "served", LOGIN) as server:
        url = server.url.replace("http://", f"http://{login}")
        verdict = scene.rehearse(
            f"--extra-index-url {url}/feed/simple",
            "acme-base==0.9",
            credentials=(credential(server.url),),
        )
    assert verdict.status == "resolved", verdict


def test_a_credential_is_sent_only_below_its_prefix(scene: Scene) -> None:
    private(scene)
    with serve(scene.folder / "served") as server:
        verdict = scene.rehearse(
            f"--extra-index-url {server.url}/feed/simple",
            "acme-base==0.9",
            credentials=(credential(f"{server.url}/fee"), credential("http://127.0.0.1:9/feed")),
        )
    assert verdict.status == "resolved"
    assert server.seen
    assert {header for _, header in server.seen} == {None}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_index_in_trouble_can_be_tried_again(scene: Scene, status: int) -> None:
    with serve(scene.folder, status=status) as server:
        verdict = scene.rehearse(f"--extra-index-url {server.url}/simple", "left")
    assert verdict.status == "unproven"
    (error,) = errors_of([verdict])
    assert isinstance(error, ServiceUnavailable)
    assert str(status) in error.message


def test_an_index_that_is_not_there_can_be_tried_again(scene: Scene) -> None:
    with serve(scene.folder) as server:
        gone = server.url
    for public in (scene.public, PipIndexes(index_url=f"{gone}/public")):
        there = replace(scene, public=public)
        line = f"--extra-index-url {gone}/simple" if public is scene.public else "right"
        verdict = there.rehearse(line, "left")
        assert verdict.status == "unproven"
        (error,) = errors_of([verdict])
        assert isinstance(error, ServiceUnavailable)
        assert gone.removeprefix("http://") in error.message


def test_an_empty_index_is_no_fault(scene: Scene) -> None:
    with serve(scene.folder) as server:
        verdict = scene.rehearse(f"--extra-index-url {server.url}/not-yet/", "left")
    assert verdict.status == "resolved", verdict


def test_a_wheel_at_a_url(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "served", "acme-base", "0.9")
    with serve(scene.folder / "served") as server:
        good = scene.rehearse(f"{server.url}/{wheel.file}#sha256={wheel.sha256}")
        gone = scene.rehearse(f"{server.url}/acme_base-7-py3-none-any.whl")
    assert good.status == "resolved", good
    assert good.resolved[0].sha256 == wheel.sha256
    assert gone.status == "failed", gone
    assert gone.problems[0].exit_code == 7
    with serve(scene.folder / "served", LOGIN) as server:
        refused = scene.rehearse(f"{server.url}/{wheel.file}")
    assert refused.status == "unproven"
    assert errors_of([refused]) == []

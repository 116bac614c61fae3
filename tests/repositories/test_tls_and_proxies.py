"""A server whose certificate is an own authority's, behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repositories.conftest import ME, Hosted, World
from tests.repositories.support import NoWait, pin
from tests.servers.authority import made_authority
from tests.servers.front import Front, front
from wheelstep.errors import CannotHere, ServiceUnavailable
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.land import land

NAME = "git.acme.example"


@pytest.fixture(scope="module")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("authority"), NAME)


@pytest.fixture
def proxy(hosted: Hosted, own_authority: Path) -> Iterator[Front]:
    with front(own_authority, {NAME: hosted.server.url}) as where:
        yield where


@pytest.fixture
def clone(hosted: Hosted) -> Path:
    place = hosted.clone("clone")
    hosted.world.git(place, "remote", "set-url", "origin", f"https://{NAME}/acme.git")
    return place


def pushing(world: World, clone: Path, more: dict[str, str]) -> PushRepository:
    environment = {**world.environment, **more}
    return PushRepository(
        Git(clone, environment),
        branch="main",
        remote=None,
        identity=ME,
        environment=environment,
        token=Secret("ci-pass-22"),
        wait=60.0,
        clock=NoWait(),
    )


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"])
def test_an_own_authority_is_named_once_for_everything(
    hosted: Hosted, proxy: Front, clone: Path, own_authority: Path, name: str
) -> None:
    repository = pushing(hosted.world, clone, {"HTTPS_PROXY": proxy.url, name: str(own_authority)})
    repository.prove()
    assert land(repository, pin(), "Pin", clock=NoWait()).status == "pushed"
    assert set(proxy.asked) == {NAME}
    assert all(len(one.authorization) == 1 for one in hosted.server.seen)


def test_what_git_is_told_of_authorities_counts(
    hosted: Hosted, proxy: Front, clone: Path, own_authority: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = made_authority(tmp_path / "other", NAME)
    hosted.world.git(clone, "config", "http.sslCAInfo", str(own_authority))
    more = {"HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": str(other)}
    pushing(hosted.world, clone, more).prove()


def test_an_authority_that_nobody_named(hosted: Hosted, proxy: Front, clone: Path) -> None:
    with pytest.raises(CannotHere, match="does not trust the certificate") as caught:
        pushing(hosted.world, clone, {"HTTPS_PROXY": proxy.url}).prove()
    assert "REQUESTS_CA_BUNDLE" in caught.value.cure
    assert not hosted.server.seen


def test_a_proxy_that_is_not_there(hosted: Hosted, clone: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        pushing(hosted.world, clone, {"HTTPS_PROXY": "http://127.0.0.1:9"}).prove()

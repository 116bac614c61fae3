"""A whole release signed in by what TwineAuthenticate@1 left, and by nothing that was not asked
for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Repo
from tests.release.samples import CONDA, flit
from tests.servers.azure_world import CONNECTION, azure_world
from tests.servers.entra import JOB_TOKEN, KEY
from tests.servers.feed import FeedServer, feed_server

PLANTED = "planted-for-nobody-0815"
OTHERS = "the-password-of-another-feed"


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.fixture
def repo(feed: FeedServer, tmp_path: Path) -> Repo:
    return repository(feed, tmp_path)


def repository(feed: FeedServer, tmp_path: Path) -> Repo:
    conda = f"""\
        name: train
        dependencies:
          - python=3.11
          - pip:
            - --index-url {feed.simple_url}
            - acme-core==1.0
        """
    return Repo.create(tmp_path / "place", {**flit("acme-core", "", "2.0"), CONDA: conda})


def built_elsewhere(feed: FeedServer, tmp_path: Path) -> Repo:
    """The same with the wheel in `dist`: nothing has to come from a public index."""
    repo = repository(feed, tmp_path)
    project = '[build-system]\nrequires = []\n[project]\nname = "acme-core"\nversion = "2.0"\n'
    repo.commit({"pyproject.toml": project, ".gitignore": "/dist/\n"})
    make_wheel(repo.root / "dist", "acme-core", "2.0")
    return repo


def twine_authenticate(feed: FeedServer, folder: Path, *, password: str | None = None) -> Path:
    """The file as the task writes it: another feed's section first, URLs without a final slash."""
    other = feed.upload_url.replace("/wheels/", "/other/").rstrip("/")
    path = folder / "twineAuthenticate" / ".pypirc"
    path.parent.mkdir()
    path.write_text(
        "[distutils]\nindex-servers=other wheels\n\n"
        f"[other]\nrepository={other}\nusername=build\npassword={OTHERS}\n\n"
        f"[wheels]\nrepository={feed.upload_url.rstrip('/')}\nusername=build\n"
        f"password={password or feed.token}",
        encoding="utf-8",
    )
    return path


def plant(repo: Repo, feed: FeedServer) -> tuple[dict[str, str], Path]:
    """What a machine may hold for other programs; return the variables, and what shows a call."""
    home = repo.place / "home"
    section = f"[wheels]\nrepository={feed.upload_url}\nusername=somebody\npassword={PLANTED}\n"
    (home / ".pypirc").write_text(section, encoding="utf-8")
    netrc = home / ".netrc"
    netrc.write_text(f"default login somebody password {PLANTED}\n", encoding="utf-8")
    netrc.chmod(0o600)
    called = home / "keyring-was-called"
    programs = home / "programs"
    programs.mkdir()
    keyring = programs / "keyring"
    keyring.write_text(f"#!/bin/sh\ntouch '{called}'\necho {PLANTED}\n", encoding="utf-8")
    keyring.chmod(0o755)
    variables = {
        "PATH": f"{programs}:{repo.environment['PATH']}",
        "NETRC": str(netrc),
        "TWINE_USERNAME": "somebody",
        "TWINE_PASSWORD": PLANTED,
        "GITHUB_TOKEN": "ghs_planted0123456789planted0123456789",
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
    }
    return variables, called


def job(feed: FeedServer) -> dict[str, str]:
    """A job of Azure Pipelines whose step was handed no token."""
    return {
        "TF_BUILD": "True",
        "BUILD_SOURCEBRANCH": "refs/heads/main",
        "WHEELSTEP_PUBLISH_TO": f"feed+{feed.simple_url}",
        "WHEELSTEP_COMMIT": "local",
    }


def test_a_release_by_what_twine_authenticate_left(
    repo: Repo, feed: FeedServer, tmp_path: Path
) -> None:
    planted, called = plant(repo, feed)
    left = twine_authenticate(feed, tmp_path)
    ran = repo.release(extra=planted | job(feed) | {"PYPIRC_PATH": str(left)})
    assert list(ran.published.values()) == [["uploaded"]]
    assert "acme-core==2.0" in repo.read(CONDA) or "acme-core==2.0" in repo.git(
        "show", f"HEAD:{CONDA}"
    )
    assert {one.password for one in feed.requests if one.password} == {feed.token}
    # the user name of the file, and no other's
    assert {one.user for one in feed.seen("POST")} == {"build"}
    assert not called.exists()
    shown = re.sub(r"(?m)^##vso\[task\.setsecret\].*$", "", ran.said)
    for secret in (feed.token, OTHERS, PLANTED):
        assert secret not in shown + str(ran.report)


def test_what_was_not_asked_for_signs_nobody_in(repo: Repo, feed: FeedServer) -> None:
    planted, called = plant(repo, feed)
    ran = repo.wheelstep("release", extra=planted | job(feed))
    assert ran.code == 2, ran.said
    message = ran.problem("feed-token-missing")["message"]
    assert "TwineAuthenticate@1: PYPIRC_PATH is not set" in message
    assert not any(one.password for one in feed.requests)
    assert not called.exists()


def test_doctor_tells_which_way_was_taken_and_why(
    repo: Repo, feed: FeedServer, tmp_path: Path
) -> None:
    left = twine_authenticate(feed, tmp_path)
    ran = repo.wheelstep("doctor", extra=job(feed) | {"PYPIRC_PATH": str(left)})
    (said,) = [
        check["message"]
        for check in ran.report["checks"]
        if check["message"].startswith("Signed in with")
    ]
    assert said.startswith(
        "Signed in with the password of [wheels] in the file that PYPIRC_PATH names, as Release "
        "Build; it can be read"
    )
    assert "the token that was given: neither feed-token nor a token-env" in said
    assert feed.token not in said


def test_a_password_that_has_ended_is_told_as_one(
    repo: Repo, feed: FeedServer, tmp_path: Path
) -> None:
    # {"alg":"none"}.{"exp":1600000000}
    ended = "eyJhbGciOiJub25lIn0.eyJleHAiOjE2MDAwMDAwMDB9.c2lnbmVk"
    left = twine_authenticate(feed, tmp_path, password=ended)
    ran = repo.wheelstep("release", extra=job(feed) | {"PYPIRC_PATH": str(left)})
    assert ran.code == 5, ran.said
    message = ran.problem("not-authenticated")["message"]
    assert "[wheels] in the file that PYPIRC_PATH names, which expired at 2020-09-13" in message
    assert ended not in message
    ran = repo.wheelstep("doctor", extra=job(feed) | {"PYPIRC_PATH": str(left)})
    (fault,) = [check for check in ran.report["checks"] if check["code"] == "not-authenticated"]
    assert "which expired at 2020-09-13" in fault["message"]
    assert "Before that: the token that was given: neither feed-token" in fault["message"]


def test_a_task_releases_by_its_service_connection_at_the_real_names(
    names: Path, tmp_path: Path
) -> None:
    with azure_world(names) as world:
        repo = built_elsewhere(world.feed, tmp_path)
        # Entra ID's first token is what the feed takes
        world.feed.token = world.entra.next_token()
        handed = {
            **world.job(),
            "INPUT_PUBLISHTO": world.feed.simple_url,
            "INPUT_SERVICECONNECTION": CONNECTION,
            f"ENDPOINT_AUTH_SCHEME_{CONNECTION}": "WorkloadIdentityFederation",
            f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_SERVICEPRINCIPALID": world.entra.client,
            f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_TENANTID": world.entra.tenant,
            "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN": JOB_TOKEN,
            "WHEELSTEP_COMMIT": "local",
            "WHEELSTEP_PUBLIC_INDEX": "none",
            # no other name leads anywhere here: another job built it
            "WHEELSTEP_PREBUILT": "true",
        }
        ran = repo.release(extra=handed)
        assert list(ran.published.values()) == [["uploaded"]]
        assert {one.password for one in world.feed.requests if one.password} == set(
            world.entra.given
        )
        assert len(world.entra.given) == len(world.entra.assertions) == 1
        shown = re.sub(r"(?m)^##vso\[task\.setsecret\].*$", "", ran.said)
        for secret in (*world.entra.given, *world.entra.assertions, JOB_TOKEN):
            assert secret not in shown + str(ran.report)


def test_an_identity_that_the_jobs_token_passes_over_is_told_of(
    names: Path, tmp_path: Path
) -> None:
    with azure_world(names) as world:
        repo = built_elsewhere(world.feed, tmp_path)
        handed = {
            **world.job(),
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/",
            "SYSTEM_ACCESSTOKEN": world.feed.token,
            "AZURE_CLIENT_ID": world.entra.client,
            "AZURE_TENANT_ID": world.entra.tenant,
            "AZURE_CLIENT_SECRET": KEY,
            "WHEELSTEP_PUBLISH_TO": world.feed.simple_url,
            "WHEELSTEP_PREBUILT": "true",
            "WHEELSTEP_COMMIT": "none",
            "WHEELSTEP_REHEARSE": "off",
            "WHEELSTEP_PUBLIC_INDEX": "none",
        }
        ran = repo.release(extra=handed)
        assert {one.password for one in world.feed.requests} == {world.feed.token}
        told = ran.problem("identity-passed-over")
        assert told["severity"] == "notice"
        assert (
            "with the pipeline job's token. The service principal of AZURE_CLIENT_ID is"
            in (told["message"])
        )
        assert not world.entra.seen

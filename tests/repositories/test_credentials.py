from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.repositories.conftest import ME, Hosted
from tests.repositories.support import NoWait, pin, propose_once
from tests.servers.git_http import git_server
from wheelstep.errors import CannotHere, ServiceRefused
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.credentials import need_config_by_environment
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.interface import Committed
from wheelstep.repositories.land import land


def basic(password: str) -> str:
    return "basic " + base64.b64encode(f"x-access-token:{password}".encode()).decode()


def leave_as_checkout_v4(hosted: Hosted, clone: Path, header: str) -> None:
    """actions/checkout up to v5: the host's key in .git/config."""
    key = f"http.{hosted.server.url}/.extraheader"
    hosted.world.git(clone, "config", key, f"AUTHORIZATION: {header}")


def leave_as_checkout_v6(hosted: Hosted, clone: Path, header: str) -> None:
    """actions/checkout from v6 on: a file of its own, included for this git folder."""
    place = hosted.world.root / "git-credentials-0f1e.config"
    place.write_text(f'[http "{hosted.server.url}/"]\n\textraheader = AUTHORIZATION: {header}\n')
    hosted.world.git(clone, "config", f"includeIf.gitdir:{clone}/.git.path", str(place))


def leave_as_azure(hosted: Hosted, clone: Path, header: str) -> None:
    """Azure's checkout with persistCredentials: the full URL's key, and a bearer token."""
    token = base64.b64decode(header.split(" ")[1]).decode().partition(":")[2]
    key = f"http.{hosted.url}.extraheader"
    hosted.world.git(clone, "config", key, f"AUTHORIZATION: bearer {token}")


Leave = Callable[[Hosted, Path, str], None]
LEFT: tuple[Leave, ...] = (leave_as_checkout_v4, leave_as_checkout_v6, leave_as_azure)


@pytest.mark.parametrize("leave", LEFT)
def test_one_header_beside_what_the_checkout_left(hosted: Hosted, leave: Leave) -> None:
    clone = hosted.clone("clone")
    leave(hosted, clone, basic("reader-pass-3"))
    assert land(hosted.push_repository(clone), pin(), "Pin", clock=NoWait()).status == "pushed"
    assert {seen.authorization for seen in hosted.server.seen} == {(basic("ci-pass-22"),)}
    # the server does tell two headers from one
    hosted.world.git(clone, "config", "--add", f"http.{hosted.url}.extraheader", "Authorization: x")
    hosted.world.git(clone, "config", "--add", f"http.{hosted.url}.extraheader", "Authorization: y")
    hosted.server.seen.clear()
    with pytest.raises(ServiceRefused):
        hosted.push_repository(clone, None).snapshot()
    assert len(hosted.server.seen[0].authorization) >= 2


@pytest.mark.parametrize("leave", LEFT)
def test_without_a_token_what_the_checkout_left_is_used(hosted: Hosted, leave: Leave) -> None:
    clone = hosted.clone("clone")
    leave(hosted, clone, basic("ci-pass-22"))
    assert isinstance(propose_once(hosted.push_repository(clone, None)), Committed)
    assert all(len(seen.authorization) == 1 for seen in hosted.server.seen)


def test_user_in_the_url_as_azure_repos_has_it(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    url = hosted.url.replace("://", "://organisation@")
    hosted.world.git(clone, "remote", "set-url", "origin", url)
    key = f"http.{url}.extraheader"
    hosted.world.git(clone, "config", key, "AUTHORIZATION: bearer reader-pass-3")
    assert isinstance(propose_once(hosted.push_repository(clone)), Committed)
    assert {seen.authorization for seen in hosted.server.seen} == {(basic("ci-pass-22"),)}


def test_password_in_the_remotes_url_is_not_shown(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    url = hosted.url.replace("://", "://bot:Wr0ng-S3cret@")
    hosted.world.git(clone, "remote", "set-url", "origin", url)
    with pytest.raises(ServiceRefused) as caught:
        hosted.push_repository(clone, None).snapshot()
    assert caught.value.code == "not-authenticated"
    assert "Wr0ng" not in caught.value.message
    # a token of ours beats it
    assert isinstance(propose_once(hosted.push_repository(clone)), Committed)


def test_configuration_by_environment_is_kept(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(clone, "remote", "set-url", "origin", "company:acme.git")
    theirs = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{hosted.server.url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "company:",
    }
    world = replace(hosted.world, environment=hosted.world.environment | theirs)
    assert isinstance(propose_once(replace(hosted, world=world).push_repository(clone)), Committed)


def test_the_token_is_in_no_argument_file_or_message(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    tools = hosted.world.root / "tools"
    tools.mkdir()
    log = hosted.world.root / "arguments.log"
    real = shutil.which("git", path=hosted.world.environment["PATH"])
    (tools / "git").write_text(
        f"#!{sys.executable} -SE\nimport os, sys\n"
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv) + '\\n')\n"
        f"os.execv({real!r}, ['git', *sys.argv[1:]])\n"
    )
    (tools / "git").chmod(0o755)
    environment = hosted.world.environment | {
        "PATH": f"{tools}{os.pathsep}{hosted.world.environment['PATH']}",
        "GIT_TRACE_CURL": str(hosted.world.root / "curl.log"),
        "GIT_TRACE_REDACT": "0",
    }
    world = replace(hosted.world, environment=environment)
    watched = replace(hosted, world=world)
    # the program is looked up on this process's PATH, so it is put there as well
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", environment["PATH"])
        assert isinstance(propose_once(watched.push_repository(clone)), Committed)
        with pytest.raises(ServiceRefused) as caught:
            watched.push_repository(clone, password="Wr0ng-t0ken").prove()
    arguments = log.read_text()
    assert "push --porcelain" in arguments
    assert "receive-pack" in (hosted.world.root / "curl.log").read_text()
    message = str(caught.value.problems())
    for token in ("ci-pass-22", "Wr0ng-t0ken"):
        encoded = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        kept = [path for path in hosted.world.root.rglob("*") if path.is_file()]
        assert log in kept
        for form in (token, encoded):
            assert form not in arguments
            assert form not in message
            assert not [path for path in kept if form.encode() in path.read_bytes()]


def test_a_redirect_to_another_host_gets_no_token(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    with git_server(hosted.world.root / "elsewhere") as other:
        hosted.server.moved["acme.git"] = f"{other.url}/acme.git"
        with pytest.raises(ServiceRefused) as caught:
            hosted.push_repository(clone).snapshot()
        assert caught.value.code == "remote-moved"
        assert other.seen == []


def test_no_helper_offers_another_account(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    helper = '!f() { echo username=x; echo password=ci-pass-22; touch "$HOME/asked"; }; f'
    hosted.world.git(clone, "config", "credential.helper", helper)
    with pytest.raises(ServiceRefused) as caught:
        hosted.push_repository(clone, password="wrong-token").snapshot()
    assert caught.value.code == "not-authenticated"
    assert not (hosted.world.root / "home/asked").exists()
    # without a token of ours the helper is what the user has set up
    assert isinstance(propose_once(hosted.push_repository(clone, None)), Committed)
    assert (hosted.world.root / "home/asked").exists()


def test_a_helper_that_reads_the_jobs_variable(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    helper = '!f() { echo username=x; echo "password=$GH_TOKEN"; }; f'
    hosted.world.git(clone, "config", "credential.helper", helper)
    environment = hosted.world.environment | {"GH_TOKEN": "ci-pass-22"}
    repository = PushRepository(
        hosted.world.open(clone),
        branch="main",
        remote=None,
        identity=ME,
        environment=environment,
        clock=NoWait(),
    )
    assert isinstance(propose_once(repository), Committed)


def test_a_token_is_not_needed_by_a_folder_and_not_given_to_it(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(clone, "remote", "set-url", "origin", str(hosted.bare))
    assert isinstance(propose_once(hosted.push_repository(clone)), Committed)
    assert hosted.server.seen == []


def test_a_git_that_would_not_send_the_token(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = hosted.world.open(hosted.clone("clone"))
    need_config_by_environment(git)
    monkeypatch.setattr(Git, "text", lambda *_: "git version 2.25.1")
    with pytest.raises(CannotHere, match=r"2\.25\.1 is too old"):
        need_config_by_environment(git)


def test_the_header_is_known_for_masking(hosted: Hosted) -> None:
    from wheelstep.ground.secret import redact

    hosted.push_repository(hosted.clone("clone"), password="Unmistakable-7")
    assert redact(f"x {basic('Unmistakable-7')} y") == "x basic *** y"
    assert str(Secret("Unmistakable-7")) == "Secret(***)"

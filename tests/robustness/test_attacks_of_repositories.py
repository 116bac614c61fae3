"""What a hostile record, remote or environment could try when definitions are committed, tried."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from packaging.version import Version

from tests.ground.web import Answer, Asked, InstantClock, Web
from tests.repositories.conftest import World
from tests.repositories.support import NoWait
from wheelstep.commands.mirror import _still_named
from wheelstep.definitions.choice import choose_for
from wheelstep.errors import SettingError, StepError
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret, password_in
from wheelstep.ground.transport import Transport
from wheelstep.hosts.interface import Trigger
from wheelstep.lock import Lock, Locked
from wheelstep.repositories import azure_repository
from wheelstep.repositories.azure_pulls import AzurePulls
from wheelstep.repositories.azure_way import AzureWay
from wheelstep.repositories.github_pulls import GitHubPulls
from wheelstep.repositories.github_releases import GitHubReleases
from wheelstep.repositories.github_repository import GitHubRepository
from wheelstep.repositories.github_way import GitHubWay
from wheelstep.repositories.pulls import PullRequest, PullRequests, PullSettings, PullWish
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.table import Wish, repository_of
from wheelstep.repositories.way import Way
from wheelstep.settings_commit import _elsewhere
from wheelstep.settings_file import Value
from wheelstep.stages.own_run import started_by_its_own_proposal


def test_a_record_may_name_a_version_that_is_none() -> None:
    odd, named = (
        Locked(name, version, "", "0" * 40, None, (), ())
        for name, version in (("odd", "../x"), ("acme", "1.0"))
    )
    run = SimpleNamespace(lock=Lock({"odd": odd, "acme": named}))
    refused = next(_still_named(cast("Any", run), [("odd", Version("1")), ("acme", Version("1"))]))
    assert "acme 1" in refused.message


def test_a_record_may_name_a_file_that_is_no_wheel() -> None:
    choose = choose_for("x86_64-manylinux_2_28")
    wheel = "acme-1.0-py3-none-any.whl"
    assert choose(["x.whl", "acme-a b-py3-none-any.whl", wheel], "3.11") == wheel


TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def git(tmp_path: Path) -> Git:
    made = Git(tmp_path, World.at(tmp_path).environment)
    made.output("init", "--quiet")
    return made


def remote(git: Git, name: str | None) -> Remote:
    return Remote(
        git, name=name, branch="main", user=None, token=Secret("ci-pass-22"),
        environment=git.environment, wait=60.0, clock=NoWait(),
    )  # fmt: skip


@pytest.mark.parametrize("url", ["https://[x/y", "https://127.0.0.1:port/x"])
@pytest.mark.parametrize("named", [True, False])
def test_a_remote_that_is_no_url_is_told_by_git(git: Git, url: str, *, named: bool) -> None:
    git.output("config", "remote.origin.url", url)
    with pytest.raises(StepError) as caught:
        remote(git, None if named else url).look("main")
    assert url in caught.value.message


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("https://me:a%40b@github.com/a/b", "a@b"),
        ("ssh://git:hidden@host/a", "hidden"),
        (f"https://{TOKEN}@github.com/a/b", TOKEN),
        (f"https://{'k7' * 26}@dev.azure.com/acme/p/_git/r", "k7" * 26),
        ("https://acme@dev.azure.com/acme/p/_git/r", None),
        ("git@github.com:a/b.git", None),
        ("https://[x", None),
        ("../folder", None),
    ],
)
def test_a_token_in_the_place_of_the_user_is_a_password(url: str, password: str | None) -> None:
    assert password_in(url) == password


def test_a_token_in_the_url_of_the_definitions_is_refused(git: Git) -> None:
    url = f"https://{TOKEN}@github.com/acme/environments"
    with pytest.raises(SettingError) as caught:
        remote(git, url)
    assert caught.value.code == "secret-in-url"
    with pytest.raises(SettingError) as early:
        _elsewhere(Value(url, "definition-repository"))
    assert _elsewhere(Value("https://[x", "definition-repository")) == "https://[x"  # git says it
    assert TOKEN not in caught.value.message + early.value.message


def test_a_pull_request_comes_from_another_branch(git: Git) -> None:
    wish = Wish(
        git=git, host="github", environment=git.environment, branch="main",
        remote="https://github.com/acme/tools", token=Secret(TOKEN), pull=PullSettings("main"),
    )  # fmt: skip
    with pytest.raises(SettingError) as caught:
        repository_of("pull-request", wish)
    assert caught.value.code == "bad-branch"


def test_a_run_of_its_own_proposal_is_known_by_the_branch() -> None:
    run = SimpleNamespace(
        settings=SimpleNamespace(
            commit="pull-request", branch=None, committing=SimpleNamespace(branch="pins")
        ),
        trigger=Trigger("pins", pushed=True),
        warn=lambda *_, **__: None,
    )
    assert not started_by_its_own_proposal(cast("Any", run))  # which is refused
    run.settings.branch = "main"
    assert started_by_its_own_proposal(cast("Any", run))
    run.trigger = Trigger("wheelstep/main", pushed=True)
    assert not started_by_its_own_proposal(cast("Any", run))


DRAFT = SimpleNamespace(
    on=SimpleNamespace(head="0" * 40), touched=(), contents={}, tree="1" * 40, message="Pin",
    executable=(),
)  # fmt: skip
ODD: tuple[Any, ...] = (
    [], {}, [3], [{}], {"ref": [], "id": 3}, {"repository": {"id": 1, "ref": "x"}},
    {"object": {"type": "tag", "sha": "0" * 40}},
    {"commit": {"oid": "--upload-pack=x"}},
    {"number": "../x", "html_url": "x", "state": "open"},
)  # fmt: skip


def calls_of(way: Way, pulls: PullRequests, wish: PullWish) -> list[Callable[[], object]]:
    """What is asked of a host by a run that proposes."""
    return [
        lambda: way.tag("v1", "0" * 40),
        lambda: way.remove("b", "0" * 40),
        lambda: way.commit("b", cast("Any", DRAFT), lambda _: None),
        lambda: pulls.latest("b", "main"),
        lambda: pulls.create("b", "main", wish),
    ]


@pytest.mark.parametrize("document", ODD)
def test_a_host_that_answers_anything_is_no_defect(document: Any) -> None:
    def answer(asked: Asked) -> Answer:
        said = (
            {"data": {"createCommitOnBranch": document, **(document or {})}}
            if (asked.path.endswith("graphql") and isinstance(document, dict))
            else document
        )
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    with Web(answer=answer) as web:
        transport = Transport({}, clock=InstantClock(), budget=RetryBudget(0))
        at = GitHubRepository.at(
            f"{web.url}/acme/tools", transport=transport, token=None, environment={}, outright=True
        )
        assert at is not None
        way, pulls, wish = GitHubWay(at), GitHubPulls(at), PullWish("Pin", "")
        calls = calls_of(way, pulls, wish)
        calls.append(lambda: GitHubReleases(at).there(frozenset({"v1"})))
        for call in calls:
            with contextlib.suppress(StepError):
                assert "--upload" not in str(call())


class Odd:
    """A client of the `azure-devops` package whose every call returns the same."""

    def __init__(self, said: object) -> None:
        self.said = said

    def __getattr__(self, name: str) -> Callable[..., object]:
        pull = SimpleNamespace(
            pull_request_id=1, title="t", description="", status="active", reviewers=None,
            last_merge_source_commit=None, completion_options=None, auto_complete_set_by=None,
            is_draft=False,
        )  # fmt: skip
        return lambda *_, **__: pull if name == "get_pull_request" else self.said


@pytest.mark.parametrize(
    "said", [None, [], "x", [3], [SimpleNamespace()], SimpleNamespace(pull_request_id="../x")]
)
def test_an_azure_repos_that_answers_anything_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    monkeypatch.setattr(azure_repository, "client_for", lambda *_: Odd(said))
    at = azure_repository.AzureRepository(
        azure_repository.AzureAddress("https://azure.example/o", "p", "r"),
        Transport({}, clock=InstantClock()), None, "https://azure.example/o/p/_git/r",
    )  # fmt: skip
    remote = SimpleNamespace(look=lambda *_: {"b": "0" * 40}, refs=lambda *_: {})
    way, pulls = AzureWay(at, cast("Any", None), cast("Any", remote), None), AzurePulls(at)
    wish = PullWish("Pin", "Body", ("label",), ("me",), merge="squash")
    open_one = PullRequest(1, "", "open", "")
    calls = calls_of(way, pulls, wish)
    calls.append(lambda: pulls.update(open_one, wish))
    calls.append(lambda: pulls.close(open_one, "Nothing is left."))
    for call in calls:
        with contextlib.suppress(StepError):
            call()

"""Triggers, inputs and the job's token, from the variables that the hosts set."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.settings_kit import read
from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret
from wheelstep.hosts import Host, Trigger, host_of
from wheelstep.options import OPTIONS


def github(**environment: str) -> Host:
    return host_of({"GITHUB_ACTIONS": "true"} | environment, io.StringIO(), io.StringIO())


def azure(**environment: str) -> Host:
    return host_of({"TF_BUILD": "True"} | environment, io.StringIO(), io.StringIO())


PULL_REQUEST = Trigger(branch=None, pull_request=True)


@pytest.mark.parametrize(
    ("event", "ref", "trigger"),
    [
        ("push", "refs/heads/main", Trigger("main", pushed=True)),
        ("push", "refs/heads/release/1.x", Trigger("release/1.x", pushed=True)),
        ("push", "refs/tags/v1/2", Trigger(None, tag="v1/2")),
        ("workflow_dispatch", "refs/heads/topic", Trigger("topic")),
        ("pull_request", "refs/pull/7/merge", PULL_REQUEST),
        ("pull_request_target", "refs/heads/main", PULL_REQUEST),
        ("merge_group", "refs/heads/gh-readonly-queue/main/pr-7-abc", PULL_REQUEST),
        # the queue's branches are pushed, too, and are not merged yet
        ("push", "refs/heads/gh-readonly-queue/main/pr-7-abc", PULL_REQUEST),
        ("pull_request_review", "refs/pull/7/merge", PULL_REQUEST),
        ("pull_request_review_comment", "refs/pull/7/merge", PULL_REQUEST),
        ("workflow_dispatch", "refs/tags/v1", Trigger(None, tag="v1")),
        ("workflow_dispatch", "refs/pull/7/head", PULL_REQUEST),
        ("repository_dispatch", "refs/heads/main", Trigger("main")),
        ("schedule", "refs/heads/main", Trigger("main")),
        ("release", "refs/tags/v1.0", Trigger(None, tag="v1.0")),
        ("create", "refs/heads/topic", Trigger("topic")),
        ("create", "refs/tags/v2", Trigger(None, tag="v2")),
        ("deployment", "", Trigger(None)),  # of a commit
        # what they are about cannot be read
        ("workflow_run", "refs/heads/main", PULL_REQUEST),
        ("issue_comment", "refs/heads/main", PULL_REQUEST),
        ("", "", Trigger(None)),
    ],
)
def test_github_trigger(event: str, ref: str, trigger: Trigger) -> None:
    assert github(GITHUB_EVENT_NAME=event, GITHUB_REF=ref).trigger() == trigger


def of_run(event: str, head: str = "acme/tools", branch: str = "main") -> dict[str, object]:
    run = {"event": event, "head_branch": branch, "head_repository": {"full_name": head}}
    return {"workflow_run": run, "repository": {"full_name": "acme/tools"}}


@pytest.mark.parametrize(
    ("event", "document", "trigger"),
    [
        ("workflow_run", of_run("push"), Trigger("main")),
        ("workflow_run", of_run("schedule"), Trigger("main")),
        # these have the secrets, and what is checked out may be a stranger's
        ("workflow_run", of_run("pull_request"), PULL_REQUEST),
        ("workflow_run", of_run("pull_request_target"), PULL_REQUEST),
        ("workflow_run", of_run("push", "stranger/tools"), PULL_REQUEST),
        ("workflow_run", of_run("push", branch="gh-readonly-queue/main/pr-7-abc"), PULL_REQUEST),
        ("issue_comment", {"issue": {"number": 7}}, Trigger("main")),
        ("issue_comment", {"issue": {"number": 7, "pull_request": {"url": "x"}}}, PULL_REQUEST),
        # a push says nothing of pull requests, whatever its document has
        ("push", {"issue": {"pull_request": {"url": "x"}}}, Trigger("main", pushed=True)),
        ("workflow_run", [], PULL_REQUEST),
        ("workflow_run", {"workflow_run": None}, PULL_REQUEST),
    ],
)
def test_github_events_on_the_main_branch(
    tmp_path: Path, event: str, document: object, trigger: Trigger
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(document))
    main = {"GITHUB_EVENT_NAME": event, "GITHUB_REF": "refs/heads/main"}
    assert github(**main, GITHUB_EVENT_PATH=str(path)).trigger() == trigger


@pytest.mark.parametrize(
    ("reason", "ref", "trigger"),
    [
        ("IndividualCI", "refs/heads/main", Trigger("main", pushed=True)),
        ("BatchedCI", "refs/heads/main", Trigger("main", pushed=True)),
        ("Manual", "refs/heads/feature/x", Trigger("feature/x")),
        ("IndividualCI", "refs/tags/v1", Trigger(None, tag="v1")),
        ("PullRequest", "refs/pull/12/merge", PULL_REQUEST),
        ("Manual", "refs/pull/12/merge", PULL_REQUEST),
        ("PullRequest", "refs/heads/main", PULL_REQUEST),
        ("IndividualCI", "refs/heads/gh-readonly-queue/main/pr-7-abc", PULL_REQUEST),
        ("Manual", "$/TfvcProject", Trigger(None)),
    ],
)
def test_azure_trigger(reason: str, ref: str, trigger: Trigger) -> None:
    assert azure(BUILD_REASON=reason, BUILD_SOURCEBRANCH=ref).trigger() == trigger


@pytest.mark.parametrize(
    ("branch", "trigger"),
    [("refs/heads/main", Trigger("main")), ("refs/pull/12/merge", PULL_REQUEST)],
)
def test_azure_after_another_pipelines_run(branch: str, trigger: Trigger) -> None:
    there = {
        "BUILD_REASON": "ResourceTrigger",
        "BUILD_SOURCEBRANCH": "refs/heads/main",
        "RESOURCES_TRIGGERINGALIAS": "wheels.of others",
        "RESOURCES_PIPELINE_WHEELS_OF_OTHERS_SOURCEBRANCH": branch,
        "RESOURCES_PIPELINE_ANOTHER_SOURCEBRANCH": "refs/pull/1/merge",
    }
    assert azure(**there).trigger() == trigger
    # a server that does not say which of them it was: none may be of a pull request
    del there["RESOURCES_TRIGGERINGALIAS"]
    assert azure(**there).trigger() == PULL_REQUEST
    assert azure(**there | {"BUILD_REASON": "Manual"}).trigger() == Trigger("main")
    del there["RESOURCES_PIPELINE_ANOTHER_SOURCEBRANCH"]
    assert azure(**there).trigger() == trigger


def test_azure_says_whose_branch_it_is() -> None:
    # what triggered the run may be another repository than the pipeline's own
    whose = "https://acme@dev.azure.com/acme/Train/_git/library"
    for ref in ("refs/heads/main", "refs/tags/v1"):
        trigger = azure(BUILD_SOURCEBRANCH=ref, BUILD_REPOSITORY_URI=whose).trigger()
        assert trigger.repository == whose


def test_github_inputs() -> None:
    host = github(INPUT_PUBLISH_TO=" a\nb\n", INPUT_BRANCH=" ", INPUT_DIST="$(x)")
    assert host.input("publish-to") == "a\nb"
    assert host.input("branch") is None
    assert host.input("packages") is None
    assert host.input("dist") == "$(x)"


def test_azure_inputs() -> None:
    host = azure(INPUT_PUBLISHTO="a\nb", INPUT_BRANCH="", INPUT_FEEDTOKEN="$(FEED_PAT)")
    assert host.input("publish-to") == "a\nb"
    assert host.input("branch") is None
    with pytest.raises(SettingError, match=r"feedToken is \$\(FEED_PAT\)") as error:
        host.input("feed-token")
    assert error.value.code == "unknown-variable"
    # a fork's pull request sees no secrets, and is to plan all the same
    there = {"BUILD_REASON": "PullRequest", "INPUT_FEEDTOKEN": "$(FEED_PAT)"}
    host = azure(**there, INPUT_BRANCH="$(Branch)")
    assert host.input("feed-token") is None
    with pytest.raises(SettingError, match="branch is"):
        host.input("branch")


def test_azure_hands_on_the_name_of_a_variable_that_a_run_does_not_see(tmp_path: Path) -> None:
    # a script step maps it: env: {WHEELSTEP_FEED_TOKEN: $(FEED_PAT)}
    feed = "https://pkgs.dev.azure.com/acme/_packaging/f"
    there = {
        "TF_BUILD": "True",
        "WHEELSTEP_FEED_TOKEN": "$(FEED_PAT)",
        "WHEELSTEP_PUBLISH_TO": feed,
    }
    with pytest.raises(SettingError, match=r"FEED_TOKEN is \$\(FEED_PAT\)"):
        read(tmp_path, environment=there)
    settings = read(tmp_path, environment=there | {"BUILD_REASON": "PullRequest"})
    assert settings.publish_to[0].token is None


def test_no_two_options_share_an_input() -> None:
    assert len({row.camel.upper() for row in OPTIONS}) == len(OPTIONS)


def test_github_job_token() -> None:
    assert github().job_token() is None
    assert github(GITHUB_TOKEN="of-a-script").job_token() == Secret("of-a-script")
    both = github(GITHUB_TOKEN="of-a-script", INPUT_JOB_TOKEN="of-the-action")
    assert both.job_token() == Secret("of-the-action")


def test_azure_job_token() -> None:
    connection = json.dumps({"parameters": {"AccessToken": "in-json"}, "scheme": "OAuth"})
    parameter = "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN"
    assert azure().job_token() is None
    assert azure(SYSTEM_ACCESSTOKEN="mapped").job_token() == Secret("mapped")
    assert azure(SYSTEM_ACCESSTOKEN="$(System.AccessToken)").job_token() is None
    host = azure(ENDPOINT_AUTH_SYSTEMVSSCONNECTION=connection, SYSTEM_ACCESSTOKEN="mapped")
    assert host.job_token() == Secret("in-json")
    host = azure(ENDPOINT_AUTH_SYSTEMVSSCONNECTION=connection, **{parameter: "direct"})
    assert host.job_token() == Secret("direct")
    for odd in ("{", "[]", '{"parameters": null}', '{"parameters": {"AccessToken": 3}}'):
        assert azure(ENDPOINT_AUTH_SYSTEMVSSCONNECTION=odd).job_token() is None


def test_a_terminal_has_none_of_it() -> None:
    host = host_of({"INPUT_BRANCH": "x"}, io.StringIO(), io.StringIO())
    assert host.input("branch") is None
    assert host.job_token() is None
    assert host.trigger() == Trigger(branch=None)

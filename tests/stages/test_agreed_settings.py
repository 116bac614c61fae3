"""The settings that a plan holds a release to: by what they mean, and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.release.kit import Repo
from tests.settings_kit import host, read
from wheelstep.options import OPTIONS
from wheelstep.report import Report
from wheelstep.stages.agreed.settings import LEFT_OUT, TOLD_BY, decided
from wheelstep.stages.run import open_run

FEED = "https://pkgs.dev.azure.com/acme/ml/_packaging/wheels/pypi/simple/"
WORKSPACE = "Sub/Group/Name"
ALLOW = "dependency-confusion acme-core We own it there, too."
TOKEN = "ci-pass-31"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = Repo.create(tmp_path_factory.mktemp("settings") / "place", {"notes.md": "x\n"})
    repo.git("remote", "add", "origin", f"https://ada:{TOKEN}@github.com/Acme/tools.git")
    return repo


def settings(repo: Repo, **flags: Any) -> dict[str, Any]:
    """Return what a plan says of settings: flags, and variables in capital letters."""
    variables = {name: value for name, value in flags.items() if name.isupper()}
    given = {
        name.replace("_", "-"): value for name, value in flags.items() if name not in variables
    }
    environment = dict(repo.environment) | variables
    found = read(repo.root, flags=given, environment=environment)
    return decided(open_run(found, host(environment), environment, Report("release")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"packages": ["a", "b/*"]}, {"packages": ["b/*", "./a/", "a"]}),
        ({"exclude": ["tests"]}, {"exclude": ["./tests"]}),
        ({"publish_to": ["index"]}, {"publish_to": ["./index/"]}),
        ({"publish_to": ["../index"]}, {"publish_to": ["../x/../index"]}),
        ({"publish_to": [FEED]}, {"publish_to": [FEED.replace("pkgs", "PKGS")]}),
        ({"publish_to": [FEED]}, {"publish_to": ["acme/ml/wheels"]}),
        ({"publish_to": [FEED]}, {"publish_to": [FEED], "feed_user": "ada"}),
        ({"publish_to": [FEED]}, {"publish_to": [FEED], "WHEELSTEP_FEED_TOKEN": TOKEN}),
        ({"definitions": ["a.yml", "b.yml"]}, {"definitions": ["b.yml", "./a.yml"]}),
        ({"workspace": [WORKSPACE]}, {"workspace": [WORKSPACE.lower()]}),
        ({"pull_request_labels": ["a", "b"]}, {"pull_request_labels": ["b", "a"]}),
        ({"pull_request_reviewers": ["Ada"]}, {"pull_request_reviewers": ["ada"]}),
        ({"work_items": ["2", "1"]}, {"work_items": ["AB#1", "AB#2"]}),
        ({"branch": "main"}, {"branch": "refs/heads/main"}),
        ({"public_index": "https://A/simple"}, {"public_index": "https://ada:x@a/simple/"}),
        ({"allow": [ALLOW]}, {"allow": [ALLOW.replace("We", "They")]}),
        ({}, {"WHEELSTEP_CONNECTION_TOKEN": TOKEN}),
        ({}, {"parallel": "3", "dist": "out", "out": "plan.json", "prebuilt": True}),
        ({}, {"keep_ranges": "no", "register": "false"}),
    ],
)  # fmt: skip
def test_what_means_the_same_reads_the_same(
    one: dict[str, Any], other: dict[str, Any], repo: Repo
) -> None:
    assert settings(repo, **one) == settings(repo, **other)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("packages", {"packages": ["!a", "."]}),
        ("exclude", {"exclude": ["tests"]}),
        ("publish-to", {"publish_to": ["../other"]}),
        ("publish-to", {"publish_to": ["wheel-index"], "serve_url": "https://w/"}),
        ("publish-to", {"publish_to": [FEED], "view": "Release"}),
        ("publish-to", {"publish_to": [f"index+{FEED}"]}),
        ("read-back", {"read_back": "none"}),
        ("find-links", {"find_links": "on"}),
        ("definitions", {"definitions": ["a.yml"]}),
        ("pin", {"pin": "url"}),
        ("keep-ranges", {"keep_ranges": "on"}),
        ("closure", {"closure": "off"}),
        ("workspace", {"workspace": [WORKSPACE]}),
        ("api-version", {"api_version": "2024-04-01"}),
        ("register", {"register": "on"}),
        ("rehearse", {"rehearse": "off"}),
        ("platform", {"platform": "aarch64-manylinux_2_28"}),
        ("commit", {"commit": "push"}),
        ("commit-with", {"commit_with": "git"}),
        ("branch", {"branch": "other"}),
        ("commit-message", {"commit_message": "x"}),
        ("commit-author", {"commit_author": "A <a@b.example>"}),
        ("sign-off", {"sign_off": "on"}),
        ("work-items", {"work_items": ["1"]}),
        ("skip-ci", {"skip_ci": "off"}),
        ("pull-request-branch", {"pull_request_branch": "x"}),
        ("pull-request-title", {"pull_request_title": "x"}),
        ("pull-request-labels", {"pull_request_labels": ["x"]}),
        ("pull-request-reviewers", {"pull_request_reviewers": ["x"]}),
        ("pull-request-draft", {"pull_request_draft": "on"}),
        ("auto-merge", {"auto_merge": "squash"}),
        ("definition-repository", {"definition_repository": "https://h/x.git"}),
        ("tag", {"tag": "{name}-v{version}"}),
        ("github-release", {"github_release": "on"}),
        ("public-index", {"public_index": "none"}),
        ("public-index", {"public_index": "https://a/simple"}),
        ("connection", {"connection_target": FEED}),
        ("connection", {"connection_target": FEED, "connection_user": "ada"}),
        ("connection", {"connection_shared": "off"}),
        ("allow", {"allow": [ALLOW]}),
        ("WHEELSTEP_RESOURCE_MANAGER", {"workspace": [WORKSPACE], "AZURE_CLOUD": "AzureCloud"}),
    ],
)  # fmt: skip
def test_what_decides_what_is_done_differs(name: str, more: dict[str, Any], repo: Repo) -> None:
    assert settings(repo)[name] != settings(repo, **more)[name]


def test_it_has_no_secrets_and_knows_the_remote(repo: Repo) -> None:
    found = settings(
        repo,
        branch="main",
        public_index=f"https://ada:{TOKEN}@a/simple?sig={TOKEN}",
        WHEELSTEP_CONNECTION_TOKEN=TOKEN,
        connection_target=FEED,
    )
    assert TOKEN not in str(found)
    assert str(repo.place) not in str(found)
    assert found["remote"] == "https://github.com/Acme/tools"


def test_every_option_is_held_to_or_said_to_be_left_out(repo: Repo) -> None:
    held_to = {name for name in settings(repo) if name.islower() and name != "remote"}
    told = [*held_to, *LEFT_OUT, *TOLD_BY]
    assert len(told) == len(set(told))
    assert set(told) == {row.name for row in OPTIONS}
    assert set(TOLD_BY.values()) <= held_to

"""What a commit and a pull request say, from real repositories."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.release.samples import CONDA
from tests.settings_kit import host, read
from wheelstep.errors import SettingError
from wheelstep.report import Report
from wheelstep.stages.run import open_run
from wheelstep.stages.wording import check_message, filled, run_url

AZURE = {
    "TF_BUILD": "True",
    "BUILD_SOURCEBRANCH": "refs/heads/main",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "Our Train",
    "BUILD_BUILDID": "12",
}
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/tools",
    "GITHUB_RUN_ID": "34",
}


@pytest.fixture
def repo(monorepo: Repo) -> Repo:
    """The monorepo, released, with two new versions."""
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.replace("packages/models/acme_models.py", "3.0.0", "3.1.0")
    monorepo.commit()
    return monorepo


def message(repo: Repo, **more: str) -> str:
    ran = repo.wheelstep(
        "release", extra={f"WHEELSTEP_{name}": text for name, text in more.items()}
    )
    assert ran.code == 0, ran.said
    whole = repo.git("log", "-1", "--format=%B")
    text, mark, tree = whole.rpartition("Wheelstep-Tree: ")
    assert mark
    assert tree == repo.git("rev-parse", "HEAD^{tree}")
    return text.rstrip()


def test_by_itself_it_says_what_rose(repo: Repo) -> None:
    assert message(repo) == (
        "Pin acme-core 1.1.0, acme-models 3.1.0 [skip ci]\n\n"
        "acme-core 1.0.0 -> 1.1.0\nacme-models 3.0.0 -> 3.1.0"
    )


def test_placeholders_are_filled_in(repo: Repo) -> None:
    text = "chore({{deps}}): {count} on {branch}: {packages}"
    assert message(repo, COMMIT_MESSAGE=text, BRANCH="main") == (
        "chore({deps}): 2 on main: acme-core 1.1.0, acme-models 3.1.0 [skip ci]"
    )


def test_a_message_may_have_a_text_and_trailers_of_its_own(repo: Repo) -> None:
    text = "Pin {count}\n\nFor the model.\n\nReviewed-by: Bob <bob@example.com>\n"
    assert message(repo, COMMIT_MESSAGE=text) == (
        "Pin 2 [skip ci]\n\nFor the model.\n\nReviewed-by: Bob <bob@example.com>"
    )


@pytest.mark.parametrize("text", ["{name}", "{packages.__class__}", "a { b", "{0}", "{packages!r}"])
def test_what_is_no_placeholder_is_refused(repo: Repo, text: str) -> None:
    ran = repo.wheelstep("release", extra={"WHEELSTEP_COMMIT_MESSAGE": text})
    assert (ran.code, ran.codes) == (2, ["bad-setting"])
    assert "{packages}" in ran.problem("bad-setting")["cure"]


def test_author_sign_off_and_work_items(repo: Repo) -> None:
    text = message(
        repo, COMMIT_AUTHOR="Release Bot <bot@acme.example>", SIGN_OFF="on", WORK_ITEMS="12\n34",
        COMMIT_MESSAGE="Pin",
    )  # fmt: skip
    assert text == (
        "Pin [skip ci]\n\nRelated-work-items: AB#12, AB#34\n"
        "Signed-off-by: Release Bot <bot@acme.example>"
    )
    assert repo.git("log", "-1", "--format=%an <%ae>") == "Release Bot <bot@acme.example>"


@pytest.mark.parametrize(
    ("name", "text"),
    [("COMMIT_AUTHOR", "nobody"), ("COMMIT_AUTHOR", "A <b>"), ("WORK_ITEMS", "x1"),
     ("WORK_ITEMS", "0")],
)  # fmt: skip
def test_what_is_no_author_and_no_work_item(repo: Repo, name: str, text: str) -> None:
    ran = repo.wheelstep("release", extra={f"WHEELSTEP_{name}": text})
    assert (ran.code, ran.codes) == (2, ["bad-setting"])


def test_a_version_that_is_pinned_by_name_is_said(repo: Repo) -> None:
    message(repo)
    ran = repo.wheelstep("pin", "acme-core==1.0.0")
    assert ran.code == 0, ran.said
    assert repo.git("log", "-1", "--format=%s") == "Pin acme-core 1.0.0 [skip ci]"
    assert "1.0.0" in repo.read(CONDA)


def test_on_azure_repos_work_items_are_its_own_wherever_the_run_is(repo: Repo) -> None:
    repo.git("remote", "add", "origin", "https://dev.azure.com/acme/Train/_git/tools")
    text = message(repo, WORK_ITEMS="12", COMMIT_MESSAGE="Pin")
    assert text == "Pin [skip ci]\n\nRelated work items: #12"
    assert repo.git("log", "-1", "--format=%(trailers:key=Wheelstep-Tree,valueonly)")


def test_the_page_of_the_run() -> None:
    assert run_url(GITHUB) == "https://github.com/acme/tools/actions/runs/34"
    assert run_url(AZURE) == ("https://dev.azure.com/acme/Our%20Train/_build/results?buildId=12")
    assert run_url({}) == ""


HOLES = {"packages": "acme 1.0", "count": "1", "branch": "main", "run": ""}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Pin {packages} ({run})", "Pin acme 1.0"),
        ("Pin {packages} [ {run} ] on {branch}", "Pin acme 1.0 on main"),
        ("Pin {packages} {run} on {branch}", "Pin acme 1.0 on main"),
        ("Pin {packages} <{run}>.", "Pin acme 1.0."),
        ("{run} Pin {packages}", "Pin acme 1.0"),
        ("Pin {packages}: {run}, {count}", "Pin acme 1.0:, 1"),
        ("Pin {packages} - {run}", "Pin acme 1.0"),
        ("Pin {packages}\n\nRun: {run}\n\nBy us", "Pin acme 1.0\n\nBy us"),
        ("Pin {packages}\n\nBuilt-in: {run}\nFor: {branch}", "Pin acme 1.0\n\nFor: main"),
        ("Pin {packages}\r\n\r\n{run}", "Pin acme 1.0"),
        ("Pin  {packages} ()", "Pin  acme 1.0 ()"),
        ("{{run}} {packages}{run}", "{run} acme 1.0"),
        ("({run})", ""),
        ("See: {run}", ""),
        ("{run}\n{run}", ""),
    ],
)
def test_what_an_empty_placeholder_leaves_behind_goes(text: str, left: str) -> None:
    assert filled(text, HOLES) == left


def test_nothing_is_tidied_where_there_is_a_run() -> None:
    text = "Pin  {packages} ({run}) ()"
    assert filled(text, HOLES | {"run": "https://ci"}) == "Pin  acme 1.0 (https://ci) ()"


@pytest.mark.parametrize("command", [("release",), ("pin", "acme-core==1.0.0")])
def test_a_message_that_becomes_empty_is_refused_before_anything_is_done(
    repo: Repo, command: tuple[str, ...]
) -> None:
    ran = repo.wheelstep(*command, extra={"WHEELSTEP_COMMIT_MESSAGE": "({run})"})
    assert (ran.code, ran.codes) == (2, ["bad-message"])
    assert "`commit-message`" in ran.problem("bad-message")["message"]
    assert (ran.published, ran.report["timings"]) == ({}, {})


def test_a_proposals_message_is_told_that_it_may_not_skip_checks(tmp_path: Path) -> None:
    place = Repo.create(tmp_path / "place", {})
    for text, codes in (("Pin [skip ci]", ["skip-left-out"]), ("Pin", [])):
        flags = {"commit": "pull-request", "commit-message": text, "publish-to": ["../index"]}
        settings = read(place.root, flags=flags, environment=place.environment)
        run = open_run(settings, host(place.environment), place.environment, Report("release"))
        check_message(run)
        assert [one.code for one in run.report.problems] == codes
    settings = replace(settings, commit_message="[no ci]")
    run = open_run(settings, host(place.environment), place.environment, Report("release"))
    with pytest.raises(SettingError, match="nothing is left"):
        check_message(run)

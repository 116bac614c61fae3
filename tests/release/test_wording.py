"""What a commit and a pull request say, from real repositories."""

from __future__ import annotations

import pytest

from tests.release.kit import Repo
from tests.release.samples import CONDA
from wheelstep.ground.markdown import code, fenced, quiet
from wheelstep.stages.wording import run_url

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


def test_the_page_of_the_run() -> None:
    assert run_url(GITHUB) == "https://github.com/acme/tools/actions/runs/34"
    assert run_url(AZURE) == ("https://dev.azure.com/acme/Our%20Train/_build/results?buildId=12")
    assert run_url({}) == ""


HOSTILE = (
    "@acme/everybody", "fixes #1", "!12 `rm`", "<img src=x>", "a | b", "[x](y)", "<!-- x", "GH-1",
    "see https://github.com/a/b/issues/1",
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nobody_is_called_and_nothing_linked(hostile: str) -> None:
    shown = code(hostile)
    assert shown[0] == shown[-1] == "`"
    assert not set(shown[1:-1]) & set("`|\r\n")
    calm = quiet(hostile)
    for sign in ("@a", "#1", "!1", "<", "|", "[", "GH-1", "://g"):
        assert sign not in calm


def test_a_text_that_is_empty_is_shown_all_the_same() -> None:
    assert code("") == code(" `") == "`-`"


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("a\n````\nb\n", "diff") == ["`````diff", "a\n````\nb", "`````"]

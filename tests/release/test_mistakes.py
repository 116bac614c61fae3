"""What a user can get wrong: each has its own error, its exit code, and nothing is done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.release.kit import Repo, contents, everything
from tests.release.samples import CONDA, MONOREPO, flit

INIT = "packages/core/acme_core/__init__.py"
OPTIONS = ("--publish-to", "../index")


@pytest.fixture
def fresh(tmp_path: Path) -> Repo:
    """A repository with one package and nothing else; nothing here gets as far as building it."""
    return Repo.create(tmp_path / "place", flit("acme-models", "") | {".gitignore": "/dist/\n"})


def test_uncommitted_changes_are_not_released_and_that_is_said(monorepo: Repo) -> None:
    released = monorepo.read(INIT)
    monorepo.write({INIT: "NAME = 'not yet'\n", "packages/core/acme_core/new.py": ""})
    index = contents(monorepo.index)
    ran = monorepo.release()
    assert ran.status == "nothing-to-do"
    problem = ran.problem("uncommitted")
    assert problem["severity"] == "warning"
    assert "acme-core" in problem["message"]
    assert INIT in problem["message"]
    assert "packages/core/acme_core/new.py" in problem["message"]
    assert contents(monorepo.index) == index
    assert monorepo.read(INIT) == "NAME = 'not yet'\n"
    monorepo.write({INIT: released, "packages/core/acme_core/new.py": None})
    assert "uncommitted" not in monorepo.release().codes


def test_uncommitted_changes_of_a_definition_are_left_alone(monorepo: Repo) -> None:
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    mine = monorepo.read(CONDA) + "# a line of mine\n"
    monorepo.write({CONDA: mine.encode()})
    ran = monorepo.release()
    assert CONDA in ran.problem("left-alone")["message"]
    assert monorepo.read(CONDA) == mine
    committed = monorepo.git("show", f"HEAD:{CONDA}")
    assert "Acme.Core[fast]==1.1.0" in committed
    assert "a line of mine" not in committed


def test_commit_none_changes_the_files_and_commits_nothing(unreleased: Repo) -> None:
    head = unreleased.head
    ran = unreleased.release("--commit", "none")
    assert ran.report["commit"]["status"] == "none"
    assert unreleased.head == head
    status = unreleased.git("status", "--porcelain", "--untracked-files=all").splitlines()
    assert sorted(line.strip() for line in status) == [
        "?? wheelstep.lock",
        "M environments/train/conda.yml",
        "M environments/train/environment.yml",
        "M serving/requirements.txt",
    ]
    assert unreleased.release("--commit", "none").status == "nothing-to-do"
    # and when it is committed by hand, a local commit has nothing to add
    unreleased.commit()
    head = unreleased.head
    assert unreleased.release().status == "nothing-to-do"
    assert unreleased.head == head


def test_a_detached_head(monorepo: Repo) -> None:
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    head = monorepo.commit()
    index = contents(monorepo.index)
    monorepo.git("checkout", "--quiet", "--detach")
    ran = monorepo.wheelstep("release")
    assert ran.code == 2
    assert "detached" in ran.problem("detached-head")["message"]
    assert "`branch`" in ran.problem("detached-head")["cure"]
    assert contents(monorepo.index) == index
    assert monorepo.head == head
    ran = monorepo.release("--branch", "main")
    assert ran.report["commit"]["branch"] == "main"
    assert monorepo.git("rev-parse", "main^") == head


def test_two_packages_of_one_name(fresh: Repo) -> None:
    fresh.commit(flit("acme-models", "one/") | flit("Acme_Models", "two/"))
    ran = fresh.wheelstep("release", "--packages", "one", "--packages", "two", *OPTIONS)
    assert ran.code == 2, ran.said
    message = ran.report["problems"][-1]["message"]
    assert "acme-models" in message
    assert "one" in message
    assert "two" in message
    assert not fresh.index.exists()


@pytest.mark.parametrize("packages", ["src/*", "nowhere"])
def test_no_package(fresh: Repo, packages: str) -> None:
    fresh.commit({"src/thing/main.py": ""})
    ran = fresh.wheelstep("release", "--packages", packages, *OPTIONS)
    assert ran.code == 2, ran.said
    assert packages in ran.report["problems"][-1]["message"]


def test_no_repository(fresh: Repo) -> None:
    shutil.rmtree(fresh.root / ".git")
    for arguments in ((), ("--repository", "missing")):
        ran = fresh.wheelstep("release", *arguments)
        assert ran.code == 2, ran.said
        assert "repository" in ran.report["problems"][-1]["message"]


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "place", {})
    repo.git("update-ref", "-d", "HEAD")
    ran = repo.wheelstep("release", "--commit", "local")
    assert ran.code == 2, ran.said
    assert "commit" in ran.report["problems"][-1]["message"]


def test_a_misspelt_setting_in_the_file(fresh: Repo) -> None:
    fresh.write({"wheelstep.toml": 'packages = ["."]\n\npublish_to = ["../index"]\n'})
    ran = fresh.wheelstep("release")
    assert ran.code == 2
    problem = ran.problem("unknown-setting")
    assert (problem["file"], problem["line"]) == ("wheelstep.toml", 3)
    assert "publish-to" in problem["cure"]


def test_a_secret_in_the_file(fresh: Repo) -> None:
    fresh.write({"wheelstep.toml": 'feed-token = "correct-horse-battery"\n'})
    ran = fresh.wheelstep("release")
    assert ran.code == 2
    problem = ran.problem("secret-in-settings")
    assert problem["file"] == "wheelstep.toml"
    assert "WHEELSTEP_FEED_TOKEN" in problem["cure"]
    assert "correct-horse-battery" not in ran.said + str(ran.report)


def test_a_misspelt_variable(fresh: Repo) -> None:
    ran = fresh.wheelstep("release", extra={"WHEELSTEP_PUBLISHTO": "../index"})
    assert ran.code == 2
    problem = ran.problem("unknown-setting")
    assert "WHEELSTEP_PUBLISHTO" in problem["message"]
    assert "WHEELSTEP_PUBLISH_TO" in problem["cure"]


def test_settings_in_two_files(fresh: Repo) -> None:
    text = fresh.read("pyproject.toml") + '[tool.wheelstep]\npublish-to = ["../index"]\n'
    fresh.write({"pyproject.toml": text.encode(), "wheelstep.toml": 'commit = "none"\n'})
    ran = fresh.wheelstep("release")
    assert ran.code == 2
    assert "two files" in ran.problem("two-settings-files")["message"]


def test_an_unknown_flag_and_an_unknown_command(fresh: Repo) -> None:
    for arguments in (["release", "--publishto", "x"], ["relase"], []):
        code, out, said = fresh.run(arguments)
        assert code == 2
        assert out == ""
        assert said.startswith("wheelstep: error: ")


def test_a_definition_that_cannot_be_read(unreleased: Repo) -> None:
    before = MONOREPO[CONDA]
    for data, word in (
        (before.replace("  - pip:", "\t- pip:").encode(), "tab"),
        (before.encode().replace(b"# ours", b"# \xfcbung"), "UTF-8"),
    ):
        unreleased.commit({CONDA: data})
        kept = everything(unreleased)
        ran = unreleased.wheelstep("release")
        assert ran.code == 7, ran.said
        problem = ran.report["problems"][-1]
        assert problem["file"] == CONDA
        assert problem["line"]
        assert word in problem["message"]
        assert everything(unreleased) == kept

"""Releases that pin other forms of definition than conda and requirements files."""

from __future__ import annotations

from pathlib import Path

from tests.release.kit import Repo, served
from tests.release.samples import hatchling, setuptools

JSON = """\
{"name": "train", "version": "1",
 "python": {"condaDependencies": {"dependencies": ["python=3.11", {"pip": ["acme-core"]}]}}}
"""
APP = '[project]\nname = "app"\nversion = "1"\ndependencies = ["acme-core>=1"]  # ours\n'


def test_what_a_package_needs_is_not_pinned_in_it_but_elsewhere_it_is(tmp_path: Path) -> None:
    models = hatchling("acme-models", "packages/models/")
    models["packages/models/pyproject.toml"] += " " * 12 + 'dependencies = ["acme-core>=1"]\n'
    files: dict[str, str | bytes | None] = {
        "wheelstep.toml": 'packages = ["packages/*"]\npublish-to = ["../index"]\n'
        'commit = "local"\n',
        **setuptools("acme-core", "packages/core/"),
        **models,
        "app/pyproject.toml": APP,
        "env/train.json": JSON,
        "env/rows.json": '{"about": "acme-core"}\n',
        ".gitignore": "/dist/\n",
    }
    repo = Repo.create(tmp_path, files)
    ran = repo.release()
    assert [row["path"] for row in ran.report["definitions"]] == [
        "app/pyproject.toml",
        "env/train.json",
    ]
    assert repo.read("app/pyproject.toml") == APP.replace(">=1", "==1.0.0")
    assert repo.read("env/train.json") == JSON.replace("acme-core", "acme-core==1.0.0").replace(
        '"1"', '"2"'
    )
    assert '"acme-core>=1"' in repo.read("packages/models/pyproject.toml")
    assert repo.release().status == "nothing-to-do"
    # one package alone is pinned: the others are released all the same
    ran = repo.wheelstep("pin", "acme-core==1.0.0")
    assert ran.code == 0, ran.said
    assert '"acme-core>=1"' in repo.read("packages/models/pyproject.toml")
    ran = repo.wheelstep("release", "--definitions", "packages/models/pyproject.toml")
    assert ran.code == 2, ran.said
    assert ran.problem("definition-is-package")["file"] == "packages/models/pyproject.toml"


def test_a_project_that_can_name_no_index_is_rehearsed_with_ours(tmp_path: Path) -> None:
    files: dict[str, str | bytes | None] = {
        "wheelstep.toml": 'packages = ["packages/*"]\npublish-to = ["../index"]\n'
        'commit = "local"\n',
        **setuptools("acme-core", "packages/core/"),
        ".gitignore": "/dist/\n",
    }
    repo = Repo.create(tmp_path, files)
    repo.release()
    # it is there already: no wheel of this run is laid over the index
    repo.commit({"app/pyproject.toml": APP})
    with served(repo.index) as url:
        ran = repo.release("--serve-url", url)
    assert "index-not-in-pyproject" in ran.codes
    assert set(ran.packages.values()) == {"unchanged"}
    assert repo.read("app/pyproject.toml") == APP.replace(">=1", "==1.0.0")
    (row,) = ran.report["rehearsals"]
    assert (row["path"], row["place"], row["status"]) == (
        "app/pyproject.toml",
        "project.dependencies",
        "resolved",
    )

"""Versions that are read from git, in a monorepo."""

from __future__ import annotations

from pathlib import Path

from tests.release.kit import Repo, contents
from tests.release.samples import flit

SCM = {
    "packages/scm/pyproject.toml": """\
        [build-system]
        requires = ["setuptools>=80", "setuptools-scm>=8"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "acme-scm"
        dynamic = ["version"]
        [tool.setuptools]
        py-modules = ["acme_scm"]
        [tool.setuptools_scm]
        root = "../.."
        tag_regex = "^scm-v(?P<version>.+)$"
        git_describe_command = "git describe --dirty --tags --long --match scm-v*"
        """,
    "packages/scm/acme_scm.py": "NAME = 'scm'\n",
    "conda.yml": """\
        dependencies:
          - python=3.11
          - pip:
              - acme-scm
              - acme-models
        """,
    "wheelstep.toml": """\
        packages = ["packages/*"]
        publish-to = ["../index"]
        commit = "local"
        """,
    ".gitignore": "/dist/\n",
    **flit("acme-models", "packages/models/"),
}


def test_a_tag_is_a_release_and_our_own_commit_moves_no_version(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "place", SCM)
    repo.git("tag", "scm-v1.0.0")
    ran = repo.release()
    assert ran.published["acme_scm-1.0.0-py3-none-any.whl"] == ["uploaded"]
    assert "acme-scm==1.0.0" in repo.read("conda.yml")
    assert ran.report["commit"]["status"] == "local"

    head = repo.head
    again = repo.release()
    assert again.status == "nothing-to-do"
    assert set(again.packages.values()) == {"unchanged"}
    assert repo.head == head
    repo.commit({"README.md": "Outside of every package.\n"})
    repo.git("tag", "other-v9.0")
    assert repo.release().status == "nothing-to-do"

    repo.git("tag", "scm-v1.1.0")
    tagged = repo.release()
    assert tagged.published == {
        "acme_scm-1.1.0-py3-none-any.whl": ["uploaded"],
        "acme_models-3.0.0-py2.py3-none-any.whl": [],
    }
    assert "acme-scm==1.1.0" in repo.read("conda.yml")
    index = contents(repo.index)
    clone = repo.clone("clone")
    head = clone.commit({"wheelstep.lock": None})
    forgotten = clone.release()
    assert forgotten.published["acme_scm-1.1.0-py3-none-any.whl"] == ["identical"]
    assert (clone.head, contents(repo.index)) == (head, index)

    shallow = repo.clone("shallow", "--depth", "1")
    refused = shallow.wheelstep("release")
    assert refused.code == 2
    problem = refused.report["problems"][-1]
    assert "shallow" in problem["message"]
    assert "fetch-depth: 0" in problem["cure"]
    assert contents(repo.index) == index

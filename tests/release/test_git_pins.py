"""Whole releases with `pin: git`, the remote a bare repository behind git's own HTTP server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.release.samples import hatchling
from tests.servers.git_http import GitServer, git_server

FILES = {
    **hatchling("acme-core", "packages/core/", "1.0.0"),
    "wheelstep.toml": """\
        packages = ["packages/*"]
        publish-to = ["../index"]
        commit = "local"
        pin = "git"
        """,
    "requirements.txt": "acme-core[x] == 0.9 ; python_version > '3'\n",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as running:
        yield running


@pytest.fixture
def repo(tmp_path: Path, server: GitServer) -> Repo:
    repo = Repo.create(tmp_path, FILES)
    bare = server.create("acme.git")
    repo.git("remote", "add", "origin", server.address("acme.git", "reader"))
    repo.git("push", "--quiet", str(bare), "HEAD:main")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    return repo


def test_the_commit_is_pinned_and_pip_installs_it(
    repo: Repo, server: GitServer, tmp_path: Path
) -> None:
    commit = repo.head
    ran = repo.release()
    line = f"acme-core[x] @ git+{server.address('acme.git')}@{commit}#subdirectory=packages/core"
    assert repo.read("requirements.txt") == f"{line} ; python_version > '3'\n"
    assert [row["status"] for row in ran.report["rehearsals"]] == ["resolved"]
    assert (repo.index / "simple/acme-core/acme_core-1.0.0-py2.py3-none-any.whl").exists()
    assert "reader-pass" not in repo.git("show")
    # what pip does with it, given a credential as the image has one
    signed = line.replace("://", "://reader:reader-pass-3@").replace("[x]", "")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--target", str(tmp_path / "site"), signed),
        ],
        env=dict(repo.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/acme_core-1.0.0.dist-info").is_dir()
    assert repo.release().status == "nothing-to-do"


def test_a_commit_that_nobody_else_has_is_refused(repo: Repo) -> None:
    repo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    repo.commit()
    ran = repo.wheelstep("release")
    assert ran.code == 4, ran.said
    assert "Push first" in ran.problem("commit-not-on-remote")["cure"]
    assert not repo.index.exists()


@pytest.mark.parametrize(
    ("remote", "code"), [(None, "no-remote"), ("/srv/acme.git", "remote-not-served")]
)
@pytest.mark.parametrize("command", ["release", "plan"])
def test_a_remote_that_no_definition_can_name(
    tmp_path: Path, remote: str | None, code: str, command: str
) -> None:
    repo = Repo.create(tmp_path, FILES)
    if remote:
        repo.git("remote", "add", "origin", remote)
    ran = repo.wheelstep(command)
    assert (ran.code, ran.codes[-1:]) == (2, [code]), ran.said
    assert not repo.index.exists()

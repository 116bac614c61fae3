"""Whole releases with `pin: vendor` into a build context."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.release.samples import setuptools

WHEEL = "acme_core-1.0.0-py3-none-any.whl"
NEXT = "acme_core-1.1.0-py3-none-any.whl"
ENVIRONMENT = "envs/environment.yml"
REQUIREMENTS = "envs/image/requirements.txt"
FILES = {
    **setuptools("acme-core", "core/"),
    "wheelstep.toml": """\
        packages = ["core"]
        publish-to = ["../index"]
        commit = "local"
        pin = "vendor"
        """,
    ENVIRONMENT: """\
        $schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
        name: image
        version: 4
        build:
          path: image
        """,
    "envs/image/Dockerfile": """\
        FROM python:3.11-slim
        WORKDIR /opt/app
        COPY . .
        RUN pip install -r requirements.txt
        """,
    REQUIREMENTS: "# ours\nacme-core==0.9 ; python_version > '3'\n",
    ".gitignore": "/dist/\n*.whl\n",
    ".gitattributes": "*.whl filter=lfs diff=lfs merge=lfs -text\n",
}


def installed(repo: Repo, target: Path) -> str:
    """What real pip installs where the Dockerfile would: `COPY . .` into the folder of WORKDIR."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index"),
            *("--target", str(target), "-r", "requirements.txt"),
        ],
        cwd=repo.root / "envs/image",
        env=dict(repo.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return next(target.glob("acme_core-*.dist-info")).name


def test_the_wheel_goes_into_the_context_with_the_pin(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path, FILES)
    ran = repo.release()
    assert ran.codes == ["lfs-file"]
    assert ran.problem("lfs-file")["file"] == f"envs/image/wheels/{WHEEL}"
    assert repo.read(REQUIREMENTS) == f"# ours\n./wheels/{WHEEL} ; python_version > '3'\n"
    assert "version: 5" in repo.read(ENVIRONMENT)
    shown = repo.git("show", "--name-status", "--format=", "HEAD").splitlines()
    assert sorted(shown) == [
        f"A\tenvs/image/wheels/{WHEEL}",
        "A\twheelstep.lock",
        f"M\t{ENVIRONMENT}",
        f"M\t{REQUIREMENTS}",
    ]
    assert zipfile.is_zipfile(repo.root / f"envs/image/wheels/{WHEEL}")
    assert {row["status"] for row in ran.report["rehearsals"]} == {"resolved"}
    assert installed(repo, tmp_path / "site") == "acme_core-1.0.0.dist-info"
    head = repo.head
    assert repo.release().status == "nothing-to-do"
    assert repo.head == head

    repo.replace("core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    repo.commit()
    repo.release()
    shown = repo.git("show", "--name-status", "--no-renames", "--format=", "HEAD").splitlines()
    assert f"A\tenvs/image/wheels/{NEXT}" in shown
    assert f"D\tenvs/image/wheels/{WHEEL}" in shown
    assert "version: 6" in repo.read(ENVIRONMENT)
    assert installed(repo, tmp_path / "again") == "acme_core-1.1.0.dist-info"

    # an older release, asked for by name, comes from where it is published
    back = repo.wheelstep("pin", "acme-core==1.0.0")
    assert back.code == 0, back.said
    assert installed(repo, tmp_path / "back") == "acme_core-1.0.0.dist-info"
    assert not (repo.root / f"envs/image/wheels/{NEXT}").exists()


def test_a_wheel_that_was_deleted_comes_back(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path, FILES)
    repo.release()
    repo.commit({f"envs/image/wheels/{WHEEL}": None})
    ran = repo.release()
    assert ran.definition(REQUIREMENTS)["status"] == "changed"
    assert installed(repo, tmp_path / "site") == "acme_core-1.0.0.dist-info"


def test_without_a_commit_the_files_are_written_once(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path, FILES)
    ran = repo.release("--commit", "none")
    note = ran.problem("vendored-ignored")
    assert (note["severity"], note["file"]) == ("warning", f"envs/image/wheels/{WHEEL}")
    assert installed(repo, tmp_path / "site") == "acme_core-1.0.0.dist-info"
    again = repo.release("--commit", "none")
    assert again.status == "nothing-to-do", again.said
    repo.replace("core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    repo.commit()
    repo.release("--commit", "none")
    assert [path.name for path in (repo.root / "envs/image/wheels").iterdir()] == [NEXT]


@pytest.mark.parametrize("command", ["release", "plan"])
def test_a_definition_outside_of_a_context_is_a_setting_to_mend(
    tmp_path: Path, command: str
) -> None:
    repo = Repo.create(tmp_path, FILES | {"conda.yml": "dependencies: [{pip: [acme-core]}]\n"})
    ran = repo.wheelstep(command)
    assert ran.code == 2, ran.said
    assert ran.problem("vendor-outside-context")["file"] == "conda.yml"
    assert not repo.index.exists()

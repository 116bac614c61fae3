"""A run that is forked is what a run that is started anew is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import ready
from tests.release.kit import Repo

FILES = {"wheelstep.toml": 'packages = ["nothing-here/*"]\n', "conda.yml": "dependencies: []\n"}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "place", FILES)


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["release", "--help"], ["relaese"], ["plan"]],
    ids=" ".join,
)
def test_it_says_the_same_and_ends_the_same(repo: Repo, arguments: list[str]) -> None:
    # columns: what argparse wraps its help to
    extra = {"COLUMNS": "80"}
    assert repo.run(arguments, extra=extra) == repo.run(arguments, extra=extra, python=("-B",))


def test_one_run_leaves_nothing_to_the_next(repo: Repo) -> None:
    before = repo.run(["plan"])
    code, out, said = repo.run(["plan"], extra={"WHEELSTEP_COMMIT": "neither-this"})
    assert code == 2
    assert "neither-this" in out + said
    assert "neither-this" not in before[1] + before[2]
    assert repo.run(["plan"]) == before


def test_on_linux_runs_are_forked_unless_python_is_told_something_else(repo: Repo) -> None:
    assert ready.fits(repo.environment) is (sys.platform == "linux")
    for name in ("PYTHONPATH", "PYTHONHASHSEED", "PYTHONIOENCODING"):
        assert not ready.fits({**repo.environment, name: "1"})


def test_a_run_that_takes_too_long_is_killed(repo: Repo) -> None:
    if ready.fits(repo.environment):
        with pytest.raises(subprocess.TimeoutExpired):
            ready.run(
                ["release"],
                directory=repo.root,
                environment=repo.environment,
                umask=-1,
                timeout=0.0,
            )
    # and the next one runs
    assert repo.run(["--version"])[0] == 0

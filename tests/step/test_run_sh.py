"""Which Python the action takes. The interpreters are stand-ins that answer as theirs would."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.step.support import ROOT

HERE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x64"
OTHER = "x64" if HERE == "arm64" else "arm64"


@pytest.fixture
def run_sh(tmp_path: Path) -> Path:
    (tmp_path / "action").mkdir()
    shutil.copy2(ROOT / "action" / "run.sh", tmp_path / "action")
    return tmp_path / "action" / "run.sh"


def stand_in(path: Path, minor: int) -> None:
    """A program that says it is Python 3.minor, and shows its name when it is started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fits = 0 if minor >= 11 else 1
    path.write_text(f'#!/bin/sh\n[ "$2" = -c ] && exit {fits}\necho "{path} $*"\n')
    path.chmod(0o755)


def cached(cache: Path, version: str, architecture: str = HERE, *, complete: bool = True) -> Path:
    folder = cache / "Python" / version / architecture
    minor = int(version.split(".")[1])
    stand_in(folder / "bin" / "python3", minor)
    if complete:
        folder.with_name(f"{architecture}.complete").touch()
    return folder / "bin" / "python3"


def taken(run_sh: Path, path: str = "/usr/bin:/bin", **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", run_sh, "release"],
        env={"PATH": path, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_newest_of_the_tool_cache_before_path(run_sh: Path, tmp_path: Path) -> None:
    cache = tmp_path / "tool cache"
    for version in ("3.9.25", "3.10.1", "3.12.9", "3.13.9", "3.13.10", "3.15.0"):
        cached(cache, version)
    cached(cache, "3.14.0-rc.1")
    cached(cache, "3.14.1", complete=False)
    stand_in(tmp_path / "path" / "python3", 14)
    code, text = taken(run_sh, f"{tmp_path}/path:/usr/bin:/bin", RUNNER_TOOL_CACHE=str(cache))
    python = cache / "Python" / "3.13.10" / HERE / "bin" / "python3"
    assert (code, text) == (0, f"{python} -I {run_sh.parent}/bootstrap.py release\n")


def test_what_setup_python_chose_comes_first(run_sh: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    chosen = cached(cache, "3.11.4")
    newer = cached(cache, "3.13.1")
    location = str(chosen.parent.parent)
    _, text = taken(run_sh, RUNNER_TOOL_CACHE=str(cache), pythonLocation=location)
    assert text.startswith(f"{chosen} ")
    too_old = str(cached(cache, "3.8.1").parent.parent)
    _, text = taken(run_sh, RUNNER_TOOL_CACHE=str(cache), pythonLocation=too_old)
    assert text.startswith(f"{newer} ")


def test_another_architecture_is_better_than_nothing(run_sh: Path, tmp_path: Path) -> None:
    python = cached(tmp_path, "3.12.1", OTHER)
    assert taken(run_sh, RUNNER_TOOL_CACHE=str(tmp_path))[1].startswith(f"{python} ")


def test_path_when_the_tool_cache_has_none(run_sh: Path, tmp_path: Path) -> None:
    cached(tmp_path / "cache", "3.10.1")
    stand_in(tmp_path / "old" / "python3", 10)
    stand_in(tmp_path / "new" / "python", 13)
    path = os.pathsep.join([f"{tmp_path}/old", f"{tmp_path}/new", tools(tmp_path)])
    _, text = taken(run_sh, path, RUNNER_TOOL_CACHE=str(tmp_path / "cache"))
    assert text.startswith(f"{tmp_path}/new/python ")


def test_none_at_all_is_said(run_sh: Path, tmp_path: Path) -> None:
    stand_in(tmp_path / "old" / "python3", 10)
    code, text = taken(run_sh, os.pathsep.join([f"{tmp_path}/old", tools(tmp_path)]))
    assert code == 8
    assert text.startswith("::error title=wheelstep%3A no Python::wheelstep needs Python 3.11")
    assert "actions/setup-python" in text
    assert text.count("\n") == 1


def tools(tmp_path: Path) -> str:
    """A folder with what run.sh calls, and no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("bash", "dirname", "uname", "sh"):
        program = shutil.which(name)
        assert program
        (folder / name).symlink_to(program)
    return str(folder)

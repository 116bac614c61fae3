"""Several processes on one folder: at once, killed, and out of disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.ground.simple_index import parse


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.skipif(os.name == "nt", reason="limits on file sizes are POSIX")
def test_a_full_disk_leaves_nothing_half_done(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from tests.destinations.wheels import make_wheel
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.errors import CannotHere
root = Path(sys.argv[1])
wheel = make_wheel(root / "dist", "acme", code="".join(f"x{i*i} = {i*i*i}\\n" for i in range(9999)))
assert wheel.size > 40000
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
try:
    FolderDestination(Wanted("index"), root).put(wheel)
except CannotHere as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"While copying acme-1.0-py3-none-any.whl to {tmp_path}" in done.stdout
    assert "File too large" in done.stdout
    assert snapshot(tmp_path / "index").keys() == {".lock"}


PUBLISHER = """
import os, signal, sys
from pathlib import Path
from tests.destinations.wheels import content_of, make_wheel
from wheelstep.destinations import store
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.publish import publish
root, mine, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0
def after(event, arguments):
    # a step is anything that changes the folder
    global steps
    if event in {"os.rename", "os.remove", "os.mkdir"} or (
        event == "open" and arguments[2] & os.O_CREAT and "index" in str(arguments[0])
    ):
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
dist = root / f"dist-{mine}"
wheels = [make_wheel(dist, "shared", f"1.{mine}"), make_wheel(dist, f"own-{mine}"),
          make_wheel(dist, "same")]
work = root / f"work-{mine}"
work.mkdir(exist_ok=True)
sys.addaudithook(after)
publish(wheels, [FolderDestination(Wanted("index"), root)], content_of=content_of, work=work)
print(steps)
"""


def publisher(root: Path, mine: int, kill_at: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(root), str(mine), str(kill_at)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    running = [publisher(tmp_path, mine) for mine in range(6)]
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0] * 6

    folder = FolderDestination(Wanted("index"), tmp_path)
    served = folder.served(["shared", "same", "own-3"], "write")
    assert [f.file.split("-")[1] for f in served["shared"]] == [f"1.{i}" for i in range(6)]
    assert len(served["same"]) == len(served["own-3"]) == 1
    projects = json.loads((tmp_path / "index" / "simple" / "index.json").read_bytes())["projects"]
    assert len(projects) == 8
    assert not list((tmp_path / "index").rglob("*.part"))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_killed_at_any_step_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = publisher(tmp_path / "whole", 1)
    out, _ = whole.communicate()
    assert whole.returncode == 0
    steps = int(out)
    expected = snapshot(tmp_path / "whole" / "index")
    assert steps > 20

    for kill_at in range(2, steps, 7):
        root = tmp_path / f"killed-{kill_at}"
        root.mkdir()
        killed = publisher(root, 1, kill_at)
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL
        for name, page in listed_so_far(root / "index").items():
            assert page <= {p.name for p in (root / "index" / "simple" / name).iterdir()}, name
        again = publisher(root, 1)
        again.communicate()
        assert again.returncode == 0
        assert snapshot(root / "index") == expected, f"killed at step {kill_at}"


def listed_so_far(index: Path) -> dict[str, set[str]]:
    """What each page names at this moment: the files and their metadata."""
    pages = {}
    for page in index.glob("simple/*/index.html"):
        files = parse(page.read_bytes(), "text/html", page.as_uri())
        pages[page.parent.name] = {f.file for f in files} | {f"{f.file}.metadata" for f in files}
    return pages

"""A disk that is full: said as such, with nothing half written; more space, and it goes on.

Where this user may mount, the disk is a real one of its own. Elsewhere the error comes from where
the operating system would raise it: in front of Python's writes, and from a git that cannot write.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import Result, folder_result, refused, settled

FULL = """
import errno, os, sys
place = os.environ.pop("FULL_DISK")
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(place + os.sep) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
sys.addaudithook(hook)
"""
GIT = """#!/bin/sh
case "$*" in
  *hash-object*-w*|*mktree*|*write-tree*|*commit-tree*)
    echo "error: file write error: No space left on device" >&2
    echo "fatal: unable to write loose object file" >&2
    exit 128;;
esac
exec '{git}' "$@"
"""


def may_mount() -> bool:
    """Tell whether this user may mount a disk of its own."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([*MOUNT, place], capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", place], check=True)
        return done.returncode == 0


MOUNT = ("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs")
WAYS = ("mounted", "by hand") if may_mount() else ("by hand",)


@dataclass(frozen=True)
class Disk:
    """A disk of its own at a place, full or not."""

    place: Path
    tools: Path
    mounted: bool

    def fill(self) -> dict[str, str]:
        """Use up all its space; return the variables of a run that is to meet it."""
        if self.mounted:
            with (self.place / "ballast").open("wb", buffering=0) as file:
                for _ in range(1000):
                    try:
                        file.write(b"x" * 4096)
                    except OSError as error:
                        assert error.errno == errno.ENOSPC  # noqa: PT017 - what filling it is for
                        return {}
            raise AssertionError("the disk is too large")
        self.tools.mkdir()
        (self.tools / "sitecustomize.py").write_text(FULL)
        shim = self.tools / "git"
        shim.write_text(GIT.format(git=shutil.which("git")))
        shim.chmod(0o755)
        variables = {"PYTHONPATH": str(self.tools), "FULL_DISK": os.path.realpath(self.place)}
        if self.place.name == "objects":
            variables["PATH"] = f"{self.tools}{os.pathsep}{os.environ['PATH']}"
        return variables

    def free(self) -> None:
        (self.place / "ballast").unlink(missing_ok=True)


@pytest.fixture(params=WAYS)
def disk_at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Path], Disk]]:
    """Put a disk at a place; what lies there already is on it then."""
    mounted: list[Path] = []

    def put(place: Path) -> Disk:
        place.mkdir(parents=True, exist_ok=True)
        if request.param == "mounted":
            aside = tmp_path / "aside"
            shutil.copytree(place, aside)
            subprocess.run([*MOUNT, str(place)], check=True)
            mounted.append(place)
            shutil.copytree(aside, place, dirs_exist_ok=True)
        return Disk(place, tmp_path / "tools", request.param == "mounted")

    yield put
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def undisturbed(_local: Repo, tmp_path_factory: pytest.TempPathFactory) -> Result:
    repo = settled(_local.copy(tmp_path_factory.mktemp("undisturbed") / "place"))
    repo.release()
    return folder_result(repo)


PLACES = {
    "where wheels are built to": "repository/dist",
    "the folder index": "index",
    "the object store of git": "repository/.git/objects",
}


@pytest.mark.parametrize("where", PLACES.values(), ids=PLACES.keys())
def test_a_full_disk(
    local: Repo, undisturbed: Result, disk_at: Callable[[Path], Disk], where: str
) -> None:
    head = local.head
    disk = disk_at(local.place / where)
    words = "git " if where.endswith("objects") else str(Path(*Path(where).parts[-1:]))
    ran = local.wheelstep("release", extra=disk.fill())
    refused(ran, 8, "disk-full", "No space left on device", words, "Free some disk space")
    assert (local.head, local.git("status", "--porcelain")) == (head, "")
    for folder in (local.root / "dist", local.index):
        # no wheel and no page is there in part
        assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
        assert all(path.stat().st_size for path in folder.rglob("*.whl"))
    disk.free()
    assert local.release().status == "done"
    assert folder_result(local) == undisturbed

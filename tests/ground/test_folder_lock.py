"""The lock on a folder: between threads, between processes, and gone with a killed one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wheelstep.errors import CannotHere
from wheelstep.ground import folder_lock
from wheelstep.ground.folder_lock import locked

HOLDER = """
import sys
from pathlib import Path
from wheelstep.ground.folder_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_threads_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal most
        for _ in range(50):
            with locked(tmp_path / "lock"):
                inside.append(1)
                with guard:
                    most = max(most, len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_killed_process_gives_it_back(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline().strip() == b"held"
        got = threading.Event()

        def wait() -> None:
            with locked(tmp_path / "lock"):
                got.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert not got.wait(0.3), "it is held by the other process"
        holder.kill()
        thread.join(20)
        assert got.is_set()


def test_no_place_for_the_lock(tmp_path: Path) -> None:
    with pytest.raises(CannotHere), locked(tmp_path / "missing" / "lock"):
        pytest.fail("there is no such folder")


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(folder_lock, "_wait_for", none)
    with pytest.raises(CannotHere, match="has no file locks"), locked(tmp_path / "lock"):
        pytest.fail("it is not held")

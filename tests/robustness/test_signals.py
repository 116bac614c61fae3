"""SIGTERM, as a CI host sends it, and Ctrl+C: a clear end, nothing half done, no child left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import Hosted, Result, folder_result, own_backend, settled, start, watched
from tests.servers.feed import Fault

BACKEND = """
import os, socket, subprocess, sys
port = {port}
if len(sys.argv) > 1 and sys.argv[1] == "grandchild":
    line = socket.create_connection(("127.0.0.1", port))
    line.recv(1)  # nothing ever comes
def build_wheel(directory, config_settings=None, metadata_directory=None):
    subprocess.Popen([sys.executable, __file__, "grandchild"])
    line = socket.create_connection(("127.0.0.1", port))
    line.recv(1)
    raise SystemExit("nobody answers")
"""
"""A back end that starts a compiler, and both run for ever."""


@pytest.fixture(scope="module")
def undisturbed(_local: Repo, tmp_path_factory: pytest.TempPathFactory) -> Result:
    repo = settled(_local.copy(tmp_path_factory.mktemp("undisturbed") / "place"))
    repo.release()
    return folder_result(repo)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.mark.parametrize(
    ("number", "whole_family"),
    [(signal.SIGTERM, False), (signal.SIGINT, True)],
    ids=["SIGTERM to the process", "Ctrl+C in a terminal"],
)
def test_children_are_ended(
    local: Repo, listener: socket.socket, number: signal.Signals, whole_family: bool
) -> None:
    port = listener.getsockname()[1]
    local.commit(
        {
            "packages/acme-one/pyproject.toml": own_backend("acme-one", "endless"),
            "packages/acme-one/endless.py": BACKEND.format(port=port),
        }
    )
    head = local.head
    started = start(local, "release")
    lines = [listener.accept()[0] for _ in range(2)]
    if whole_family:
        os.killpg(started.process.pid, number)
    else:
        started.signal(number)
    ran = started.ended(within=20)
    assert (ran.code, ran.status) == (128 + number, "cancelled"), ran.said
    assert ran.codes[-1] == "stopped"
    assert "Run it again" in ran.said
    for line in lines:
        with line:
            line.settimeout(5)
            assert line.recv(1) == b""  # whoever held the other end is gone
    assert local.head == head
    assert not local.index.exists()
    # what is temporary is cleared away, also in a hurry
    assert not list((local.place / "temporary").iterdir())


DEEDS = {
    "before anything": r"Popen .*'rev-parse'",
    "while the build tools are installed": r"Popen .*uv'",
    "while a wheel is copied": r"open .*/index/simple/[^/]+/.*\.whl",
    "while a page is written": r"rename .*index\.html",
    "while the commit is made": r"Popen .*write-tree",
    "while the branch is held": r"Popen .*'update-ref'",
    "while the files follow": r"Popen .*'checkout-index', '-f'",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("match", DEEDS.values(), ids=DEEDS.keys())
def test_stopped_anywhere(
    local: Repo, undisturbed: Result, match: str, number: signal.Signals, tmp_path: Path
) -> None:
    head = local.head
    extra = watched(tmp_path / "log", 1, number, match=match)
    ran = start(local, "release", extra=extra).ended()
    assert (ran.code, ran.status) == (128 + number, "cancelled"), (ran.said, ran.report)
    assert ran.codes[-1] == "stopped"
    # a commit that is there is told
    assert ran.report["commit"]["sha"] == (local.head if local.head != head else None)
    # neither the work tree nor the index is ahead of the branch, and nothing is half written
    assert local.git("status", "--porcelain") == ""
    assert not [path for path in local.place.rglob("*.part") if path.is_file()]
    assert not list((local.place / "temporary").iterdir())
    again = local.release()
    assert again.status in {"done", "nothing-to-do"}
    assert folder_result(local) == undisturbed


def test_stopped_while_it_starts(local: Repo, tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    ran = start(local, "release", extra={"PYTHONPATH": str(tmp_path)}).ended()
    assert (ran.code, ran.report, ran.said) == (130, {}, "")


def test_a_server_that_never_answers_is_not_waited_for(
    local: Repo, listener: socket.socket
) -> None:
    address = f"index+http://127.0.0.1:{listener.getsockname()[1]}/"
    run = start(local, "release", extra={"WHEELSTEP_PUBLISH_TO": address})
    with listener.accept()[0] as line:
        assert line.recv(3) == b"GET"
        run.signal(signal.SIGTERM)
        ran = run.ended(within=15)  # its own time-out would come after 60 s
    assert (ran.code, ran.status) == (143, "cancelled"), ran.said


def test_no_wait_between_attempts_is_waited_for(unreleased: Hosted) -> None:
    repo = unreleased.clone("clone")
    unreleased.feed.fault("upload", *([Fault("status", 503, {"Retry-After": "60"})] * 9))
    run = start(repo, "release", extra=unreleased.settings())
    while not unreleased.feed.seen("POST"):
        assert run.process.poll() is None
        time.sleep(0.02)
    run.signal(signal.SIGINT)
    ran = run.ended(within=15)
    assert (ran.code, ran.status) == (130, "cancelled"), ran.said
    assert not list((unreleased.place / "temporary").iterdir())
    unreleased.feed.faults.clear()
    assert repo.release(extra=unreleased.settings()).report["commit"]["status"] == "pushed"


STARTING = """
import sys, threading
from wheelstep.ground.threads import all_ended

class Slow(threading.Thread):
    def _bootstrap(self):
        go_on.wait(60)
        super()._bootstrap()

go_on = threading.Event()
slow = Slow()
starter = threading.Thread(target=slow.start)
starter.start()
while slow not in threading.enumerate():
    pass
try:
    slow.join()
except RuntimeError as error:  # what this is about: it is listed, and cannot be joined
    print(error)
print(all_ended(0.3))
go_on.set()
print(all_ended(60))
"""


def test_a_thread_that_is_being_started_is_waited_for() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", STARTING], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.stdout.splitlines() == ["cannot join thread before it is started", "False", "True"]
    assert not ran.stderr

"""Runs of wheelstep by interpreters that wait with everything imported: each run is still a process
of its own, forked for it, with its own variables, folder and output, and ends as processes end.

Imports are most of what a short run spends. Where the start itself is looked at, or a run is to be
killed or searched for in the list of processes, `python -m wheelstep` is started instead.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import itertools
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["Waiting", "fits", "run"]

HEAVY: Final = (
    "azure.devops.connection", "azure.identity", "azure.mgmt.core", "azure.storage.blob", "build",
    "github", "requests", "rich.console", "rich.progress", "rich.table", "twine.package",
    "twine.repository", "yaml",
)  # fmt: skip
"""What wheelstep imports where it uses it."""
LARGEST: Final = 100_000
"""Bytes of a request that one message surely holds."""


def fits(environment: Mapping[str, str]) -> bool:
    """Tell whether a run with these variables can be forked: not on Windows and macOS, and not when
    Python reads other ones at its start than it read here."""
    return sys.platform == "linux" and _read_at_start(environment) == _read_at_start(_start())


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


@cache
def _start() -> dict[str, str]:
    """The variables that interpreters wait with."""
    foreign = {"PYTHONPATH", "PYTHONWARNINGS", "PYTHONHASHSEED"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"PYTHONUTF8": "1"}


def run(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    umask: int,
    timeout: float,
) -> tuple[int, bytes, bytes]:
    """Run `wheelstep` with these arguments in a folder.

    Args:
        arguments: The command line without the program.
        directory: Where the process runs.
        environment: All its variables; see `fits`.
        umask: Its umask; -1 for this process's.
        timeout: Seconds after which it is killed.

    Returns:
        The exit code, what went to standard output, and what to standard error.

    Raises:
        subprocess.TimeoutExpired: When it took longer.
    """
    request = {
        "arguments": list(arguments),
        "directory": str(directory),
        "environment": dict(environment),
        "umask": umask,
    }
    # pipes, as a host has them: to a file no secret is named that is to be blanked
    pipes = [os.pipe(), os.pipe()]
    with ThreadPoolExecutor(len(pipes)) as pool:
        out, error = (pool.submit(_all_of, reads) for reads, _ in pipes)
        code = next(_waiting()).run(
            json.dumps(request).encode(), [writes for _, writes in pipes], timeout
        )
        return code, out.result(), error.result()


def _all_of(reads: int) -> bytes:
    with os.fdopen(reads, "rb") as file:
        return file.read()


@cache
def _waiting() -> Iterator[Waiting]:
    # two in turn: the order of sets differs from one run to the next, as it does for users
    return itertools.cycle([Waiting(), Waiting()])


class Waiting:
    """One interpreter that waits."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=_start(),
                stdin=subprocess.DEVNULL,
                # Python opens its streams for the kind of file that is there at its start
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """End it."""
        self._channel.close()
        said, _ = self._process.communicate()
        sys.stderr.write(said.decode())

    def run(self, request: bytes, said: Sequence[int], timeout: float) -> int:
        """Let it fork and run, with what is said going to two pipes; return the exit code."""
        told, tells = os.pipe()
        with os.fdopen(told, "rb", buffering=0) as answer:
            try:
                assert len(request) < LARGEST, len(request)
                socket.send_fds(self._channel, [request], [*said, tells])
            finally:
                for file in (*said, tells):
                    os.close(file)
            number = int(answer.read(20))
            if not select.select([answer], [], [], timeout)[0]:
                os.kill(number, signal.SIGKILL)
                answer.read(20)
                raise subprocess.TimeoutExpired("wheelstep", timeout)
            return int(answer.read(20))


# --- the interpreter that waits -----------------------------------------------------------------


def _wait(channel: socket.socket) -> list[str]:
    """Fork for every request; return, in the process of a run, how Python is to go on."""
    _import_everything()
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()  # what all share is not looked through, and so not copied, by each
    while True:
        request, files, _, _ = socket.recv_fds(channel, LARGEST, 3)
        _reap()
        if not request:
            sys.exit()
        if os.fork() == 0:
            channel.close()
            return _begin(json.loads(request), *files)
        for file in files:
            os.close(file)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return


def _begin(request: dict[str, Any], out: int, error: int, tells: int) -> list[str]:
    """Fork the run, and tell its number and how it ended; return in the run only."""
    number = os.fork()
    if number:
        os.close(out)
        os.close(error)
        os.write(tells, f"{number}".encode().ljust(20))
        _, status = os.waitpid(number, 0)
        os.write(tells, f"{os.waitstatus_to_exitcode(status)}".encode().ljust(20))
        os._exit(0)
    os.close(tells)
    for file, standard in ((out, 1), (error, 2)):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(request["directory"])
    if request["umask"] >= 0:
        os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None
    sys.path.insert(0, request["directory"])  # as `-m` has it
    return ["wheelstep", *request["arguments"]]


def _import_everything() -> None:
    import wheelstep

    for module in pkgutil.walk_packages(wheelstep.__path__, "wheelstep."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in HEAVY:
        importlib.import_module(name)


if __name__ == "__main__":
    del sys.path[0]  # this folder
    sys.argv = _wait(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("wheelstep", run_name="__main__", alter_sys=True)

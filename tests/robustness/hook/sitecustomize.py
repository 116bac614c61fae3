"""Loaded by the wheelstep under test at its start: counts what it does to the world outside, and
sends the process a signal before a given deed. Nothing of wheelstep itself is changed."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

DEEDS = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "shutil.copyfile", "subprocess.Popen", "socket.connect", "http.client.send",
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR

_lock = threading.RLock()
_count = 0


def _deed(event: str, arguments: tuple[object, ...]) -> str | None:
    """Return one line for what changes the world outside, None for anything else."""
    about = arguments[0] if arguments else ""
    if event == "open":
        flags = arguments[2]
        if not isinstance(about, (str, bytes)) or not isinstance(flags, int):
            return None  # a pipe to a child
        return f"{event} {about!r}" if flags & WRITES else None
    if event not in DEEDS:
        return None
    if event == "http.client.send":
        # the request's first line, and no more: what follows holds a token
        sent = arguments[1]
        first = sent.partition(b"\r")[0][:200] if isinstance(sent, bytes) else b""
        return f"{event} {first!r}"
    if event in {"os.remove", "os.rmdir"} and not Path(os.fsdecode(str(about))).is_absolute():
        return None  # a temporary folder that is cleared: one deed stands for all of it
    return f"{event} {arguments[1] if event == 'subprocess.Popen' else about!r}"


def _watch(last: int, match: str, how: int, log: str) -> None:
    def hook(event: str, arguments: tuple[object, ...]) -> None:
        global _count  # noqa: PLW0603 - a hook has no other place, and cannot be taken off
        line = _deed(event, arguments)
        if line is None or not re.search(match, line):
            return
        with _lock:
            _count += 1
            now = _count
            # not through open(), which would be a deed
            os.write(handle, f"{now} {line}\n".replace("\\n", " ").encode())
        if now == last:
            os.kill(os.getpid(), how)
            if how == signal.SIGKILL:
                time.sleep(60)  # the signal is on its way: no further deed

    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.addaudithook(hook)


def _write_down(log: str) -> None:
    """Log every child with its arguments and its whole environment."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            command, environment = arguments[1], arguments[3]
            child = {
                "arguments": [os.fsdecode(part) for part in command],
                "environment": dict(os.environ if environment is None else environment),
            }
            os.write(handle, f"{json.dumps(child)}\n".encode())

    sys.addaudithook(hook)


if "CHILDREN_LOG" in os.environ:
    _write_down(os.environ.pop("CHILDREN_LOG"))

if "DEEDS_LOG" in os.environ:
    # of this process only: what it starts is not counted
    _watch(
        int(os.environ.pop("DEEDS_LAST")),
        os.environ.pop("DEEDS_MATCH"),
        int(os.environ.pop("DEEDS_SIGNAL")),
        os.environ.pop("DEEDS_LOG"),
    )

"""Loaded by the wheelstep under test at its start: counts what it does to the world outside, and
kills the process before a given deed. Nothing of wheelstep itself is changed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

DEEDS = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "shutil.copyfile", "subprocess.Popen", "socket.connect", "http.client.send",
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR
"""Flags of an open file; `os.O_RDONLY` is 0."""

_lock = threading.Lock()
_count = 0


def _watch(last: int, how: int, log: str) -> None:
    def hook(event: str, arguments: tuple[object, ...]) -> None:
        global _count  # noqa: PLW0603 - a hook has no other place, and cannot be taken off
        if event == "open":
            flags = arguments[2]
            if not isinstance(arguments[0], (str, bytes)) or not isinstance(flags, int):
                return  # a pipe to a child
            if not flags & WRITES:
                return
        elif event not in DEEDS:
            return
        elif event in {"os.remove", "os.rmdir"} and not os.path.isabs(str(arguments[0])):
            return  # a temporary folder that is cleared: one deed stands for all of it
        with _lock:
            _count += 1
            now = _count
            # written by the hook itself: not through open(), which would be a deed
            os.write(handle, f"{now} {event} {str(arguments[0])[-90:]!r}\n".encode())
            if now == last:
                os.kill(os.getpid(), how)
                if how == signal.SIGKILL:
                    time.sleep(60)  # the signal is on its way: no further deed

    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.addaudithook(hook)


if "DEEDS_LOG" in os.environ:
    # of this process only: what it starts is not counted
    _watch(
        int(os.environ.pop("DEEDS_LAST", "0")),
        int(os.environ.pop("DEEDS_SIGNAL", "9")),
        os.environ.pop("DEEDS_LOG"),
    )

"""Children: git, uv, build back ends. Their arguments never hold a secret, nor their environment
one that is not theirs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wheelstep.errors import CannotHere
from wheelstep.ground.secret import redact
from wheelstep.ground.stopping import on_stop, raise_if_stopped

__all__ = ["Finished", "child_environment", "end_all", "found_on", "hide", "program", "run"]

_running: set[subprocess.Popen[bytes]] = set()
"""Children that have not ended."""

SECRET_PREFIXES = (
    "INPUT_",
    "ENDPOINT_",
    "SECRET_",
    "SECUREFILE_",
    "ACTIONS_ID_TOKEN_",
    "ACTIONS_RUNTIME_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_PASSWORD",
    "TWINE_",
    "PYPIRC_PATH",
)
SECRET_ENDINGS = ("_PAT", "KEY", "_SAS", "_PWD", "_PASS")
SECRET_WORDS = ("TOKEN", "PASSWORD", "SECRET", "CREDENTIAL", "APIKEY", "API_KEY", "ACCESS_KEY",
                "CONNECTION_STRING", "PASSPHRASE", "PASSWD", "IDENTITY_HEADER",
                "AUTH_CONFIG", "FEED_ENDPOINTS")  # fmt: skip
HOST_FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
"""Where a step tells GitHub's runner what later steps see: no child of ours has a say in that."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A child that ended."""

    code: int
    out: bytes
    error: bytes

    @property
    def text(self) -> str:
        """Standard output as text, secrets blanked."""
        return redact(self.out.decode("utf-8", "replace"))

    @property
    def error_text(self) -> str:
        """Standard error as text, secrets blanked."""
        return redact(self.error.decode("utf-8", "replace"))


def child_environment(
    environment: Mapping[str, str], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment for a child: ours without anything that is or looks like a secret.

    Configuration for git by environment may hold an Authorization header; only git gets it back.

    Args:
        environment: This process's.
        extra: What is added, secrets the child needs included; wins.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith((*SECRET_PREFIXES, "GIT_CONFIG_"))
        and name.upper() not in HOST_FILES
        and not name.upper().endswith(SECRET_ENDINGS)
        and not any(word in name.upper() for word in SECRET_WORDS)
        and redact(value) == value
    }
    return kept | dict(extra or {})


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
    merge_output: bool = False,
) -> Finished:
    """Run a child to its end, without a terminal and without prompts.

    Args:
        command: Program and arguments; never a secret among them.
        environment: The whole environment of the child (see `child_environment`).
        cwd: Where to run.
        stdin: What it reads; nothing when None.
        timeout: Seconds; None waits.
        merge_output: Standard error goes into `out` where it was said, as a terminal shows it.

    Raises:
        CannotHere: When the program is not there or cannot be started.
        subprocess.TimeoutExpired: When it took longer than `timeout`.
        StoppedBySignal: On another thread than the main one, when the run is stopped.
    """
    try:
        child = subprocess.Popen(
            [
                program(os.fspath(command[0]), environment),
                *(os.fspath(part) for part in command[1:]),
            ],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge_output else subprocess.PIPE,
            umask=-1 if sys.platform == "win32" else 0o022,
            # a family of its own, so that all of it can be ended, and is not by a Ctrl+C meant for
            # us: what must not be torn (ground/stopping.py) is not torn from below either
            start_new_session=True,
        )
    except OSError as error:
        raise CannotHere(
            f"{Path(os.fspath(command[0])).name} could not be started: {error.strerror or error}.",
            code="program-missing",
            cure=f"Install {Path(os.fspath(command[0])).name} and make sure it is on PATH.",
        ) from error
    with child:
        _running.add(child)
        try:
            raise_if_stopped()
            out, said = child.communicate(stdin or b"", timeout=timeout)
        except BaseException:
            _end(child)
            raise
        finally:
            _running.discard(child)
    raise_if_stopped()
    return Finished(child.returncode, out, said or b"")


def end_all(_number: int = 0) -> None:
    """Kill every child that runs, on whatever thread: a stopped run waits for no back end.

    A signal reaches the main thread alone, and often this process alone (the Azure agent's does).
    """
    for child in tuple(_running):
        _end(child)


on_stop(end_all)


def program(name: str, environment: Mapping[str, str]) -> str:
    """Return what to start. Windows looks into the present folder before PATH: that is the
    checkout, where anyone who commits could put a git.exe.

    Args:
        name: A program's name, or its place.
        environment: Of the child.
    """
    if sys.platform == "win32":
        path = next((value for key, value in environment.items() if key.upper() == "PATH"), "")
        if Path(name).name == name:
            return found_on(path, f"{name.removesuffix('.exe')}.exe") or name
    return name


def found_on(path: str, file: str) -> str | None:
    """Return a file's place in the absolute folders of a PATH; None where it is in none."""
    folders = [Path(part.strip('"')) for part in path.split(os.pathsep)]
    places = [folder / file for folder in folders if folder.is_absolute()]
    return next((str(place) for place in places if place.is_file()), None)


def hide() -> None:
    """Keep what other processes of this user could read of this one from them: on Linux its
    environment, which holds the step's inputs, and its memory (proc(5), PR_SET_DUMPABLE in
    prctl(2)). Build back ends run as the same user. Elsewhere this does nothing."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and what it started: git's transports outlive git, compilers a back end, and
    they hold the pipes that we read from."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(child.pid)],  # noqa: S607 - part of Windows
            check=False,
            capture_output=True,
        )
    child.kill()

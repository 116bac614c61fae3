"""Runs many pip commands in one process that has imported pip once.

Its argument is a folder with an unpacked pip. Each line of the input is {"args", "said"}: the
arguments, and the file for all that pip says; each line of the output is its exit code. On POSIX
every command runs in a fork, elsewhere in a fresh process.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path


def run(args: Sequence[str], said: str) -> int:
    """Run pip in this very process, which is of no use afterwards."""
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    return int(import_module("pip._internal.cli.main").main(list(args)))


def forked(args: Sequence[str], said: str) -> int:
    """Run pip in a fork."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = run(args, said)
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fresh(args: Sequence[str], said: str) -> int:
    """Run pip in a process of its own."""
    with Path(said).open("wb") as out:
        command = [sys.executable, "-m", "pip", *args]
        environment = {**os.environ, "PYTHONPATH": sys.argv[1]}
        return subprocess.run(
            command, env=environment, stdout=out, stderr=out, check=False
        ).returncode


def warm(folder: str) -> None:
    """Import and compute once what every command needs."""
    sys.path.insert(0, folder)
    # what pip says of itself to a server, and the certificates it trusts: it runs programs for the
    # one and reads hundreds of the others, and no index here is a server
    session = import_module("pip._internal.network.session")
    vars(session)["user_agent"] = lambda: "pip"
    if (Path(folder) / "pip" / "_internal" / "cli" / "index_command.py").is_file():
        command = import_module("pip._internal.cli.index_command")
        vars(command)["_create_truststore_ssl_context"] = lambda: None
    said = (os.dup(1), os.dup(2))
    args = ("install", "--dry-run", "--no-index", "--no-deps", "--ignore-installed", "-q", "none")
    run(args, os.devnull)
    for number, file in enumerate(said, start=1):
        os.dup2(file, number)
    gc.freeze()  # so that forks share it


def main() -> None:
    """Serve until the input ends."""
    forks = hasattr(os, "fork")
    if forks:
        warm(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        code = (forked if forks else fresh)(asked["args"], asked["said"])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

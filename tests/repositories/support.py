"""Small things that several of the tests here use."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wheelstep.model import Change
from wheelstep.repositories.interface import Repository, Snapshot, Wording


class NoWait:
    """A clock that does not wait, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return float(len(self.waits))

    def time(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def run_git(
    directory: Path,
    environment: Mapping[str, str],
    *arguments: str,
    stdin: bytes | None = None,
) -> str:
    """Run git as a user would and return what it prints; all of it, on failure."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env=dict(environment),
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def change(head: Snapshot, path: str, after: bytes) -> Change:
    """Return the change of one file from what it is at a head."""
    return Change(path, head.read(path), after)


def pin(path: str = "conda.yml", version: str = "2.0") -> Callable[[Snapshot], Sequence[Change]]:
    """Return a decision that raises acme to a version."""

    def decide(head: Snapshot) -> Sequence[Change]:
        before = head.read(path) or b""
        lines = [line for line in before.splitlines(keepends=True) if b"acme==" not in line]
        after = b"".join(lines) + f"- acme=={version}\n".encode()
        return [Change(path, before, after)] if after != before else []

    return decide


def add_line(path: str, line: str) -> Callable[[Snapshot], Sequence[Change]]:
    """Return a decision that merges one line into a sorted file."""

    def decide(head: Snapshot) -> Sequence[Change]:
        before = head.read(path)
        lines = set((before or b"").decode().splitlines())
        if line in lines:
            return []
        after = "".join(f"{each}\n" for each in sorted(lines | {line}))
        return [Change(path, before, after.encode())]

    return decide


def add_pin(path: str, name: str, version: str) -> Callable[[Snapshot], Sequence[Change]]:
    """Return a decision that adds one line to the end of a file whose order matters."""

    def decide(head: Snapshot) -> Sequence[Change]:
        before = head.read(path) or b""
        line = f"- {name}=={version}\n".encode()
        return [] if line in before else [Change(path, before, before + line)]

    return decide


def propose_once(
    repository: Repository, path: str = "conda.yml", after: bytes = b"new\n"
) -> object:
    """Take a snapshot, change one file, propose."""
    head = repository.snapshot()
    return repository.propose([change(head, path, after)], on=head, wording=Wording("Pin acme"))

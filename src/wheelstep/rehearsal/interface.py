"""What a rehearsal is asked, and what it says about one definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from wheelstep.model import Problem

__all__ = ["NEW_WHEELS", "CondaHalf", "Resolved", "Subject", "Verdict"]


NEW_WHEELS: Final = "file:///new-wheels"
"""Stands for the index of the wheels that are laid over the others."""


@dataclass(frozen=True, slots=True)
class CondaHalf:
    """What conda itself is asked for, beside the pip section."""

    packages: tuple[tuple[str, int], ...]
    """(as written, line counted from 1)."""
    channels: tuple[str, ...] | None = None
    """In order; None where the definition names none."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A definition as it would be committed: what its pip section says."""

    path: str
    """Of the file that holds the pip section, relative to the repository's root; its folder is
    where relative names start."""
    pip_lines: tuple[str, ...]
    """One requirements-file line each, options included, in order."""
    python: str | None = None
    """"3.10" or "3.10.4"; None where the definition does not say."""
    line: int = 1
    """Where the pip section starts, counted from 1: for errors about the whole of it."""
    requirement_lines: tuple[tuple[str, int], ...] = ()
    """(normalised name, line) of the requirements, where known: for errors about one of them."""
    place: str = ""
    """Which of the file's environments it is, "jobs.train.environment"; "" for the file itself."""
    unknown: tuple[str, ...] = ()
    """Why the definition does not tell all that is installed, as whole sentences."""
    connected: bool = True
    """Whether workspace connections reach this build: not so in a Dockerfile's context."""
    conda: CondaHalf | None = None
    """None where conda takes no part."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One package the image would have."""

    name: str
    version: str
    sha256: str | None
    """Of the file that fits the image best; None where its index names no SHA-256."""
    index: str | None
    """Where it came from, without credentials: an index, or the channel of a conda package; None
    for a file named by URL or path, and for one of the wheels that are not published yet."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Would this definition build?

    "failed" is proven; "unproven" means that something could not be read or is not looked into:
    a problem of severity "error" and exit code 5, 6 or 8 says that the run should end with it, a
    warning that it need not.
    """

    path: str
    status: Literal["resolved", "failed", "skipped", "unproven"]
    python: str | None
    """The version resolved for, also where the definition does not say one."""
    platform: str
    resolved: tuple[Resolved, ...] = ()
    problems: tuple[Problem, ...] = ()
    place: str = ""
    """As the subject has it."""

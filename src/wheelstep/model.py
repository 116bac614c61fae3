"""The values that flow between the rooms: frozen, comparable, without any I/O.

The order of a release: projects -> packages (sources, version) -> wheels -> pins -> edits in
memory -> rehearsed -> published -> visible -> committed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

__all__ = [
    "UNKNOWN",
    "Change",
    "Check",
    "Index",
    "Listed",
    "Outcome",
    "Package",
    "Pin",
    "PinChange",
    "Problem",
    "Project",
    "Severity",
    "Sources",
    "Unknown",
    "Wheel",
    "Workspace",
]


class Unknown(enum.Enum):
    """What exists only after building or publishing; printed as "known after build"."""

    UNKNOWN = "known after build"

    def __str__(self) -> str:
        return self.value


UNKNOWN: Final = Unknown.UNKNOWN

Severity = Literal["error", "warning", "notice"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a reader should know: it reads the same in terminal, annotation and summary."""

    code: str
    """Stable kebab-case name, e.g. "version-taken"; programs rely on it."""
    severity: Severity
    exit_code: int
    """The exit code that this problem alone would end the run with; 0 for warnings and notices."""
    message: str
    """What happened and why: one or more whole sentences."""
    cure: str = ""
    """What to do about it."""
    file: str | None = None
    """Path relative to the repository's root, with forward slashes."""
    line: int | None = None
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that a release, or the image build afterwards, relies on, and how it stands."""

    subject: str
    """What was looked at, for people: "the feed ml", "the workspace train"."""
    status: Literal["ok", "fault", "unknown"]
    """"unknown" is never taken for "ok"."""
    message: str
    """What was found, in whole sentences."""
    breaks: str = ""
    """Of a fault or of what is unknown: what fails because of it, and when."""
    cure: str = ""
    """The exact command, or the place in the portal, that mends it."""
    code: str = ""
    """Of a fault: stable kebab-case name, as a problem has it."""
    exit_code: int = 0
    """Of a fault: what a release would end with because of it; 0 where it would only warn."""
    file: str | None = None
    """Path relative to the repository's root."""
    line: int | None = None
    """Counted from 1."""
    group: str = ""
    """Which part of the table it belongs to: "repository", "packages", "destinations",
    "workspaces", "connections", "definitions", "advice"."""


@dataclass(frozen=True, slots=True)
class Project:
    """A Python project found in the repository, before its version is evaluated."""

    name: str
    """As the project spells it; "" where only its back end knows (see packages/versions.py)."""
    normalized: str
    """As PEP 503 normalises it: the key everywhere; "" where the name is."""
    directory: str
    """Relative to the repository's root with forward slashes; "." for the root."""
    static_version: str | None
    """The version, when the project's own files state it literally; None when it is dynamic."""
    build_requires: tuple[str, ...]
    """`build-system.requires`, or what PEP 518 assumes where there is none; sorted."""
    needs_history: bool
    """True where the version is read from git (setuptools-scm and friends)."""
    nested: tuple[str, ...] = ()
    """Folders of other packages below this one's, those that `!` leaves out included; relative to
    the repository's root. They are no part of this package."""
    file: str = ""
    """The file that makes the folder a project, for errors; relative to the repository's root."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The state of a package's tracked files, from git's object ids alone."""

    tree: str
    """SHA-256 over (path, mode, object id) of each source file, relative to the package."""
    commit: str
    """Full id of the commit to build from: see packages/sources.py."""
    epoch: int
    """SOURCE_DATE_EPOCH: commit time of `commit`, seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Package:
    """A project with its version: what can be built and released."""

    project: Project
    version: str
    """Normalised as PEP 440 has it."""
    sources: Sources
    fingerprint: str
    """SHA-256 over `sources.tree` and `version`; equal means nothing to release."""

    @property
    def name(self) -> str:
        """The normalised name."""
        return self.project.normalized

    @property
    def directory(self) -> str:
        """Relative to the repository's root; "." for the root."""
        return self.project.directory


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel, on this machine (`path`) or only known by what the lock or an index says."""

    file: str
    """The file name."""
    name: str
    """Normalised as PEP 503 has it."""
    version: str
    sha256: str
    """Hex, lower case, of the file's bytes."""
    content: str
    """Hash of what the wheel installs, less what build tools write about themselves: see
    packages/content.py."""
    size: int
    """Bytes."""
    requires_python: str | None = None
    path: Path | None = field(default=None, compare=False)
    """Where the file lies on this machine; None when it is only known by record."""
    requires: tuple[str, ...] | None = field(default=None, compare=False)
    """Its Requires-Dist, one each; None where its METADATA was not read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as an index lists it."""

    file: str
    url: str
    """Absolute."""
    sha256: str | None
    """None where the index names no SHA-256."""
    size: int | None = None
    requires_python: str | None = None
    yanked: str | Literal[True] | None = None
    """None: not yanked; True: yanked without a reason; else the reason."""
    core_metadata: str | Literal[True] | None = None
    """SHA-256 of the METADATA at `url` + ".metadata" (PEP 658); True: it is there, hash unnamed."""


class Outcome(enum.Enum):
    """What became of one wheel at one destination; a conflict is an error, not an outcome."""

    UPLOADED = "uploaded"
    IDENTICAL = "identical"
    """The same bytes were there."""
    ADOPTED = "adopted"
    """The same content was there in other outer bytes: the published file stands."""
    COPIED = "copied"
    """Taken by hash from another destination."""
    PLANNED = "planned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Index:
    """How consumers read a destination: what a definition has to name."""

    url: str | None
    """The simple index's base URL, without credentials; None where it cannot be named in a
    definition (a folder of this machine)."""
    find_links: str | None = None
    """A find-links page's URL, where there is one."""
    public_upstream: bool = False
    """True when the index also serves the public packages, so that it can stand alone."""
    also: tuple[str, ...] = ()
    """Other URLs that list the same released wheels: a definition that names one needs no other."""

    @property
    def urls(self) -> tuple[str, ...]:
        """All URLs that list the released wheels."""
        return (self.url, *self.also) if self.url is not None else self.also


@dataclass(frozen=True, slots=True)
class Pin:
    """An intent: this package at this version, released from this commit.

    It is not a text: it is applied to whatever a definition says at the head of the moment.
    """

    name: str
    """Normalised as PEP 503 has it."""
    version: str
    commit: str
    """Full id of the commit the version was released from."""
    wheels: tuple[Wheel, ...] = ()
    """The wheels of this version, where known."""
    urls: tuple[tuple[str, str], ...] = ()
    """(wheel file name, URL that consumers read it at), for pins by URL."""
    requires: tuple[str, ...] | None = None
    """What its wheels require (Requires-Dist), all of them together; None where not known."""
    source: str | None = None
    """Where pip reads that commit's sources, for pins by git: a URL without credentials, with
    `@COMMIT`, and `#subdirectory=...` where the package is not at the repository's root."""


@dataclass(frozen=True, slots=True)
class PinChange:
    """What one edit changed in one definition."""

    name: str
    before: str
    """The requirement as it was written; "" where it was added."""
    after: str
    line: int
    """Counted from 1, in the file after the edit."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """An Azure ML workspace. Its parts are compared without regard to case, as Azure does."""

    subscription: str
    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.subscription}/{self.group}/{self.name}"

    @property
    def id(self) -> str:
        """The resource id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    def same(self, other: Workspace) -> bool:
        """Tell whether both are one workspace."""
        return str(self).lower() == str(other).lower()


@dataclass(frozen=True, slots=True)
class Change:
    """One file's new content, proposed to a repository."""

    path: str
    """Relative to the repository's root, with forward slashes."""
    before: bytes | None
    """None where the file is new."""
    after: bytes | None
    """None where the file goes."""

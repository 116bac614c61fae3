"""The report: what a run did, as values, as JSON (a contract) and as text for people."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wheelstep import __version__
from wheelstep.ground.secret import redact
from wheelstep.ground.text import writable
from wheelstep.model import Check, Problem, Wheel

__all__ = [
    "CommitRow",
    "ConnectionRow",
    "DefinitionRow",
    "MirroredRow",
    "PackageRow",
    "PublishedRow",
    "Report",
    "WheelRow",
]

Status = Literal["done", "nothing-to-do", "planned", "failed", "cancelled"]


@dataclass(slots=True)
class PublishedRow:
    """One wheel at one destination."""

    to: str
    url: str | None
    status: str
    promoted_to: str | None = None
    visible_after: float | None = None
    """Seconds from its being stored until the index listed it with its hash; None where it stood
    there before, and where we write the pages ourselves."""


@dataclass(slots=True)
class WheelRow:
    """One wheel."""

    file: str
    sha256: str
    content: str
    size: int
    requires_python: str | None
    published: list[PublishedRow] = field(default_factory=list)

    @classmethod
    def of(cls, wheel: Wheel, published: Sequence[PublishedRow] = ()) -> WheelRow:
        """Return the row of a wheel.

        Args:
            wheel: As it is known.
            published: Where it is.
        """
        return cls(
            wheel.file,
            wheel.sha256,
            wheel.content,
            wheel.size,
            wheel.requires_python,
            list(published),
        )


@dataclass(slots=True)
class PackageRow:
    """One package."""

    name: str
    version: str
    directory: str
    status: str
    wheels: list[WheelRow] = field(default_factory=list)


@dataclass(slots=True)
class DefinitionRow:
    """One environment definition."""

    path: str
    status: str
    pins: list[dict[str, Any]] = field(default_factory=list)
    diff: str = ""
    environment: dict[str, Any] | None = None
    """The first of `environments`."""
    environments: list[dict[str, Any]] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)

    def raised(self) -> list[tuple[str, str | None, str | None, list[str]]]:
        """Return (name, version before, version now, the workspaces that have it) of each
        environment whose version rose."""
        return [
            (one["name"], one["from"], one["to"], one["registered"])
            for one in self.environments
            if one["from"] != one["to"]
        ]


@dataclass(slots=True)
class ConnectionRow:
    """One connection in one workspace."""

    workspace: str
    """SUBSCRIPTION/GROUP/NAME."""
    name: str
    target: str
    category: str
    expires: str | None
    """ISO 8601, UTC; None where it is not known."""
    status: str
    """"created", "updated", "unchanged", "removed", "failed" or "planned"."""
    changes: list[str] = field(default_factory=list)
    """What differed, for people: "the token"; empty where it was created or is as it was."""


@dataclass(slots=True)
class MirroredRow:
    """One wheel of a mirror, and what the upkeep did to it."""

    file: str
    sha256: str | None
    """None where another tool put it there, and nobody looked into it yet."""
    status: str
    """"listed", "yanked", "unyanked", "deleted" or "unchanged"."""


@dataclass(slots=True)
class CommitRow:
    """What became of the commit."""

    status: str = "none"
    sha: str | None = None
    branch: str | None = None
    url: str | None = None


@dataclass(slots=True)
class TagRow:
    """The tag of one released package."""

    name: str
    commit: str
    """The commit that it is at."""
    status: str
    """"created", "unchanged" or "planned"."""


@dataclass(slots=True)
class PlanRow:
    """A plan in a file."""

    file: str
    """Its name, without a folder."""
    digest: str
    """`sha256:` and the sum over what it says: see stages/agreed/file.py."""


@dataclass(slots=True)
class Report:
    """Everything a run did; filled in as it goes, so that a stopped run reports what it did."""

    command: str
    exit_code: int = 0
    status: Status = "nothing-to-do"
    packages: list[PackageRow] = field(default_factory=list)
    connections: list[ConnectionRow] = field(default_factory=list)
    definitions: list[DefinitionRow] = field(default_factory=list)
    rehearsals: list[dict[str, Any]] = field(default_factory=list)
    commit: CommitRow = field(default_factory=CommitRow)
    tags: list[TagRow] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    mirrored: list[MirroredRow] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    """Stage to seconds."""
    problems: list[Problem] = field(default_factory=list)
    landed: bool = False
    """True when definitions or the record were written or committed; not part of the document."""
    page: str = ""
    """What of the pull request's page had no room there, in Markdown; not part of the document."""
    matrix: str | None = None
    """See stages/matrix.py; not part of the document."""
    plan: PlanRow | None = None
    """What was written, or what the release is held to."""
    promoted: bool = False
    """True when this run promoted something; not part of the document."""

    def add(self, problems: Iterable[Problem]) -> None:
        """Add problems, each once."""
        self.problems += [problem for problem in problems if problem not in self.problems]

    def give_up(self, status: Status, exit_code: int) -> None:
        """Note that the run ended early: definitions that were not written are not changed."""
        self.status, self.exit_code = status, exit_code
        if not self.landed:
            left = {one.file for one in self.problems if one.code == "found-not-edited"}
            for row in self.definitions:
                if row.status == "changed":
                    row.status = "found-not-edited" if row.path in left else "unchanged"
                row.diff = ""

    def visible(self) -> dict[str, float]:
        """Return how long the slowest new file took to be listed, in seconds, by destination."""
        longest: dict[str, float] = {}
        for package in self.packages:
            for row in (row for wheel in package.wheels for row in wheel.published):
                if row.visible_after is not None:
                    longest[row.to] = max(longest.get(row.to, 0.0), row.visible_after)
        return longest

    @property
    def changed(self) -> bool:
        """True when something was published, promoted, connected, pinned or committed."""
        if any(row.status in {"created", "updated", "removed"} for row in self.connections):
            return True
        if any(one["registered"] for row in self.definitions for one in row.environments):
            return True
        return (
            self.landed
            or self.promoted
            or any(row.status == "created" for row in self.tags)
            or any(row.status in {"yanked", "unyanked", "deleted"} for row in self.mirrored)
            or any(
                published.status in {"uploaded", "copied"}
                for package in self.packages
                for wheel in package.wheels
                for published in wheel.published
            )
        )

    def document(self) -> dict[str, Any]:
        """Return the report as `--json` prints it (docs/report.md)."""
        return {
            "schema": 1,
            "command": self.command,
            "version": __version__,
            "exit_code": self.exit_code,
            "status": self.status,
            "packages": [dataclasses.asdict(row) for row in self.packages],
            "connections": [dataclasses.asdict(row) for row in self.connections],
            "definitions": [dataclasses.asdict(row) for row in self.definitions],
            "rehearsals": self.rehearsals,
            "commit": dataclasses.asdict(self.commit),
            "tags": [dataclasses.asdict(row) for row in self.tags],
            "checks": [dataclasses.asdict(check) for check in self.checks],
            "mirrored": [dataclasses.asdict(row) for row in self.mirrored],
            "timings": {stage: round(seconds, 3) for stage, seconds in self.timings.items()},
            "plan": dataclasses.asdict(self.plan) if self.plan else None,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
        }

    def json(self) -> str:
        """Return the document as text, secrets blanked."""
        text = json.dumps(blanked(self.document()), indent=1, ensure_ascii=False)
        return writable(text) + "\n"


def blanked(value: Any) -> Any:
    """Return what is to be printed, or written to a file, with known secrets replaced by `***`."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: blanked(item) for key, item in value.items()}
        case list() | tuple():
            return [blanked(item) for item in value]
        case _:
            return value

"""A page of a pull request, without a release: what is proposed, and the run that proposes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from tests.markdown_reader import Read
from wheelstep.definitions.find import definitions_in
from wheelstep.ground.git import Git
from wheelstep.ground.page import Room
from wheelstep.lock import FILE, Lock, Locked, LockedWheel
from wheelstep.model import Change, Workspace
from wheelstep.report import Report
from wheelstep.repositories.azure_pulls import AzurePulls
from wheelstep.repositories.github_pulls import GitHubPulls
from wheelstep.stages.proposal_body import body_of
from wheelstep.stages.proposed import Proposed
from wheelstep.stages.run import Run

ROOMS = {"github": GitHubPulls.room, "azure": AzurePulls.room}
ENDLESS = Room(10**9)
WHEEL = "\U0001f3a1"
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/tools",
    "GITHUB_RUN_ID": "34",
}
CLOSING = (
    "*Shortened to fit here: the rest is in the summary of "
    "[this run](https://github.com/acme/tools/actions/runs/34).*"
)
Files = Mapping[str, str]


@dataclass
class Held:
    """A head in memory."""

    files: Mapping[str, bytes]
    head: str | None = None
    base: Held = field(init=False)
    carried_paths: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.base = self

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: self.files[path] for path in paths if path in self.files}


@dataclass
class Page:
    """What is proposed, and the run that proposes it."""

    git: Git
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    carried: dict[str, bytes] = field(default_factory=dict)
    """What other runs have proposed."""
    report: Report = field(default_factory=lambda: Report("release"))
    versions: Sequence[tuple[str, str]] = ()
    directories: Mapping[str, str] = field(default_factory=dict)
    wheels: Sequence[LockedWheel] = ()
    head: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: GITHUB)
    workspaces: Sequence[Workspace] = ()
    read_by: Sequence[Any] = ()
    rehearse: str = "on"

    def files(self, before: Files, after: Files) -> None:
        self.before |= {path: text.encode() for path, text in before.items()}
        self.after |= {path: text.encode() for path, text in after.items()}

    def locks(self, before: Iterable[Locked], after: Iterable[Locked]) -> None:
        self.before[FILE] = Lock().with_packages(*before).render()
        self.after[FILE] = Lock().with_packages(*after).render()

    def verdict(self, path: str, status: str = "resolved", *problems: str, **more: Any) -> None:
        self.report.rehearsals.append(
            {"path": path, "place": "", "status": status, "python": "3.11", "changes": [],
             "problems": [{"code": "x", "message": text} for text in problems]} | more
        )  # fmt: skip

    def proposed(self) -> Proposed:
        names = [*Lock.parse(self.after.get(FILE)).packages, *(name for name, _ in self.versions)]
        read = self.after.get
        found = definitions_in(read, sorted(self.after), patterns=None, names=names)
        changes = [Change(path, self.before.get(path), data) for path, data in self.after.items()]
        on = Held(self.before | self.carried, self.head, tuple(self.carried))
        on.base = Held(self.before, self.head)
        return Proposed(
            cast("Any", on), changes, self.versions, found.kinds, self.directories, self.wheels
        )

    def run(self) -> Run:
        settings = SimpleNamespace(
            rehearse=self.rehearse, read_by=self.read_by, workspaces=self.workspaces,
            branch="main", commit_message="",
            committing=SimpleNamespace(title=None, work_items=(), sign_off=False),
        )  # fmt: skip
        return cast("Run", SimpleNamespace(
            settings=settings, report=self.report, environment=self.environment, git=self.git,
            definition_git=self.git, elsewhere=False, repository=SimpleNamespace(room=None),
        ))  # fmt: skip

    def body(self, room: Room = ENDLESS) -> str:
        made = body_of(self.run(), self.proposed(), room)
        self.report.page = made.left
        return made.text


def locked(name: str, version: str, commit: str = "", *places: str) -> Locked:
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    sha256 = hashlib.sha256(file.encode()).hexdigest()
    wheel = LockedWheel(file, sha256, sha256, 1, None, places or ("../index",))
    return Locked(name, version, "s", commit or "0" * 40, None, (), (wheel,))


def conda(*requirements: str, python: str = "3.11") -> str:
    lines = "".join(f"      - {one}\n" for one in requirements)
    return f"name: x\ndependencies:\n  - python={python}\n  - pip:\n{lines}"


def rows(body: str, title: str) -> list[list[str]]:
    """The rows of the table whose head begins with a word."""
    lines = body.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {title} |")) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def check_whole(body: str, room: Room) -> None:
    """Nothing is half: it fits, every block is closed, every row has its cells."""
    assert room.count(body) <= room.limit
    assert body == "\n".join(body.split("\n"))
    width, fence = 0, ""
    for line in body.split("\n"):
        opened = re.match(r"(`{3,})", line)
        if fence:
            fence = "" if line == fence else fence
        elif opened:
            assert line == f"{opened[1]}diff"
            fence = opened[1]
        elif line.startswith("|"):
            width = width or line.count("|")
            assert line.count("|") == width
            assert line.endswith("|")
        else:
            width = 0
    assert not fence
    read = Read(body)
    assert set(read.links) <= {"https://github.com/acme/tools/actions/runs/34"}
    assert set(read.tags) <= {
        "p", "h3", "a", "code", "pre", "ul", "li", "strong", "em", "table", "thead", "tbody", "tr",
        "th", "td", "br",
    }  # fmt: skip

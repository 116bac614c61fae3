"""A repository with one package, two feeds and a folder: what is copied between them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.destinations.wheels import make_wheel
from tests.release.kit import Repo
from tests.servers.feed import FeedServer, Stored, feed_server
from wheelstep.commands import dispatch
from wheelstep.commands.parts import publish
from wheelstep.destinations.layout import path_of
from wheelstep.hosts.github_actions import GitHubActions
from wheelstep.hosts.terminal import Terminal
from wheelstep.lock import FILE, Lock, Locked, LockedWheel
from wheelstep.release import environments_of
from wheelstep.report import Report
from wheelstep.settings import load
from wheelstep.stages.run import Run, open_run
from wheelstep.stages.survey import survey

WHEEL = "acme_core-1.0.0-py3-none-any.whl"
PACKAGE = {
    "packages/core/pyproject.toml": """\
        [build-system]
        requires = ["nothing-builds-here"]
        build-backend = "nothing_builds_here"
        [project]
        name = "acme-core"
        version = "1.0.0"
        """,
    "packages/core/acme_core.py": "VALUE = 1\n",
    ".gitignore": "/dist/\n",
}


@dataclass
class Place:
    """A repository with one package, two feeds and a folder."""

    repo: Repo
    one: FeedServer
    two: FeedServer

    def settings(self, *names: str) -> None:
        """Let these be the destinations, each feed with a token of its own, and commit that."""
        rows = {
            "one": f"url = 'feed+{self.one.simple_url}'\ntoken-env = 'TOKEN_ONE'",
            "two": f"url = 'feed+{self.two.simple_url}'\ntoken-env = 'TOKEN_TWO'",
            "folder": "url = '../index'",
        }
        tables = "".join(f"[[publish-to]]\nname = '{name}'\n{rows[name]}\n" for name in names)
        self.repo.commit({"wheelstep.toml": f"packages = ['packages/*']\n{tables}"})

    @property
    def tokens(self) -> dict[str, str]:
        return {"TOKEN_ONE": self.one.token, "TOKEN_TWO": self.two.token}

    def run(self, command: Literal["publish", "release"], **extra: str) -> Run:
        environment = {**self.repo.environment, **self.tokens, **extra}
        host = Terminal(environment, io.StringIO(), io.StringIO())
        given = load(command, {}, environment=environment, host=host, directory=self.repo.root)
        return open_run(given, host, environment, Report(command))

    def publish(self, **extra: str) -> Report:
        run = self.run("publish", **extra)
        publish(run)
        return run.report

    def copy(self, *released: str, **extra: str) -> Report:
        """Run `publish` with versions named, on the host that the environment shows."""
        environment = {**self.repo.environment, **self.tokens, **extra}
        kind = GitHubActions if "GITHUB_ACTIONS" in extra else Terminal
        host, report = kind(environment, io.StringIO(), io.StringIO()), Report("publish")
        flags = {"released": list(released)}
        dispatch.run("publish", flags, environment, host, self.repo.root, report)
        return report

    def record(self, *places: str) -> None:
        """Commit a record of the wheel that the first feed has, as a release leaves it."""
        stored = self.one.files[WHEEL]
        run = self.run("release")
        with environments_of(run) as environments:
            (row,) = survey(run, environments).packages
        assert row.package is not None
        wheel = LockedWheel(WHEEL, stored.sha256, "", len(stored.content), None, places)
        block = Locked("acme-core", "1.0.0", row.package.fingerprint, row.package.sources.commit,
                       None, (), (wheel,))  # fmt: skip
        self.repo.commit({FILE: Lock().with_packages(block).render()})

    def put(
        self, feed: FeedServer, code: str = "", tool: str = "by hand", version: str = "1.0.0"
    ) -> bytes:
        made = make_wheel(
            self.repo.place / "made" / tool, "acme-core", version, code=code, tool=tool
        )
        assert made.path is not None
        content = made.path.read_bytes()
        feed.files[made.file] = Stored("acme-core", version, made.file, content, None, 0)
        return content

    @property
    def in_folder(self) -> Path:
        return self.repo.index / path_of(WHEEL)


@contextmanager
def place_in(folder: Path) -> Iterator[Place]:
    """Serve the feeds, each with a token of its own."""
    with feed_server() as one, feed_server(project=None) as two:
        one.token, two.token = "token-of-one-1", "token-of-two-2"
        yield Place(Repo.create(folder, PACKAGE), one, two)


def statuses(report: Report) -> list[str]:
    return [each.status for row in report.packages for one in row.wheels for each in one.published]

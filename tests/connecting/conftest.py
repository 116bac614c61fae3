"""A repository, a feed that has its package, and workspaces: everything that connecting needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.release.samples import flit, quick
from tests.servers.arm import Arm
from tests.servers.arm_state import Workspace
from tests.servers.feed import FeedServer, Stored, feed_server

TOKEN = "reader-token-0815-of-the-feed"
"""May read the feed; long enough for a fingerprint."""
CONDA = "environments/train/conda.yml"


@dataclass
class Scene:
    """Where `wheelstep connect` runs."""

    repo: Repo
    feed: FeedServer
    arm: Arm
    train: Workspace

    @property
    def target(self) -> str:
        """What a connection for the feed has as its target when nothing is said."""
        return f"{self.feed.base}/"

    def settings(self, **more: str | None) -> dict[str, str]:
        """Variables of a run: one workspace, a token that reads, one that publishes."""
        given = {
            "WHEELSTEP_PUBLISH_TO": f"feed+{self.feed.simple_url}",
            "WHEELSTEP_FEED_TOKEN": self.feed.token,
            "WHEELSTEP_WORKSPACE": self.train.option,
            "WHEELSTEP_CONNECTION": "ml-feed",
            "WHEELSTEP_CONNECTION_TOKEN": TOKEN,
            **self.arm.environment(),
            **more,
        }
        return {name: value for name, value in given.items() if value is not None}

    def run(self, *arguments: str, **more: str | None) -> Ran:
        """Run a command; the variables in `more` replace those of `settings`."""
        return self.repo.wheelstep(*arguments, extra=self.settings(**more))

    def connect(self, *arguments: str, **more: str | None) -> Ran:
        return self.run("connect", *arguments, **more)

    def held(self, name: str = "ml-feed", workspace: Workspace | None = None) -> dict[str, Any]:
        """The properties of a connection, its credentials included."""
        found = (workspace or self.train).connections[name]["properties"]
        return dict(found)

    def writes(self) -> list[str]:
        return [seen.path for method in ("PUT", "DELETE") for seen in self.arm.seen(method)]


def statuses(ran: Ran) -> list[str]:
    return [row["status"] for row in ran.report["connections"]]


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[FeedServer]:
    with feed_server() as feed:
        feed.read_only_token = TOKEN
        wheel = make_wheel(tmp_path / "made", "acme-core", "1.0")
        assert wheel.path is not None
        feed.files[wheel.file] = Stored(
            "acme-core", "1.0", wheel.file, wheel.path.read_bytes(), None, 0
        )
        yield feed


@pytest.fixture
def scene(arm: Arm, feed: FeedServer, tmp_path: Path) -> Scene:
    files = {
        **quick(flit("acme-core", "")),
        CONDA: f"""\
            name: train
            dependencies:
              - python=3.11
              - pip:
                - --index-url {feed.simple_url}
                - acme-core==1.0
            """,
    }
    repo = Repo.create(tmp_path / "place", files)
    return Scene(repo, feed, arm, arm.workspace("train"))

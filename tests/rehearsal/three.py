"""Three indexes: ours, the one that stands for the public one, and another private one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_wheel
from tests.servers.pypi import PypiServer
from wheelstep.ground.public_index import PipIndexes
from wheelstep.model import Problem, Wheel
from wheelstep.rehearsal.interface import Verdict


@dataclass
class Three:
    """Our index, the one that stands for the public one, and another private one."""

    ours: PypiServer
    public: PypiServer
    other: PypiServer
    scene: Scene
    name: str
    """Of a package that no test had before."""

    def put(self, server: PypiServer, version: str, note: str) -> Wheel:
        return make_wheel(server.directory, self.name, version, note=note)

    def lines(self, *lines: str) -> list[str]:
        """Fill in the indexes and the name."""
        return [
            line.format(
                ours=self.ours.simple_url,
                public=self.public.simple_url,
                other=self.other.simple_url,
                name=self.name,
                file=self.name.replace("-", "_"),
                base=self.ours.url,
            )
            for line in lines
        ]

    def rehearse(self, *lines: str, **more: Any) -> Verdict:
        self.scene.public = PipIndexes(index_url=self.public.simple_url)
        given: dict[str, Any] = {"published": (self.ours.simple_url,), "released": (self.name,)}
        return self.scene.rehearse(*self.lines(*lines), **given | more)

    def pip(self, *lines: str) -> str:
        """Return the SHA-256 of what pip would install."""
        file = self.scene.folder / "requirements.txt"
        file.write_text("\n".join(self.lines(*lines)) + "\n")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
             "--no-deps", "--no-cache-dir", "--report", "-", "-r", str(file)],
            env=self.scene.environment | {"PIP_INDEX_URL": self.public.simple_url},
            capture_output=True,
            check=True,
        )  # fmt: skip
        (taken,) = json.loads(done.stdout)["install"]
        return str(taken["download_info"]["archive_info"]["hashes"]["sha256"])


def only(verdict: Verdict) -> Problem:
    """The one problem there is; with all of them, where there are others."""
    assert len(verdict.problems) == 1, verdict.problems
    return verdict.problems[0]

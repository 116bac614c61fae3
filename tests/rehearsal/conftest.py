from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.made import make_index, make_source, make_wheel
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.public_index import IndexCredential, PipIndexes
from wheelstep.model import Wheel
from wheelstep.rehearsal.interface import Subject, Verdict
from wheelstep.rehearsal.resolve import rehearse

PLATFORM = "x86_64-manylinux_2_28"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nothing is configured, and uv has a cache of its own."""
    home = tmp_path_factory.mktemp("home")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(home / "uv-cache"),
        "UV_HTTP_RETRIES": "0",
    }


@dataclass
class Scene:
    """A public index and what else a rehearsal needs."""

    folder: Path
    environment: dict[str, str]
    public: PipIndexes
    files: dict[str, bytes] = field(default_factory=dict)

    def rehearse(
        self,
        *lines: str,
        wheels: tuple[Wheel, ...] = (),
        python: str | None = "3.10",
        platform: str = PLATFORM,
        credentials: tuple[IndexCredential, ...] = (),
        instead: dict[str, str] | None = None,
        released: tuple[str, ...] = (),
        connected: bool = True,
        line: int = 7,
        **more: Any,
    ) -> Verdict:
        subject = Subject("envs/train.yml", lines, python, line=line, connected=connected)
        verdicts = rehearse(
            [subject],
            wheels=wheels,
            platform=platform,
            environment=self.environment,
            read=self.files.get,
            released=released,
            credentials=credentials,
            instead=instead,
            public=self.public,
            budget=RetryBudget(attempts=1),
            **more,
        )
        assert len(verdicts) == 1
        return verdicts[0]


@pytest.fixture(scope="session")
def public_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with what the tests need of the public one."""
    root = tmp_path_factory.mktemp("public")
    made = root / "files"
    make_index(
        root / "simple",
        make_wheel(made, "left", "1.0"),
        make_wheel(made, "left", "2.0", ["right>=1"]),
        make_wheel(made, "right", "1.0"),
        make_wheel(made, "right", "1.5"),
        make_wheel(made, "acme-core", "1.0", note="public"),
        make_wheel(made, "acme-core", "99.0", note="public"),
        make_wheel(made, "newer-python", "1.0", python=">=3.12"),
        make_wheel(made, "by-url", "1.0", ["acme-core @ https://nowhere.invalid/x-1.tar.gz"]),
        make_wheel(made, "native", "1.0", tag="cp310-cp310-manylinux_2_17_x86_64"),
        make_wheel(made, "native", "1.0", tag="cp310-cp310-win_amd64"),
        make_wheel(made, "needs-built", "1.0", ["only-source>=1", "left"]),
        make_wheel(made, "other-system", "1.0", tag="cp310-cp310-win_amd64"),
        make_source(made, "only_source", "1.0"),
    )
    return root / "simple"


@pytest.fixture
def scene(tmp_path: Path, environment: dict[str, str], public_folder: Path) -> Scene:
    return Scene(tmp_path, environment, PipIndexes(index_url=public_folder.as_uri()))

"""Real git repositories for the tests of this room, written as file trees."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from wheelstep.ground.git import Git
from wheelstep.ground.process import Finished

START = 1_700_000_000


class CountedGit(Git):
    """Git that counts its calls."""

    calls = 0

    def try_(self, *arguments: str, **options: object) -> Finished:
        self.calls += 1
        return super().try_(*arguments, **options)  # type: ignore[arg-type]


class SampleRepository:
    """A repository with one branch, `main`; each commit is a minute after the one before."""

    def __init__(self, root: Path, *, init: bool = True, options: tuple[str, ...] = ()) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.minutes = 0
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root.parent),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
            # tests clone submodules from folders
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "protocol.file.allow",
            "GIT_CONFIG_VALUE_0": "always",
        }
        self.git = CountedGit(root, self.environment)
        if init:
            self.run("init", "--quiet", "--initial-branch=main", *options)

    def run(self, *arguments: str) -> str:
        date = f"{START + 60 * self.minutes} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return self.git.output(*arguments, extra=dates).decode().strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files; None removes one."""
        for path, text in files.items():
            file = self.root / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            data = text if isinstance(text, bytes) else dedent(text).encode()
            file.write_bytes(data)

    def commit(self, files: Mapping[str, str | bytes | None] | None = None) -> str:
        self.write(files or {})
        self.minutes += 1
        self.run("add", "--all")
        self.run("commit", "--quiet", "--allow-empty", "--message", f"change {self.minutes}")
        return self.run("rev-parse", "HEAD")

    def clone(self, target: Path, *options: str) -> SampleRepository:
        self.run("clone", "--quiet", *options, self.root.as_uri(), str(target))
        copy = SampleRepository(target, init=False)
        copy.minutes = self.minutes
        return copy


def setuptools_project(name: str, folder: str = ".", version: str = "1.0") -> dict[str, str]:
    prefix = "" if folder == "." else f"{folder}/"
    return {
        f"{prefix}pyproject.toml": f"""\
            [build-system]
            requires = ["setuptools>=61"]
            build-backend = "setuptools.build_meta"
            [project]
            name = "{name}"
            version = "{version}"
            classifiers = ["Private :: Do Not Upload"]
            [tool.setuptools]
            packages = ["{name.lower()}"]
            """,
        f"{prefix}{name.lower()}/__init__.py": f"NAME = '{name}'\n",
    }


def hatchling_project(name: str, folder: str = ".", version: str = "1.0") -> dict[str, str]:
    prefix = "" if folder == "." else f"{folder}/"
    return {
        f"{prefix}pyproject.toml": f"""\
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"
            [project]
            name = "{name}"
            version = "{version}"
            """,
        f"{prefix}src/{name}/__init__.py": f"NAME = '{name}'\n",
    }


def flit_project(name: str, folder: str = ".", version: str = "1.0") -> dict[str, str]:
    prefix = "" if folder == "." else f"{folder}/"
    return {
        f"{prefix}pyproject.toml": f"""\
            [build-system]
            requires = ["flit_core>=3.4,<5"]
            build-backend = "flit_core.buildapi"
            [project]
            name = "{name}"
            dynamic = ["version"]
            description = "A sample"
            """,
        f"{prefix}{name}.py": f"'''A sample.'''\n__version__ = '{version}'\n",
    }

"""What the tests of the action and of the task share: a copy of the product, a repository to
release from, an environment as small as a host's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from wheelstep.commands.sample import FILES

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("LICENSE", "action", "action.yml", "azure-pipelines-task", "requirements", "src")
SECRET = "s3cret/of+the=feed"

KEPT = ("PATH", "PIP_", "SSL_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy", "SYSTEMROOT",
        "SystemRoot", "PATHEXT", "COMSPEC", "TEMP", "TMP", "LANG")  # fmt: skip


def copy_product(folder: Path) -> Path:
    """Copy what the action and the task consist of, without what this machine put beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PRODUCT:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.vsix", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy2(source, folder / name)
    return folder


def host_environment(
    home: Path, caches: Mapping[str, str], more: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a host: how this machine reaches its index, an empty HOME, no more."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home)} | dict(caches) | dict(more)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com",
         "-c", "commit.gpgsign=false", *arguments],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def sample_repository(folder: Path) -> Path:
    """Make a clone of a bare repository beside it, with the sample of `wheelstep demo`."""
    origin = folder.with_name(f"{folder.name}.git")
    origin.mkdir(parents=True)
    git(origin, "init", "--quiet", "--bare", "--initial-branch=main")
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in FILES.items():
        if name == "wheelstep.toml":
            continue  # here the inputs say it
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A sample")
    git(folder, "remote", "add", "origin", str(origin))
    git(folder, "push", "--quiet", "--set-upstream", "origin", "main")
    return folder

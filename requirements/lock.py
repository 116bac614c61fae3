"""Makes the locks in this folder anew: `nox -s lock`, with `-- --upgrade` for newer versions.

They hold for every platform and every Python the project supports, with the hash of every file, and
name no index: they are installed from whatever pip is configured with.
"""

# ruff: noqa: INP001 - a script, in no package
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LOCKS = {
    # the later ones agree with the earlier ones
    "uv": ["requirements/uv.in"],
    "action": ["pyproject.toml", "--constraints", "requirements/uv.txt"],
    "nox": ["requirements/nox.in", "--constraints", "requirements/uv.txt"],
    "tests": [
        "pyproject.toml",
        "requirements/tests.in",
        "--constraints",
        "requirements/action.txt",
    ],
    # what judges our work, each in an environment of its own: tests/oracles.py
    "azure-ai-ml": ["requirements/azure-ai-ml.in"],
    # what benchmarks measure against
    "mirror-peers": ["requirements/mirror-peers.in"],
    "fuzz": ["pyproject.toml", "requirements/fuzz.in", "--constraints", "requirements/tests.txt"],
}


def main(more: list[str]) -> None:
    """Write every lock; `more` goes to uv."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    environment |= {"UV_NO_CONFIG": "1", "UV_CUSTOM_COMPILE_COMMAND": "nox -s lock"}
    for name, sources in LOCKS.items():
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal",
             "--generate-hashes", "--no-emit-index-url", "--python-version", "3.11",
             "--output-file", f"requirements/{name}.txt", *sources, *more],
            cwd=ROOT,
            env=environment,
            check=True,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])

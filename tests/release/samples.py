"""The packages and definitions that the releases here are made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["AZUREML", "BACK_END", "CONDA", "MONOREPO", "REQUIREMENTS", "flit", "hatchling",
           "quick", "root_package", "setuptools"]  # fmt: skip

BACK_END: Final = Path(__file__).parent.parent / "back_end.py"

CONDA: Final = "environments/train/conda.yml"
AZUREML: Final = "environments/train/environment.yml"
REQUIREMENTS: Final = "serving/requirements.txt"


def setuptools(
    name: str, folder: str, version: str = "1.0.0", requires: str = "setuptools>=61"
) -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        f"{folder}pyproject.toml": f"""\
            [build-system]
            requires = ["{requires}"]
            build-backend = "setuptools.build_meta"
            [project]
            name = "{name}"
            version = "{version}"
            requires-python = ">=3.8"
            [project.optional-dependencies]
            fast = []
            [tool.setuptools.packages.find]
            include = ["{module}*"]
            """,
        f"{folder}{module}/__init__.py": f'"""A sample."""\nNAME = "{name}"\n',
    }


def hatchling(name: str, folder: str, version: str = "2.0.0") -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        f"{folder}pyproject.toml": f"""\
            [build-system]
            requires = ["hatchling>=1.20,<2"]
            build-backend = "hatchling.build"
            [project]
            name = "{name}"
            version = "{version}"
            """,
        f"{folder}src/{module}/__init__.py": f'NAME = "{name}"\n',
        f"{folder}tests/test_it.py": "def test_it():\n    assert True\n",
    }


def flit(name: str, folder: str, version: str = "3.0.0") -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        f"{folder}pyproject.toml": f"""\
            [build-system]
            requires = ["flit_core>=3.4,<5"]
            build-backend = "flit_core.buildapi"
            [project]
            name = "{name}"
            dynamic = ["version"]
            description = "A sample"
            """,
        f"{folder}{module}.py": f"'''A sample.'''\n__version__ = '{version}'\n",
    }


def quick(files: dict[str, str], tag: str = "py3-none-any") -> dict[str, str]:
    """Return the same packages with the tests' own back end, which takes a tenth of the time."""
    own = f"""\
[build-system]
            requires = []
            build-backend = "back_end"
            backend-path = ["."]
            [tool.back-end]
            tag = "{tag}"
            [project]"""
    changed = {}
    for path, text in files.items():
        if path.endswith("pyproject.toml"):
            changed[path.replace("pyproject.toml", "back_end.py")] = BACK_END.read_text("utf-8")
            settings = re.sub(r"\[build-system\](?s:.*?)\[project\]", lambda _: own, text, count=1)
            changed[path] = settings
        else:
            changed[path] = text
    return changed


MONOREPO: Final[dict[str, str]] = {
    **quick(setuptools("acme-core", "packages/core/")),
    **quick(hatchling("acme-features", "packages/features/"), "py2.py3-none-any"),
    **quick(flit("acme-models", "packages/models/"), "py2.py3-none-any"),
    "wheelstep.toml": """\
        packages = ["packages/*"]
        exclude = ["tests/"]
        publish-to = ["../index"]
        commit = "local"
        """,
    CONDA: """\
        name: train  # ours
        channels: [conda-forge]
        dependencies:
          - python=3.11
          - pip
          - pip:
              - 'Acme.Core[fast]==0.9 ; python_version >= "3.8"'   # with an extra
              - acme_features
        """,
    AZUREML: """\
        $schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
        name: acme-train
        version: 7
        image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
        conda_file: conda.yml
        """,
    REQUIREMENTS: "acme-models==2.9.9  # the model\nacme-core >= 0.5; python_version < '4'\n",
    "README.md": "Three packages.\n",
    ".gitignore": "/dist/\n",
}
"""Three packages, and three definitions that name them."""


def root_package(publish_to: str = "../index") -> dict[str, str]:
    """One package at the root of the repository, settings in its pyproject.toml."""
    files = quick(hatchling("acme-root", "", "1.4.0"), "py2.py3-none-any")
    files["pyproject.toml"] += f"""\
            [tool.wheelstep]
            publish-to = ["{publish_to}"]
            commit = "local"
            exclude = ["tests/", "docs/", ".gitignore"]
            """
    return files | {
        "conda.yml": """\
            dependencies:
              - python=3.11
              - pip:
                  - acme-root==1.3.0
            """,
        "README.md": "One package.\n",
        "docs/index.md": "How it is used.\n",
        ".gitignore": "/dist/\n",
    }

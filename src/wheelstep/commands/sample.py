"""The sample repository of `wheelstep demo`."""

from __future__ import annotations

from typing import Final

__all__ = ["FILES"]

FILES: Final[dict[str, str]] = {
    "packages/core/pyproject.toml": """\
[build-system]
requires = ["flit_core>=3.2,<5"]
build-backend = "flit_core.buildapi"

[project]
name = "acme-demo-core"
version = "1.1.0"
description = "What every model of Acme shares."
requires-python = ">=3.9"
classifiers = ["Private :: Do Not Upload"]
""",
    "packages/core/acme_demo_core.py": '''\
"""What every model of Acme shares."""


def scale(values: list[float]) -> list[float]:
    """Scale values to the range from 0 to 1."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) for value in values]
''',
    "packages/features/pyproject.toml": """\
[build-system]
requires = ["hatchling>=1.20,<2"]
build-backend = "hatchling.build"

[project]
name = "Acme_Demo.Features"
version = "0.2.0"
description = "Features, computed with the core."
requires-python = ">=3.9"
dependencies = ["acme-demo-core>=1.1", "packaging>=21"]
classifiers = ["Private :: Do Not Upload"]

[tool.hatch.build.targets.wheel]
packages = ["acme_demo_features"]
""",
    "packages/features/acme_demo_features/__init__.py": '''\
"""Features, computed with the core."""

from acme_demo_core import scale


def features(values: list[float]) -> dict[str, float]:
    """Return the mean of the scaled values."""
    scaled = scale(values)
    return {"mean": sum(scaled) / len(scaled)}
''',
    "environments/train/conda.yml": """\
# The environment of our training jobs. The comments stay where they are.
name: train
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip=24.0
  - pip:
      - packaging>=21        # public
      - acme-demo-core==1.0.0    # ours: the version before
      - 'Acme_Demo.Features'     # ours: not pinned yet, so the image would never be rebuilt
""",
    "environments/train/environment.yml": """\
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: acme-train
version: 7
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
conda_file: conda.yml
""",
    "wheelstep.toml": """\
packages = ["packages/*"]
publish-to = ["../index"]
commit = "local"
""",
    ".gitignore": "/dist/\n",
    "README.md": "A sample repository, made by `wheelstep demo`.\n",
}

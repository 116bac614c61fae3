"""The packages that would be built, for the jobs of a build matrix."""

from __future__ import annotations

import json

from wheelstep.stages.survey import Survey

__all__ = ["matrix"]


def matrix(found: Survey, host: str) -> str:
    """Return the packages that would be built, as a CI host's matrix takes them: JSON, on one line.

    Args:
        found: The packages.
        host: "azure": an object of legs with variables, by names that a leg may have (Azure
            Pipelines, "strategy: matrix"); else a list under `include` (GitHub Actions).
    """
    rows = [
        {"name": row.name, "version": row.version, "directory": row.project.directory}
        for row in found.packages
        if row.package is not None
    ]
    if host == "azure":
        return json.dumps({row["name"].replace("-", "_"): row for row in rows})
    return json.dumps({"include": rows})

"""Run by the Python that has azure-ai-ml: says what Azure ML's own loader reads.

Standard input: JSON, a list of [kind, path]. Standard output: JSON, for each what it was loaded as,
or {"error": text}.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

logging.disable(logging.CRITICAL)


def plain(value: Any) -> Any:
    """Return a loaded entity's fields as JSON can have them."""
    if isinstance(value, dict):
        return {str(key): plain(inside) for key, inside in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [plain(inside) for inside in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def load(kind: str, path: str) -> Any:
    """Load one file."""
    from azure.ai import ml

    entity = getattr(ml, f"load_{kind}")(path)
    if kind == "environment":
        return {
            "name": entity.name,
            "version": entity.version,
            "image": entity.image,
            "conda": plain(entity.conda_file),
            "build": plain(vars(entity.build)) if entity.build else None,
        }
    return plain(entity._to_dict())


def main() -> None:
    """Answer."""
    said = []
    for kind, path in json.load(sys.stdin):
        try:
            said.append(load(kind, path))
        except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
            said.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()

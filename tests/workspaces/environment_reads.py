"""Run by the Python that has azure-ai-ml: says what Azure ML's own client would send.

Standard input: JSON, a list of paths. Standard output: JSON, for each {"name", "properties"}, or
{"error": text}.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

logging.disable(logging.CRITICAL)


def sent(path: str) -> Any:
    """Load one file, and return its version as it goes over the wire."""
    from azure.ai import ml
    from azure.ai.ml._restclient.arm_ml_service._utils.model_base import SdkJSONEncoder

    entity = ml.load_environment(path)
    text = json.dumps(entity._to_rest_object(), cls=SdkJSONEncoder, exclude_readonly=True)
    return {"name": entity.name, "version": entity.version, **json.loads(text)}


def main() -> None:
    """Answer."""
    said = []
    for path in json.load(sys.stdin):
        try:
            said.append(sent(path))
        except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
            said.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()

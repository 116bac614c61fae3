"""Run under atheris: `nox -s fuzz`. The last argument is the folder of inputs."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

# what is instrumented is what is imported here for the first time
with atheris.instrument_imports(include=["wheelstep", "packaging"]):
    from tests.fuzz.definitions import one_input, write_seeds

write_seeds(Path(sys.argv[-1]))
atheris.Setup(sys.argv, one_input)
atheris.Fuzz()

"""Programs that judge our work, each in an environment of its own made from a hashed lock."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wheelstep.ground.public_index import uv_environment
from wheelstep.ground.uv import uv_binary

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".nox" / "oracles"


def python_of(name: str) -> Path:
    """Return the Python of an environment with what requirements/NAME.txt locks; it is made once,
    and by one process only."""
    lock = ROOT / "requirements" / f"{name}.txt"
    mark = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = KEPT / f"{name}-{mark}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if python.exists():
        return python
    KEPT.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=KEPT))
    environment = uv_environment(os.environ)
    inside = making / python.relative_to(folder)
    uv, install = uv_binary(), ["pip", "install", "--quiet", "--require-hashes"]
    subprocess.run(
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, making],
        env=environment,
        check=True,
    )
    subprocess.run(
        [uv, *install, "--python", inside, "--requirement", lock], env=environment, check=True
    )
    try:
        making.rename(folder)  # fails where another process was faster
    except OSError:
        if not python.exists():
            raise
        shutil.rmtree(making)
    return python

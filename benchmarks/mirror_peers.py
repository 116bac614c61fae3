"""How long dumb-pypi and simple503 take for one more version: run by benchmarks/mirror.py, with an
interpreter that has them.

    python benchmarks/mirror_peers.py DIST WORK ROUNDS

DIST holds the wheels that are there already. Prints JSON: peer -> seconds, and seconds of a
processor, of each update; what was imported and made before is not counted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

NEW = "acme_core-1.{}-py3-none-any.whl"


def measured(update: Callable[[], object]) -> tuple[float, float]:
    start, used = time.perf_counter(), time.process_time()
    update()
    return time.perf_counter() - start, time.process_time() - used


def dumb_pypi(dist: Path, work: Path, rounds: int) -> list[tuple[float, float]]:
    """With what saves it most: the list of before, and no page for each release."""
    from dumb_pypi.main import main

    def listed(target: Path, files: list[str]) -> list[str]:
        lines = (
            json.dumps({"filename": name, "hash": f"sha256={hashlib.sha256(name.encode()).hexdigest()}",
                        "requires_python": ">=3.8"})
            for name in files
        )  # fmt: skip
        target.write_text("\n".join(lines) + "\n")
        return ["--packages-url", "../../pool/", "--output-dir", str(work / "dumb"),
                "--no-per-release-json", "--package-list-json", str(target)]  # fmt: skip

    files = sorted(path.name for path in dist.glob("*.whl"))
    main(listed(work / "0.json", files))
    done = []
    for number in range(1, rounds + 1):
        files.append(NEW.format(number))
        arguments = listed(work / f"{number}.json", files)
        before = ["--previous-package-list-json", str(work / f"{number - 1}.json")]
        done.append(measured(lambda more=(*arguments, *before): main(more)))  # type: ignore[misc]
    return done


def simple503(dist: Path, work: Path, rounds: int) -> list[tuple[float, float]]:
    """In the folder itself, as it is meant to be updated."""
    from simple503 import make_simple

    place = work / "simple503"
    shutil.copytree(dist, place)
    make_simple(place, sort=True, extract_metadata=True)
    some = next(place.glob("*/acme_core-1.0-*.whl"))
    done = []
    for number in range(1, rounds + 1):
        shutil.copyfile(some, place / NEW.format(number))
        done.append(measured(lambda: make_simple(place, sort=True, extract_metadata=True)))
    return done


def main(dist: Path, work: Path, rounds: int) -> None:
    made = {
        "dumb-pypi": dumb_pypi(dist, work, rounds),
        "simple503": simple503(dist, work, rounds),
    }
    print(json.dumps(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))

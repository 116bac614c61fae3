"""How long dumb-pypi and simple503 take for one more version: run by benchmarks/mirror.py, with an
interpreter that has them.

    python benchmarks/mirror_peers.py DIST NEW WORK

DIST holds the wheels that are there already, NEW those that come one after another. dumb-pypi reads
names only, and is told of five versions of each. Prints JSON: peer -> seconds, and seconds of a
processor, of each update; what was imported and made before is not counted.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

VERSIONS = 5
"""Of each project that is there already."""


def measured(update: Callable[[], object]) -> tuple[float, float]:
    start, used = time.perf_counter(), time.process_time()
    update()
    return time.perf_counter() - start, time.process_time() - used


def dumb_pypi(dist: Path, new: Sequence[Path], work: Path) -> list[tuple[float, float]]:
    """With what saves it most: the list of before, and no page for each release."""
    from dumb_pypi.main import main

    def listed(target: Path, files: Sequence[str]) -> list[str]:
        told = {"hash": f"sha256={'0' * 64}", "requires_python": ">=3.8"}
        target.write_text("".join(f"{json.dumps({'filename': one, **told})}\n" for one in files))
        return [
            *("--packages-url", "../../pool/", "--output-dir", str(work / "dumb")),
            *("--no-per-release-json", "--package-list-json", str(target)),
        ]

    files = sorted(
        path.name.replace("-1.0-", f"-1.{version}-")
        for path in dist.glob("*.whl")
        for version in range(VERSIONS)
    )
    main(listed(work / "0.json", files))
    done = []
    for number, wheel in enumerate(new):
        files.append(wheel.name)
        arguments = listed(work / f"{number + 1}.json", files)
        before = ["--previous-package-list-json", str(work / f"{number}.json")]
        done.append(measured(lambda more=(*arguments, *before): main(more)))  # type: ignore[misc]
    return done


def simple503(dist: Path, new: Sequence[Path], work: Path) -> list[tuple[float, float]]:
    """In the folder itself, as it is meant to be updated."""
    from simple503 import make_simple

    place = work / "simple503"
    shutil.copytree(dist, place)
    make_simple(place, sort=True, extract_metadata=True)
    done = []
    for wheel in new[:1]:  # it takes as long as all the rest here
        shutil.copyfile(wheel, place / wheel.name)
        done.append(measured(lambda: make_simple(place, sort=True, extract_metadata=True)))
    return done


def main(dist: Path, new: Path, work: Path) -> None:
    added = sorted(new.glob("*.whl"))
    made = {name: peer(dist, added, work)
            for name, peer in (("dumb-pypi", dumb_pypi), ("simple503", simple503))}  # fmt: skip
    print(json.dumps(made))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

"""Many publishers of a mirror at once, in processes of their own, killed and started again, behind
a proxy that loses replies.

    python -m tests.destinations.mirror_chaos 16 20     # processes, versions of each
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from tests.destinations.mirror_kit import listed, mirror_at, projects
from tests.rehearsal.made import make_wheel
from tests.servers.azurite import Azurite, azurite
from tests.servers.blob_proxy import Fate, Seen, between
from wheelstep.destinations.publish import publish
from wheelstep.model import Wheel
from wheelstep.packages.content import content_hash

__all__ = ["Storm", "storm"]

PRELOADED = ["tests.destinations.mirror_chaos", "azure.storage.blob", "requests"]
LOSES = 0.1
"""So many of the replies."""


@dataclass
class Storm:
    """What was done, and what came of it."""

    wheels: dict[str, list[Wheel]] = field(default_factory=dict)
    """By project."""
    killed: int = 0
    requests: int = 0
    lost: int = 0
    seconds: float = 0.0


def _publisher(url: str, container: str, wheels: Sequence[Wheel], work: str) -> None:
    """One run for each version, as releases are."""
    for wheel in wheels:
        publish(
            [wheel],
            [mirror_at(url, container)],
            content_of=content_hash,
            work=Path(work),
            read_back="write",
        )


def storm(
    store: Azurite, container: ContainerClient, folder: Path, processes: int, versions: int
) -> Storm:
    """Let half of the processes publish versions of one project, and the others of their own.

    Args:
        store: Where.
        container: In it.
        folder: For wheels and work.
        processes: At once.
        versions: That each publishes.
    """
    chance, done = random.Random(20_261_126), Storm()  # noqa: S311 - the same storm every time
    losing = random.Random(7)  # noqa: S311
    context: Any = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
    context.set_forkserver_preload(PRELOADED)
    work: dict[int, list[Wheel]] = {}
    for number in range(processes):
        name = "shared" if number % 2 else f"own-{number}"
        wheels = [
            make_wheel(folder / "dist", name, f"{number + 1}.{version}", python=">=3.9")
            for version in range(versions)
        ]
        work[number] = wheels
        done.wheels.setdefault(name, []).extend(wheels)

    def rule(_: Seen) -> Fate:
        if losing.random() < LOSES:
            done.lost += 1
            return Fate.LOST
        return Fate.PASSED

    def started(number: int) -> BaseProcess:
        place = folder / f"work{number}"
        place.mkdir(exist_ok=True)
        name = str(container.container_name)
        process: BaseProcess = context.Process(
            target=_publisher, args=(middle.url, name, work[number], str(place))
        )
        process.start()
        return process

    began = time.monotonic()
    with between(store.url, rule) as middle:
        running = {number: started(number) for number in work}
        to_kill = list(work)
        chance.shuffle(to_kill)
        while running:
            number, process = next(iter(running.items()))
            if to_kill and (victim := to_kill.pop()) in running and running[victim].is_alive():
                # in the middle of its work, wherever that is; it is started again
                running[victim].join(chance.random() * 0.4)
                if running[victim].is_alive():
                    running[victim].kill()
                    done.killed += 1
                running[victim].join()
                running[victim] = started(victim)
                continue
            process.join()
            assert process.exitcode == 0, f"publisher {number} ended with {process.exitcode}"
            del running[number]
        done.requests = len(middle.seen)
    done.seconds = time.monotonic() - began
    return done


def check(store: Azurite, container: ContainerClient, done: Storm) -> None:
    """Every file is listed exactly once, with its hash, on both pages; and every project is."""
    mirror = mirror_at(store.url, str(container.container_name))
    assert projects(mirror) == sorted(done.wheels)
    for name, wheels in done.wheels.items():
        found = {one.file: one.sha256 for one in listed(mirror, name).values()}
        assert found == {wheel.file: wheel.sha256 for wheel in wheels}
        assert all(one.core_metadata for one in listed(mirror, name).values())


def main(processes: int, versions: int) -> None:
    """Run it at a size of one's own, and say what it took."""
    with (
        tempfile.TemporaryDirectory() as place,
        azurite(Path(place) / "store") as store,
    ):
        container = store.container("storm")
        done = storm(store, container, Path(place), processes, versions)
        check(store, container, done)
    sys.stdout.write(
        f"{processes} processes x {versions} versions: all listed. {done.killed} killed, "
        f"{done.lost} of {done.requests} replies lost, {done.seconds:.1f} s.\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

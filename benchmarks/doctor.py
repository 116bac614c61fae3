"""How long does doctor take when every answer takes 200 ms?

Run: python benchmarks/doctor.py [--latency SECONDS]. Prints the time of a process of its own, and
of the questions alone, beside the bound of 5 s.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

from tests.doctor.world import World, world  # noqa: E402 - the stand-ins are the tests'
from tests.servers.authority import made_authority  # noqa: E402

BOUND = 5.0
"""Seconds."""
RUNS = 5


def slow(served: World, latency: float) -> None:
    """Let every answer wait, the sign-in's included."""
    served.latency = served.arm.latency = served.feed.latency = served.git.latency = latency


def process(served: World) -> float:
    start = time.monotonic()
    ran = served.repo.wheelstep("doctor", extra=served.environment)
    if ran.code != 0:
        raise SystemExit(ran.said)
    return time.monotonic() - start


def questions(served: World) -> float:
    start = time.monotonic()
    if served.doctor().report.exit_code != 0:
        raise SystemExit("a fault was found where there is none")
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.2)
    latency = parser.parse_args().latency
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with world(place, made_authority(place)) as served:
            process(served)  # files are compiled, uv's cache is made
            for name, measure in (("a process", process), ("the questions", questions)):
                at_once = 0.0
                for wait in (0.0, latency):
                    slow(served, wait)
                    times = sorted(measure(served) for _ in range(RUNS))
                    middle = statistics.median(times)
                    print(
                        f"{name:14} {wait * 1000:4.0f} ms an answer: {middle:5.2f} s "
                        f"({times[0]:.2f} to {times[-1]:.2f}), {middle / BOUND:4.0%} of {BOUND} s"
                    )
                    if wait:
                        depth = (middle - at_once) / wait
                        print(f"{name:14} waits for {depth:.1f} answers one after another")
                    at_once = middle


if __name__ == "__main__":
    main()

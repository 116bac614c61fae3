"""How fast the command starts, as a ratio to a bare interpreter, side by side in one run.

    python benchmarks/startup.py [ROUNDS]

Runs with bytecode caches, as an installed tool has them. Prints medians and their ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ([sys.executable, "-c", "pass"], None),
    "wheelstep --version": ([sys.executable, "-m", "wheelstep", "--version"], 3.0),
    "wheelstep --help": ([sys.executable, "-m", "wheelstep", "--help"], 8.0),
    "wheelstep release --help": ([sys.executable, "-m", "wheelstep", "release", "--help"], 8.0),
}


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        # in turn, so that a machine that slows down slows all of them; the first round warms up
        for name, (command, _) in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
            if number:
                times[name].append(time.perf_counter() - start)
    base = statistics.median(times["python -c pass"])
    missed = 0
    for name, (_, most) in COMMANDS.items():
        median = statistics.median(times[name])
        verdict = "" if most is None else f"  at most {most:.0f}"
        if most is not None and median / base > most:
            verdict, missed = f"{verdict}: missed", missed + 1
        print(f"{name:26} {median * 1000:7.1f} ms  {median / base:5.2f} x{verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""How long a definition of 1 MB with 10,000 entries takes to edit, beside parsing its YAML once.

    python benchmarks/edit_large.py [ROUNDS]

Half of the entries have comments, quotes or markers, and 50 of them are ours. Measured is all that
a release does with the bytes of the one file: it is found, read, pinned, proved by parsing the
result, and read again, with nothing kept from before. Python's start, imports and the disk are
not in it. The figures are medians of the processor's time, which other programs on the machine do
not lengthen; alone on the machine it is the time on the clock, for nothing is waited for. Ends with
1 where an edit takes longer than 0.3 s; how many times longer than parsing the YAML once it takes,
which hardly depends on the machine, is only printed.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable

import yaml

from wheelstep.definitions import conda as conda_form
from wheelstep.definitions import pip_lines, requirement, source, tree
from wheelstep.definitions import requirements as plain_form
from wheelstep.definitions.interface import Wanted
from wheelstep.definitions.plan import plan_edits
from wheelstep.model import Index, Pin

ENTRIES, OURS = 10_000, 50
SECONDS = 0.3
"""At most, for one edit."""
FILLER = "needed by the training pipeline; see the design notes, section 4"


def entries() -> list[tuple[str, str]]:
    """Return (requirement, comment)."""
    every = ENTRIES // OURS
    found = []
    for number in range(ENTRIES):
        name = f"acme-part-{number // every}" if number % every == 0 else f"other-package-{number}"
        version = f"=={number % 7}.{number % 11}.{number % 13}"
        marker = ' ; python_version >= "3.8"' if number % 4 == 1 else ""
        extras = "[fast]" if number % 8 == 6 else ""  # noqa: PLR2004 - some
        comment = f"  # {FILLER}" if number % 2 else ""
        found.append((f"{name}{extras}{version}{marker}", comment))
    return found


def conda() -> bytes:
    lines = [
        "channels: [conda-forge]",
        "dependencies:",
        "  - python=3.10",
        "  - pip=24.0",
        "  - pip:",
    ]
    for number, (text, comment) in enumerate(entries()):
        quoted = (text, f"'{text}'", text, f"'{text}'")[number % 4]
        lines.append(f"      - {quoted}{comment or f'  # {FILLER}'}")
    return "".join(f"{line}\n" for line in lines).encode()


def requirements() -> bytes:
    return "".join(f"{text}{comment or f'  # {FILLER}'}\n" for text, comment in entries()).encode()


def forget() -> None:
    """Let a round begin as a run does."""
    for module in (conda_form, plain_form, pip_lines, requirement, source, tree):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
    gc.collect()


def edit(path: str, data: bytes, version: str) -> None:
    pins = [Pin(f"acme-part-{number}", version, "0" * 40) for number in range(OURS)]
    index = Index("https://index.example/simple/")
    wanted = Wanted(tuple(pins), "version", index, lambda files, _python: files[0])
    edits = plan_edits({path: data}.get, [path], wanted)
    (planned,) = edits.edits
    if len(planned.pins) != OURS:
        raise SystemExit(f"{len(planned.pins)} of {OURS} were pinned")


def median(action: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        forget()
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    missed = 0
    text = conda().decode()
    base = median(lambda: list(yaml.compose_all(text, Loader=yaml.CSafeLoader)), rounds)
    print(f"{'parse the YAML once':22} {base * 1000:7.1f} ms  {len(text) / 1e6:.2f} MB")
    for path, data in (("conda.yml", conda()), ("requirements.txt", requirements())):
        taken = median(lambda path=path, data=data: edit(path, data, "9.9.9"), rounds)  # type: ignore[misc]
        missed += taken > SECONDS
        print(
            f"edit {path:17} {taken * 1000:7.1f} ms  at most {SECONDS * 1000:.0f}"
            f"{': missed' if taken > SECONDS else ''}  {taken / base:5.2f} x"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

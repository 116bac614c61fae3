"""How much longer 30 definitions that share an index take to rehearse than one, in one run.

    python benchmarks/rehearse.py [ROUNDS]

All name the same ten packages of an index over HTTP and three of their own, so that no two ask the
same: those that do are resolved once, and cost nothing more. The index is a process of its own, and
answers after 50 ms, as one on the internet does, and then at once. uv's cache is empty each time.
What all require is read once. What is left is a uv for each definition, which takes about 15 ms of
a processor even where the cache has everything: half a second for 30 on two processors, whatever
the network. Beside an index that answers at once, where one definition takes 0.15 s, that is a
multiple, and no other order of things would make it less. Prints medians; ends with 1 where a bound
is missed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wheelstep.rehearsal.interface import Subject
from wheelstep.rehearsal.resolve import errors_of, rehearse

MANY = 30
BOUNDS = {0.05: 3.5, 0.0: 5.5}
"""Seconds that the index takes to answer -> how many times longer, at most, on two processors."""
SHARED, OWN = 10, 3


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, delay: float, *args: Any, **more: Any) -> None:
        self.delay = delay
        super().__init__(*args, **more)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        time.sleep(self.delay)
        super().do_GET()

    def do_HEAD(self) -> None:
        time.sleep(self.delay)
        super().do_HEAD()


def make_index(root: Path) -> None:
    """Write wheels and their pages."""
    names = [f"shared-{number}" for number in range(SHARED)]
    names += [f"own-{number}" for number in range(MANY * OWN)]
    for name in names:
        module = name.replace("-", "_")
        folder = root / "simple" / name
        folder.mkdir(parents=True)
        links = []
        for version in ("1.0", "1.1"):
            file = folder / f"{module}-{version}-py3-none-any.whl"
            info = f"{module}-{version}.dist-info"
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(
                    f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                )
                archive.writestr(
                    f"{info}/WHEEL",
                    "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                )
                archive.writestr(f"{info}/RECORD", "")
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            links.append(f'<a href="{file.name}#sha256={digest}">{file.name}</a>')
        (folder / "index.html").write_text("<!DOCTYPE html>\n" + "\n".join(links))


def subjects(url: str, count: int) -> list[Subject]:
    shared = [f"shared-{number}==1.{number % 2}" for number in range(SHARED)]
    return [
        Subject(
            f"envs/{number}.yml",
            (f"--index-url {url}", *shared, *(f"own-{number * OWN + at}" for at in range(OWN))),
            "3.10",
        )
        for number in range(count)
    ]


def measure(url: str, count: int) -> float:
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "UV_CACHE_DIR": f"{home}/uv",  # empty: as on a fresh machine
            "PIP_CONFIG_FILE": os.devnull,
        }
        start = time.perf_counter()
        verdicts = rehearse(
            subjects(url, count),
            wheels=(),
            platform="x86_64-manylinux_2_28",
            environment=environment,
            read={}.get,
            released=["shared-0"],
            published=[url],  # so that it counts as ours
            no_public=True,
            parallel=8,  # as a release does
        )
        taken = time.perf_counter() - start
    if errors_of(verdicts) or {one.status for one in verdicts} != {"resolved"}:
        raise SystemExit(f"not resolved: {verdicts[0]}")
    return taken


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


def serve(folder: str, delay: str) -> None:
    """Serve until this process is ended, and print the port."""
    handler = functools.partial(Handler, float(delay), directory=folder)
    with Server(("127.0.0.1", 0), handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


@contextlib.contextmanager
def served(folder: str, delay: float) -> Iterator[str]:
    """Serve an index by a process of its own, whose work is none of what is measured."""
    command = [sys.executable, __file__, "serve", folder, str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline()) if server.stdout else 0
            yield f"http://127.0.0.1:{port}/simple/"
        finally:
            server.kill()


def main() -> int:
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        make_index(Path(folder))
        for delay, bound in BOUNDS.items():
            times: dict[int, list[float]] = {1: [], MANY: []}
            with served(folder, delay) as url:
                measure(url, 1)  # imports
                for _ in range(rounds):
                    for count, taken in times.items():
                        taken.append(measure(url, count))
            one, many = (statistics.median(taken) for taken in times.values())
            missed += many / one > bound
            print(
                f"answers after {delay * 1000:2.0f} ms: 1 definition {one:4.2f} s, "
                f"{MANY} definitions {many:4.2f} s: {many / one:4.2f} x  at most {bound}"
                f"{': missed' if many / one > bound else ''}"
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""How long publishing takes, beside `twine upload` and `uv publish`, in one run.

    python benchmarks/publish.py [ROUNDS] [CASE...]

Whole commands, start-up included, each with bytecode caches, as installed tools have them, and each
to an empty feed of benchmarks/quick_feed.py, a process of its own. The peers send files. wheelstep
checks every wheel against its RECORD and for secrets, looks whether the version is there, sends,
waits until the feed lists the hash, and reads every file back: that is what its defaults cost, and
`read-back none` leaves the last of it out. Prints medians, their ratios to the faster peer, and the
most memory a process had at once; ends with 1 where a bound is missed.

Seen last, on two processors, as ratios to the faster of twine and uv:
300 wheels of 300 packages with 100 ms for each answer 0.16 (bound 0.2), 3 wheels of 200 MB without
latency 1.00 (bound 1.1); in 60 MB of memory, whatever the wheels' size. 300 wheels of 50 KB without
latency took 6.3 times as long as uv (2.5 s beside 0.4), 30 packages with 10 wheels each 4.4 times,
and 3.7 and 2.3 times as long as twine: bounds that are not met. uv has sent all of them before a
Python has imported what it takes to look into a wheel; what is left here is 900 requests of
requests' adapter, 0.3 ms of a processor each, and 1.5 ms for the inspection of each wheel.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TOKEN: Final = "a-token-of-the-benchmark"  # noqa: S105 - of a server that accepts any
BIN: Final = Path(sys.executable).parent
PEERS: Final = ("twine", "uv")


@dataclass(frozen=True)
class Case:
    """What is published."""

    packages: int
    wheels: int
    """Of each package."""
    size: int
    """Bytes of one."""
    latency: float
    """Seconds before every answer."""
    bound: float
    """How long the defaults may take, as a ratio to the faster peer."""

    def __str__(self) -> str:
        count = f"{self.packages * self.wheels} wheels of {self.packages} packages"
        return (
            f"{count}, {self.size / 1000:,.0f} KB each, answers after {self.latency * 1000:.0f} ms"
        )


CASES: Final = {
    "latency": Case(300, 1, 50_000, 0.1, 0.2),
    "latency-tags": Case(30, 10, 50_000, 0.1, 0.2),
    "small": Case(300, 1, 50_000, 0, 1.1),
    "small-tags": Case(30, 10, 50_000, 0, 1.1),
    "large": Case(3, 1, 200_000_000, 0, 1.1),
}


def main() -> int:
    if sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]), *map(int, sys.argv[3:]))
        return 0
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    missed = 0
    for case in [CASES[name] for name in sys.argv[2:]] or CASES.values():
        with tempfile.TemporaryDirectory() as folder, made(Path(folder), case) as place:
            missed += measured(place, case, rounds)
    return 1 if missed else 0


def measured(place: Place, case: Case, rounds: int) -> bool:
    """Measure a case and print it; return whether its bound was missed."""
    runs: dict[str, list[Ran]] = {name: [] for name in ("twine", "uv", "wheelstep", "no read-back")}
    for number in range(rounds + 1):
        # in turn, so that a machine that slows down slows all of them; the first round warms up
        for name, done in runs.items():
            ran = place.run(name, f"{name.replace(' ', '-')}-{number}")
            if number:
                done.append(ran)
    middle = {name: statistics.median(one.seconds for one in done) for name, done in runs.items()}
    best = min(middle[name] for name in PEERS)
    print(case)
    for name, done in runs.items():
        bound = f"  at most {case.bound}" if name == "wheelstep" else ""
        verdict = ": missed" if bound and middle[name] / best > case.bound else ""
        print(
            f"  {name:13} {middle[name]:6.2f} s ({min(one.seconds for one in done):.2f} to "
            f"{max(one.seconds for one in done):.2f})  {middle[name] / best:5.2f} x"
            f"  {statistics.median(one.processor for one in done):5.2f} s of a processor"
            f"  {max(one.memory for one in done) / 1e6:4.0f} MB{bound}{verdict}",
            flush=True,
        )
    return middle["wheelstep"] / best > case.bound


@dataclass(frozen=True)
class Ran:
    """What one command cost."""

    seconds: float
    processor: float
    """Seconds of a processor, children included."""
    memory: float
    """Bytes, at its most."""


@dataclass(frozen=True)
class Place:
    """A repository with its wheels in `dist`, and a server."""

    root: Path
    port: int
    environment: Mapping[str, str]

    def run(self, tool: str, feed: str) -> Ran:
        """Publish everything to an empty feed; ends the benchmark where that fails."""
        base = f"http://127.0.0.1:{self.port}/o/{feed}/_packaging/f/pypi"
        wheels = sorted(str(path) for path in (self.root / "dist").glob("*.whl"))
        # without the lines that people read, as in a log that nobody opens
        commands: Mapping[str, Sequence[str]] = {
            "twine": ("twine", "upload", "--non-interactive", "--disable-progress-bar",
                      "--repository-url", f"{base}/upload/", *wheels),
            "uv": ("uv", "publish", "--no-progress", "--publish-url", f"{base}/upload/", *wheels),
            "wheelstep": ("wheelstep", "publish", "--publish-to", f"feed+{base}/simple/"),
            "no read-back": ("wheelstep", "publish", "--publish-to", f"feed+{base}/simple/",
                             "--read-back", "none"),
        }  # fmt: skip
        name, *arguments = commands[tool]
        start = time.perf_counter()
        with tempfile.TemporaryFile() as said:
            # wait4 tells of this one child: its memory would be lost among the others'
            process = subprocess.Popen(
                [str(BIN / name), *arguments],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            _, status, used = os.wait4(process.pid, 0)
            taken = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise SystemExit(f"{tool} failed:\n{said.read().decode()[-4000:]}")
        return Ran(taken, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


@contextlib.contextmanager
def made(folder: Path, case: Case) -> Iterator[Place]:
    """Make a repository and its wheels, and serve a feed."""
    root = folder / "repository"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TWINE_USERNAME": "any",
        "TWINE_PASSWORD": TOKEN,
        "UV_PUBLISH_USERNAME": "any",
        "UV_PUBLISH_PASSWORD": TOKEN,
        "UV_KEYRING_PROVIDER": "disabled",
        "WHEELSTEP_FEED_TOKEN": TOKEN,
    }
    # by a process of its own: a child's peak of memory begins with that of its parent
    numbers = [str(number) for number in (case.packages, case.wheels, case.size)]
    subprocess.run([sys.executable, __file__, "make", str(root), *numbers], check=True)
    (root / "wheelstep.toml").write_text('packages = ["packages/*"]\n')
    (root / ".gitignore").write_text("/dist/\n")
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=start"],
    ):
        subprocess.run(["git", *command], cwd=root, env=environment, check=True)
    server = [
        sys.executable, str(Path(__file__).with_name("quick_feed.py")), str(root / "dist"),
        str(case.latency),
    ]  # fmt: skip
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline()) if process.stdout else 0
            yield Place(root, port, environment)
        finally:
            process.kill()


def make(root: Path, packages: int, wheels: int, size: int) -> None:
    """Write packages and their wheels."""
    (root / "dist").mkdir(parents=True)
    chance = random.Random(1)  # noqa: S311 - filling, the same in every run
    for number in range(packages):
        name = f"acme-{number}"
        project = root / "packages" / name / "pyproject.toml"
        project.parent.mkdir(parents=True)
        project.write_text(f'[project]\nname = "{name}"\nversion = "1.0"\n')
        for tag in range(wheels):
            python = "py3-none-any" if wheels == 1 else f"cp3{tag}-cp3{tag}-linux_x86_64"
            write_wheel(root / "dist", name.replace("-", "_"), python, size, chance)


def write_wheel(dist: Path, module: str, tag: str, size: int, chance: random.Random) -> None:
    """Write a wheel of about `size` bytes that do not get smaller by compression."""
    info = f"{module}-1.0.dist-info"
    half = chance.randbytes(size // 2)
    members = {
        f"{module}/__init__.py": b"",
        f"{module}/data.bin": half,
        f"{module}/more.bin": half[::-1],
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\n"
        "Version: 1.0\nRequires-Python: >=3.8\nRequires-Dist: numpy\n\nFor a benchmark.\n".encode(),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: benchmark\nRoot-Is-Purelib: true\n"
        f"Tag: {tag}\n".encode(),
    }
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    file = dist / f"{module}-1.0-{tag}.whl"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())

"""What a mirror costs, beside the storage SDK and beside tools that write an index, in one run.

    python benchmarks/mirror.py [CASE...]     # small, large, growth, memory

The store is Azurite, the vendor's emulator, on this machine; with latency, every answer of it waits
on a line of its own (benchmarks/slow_line.py).

small   200 wheels of 1 MB of one project, beside a pool of 16 threads that send the same files with
        the SDK: each wheel, and then its METADATA. "wheels only" leaves the second out, and with it
        half of the requests: what it takes tells of the store, which is one process.
large   5 wheels of 100 MB, beside the SDK one after another, as `upload_blob` does it by itself.
growth  one more version in a mirror of 10 and of 10,000 projects: its requests, the bytes that it
        writes and what it takes in a process that is at work already, beside dumb-pypi and
        simple503 in the same way, which write to a folder and have sent nothing anywhere yet.
memory  one wheel of 1 GB: the most that the process has at once.

Ends with 1 where a bound is missed.

Seen last, on two processors. small: 1.00 times the pool's time, and 0.97 with latency (bound 1);
beside the wheels alone 1.4 and 1.35, for the emulator is busy with the METADATA for a third of the
time. large: 0.20 of the SDK's time, and 0.35 with latency (bound 0.6). growth: 5 requests and the
same 9,909 bytes in both mirrors, 25 ms of a processor; dumb-pypi takes 175 times, simple503 454
times as much (bound 100), and by the clock 111 and 278 times. memory: 55 MB (bound 150).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

if TYPE_CHECKING:
    from wheelstep.destinations.blob_mirror import BlobMirror

LATENCIES: Final = (0.0, 0.04)
"""Seconds before each answer."""
ROUNDS: Final = 3
GROWN: Final = (10, 10_000)
"""Projects in a mirror."""
POOL: Final = 16
MOST_REQUESTS: Final = 5
CHEAPER: Final = 100
"""Times, than an update of the peers' in the larger mirror."""
MOST_MEMORY: Final = 150e6
"""Bytes."""


@dataclass(frozen=True)
class Ran:
    """What one process cost."""

    seconds: float
    """Of its work, without its start."""
    processor: float
    memory: float
    """Bytes, at its most."""


def main(cases: Sequence[str]) -> int:
    known: dict[str, Callable[[Path], bool]] = {
        "small": lambda place: transfers(place, 200, 1_000_000, "pool", 1.0),
        "large": lambda place: transfers(place, 5, 100_000_000, "sequential", 0.6),
        "growth": growth,
        "memory": memory,
    }
    missed = 0
    for case in cases or known:
        with tempfile.TemporaryDirectory() as place:
            missed += not known[case](Path(place))
    return 1 if missed else 0


# -- transfers


def transfers(place: Path, count: int, size: int, peer: str, bound: float) -> bool:
    """Measure both in turn; return whether the bound holds."""
    child("make", str(place / "dist"), str(count), str(size))
    held = True
    for latency in LATENCIES:
        runs: dict[str, list[Ran]] = {peer: [], "wheelstep": []}
        if peer == "pool":
            runs["wheels only"] = []
        for number in range(ROUNDS + 1):
            for name, done in runs.items():
                # a store of its own for each, which keeps what is deleted, too
                with tempfile.TemporaryDirectory() as files, served(Path(files), latency) as url:
                    ran = child(name, url, str(place / "dist"))
                if number:  # the first one warms up
                    done.append(ran)
        middle = {name: statistics.median(one.seconds for one in done)
                  for name, done in runs.items()}  # fmt: skip
        ratio = middle["wheelstep"] / middle[peer]
        print(f"{count} wheels of {size // 1_000_000} MB, answers after {latency * 1000:.0f} ms")
        for name, done in runs.items():
            tail = f"  {ratio:.2f} x, at most {bound}" if name == "wheelstep" else ""
            spread = f"{min(one.seconds for one in done):.2f} to "
            print(
                f"  {name:11} {middle[name]:6.2f} s ({spread}"
                f"{max(one.seconds for one in done):.2f})"
                f"  {statistics.median(one.processor for one in done):5.2f} s of a processor"
                f"  {max(one.memory for one in done) / 1e6:4.0f} MB{tail}"
                f"{': missed' if tail and ratio > bound else ''}",
                flush=True,
            )
        held &= ratio <= bound
    return held


def memory(place: Path) -> bool:
    """Measure the peak of a large wheel; return whether the bound holds."""
    child("make", str(place / "dist"), "1", str(1_000_000_000))
    with served(place / "store", 0) as url:
        ran = child("wheelstep", url, str(place / "dist"))
    held = ran.memory < MOST_MEMORY
    print(
        f"a wheel of 1 GB: {ran.memory / 1e6:.0f} MB at most, bound 150 MB"
        f"{'' if held else ': missed'}; {ran.seconds:.1f} s"
    )
    return held


# -- growth


def growth(place: Path) -> bool:
    """Add versions to mirrors of several sizes; return whether the bounds hold."""
    peers = interpreter(place / "venv")
    ours: dict[int, dict[str, float]] = {}
    theirs: dict[int, dict[str, list[list[float]]]] = {}
    for projects in GROWN:
        folder = place / str(projects)
        child("fill", str(folder / "dist"), str(projects))
        (folder / "work").mkdir()
        theirs[projects] = json.loads(
            subprocess.run(
                [str(peers), str(ROOT / "benchmarks" / "mirror_peers.py"),
                 *(str(folder / part) for part in ("dist", "new", "work"))],
                check=True, stdout=subprocess.PIPE,
            ).stdout.splitlines()[-1]
        )  # fmt: skip
        with served(folder / "store", 0) as url:
            said = subprocess.run(
                [sys.executable, __file__, "child", "grow", url, str(folder / "dist")],
                check=True,
                stdout=subprocess.PIPE,
            )
            ours[projects] = json.loads(said.stdout.splitlines()[-1])
    held = True
    small, large = (ours[projects] for projects in GROWN)
    for projects, one in ours.items():
        print(
            f"one more version among {projects:,} projects: {one['requests']:.0f} requests,"
            f" {one['written']:,.0f} bytes written, {one['seconds'] * 1000:.1f} ms,"
            f" {one['processor'] * 1000:.1f} ms of a processor",
            flush=True,
        )
        held &= one["requests"] <= MOST_REQUESTS
        for name, runs in theirs[projects].items():
            seconds, processor = (statistics.median(run[part] for run in runs) for part in (0, 1))
            ratio = processor / one["processor"]
            print(
                f"  {name:10} {seconds * 1000:8.1f} ms, {processor * 1000:8.1f} ms of a processor:"
                f" {seconds / one['seconds']:6.1f} x and {ratio:6.1f} x"
                + (f", at least {CHEAPER}" if projects == GROWN[-1] else "")
            )
            held &= ratio >= CHEAPER or projects != GROWN[-1]
    held &= large["written"] <= small["written"] * 1.1
    return held


def interpreter(place: Path) -> Path:
    """Make an environment with the peers, and return its Python."""
    uv = [sys.executable, "-m", "uv"]
    python = place / "bin" / "python"
    locked = str(ROOT / "requirements" / "mirror-peers.txt")
    subprocess.run([*uv, "venv", "--quiet", str(place)], check=True)
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes",
         "--requirement", locked],
        check=True,
    )  # fmt: skip
    return python


# -- what runs in a process of its own


@contextlib.contextmanager
def served(folder: Path, latency: float) -> Iterator[str]:
    """Run a store with an empty container; gives the account's URL."""
    from tests.servers.azurite import azurite

    with azurite(folder) as store:
        store.container("wheels")
        if not latency:
            yield store.url
            return
        url = urlsplit(store.url)
        line = [sys.executable, str(ROOT / "benchmarks" / "slow_line.py"),
                str(url.hostname), str(url.port), str(latency)]  # fmt: skip
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
            try:
                port = int(process.stdout.readline()) if process.stdout else 0
                yield f"http://127.0.0.1:{port}{url.path}"
            finally:
                process.kill()


def child(*arguments: str) -> Ran:
    """Run this script for one job, in a process whose memory is its own."""
    with subprocess.Popen(
        [sys.executable, __file__, "child", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - as it was asked for
        said = process.stdout.read()
        # wait4 tells of this one child: its memory would be lost among the others'
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} failed")
    took = json.loads(said.splitlines()[-1]) if said else {"seconds": 0, "processor": 0}
    return Ran(took["seconds"], took["processor"], used.ru_maxrss * 1024)


def measured(work: Callable[[], object]) -> dict[str, float]:
    start, used = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - start, "processor": time.process_time() - used}


def do(job: str, *arguments: str) -> None:
    if job == "make":
        make(Path(arguments[0]), int(arguments[1]), int(arguments[2]))
    elif job == "fill":
        fill(Path(arguments[0]), int(arguments[1]))
    elif job == "grow":
        grow(arguments[0], Path(arguments[1]))
    elif job == "wheelstep":
        start()
        files = wheels(Path(arguments[1]))
        place = mirror(arguments[0])
        print(json.dumps(measured(lambda: publish(place, files))))
    else:
        files = sorted(Path(arguments[1]).glob("*.whl"))
        threads = 1 if job == "sequential" else POOL
        work = sdk(arguments[0], files, threads, beside=job == "pool")
        print(json.dumps(measured(work)))


def sdk(url: str, files: Sequence[Path], threads: int, *, beside: bool) -> Callable[[], None]:
    """The SDK as it is, with what it does by itself."""
    import requests
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient
    from requests.adapters import HTTPAdapter

    from tests.servers.azurite import ACCOUNT, KEY

    # it keeps ten connections of a host by itself, which a pool of sixteen threads would throw away
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=POOL))
    client = ContainerClient(
        url, "wheels", credential=AzureNamedKeyCredential(ACCOUNT, KEY),
        transport=RequestsTransport(session=session, session_owner=False),
    )  # fmt: skip

    def send(file: Path) -> None:
        name = f"simple/acme-core/{file.name}"
        with file.open("rb") as stream:
            client.upload_blob(name, stream, overwrite=False)
        if beside:
            with zipfile.ZipFile(file) as archive:
                (member,) = (one for one in archive.namelist() if one.endswith("/METADATA"))
                client.upload_blob(f"{name}.metadata", archive.read(member), overwrite=False)

    def work() -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(send, files):
                pass

    return work


def start() -> None:
    """Import what ours imports where it uses it: the SDK's own job has it before it is timed."""
    names = ("azure.storage.blob", "azure.core.pipeline.transport", "requests.adapters",
             "wheelstep.destinations.publish", "wheelstep.packages.content")  # fmt: skip
    for name in names:
        importlib.import_module(name)


def mirror(url: str) -> BlobMirror:
    from tests.destinations.mirror_kit import mirror_at

    return mirror_at(url, "wheels", prefix="")


def wheels(dist: Path) -> list[Any]:
    """As a build hands them over."""
    import hashlib

    from wheelstep.model import Wheel

    found = []
    for path in sorted(dist.glob("*.whl")):
        name, version, *_ = path.name.split("-")
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        found.append(
            Wheel(file=path.name, name=name.replace("_", "-"), version=version, sha256=sha256,
                  content=sha256, size=path.stat().st_size, requires_python=">=3.8", path=path)
        )  # fmt: skip
    return found


def publish(place: BlobMirror, files: Sequence[Any]) -> None:
    from wheelstep.destinations.publish import publish as published
    from wheelstep.packages.content import content_hash

    with tempfile.TemporaryDirectory() as work:
        published(files, [place], content_of=content_hash, work=Path(work), read_back="none")


def grow(url: str, dist: Path) -> None:
    """Fill a mirror, and add versions to one of its projects."""
    from tests.destinations.mirror_kit import mirror_at
    from tests.servers.blob_proxy import between
    from wheelstep.destinations.mirror_root import BLOB_FORM, add_to_root

    there = wheels(dist)
    place = mirror(url)
    *others, core = there if there[-1].name == "acme-core" else [*there[1:], there[0]]

    def stored(wheel: Any) -> None:
        # what the next publisher would find of a project: its wheel and its page
        folder = f"simple/{wheel.name}"
        settings = {"kind": "application/octet-stream", "cache": "no-cache"}
        place.store.create(f"{folder}/{wheel.file}", b"", **settings, notes={"sha256": "0" * 64})
        place.store.create(f"{folder}/", b"", **settings, notes={"sha256": "0" * 64})

    with ThreadPoolExecutor(POOL) as pool:
        for _ in pool.map(stored, others):
            pass
    add_to_root(place.store, BLOB_FORM, [wheel.name for wheel in others])
    publish(place, [core])
    took = []
    for number in range(1, 2 * ROUNDS + 2):
        (added,) = wheels_of(dist.parent / "new", f"1.{number}")
        if number > 1:  # the first one opens its connection
            # what a run of its own has: nothing is known of the mirror
            fresh = mirror(url)
            fresh.store.names("simple/acme-core")
            took.append(measured(lambda w=added, p=fresh: publish(p, [w])))  # type: ignore[misc]
        else:
            publish(place, [added])
    with between(url) as middle:
        (added,) = wheels_of(dist.parent / "new", "2.0")
        publish(mirror_at(middle.url, "wheels", prefix=""), [added])
    print(
        json.dumps(
            {
                "requests": len(middle.seen),
                "written": sum(one.size for one in middle.seen),
                **{key: statistics.median(one[key] for one in took) for key in took[0]},
            }
        )
    )


def wheels_of(folder: Path, version: str) -> list[Any]:
    write_wheel(folder / version, "acme_core", version, 1000)
    return wheels(folder / version)


# -- wheels


def fill(dist: Path, projects: int) -> None:
    """Write one small wheel of each project."""
    for number in range(projects - 1):
        write_wheel(dist, f"other_{number}", "1.0", 100)
    write_wheel(dist, "acme_core", "1.0", 100)
    for number in range(ROUNDS):
        write_wheel(dist.parent / "new", "acme_core", f"1.{number + 100}", 100)


def make(dist: Path, count: int, size: int) -> None:
    """Write wheels of one project."""
    for number in range(count):
        write_wheel(dist, "acme_core", f"1.{number}", size)


def write_wheel(dist: Path, module: str, version: str, size: int) -> None:
    """Write a wheel of about `size` bytes that do not get smaller by compression."""
    dist.mkdir(parents=True, exist_ok=True)
    info = f"{module}-{version}.dist-info"
    chance = random.Random(version)  # noqa: S311 - filling, the same in every run
    with zipfile.ZipFile(dist / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        with archive.open(f"{module}/data.bin", "w", force_zip64=True) as out:
            for start in range(0, size, 1 << 20):
                out.write(chance.randbytes(min(1 << 20, size - start)))
        name = module.replace("_", "-")
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            "Requires-Python: >=3.8\nRequires-Dist: numpy\n\nFor a benchmark.\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{info}/RECORD,,\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        do(*sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))

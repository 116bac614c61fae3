"""How long publishing to a blob mirror takes, beside the storage SDK and two generators of indexes,
in one run, against Azurite.

    python benchmarks/mirror.py [CASE...]      # small, large, one-more, memory

Ours is everything that a run does to the mirror (list, wheel, metadata, both pages); the SDK's is
`upload_blob` alone. The generators (dumb-pypi, simple503) are called in a process that has imported
them, and add one wheel to an index of a folder. Prints ratios; ends with 1 where a bound is missed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.destinations.mirror_kit import mirror_at  # noqa: E402
from tests.servers.azurite import ACCOUNT, KEY, Azurite, azurite  # noqa: E402
from tests.servers.blob_proxy import between  # noqa: E402
from wheelstep.destinations.jobs import in_parallel  # noqa: E402
from wheelstep.model import Wheel  # noqa: E402

POOL: Final = 16
LATENCY: Final = 0.04
PROJECTS: Final = 10_000
ROUNDS: Final = 3
missed: list[str] = []


def main(cases: Sequence[str]) -> int:
    if cases[:1] == ["worker"]:
        worker(*cases[1:])
        return 0
    known: dict[str, Callable[[Path], None]] = {
        "small": small, "large": large, "one-more": one_more, "memory": memory,
    }  # fmt: skip
    for name in cases or known:
        with tempfile.TemporaryDirectory(prefix="mirror-benchmark-") as place:
            known[name](Path(place))
    for one in missed:
        print(f"MISSED: {one}")
    return 1 if missed else 0


def said(what: str, ratio: float, bound: float, detail: str) -> None:
    print(f"{what}: {ratio:.2f} (bound {bound:g}); {detail}", flush=True)
    if ratio > bound:
        missed.append(f"{what}: {ratio:.2f}, bound {bound:g}")


# --- 200 wheels of 1 MB, and 5 of 100 MB


def small(place: Path) -> None:
    wheels = [made(place, "acme-small", f"1.{number}", 1_000_000) for number in range(200)]
    for latency in (0.0, LATENCY):
        ours, theirs = beside(place / f"s{latency}", wheels, latency, pool=POOL)
        what = f"200 wheels of 1 MB, {latency * 1000:.0f} ms, beside a pool of {POOL} of the SDK"
        said(what, ours / theirs, 1.0, f"{ours:.2f} s and {theirs:.2f} s")


def large(place: Path) -> None:
    wheels = [made(place, "acme-large", f"1.{number}", 100_000_000) for number in range(5)]
    for latency in (0.0, LATENCY):
        ours, theirs = beside(place / f"l{latency}", wheels, latency, pool=1)
        what = f"5 wheels of 100 MB, {latency * 1000:.0f} ms, beside the SDK one after the other"
        said(what, ours / theirs, 0.6, f"{ours:.2f} s and {theirs:.2f} s")


def beside(
    place: Path, wheels: Sequence[Wheel], latency: float, *, pool: int
) -> tuple[float, float]:
    """Return our best time and the SDK's."""
    place.mkdir()
    ours, theirs = [], []
    with azurite(place / "store") as store, late(store, latency) as url:
        for number in range(ROUNDS):
            store.container(f"sdk{number}")
            store.container(f"ours{number}")
            theirs.append(timed(lambda n=number: by_sdk(url, f"sdk{n}", wheels, pool)))  # type: ignore[misc]
            ours.append(timed(lambda n=number: by_us(url, f"ours{n}", wheels)))  # type: ignore[misc]
    return min(ours), min(theirs)


def timed(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def by_sdk(url: str, container: str, wheels: Sequence[Wheel], pool: int) -> None:
    from azure.storage.blob import BlobServiceClient

    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={url};"
    )
    client = BlobServiceClient.from_connection_string(connection).get_container_client(container)

    def upload(wheel: Wheel) -> None:
        assert wheel.path is not None
        with wheel.path.open("rb") as stream:
            client.upload_blob(f"simple/{wheel.name}/{wheel.file}", stream)

    with ThreadPoolExecutor(pool) as workers:
        list(workers.map(upload, wheels))


def by_us(url: str, container: str, wheels: Sequence[Wheel]) -> None:
    mirror = mirror_at(url, container)
    names = sorted({wheel.name for wheel in wheels})
    mirror.look(names)
    in_parallel([lambda w=wheel: mirror.put(w) for wheel in wheels], POOL)  # type: ignore[misc]
    mirror.finish(names)


# --- one version more in a mirror of many projects


def one_more(place: Path) -> None:
    peers = place / "peers"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--target"]
    lock = ROOT / "requirements" / "mirror-peers.txt"
    subprocess.run([*command, str(peers), "-r", str(lock)], check=True)
    ours, sizes = {}, {}
    for projects in (10, PROJECTS):
        with azurite(place / f"store{projects}") as store:
            fill(store, projects)
            times = []
            for number in range(5):
                wheel = made(place, "project-1", f"{number + 2}.{projects}", 2_000)
                with between(store.url) as middle:
                    mirror = mirror_at(middle.url, "many")
                    times.append(timed(lambda m=mirror, w=wheel: add(m, w)))  # type: ignore[misc]
                    requests = len(middle.seen)
                    sizes[projects] = sum(one.size for one in middle.seen)
                if requests > 5:  # noqa: PLR2004
                    missed.append(f"{requests} requests for one version, bound 5")
            ours[projects] = sorted(times)[2]
            print(f"{projects} projects: {ours[projects] * 1000:.0f} ms, {requests} requests, "
                  f"{sizes[projects]} bytes written", flush=True)  # fmt: skip
    said(f"bytes written at {PROJECTS} beside 10 projects", sizes[PROJECTS] / sizes[10], 1.1, "")
    for peer in ("dumb-pypi", "simple503"):
        done = subprocess.run(
            [sys.executable, __file__, "worker", peer, str(place / peer), str(PROJECTS)],
            env={**os.environ, "PYTHONPATH": str(peers)},
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = float(done.stdout.split()[-1])
        said(
            f"one version more beside {peer} at {PROJECTS} projects",
            ours[PROJECTS] / seconds,
            0.01,
            f"{ours[PROJECTS] * 1000:.0f} ms and {seconds:.1f} s",
        )


def add(mirror: Any, wheel: Wheel) -> None:
    mirror.look([wheel.name])
    mirror.put(wheel)
    mirror.finish([wheel.name])


def fill(store: Azurite, projects: int) -> None:
    """Give a container this many projects with five versions each on their pages."""
    container = store.container("many")
    mirror = mirror_at(store.url, "many")
    with tempfile.TemporaryDirectory() as folder:
        wheels = [made(Path(folder), "project-1", f"1.{number}", 2_000) for number in range(5)]
        mirror.look(["project-1"])
        for wheel in wheels:
            mirror.put(wheel)
        mirror.finish(["project-1"])
    page = mirror.store.read("simple/project-1/") or b""
    twin = mirror.store.read("simple/project-1/index.json") or b""

    def one(number: int) -> None:
        folder = f"team/simple/project-{number}"
        container.upload_blob(f"{folder}/", page)
        container.upload_blob(f"{folder}/index.json", twin)

    with ThreadPoolExecutor(POOL) as workers:
        list(workers.map(one, range(2, projects + 1)))


def worker(peer: str, place: str, projects: str) -> None:
    """Add one wheel to an index of many projects, and print the seconds that it took; or publish
    one, and print the megabytes that were held at once."""
    if peer == "big":
        import resource

        by_us(place, "big", [known(projects)])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    folder = Path(place)
    folder.mkdir()
    names = [f"project-{number}" for number in range(int(projects))]
    if peer == "dumb-pypi":
        from dumb_pypi.main import main as build

        before, after = folder / "before.json", folder / "after.json"
        files = [f"{name.replace('-', '_')}-1.{version}-py3-none-any.whl"
                 for name in names for version in range(5)]  # fmt: skip
        before.write_text("".join(json.dumps({"filename": file}) + "\n" for file in files))
        more = [*files, "project_1-2.0-py3-none-any.whl"]
        after.write_text("".join(json.dumps({"filename": file}) + "\n" for file in more))
        common = ["--packages-url", "../../wheels", "--output-dir", str(folder / "out")]
        build(["--package-list-json", str(before), *common])
        options = ["--package-list-json", str(after), "--previous-package-list-json", str(before)]
        print(timed(lambda: build([*options, *common])))
        return
    from simple503 import make_simple

    wheels = folder / "wheels"
    for name in names:
        for version in range(5):
            made(wheels, name, f"1.{version}", 100)
    make_simple(wheels, folder / "out")
    made(wheels, "project-1", "2.0", 100)
    print(timed(lambda: make_simple(wheels, folder / "out")))


# --- memory


def memory(place: Path) -> None:
    """Publish a wheel of 1 GB in a process of its own."""
    with azurite(place / "store") as store:
        store.container("big")
        wheel = made(place, "acme-big", "1.0", 1_000_000_000)
        done = subprocess.run(
            [sys.executable, __file__, "worker", "big", store.url, str(wheel.path)],
            capture_output=True,
            text=True,
            check=True,
        )
    megabytes = int(done.stdout.split()[-1])
    said("a wheel of 1 GB, MB of memory over 150", megabytes / 150, 1.0, f"{megabytes} MB")


# --- what is measured with


def made(folder: Path, name: str, version: str, size: int) -> Wheel:
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    path = folder / f"{module}-{version}-py3-none-any.whl"
    info = f"{module}-{version}.dist-info"
    piece = os.urandom(min(size, 1 << 20))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        with archive.open(f"{module}/data.bin", "w", force_zip64=True) as out:
            for start in range(0, size, len(piece)):
                out.write(piece[: size - start])
    return known(str(path))


def known(path: str) -> Wheel:
    file = Path(path)
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    name, version, *_ = file.name.split("-")
    return Wheel(
        file.name, name.replace("_", "-"), version, sha256, "", file.stat().st_size, None, file
    )


@contextlib.contextmanager
def late(store: Azurite, latency: float) -> Iterator[str]:
    """Give the URL of a store whose answers come later by so many seconds: bytes are carried as
    they are, and the first ones of each answer wait."""
    if not latency:
        yield store.url
        return
    place = urlsplit(store.url)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)

    def carry(client: socket.socket) -> None:
        with client, socket.create_connection((place.hostname or "", place.port or 80)) as behind:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = False
            while True:
                for one in select.select([client, behind], [], [])[0]:
                    data = one.recv(1 << 18)
                    if not data:
                        return
                    if one is client:
                        asked = True
                        behind.sendall(data)
                        continue
                    if asked:
                        time.sleep(latency)
                        asked = False
                    client.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=carry, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{place.path}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

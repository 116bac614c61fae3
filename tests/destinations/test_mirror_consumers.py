"""What pip, old and new, and uv install from a mirror in a real store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.version import Version

from tests.destinations.mirror_kit import mirror_at, published
from tests.rehearsal.made import make_wheel
from tests.rehearsal.pips import environment, pins, unpacked
from tests.servers.azurite import Azurite
from tests.servers.blob_proxy import Between, between
from wheelstep.destinations.mirror_upkeep import yank
from wheelstep.model import Wheel

OLD = Path(__file__).parents[2] / "requirements" / "old-pips.txt"
NEWEST = {"20.3.4": (3, 11), "22.1.2": (3, 11), "23.2.1": (3, 12)}
"""Of the old pips: the newest Python on which each runs."""
PIPS = [version for version in pins(OLD) if sys.version_info[:2] <= NEWEST[version]]
READERS = [*PIPS, "current", "uv"]
WITH_METADATA = {"23.2.1", "current", "uv"}
"""Those that read METADATA beside a wheel (PEP 658)."""


@dataclass
class Mirror:
    """A mirror that anybody reads."""

    url: str
    """Its simple index."""
    links: str
    wheels: dict[str, Wheel]
    """"acme-core 1.0" -> it."""
    middle: Between
    cache: Path


@pytest.fixture(scope="module")
def mirror(emulator: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    dist = tmp_path_factory.mktemp("dist")
    emulator.container("consumers", public=True)
    with between(emulator.url) as middle:
        writes = mirror_at(middle.url, "consumers")
        wheels = [
            make_wheel(dist, "acme-core", "1.0", python=">=3.9"),
            make_wheel(dist, "acme-core", "1.1", python=">=3.9"),
            make_wheel(dist, "acme-core", "1.2", python=">=3.9"),
            make_wheel(dist, "acme-core", "2.0", python=">=3.99"),
            make_wheel(dist, "acme-app", "1.0+local.1", requires=["acme-core>=1"]),
        ]
        published(writes, *wheels)
        yank(writes, "acme-core", Version("1.2"), "broken")
        there = writes.look(["acme-core", "acme-app"])
        pinned = [
            one
            for files in there.values()
            for one in files
            if "-1.0-" in one.file or "local" in one.file
        ]
        links = writes.link("envs/train/conda.yml", pinned)
        assert links is not None
        yield Mirror(
            writes.consumer_url or "",
            links,
            {f"{wheel.name} {wheel.version}": wheel for wheel in wheels},
            middle,
            tmp_path_factory.mktemp("pips"),
        )


def installed(reader: str, mirror: Mirror, target: Path, *arguments: str) -> set[str]:
    """Install with one of the readers; return which versions are there then.

    Args:
        reader: One of `READERS`.
        mirror: Where from.
        target: Where to.
        arguments: What, and where from.
    """
    # pip of a mirror over http asks to be told that it may be trusted
    home = target.parent / "home"
    home.mkdir(exist_ok=True)
    own = environment(home)
    if reader == "uv":
        uv = str(Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv"))
        command = [uv, "pip", "install", "--no-cache", "--python", sys.executable]
    else:
        if reader != "current":
            own["PYTHONPATH"] = str(unpacked(reader, mirror.cache, OLD))
        command = [sys.executable, "-W", "ignore", "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*command, "--target", str(target), *arguments],
        env={name: value for name, value in own.items() if not name.startswith("UV_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info")}


@pytest.mark.parametrize("reader", READERS)
def test_an_index_for_every_pip_and_uv(reader: str, mirror: Mirror, tmp_path: Path) -> None:
    before = len(mirror.middle.seen)
    found = installed(reader, mirror, tmp_path / "site", "--index-url", mirror.url, "acme-app")
    # 1.2 is yanked, 2.0 is for another Python
    assert found == {"acme_app-1.0+local.1", "acme_core-1.1"}
    asked = [str(one).rpartition("/")[2] for one in mirror.middle.seen[before:]]
    metadata = "acme_core-1.1-py3-none-any.whl.metadata" in asked
    assert metadata == (reader in WITH_METADATA)
    assert not any("2.0" in name for name in asked)


@pytest.mark.parametrize("reader", READERS)
def test_a_page_of_links_for_every_pip_and_uv(reader: str, mirror: Mirror, tmp_path: Path) -> None:
    arguments = ("--no-index", "--find-links", mirror.links, "acme-app")
    found = installed(reader, mirror, tmp_path / "site", *arguments)
    assert found == {"acme_app-1.0+local.1", "acme_core-1.0"}


@pytest.mark.parametrize("reader", READERS)
def test_a_url_with_its_hash_for_every_pip_and_uv(
    reader: str, mirror: Mirror, tmp_path: Path
) -> None:
    wheel = mirror.wheels["acme-core 1.2"]
    url = f"{mirror.url}acme-core/{wheel.file}"
    direct = f"acme-core @ {url}#sha256={wheel.sha256}"
    found = installed(reader, mirror, tmp_path / "site", "--no-index", direct)
    assert found == {"acme_core-1.2"}
    wrong = f"acme-core @ {url}#sha256={'0' * 64}"
    with pytest.raises(AssertionError, match=r"(?i)hash"):
        installed(reader, mirror, tmp_path / "other", "--no-index", wrong)

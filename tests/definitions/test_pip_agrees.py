"""Real pip reads what was written: names, versions, hashes, extras, markers and indexes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.definitions.made import ALONE, FEED, INDEX, NATIVE, PURE, pin, url_of, wanted
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.interface import PinStyle
from wheelstep.definitions.requirements import Requirements
from wheelstep.model import Index

READER = """
import json, sys
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements

session = PipSession()
said = []
for file in sys.argv[1:]:
    scope = SearchScope.create(find_links=[], index_urls=["default"], no_index=False)
    finder = PackageFinder.create(
        link_collector=LinkCollector(session=session, search_scope=scope),
        selection_prefs=SelectionPreferences(allow_yanked=False),
    )
    found = []
    for line in parse_requirements(file, session, finder=finder):
        one = install_req_from_parsed_requirement(line)
        found.append({
            "name": one.name,
            "specifier": str(one.req.specifier),
            "extras": sorted(one.extras),
            "marker": str(one.markers) if one.markers else None,
            "url": one.link.url if one.link else None,
            "hashes": sorted(one.hash_options.get("sha256", [])),
        })
    said.append({"found": found, "indexes": finder.index_urls})
print(json.dumps(said))
"""

LINES = """\
numpy>=1
My_Pkg[b,a] ~= 1.0 ; python_version > "3.8"  # why
other==2 \\
    --hash=sha256:{hash}
"""
CASES: list[tuple[str, PinStyle, Index | None]] = [
    (LINES, "version", INDEX),
    (LINES, "version", ALONE),
    (LINES, "url", None),
    (LINES.replace("[b,a]", ""), "url", None),
    (LINES.replace("[b,a]", ""), "bare-url", None),
    ("-i https://one.example.org/simple\n" + LINES, "version", INDEX),
    (LINES + "--extra-index-url https://two.example.org/simple", "version", ALONE),
    (
        LINES.replace("  # why", " \\\n  --hash=sha256:{hash} \\\n  --hash=sha256:{hash}"),
        "version",
        INDEX,
    ),
]


def read_by_pip(files: list[Path]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", READER, *map(str, files)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def expected_indexes(before: list[str], case: tuple[str, PinStyle, Index | None]) -> list[str]:
    _, style, index = case
    if style != "version" or index is None:
        return before
    if index.public_upstream:
        return [FEED, *before[1:]]
    return [*before, FEED]


def test_pip_reads_what_was_meant(tmp_path: Path) -> None:
    files: list[Path] = []
    for number, (text, style, index) in enumerate(CASES):
        wish = wanted(pin(PURE, NATIVE), style=style, index=index)
        before = text.format(hash="a" * 64).replace("\n", "\r\n").encode()
        edited = Requirements().edit("r", before, wish).data
        for name, data in (("before", before), ("after", edited)):
            files.append(tmp_path / f"{number}-{name}.txt")
            files[-1].write_bytes(data)
    said = read_by_pip(files)
    hashes = [["0" * 64, "1" * 64]]
    for case, was, now in zip(CASES, said[::2], said[1::2], strict=True):
        ours, then = now["found"].pop(1), was["found"].pop(1)
        assert now["found"] == was["found"]
        assert now["indexes"] == expected_indexes(was["indexes"], case)
        assert (ours["marker"], then["marker"]) == ('python_version > "3.8"',) * 2
        assert ours["extras"] == then["extras"]
        assert ours["hashes"] == (hashes[0] if then["hashes"] else [])
        if case[1] == "version":
            assert (ours["name"], ours["specifier"], ours["url"]) == ("My_Pkg", "==1.1", None)
        else:
            fragment = "#sha256=" + "0" * 64 if case[1] == "url" else ""
            assert ours["url"] == url_of(PURE) + fragment


def test_pip_reads_the_lines_of_a_conda_file(tmp_path: Path) -> None:
    data = (
        b"dependencies:\n- pip:\n  - 'my-pkg[x] >= 1 ; python_version > \"3.8\"'\n"
        b"  - --index-url https://one.example.org/simple\n  - >-\n    numpy==1\n"
    )
    edit = Conda().edit("e.yml", data, wanted(index=INDEX))
    written = tmp_path / "r.txt"
    written.write_text("\n".join(Conda().read("e.yml", edit.data).sections[0].pip_lines))
    (said,) = read_by_pip([written])
    assert [(one["name"], one["specifier"]) for one in said["found"]] == [
        ("my-pkg", "==1.1"),
        ("numpy", "==1"),
    ]
    assert said["indexes"] == ["https://one.example.org/simple", FEED]


@pytest.mark.parametrize("style", ["version", "url", "bare-url"])
def test_pip_installs_what_was_pinned(style: PinStyle, tmp_path: Path) -> None:
    """A wheel of this test, found through a folder or named by its URL."""
    import base64
    import hashlib
    import zipfile

    wheel = tmp_path / PURE
    metadata = "Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.1\nProvides-Extra: x\n"
    members = {
        "my_pkg-1.1.dist-info/METADATA": metadata,
        "my_pkg-1.1.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    record = "my_pkg-1.1.dist-info/RECORD,,\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{name},sha256={digest.rstrip('=')},{len(text)}\n"
        archive.writestr("my_pkg-1.1.dist-info/RECORD", record)
    released = pin()
    released = type(released)(
        "my-pkg",
        "1.1",
        released.commit,
        (
            type(released.wheels[0])(
                PURE, "my-pkg", "1.1", hashlib.sha256(wheel.read_bytes()).hexdigest(), "", 1
            ),
        ),
        ((PURE, wheel.as_uri()),),
    )
    before = b"my-pkg[x] >=1 ; python_version > '3' --hash=sha256:" + b"a" * 64
    edit = Requirements().edit("r.txt", before, wanted(released, style=style))
    written = tmp_path / "r.txt"
    written.write_bytes(edit.data)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--no-deps",
            "--no-index",
            "--isolated",
            "--disable-pip-version-check",
            "--ignore-installed",
            "--target",
            str(tmp_path / "t"),
            "--require-hashes",
            "--find-links",
            str(tmp_path),
            "-r",
            str(written),
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install my-pkg-1.1" in done.stdout

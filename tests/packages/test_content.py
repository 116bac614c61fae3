from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages.wheel_kit import Builds, builds, package, tree, wheel
from wheelstep.errors import BuildFailed, CannotHere
from wheelstep.packages.content import content_hash, differing_members

PROJECT = """
[project]
name = "acme-tools"
version = "1.0"
description = "Tools of the Äcme company"
readme = "README.md"
license = {file = "LICENSE"}
requires-python = ">=3.9,<4"
keywords = ["tools", "acme"]
classifiers = ["Private :: Do Not Upload", "Programming Language :: Python :: 3"]
authors = [{name = "Ann Ä", email = "ann@example.org"}]
dependencies = ["requests>=2, <3", 'tomli>=1 ; python_version < "3.11"']

[project.optional-dependencies]
extra_one = ["Rich>=13"]

[project.urls]
Homepage = "https://example.org/"

[project.scripts]
zz-tool = "acme_tools:main"
aa-tool = "acme_tools:main"

[tool.flit.module]
name = "acme_tools"
"""

FILES = {
    "README.md": "# Tools\n\nFrom the \u00c4cme company.\n",
    "LICENSE": "All rights reserved, \u00c4cme.\n",
    "acme_tools/__init__.py": "def main():\n    print('hello')\n",
}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    with builds(tmp_path_factory.mktemp("content")) as made:
        yield made


def built(build: Builds, folder: str, tool: str, backend: str, *extra: str) -> Path:
    """Build the project with exactly these tools; return its wheel."""
    requires = ", ".join(f'"{one}"' for one in (tool, *extra))
    system = f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{backend}"\n'
    shutil.rmtree(build.repository, ignore_errors=True)
    tree(build.repository, {**FILES, "pyproject.toml": system + PROJECT})
    [made] = build(package("acme-tools"), dist=build.dist / folder)
    path = made.wheels[0].path
    assert path is not None
    assert content_hash(path) == made.wheels[0].content
    return path


@pytest.mark.parametrize(
    ("backend", "old", "new"),
    [
        ("setuptools.build_meta", ["setuptools==70.0.0", "wheel==0.43.0"], ["setuptools>=80"]),
        ("hatchling.build", ["hatchling==1.21.1", "packaging<26"], ["hatchling>=1.27"]),
        ("flit_core.buildapi", ["flit_core==3.4.0"], ["flit_core>=3.12"]),
    ],
    ids=["setuptools", "hatchling", "flit"],
)
def test_old_and_new_releases_of_a_back_end_give_the_same_content(
    build: Builds, backend: str, old: list[str], new: list[str]
) -> None:
    before = built(build, f"{backend}-old", old[0], backend, *old[1:])
    after = built(build, f"{backend}-new", new[0], backend)
    assert before.read_bytes() != after.read_bytes()
    assert differing_members(before, after) == []
    assert content_hash(before) == content_hash(after)


BASE = {"acme/__init__.py": "x = 1\n", "acme/run.sh": "#!/bin/sh\n"}
INFO = "acme-1.0.dist-info"


def metadata(text: str) -> dict[str, bytes | str]:
    return {**BASE, f"{INFO}/METADATA": text}


HEAD = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (HEAD, HEAD.replace("2.1", "2.4")),
        (HEAD, HEAD.replace("\n", "\r\n")),
        (HEAD + "Keywords: a,b\nHome-page: x\n", HEAD + "Home-page: x\nKeywords: a, b\n"),
        (HEAD + "License: MIT\n", HEAD + "License-Expression: MIT\nDynamic: license\n"),
        (HEAD + "Platform: UNKNOWN\n", HEAD),
        (HEAD, HEAD.replace("acme", "Acme").replace("1.0", "1.0.0").replace("1.0.0", "1.0")),
        (
            HEAD + "Requires-Dist: Foo_Bar (>=1,<2) ; extra == 'A_b'\nProvides-Extra: A_b\n",
            HEAD + 'Provides-Extra: a-b\nRequires-Dist: foo-bar<2,>=1; extra == "a-b"\n',
        ),
        (
            HEAD + "Description: first\n        \n          second\n",
            HEAD + "Description-Content-Type: \n\nfirst\n\n  second  \n\n",
        ),
        (HEAD + "Description: first\n       |second\n", HEAD + "\nfirst\nsecond"),
        (HEAD + "Summary: a\n   folded line\n", HEAD + "Summary: a folded line\n"),
        (HEAD + "Import-Name: acme\n", HEAD),
    ],
)
def test_layout_of_metadata_does_not_count(tmp_path: Path, one: str, two: str) -> None:
    first = wheel(tmp_path / "one", metadata(one))
    second = wheel(tmp_path / "two", metadata(two))
    assert content_hash(first) == content_hash(second)
    assert differing_members(first, second) == []


@pytest.mark.parametrize(
    ("one", "two", "field"),
    [
        (HEAD + "Requires-Dist: a>=1\n", HEAD + "Requires-Dist: a>=2\n", "Requires-Dist"),
        (HEAD + "Requires-Python: >=3.9\n", HEAD, "Requires-Python"),
        (HEAD + "Summary: a\n", HEAD + "Summary: b\n", "Summary"),
        (HEAD + "\nw\u00e4s\n", HEAD + "\nw\u00f6s\n", "Description"),
        (HEAD + "License: MIT\n", HEAD + "License-Expression: ISC\n", "License"),
        (HEAD + "Classifier: A\n", HEAD + "Classifier: A\nClassifier: B\n", "Classifier"),
        (HEAD + "Requires-Dist: not valid one\n", HEAD + "Requires-Dist: no\n", "Requires-Dist"),
    ],
)
def test_real_fields_of_metadata_count(tmp_path: Path, one: str, two: str, field: str) -> None:
    first = wheel(tmp_path / "one", metadata(one))
    second = wheel(tmp_path / "two", metadata(two))
    assert content_hash(first) != content_hash(second)
    assert differing_members(first, second) == [f"{INFO}/METADATA ({field})"]


def test_what_the_zip_and_the_tool_say_does_not_count(tmp_path: Path) -> None:
    first = wheel(tmp_path / "one", BASE)
    tag = "Tag: py3-none-any\nRoot-Is-Purelib: true\nGenerator: other\nWheel-Version: 1.0\n"
    other = {
        **dict(reversed(BASE.items())),
        "acme/": "",
        f"{INFO}/WHEEL": tag,
        f"{INFO}/RECORD": "",
        f"{INFO}/RECORD.jws": "signed",
    }
    second = wheel(tmp_path / "two", other, compression=zipfile.ZIP_STORED)
    assert content_hash(first) == content_hash(second)


def test_where_license_files_lie_does_not_count_but_their_text_does(tmp_path: Path) -> None:
    listed = HEAD + "License-File: legal/TERMS\n"
    flat = wheel(tmp_path / "1", {**metadata(listed), f"{INFO}/TERMS": "t", f"{INFO}/COPYING": "c"})
    nested = {f"{INFO}/licenses/legal/TERMS": "t", f"{INFO}/licenses/COPYING": "c"}
    deep = wheel(tmp_path / "2", {**metadata(HEAD), **nested})
    assert content_hash(flat) == content_hash(deep)
    other = {f"{INFO}/licenses/legal/TERMS": "u", f"{INFO}/licenses/COPYING": "c"}
    changed = wheel(tmp_path / "3", {**metadata(HEAD), **other})
    assert content_hash(changed) != content_hash(deep)
    names = differing_members(changed, deep)
    assert len(names) == 2
    assert all("licenses/legal/TERMS" in name and "only in" in name for name in names)


@pytest.mark.parametrize(
    "change",
    [
        {"acme/__init__.py": "x = 2\n"},
        {"acme/more.py": ""},
        {f"{INFO}/top_level.txt": "acme\n"},
        {f"{INFO}/entry_points.txt": "[console_scripts]\na = b:c\n"},
        {f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n"},
        {f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\n"},
    ],
)
def test_what_is_installed_counts(tmp_path: Path, change: dict[str, str]) -> None:
    first = wheel(tmp_path / "one", BASE)
    second = wheel(tmp_path / "two", {**BASE, **change})
    assert content_hash(first) != content_hash(second)
    [name] = differing_members(first, second)
    assert name.startswith(next(iter(change)))


def test_the_executable_bit_counts_but_not_for_scripts(tmp_path: Path) -> None:
    script = {**BASE, "acme-1.0.data/scripts/tool": "#!python\n"}
    first = wheel(tmp_path / "one", script)
    same = wheel(tmp_path / "two", script, executable=["acme-1.0.data/scripts/tool"])
    other = wheel(tmp_path / "three", script, executable=["acme/run.sh"])
    assert content_hash(first) == content_hash(same)
    assert content_hash(first) != content_hash(other)


def test_entry_points_count_by_what_they_say(tmp_path: Path) -> None:
    one = {**BASE, f"{INFO}/entry_points.txt": "[b]\nx = y:z\n\n[console_scripts]\nA=b:c\n\n"}
    two = {**BASE, f"{INFO}/entry_points.txt": "[console_scripts]\nA = b : c\n[b]\nx=y:z"}
    other = {**BASE, f"{INFO}/entry_points.txt": "[console_scripts]\na = b:c\n[b]\nx=y:z"}
    first = content_hash(wheel(tmp_path / "one", one))
    assert first == content_hash(wheel(tmp_path / "two", two))
    assert first != content_hash(wheel(tmp_path / "three", other))


def test_what_is_no_wheel_is_told(tmp_path: Path) -> None:
    (tmp_path / "a-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(BuildFailed, match="no readable zip"):
        content_hash(tmp_path / "a-1.0-py3-none-any.whl")
    with pytest.raises(CannotHere, match=r"b-1\.0"):
        content_hash(tmp_path / "b-1.0-py3-none-any.whl")
    with zipfile.ZipFile(tmp_path / "c.whl", "w") as archive:
        archive.writestr("c/__init__.py", "")
    with pytest.raises(BuildFailed, match=r"no \.dist-info"):
        content_hash(tmp_path / "c.whl")
    damaged = wheel(tmp_path, {"acme/a.bin": b"\0" * 4000}, compression=zipfile.ZIP_STORED)
    damaged.write_bytes(damaged.read_bytes().replace(b"\0" * 4000, b"\0" * 3999 + b"\1"))
    with pytest.raises(BuildFailed, match=r"acme/a\.bin cannot be read"):
        content_hash(damaged)
    broken = wheel(tmp_path / "deflated", {"acme/a.bin": bytes(range(256)) * 40})
    data = bytearray(broken.read_bytes())
    data[60:80] = b"\xff" * 20
    broken.write_bytes(data)
    with pytest.raises(BuildFailed, match=r"acme/a\.bin cannot be read"):
        content_hash(broken)

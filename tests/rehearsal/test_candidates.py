"""Where pip looks: ours, uv's in our order, and real pip's choice side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearsal.conftest import PLATFORM
from tests.rehearsal.made import make_index, make_wheel
from wheelstep.ground.public_index import PipIndexes, uv_environment, uv_index_variables
from wheelstep.ground.uv import compile_requirements, solved
from wheelstep.rehearsal.candidates import IndexOrder, index_order, options_of
from wheelstep.rehearsal.chosen import chosen, tag_order


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Four indexes, each with its own file of tie 1.0, and single 1.0 to 4.0."""
    root = tmp_path_factory.mktemp("indexes")
    found: dict[str, str] = {}
    for number, name in enumerate(("public", "also", "one", "two"), start=1):
        made = root / "files" / name
        found[name] = make_index(
            root / name,
            make_wheel(made, "tie", "1.0", note=name),
            make_wheel(made, "single", f"{number}.0"),
        )
    # best in the middle, so that no order alone explains the choice
    make_index(root / "also", make_wheel(root / "files/best", "single", "9.0"))
    found["links"] = make_wheel(root / "links", "tie", "1.0", note="links").file
    found["links"] = (root / "links").as_uri()
    return found


CASES = {
    "an extra one wins a tie over the public": ("--extra-index-url {one}",),
    "of two the last wins a tie": ("--extra-index-url {one}", "--extra-index-url {two}"),
    "extra before index is discarded": ("--extra-index-url {one}", "--index-url {two}"),
    "index, then extra": ("--index-url={two}", "--extra-index-url={one}"),
    "both in one line": ("--extra-index-url {one} -i {two}",),
    "two indexes": ("-i {one}", "-i {two}"),
    "after the packages": ("tie==1.0", "-i {one}"),
    "short forms": ("-i{one}", "-f {links}"),
    "no index": ("--no-index", "-f {links}", "--extra-index-url {one}", "-i {two}"),
    "find-links lose a tie": ("-f {links}",),
    "nothing": (),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pip_uv_and_we_agree(
    case: tuple[str, ...],
    indexes: dict[str, str],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    lines = [line.format(**indexes) for line in case] + ["tie==1.0", "single"]
    configured = {
        **environment,
        "PIP_INDEX_URL": indexes["public"],
        "PIP_EXTRA_INDEX_URL": indexes["also"],
    }
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    pip = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
            *("--no-deps", "--quiet", "--disable-pip-version-check", "--report", "-"),
            *("-r", "requirements.txt"),
        ],
        cwd=tmp_path,
        env=configured,
        capture_output=True,
        check=False,
    )
    theirs = None
    if pip.returncode == 0:
        theirs = {
            each["metadata"]["name"]: each["download_info"]["archive_info"]["hashes"]["sha256"]
            for each in json.loads(pip.stdout)["install"]
        }
    order = index_order(
        lines, PipIndexes(index_url=indexes["public"], extra_index_urls=(indexes["also"],))
    )
    done = compile_requirements(
        ["tie==1.0", "single"],
        python_version="3.11",
        platform=PLATFORM,
        environment=uv_environment(environment, PipIndexes())
        | uv_index_variables(order.index_urls, order.find_links),
        folder=tmp_path,
        options=["--format", "pylock.toml"],
    )
    ours = None
    if done.code == 0:
        tags = tag_order("3.11", PLATFORM)
        files = {each.name: chosen(each.files, tags) for each in solved(done)}
        ours = {name: file.sha256 for name, file in files.items() if file}
    assert ours == theirs
    assert (ours is None) == ("--no-index" in case)


def test_the_order_itself() -> None:
    public = PipIndexes(extra_index_urls=("https://also.invalid/",), find_links=("file:///x",))
    assert index_order(["left", "--extra-index-url U", "--trusted-host h"], public) == IndexOrder(
        (None, "https://also.invalid/", "U"), ("file:///x",), ("h",)
    )
    # what stands in for the public index goes with it
    assert index_order(["--index-url U"], public) == IndexOrder(("U",), ())
    assert index_order(["--no-index"], public).index_urls == ()


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("-rfile.txt", [("requirement", "file.txt")]),
        ("--index-url 'https://x/a b'", [("index-url", "https://x/a b")]),
        ("--pre --no-index", [("pre", ""), ("no-index", "")]),
        ("--unheard-of=1", [("", "--unheard-of=1")]),
    ],
)
def test_options(line: str, options: list[tuple[str, str]]) -> None:
    assert options_of(line) == options

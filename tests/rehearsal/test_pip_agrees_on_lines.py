"""Lines that pip refuses, or reads in a way of its own: what we say, and three real pips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_index, make_wheel
from tests.rehearsal.pips import Asked, Taken, answers, pins, unpacked
from wheelstep.model import Wheel

pytestmark = pytest.mark.timeout(300)

WRONG = "0" * 64
LINES: dict[str, tuple[list[str], str]] = {
    "plain": (["acme-core==1.0"], "resolved"),
    "an option of no requirement": (["acme-core==1.0 --no-such"], "unproven"),
    "a short one": (["acme-core==1.0 -x"], "unproven"),
    "one that is passed over": (["acme-core==1.0 --pre"], "resolved"),
    "a hash": (["acme-core==1.0 --hash=sha256:{sha}"], "resolved"),
    "another hash": (["acme-core==1.0 --hash=sha256:{wrong}"], "failed"),
    "a hash in capitals": (["acme-core==1.0 --hash=sha256:{SHA}"], "unproven"),
    "its kind in capitals": (["acme-core==1.0 --hash=SHA256:{sha}"], "failed"),
    "a hash without kind": (["acme-core==1.0 --hash={sha}"], "failed"),
    "a weak hash": (["acme-core==1.0 --hash=md5:{wrong}"], "failed"),
    "a strong hash": (["acme-core==1.0 --hash=sha512:{wrong}{wrong}"], "unproven"),
    "a hash where the marker is false": (
        [
            "acme-core==1.0 ; sys_platform == 'win32' --hash=sha256:{sha}",
            "acme-core==1.0 ; sys_platform != 'win32'",
        ],
        "failed",
    ),
    "another hash where the marker is false": (
        [
            "acme-core==1.0 ; sys_platform == 'win32' --hash=sha256:{wrong}",
            "acme-core==1.0 ; sys_platform != 'win32' --hash=sha256:{sha}",
        ],
        "resolved",
    ),
    "an option that came late": (["--no-require-hashes", "acme-core==1.0"], "unproven"),
    "a version in two lines": (["acme-core==1.\\", "0"], "resolved"),
    "an option in two lines": (["--pre\\", "--prefer-binary", "acme-core==1.0"], "unproven"),
    "a comment between": (["acme-core\\", "# why", "==1.0"], "failed"),
    "an index with a fragment": (["--index-url {ours}#x", "acme-core==1.0"], "unproven"),
    "an index with a query": (["--index-url {ours}?x", "acme-core==1.0"], "unproven"),
    "equal to the letter": (["acme-core===1.0.0"], "failed"),
    "a constraint with extras": (["acme-core==1.0", "-c extras.txt"], "failed"),
    "a constraint of another place": (["acme-core==1.0", "-c place.txt"], "failed"),
    "a URL with its hash": (["acme-core @ {ours}/acme-core/{file}#sha256={sha}"], "resolved"),
    "a URL with another hash": (["acme-core @ {ours}/acme-core/{file}#sha256={wrong}"], "failed"),
    "a URL with a short hash": (["acme-core @ {ours}/acme-core/{file}#sha256=00"], "failed"),
    "a URL with a strong hash": (
        ["acme-core @ {ours}/acme-core/{file}#sha512={wrong}{wrong}"],
        "unproven",
    ),
    "a URL with brackets": (["{ours}/acme-core/{file}[x]"], "unproven"),
}


@dataclass(frozen=True)
class Case:
    lines: tuple[str, ...]
    files: Mapping[str, bytes]
    said: dict[str, Taken | None]
    """By pip."""
    ours: str
    wheel: Wheel


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> dict[str, Case]:
    cache = pytestconfig.cache
    assert cache is not None
    place = Path(cache.mkdir("pips"))
    root = tmp_path_factory.mktemp("lines")
    wheel = make_wheel(root / "made", "acme-core", "1.0", note="ours")
    ours = make_index(root / "ours", wheel)
    other = make_index(root / "other", make_wheel(root / "foreign", "acme-core", "1.0", note="x"))
    words = {
        "ours": ours,
        "sha": wheel.sha256,
        "SHA": wheel.sha256.upper(),
        "wrong": WRONG,
        "file": wheel.file,
    }
    files = {
        "extras.txt": b"acme-core[x]==1.0\n",
        "place.txt": f"acme-core @ {other}/acme-core/{wheel.file}\n".encode(),
    }
    asked: dict[str, Asked] = {}
    lines: dict[str, tuple[str, ...]] = {}
    for number, (name, (texts, _)) in enumerate(LINES.items()):
        folder = root / f"case{number}"
        folder.mkdir()
        lines[name] = tuple(text.format(**words) for text in texts)
        (folder / "requirements.txt").write_text("\n".join(lines[name]) + "\n", "utf-8")
        for file, data in files.items():
            (folder / file).write_bytes(data)
        args = ("--index-url", ours, "-r", str(folder / "requirements.txt"))
        asked[name] = Asked(args, folder)
    said = {
        version: answers(unpacked(version, place), list(asked.values()), root) for version in pins()
    }
    return {
        name: Case(
            lines[name],
            files,
            {version: of_one[number] for version, of_one in said.items()},
            ours,
            wheel,
        )
        for number, name in enumerate(LINES)
    }


@pytest.mark.parametrize("name", LINES)
def test_no_line_is_green_that_a_pip_refuses(
    cases: dict[str, Case], scene: Scene, name: str
) -> None:
    case = cases[name]
    scene.files |= {f"envs/{file}": data for file, data in case.files.items()}
    verdict = scene.rehearse(
        f"--index-url {case.ours}",
        *case.lines,
        released=("acme-core",),
        known=[(case.wheel.file, case.wheel.sha256)],
        expected=(case.wheel,),
    )
    assert verdict.status == LINES[name][1], verdict
    takes = [one["acme-core"][1] if one else None for one in case.said.values()]
    if verdict.status == "resolved":
        (mine,) = verdict.resolved
        assert set(takes) == {mine.sha256}, takes
    if verdict.status == "failed":
        assert case.wheel.sha256 not in takes, takes

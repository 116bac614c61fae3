from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import PLATFORM, Scene
from tests.rehearsal.made import make_index, make_wheel, serve
from wheelstep.ground.process import Finished
from wheelstep.ground.uv import compile_requirements
from wheelstep.rehearsal.interface import Subject, Verdict
from wheelstep.rehearsal.resolve import rehearse


def together(scene: Scene, url: str, *sections: Sequence[str]) -> list[Verdict]:
    return rehearse(
        [
            Subject(f"{number}.yml", (f"--index-url {url}", *lines), "3.10")
            for number, lines in enumerate(sections)
        ],
        wheels=[],
        platform=PLATFORM,
        environment=scene.environment,
        read=scene.files.get,
        released=["acme-core"],
        published=[url],
        no_public=True,
    )


def versions(verdict: Verdict) -> dict[str, str]:
    return {one.name: one.version for one in verdict.resolved}


@pytest.fixture
def index(scene: Scene) -> Path:
    made = scene.folder / "made"
    own = [make_wheel(made, f"own-{number}", "1.0") for number in range(5)]
    make_index(
        scene.folder / "index",
        make_wheel(made, "acme-core", "1.0"),
        make_wheel(made, "left", "1.0", ["right<2"]),
        make_wheel(made, "left", "2.0", ["right>=2"]),
        make_wheel(made, "right", "1.0"),
        make_wheel(made, "right", "2.0"),
        *own,
    )
    return scene.folder / "index"


def test_requirements_that_exclude_each_other_are_answered_each_for_itself(
    scene: Scene, index: Path
) -> None:
    with serve(index) as served:
        url = f"{served.url}/"
        sections = [
            ["acme-core==1.0", "left==1.0", "own-0"],
            ["acme-core", "left==2.0", "own-1"],
            ["acme-core", "right==1.0", "own-2"],
            ["left", "right==2.0", "own-3"],
            ["left==1.0", "right==2.0"],
            ["acme-core==3.0"],
        ]
        all_at_once = together(scene, url, *sections)
        alone = [together(scene, url, one)[0] for one in sections]
    assert [one.status for one in all_at_once] == ["resolved"] * 4 + ["failed"] * 2
    assert [versions(one) for one in all_at_once] == [versions(one) for one in alone]
    assert {one.index for verdict in all_at_once for one in verdict.resolved} == {url}


def test_our_pages_are_read_anew_once_in_a_run_and_again_in_the_next(
    scene: Scene, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew: list[bool] = []

    def counted(lines: Sequence[str], *, fresh: Sequence[str], **more: Any) -> Finished:
        if "acme-core" in lines:
            anew.append("acme-core" in fresh)
        return compile_requirements(lines, fresh=fresh, **more)

    monkeypatch.setattr("wheelstep.rehearsal.asker.compile_requirements", counted)
    sections = [["acme-core", f"own-{number}"] for number in range(5)]
    with serve(index) as served:
        url = f"{served.url}/"
        first = together(scene, url, *sections)
        assert sorted(anew) == [False] * 4 + [True]
        make_index(index, make_wheel(scene.folder / "made", "acme-core", "1.1"))
        second = together(scene, url, *sections)
    assert {versions(one)["acme-core"] for one in first} == {"1.0"}
    assert {versions(one)["acme-core"] for one in second} == {"1.1"}
    assert sorted(anew) == [False] * 8 + [True] * 2

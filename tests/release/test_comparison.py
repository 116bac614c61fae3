"""What else changes in an image since the last rehearsal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.made import make_index, make_wheel
from tests.release.kit import Ran, Repo
from tests.release.samples import CONDA
from wheelstep.rehearsal.interface import Resolved, Verdict
from wheelstep.stages.comparing import MOST_SHOWN, changes_since, changes_text, earlier_rehearsals

PLATFORM = "x86_64-manylinux_2_28"


def row(**packages: str) -> dict[str, Any]:
    return {
        "path": "conda.yml",
        "place": "",
        "status": "resolved",
        "platform": PLATFORM,
        "resolved": [{"name": name, "version": text} for name, text in packages.items()],
    }


def saved(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "report.json"
    file.write_text(json.dumps({"schema": 1, "rehearsals": rows}), encoding="utf-8")
    return file


def verdict(**packages: str) -> Verdict:
    resolved = tuple(Resolved(name, text, None, None) for name, text in packages.items())
    return Verdict("conda.yml", "resolved", "3.10", PLATFORM, resolved)


def test_new_gone_and_other_versions_are_told_but_not_ours(tmp_path: Path) -> None:
    file = saved(tmp_path, row(acme="1.0", left="1.0", gone="2.0", same="3.0"))
    earlier, problem = earlier_rehearsals(file, "report.json")
    assert problem is None
    now = verdict(acme="1.1", left="1.5", new="0.1", same="3.0")
    changes = changes_since(earlier, now, ["acme"])
    assert changes == [
        {"name": "gone", "from": "2.0", "to": None},
        {"name": "left", "from": "1.0", "to": "1.5"},
        {"name": "new", "from": None, "to": "0.1"},
    ]
    assert changes_text(changes) == ["gone 2.0 is gone", "left 1.0 -> 1.5", "new 0.1 is new"]


@pytest.mark.parametrize(
    "other",
    [{"path": "other.yml"}, {"place": "jobs.train"}, {"platform": "linux"}, {"resolved": []}],
)
def test_only_the_same_image_is_compared(tmp_path: Path, other: dict[str, Any]) -> None:
    earlier, problem = earlier_rehearsals(saved(tmp_path, row(left="1.0") | other), "report.json")
    assert problem is None
    assert changes_since(earlier, verdict(left="2.0"), []) == []


def test_many_changes_are_cut_for_people() -> None:
    changes: list[dict[str, str | None]] = [
        {"name": f"p{number}", "from": None, "to": "1"} for number in range(MOST_SHOWN + 3)
    ]
    lines = changes_text(changes)
    assert len(lines) == MOST_SHOWN + 1
    assert lines[-1].startswith("and 3 more")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"{}", b'{"schema": 2, "rehearsals": []}', b"[" * 100_000,
        b'{"schema": 1, "rehearsals": [{"path": 1}]}',
        b'{"schema": 1, "rehearsals": [{"path": "a", "platform": "b", "resolved": [1]}]}',
        None,
    ],
)  # fmt: skip
def test_a_file_that_is_no_report_is_a_warning(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "report.json"
    if content is not None:
        file.write_bytes(content)
    earlier, problem = earlier_rehearsals(file, "report.json")
    assert earlier == {}
    assert problem is not None
    assert (problem.code, problem.severity, problem.exit_code) == ("no-comparison", "warning", 0)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("left\n::error::", "1.0"),
        ("left", "1.0\r\n##vso[task.complete]"),
        ("left", "\x1b[2J"),
        ("left", "<img src=x>"),
        ("left", "\ud800"),
        ("left", "1" * 300),
    ],
)
def test_what_no_package_is_called_is_shown_to_nobody(
    tmp_path: Path, name: str, version: str
) -> None:
    plain = saved(tmp_path, row(left_1="1!2.0+local-3_x"))
    assert earlier_rehearsals(plain, "report.json")[1] is None
    earlier, problem = earlier_rehearsals(saved(tmp_path, row(**{name: version})), "report.json")
    assert earlier == {}
    assert problem is not None
    assert problem.message.endswith("report.json is no report of wheelstep's.")


def rehearsed(repo: Repo, *arguments: str) -> Ran:
    index = (repo.place / "public").as_uri()
    return repo.wheelstep("rehearse", "--public-index", index, *arguments)


def test_a_rehearsal_is_compared_with_the_one_before(monorepo: Repo) -> None:
    made, public = monorepo.place / "made", monorepo.place / "public"
    make_index(public, make_wheel(made, "left", "1.0"))
    text = monorepo.read(CONDA)
    monorepo.commit({CONDA: (text + "      - left\n").encode()})
    first = rehearsed(monorepo)
    assert first.code == 0, first.said
    assert "What else changes" not in first.said
    assert {tuple(one["changes"]) for one in first.report["rehearsals"]} == {()}
    last = monorepo.place / "last.json"
    last.write_text(json.dumps(first.report), encoding="utf-8")

    make_index(public, make_wheel(made, "left", "2.0", ["right"]), make_wheel(made, "right", "1.0"))
    second = rehearsed(monorepo, "--compare-with", str(last))
    assert second.code == 0, second.said
    changes = {one["path"]: one["changes"] for one in second.report["rehearsals"]}
    assert changes.pop(CONDA) == [
        {"name": "left", "from": "1.0", "to": "2.0"},
        {"name": "right", "from": None, "to": "1.0"},
    ]
    assert set(map(len, changes.values())) == {0}
    assert f"What else changes in the image of {CONDA}:\n  left 1.0 -> 2.0\n" in second.said

    broken = rehearsed(monorepo, "--compare-with", "not-there.json")
    assert broken.code == 0
    assert broken.problem("no-comparison")["severity"] == "warning"


def test_the_summary_page_tells_it_too(monorepo: Repo, tmp_path: Path) -> None:
    made, public = monorepo.place / "made", monorepo.place / "public"
    make_index(public, make_wheel(made, "left", "2.0"))
    monorepo.commit({CONDA: (monorepo.read(CONDA) + "      - left\n").encode()})
    before = row(left="1.0") | {"path": CONDA}
    summary = tmp_path / "summary.md"
    ran = monorepo.wheelstep(
        "rehearse", "--public-index", public.as_uri(), "--publish-to", "../index",
        "--compare-with", str(saved(tmp_path, before)),
        extra={
            "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(tmp_path / "output"), "RUNNER_TEMP": str(tmp_path),
            "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push",
        },
    )  # fmt: skip
    assert ran.code == 0, ran.said
    page = summary.read_text(encoding="utf-8")
    assert f"### What else changes in the image of {CONDA}\n\n- left 1.0 -> 2.0\n" in page
    assert f"- {CONDA}: resolved. {CONDA} is looked into as far as its pip section goes" in page

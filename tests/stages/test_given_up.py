"""What the report says of definitions when a run ends before they are written."""

from __future__ import annotations

from wheelstep.model import Problem
from wheelstep.report import DefinitionRow, Report


def test_what_was_found_and_not_edited_stays_so() -> None:
    report = Report("release", definitions=[DefinitionRow(f"{one}.py", "changed") for one in "ab"])
    report.add([Problem("found-not-edited", "notice", 0, "Left.", file="b.py", line=1)])
    report.give_up("failed", 7)
    assert [row.status for row in report.definitions] == ["unchanged", "found-not-edited"]

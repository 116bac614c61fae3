"""What is the same of many definitions is said once to people; the report keeps each."""

from __future__ import annotations

import io

from wheelstep.commands.finish import summary
from wheelstep.commands.show import gathered, show
from wheelstep.hosts import host_of
from wheelstep.model import Problem, Severity
from wheelstep.rehearsal.interface import Verdict
from wheelstep.report import Report, TagRow
from wheelstep.stages.rehearsing import verdict_lines


def about(file: str, line: int | None = 3, severity: Severity = "warning") -> Problem:
    return Problem("c", severity, 0, f"{file} has no pip.", f"Mend {file}.", file, line)


def test_the_same_of_several_files_is_one_with_all_places() -> None:
    other = Problem("d", "notice", 0, "Another.", "", "b.yml", 1)
    first, second = gathered([about("a.yml"), other, about("b.yml"), about("c.yml", None)])
    assert (first.file, first.line, first.cure) == ("a.yml", 3, "Mend a.yml.")
    assert first.message == "a.yml has no pip. Likewise: b.yml:3, c.yml."
    assert second == other


def test_errors_and_what_differs_stay_alone() -> None:
    errors = [about("a.yml", severity="error"), about("b.yml", severity="error")]
    assert gathered(errors) == errors
    differ = [about("a.yml"), Problem("c", "warning", 0, "b.yml has no conda.", "", "b.yml", 3)]
    assert gathered(differ) == differ


def test_the_page_says_it_once_and_the_report_keeps_each() -> None:
    report = Report("release")
    report.add(about(f"{name}.yml") for name in "abcd")
    assert summary(report).count("has no pip") == 1
    assert "b.yml:3, c.yml:3, d.yml:3" in summary(report)
    assert len(report.document()["problems"]) == 4


def test_tags_are_told_where_they_are_new() -> None:
    tags = [TagRow("a-v1", "c" * 40, "created"), TagRow("b-v1", "d" * 40, "unchanged")]
    report = Report("release", status="done", tags=tags)
    out = io.StringIO()
    show(report, host_of({}, out, io.StringIO()))
    line = f"tag a-v1: created, at {'c' * 12}"
    assert [one for one in out.getvalue().splitlines() if "-v1" in one] == [line]
    assert f"- {line}" in summary(report).splitlines()


def test_many_verdicts_that_are_alike_are_one_line_and_failures_a_line_each() -> None:
    good = [Verdict(f"{name}.yml", "resolved", "3.11", "linux") for name in "abcd"]
    bad = [Verdict(f"{name}.yml", "failed", "3.11", "linux", place="p") for name in "vwxyz"]
    assert list(verdict_lines([*bad, *good], " (why)")) == [
        *(f"{name}.yml (p): failed (why) for Python 3.11 on linux" for name in "vwxyz"),
        "4 definitions: resolved (why) for Python 3.11 on linux:",
        "  a.yml, b.yml, c.yml, d.yml",
    ]
    assert list(verdict_lines(good[:2], "")) == [
        "a.yml: resolved for Python 3.11 on linux",
        "b.yml: resolved for Python 3.11 on linux",
    ]

"""How the checks are shown: to people, to programs, on a summary page."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.doctor.faults import FAULTS, plant
from tests.doctor.world import CONDA, world
from wheelstep.commands.finish import finish, summary
from wheelstep.commands.show_checks import conclusion, show_checks
from wheelstep.ground.checks import Group, problem_of
from wheelstep.hosts import host_of
from wheelstep.model import Check
from wheelstep.report import Report
from wheelstep.stages.doctor.together import decides

COMMAND = f"`wheelstep plan --publish-to https://index.example/{'far/' * 20}`"
"""Longer than a line, and copied as a whole."""
PACKAGES, FEED = Group("packages"), Group("destinations")
CHECKS = [
    PACKAGES.ok("acme-core", "1.0.0, in packages/core."),
    FEED.fault(
        "the feed ml",
        "It is not there.",
        code="not-found",
        breaks="The release ends.",
        cure=f"Check it:\n  {COMMAND}",
        exit_code=5,
        file="wheelstep.toml",
        line=3,
    ),
    FEED.unknown("the feed ml: write", "Who knows.", "It may | fail.", "Wait."),
]


class ATerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(environment: dict[str, str], out: io.StringIO | None = None) -> str:
    text = out or io.StringIO()
    show_checks(CHECKS, host_of(environment, text, io.StringIO()))
    return text.getvalue()


def test_plain_lines_have_marks_and_below_a_fault_what_to_do() -> None:
    assert shown({}).splitlines() == [
        "Packages",
        "  ✓ acme-core: 1.0.0, in packages/core.",
        "",
        "Destinations",
        "  ✗ the feed ml: It is not there. (wheelstep.toml:3) [not-found]",
        "      breaks: The release ends.",
        "      mend: Check it:",
        f"            {COMMAND}",
        "  ? the feed ml: write: Who knows.",
        "      breaks: It may | fail.",
        "      mend: Wait.",
        "",
    ]


def test_marks_are_colored_on_a_terminal_alone() -> None:
    assert "\x1b[" in shown({}, ATerminal())
    assert "\x1b[" not in shown({"NO_COLOR": "1"}, ATerminal())
    assert "\x1b[" not in shown({})


def test_no_text_of_a_service_is_a_command_to_the_host() -> None:
    evil = "no\n::error::mine\n##vso[task.complete result=Failed;]"
    checks = [FEED.unknown("the feed", evil, evil, evil)]
    for environment in ({"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"}):
        text = io.StringIO()
        show_checks(checks, host_of(environment, text, io.StringIO()))
        _, stop, said = text.getvalue().partition("::stop-commands::")
        if environment.get("GITHUB_ACTIONS"):
            token, *lines = said.splitlines()
            assert stop
            assert any("::error::mine" in line for line in lines)
            assert lines[-1] == f"::{token}::"
        else:
            assert "task.complete" in text.getvalue()
            assert "##vso[task.complete" not in text.getvalue()


def test_the_page_is_one_table_whatever_is_in_it() -> None:
    report = Report("doctor", status="failed", exit_code=5, checks=CHECKS)
    page = summary(report)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(CHECKS)
    assert {row.count("|") for row in rows} == {7}
    assert "| ✗ | destinations | the feed ml | It is not there. (wheelstep.toml:3) |" in page
    assert "A release would end with exit code 5." in page


def test_each_fault_is_an_annotation_on_a_host_and_not_said_twice_elsewhere(
    tmp_path: Path,
) -> None:
    report = Report("doctor", status="failed", exit_code=5, checks=CHECKS)
    report.add(problem_of(check) for check in CHECKS if check.status == "fault")
    text = io.StringIO()
    environment = {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(tmp_path)}
    finish(report, host_of(environment, text, io.StringIO()), environment)
    assert "::error file=wheelstep.toml,line=3" in text.getvalue()
    plain = io.StringIO()
    finish(report, host_of({}, plain, io.StringIO()), {})
    assert plain.getvalue().count("It is not there.") == 1


def test_the_conclusion_counts() -> None:
    assert conclusion(CHECKS, 5) == (
        "3 checks: 1 ✓, 1 fault, 1 not known. A release would end with exit code 5. "
        "Nothing was changed."
    )
    assert conclusion(CHECKS[:1], 0) == "1 check: 1 ✓, no fault. Nothing was changed."


def fault(exit_code: int) -> Check:
    return FEED.fault("x", "y", code="z", breaks="b", cure="c", exit_code=exit_code)


def test_the_first_step_of_a_release_decides_and_within_it_4_beats_5_beats_6() -> None:
    assert decides([]) == 0
    assert decides([("read", CHECKS[0]), ("read", CHECKS[2]), ("find", fault(0))]) == 0
    assert decides([("rehearse", fault(4)), ("read", fault(5))]) == 5
    assert decides([("read", fault(6)), ("read", fault(5)), ("read", fault(4))]) == 4
    assert decides([("read", fault(2)), ("read", fault(6)), ("read", fault(5))]) == 5
    assert decides([("versions", fault(3)), ("versions", fault(2))]) == 3
    assert decides([("publish", fault(8)), ("open", fault(2))]) == 2


def test_a_process_prints_the_report_and_ends_with_the_releases_code(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        ran = healthy.repo.wheelstep("doctor", extra=healthy.environment)
        assert (ran.code, ran.status) == (0, "done")
        marks = [check["status"] for check in ran.report["checks"]]
        assert "fault" not in marks
        assert "✓ the remote:" in ran.said
        planted = [one for one in FAULTS if one.code in {"secret-in-definition", "not-found"}]
        plant(healthy, *planted)
        ran = healthy.repo.wheelstep("doctor", extra=healthy.environment)
    assert (ran.code, ran.status) == (5, "failed")
    found = {check["code"]: check for check in ran.report["checks"] if check["code"]}
    assert {"secret-in-definition", "not-found"} <= found.keys()
    assert found["secret-in-definition"]["file"] == CONDA
    assert {"secret-in-definition", "not-found"} <= set(ran.codes)
    # the token in the definition is nowhere
    assert "k7f3" * 13 not in ran.said + json.dumps(ran.report)


@pytest.mark.parametrize("secret", ["writer-token-4711", "reader-token-0815"])
def test_no_secret_is_in_what_is_said(secret: str, tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.arm.deny("Microsoft.ContainerRegistry/registries/read")
        healthy.environment["WHEELSTEP_CONNECTION_TOKEN"] = healthy.feed.read_only_token
        ran = healthy.repo.wheelstep("doctor", extra=healthy.environment)
        assert secret in {healthy.feed.token, healthy.feed.read_only_token}
    assert secret not in ran.said + json.dumps(ran.report)

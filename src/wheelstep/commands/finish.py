"""The end of every run: problems shown, outputs handed on, the summary page written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from wheelstep.commands.show import (
    changed_images,
    gathered,
    promoted_to,
    show,
    tags_made,
    verdict,
    visible,
)
from wheelstep.commands.show_checks import checks_page, conclusion, show_checks
from wheelstep.errors import CannotHere
from wheelstep.ground.checks import problem_of
from wheelstep.ground.markdown import cell, code, fenced
from wheelstep.ground.text import writable
from wheelstep.hosts.interface import Host
from wheelstep.report import Report
from wheelstep.stages.comparing import changes_text

__all__ = ["finish", "summary"]


def finish(report: Report, host: Host, environment: Mapping[str, str]) -> None:
    """Show what is to be shown at the end, whatever the end was.

    Args:
        report: What was done; complete.
        host: Where the step runs.
        environment: This process's environment, for the place of output files.
    """
    if report.command != "demo":
        if report.checks:
            show_checks(report.checks, host)
            host.say(_conclusion(report))
        else:
            show(report, host)
    told = {problem_of(check) for check in report.checks if check.status == "fault"}
    for problem in gathered(report.problems):
        # the table has them already; a host shows annotations elsewhere, too
        if host.is_ci or problem not in told:
            host.annotate(problem)
    if host.is_ci and report.command != "demo":
        try:
            _outputs(report, host, environment)
            host.summary(summary(report))
        except OSError as error:
            # the release itself is done: say what was lost, and keep its exit code
            host.annotate(CannotHere.from_os_error(error, "writing the outputs").problems()[0])


def _outputs(report: Report, host: Host, environment: Mapping[str, str]) -> None:
    base = environment.get("RUNNER_TEMP") or environment.get("AGENT_TEMPDIRECTORY")
    folder = Path(tempfile.mkdtemp(prefix="wheelstep-", dir=base or None))
    document = report.document()
    (folder / "report.json").write_text(report.json(), encoding="utf-8")
    (folder / "packages.json").write_text(
        json.dumps(document["packages"], indent=1) + "\n", encoding="utf-8"
    )
    wheels = [wheel.file for package in report.packages for wheel in package.wheels]
    listed = writable("".join(f"{name}\n" for name in wheels))
    (folder / "wheels.txt").write_text(listed, encoding="utf-8")
    environments = [
        {
            "name": environment["name"],
            "version": environment["to"] or environment["from"],
            "path": row.path,
            "registered": environment["registered"],
        }
        for row in report.definitions
        for environment in row.environments
    ]
    codes = dict.fromkeys(problem.code for problem in report.problems)
    host.output("changed", "true" if report.changed else "false")
    host.output("status", report.status)
    host.output("packages", str(folder / "packages.json"))
    host.output("wheels", str(folder / "wheels.txt"))
    host.output("environments", json.dumps(environments))
    host.output("commit", report.commit.sha or "")
    pull_request = report.commit.status == "pull-request"
    host.output("pull-request-url", (report.commit.url if pull_request else None) or "")
    if report.matrix is not None:
        host.output("matrix", report.matrix)
    host.output("planned", report.plan.digest if report.plan else "")
    host.output("exit-code", str(report.exit_code))
    host.output("problem-codes", " ".join(codes))
    host.output("report", str(folder / "report.json"))


def summary(report: Report) -> str:
    """Return the summary page, in Markdown, the same on both hosts."""
    parts = [f"## wheelstep {report.command}: {report.status}", "", _conclusion(report), ""]
    if report.plan:
        parts += [f"The plan {code(report.plan.file)} is {code(report.plan.digest)}.", ""]
    parts += checks_page(report.checks, cell) if report.checks else ()
    parts += _packages(report)
    if report.connections:
        parts += ["| connection | workspace | target | expires | status |", "|---|---|---|---|---|"]
        parts += [
            f"| {cell(row.name)} | {cell(row.workspace)} | {cell(row.target)} "
            f"| {(row.expires or 'not known')[:10]} | {row.status} |"
            for row in report.connections
        ]
        parts.append("")
    parts += list(_commit(report))
    parts += list(_registered(report))
    for row in report.definitions:
        if not row.diff:
            continue
        parts += [f"### {cell(row.path)}", "", *fenced(row.diff, "diff"), ""]
    parts += [*_changes(report), *_unproven(report)]
    if report.problems and not report.checks:
        parts += ["### Problems", ""]
        for problem in gathered(report.problems):
            place = f"{problem.file}{f':{problem.line}' if problem.line else ''}"
            where = f" ({cell(place)})"
            parts.append(
                f"- **{problem.severity}** `{problem.code}`{where if problem.file else ''}: "
                f"{cell(problem.message)}" + (f" {cell(problem.cure)}" if problem.cure else "")
            )
        parts.append("")
    if report.page:  # made of what is escaped already; the longest last: a host may cut it
        parts += ["## The pull request's page, as far as it had no room there", "", report.page]
    return "\n".join(parts)


def _packages(report: Report) -> list[str]:
    if not report.packages:
        return []
    parts = ["| package | version | status | wheels | published |", "|---|---|---|---|---|"]
    for package in report.packages:
        files = "<br>".join(code(wheel.file) for wheel in package.wheels) or ""
        published = "<br>".join(
            f"{cell(row.to)}: {row.status}{cell(promoted_to(row))}"
            for wheel in package.wheels
            for row in wheel.published
        )
        parts.append(
            f"| {cell(package.name)} | {cell(package.version)} | {package.status} "
            f"| {files} | {published} |"
        )
    return [*parts, "", *(f"- {cell(line)}" for line in visible(report)), ""]


def _conclusion(report: Report) -> str:
    if report.checks and report.status != "cancelled":
        return conclusion(report.checks, report.exit_code)
    return verdict(report)


def _commit(report: Report) -> Iterator[str]:
    row = report.commit
    where = f" on {code(row.branch)}" if row.branch else ""
    if report.status == row.status == "planned" and where:
        yield from (f"To be committed{where}.", "")
    if row.sha:
        yield from (f"Commit `{row.sha}`{where} ({row.status}).", "")
        yield from (f"<{row.url}>", "") if row.url else ()
    if made := [f"- {cell(line)}" for line in tags_made(report)]:
        yield from (*made, "")


def _registered(report: Report) -> Iterator[str]:
    rows = [
        f"| {cell(name)} | {cell(now or '')} | {'<br>'.join(map(cell, where))} |"
        for row in report.definitions
        for name, _, now, where in row.raised()
        if where
    ]
    if rows:
        yield from ("| environment | version | registered in |", "|---|---|---|", *rows, "")


def _changes(report: Report) -> Iterator[str]:
    for title, changes in changed_images(report):
        yield from (f"### What else changes in the image of {cell(title)}", "")
        yield from (f"- {cell(line)}" for line in changes_text(changes))
        yield ""


def _unproven(report: Report) -> Iterator[str]:
    lines = []
    for row in report.rehearsals:
        # a conda half that was not solved is unproven, whatever became of the pip half
        said = [one for one in row["problems"] if one["code"] == "conda-not-solved"]
        if row["status"] in {"unproven", "skipped"}:
            said = row["problems"]
        elif not said:
            continue
        reasons = "; ".join(problem["message"] for problem in said)
        lines.append(f"- {cell(row['path'])}: {row['status']}. {cell(reasons)}")
    if lines:
        yield from ("### Unproven", "", *lines, "")

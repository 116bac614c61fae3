"""The report as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from wheelstep.hosts.interface import Host
from wheelstep.model import Problem
from wheelstep.report import PackageRow, PublishedRow, Report
from wheelstep.stages.comparing import changes_text

__all__ = ["changed_images", "gathered", "promoted_to", "show", "tags_made", "verdict",
           "visible"]  # fmt: skip

NOTHING_TO_DO: Final = {
    "connect": "the workspaces have it as it is wanted",
    "promote": "the view shows it already",
}
"""What a command without anything to do has found."""


def show(report: Report, host: Host) -> None:
    """Show what a run did, in the order in which it did it."""
    width = max((len(f"{row.name} {row.version}") for row in report.packages), default=0)
    for package in report.packages:
        for line in _package(package, width):
            host.say(line)
    for line in (*visible(report), *_connections(report)):
        host.say(line)
    for row in report.definitions:
        if row.diff:
            host.say("")
            host.relay(row.diff)
        for name, before, now, where in row.raised():
            registered = f", registered in {', '.join(where)}" if where else ""
            host.say(f"{row.path}: {name} {before} -> {now}{registered}")
    for line in (*_images(report), *_commit(report), *tags_made(report)):
        host.say(line)
    if report.command == "release" and report.status == "done" and not report.definitions:
        host.say(
            "\nNo environment definition names a released package yet. Write its name into the pip "
            "section of one: the next release pins it, and keeps the pin up to date."
        )
    if report.packages or report.definitions or report.status in {"failed", "cancelled"}:
        host.say("")
    host.say(verdict(report))


def visible(report: Report) -> Iterator[str]:
    """Yield how long it took until consumers could see what is new, a sentence per destination."""
    for name, seconds in report.visible().items():
        yield f"{name} listed what is new, with its hashes, {seconds:.1f} s after it was stored."


def _connections(report: Report) -> Iterator[str]:
    for row in report.connections:
        until = f", until {row.expires[:10]}" if row.expires else ""
        why = f": {', '.join(row.changes)}" if row.changes else ""
        yield f"connection {row.name} in {row.workspace}: {row.status}{why} ({row.target}{until})"


def changed_images(report: Report) -> list[tuple[str, list[dict[str, str | None]]]]:
    """Return (definition, changes) of each image that changes otherwise than by our packages since
    the run that it was compared with."""
    return [
        (f"{row['path']} ({row['place']})" if row["place"] else row["path"], row["changes"])
        for row in report.rehearsals
        if row["changes"]
    ]


def _images(report: Report) -> Iterator[str]:
    for title, changes in changed_images(report):
        yield f"\nWhat else changes in the image of {title}:"
        yield from (f"  {line}" for line in changes_text(changes))


def _commit(report: Report) -> Iterator[str]:
    where = f" on {report.commit.branch}" if report.commit.branch else ""
    if report.status == report.commit.status == "planned" and where:
        yield f"\nTo be committed{where}."
    if report.commit.sha:
        done = "Proposed" if report.commit.status == "pull-request" else "Committed"
        yield f"\n{done} {report.commit.sha[:12]}{where} ({report.commit.status})."
        if report.commit.url:
            yield report.commit.url


def tags_made(report: Report) -> Iterator[str]:
    """Yield a line for each tag that is new, or would be."""
    for row in report.tags:
        if row.status != "unchanged":
            yield f"tag {row.name}: {row.status}, at {row.commit[:12]}"


def _package(package: PackageRow, width: int) -> list[str]:
    head = f"{f'{package.name} {package.version}':{width}}  {package.status}"
    if package.status == "unchanged" and not any(wheel.published for wheel in package.wheels):
        return [head]
    lines = [head]
    for wheel in package.wheels:
        where = ", ".join(_published(row) for row in wheel.published)
        lines.append(f"  {wheel.file}{f'  {where}' if where else ''}")
    return lines


def _published(row: PublishedRow) -> str:
    where = "to" if row.status in {"uploaded", "copied"} else "in"
    return f"{row.status} {where} {row.to}{promoted_to(row)}"


def promoted_to(row: PublishedRow) -> str:
    """Return what is said of the view that a wheel is promoted to; "" where it is to none."""
    if row.promoted_to is None:
        return ""
    comes = "to be promoted to" if row.status == "planned" else "promoted to"
    return f", {comes} {row.promoted_to}"


def verdict(report: Report) -> str:
    """Return how the run ended, in one sentence."""
    match report.status:
        case "nothing-to-do":
            how = "pinned or proposed" if report.commit.status == "pull-request" else "pinned"
            why = NOTHING_TO_DO.get(report.command, f"everything is released and {how} already")
            return f"Nothing to do: {why}."
        case "planned":
            what = report.command if report.command in {"connect", "promote"} else "a release"
            return f"This is what {what} would do. Nothing was changed."
        case "done":
            return "Done."
        case "cancelled":
            return "Stopped. Run it again: it goes on where it stopped."
        case "failed":
            errors = sum(problem.severity == "error" for problem in report.problems)
            noun = "problem" if errors == 1 else "problems"
            return f"Failed with exit code {report.exit_code}: {errors} {noun}."


def gathered(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems for people to read: what is the same of several places is said once, with
    all of them, at the first. Errors stay alone, and the report keeps each.

    Args:
        problems: In the order in which they are to be read.
    """
    alike: dict[object, list[Problem]] = {}
    for number, one in enumerate(problems):
        alike.setdefault(number if one.severity == "error" else _gist(one), []).append(one)
    return [_of_all(same) for same in alike.values()]


def _gist(problem: Problem) -> tuple[str, ...]:
    # a sentence may name the file itself
    said = (problem.message, problem.cure)
    if problem.file is not None:
        said = (said[0].replace(problem.file, "\0"), said[1].replace(problem.file, "\0"))
    return (problem.code, problem.severity, *said)


def _of_all(same: list[Problem]) -> Problem:
    first = same[0]
    places = [f"{one.file}:{one.line}" if one.line else one.file for one in same[1:] if one.file]
    if not places:
        return first
    return replace(first, message=f"{first.message} Likewise: {', '.join(places)}.")

"""The checks of doctor as a table: for a terminal or a log, and for a summary page."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from wheelstep.hosts.interface import MARKS, Host, Mark
from wheelstep.model import Check

__all__ = ["checks_page", "conclusion", "show_checks"]

WIDTH: Final = 100
"""Characters of a line, where lines are broken at all."""
INDENT: Final = "      "
TITLES: Final = {
    "repository": "Repository",
    "packages": "Packages",
    "destinations": "Destinations",
    "workspaces": "Workspaces",
    "connections": "Connections",
    "definitions": "Definitions",
    "advice": "Advice",
}


def show_checks(checks: Sequence[Check], host: Host) -> None:
    """Show checks, group by group; below each fault and each unknown what it breaks and what to do.

    Args:
        checks: In the order of the table.
        host: Where the step runs.
    """
    host.marked(list(_rows(checks)))


def _rows(checks: Sequence[Check]) -> Iterator[tuple[Mark | None, str]]:
    for group, some in groupby(checks, key=lambda check: check.group):
        yield None, TITLES.get(group, group)
        for check in some:
            place = f" ({_place(check)})" if _place(check) else ""
            code = f" [{check.code}]" if check.code else ""
            yield check.status, f"{check.subject}: {_line(check.message)}{place}{code}"
            if check.status != "ok":
                for label, text in (("breaks", check.breaks), ("mend", check.cure)):
                    yield from ((None, line) for line in _below(label, text))
        yield None, ""


def _place(check: Check) -> str:
    if check.file is None:
        return ""
    return f"{check.file}:{check.line}" if check.line else check.file


def _line(text: str) -> str:
    return " ".join(text.split())


def _below(label: str, text: str) -> Iterator[str]:
    """Yield what goes below a check; a command keeps its line, so that it can be copied."""
    first = True
    for line in text.splitlines():
        if not line.strip():
            continue
        start = f"{INDENT}{label}: " if first else f"{INDENT}{' ' * (len(label) + 2)}"
        rest = " " * len(start)
        first = False
        if "`" in line or line.startswith("  "):
            yield f"{start}{line.strip()}"
        else:
            yield from textwrap.wrap(
                _line(line), WIDTH, initial_indent=start, subsequent_indent=rest,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip


def conclusion(checks: Sequence[Check], exit_code: int) -> str:
    """Return how everything stands, in two sentences.

    Args:
        checks: All of them.
        exit_code: What a release would end with.
    """
    ends = f" A release would end with exit code {exit_code}." if exit_code else ""
    return f"{_counted(checks)}{ends} Nothing was changed."


def _counted(checks: Sequence[Check]) -> str:
    known = [check for check in checks if check.group != "advice"]
    number = {
        status: sum(check.status == status for check in known)
        for status in ("ok", "fault", "unknown")
    }
    faults = "no fault" if not number["fault"] else _count(number["fault"], "fault")
    unknown = f", {number['unknown']} not known" if number["unknown"] else ""
    return f"{_count(len(known), 'check')}: {number['ok']} ✓, {faults}{unknown}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def checks_page(checks: Sequence[Check], cell: Callable[[str], str]) -> Iterator[str]:
    """Yield the lines of a Markdown table.

    Args:
        checks: In the order of the table.
        cell: Escapes a text for a table's cell.
    """
    yield from ("| | part | what | found | breaks | mend |", "|---|---|---|---|---|---|")
    for check in checks:
        place = f" ({_place(check)})" if _place(check) else ""
        shown = (check.group, check.subject, check.message + place, check.breaks, check.cure)
        cells = [cell(" ".join(text.split())) for text in shown]
        yield f"| {MARKS[check.status]} | {' | '.join(cells)} |"
    yield ""

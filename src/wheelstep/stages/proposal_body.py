"""The page of a pull request: what a reviewer wants to know."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

from wheelstep.ground.markdown import code, fenced, quiet
from wheelstep.ground.secret import without_credentials
from wheelstep.lock import FILE, Locked
from wheelstep.repositories.objects import COMMIT_ID
from wheelstep.stages.comparing import changes_text
from wheelstep.stages.readers import readers_of
from wheelstep.stages.run import Run
from wheelstep.stages.wording import Proposed, run_url

__all__ = ["body_of"]

MOST_COMMITS: Final = 20
MOST_LINES: Final = 200
"""Of one diff."""


def body_of(run: Run, proposed: Proposed) -> str:
    """Return the page, in Markdown that GitHub and Azure Repos show alike.

    Args:
        run: The run; its report has what was rehearsed.
        proposed: What is proposed, all in all: what other runs proposed included.
    """
    before, now = proposed.locks()
    raised = [
        (before.packages.get(name), record)
        for name, record in sorted(now.packages.items())
        if (known := before.packages.get(name)) is None or known.version != record.version
    ]
    parts = [
        *_opening(run, proposed, [record for _, record in raised]),
        *_packages(run, proposed, raised),
        *_rehearsals(run),
        *_images(run),
        *_wheels([record for _, record in raised]),
        *_definitions(run, proposed),  # the longest last: a host may cut the page
    ]
    return "\n".join(parts)


def _opening(run: Run, proposed: Proposed, records: Sequence[Locked]) -> Iterator[str]:
    versions = [(one.name, one.version) for one in records] or list(proposed.versions)
    named = ", ".join(code(f"{name} {version}") for name, version in versions)
    count = sum(path != FILE for path in proposed.contents())
    files = "one file" if count == 1 else f"{count} files"
    place = run_url(run.environment)
    origin = f"[this run]({place})" if place else "wheelstep"
    yield f"Pins {named or 'what is released'} in {files}."
    yield from (f"Proposed by {origin}; a newer run brings it up to date.", "")


def _packages(
    run: Run, proposed: Proposed, raised: Sequence[tuple[Locked | None, Locked]]
) -> Iterator[str]:
    if not raised:
        yield from _pins(run)
        return
    yield from ("| package | from | to |", "|---|---|---|")
    for was, record in raised:
        old = code(was.version) if was else "*new*"
        yield f"| {code(record.name)} | {old} | {code(record.version)} |"
    yield ""
    for was, record in raised:
        directory = proposed.directories.get(record.name)
        if was is None or directory is None:
            continue
        yield from (f"### Commits to {quiet(record.name)} since {quiet(was.version)}", "")
        yield from _commits(run, was.commit, record.commit, directory)
        yield ""


def _pins(run: Run) -> Iterator[str]:
    """Tell of versions that were released before: a promotion, or the way back."""
    pins = [(row.path, pin) for row in run.report.definitions for pin in row.pins]
    if not pins:
        return
    yield from ("These versions were released before; nothing is built.", "")
    yield from ("| definition | from | to |", "|---|---|---|")
    for path, pin in pins:
        yield f"| {code(path)} | {code(str(pin['from'] or ''))} | {code(str(pin['to'] or ''))} |"
    yield ""


def _commits(run: Run, old: str, new: str, directory: str) -> Iterator[str]:
    # the record is a file that anyone can edit: what is no id is an unknown commit
    known = COMMIT_ID.fullmatch(old) and COMMIT_ID.fullmatch(new)
    form = "--format=%h%x1f%an%x1f%s"
    place = f":(top,literal){directory}"
    command = ("log", "-z", "--no-decorate", form, f"{old}..{new}", "--", place)
    done = run.git.try_(*command) if known else None
    if done is None or done.code != 0:
        yield "*The history between them is not in this checkout.*"
        return
    rows = [line.split("\x1f") for line in done.text.split("\0") if line]
    for row in rows[:MOST_COMMITS]:
        short, author, subject = (*row, "", "")[:3]
        yield f"- {code(short)} {code(subject)}, {code(author)}"
    if len(rows) > MOST_COMMITS:
        yield f"- and {len(rows) - MOST_COMMITS} more"
    if not rows:
        yield "*None in its folder.*"
    if run.git.text("rev-parse", "--is-shallow-repository") == "true":
        yield "*The checkout is shallow: there may be more.*"


def _definitions(run: Run, proposed: Proposed) -> Iterator[str]:
    settings = run.settings
    rows = {row.path: row for row in run.report.definitions}
    readers = readers_of(proposed.kinds, settings.read_by, settings.workspaces)
    for path, after in sorted(proposed.contents().items()):
        if path == FILE:
            continue
        before = proposed.base.read(path)
        if before == after:
            continue
        yield from (f"### {quiet(path)}", "")
        row = rows.get(path)
        for one in row.environments if row else ():
            if one["from"] != one["to"]:
                was = code(str(one["from"])) if one["from"] else "*none*"
                yield from (
                    f"Environment {code(one['name'])}: {was} -> {code(str(one['to']))}.",
                    "",
                )
        if who := readers.get(path):
            yield from (f"Read by {', '.join(code(str(one)) for one in who)}.", "")
        yield from (*_diff(before, after), "")


def _diff(before: bytes | None, after: bytes | None) -> list[str]:
    try:
        old, new = (before or b"").decode().splitlines(), (after or b"").decode().splitlines()
    except UnicodeDecodeError:
        what = "comes" if before is None else "goes" if after is None else "changes"
        return [f"A file that is no text {what}: {len(after or b'')} bytes."]
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES} more lines"]
    return fenced("\n".join(lines), "diff")


def _rehearsals(run: Run) -> Iterator[str]:
    if not run.report.rehearsals:
        return
    yield from ("### Would the images build?", "")
    for row in run.report.rehearsals:
        python = f" with Python {row['python']}" if row["python"] else ""
        yield f"- {code(row['path'])}: **{row['status']}**{quiet(python)}"
        yield from (f"  - {quiet(problem['message'])}" for problem in row["problems"])
    yield ""


def _images(run: Run) -> Iterator[str]:
    for row in run.report.rehearsals:
        if row["changes"]:
            yield from (f"### What else changes in the image of {quiet(row['path'])}", "")
            yield from (f"- {quiet(line)}" for line in changes_text(row["changes"]))
            yield ""


def _wheels(records: Sequence[Locked]) -> Iterator[str]:
    rows = [wheel for record in records for wheel in record.wheels]
    if not rows:
        return
    yield from ("### Wheels", "", "| file | SHA-256 | published at |", "|---|---|---|")
    for wheel in rows:
        places = "<br>".join(code(without_credentials(place)) for place in wheel.places)
        yield f"| {code(wheel.file)} | {code(wheel.sha256)} | {places} |"
    yield ""

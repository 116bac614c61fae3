"""The page of a pull request: what a reviewer wants to know, most important first."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wheelstep.ground import markdown
from wheelstep.ground.markdown import fence_for, hushed, table_row, visible
from wheelstep.ground.page import Item, Room, Section, Step, fitted, shortened
from wheelstep.ground.secret import redact, without_credentials
from wheelstep.lock import Lock, LockedWheel
from wheelstep.model import Workspace
from wheelstep.repositories.interface import carried_by
from wheelstep.stages.comparing import changes_text
from wheelstep.stages.proposed import Proposed
from wheelstep.stages.proposed_commits import commits_between, folder_of, recorded
from wheelstep.stages.proposed_versions import (
    DefinitionChange,
    VersionChange,
    definition_changes,
    version_changes,
)
from wheelstep.stages.readers import readers_of
from wheelstep.stages.run import Run
from wheelstep.stages.wording import SHOWN, boards_items, run_url

__all__ = ["Body", "body_of"]

MOST_COMMITS: Final = 20
"""Of one package."""
MOST_HISTORIES: Final = 50
"""Packages whose commits are looked for: git walks through the history for each."""
MOST_LINES: Final = 200
"""Of one diff."""
MOST_NAMED: Final = 8
"""Definitions, packages or readers in one line."""
WHOLE: Final = "*Check out with `fetch-depth: 0` (Azure Pipelines: `fetchDepth: 0`).*"
LINE: Final = Room(240)
"""Characters of one line of a diff."""
PATH: Final = Room(120)
SUBJECT: Final = Room(120)
ENDLESS: Final = Room(sys.maxsize)
"""A summary: whoever writes it cuts it."""
KINDS: Final = {
    "new": "new",
    "newer": "newer",
    "rollback": "**older: a rollback**",
    "pinned": "was not pinned",
    "other": "cannot be compared",
}
WORST_FIRST: Final = ("failed", "not rehearsed in this run", "unproven", "skipped", "resolved")
PLACE: Final = "\0"
"""Stands for a definition in a sentence that may be said of several."""
STEPS: Final = (
    Step("diffs", "rows", 12),
    Step("commits", "rows", 5),
    Step("wheels", "items", 3),
    Step("diffs", "rows", 5),
    Step("diffs", "items", 0),
    Step("commits", "rows", 2),
    Step("commits", "items", 0),
    Step("wheels", "items", 0),
    Step("images", "rows", 3),
    Step("images", "items", 0),
    Step("definitions", "items", 3),
    Step("rehearsal", "items", 3),
    Step("definitions", "items", 0),
    Step("packages", "items", 3),
    Step("rehearsal", "items", 0),
    Step("packages", "items", 0),
)
"""How the page becomes shorter: the text that others have, too, goes first."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the parts of the page are made from."""

    run: Run
    proposed: Proposed
    locks: tuple[Lock, Lock]
    """The record before and with it."""
    definitions: Sequence[DefinitionChange]
    versions: Sequence[VersionChange]


@dataclass(frozen=True, slots=True)
class Body:
    """The page as a host takes it."""

    text: str
    left: str
    """All of it but the diffs, for the summary of the run, which has those; "" where nothing of it
    was left out."""


def body_of(run: Run, proposed: Proposed, room: Room) -> Body:
    """Return the page, in Markdown that GitHub and Azure Repos show alike.

    Args:
        run: The run; its report has what was rehearsed.
        proposed: What is proposed, all in all: what other runs proposed included.
        room: How much text the host takes.
    """
    locks = proposed.locks()
    definitions = definition_changes(proposed, locks)
    versions = version_changes(proposed, locks, definitions)
    known = _Known(run, proposed, locks, definitions, versions)
    parts = (_opening, _packages, _rehearsal, _images, _definitions, _commits, _wheels, _diffs)
    sections = [part(known) for part in parts]
    place = run_url(run.environment)
    rest = (
        f"the rest is in the summary of [this run]({place})"
        if place
        else "the diffs are in the files of this pull request, and the hashes in its record"
    )
    text = fitted(sections, room, STEPS, closing := f"*Shortened to fit here: {rest}.*")
    if not text.endswith(closing):
        return Body(text, "")
    return Body(text, fitted(sections[1:-1], ENDLESS, (), ""))


def code(text: str, longest: Room = markdown.LONGEST) -> str:
    """Return a text as code; what is secret is blanked before a cut could leave half of it."""
    return markdown.code(redact(text), longest)


def quiet(text: str) -> str:
    """Return a sentence of others, likewise."""
    return markdown.quiet(redact(text))


def _table(key: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Section:
    """Return a section with a table, without the columns that have nothing in them."""
    kept = [n for n, _ in enumerate(names) if any(row[n] for row in rows)]
    head = [table_row(names[n] for n in kept), f"|{'---|' * len(kept)}"]
    items = [Item([table_row(row[n] for n in kept)]) for row in rows]
    rest = table_row(["... and {count} more", *[""] * (len(kept) - 1)])
    return Section(key, head, items, more=rest)


def _titled(section: Section, title: str) -> Section:
    return replace(section, head=[f"### {title}", "", *section.head])


def _names(texts: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names as code, the first of them where they are many."""
    shown = ", ".join(code(one, PATH) for one in texts[:most])
    return f"{shown} and {len(texts) - most} more" if len(texts) > most else shown


def _opening(known: _Known) -> Section:
    raised = [f"{one.name} {one.after}" for one in known.versions]
    versions = raised or [f"{name} {version}" for name, version in known.proposed.versions]
    named = _names(list(dict.fromkeys(versions)), SHOWN)
    count = len(known.definitions)
    files = {0: "no file but the record", 1: "one file"}.get(count, f"{count} files")
    back = list(dict.fromkeys(one.name for one in known.versions if one.kind == "rollback"))
    place = run_url(known.run.environment)
    origin = f"[this run]({place})" if place else "wheelstep"
    head = [
        f"Pins {named or 'what is released'} in {files}.",
        *([f"**Goes back to an older version of {_names(back, SHOWN)}.**"] if back else ()),
        f"Proposed by {origin}; a newer run brings it up to date.",
        *([f"Work items: {items}"] if (items := boards_items(known.run)) else ()),
    ]
    return Section("opening", head, always=True)


def _packages(known: _Known) -> Section:
    rows = []
    for one in known.versions:
        old = code(one.before) if one.before else "*none*"
        rows.append((code(one.name), old, code(one.after), KINDS[one.kind]))
    if not rows:
        return Section("packages", ["No version changes."], always=True)
    table = _table("packages", ("package", "from", "to", "change"), rows)
    return replace(table, always=True)


# --- what the rehearsal says ----------------------------------------------------------------------


def _rehearsal(known: _Known) -> Section:
    """Tell each verdict once for all definitions that have it, and each reason likewise."""
    rows = known.run.report.rehearsals
    seen = {row["path"] for row in rows}
    verdicts: dict[tuple[str, str], list[str]] = {}
    reasons: dict[str, list[str]] = {}
    for row in rows:
        place = f"{row['path']} ({row['place']})" if row["place"] else row["path"]
        verdicts.setdefault((row["status"], row["python"] or ""), []).append(place)
        for one in row["problems"]:
            gist = one["message"].replace(row["path"], PLACE)
            reasons.setdefault(gist, []).append(row["path"])
    unseen = [one.path for one in known.definitions if one.installs and one.path not in seen]
    if unseen:
        verdicts["not rehearsed in this run", ""] = unseen
    counts = dict.fromkeys(WORST_FIRST, 0)
    for (status, _), places in verdicts.items():
        counts[status] = counts.get(status, 0) + len(places)
    ranks = {status: rank for rank, status in enumerate(counts)}
    lines = [
        f"- **{status}**{f', Python {code(python)}' if python else ''}: {_names(places)}"
        for (status, python), places in sorted(verdicts.items(), key=lambda one: ranks[one[0][0]])
    ]
    for gist, places in reasons.items():
        first, *others = dict.fromkeys(places)
        likewise = f" Likewise: {_names(others)}." if others else ""
        named = f"`{first.replace('`', chr(39))}`"
        lines.append(f"- {quiet(gist.replace(PLACE, named))}{likewise}")
    off = known.run.settings.rehearse == "off"
    none = "Not asked: `rehearse` is off." if off else "No image was rehearsed in this run."
    summed = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    head = ["### Would the images build?", "", f"**{summed}**" if rows else none, ""]
    more = "- ... and {count} more"
    return Section("rehearsal", head, [Item([line]) for line in lines], more=more, always=True)


def _images(known: _Known) -> Section:
    items = []
    for row in known.run.report.rehearsals:
        if row["changes"]:
            where = code(row["path"], PATH) + (f" ({code(row['place'])})" if row["place"] else "")
            lines = [f"- {quiet(line)}" for line in changes_text(row["changes"])]
            items.append(Item([f"### What else changes in the image of {where}", ""], lines, [""]))
    return Section("images", (), items, (), more="... and {count} more images\n")


# --- the definitions ------------------------------------------------------------------------------


def _definitions(known: _Known) -> Section:
    used = _users(known)
    environments = {row.path: row.environments for row in known.run.report.definitions}
    carried = frozenset(carried_by(known.proposed.on))
    rows = []
    for one in known.definitions:
        # of what another run has raised already, this one knows the version now, not the base's
        raised = [
            f"{code(each['name'])} {code(str(each['to']))}"
            if one.path in carried
            else f"{code(each['name'])} {code(str(each['from'])) if each['from'] else '*none*'}"
            f" -> {code(str(each['to']))}"
            for each in environments.get(one.path, ())
            if one.path in carried or each["from"] != each["to"]
        ]
        more = len(raised) - SHOWN
        shown = "<br>".join([*raised[:SHOWN], *([f"and {more} more"] if more > 0 else ())])
        rows.append((code(one.path, PATH), _names(one.names), shown, used.get(one.path, "")))
    if not rows:
        return Section("definitions")
    names = ("definition", "pins", "environment", "used by")
    return _titled(_table("definitions", names, rows), "Definitions")


def _users(known: _Known) -> Mapping[str, str]:
    """Return who uses each definition: other definitions, jobs and deployments that refer to its
    environment, and workspaces."""
    proposed, settings = known.proposed, known.run.settings
    readers = readers_of(proposed.kinds, settings.read_by, settings.workspaces)
    users = {kind.path: list(kind.used_by) for kind in proposed.kinds}
    for kind in proposed.kinds:
        for path in kind.uses:
            users.setdefault(path, []).append(kind.path)
    for row in known.run.report.definitions:
        for path in row.followed:
            if row.path not in users.get(path, ()) and path not in users.get(row.path, ()):
                users.setdefault(path, []).append(row.path)
    names = _workspace_names({one for those in readers.values() for one in those})
    found = {}
    for path in {*users, *readers}:
        files = list(dict.fromkeys(users.get(path, ())))
        parts = [_names(files, SHOWN)] if files else []
        if those := [names[one] for one in readers.get(path, ())]:
            noun = "workspace" if len(those) == 1 else "workspaces"
            parts.append(f"{noun} {_names(those, SHOWN)}")
        found[path] = ", ".join(parts)
    return found


def _workspace_names(workspaces: set[Workspace]) -> Mapping[Workspace, str]:
    """Return how each is named: shortly, where it is the only one of that name."""
    names = [one.name.lower() for one in workspaces]
    return {one: one.name if names.count(one.name.lower()) == 1 else str(one) for one in workspaces}


def _diffs(known: _Known) -> Section:
    items = [_diff(one) for one in known.definitions]
    return Section("diffs", (), items, (), more="The diffs of {count} more files are not shown.\n")


def _diff(one: DefinitionChange) -> Item:
    title = [f"### {code(one.path, PATH)}", ""]
    try:
        old, new = (_lines(data) for data in (one.before, one.after))
    except UnicodeDecodeError:
        what = "comes" if one.before is None else "goes" if one.after is None else "changes"
        size = len(one.after or one.before or b"")
        return Item([*title, f"A file that is no text {what}: {size:,} bytes."], (), [""])
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    if not lines:
        return Item([*title, "Only its line ends change."], (), [""])
    rows = [hushed(shortened(visible(line), LINE)) for line in lines[:MOST_LINES]]
    fence = fence_for(rows)
    return Item(
        [*title, f"{fence}diff"],
        rows,
        [fence, ""],
        more="... and {count} more lines",
        left=len(lines) - len(rows),
    )


def _lines(data: bytes | None) -> list[str]:
    """Return the lines of a text; what others take for an end of a line, too, stays in it."""
    lines = re.split(r"\r\n|\r|\n", redact((data or b"").decode("utf-8-sig")))
    return lines if lines[-1] else lines[:-1]


# --- the packages ---------------------------------------------------------------------------------


def _commits(known: _Known) -> Section:
    run, proposed = known.run, known.proposed
    listed = [one for one in known.versions if one.before and one.name in proposed.directories]
    shallow = bool(listed) and run.git.text("rev-parse", "--is-shallow-repository") == "true"
    items = [
        item for one in listed[:MOST_HISTORIES] for item in _history(known, one, shallow=shallow)
    ]
    left = len(listed[MOST_HISTORIES:])
    more = "The commits to {count} more packages are not shown.\n"
    return Section("commits", (), items, (), more=more, left=left)


def _history(known: _Known, one: VersionChange, *, shallow: bool) -> Iterator[Item]:
    """Yield the commits to one package since its last release, and those that are taken back."""
    run, proposed = known.run, known.proposed
    name, before = code(one.name), code(one.before or "")
    since = f"### Commits to {name} since {before}"
    old, new = (
        recorded(run.definition_git, proposed.base.head, known.locks, one.name, version)
        for version in (one.before or "", one.after)
    )
    kinds = () if run.elsewhere else proposed.kinds
    directories = proposed.directories
    places = folder_of(directories[one.name], set(directories.values()), kinds)
    added, gone = (
        commits_between(run.git, *pair, places) if all(pair) else None
        for pair in ((old, new), (new, old))
    )
    if added is None or gone is None:
        lacks = "*The history between them is not in this checkout.*"
        yield Item([since, "", f"{lacks}{f' {WHOLE}' if shallow else ''}"], (), [""])
        return
    tail = [f"*The checkout is shallow: there may be more.* {WHOLE}", ""] if shallow else [""]
    taken = f"### Commits to {name} that are taken back, from {before} to {code(one.after)}"
    back = one.kind == "rollback" or not added.rows
    for title, commits in ((since, added), (taken, gone)):
        if commits.rows and (commits is added or back):
            rows = [
                f"- {code(short)} {code(subject, SUBJECT)}, {code(author, SUBJECT)}"
                for short, author, subject in commits.rows[:MOST_COMMITS]
            ]
            more = f"- and {{count}} more: {code(commits.command)}"
            left = len(commits.rows) - len(rows)
            yield Item([title, ""], rows, tail, more=more, left=left)
    if not added.rows and not gone.rows:
        yield Item([since, "", "*None in its folder.*"], (), tail)


def _wheels(known: _Known) -> Section:
    before, now = known.locks
    pinned = {(one.name, one.after) for one in known.versions}
    found: dict[str, LockedWheel] = {}
    for name, record in sorted(now.packages.items()):
        was = before.packages.get(name)
        if was is None or not was.same_release(record) or (name, record.version) in pinned:
            found |= {wheel.file: wheel for wheel in record.wheels}
    for wheel in known.proposed.wheels:
        found.setdefault(wheel.file, wheel)
    rows = [
        (
            code(wheel.file),
            code(wheel.sha256) if wheel.sha256 else "*not known*",
            "<br>".join(code(without_credentials(place)) for place in wheel.places),
        )
        for wheel in found.values()
    ]
    if not rows:
        return Section("wheels")
    return _titled(_table("wheels", ("file", "SHA-256", "published at"), rows), "Wheels")

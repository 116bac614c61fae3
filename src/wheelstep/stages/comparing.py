"""What else changes in the images since the last rehearsal, which its report has kept."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wheelstep.errors import CannotHere
from wheelstep.model import Problem
from wheelstep.rehearsal.interface import Verdict

__all__ = ["Earlier", "changes_since", "changes_text", "earlier_rehearsals"]

Earlier = Mapping[tuple[str, str, str], Mapping[str, str]]
"""(path, place, platform) -> the packages of the image, name to version."""

MOST_SHOWN: Final = 20
"""Changes of one image that are shown to people; the report has all."""
WORD: Final = re.compile(r"[\w.+!-]{0,200}", re.ASCII)
"""What names and versions of packages are made of, conda's too."""
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a report that are read: one of a hundred definitions has some hundred thousand."""


def earlier_rehearsals(file: Path, shown: str) -> tuple[Earlier, Problem | None]:
    """Read what an earlier run rehearsed.

    Args:
        file: Its report (the output `report`, or what `--json` printed).
        shown: The file as the settings name it.

    Returns:
        The images that were resolved then, and a warning where the file cannot be used.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        return {}, _warning(CannotHere.from_os_error(error, f"reading {shown}").message)
    if len(data) > LARGEST:
        return {}, _warning(f"{shown} is larger than any report is.")
    try:
        return _images(json.loads(data)), None
    except (ValueError, RecursionError):  # not UTF-8 is a ValueError, too
        return {}, _warning(f"{shown} is no report of wheelstep's.")


def _images(document: Any) -> Earlier:
    """Return the images in a report.

    Raises:
        ValueError: It is none.
    """
    match document:
        case {"schema": 1, "rehearsals": list(rows)}:
            return dict(found for row in rows if (found := _image(row)))
        case _:
            raise ValueError("no report")


def _image(row: Any) -> tuple[tuple[str, str, str], dict[str, str]] | None:
    match row:
        case {"path": str(path), "platform": str(platform), "resolved": [_, *_] as resolved}:
            place = row.get("place", "")
            found = _packages(resolved)
            if not all(WORD.fullmatch(word) for pair in found.items() for word in pair):
                raise ValueError("no package")  # it will be shown to people, as it stands
            return (path, str(place), platform), found
        case {"status": str()}:
            return None  # it was not resolved then
        case _:
            raise ValueError("no rehearsal")


def _packages(resolved: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in resolved:
        match package:
            # what pip installs stands first, and takes the place of conda's of the same name
            case {"name": str(name), "version": str(version)}:
                found.setdefault(name, version)
            case _:
                raise ValueError("no package")
    return found


def _warning(why: str) -> Problem:
    return Problem(
        "no-comparison",
        "warning",
        0,
        f"The images are not compared with those of an earlier run: {why}",
        "Let `compare-with` name the file that the output `report` of an earlier run names; a step "
        "that restores it may fail on the first run, and then there is nothing to do.",
    )


def changes_since(
    earlier: Earlier, verdict: Verdict, released: Collection[str]
) -> list[dict[str, str | None]]:
    """Return what else changed in an image, by name; packages that are released here are left out.

    Args:
        earlier: From `earlier_rehearsals`.
        verdict: On the definition now.
        released: Normalised names.

    Returns:
        `from` is None for a new package, `to` for one that is gone; nothing where this image was
        not resolved then, or is not now.
    """
    before = earlier.get((verdict.path, verdict.place, verdict.platform))
    if before is None or not verdict.resolved:
        return []
    now = _packages({"name": one.name, "version": one.version} for one in verdict.resolved)
    return [
        {"name": name, "from": before.get(name), "to": now.get(name)}
        for name in sorted({*before, *now})
        if name not in released and before.get(name) != now.get(name)
    ]


def changes_text(changes: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Return changes as lines for people."""
    lines = []
    for change in changes[:MOST_SHOWN]:
        match change["from"], change["to"]:
            case None, now:
                lines.append(f"{change['name']} {now} is new")
            case before, None:
                lines.append(f"{change['name']} {before} is gone")
            case before, now:
                lines.append(f"{change['name']} {before} -> {now}")
    if len(changes) > MOST_SHOWN:
        lines.append(f"and {len(changes) - MOST_SHOWN} more, which the report lists")
    return lines

"""What a definition in a build context says, seen from the repository."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wheelstep.definitions.interface import Kind, Reading, Section, Wanted
from wheelstep.definitions.named import in_context
from wheelstep.definitions.pinning import note
from wheelstep.definitions.requirement import Unreadable, parse
from wheelstep.definitions.vendoring import Builds, Use
from wheelstep.errors import SettingError
from wheelstep.model import Problem

__all__ = ["outside_of_contexts", "seen_from_here", "unconnected"]

_FILE_OPTION: Final = re.compile(r"(?P<option>-r|-c) (?P<name>.+)")
_ONLY_THERE: Final = "${IMAGE}"
"""Stands in front of a file that only the image has: a rehearsal takes it for a variable whose
value is not known here."""


def seen_from_here(kind: Kind, reading: Reading, builds: Builds) -> Reading:
    """Return a reading whose files are named as the repository has them: what a path of the image
    means is known from the Dockerfile alone."""
    if not kind.contexts:
        return reading
    uses = builds.uses(kind.path)
    python = builds.python_of(kind.path)
    sections = [
        replace(
            section,
            python=section.python or python,
            connected=False,
            pip_lines=tuple(
                _line(kind, builds, _uses_of(kind, section, uses), line)
                for line in section.pip_lines
            ),
        )
        for section in reading.sections
    ]
    return replace(reading, sections=tuple(sections))


def _uses_of(kind: Kind, section: Section, uses: Sequence[Use]) -> Sequence[Use]:
    if kind.form.name != "dockerfile":
        return uses
    return [use for use in uses if use.line == section.line] or uses


def _line(kind: Kind, builds: Builds, uses: Sequence[Use], line: str) -> str:
    folder = posixpath.dirname(kind.path) or "."
    option = _FILE_OPTION.fullmatch(line) if kind.form.name == "dockerfile" else None
    if option:
        path = _origin(builds, uses, option["name"])
        named = posixpath.relpath(path, folder) if path else f"{_ONLY_THERE}/{option['name']}"
        return f"{option['option']} {named}"
    try:
        found = parse(line)
    except Unreadable:
        return line
    if found is None or found.url is None or "://" in found.url or found.kind != "bare-url":
        return line
    name = found.url.removesuffix(found.extras)
    path = _origin(builds, uses, name)
    return line.replace(name, posixpath.relpath(path, folder), 1) if path else line


def _origin(builds: Builds, uses: Sequence[Use], name: str) -> str | None:
    for use in uses:
        there = [
            in_context(use.context.folder, origin)
            for origin in replace(use.state, folder=use.folder).origins_of(name)
        ]
        # a wheel that is yet to come lies below no file
        likely = [path for path in there if not _below_a_file(builds, path)]
        if likely:
            return next((path for path in likely if builds.read(path) is not None), likely[0])
    return None


def _below_a_file(builds: Builds, path: str) -> bool:
    parts = path.split("/")
    return any(builds.read("/".join(parts[:count])) is not None for count in range(1, len(parts)))


def unconnected(kind: Kind, reading: Reading, wanted: Wanted) -> list[Problem]:
    """Say that a definition in a build context is out of the connections' reach.

    Source: the workspace rewrites index URLs of conda specifications only; a Dockerfile's build
    gets none of its credentials.
    """
    names = {pin.name for pin in wanted.pins}
    ours = [
        one
        for one in reading.requirements
        # a wheel that lies in the context is read with no credentials
        if one.name in names and not (".whl" in one.text and "://" not in one.text)
    ]
    if not kind.contexts or not ours or wanted.style == "vendor":
        return []
    return [
        note(
            kind.path,
            ours[0].line,
            "build-context-unconnected",
            f"{ours[0].name} is installed by the build of {kind.contexts[0].dockerfile}, which "
            "workspace connections do not reach: pip has none of their credentials there.",
            "Give pip credentials of its own in the image's build, or use `pin: vendor`, which "
            "needs none.",
            severity="warning",
        )
    ]


def outside_of_contexts(paths: Sequence[str]) -> SettingError:
    """Say that wheels cannot be laid beside these definitions."""
    listed = ", ".join(paths)
    return SettingError(
        f"`pin` is vendor, which lays wheels into the build context of a Dockerfile, and these "
        f"definitions are installed by none that is known: {listed}.",
        code="vendor-outside-context",
        cure='Leave them out (`definitions: ["!FILE"]`), have a Dockerfile copy and install them '
        "by plain paths, or use another `pin`.",
        file=paths[0],
    )

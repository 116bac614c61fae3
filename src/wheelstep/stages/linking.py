"""A page of links for each definition: what it pins of ours, for `--find-links`."""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wheelstep.definitions.plan import Edits
from wheelstep.destinations.interface import writes_pages
from wheelstep.model import Listed
from wheelstep.stages.run import Run

__all__ = ["write_links"]


def write_links(run: Run, edits: Edits, names: Collection[str]) -> None:
    """Write the pages, in every destination whose pages we write; before anything is committed.

    Args:
        run: The run.
        edits: The definitions as they will be.
        names: Normalised names of the repository's packages.

    Raises:
        StepError: As the destinations have it.
    """
    wanted = {
        edit.path: pinned
        for edit in edits.edits
        if (
            pinned := {
                (one.name, version)
                for one in edit.reading.requirements
                if one.name in names and (version := _version(one.pinned)) is not None
            }
        )
    }
    asked = sorted({name for pinned in wanted.values() for name, _ in pinned})
    for one in run.destinations:
        if not writes_pages(one) or not asked:
            continue
        there = one.look(asked)
        for path, pinned in wanted.items():
            files = [file for name in asked for file in there[name] if (name, _of(file)) in pinned]
            where = one.link(path, files)
            run.host.say(f"{path}: what it pins is linked at {where or f'links/{path}.html'}")


def _version(pinned: str | None) -> Version | None:
    try:
        return Version(pinned) if pinned else None
    except InvalidVersion:
        return None


def _of(file: Listed) -> Version:
    return parse_wheel_filename(file.file)[1]

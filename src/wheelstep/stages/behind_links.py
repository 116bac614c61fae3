"""Definitions that others name by way of a symbolic link, which nothing follows."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from wheelstep.definitions.forms import form_of, is_yaml, may_name_others
from wheelstep.definitions.interface import Named, Read
from wheelstep.definitions.pinning import note
from wheelstep.definitions.plan import Edits
from wheelstep.errors import StepError
from wheelstep.model import Problem

__all__ = ["behind_links"]

LONGEST: Final = 40
"""Links in a row: as many as Linux follows (path_resolution(7)); a longer row leads in a circle."""


def behind_links(
    read: Read, paths: Sequence[str], links_of: Callable[[], Mapping[str, str]], edits: Edits
) -> list[Problem]:
    """Return a warning for each environment whose conda file is a link to one that changes: the
    environment's version does not rise, and its image is not built anew.

    Args:
        read: Reads a file of the snapshot.
        paths: All its regular files.
        links_of: Returns its symbolic links with where they lead to; asked where it matters.
        edits: What is decided.
    """
    changed = {edit.path for edit in edits.edits if edit.status == "changed"}
    links = links_of() if changed else {}
    leading = {path: end for path in links if (end := _end(path, links)) in changed}
    if not leading:
        return []
    return [
        note(
            path,
            named.line,
            "behind-a-link",
            f"`{named.text}` is a symbolic link to {leading[named.path or '']}, which changes. "
            "Links are not followed: the version of what names it by the link does not rise.",
            "Name the file that the link leads to, by its own path.",
            severity="warning",
        )
        for path in paths
        if is_yaml(path)
        for named in _named_in(read, path)
        if named.path in leading
    ]


def _end(path: str, links: Mapping[str, str]) -> str:
    for _ in range(LONGEST):
        if path not in links:
            break
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), links[path]))
    return path


def _named_in(read: Read, path: str) -> Iterator[Named]:
    data = read(path)
    if data is None or not may_name_others(path, data):
        return
    try:
        if form := form_of(path, data):
            yield from form.read(path, data).named
    except StepError:
        return  # what is broken there is told where definitions are looked for

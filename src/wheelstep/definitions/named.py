"""Files that a definition names: where they are, and what is said when they are not there."""

from __future__ import annotations

import posixpath

from wheelstep.definitions.interface import Named
from wheelstep.definitions.pinning import note
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.model import Problem

__all__ = ["conda_file_missing", "file_missing", "in_context", "left_alone"]


def in_context(folder: str, named: str) -> str:
    """Return the path, relative to the repository's root, of a file named in a build context; it
    begins with `../` where it lies outside of the repository."""
    plain = named.strip().replace("\\", "/").lstrip("/")
    return posixpath.normpath(posixpath.join(folder, plain))


def conda_file_missing(path: str, named: Named) -> DefinitionUnresolvable:
    """Say that an environment's conda file is not there."""
    return DefinitionUnresolvable(
        f"The environment names the conda file `{named.text}`, which is not in the "
        "repository at that place.",
        code="conda-file-missing",
        cure="The path is relative to the environment's own file; commit the file. A symbolic link"
        " is not followed: name the file that it leads to.",
        file=path,
        line=named.line,
    )


def file_missing(path: str, named: Named, *, built: bool) -> Problem:
    """Say that another file is not there: it stops nothing here.

    Args:
        path: The definition's.
        named: What it names.
        built: Whether a Dockerfile names it, whose build may make it.
    """
    if named.kind == "include" and not built:
        return note(
            path,
            named.line,
            "included-file-missing",
            f"`{'-c' if named.constraint else '-r'} {named.text}` names a file that is not in the "
            "repository at that place; pip would stop there.",
            "The path is relative to the file that names it; commit the file, or remove the line.",
            severity="warning",
        )
    what = "Dockerfile" if named.kind == "build-context" else "file"
    text = f"{named.text}/{named.dockerfile}" if named.kind == "build-context" else named.text
    return note(
        path,
        named.line,
        "named-file-missing",
        f"The {what} `{text}` is named here and is not in the repository at that place, so nothing "
        "in it is pinned.",
        "Commit the file, if the build does not make it.",
        severity="warning",
    )


def left_alone(path: str, named: Named, error: StepError) -> Problem:
    """Say that a file which a definition includes cannot be read."""
    return note(
        path,
        named.line,
        "definition-left-alone",
        f"`{'-c' if named.constraint else '-r'} {named.text}` names a file that was left alone. "
        f"{error.message}",
        error.cure,
        severity="warning",
    )

"""Finds the Python projects among the tracked files of a commit, never in the work tree."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from wheelstep.errors import SettingError, StepError, raise_all
from wheelstep.ground.git import Git
from wheelstep.model import Project
from wheelstep.packages.globs import FolderGlobs
from wheelstep.packages.stated import FILES, Stated, read_stated
from wheelstep.packages.tree import SUBMODULE, Tree, blobs, is_below, read_tree

__all__ = ["discover", "refuse_duplicates"]

SHOWN = 10
"""At most this many folders are listed in an error."""


def discover(
    git: Git, patterns: Sequence[str] = (".",), *, tree: Tree | None = None
) -> list[Project]:
    """Find the packages to release: three git calls, one when the tree is given.

    A folder is a project when its pyproject.toml has `[project]`, `[build-system]`,
    `[tool.poetry]` or `[tool.flit.metadata]`, or its setup.cfg has `[metadata]`, or its setup.py
    calls `setup`. Other folders are passed over. The `Private ::` classifier leaves nothing out.

    Args:
        git: The repository, at its root.
        patterns: Folders or globs relative to the root, `!glob` leaves out: see `FolderGlobs`.
        tree: The commit to look at; HEAD when None.

    Returns:
        The projects, sorted by folder, names checked for duplicates. One whose name only its back
        end knows has the name "" (see `versions.with_names`).

    Raises:
        SettingError: No project matches, a folder that is named does not exist, two projects have
            one name, or a project's file is broken.
        CannotHere: git fails.
    """
    tree = tree or read_tree(git)
    globs = FolderGlobs(tuple(patterns) or (".",))
    missing = [folder for folder in globs.literals() if not tree.has_folder(folder)]
    if missing:
        raise _no_folder(git, tree, missing)
    candidates: dict[str, dict[str, str]] = {}
    for path, entry in tree.entries.items():
        name = posixpath.basename(path)
        if name in FILES and entry.mode.startswith("100"):
            candidates.setdefault(posixpath.dirname(path) or ".", {})[name] = entry.oid
    taken = {folder for folder in candidates if globs.takes(folder)}
    left = {folder for folder in candidates if globs.leaves_out(folder)}
    texts = blobs(git, (oid for folder in taken | left for oid in candidates[folder].values()))
    stated: dict[str, Stated] = {}
    passed: dict[str, str] = {}
    others: set[str] = set()
    errors: list[StepError] = []
    for folder in sorted(taken | left):
        files = {name: texts[oid] for name, oid in candidates[folder].items()}
        try:
            match read_stated(folder, files):
                case str(reason):
                    passed[folder] = reason
                case found if folder in taken:
                    stated[folder] = found
                case _:
                    others.add(folder)
        except SettingError as error:
            if folder in taken:
                errors.append(error)
            else:
                others.add(folder)  # broken, but left out: no part of the package around it
    raise_all(errors)
    if not stated:
        raise _nothing(globs, sorted(candidates), passed)
    borders = others | set(stated)
    projects = [_project(folder, stated[folder], borders) for folder in sorted(stated)]
    refuse_duplicates(projects)
    return projects


def _project(folder: str, stated: Stated, borders: set[str]) -> Project:
    nested = sorted(
        other
        for other in borders
        # the root is below nothing; what a nested package holds goes with it
        if other not in {folder, "."} and is_below(other, folder)
    )
    outermost = [
        path for path in nested if not any(is_below(path, up) for up in nested if up != path)
    ]
    return Project(
        name=stated.name or "",
        normalized=canonicalize_name(stated.name) if stated.name else "",
        directory=folder,
        static_version=stated.version,
        build_requires=stated.requires,
        needs_history=stated.needs_history,
        nested=tuple(outermost),
        file=stated.file,
    )


def refuse_duplicates(projects: Sequence[Project]) -> None:
    """Refuse two packages of one normalised name (PEP 503).

    Raises:
        SettingError: Names both folders, for every such pair.
    """
    seen: dict[str, Project] = {}
    errors: list[StepError] = []
    for project in projects:
        first = seen.setdefault(project.normalized, project) if project.normalized else project
        if first is not project:
            errors.append(
                SettingError(
                    f"Two packages have the name {project.normalized!r}: {first.directory} "
                    f"({first.name}) and {project.directory} ({project.name}).",
                    code="duplicate-package",
                    cure=f"Rename one, or leave one out of `packages` with `!{project.directory}`.",
                    file=project.file,
                )
            )
    raise_all(errors)


def renamed(project: Project, name: str) -> Project:
    """Return the project with the name that its back end gave."""
    return dataclasses.replace(project, name=name, normalized=canonicalize_name(name))


def _no_folder(git: Git, tree: Tree, missing: Sequence[str]) -> SettingError:
    inside = [
        (folder, path)
        for folder in missing
        for path, entry in tree.entries.items()
        if entry.mode == SUBMODULE and is_below(folder, path)
    ]
    if inside:
        folder, path = inside[0]
        return SettingError(
            f"`packages` names {folder}, which lies in the submodule {path}: its files belong to "
            "another repository.",
            code="no-such-folder",
            cure="Release it where it is committed: run the step in that repository.",
        )
    there = [folder for folder in missing if (git.directory / folder).is_dir()]
    names = ", ".join(missing)
    return SettingError(
        f"`packages` names {names}, but the commit has no such folder."
        + (f" {', '.join(there)} is there, but nothing in it is committed." if there else ""),
        code="no-such-folder",
        cure="Commit it first."
        if there == list(missing)
        else "Check the spelling: folders are relative to the repository's root.",
    )


def _nothing(globs: FolderGlobs, candidates: Sequence[str], passed: dict[str, str]) -> SettingError:
    wanted = ", ".join(repr(pattern) for pattern in globs.patterns)
    seen = [f"{folder} ({reason})" for folder, reason in sorted(passed.items())]
    seen += [folder for folder in candidates if folder not in passed]
    shown = ", ".join(seen[:SHOWN])
    shown += f" and {len(seen) - SHOWN} more" if len(seen) > SHOWN else ""
    return SettingError(
        f"No Python project is in a folder that `packages` = {wanted} matches. "
        + ("`.` is the repository's root, wherever it is run. " if "." in globs.patterns else "")
        + (
            f"Folders with a pyproject.toml, setup.cfg or setup.py: {shown}."
            if seen
            else "The commit has no pyproject.toml, setup.cfg or setup.py anywhere."
        ),
        code="no-packages",
        cure="Point `packages` at the folders of your packages, for example `packages/*`; "
        "what is not committed does not count.",
    )

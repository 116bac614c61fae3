"""The state of each package's sources, from git's object ids.

A package's sources are the tracked files below its folder, less other packages' folders, less the
lock and the definitions, less what `exclude` names. Two questions are kept apart, since the first
is free and the second is not: *did they change* (`tree_fingerprints`), and *which commit last
changed them* (`locate`). A package is built from that commit and not from HEAD: files that are no
sources are frozen there and can never change a wheel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from wheelstep.errors import SettingError
from wheelstep.ground.git import Git
from wheelstep.model import Project, Sources
from wheelstep.packages.globs import ExcludeGlobs
from wheelstep.packages.tree import Tree, is_below, parse_tree, read_tree, resolve_commit

__all__ = [
    "Rules",
    "at_root",
    "commit_time",
    "files_that_differ",
    "fingerprint",
    "locate",
    "source_paths",
    "sources_of",
    "tree_fingerprint_at",
    "tree_fingerprints",
    "uncommitted",
]


@dataclass(frozen=True)
class Rules:
    """What is no source, the same for every package."""

    exclude: tuple[str, ...] = ()
    """The setting `exclude`: see `ExcludeGlobs`."""
    never: tuple[str, ...] = ()
    """Files and folders of ours, relative to the root: the lock, the definitions, `dist`, a folder
    index."""

    @cached_property
    def globs(self) -> ExcludeGlobs:
        """The setting `exclude`, compiled."""
        return ExcludeGlobs(self.exclude)

    @cached_property
    def own(self) -> frozenset[str]:
        """`never`, without what only decorates a path."""
        return frozenset(path.removeprefix("./").rstrip("/") for path in self.never)

    def is_source(self, project: Project, path: str) -> bool:
        """Tell whether a path relative to the root is one of the package's sources.

        Raises:
            SettingError: A glob in `exclude` cannot be read.
        """
        if not is_below(path, project.directory) or any(
            is_below(path, folder) for folder in project.nested
        ):
            return False
        parts = path.split("/")
        if any("/".join(parts[:depth]) in self.own for depth in range(1, len(parts) + 1)):
            return False
        return not self.globs.matches(relative(path, project))

    def pathspecs(self, project: Project) -> list[str]:
        """Return the package's sources as git pathspecs."""
        below = "" if project.directory == "." else project.directory
        specs = [f":(top,literal){below}" if below else ":(top)"]
        specs += [f":(exclude,top,literal){folder}" for folder in project.nested]
        specs += [
            f":(exclude,top,literal){path}"
            for path in sorted(self.own)
            if path and is_below(path, project.directory)
        ]
        return specs + list(self.globs.pathspecs(project.directory))


def relative(path: str, project: Project) -> str:
    """Return a path relative to the package's folder; `../` where a link led out of it."""
    if project.directory == ".":
        return path
    prefix = f"{project.directory}/"
    if path.startswith(prefix):
        return path[len(prefix) :]
    return "../" * (project.directory.count("/") + 1) + path


def source_paths(git: Git, tree: Tree, project: Project, rules: Rules) -> list[str]:
    """Return the package's source files, relative to the root: those of its folder sorted, then
    what its links lead to outside.

    Raises:
        SettingError: A glob in `exclude` cannot be read.
    """
    own = [path for path in tree.below(project.directory) if rules.is_source(project, path)]
    return own + tree.linked(git, project, frozenset(own))


def _fingerprint(tree: Tree, project: Project, paths: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        entry = tree.entries[path]
        name = relative(path, project).encode("utf-8", "surrogateescape")
        digest.update(b"%s\0%s\0%s\0" % (name, entry.mode.encode(), entry.oid.encode()))
    return digest.hexdigest()


def fingerprint(tree_fingerprint: str, version: str) -> str:
    """Return `Package.fingerprint`: equal means that there is nothing to release.

    Args:
        tree_fingerprint: `Sources.tree`.
        version: Normalised.
    """
    return hashlib.sha256(f"{tree_fingerprint}\0{version}".encode()).hexdigest()


def tree_fingerprints(
    git: Git, projects: Sequence[Project], rules: Rules, *, tree: Tree | None = None
) -> dict[str, str]:
    """Return `Sources.tree` of each package by its name: two git calls, none with `tree`.

    (One more for each package whose links lead out of it.)

    Args:
        git: The repository, at its root.
        projects: As `discover` found them.
        rules: What is no source.
        tree: The commit to look at; HEAD when None.

    Raises:
        SettingError: When `exclude` leaves nothing of a package, or a glob cannot be read.
    """
    tree = tree or read_tree(git)
    found = {}
    for project in projects:
        paths = source_paths(git, tree, project, rules)
        if not paths:
            raise SettingError(
                f"`exclude` leaves nothing of the package {project.name or project.directory}: "
                f"every file in {project.directory} is left out.",
                code="nothing-left",
                cure="Narrow `exclude` down to tests and documents.",
                file=project.file or None,
            )
        found[project.normalized] = _fingerprint(tree, project, paths)
    return found


def locate(
    git: Git, project: Project, rules: Rules, tree_fingerprint: str, *, tree: Tree
) -> Sources:
    """Find the commit to build from: three git calls.

    It is the last commit that touched the sources (`git rev-list -1` over them, with git's default
    simplification), when the sources there are those of the head; else the head itself (a merge
    that git simplifies otherwise, a clone whose history is cut off).

    Args:
        git: The repository, at its root.
        project: The package.
        rules: What is no source.
        tree_fingerprint: What `tree_fingerprints` says of it.
        tree: The head.
    """
    commit, epoch = touched(git, project, rules, tree)
    if commit != tree.commit and (
        tree_fingerprint_at(git, project, commit, rules) != tree_fingerprint
    ):
        commit, epoch = tree.commit, commit_time(git, tree.commit)
    return Sources(tree_fingerprint, commit, epoch)


def touched(git: Git, project: Project, rules: Rules, tree: Tree) -> tuple[str, int]:
    """Return the last commit that touched the sources and its commit time: one git call."""
    specs = rules.pathspecs(project)
    own = frozenset(p for p in tree.below(project.directory) if rules.is_source(project, p))
    specs += [f":(top,literal){path}" for path in tree.linked(git, project, own)]
    out = git.text("rev-list", "-1", "--timestamp", tree.commit, "--", *specs)
    if not out:
        return tree.commit, commit_time(git, tree.commit)
    epoch, _, commit = out.partition(" ")
    return commit, int(epoch)


def at_root(git: Git, tree: Tree) -> tuple[str, int] | None:
    """Return the head and its commit time where it is all the history there is, as in a clone of
    depth 1 (what checkouts of both hosts make by default): one git call for all packages.

    Returns:
        None where there are commits before.
    """
    epoch, commit, *parents = git.text(
        "rev-list", "-1", "--timestamp", "--parents", tree.commit
    ).split()
    return None if parents else (commit, int(epoch))


def commit_time(git: Git, commit: str) -> int:
    """Return a commit's time: seconds since 1970, UTC."""
    return int(git.text("rev-list", "-1", "--timestamp", commit).partition(" ")[0])


def sources_of(
    git: Git, projects: Sequence[Project], rules: Rules, *, tree: Tree | None = None
) -> dict[str, Sources]:
    """Return the whole state of each package, by its name: what a run with something to do needs.

    Raises:
        SettingError: As `tree_fingerprints`.
    """
    tree = tree or read_tree(git)
    trees = tree_fingerprints(git, projects, rules, tree=tree)
    return {
        project.normalized: locate(git, project, rules, trees[project.normalized], tree=tree)
        for project in projects
    }


def _tree_at(git: Git, project: Project, commit: str, rules: Rules) -> Tree | None:
    """Return a commit's tree, as far as it concerns the package; None where the clone lacks it."""
    full = resolve_commit(git, commit)
    if full is None:
        return None
    below = [] if project.directory == "." else ["--", project.directory + "/"]
    done = git.try_("ls-tree", "-r", "-z", "--full-tree", full, *below)
    if done.code != 0:
        return None
    tree = Tree(full, parse_tree(done.out))
    links = any(
        entry.mode == "120000" and rules.is_source(project, path)
        for path, entry in tree.entries.items()
    )
    return read_tree(git, full) if links and below else tree


def tree_fingerprint_at(git: Git, project: Project, commit: str, rules: Rules) -> str | None:
    """Return the fingerprint that the sources had at a commit, under the rules of today.

    Equal to today's means that nothing has changed since: so what was changed and is then added to
    `exclude` makes no new release.

    Returns:
        None when this clone does not have the commit.
    """
    tree = _tree_at(git, project, commit, rules)
    return _fingerprint(tree, project, source_paths(git, tree, project, rules)) if tree else None


def files_that_differ(
    git: Git, project: Project, old: str, new: str, rules: Rules
) -> list[str] | None:
    """Return the source files that were added, changed or removed between two commits.

    Returns:
        Paths relative to the repository's root, sorted; None when this clone lacks one of the
        commits.
    """
    trees = [_tree_at(git, project, commit, rules) for commit in (old, new)]
    states: list[Mapping[str, object]] = []
    for tree in trees:
        if tree is None:
            return None
        paths = source_paths(git, tree, project, rules)
        states.append({path: tree.entries[path] for path in paths})
    before, after = states
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )


LITTER = ("__pycache__", ".egg-info")
"""What Python leaves beside sources: not worth a warning when it is not even tracked."""


def uncommitted(git: Git, projects: Sequence[Project], rules: Rules) -> dict[str, list[str]]:
    """Return what is not committed in each package: one git call.

    What is staged, changed or new counts, as long as it would be a source and is not ignored by
    git. None of it is released.

    Returns:
        Paths relative to the repository's root, sorted, by the package's name; packages without any
        are not in it.
    """
    records = git.records("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
    paths = []
    for record in records:
        state, path = record[:2], record[3:].rstrip("/")
        litter = any(part.endswith(LITTER) for part in path.split("/"))
        if not (state == "??" and litter):
            paths.append(path)
    found = {
        project.normalized: sorted(path for path in paths if rules.is_source(project, path))
        for project in projects
    }
    return {name: changed for name, changed in found.items() if changed}

"""Which packages are there, at which version, and which of them have to be built?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from packaging.version import InvalidVersion, Version

from wheelstep.definitions.interface import Found, Kind
from wheelstep.ground.threads import ThreadPool
from wheelstep.lock import FILE, Lock, Locked
from wheelstep.model import Package, Project, Sources
from wheelstep.packages.discover import discover
from wheelstep.packages.environments import BuildEnvironments
from wheelstep.packages.sources import (
    Rules,
    at_root,
    fingerprint,
    locate,
    tree_fingerprint_at,
    tree_fingerprints,
    uncommitted,
)
from wheelstep.packages.tree import Tree, read_tree
from wheelstep.packages.versions import Evaluate, history_keys, versions_of, with_names
from wheelstep.stages.definitions import find_definitions
from wheelstep.stages.run import Run

__all__ = ["Survey", "Surveyed", "no_sources", "survey", "unchanged"]

SHOWN: Final = 5
"""At most this many file names in a warning."""


@dataclass(frozen=True)
class Surveyed:
    """One package: what is known of it before anything is built."""

    project: Project
    version: str
    status: Literal["changed", "unchanged"]
    locked: Locked | None
    """For an unchanged one the record that tells all; else the record of the last release."""
    package: Package | None
    """What to build; None for an unchanged one."""
    history: str | None
    """See packages/versions.py `history_keys`."""

    @property
    def name(self) -> str:
        """The normalised name."""
        return self.project.normalized


@dataclass(frozen=True)
class Survey:
    """All packages, and where they and the definitions are."""

    packages: tuple[Surveyed, ...]
    definitions: Found
    rules: Rules
    tree: Tree
    """HEAD of the checkout: what is released is what is committed there."""

    def of(self, name: str) -> Surveyed:
        """Return a package by its normalised name."""
        return next(one for one in self.packages if one.name == name)


def unchanged(project: Project, tree: str, history: str | None, lock: Lock) -> Locked | None:
    """Return the record, when it proves that there is nothing to build; pure.

    Args:
        project: The package.
        tree: The fingerprint of its sources.
        history: What its version follows from, where it is read from git.
        lock: What was released.
    """
    locked = lock.packages.get(project.normalized)
    if locked is None:
        return None
    if project.static_version is not None:
        try:
            if str(Version(project.static_version)) != locked.version:
                return None
        except InvalidVersion:
            return None
    elif project.needs_history and history != locked.history:
        return None
    # a version that is read from the package's own files is the same when they are
    return locked if fingerprint(tree, locked.version) == locked.sources else None


def survey(run: Run, environments: BuildEnvironments, *, warn: bool = True) -> Survey:
    """Find the packages and tell which of them changed.

    Where nothing changed this takes a handful of git calls: no version is evaluated, no service is
    asked, nothing is built.

    Args:
        run: The run.
        environments: Where back ends are asked for versions that only they know.
        warn: Whether uncommitted changes are worth a word.

    Raises:
        StepError: As the rooms say.
    """
    evaluate = _evaluate(environments)
    tree = read_tree(run.git)
    projects = discover(run.git, run.settings.packages, tree=tree)
    if any(not project.name for project in projects):
        projects = with_names(
            run.git, projects, evaluate=evaluate, scratch=environments.folder, commit=tree.commit
        )
    run.released |= {project.normalized for project in projects}
    found = find_definitions(run, run.snapshot, [project.normalized for project in projects])
    rules = Rules(run.settings.exclude, no_sources(run, found.kinds))
    trees = tree_fingerprints(run.git, projects, rules, tree=tree)
    keys = history_keys(run.git, projects, rules, tree=tree)
    known: dict[str, Locked] = {}
    for project in projects:
        fingerprint_now, key = trees[project.normalized], keys.get(project.normalized)
        if locked := unchanged(project, fingerprint_now, key, run.lock):
            known[project.normalized] = locked
    changed = [project for project in projects if project.normalized not in known]
    packages = _look_closer(run, environments, changed, trees, rules=rules, tree=tree)
    rows = []
    for project in projects:
        name = project.normalized
        if (locked := known.get(name)) is not None:
            rows.append(
                Surveyed(project, locked.version, "unchanged", locked, None, keys.get(name))
            )
            continue
        package, last = packages[name], run.lock.packages.get(name)
        if last is not None and _same_since(run, package, last, rules):
            rows.append(Surveyed(project, last.version, "unchanged", last, None, keys.get(name)))
        else:
            rows.append(
                Surveyed(project, package.version, "changed", last, package, keys.get(name))
            )
    if warn:
        _warn_uncommitted(run, projects, rules)
    return Survey(tuple(rows), found, rules, tree)


def _evaluate(environments: BuildEnvironments) -> Evaluate:
    def ask(source: Path, project: Project) -> tuple[str, str]:
        from wheelstep.packages.build import evaluate

        return evaluate(source, project, environments=environments)

    return ask


def no_sources(run: Run, kinds: Sequence[Kind]) -> tuple[str, ...]:
    """Return what is ours and no package's: lock, settings, definitions, what we write into."""
    paths = [FILE, "wheelstep.toml", *(kind.path for kind in kinds)]
    folders = [run.dist, *(run.root / wanted.url for wanted in run.settings.publish_to
                           if "://" not in wanted.url)]  # fmt: skip
    for folder in folders:
        try:
            inside = folder.resolve().relative_to(run.root.resolve()).as_posix()
        except ValueError:
            continue
        if inside != ".":
            paths.append(inside)
    return tuple(paths)


def _look_closer(
    run: Run,
    environments: BuildEnvironments,
    projects: Sequence[Project],
    trees: Mapping[str, str],
    *,
    rules: Rules,
    tree: Tree,
) -> dict[str, Package]:
    """Find the commit to build from and the version of packages that may have changed."""
    if not projects:
        return {}

    def where(project: Project) -> Sources:
        return locate(run.git, project, rules, trees[project.normalized], tree=tree)

    if (root := at_root(run.git, tree)) is not None:
        located = {one.normalized: Sources(trees[one.normalized], *root) for one in projects}
    else:
        # each is a git of its own, which is what costs
        with ThreadPool(max(1, run.builds)) as pool:
            found = list(pool.map(where, projects))
        located = {project.normalized: one for project, one in zip(projects, found, strict=True)}
    versions = versions_of(
        run.git,
        projects,
        located,
        rules,
        evaluate=_evaluate(environments),
        scratch=environments.folder,
        parallel=run.builds,
        tree=tree,
    )
    packages = {}
    for project in projects:
        sources, version = located[project.normalized], versions[project.normalized]
        # a later tag may decide the version; the time stays that of the sources
        sources = replace(sources, commit=version.commit)
        packages[project.normalized] = Package(
            project, version.version, sources, fingerprint(sources.tree, version.version)
        )
    return packages


def _same_since(run: Run, package: Package, last: Locked, rules: Rules) -> bool:
    """Tell whether the sources, by the rules of today, are what they were at the last release: so
    what is added to `exclude` after it was refused makes no release."""
    if package.version != last.version:
        return False
    before = tree_fingerprint_at(run.git, package.project, last.commit, rules)
    return before == package.sources.tree


def _warn_uncommitted(run: Run, projects: Sequence[Project], rules: Rules) -> None:
    for name, paths in uncommitted(run.git, projects, rules).items():
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        run.warn(
            "uncommitted",
            f"{name} has uncommitted changes, which are not released: "
            f"{', '.join(paths[:SHOWN])}{more}.",
            cure="Commit them first, if they are meant to be released.",
            file=paths[0],
        )

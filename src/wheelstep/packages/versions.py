"""The version of each package: read where it is written, else evaluated in a clean export.

Where it comes from git's tags, three things hold. Our own commits move no version, nor does any
commit that touches no source: it is evaluated at the commit that last touched the sources. A new
tag on the same sources is a new version: a tagged commit after that one counts when its tags change
what is evaluated there. And nothing is evaluated when nothing can have changed: `history_keys`.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from wheelstep.errors import BuildFailed, CannotHere, SettingError, StepError, raise_all
from wheelstep.ground.git import Git
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Project, Sources
from wheelstep.packages.discover import refuse_duplicates, renamed
from wheelstep.packages.export import export, remove
from wheelstep.packages.sources import Rules, touched, tree_fingerprint_at
from wheelstep.packages.tree import Tree, blobs, read_tree

__all__ = [
    "Evaluate",
    "Evaluated",
    "history_keys",
    "reads_history",
    "versions_of",
    "with_names",
]

Evaluate = Callable[[Path, Project], tuple[str, str]]
"""Returns (name, version) from the metadata of the project in that folder (PEP 517's
`prepare_metadata_for_build_wheel`); called from several threads; raises StepError."""

OVERRIDES: Final = re.compile(
    r"PRETEND_VERSION|^PBR_VERSION$|_BYPASS|_OVERRIDES_FOR_|^(HATCH|PDM|POETRY)_.*VERSION"
)
"""Variables by which the plugins let a user overrule git."""

NO_VERSION: Final = re.compile(r"0\.0\.0|.*\+(.*\.)?(unknown|dirty|untagged|d[0-9]{8})(\..*)?")
"""What plugins answer where they found no version, or found the (clean) export changed."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A version, and the commit that has it."""

    version: str
    """Normalised as PEP 440 has it."""
    commit: str
    """Full id of the commit to build from: that of the sources, or a later one whose tag counts."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that the head descends from."""

    ref: str
    """Its full name."""
    oid: str
    """The tag's own object: tells annotated from plain tags."""
    commit: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks back ends, each time in an export made for this one question."""

    git: Git
    evaluate: Evaluate
    scratch: Path

    def ask(
        self, project: Project, commit: str, without_tags: Collection[str] = ()
    ) -> tuple[str, str]:
        """Return name and version, as the back end says them."""
        place = Path(tempfile.mkdtemp(prefix="evaluate-", dir=self.scratch))
        try:
            folder = export(
                self.git,
                project,
                commit,
                place / "export",
                with_history=project.needs_history,
                without_tags=without_tags,
            )
            return self.evaluate(folder, project)
        finally:
            try:
                remove(place)
            except OSError as error:
                raise CannotHere.from_os_error(error, "removing an export") from error

    def version(self, project: Project, commit: str, without_tags: Collection[str] = ()) -> str:
        """Return the version, normalised; check the name."""
        name, version = self.ask(project, commit, without_tags)
        if canonicalize_name(name) != project.normalized:
            raise BuildFailed(
                f"The back end of {project.directory} calls its package {name!r}, but "
                f"the project's own file says {project.name!r}.",
                code="wrong-name",
                cure="Let both say the same.",
                file=project.file or None,
            )
        try:
            return str(Version(version))
        except InvalidVersion as error:
            raise BuildFailed(
                f"The back end of {project.name} gives it the version {version!r}, which is none "
                "(PEP 440).",
                code="bad-version",
                cure="Check the version that it reads: its file, or the tags it looks for.",
                file=project.file or None,
            ) from error


def reads_history(project: Project) -> bool:
    """Tell whether the version (not only a list of files) is read from git."""
    return project.needs_history and project.static_version is None


def _refuse_shallow(git: Git, projects: Sequence[Project]) -> None:
    if not projects or git.text("rev-parse", "--is-shallow-repository") != "true":
        return
    raise_all(
        [
            SettingError(
                f"The version of {project.name or project.directory} is read from git's history, "
                "but this clone is shallow: the version would be wrong.",
                code="shallow-clone",
                cure="Check out the whole history: `fetch-depth: 0` at actions/checkout (GitHub); "
                "`fetchDepth: 0` and `fetchTags: true` at the `checkout: self` step (Azure "
                "Pipelines, whose default is shallow); or `git fetch --unshallow --tags`.",
                file=project.file or None,
            )
            for project in projects
        ]
    )


def _tags(git: Git, head: str) -> list[Tag]:
    """Return the tags that the head descends from: one git call."""
    form = "%(refname) %(objectname) %(*objectname)"
    found = []
    for line in git.text("for-each-ref", f"--merged={head}", f"--format={form}", "refs/tags").split(
        "\n"
    ):
        if line:
            ref, oid, peeled = line.split(" ")
            found.append(Tag(ref, oid, peeled or oid))
    return found


def history_keys(
    git: Git, projects: Sequence[Project], rules: Rules, *, tree: Tree | None = None
) -> dict[str, str]:
    """Return a key for each package whose version is read from git: as long as it is the same, the
    version is; so a run that changes nothing evaluates nothing.

    It covers the commit that last touched the sources, the tags that the head descends from, the
    branch, and the variables that overrule git. Git calls: four, and one for each such package;
    none where there is no such package.

    Args:
        git: The repository, at its root.
        projects: All packages; those without such a version are left out.
        rules: What is no source.
        tree: The head; HEAD when None.

    Returns:
        The keys (hex) by package name.

    Raises:
        SettingError: The clone is shallow.
    """
    readers = [project for project in projects if reads_history(project)]
    if not readers:
        return {}
    _refuse_shallow(git, readers)
    tree = tree or read_tree(git)
    tags = [(tag.ref, tag.oid) for tag in _tags(git, tree.commit)]
    branch = git.try_("symbolic-ref", "--quiet", "HEAD").out
    overrides = sorted(item for item in git.environment.items() if OVERRIDES.search(item[0]))
    shared = repr((tags, branch, overrides))
    keys = {}
    for project in readers:
        commit, _ = touched(git, project, rules, tree)
        keys[project.normalized] = hashlib.sha256(
            f"{project.directory}\0{commit}\0{shared}".encode("utf-8", "surrogateescape")
        ).hexdigest()
    return keys


def with_names(
    git: Git,
    projects: Sequence[Project],
    *,
    evaluate: Evaluate,
    scratch: Path,
    commit: str = "HEAD",
) -> list[Project]:
    """Return the projects with the names that only their back ends know; evaluates only those.

    Raises:
        SettingError: Two packages have one name.
        BuildFailed: A back end fails, or gives no name.
    """
    named = []
    for project in projects:
        if project.name:
            named.append(project)
            continue
        name, _ = Asker(git, evaluate, scratch).ask(project, commit)
        if not name:
            raise BuildFailed(
                f"The back end of {project.directory} gives its package no name.",
                code="no-name",
                cure='Write `name = "..."` into `[project]` of its pyproject.toml.',
                file=project.file or None,
            )
        named.append(renamed(project, name))
    refuse_duplicates(named)
    return named


def versions_of(
    git: Git,
    projects: Sequence[Project],
    sources: Mapping[str, Sources],
    rules: Rules,
    *,
    evaluate: Evaluate,
    scratch: Path,
    parallel: int = 1,
    tree: Tree | None = None,
) -> dict[str, Evaluated]:
    """Return the version of each package, and the commit to build it from.

    Args:
        git: The repository, at its root; never written to.
        projects: The packages, with names.
        sources: By package name, from `sources.sources_of` or `locate`.
        rules: What is no source.
        evaluate: Asks the back end.
        scratch: An existing folder for exports; each is removed again.
        parallel: How many at once.
        tree: The head; HEAD when None.

    Raises:
        SettingError: A stated version is invalid; the clone is shallow and a version needs history.
        BuildFailed: A back end fails, or gives an unusable version.
    """
    _refuse_shallow(git, [project for project in projects if reads_history(project)])
    tree = tree or read_tree(git)
    tags = _tags(git, tree.commit) if any(map(reads_history, projects)) else []
    asker = Asker(git, evaluate, scratch)

    def version_of(project: Project) -> Evaluated:
        commit = sources[project.normalized].commit
        if project.static_version is not None:
            return Evaluated(_stated(git, tree, project, project.static_version), commit)
        if not reads_history(project):
            return Evaluated(asker.version(project, commit), commit)
        here = sources[project.normalized]
        return _from_history(asker, project, here, tree=tree, tags=tags, rules=rules)

    found = _all(version_of, projects, parallel)
    return {project.normalized: version for project, version in zip(projects, found, strict=True)}


def _all(work: Callable[[Given], Result], items: Sequence[Given], parallel: int) -> list[Result]:
    """Do all, several at once; raise every error there was, in the order of the items."""
    errors: list[StepError] = []
    results: list[Result] = []
    with ThreadPool(max(1, parallel)) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                results.append(future.result())
            except StepError as error:
                errors.append(error)
    raise_all(errors)
    return results


def _from_history(
    asker: Asker,
    project: Project,
    sources: Sources,
    *,
    tree: Tree,
    tags: Sequence[Tag],
    rules: Rules,
) -> Evaluated:
    """Evaluate at the sources' commit, or at the newest later one with the same sources whose tags
    count: one evaluation where nothing later is tagged, five where many such tags do not count."""
    known: dict[tuple[str, frozenset[str]], str | None] = {}

    def at(commit: str, without: Collection[str] = ()) -> str | None:
        key = (commit, frozenset(without))
        if key not in known:
            try:
                known[key] = asker.version(project, commit, key[1])
            except BuildFailed:
                # some plugins fail where they find no tag: that too is an answer
                known[key] = None
        return known[key]

    def counts(commit: str, refs: Collection[str]) -> bool:
        return (version := at(commit)) is not None and version != at(commit, refs)

    def same_sources(commit: str) -> bool:
        return tree_fingerprint_at(asker.git, project, commit, rules) == sources.tree

    later = _later(asker.git, sources.commit, tree.commit, tags)
    for position, (commit, refs) in enumerate(later):
        # many tags of other packages: one comparison at the head shows that none of them counts
        rest = {ref for _, others in later[position:] for ref in others}
        if position == 1 and not counts(tree.commit, rest):
            break
        if same_sources(commit) and counts(commit, refs):
            return Evaluated(_usable(project, at(commit) or ""), commit)
    version = asker.version(project, sources.commit)
    return Evaluated(_usable(project, version), sources.commit)


def _later(git: Git, old: str, new: str, tags: Sequence[Tag]) -> list[tuple[str, set[str]]]:
    """Return the tagged commits after `old` up to `new`, newest first, with their tags."""
    refs: dict[str, set[str]] = {}
    for tag in tags:
        refs.setdefault(tag.commit, set()).add(tag.ref)
    if not refs or old == new:
        return []
    commits = git.text("rev-list", "--topo-order", f"{old}..{new}").split()
    return [(commit, refs[commit]) for commit in commits if commit in refs]


def _stated(git: Git, tree: Tree, project: Project, version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion as error:
        raise SettingError(
            f"{version!r} is no valid version (PEP 440).",
            code="bad-version",
            cure="Write it like 1.2.3, 1.2.3rc1 or 1.2.3.post1.",
            file=project.file or None,
            line=_line_of(git, tree, project.file, version),
        ) from error


def _line_of(git: Git, tree: Tree, file: str, version: str) -> int | None:
    """Return the line, counted from 1, on which a project's file states its version."""
    if (entry := tree.entries.get(file)) is None:
        return None
    lines = blobs(git, [entry.oid])[entry.oid].decode("utf-8", "replace").splitlines()
    holding = [number for number, line in enumerate(lines, 1) if version in line]
    stating = [number for number in holding if "version" in lines[number - 1].lower()]
    return next(iter(stating or holding), None)


def _usable(project: Project, version: str) -> str:
    """Refuse what a plugin answers when it has found no version."""
    if NO_VERSION.fullmatch(version):
        raise BuildFailed(
            f"{project.name} has no version: what its build reads from git's tags gives {version}.",
            code="no-version",
            cure="Tag a commit that holds this version of the sources, as the plugin expects its "
            "tags, and make the checkout fetch tags (`fetchTags: true` in Azure Pipelines).",
            file=project.file or None,
        )
    return version

"""The packages: are they found, do their versions stand, could they be built?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere, ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.checks import Group
from wheelstep.ground.public_index import uv_environment
from wheelstep.ground.threads import ThreadPool
from wheelstep.ground.uv import run_uv, uv_error, working_folder
from wheelstep.model import Check, Project, Sources
from wheelstep.packages.sources import Rules
from wheelstep.packages.versions import reads_history, versions_of
from wheelstep.rehearsal.pages import Page
from wheelstep.stages.doctor.known import Known, Task
from wheelstep.stages.upstreams import public_pages

__all__ = ["package_tasks"]

PACKAGES: Final = Group("packages")
ENDS: Final = "The release ends before anything is built."
WAIT: Final = 30.0
"""Seconds for each set of build requirements: an index that is slow is told, and not waited for."""
SHOWN: Final = 6


def package_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about the packages."""
    yield Task("packages", "pip's configuration", partial(_configured, known), "open", ENDS)
    yield Task("packages", "packages", partial(_unfound, known), "discover", ENDS)
    yield Task("packages", "versions", partial(_versions, known), "versions", ENDS)
    yield Task("packages", "names on the public index", partial(_names, known), "rehearse")
    if not known.run.settings.prebuilt:
        yield Task(
            "packages", "build requirements", partial(_build_requirements, known), stage="build"
        )


def _configured(known: Known) -> Sequence[Check]:
    """Say where pip's own configuration cannot be read."""
    try:
        known.public()
    except StepError as error:
        return PACKAGES.refused("pip's configuration", error, ENDS)
    return []


def _unfound(known: Known) -> Sequence[Check]:
    """Say what keeps packages from being found."""
    try:
        known.projects()
    except StepError as error:
        return PACKAGES.refused("packages", error, ENDS)
    return []


def _versions(known: Known) -> Sequence[Check]:
    """Say which packages there are, and at which versions."""
    try:
        return [_version(known, project) for project in known.projects()]
    except StepError:
        return []  # said already


def _version(known: Known, project: Project) -> Check:
    """Say which version a package has, where that is written or recorded; no back end is run."""
    name = project.name or project.directory
    breaks = "The release ends if its back end does not give it a name and a version."
    if not project.name:
        message = "Its name is computed by its back end, which is not run here."
        return PACKAGES.unknown(name, message, breaks, "`wheelstep plan` runs it.")
    if project.static_version is not None:
        sources = {project.normalized: Sources("", known.tree().commit, 0)}
        try:
            found = versions_of(
                known.run.git,
                [project],
                sources,
                Rules(),
                evaluate=_never,
                scratch=Path(),
                tree=known.tree(),
            )
        except StepError as error:
            return PACKAGES.refused(name, error, ENDS)[0]
        return PACKAGES.ok(name, f"{found[project.normalized].version}, in {project.directory}.")
    tag = known.run.git.try_("describe", "--tags", "--abbrev=0").text.strip()
    if reads_history(project):
        near = f"the nearest tag is {tag}" if tag else "no tag is to be seen"
        message = f"Its version is read from git's tags by its back end; {near}."
    else:
        message = "Its version is computed by its back end."
    return PACKAGES.unknown(
        name, f"{message} Nothing is built or run here.", breaks, "`wheelstep plan` runs it."
    )


def _never(_folder: Path, project: Project) -> tuple[str, str]:
    raise AssertionError(f"the version of {project.name} is written")


# --- names ------------------------------------------------------------------------------------


def _names(known: Known) -> Sequence[Check]:
    """Say which of our names the public index has: whether pip could take it from there is judged
    definition by definition."""
    subject, run = "names on the public index", known.run
    try:
        names = known.names()
    except StepError:
        return []  # said of the packages
    if run.settings.no_public_index:
        return [PACKAGES.ok(subject, "`public-index` is none: no name is looked up.")]
    found = public_pages(run, known.transport, names, known.public(), known.default)
    if found is None:
        message = "Which index stands for the public one cannot be told."
        return [PACKAGES.unknown(subject, message, cure="Set `public-index`.")]
    return _public(subject, found)


def _public(subject: str, found: dict[str, Page]) -> list[Check]:
    taken = [name for name, page in found.items() if page.files]
    unread = {name: page.error for name, page in found.items() if page.error is not None}
    free = [name for name in found if name not in taken and name not in unread]
    checks = []
    if taken:
        checks.append(
            PACKAGES.ok(
                subject,
                f"It has {_some(taken)}, of somebody else or of a mirror; whether pip could take "
                "that in the place of ours is judged for each definition below.",
            )
        )
    if free:
        checks.append(PACKAGES.ok(subject, f"It has no {_some(free)}."))
    if unread:
        error = next(iter(unread.values()))
        checks.append(
            PACKAGES.unknown(
                subject,
                f"Whether it has {_some(list(unread))} could not be read: {error.message}",
                "If it has, pip may take the public package in the place of ours.",
                error.cure,
            )
        )
    return checks


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


# --- build requirements -----------------------------------------------------------------------


def _build_requirements(known: Known) -> Sequence[Check]:
    """Say whether what the back ends need can be resolved; nothing is downloaded or built."""
    try:
        projects = known.projects()
    except StepError:
        return []  # said of the packages
    sets: dict[tuple[str, ...], list[str]] = {}
    for project in projects:
        name = project.name or project.directory
        sets.setdefault(project.build_requires, []).append(name)
    environment = uv_environment(known.run.environment, known.public())
    with ThreadPool(max(1, min(len(sets), 8))) as pool:
        return list(pool.map(lambda pair: _resolved(environment, pair[0], pair[1]), sets.items()))


def _resolved(
    environment: dict[str, str], requirements: Sequence[str], names: Sequence[str]
) -> Check:
    subject = f"build requirements of {_some(names)}"
    if not requirements:
        return PACKAGES.ok(subject, "There are none.")
    shown = ", ".join(requirements)
    breaks = "The package is not built, and the release ends."
    try:
        with working_folder("resolving build requirements") as folder:
            done = run_uv(
                ["pip", "compile", "-", "--no-header", "--no-build", "--python", sys.executable],
                environment=environment,
                cwd=folder,
                stdin="".join(f"{one}\n" for one in requirements).encode(),
                timeout=WAIT,
            )
        if done.code == 0:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            return PACKAGES.ok(subject, f"{shown} can be resolved for Python {version}.")
        if "Wheels are required" in done.error_text:
            message = f"{shown}: something of it has no wheel, and nothing is built here."
            return PACKAGES.unknown(subject, message, breaks)
        error = uv_error(done, f"resolving {shown}")
    except StepError as failed:
        error = failed
    if isinstance(error, ServiceRefused | ServiceUnavailable | CannotHere):
        return PACKAGES.unanswered(subject, error, breaks)
    return PACKAGES.fault(
        subject,
        error.message,
        code="build-requirements",
        breaks=breaks,
        cure="Change `build-system.requires`, or let pip be configured with an index that has it.",
        exit_code=3,
    )

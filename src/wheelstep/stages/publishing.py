"""Wheels -> every destination: examined before anything is published, then uploaded and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.decide import Copy, Upload
from wheelstep.destinations.examine import (
    Examination,
    VersionTaken,
    examine,
    reachable,
    unacceptable_version,
)
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.publish import Published, at_hand, missing_at, upload
from wheelstep.destinations.workspace_storage import WorkspaceStorage
from wheelstep.errors import Refused, SeveralProblems, StepError, raise_all
from wheelstep.ground.public_index import uv_environment
from wheelstep.ground.uv import check_platform
from wheelstep.model import Wheel
from wheelstep.packages.content import content_hash, differing_members
from wheelstep.packages.members import refuse_secrets
from wheelstep.packages.sources import files_that_differ
from wheelstep.stages.boundaries import check_boundaries
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey
from wheelstep.stages.upstreams import check_names
from wheelstep.stages.views import check_views, places_of
from wheelstep.stages.workspace_urls import recorded_there

__all__ = [
    "check_early",
    "check_versions",
    "examine_wheels",
    "lacking",
    "publish_examined",
    "to_copy",
]

SHOWN = 20


def lacking(run: Run, survey: Survey) -> list[str]:
    """Return the unchanged packages that a destination lacks, or a view that they are promoted to,
    by the record; others than these are not asked: a folder on this machine, which costs nothing
    and is the one destination that a fresh clone does not share, and a workspace's own storage.
    """
    names = []
    kept = {
        row.name: row.locked.as_wheels()
        for row in survey.packages
        if row.locked is not None and row.status == "unchanged"
    }
    workspaces = [recorded_there(one, kept) for one in _workspaces(run)]
    for row in survey.packages:
        if row.locked is None or row.status != "unchanged":
            continue
        recorded = row.locked.places()
        here = [one for one in run.destinations if one.kind == "folder"]
        wanted = {place for one in run.destinations for place in places_of(one)}
        wheels = row.locked.as_wheels()
        if (
            not wanted.issubset(recorded)
            or (here and missing_at(here, wheels))
            or not all(there[row.name] for there in workspaces)
        ):
            names.append(row.name)
    return names


def _workspaces(run: Run) -> list[WorkspaceStorage]:
    if run.trigger.pull_request:
        return []  # nobody signs in there
    return [one for one in run.destinations if isinstance(one, WorkspaceStorage)]


def check_early(run: Run, found: Survey, lacks: Sequence[str] = ()) -> None:
    """Find out before anything is built what would stop the release afterwards: a token that cannot
    read, a feed or a view that is not there, a version that a destination does not take, a platform
    that does not exist, a public package that a feed could serve under one of our names. Whether a
    token may write shows only when it does.

    Args:
        run: The run.
        found: The packages.
        lacks: Unchanged ones that some destination does not have.

    Raises:
        StepError: What would stop it.
    """
    new = [(row.name, row.version) for row in found.packages if row.package is not None]
    check_versions(run, found)
    reachable(run.destinations, [name for name, _ in new], run.transfers)
    check_views(run)
    check_boundaries(run)
    _tell_who_was_passed_over(run)
    check_names(
        run,
        {
            row.name: row.version
            for row in found.packages
            if row.package is not None or row.name in lacks
        },
    )
    if found.definitions.kinds and run.settings.rehearse == "on":
        check_platform(run.settings.platform, uv_environment(run.environment))


def _tell_who_was_passed_over(run: Run) -> None:
    """Say where an identity is configured that does not sign in, since another way came first."""
    for one in run.destinations:
        who = one.signed_in() if isinstance(one, FeedDestination) else None
        if who is not None and who.note:
            run.warn(
                "identity-passed-over",
                f"{one.name} is signed in at with {who.source}. {who.note}",
                cure="Set `feed-sign-in` to job where that is what you want.",
                severity="notice",
            )


def check_versions(run: Run, found: Survey) -> None:
    """Refuse versions that a destination does not take; no service is asked.

    Raises:
        BuildFailed: There is one.
    """
    raise_all(
        [
            error
            for row in found.packages
            if row.package is not None
            for error in unacceptable_version(run.destinations, row.name, row.version)
        ]
    )


def examine_wheels(run: Run, survey: Survey, wheels: Sequence[Wheel], work: Path) -> Examination:
    """Decide what is to be done everywhere; refuses before anything is done.

    Raises:
        Refused: Other content is published under the same version; names the files that differ.
        StepError: As `examine`.
    """
    try:
        return examine(
            wheels,
            run.destinations,
            content_of=content_hash,
            work=work,
            parallel=run.transfers,
        )
    except VersionTaken as error:
        raise _explained(run, survey, error) from error
    except SeveralProblems as several:
        raise_all(
            [
                _explained(run, survey, error) if isinstance(error, VersionTaken) else error
                for error in several.errors
            ]
        )
        raise


def _explained(run: Run, survey: Survey, error: VersionTaken) -> StepError:
    """Say what a person needs to decide: from which commit it was released, which files differ."""
    wheel = error.conflict.wheel
    row = survey.of(wheel.name)
    released = row.locked.commit if row.locked and row.locked.version == row.version else None
    where = error.destination.name
    what = f"{row.project.name} {row.version} is already published in {where}, with other content"
    parts = [f"{what}; a published version is never overwritten."]
    files = (
        files_that_differ(run.git, row.project, released, survey.tree.commit, survey.rules)
        if released
        else None
    )
    if released:
        parts.append(f"It was released from commit {released[:12]}.")
    else:
        parts.append("The record does not say from which commit it was released.")
    if files:
        parts.append(f"Files that differ since then: {_some(files)}.")
    if not files and wheel.path is not None:
        members = differing_members(error.published, wheel.path)
        if members:
            parts.append(f"Files that differ in the wheel: {_some(members)}.")
    return Refused(
        " ".join(parts),
        code="version-taken",
        cure="Raise the version; or, when the change must not ship, add the changed files to "
        "`exclude`.",
        file=row.project.file or None,
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def to_copy(run: Run, examination: Examination) -> tuple[Examination, tuple[Wheel, ...]]:
    """Fetch what is to be copied, each file once, and look through it before it gets to one more
    place, which others may read.

    Args:
        run: The run.
        examination: From `examine_wheels`.

    Returns:
        The same, knowing these files; and the wheels that are to be copied, with their `path`.

    Raises:
        Refused: A file is not what the record says; a secret is in it.
        BuildFailed: It is no wheel that can be looked through.
        StepError: As `at_hand`.
    """
    examination, copies = at_hand(examination, run.transfers)
    in_parallel([partial(refuse_secrets, one.path) for one in copies if one.path], run.builds)
    return examination, copies


def publish_examined(
    run: Run, examination: Examination, stored: Callable[[Published], None]
) -> tuple[Published, ...]:
    """Upload, wait until visible, read back; `stored` hears of each wheel as soon as it is there.

    Raises:
        StepError: As `upload`.
    """
    transfers = sum(isinstance(action, (Upload, Copy)) for action in examination.actions)
    with run.host.progress("publish", transfers) as advance:
        return upload(
            examination,
            read_back=run.settings.read_back,
            parallel=run.transfers,
            clock=run.clock,
            tell=advance,
            stored=stored,
        )

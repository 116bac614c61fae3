"""The repository: can what a release decides be committed, and is the checkout what it seems?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from wheelstep.errors import StepError
from wheelstep.ground.checks import Group
from wheelstep.model import Check
from wheelstep.packages.sources import Rules, uncommitted
from wheelstep.packages.versions import history_keys, reads_history
from wheelstep.repositories.protection import NotTold, Protected, Unprotected, protection_of
from wheelstep.repositories.spoken import NOT_THE_JOB
from wheelstep.stages.committing import place_of
from wheelstep.stages.doctor.known import Known, Task
from wheelstep.stages.landing import check_head_is_shared
from wheelstep.stages.run import REMOTE
from wheelstep.stages.survey import no_sources

__all__ = ["repository_tasks"]

REPOSITORY: Final = Group("repository")
COMMIT: Final = "The release ends, before anything is published, and commits nothing."
HOOKS: Final = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push",
    "reference-transaction",
)  # fmt: skip
"""What git would run for a commit and a push by hand."""
SHOWN: Final = 5


def repository_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about the repository."""
    yield Task("repository", "the history", partial(_history, known), "versions")
    yield Task("repository", "hooks", partial(_hooks, known), "publish")
    yield Task("repository", "uncommitted changes", partial(_uncommitted, known), "versions")
    yield Task("repository", "the head", partial(_head, known), "head", COMMIT)
    if known.run.settings.commit in REMOTE and not known.run.trigger.pull_request:
        yield Task("repository", "the right to push", partial(_push, known), "push", COMMIT)
        yield Task("repository", "branch protection", partial(_protection, known), "publish")


def _head(known: Known) -> Sequence[Check]:
    """Say whether the head that is committed on can be read."""
    run, mode = known.run, known.run.settings.commit
    subject = "the remote" if mode in REMOTE else "the branch"
    try:
        snapshot = known.snapshot()
        if mode == "local" and not run.trigger.pull_request:
            run.repository.prove()
    except StepError as error:
        return REPOSITORY.refused(subject, error, COMMIT)
    match mode:
        case _ if run.trigger.pull_request:
            message = "A pull request's run only plans; what is checked out is read."
        case "none":
            message = "Definitions are written into the work tree; nothing is committed or pushed."
        case "local":
            message = f"Commits go to {snapshot.describe()}."
        case _:
            message = f"It can be read: {snapshot.describe()}."
    return [REPOSITORY.ok(subject, message)]


def _push(known: Known) -> Sequence[Check]:
    """Say whether the remote takes a push of whoever runs this, as far as it says without one."""
    subject = "the right to push"
    try:
        known.run.repository.prove()  # asked at the same time as the head
        known.head()
        check_head_is_shared(known.run, known.tree().commit)
    except StepError as error:
        try:
            known.snapshot()
        except StepError:
            return [REPOSITORY.unknown(subject, "The head cannot be read: see there.", COMMIT)]
        return REPOSITORY.refused(subject, error, COMMIT)
    return [
        REPOSITORY.ok(subject, "The remote lets whoever runs this push (tried without a push).")
    ]


def _protection(known: Known) -> Sequence[Check]:
    """Say whether a rule could refuse the commit, which only a real push shows otherwise."""
    run = known.run
    place = place_of(run)
    if place is None or not place.urls or run.settings.commit != "push":
        return []  # that there is none is said of the head; a pull request is the rule's own way
    branch = place.branch
    subject = f"protection of {branch}"
    breaks = (
        "The push is refused after everything is published; the next run does not publish it again."
    )
    cure = (
        f"Let the account that pushes bypass the rule ({NOT_THE_JOB}; Azure Repos: Bypass policies "
        "when pushing, in Security of the branch), use `commit: pull-request`, or set `branch` to "
        f"another one than {branch}."
    )
    found = protection_of(
        place.urls[-1],
        branch,
        transport=known.transport,
        token=place.token,
        environment=run.environment,
        outright=run.settings.committing.way == "github",
    )
    match found:
        case Unprotected():
            return [REPOSITORY.ok(subject, "No rule refuses a push.")]
        case Protected(by=by):
            message = f"It is protected by {by}; whether that holds for whoever runs this shows"
            return [REPOSITORY.unknown(subject, f"{message} only when it pushes.", breaks, cure)]
        case NotTold(why=why):
            return [REPOSITORY.unknown(subject, why, breaks, cure)]


def _history(known: Known) -> Sequence[Check]:
    """Say whether the clone has the history that versions are read from."""
    git, subject = known.run.git, "the history"
    shallow = git.text("rev-parse", "--is-shallow-repository") == "true"
    try:
        readers = [project for project in known.projects() if reads_history(project)]
    except StepError:
        readers = []  # said of the packages
    if not shallow:
        return [REPOSITORY.ok(subject, "The clone has all of it.")]
    if not readers:
        message = "The clone is shallow, and no package's version is read from its history."
        return [REPOSITORY.ok(subject, message)]
    try:
        history_keys(git, readers, Rules(), tree=known.tree())
    except StepError as error:
        return REPOSITORY.refused(subject, error, "The release ends before anything is built.")
    return [REPOSITORY.ok(subject, "The clone is shallow.")]


def _hooks(known: Known) -> Sequence[Check]:
    """Name the hooks that commits of a release pass by."""
    found = [name for name in HOOKS if _runs(_hook_folder(known) / name)]
    if (known.run.root / ".pre-commit-config.yaml").exists() and "pre-commit" not in found:
        found.append("those of .pre-commit-config.yaml")
    subject = "hooks"
    if not found:
        return [REPOSITORY.ok(subject, "None here; those of the server are not to be seen.")]
    return [
        REPOSITORY.ok(
            subject,
            f"Commits of a release do not run {', '.join(found)}; those of the server are not to "
            "be seen from here.",
        )
    ]


def _hook_folder(known: Known) -> Path:
    git = known.run.git
    # our own calls switch hooks off on their command line: what the user has set is asked for
    for scope in ("--worktree", "--local", "--global", "--system"):
        done = git.try_("config", scope, "--type=path", "--get", "core.hooksPath")
        if done.code == 0 and (place := done.text.strip()):
            return git.directory / place
    common = git.text("rev-parse", "--git-common-dir")
    return git.directory / common / "hooks"


def _runs(hook: Path) -> bool:
    return hook.is_file() and (os.name == "nt" or os.access(hook, os.X_OK))


def _uncommitted(known: Known) -> Sequence[Check]:
    """Name what lies in the packages and would not be released."""
    run, subject = known.run, "uncommitted changes"
    try:
        projects = known.projects()
    except StepError:
        return []  # said of the packages
    rules = Rules(run.settings.exclude, no_sources(run, known.found().kinds))
    changed = uncommitted(run.git, projects, rules)
    return [
        REPOSITORY.fault(
            subject,
            f"{name} has {', '.join(paths[:SHOWN])}"
            + (f" and {len(paths) - SHOWN} more." if len(paths) > SHOWN else "."),
            code="uncommitted",
            breaks="What is released is what is committed: these changes are not.",
            cure="Commit them, if they are meant to be released.",
            file=paths[0],
        )
        for name, paths in changed.items()
    ] or [REPOSITORY.ok(subject, "None in the packages.")]

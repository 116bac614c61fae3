"""The workspaces: are they there, who are we in them, and can they build images?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from wheelstep.errors import StepError
from wheelstep.ground.checks import Group
from wheelstep.ground.inside import is_inside
from wheelstep.model import Check, Workspace
from wheelstep.stages.connecting.wanted import first_index, private_indexes, to_store
from wheelstep.stages.doctor.known import Known, Task
from wheelstep.stages.registrable import check_register
from wheelstep.stages.workspace_rights import (
    CONNECT,
    REGISTER,
    SEE_CONNECTIONS,
    SEE_VERSIONS,
)
from wheelstep.workspaces.facts import read_facts
from wheelstep.workspaces.prerequisites import Wants, prerequisites
from wheelstep.workspaces.reach import registry_access, storage_access
from wheelstep.workspaces.rights import Right

__all__ = ["workspace_tasks"]

WORKSPACES: Final = Group("workspaces")
BUILDS: Final = "Whether image builds can work cannot be told."


def workspace_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about the workspaces."""
    yield Task("workspaces", "register", partial(_register, known), "open", BUILDS)
    if not known.run.workspaces:
        yield Task("workspaces", "workspaces", _none, "publish")
        return
    yield Task("workspaces", "Azure's cloud", partial(_cloud, known), "rehearse", BUILDS)
    yield Task("workspaces", "identity", partial(_identity, known), "connect", BUILDS)
    for workspace in known.run.workspaces:
        subject = f"the workspace {workspace.name}"
        yield Task("workspaces", subject, partial(_workspace, known, workspace), "connect", BUILDS)


def _none() -> Sequence[Check]:
    return [
        WORKSPACES.unknown(
            "workspaces",
            "None is named: whether image builds can work was not looked at.",
            "A release does not need one; the image builds after it do.",
            "Set `workspace` to SUBSCRIPTION/GROUP/NAME.",
        )
    ]


def _register(known: Known) -> Sequence[Check]:
    """Say where environments are to be registered nowhere."""
    try:
        check_register(known.run)
    except StepError as error:
        return WORKSPACES.refused("register", error, "The release ends at once.")
    return []


def _cloud(known: Known) -> Sequence[Check]:
    """Say where the settings name no cloud of Azure's."""
    try:
        _ = known.run.resource_manager
    except StepError as error:
        ends = "The release ends where a raised version is looked for in a workspace."
        return WORKSPACES.refused("Azure's cloud", error, ends)
    return []


def _identity(known: Known) -> Sequence[Check]:
    """Say who is signed in at Azure."""
    subject = "signed in at Azure as"
    try:
        who = known.run.resource_manager.identity()
    except StepError as error:
        if _needed(known):
            return WORKSPACES.refused(subject, error, "The release ends before anything is built.")
        return [WORKSPACES.unanswered(subject, error, BUILDS)]
    by = known.run.resource_manager.signed_in_by()
    story = f" It is {by.source}." if by else ""
    story += f" Before that: {'; '.join(by.passed)}." if by and by.passed else ""
    if who is None:
        return [WORKSPACES.unknown(subject, f"The token does not say who that is.{story}")]
    return [WORKSPACES.ok(subject, f"{who}.{story}")]


def _needed(known: Known) -> bool:
    """Tell whether a release with these settings ends where a workspace cannot be reached."""
    return bool(_stored(known)) or known.run.settings.register


def _stored(known: Known) -> bool:
    try:
        return bool(to_store(known.run))
    except StepError:
        return True  # said of the connections


def _workspace(known: Known, workspace: Workspace) -> Sequence[Check]:
    """Judge one workspace by what it and what it names say."""
    facts = read_facts(known.run.resource_manager, workspace)
    if "restricted" in {storage_access(facts.storage), registry_access(facts.registry)}:
        known.restricted = True
    needed = _needed(known) or _looked_at(known)
    return prerequisites(facts, Wants(tuple(_rights(known)), tuple(_hosts(known)), needed))


def _looked_at(known: Known) -> bool:
    """Tell whether a release looks at the workspace's connections, and ends where it is not there:
    definitions will name an index that asks for credentials."""
    first = first_index(known.run)
    try:
        named = bool(known.found().kinds)
    except StepError:
        return False  # it ends for that
    if not named or first is None:
        return False
    try:
        return known.opened(first) != "open"
    except StepError:
        return True  # a release looks all the same


def _rights(known: Known) -> Iterator[Right]:
    """Yield what a release with these settings does in a workspace."""
    stored, register = _stored(known), known.run.settings.register
    yield Right(SEE_CONNECTIONS, "look at the connections", 5 if stored else 0)
    yield Right(SEE_VERSIONS, "see which versions environments have", 0)
    if stored:
        yield Right(CONNECT, "write connections", 5)
    if register:
        yield Right(REGISTER, "register environments", 5)


def _hosts(known: Known) -> Sequence[str]:
    """Return the hosts of private indexes, which a network that allows only approved hosts has to
    let through."""
    try:
        urls = [*private_indexes(known.run), *(one.url for one in known.named())]
    except StepError:
        urls = [*private_indexes(known.run)]
    hosts = [urlsplit(url).hostname or "" for url in urls]
    return list(dict.fromkeys(host for host in hosts if host and not is_inside(host)))

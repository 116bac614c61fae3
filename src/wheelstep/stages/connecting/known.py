"""What the workspaces have: their connections, and what those authenticate with where we may know
it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from wheelstep.errors import StepError
from wheelstep.ground.connections import AuthType, Category, Connection, closest
from wheelstep.ground.secret import Secret
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Workspace
from wheelstep.stages.connecting.wanted import is_stored, private_indexes, wanted_connections
from wheelstep.stages.run import Run
from wheelstep.workspaces.connection import Login, Stored, in_use, listed, read_login

__all__ = ["Had", "known_connections", "login_in", "workspace_connections"]

CATEGORIES: Mapping[str, Category] = {"PythonFeed": "PythonFeed", "Git": "Git"}
AUTH_TYPES: Mapping[str, AuthType] = {
    "PAT": "PAT",
    "UsernamePassword": "UsernamePassword",
    "None": "None",
}


@dataclass(frozen=True, slots=True)
class Had:
    """What one workspace has, as far as it could be read."""

    workspace: Workspace
    connections: tuple[Stored, ...] = ()
    error: StepError | None = None
    """Why it could not be."""


def workspace_connections(run: Run) -> Sequence[Had]:
    """Return the connections of all workspaces of the settings, each asked once in a run.

    A workspace that cannot be read is a warning here; who has to write there gets the error.
    """
    if run.had is None:
        with ThreadPool(max(1, min(run.transfers, len(run.workspaces)))) as pool:
            run.had = list(pool.map(lambda one: _had(run, one), run.workspaces))
        for one in run.had:
            if one.error is not None:
                run.warn(
                    "workspace-not-read",
                    f"Which connections the workspace {one.workspace} has cannot be read. "
                    f"{one.error.message}",
                    cure=one.error.cure,
                )
    return run.had


def _had(run: Run, workspace: Workspace) -> Had:
    try:
        return Had(workspace, tuple(listed(run.resource_manager, workspace)))
    except StepError as error:
        return Had(workspace, error=error)


def known_connections(
    run: Run, login: Callable[[Run, Stored], Login | None] | None = None
) -> tuple[Connection, ...]:
    """Return what Azure ML will authenticate with, as far as that can be known: the connections of
    the settings, and those that the workspaces have.

    The secret of a workspace's connection is read where that is permitted, only for those that
    match an index of ours and are not about to be written, and never on a pull request.

    Args:
        run: The run.
        login: Reads such a secret; `login_in` when None.

    Raises:
        SettingError: As `wanted_connections`.
    """
    wanted = list(wanted_connections(run))
    if not run.workspaces:
        return tuple(wanted)
    if run.known_connections is None:
        indexes = list(private_indexes(run))
        for had in workspace_connections(run):
            ours = {id(one) for url in indexes if (one := closest(url, had.connections))}
            for stored in had.connections:
                read = partial(login or login_in, run, stored) if id(stored) in ours else _nobody
                _merge(wanted, stored, read)
        run.known_connections = tuple(wanted)
    return run.known_connections


def login_in(run: Run, stored: Stored) -> Login | None:
    """Return what a workspace's connection authenticates with, None where that may not be known;
    each is asked once in a run."""
    if run.trigger.pull_request:
        return None
    key = stored.id.lower()
    if key not in run.logins:
        try:
            run.logins[key] = read_login(run.resource_manager, stored)
        except StepError:
            # unknown, as where it is not permitted; who reads the list heard of trouble
            run.logins[key] = None
    return run.logins[key]


def _nobody() -> None:
    """Tell of no login: the connection is for something else than our indexes."""


def _merge(wanted: list[Connection], stored: Stored, login: Callable[[], Login | None]) -> None:
    """Add a workspace's connection to those of the settings, or its secret to the one it is; what
    the settings are about to write there is known without asking."""
    category, auth_type = CATEGORIES.get(stored.category), AUTH_TYPES.get(stored.auth_type)
    if category is None:
        return
    for at, one in enumerate(wanted):
        same_name = one.name.lower() == stored.name.lower()
        same_place = (one.category, one.target.rstrip("/")) == (
            category,
            stored.target.rstrip("/"),
        )
        if same_place and not is_stored(one):
            user, secret = _in_use(login())
            wanted[at] = dataclasses.replace(one, user=user or one.user, secret=secret)
        if same_place or (same_name and is_stored(one)):
            return
        if same_name:
            # it has another target, and nothing will replace it: its secret goes below its own
            del wanted[at]
            break
    user, secret = _in_use(login())
    wanted.append(
        Connection(
            name=stored.name,
            target=stored.target,
            category=category,
            auth_type=auth_type or "PAT",
            user=user,
            secret=secret,
            expires=stored.expires,
            shared=stored.shared,
            source="the workspace",
        )
    )


def _in_use(login: Login | None) -> tuple[str | None, Secret | None]:
    return in_use(login) if login is not None else (None, None)

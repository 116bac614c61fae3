"""A connection is taken out of the workspaces, after it was shown what would stop building."""

from __future__ import annotations

from collections.abc import Sequence

from wheelstep.errors import StepError, raise_all
from wheelstep.ground.connections import Connection, closest
from wheelstep.ground.proxies import is_below
from wheelstep.ground.threads import ThreadPool
from wheelstep.report import ConnectionRow
from wheelstep.stages.connecting.consent import ask_consent
from wheelstep.stages.connecting.known import Had, workspace_connections
from wheelstep.stages.connecting.named import NamedUrl
from wheelstep.stages.run import Run
from wheelstep.workspaces.connection import Stored, delete
from wheelstep.workspaces.decide import named

__all__ = ["remove"]


def remove(
    run: Run,
    connections: Sequence[Connection],
    indexes: Sequence[NamedUrl],
    repositories: Sequence[NamedUrl],
) -> None:
    """Delete connections from all workspaces of the settings that have them.

    Args:
        run: The run; while planning nothing is deleted.
        connections: With their names.
        indexes: Those that definitions name.
        repositories: The same of git.

    Raises:
        StepError: A workspace that cannot be read or written; a connection that was made by hand
            and is not to be taken over.
    """
    places = workspace_connections(run)
    doomed = [
        (place, there)
        for place in places
        for wanted in connections
        if (there := named(wanted.name, place.connections)) is not None
    ]
    for place, there in doomed:
        _show_what_stops(run, place, there, indexes, repositories)

    def take(item: tuple[Had, Stored]) -> tuple[ConnectionRow, StepError | None]:
        place, there = item
        try:
            status = _taken(run, place, there)
        except StepError as error:
            return _row(place, there, "failed"), error
        return _row(place, there, status), None

    with ThreadPool(max(1, min(run.transfers, len(doomed)))) as pool:
        done = list(pool.map(take, doomed))
    run.report.connections += [row for row, _ in done]
    lost = [place.error for place in places if place.error is not None]
    raise_all([*lost, *(error for _, error in done if error is not None)])


def _taken(run: Run, place: Had, there: Stored) -> str:
    if not there.ours:
        ask_consent(
            run,
            "connection-made-by-hand",
            there.name,
            f"The connection {there.name} of the workspace {place.workspace} ({there.category}, "
            f"{there.target}, {there.auth_type}) was not made by wheelstep. It is not deleted.",
            "Delete it all the same:",
        )
    if run.planning:
        return "planned"
    delete(run.resource_manager, place.workspace, there.name)
    return "removed"


def _row(place: Had, there: Stored, status: str) -> ConnectionRow:
    return ConnectionRow(
        workspace=str(place.workspace),
        name=there.name,
        target=there.target,
        category=there.category,
        expires=there.expires.isoformat() if there.expires else None,
        status=status,
    )


def _show_what_stops(
    run: Run,
    place: Had,
    there: Stored,
    indexes: Sequence[NamedUrl],
    repositories: Sequence[NamedUrl],
) -> None:
    """Warn of every definition that only this connection lets build."""
    rest = [one for one in place.connections if one is not there]
    if there.category == "Git":
        lost = [
            one
            for one in repositories
            if is_below(one.url, there.target)
            and not any(each.category == "Git" and is_below(one.url, each.target) for each in rest)
        ]
    else:
        lost = [
            one
            for one in indexes
            if one.connected
            and closest(one.url, place.connections) is there
            and closest(one.url, rest) is None
        ]
    for one in lost:
        run.warn(
            "connection-in-use",
            f"{one.path} would stop building in the workspace {place.workspace}: it names "
            f"{one.url}, and no other connection there than {there.name} covers that.",
            cure="Take the URL out of the definition, or make another connection first.",
            file=one.path,
            line=one.line,
        )

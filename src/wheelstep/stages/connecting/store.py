"""Connections are brought into the workspaces: compared, written where they differ, verified."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError, raise_all
from wheelstep.ground.clock import backoff
from wheelstep.ground.connections import Connection
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Workspace
from wheelstep.report import ConnectionRow
from wheelstep.stages.connecting.consent import ask_consent
from wheelstep.stages.connecting.known import Had, workspace_connections
from wheelstep.stages.run import Run
from wheelstep.stages.workspace_rights import CONNECT, lacking
from wheelstep.workspaces.connection import (
    FINGERPRINT,
    Login,
    Stored,
    body_of,
    connection_id,
    fingerprint,
    listed,
    login_of,
    read_login,
    same_login,
    write,
)
from wheelstep.workspaces.decide import (
    Create,
    Decision,
    Leave,
    TakeOver,
    Update,
    decide,
    expiry_of,
    metadata_of,
    named,
)
from wheelstep.workspaces.neighbours import Finding, expiry_finding, harm
from wheelstep.workspaces.refusals import ResourceConflict

__all__ = ["foresee", "store"]

ATTEMPTS: Final = 6
"""How often a connection is tried that others change at the same time."""
MOST_TAKEN: Final = 3
"""How often a write may be taken and not be there."""
DONE: Final[Mapping[type[Decision], str]] = {
    Create: "created",
    Update: "updated",
    TakeOver: "updated",
    Leave: "unchanged",
}


@dataclass
class _One:
    """One connection in one workspace: what became of it."""

    workspace: Workspace
    wanted: Connection
    decision: Decision | None = None
    status: str = "failed"
    error: StepError | None = None
    expires: dt.datetime | None = None

    def row(self) -> ConnectionRow:
        return ConnectionRow(
            workspace=str(self.workspace),
            name=self.wanted.name,
            target=self.wanted.target,
            category=self.wanted.category,
            expires=self.expires.isoformat() if self.expires else None,
            status=self.status,
            changes=list(_reasons(self.decision)),
        )


def store(
    run: Run,
    connections: Sequence[Connection],
    indexes: Sequence[str],
    *,
    rotate: bool = False,
) -> None:
    """Bring connections into all workspaces of the settings; nothing is written that is right.

    Args:
        run: The run; while planning nothing is written at all.
        connections: With name, target and what they authenticate with; proved.
        indexes: URLs of the indexes that they are for.
        rotate: Only where a workspace has the connection; it gets the new token, however equal.

    Raises:
        StepError: A workspace that cannot be read or written, or a connection that was made by hand
            and is not to be taken over; the others are done, and the report says which.
    """
    if not run.planning:
        run.had = None  # others may have changed them since a release began
    had = workspace_connections(run)
    now = run.now()
    logins = {one.name: login_of(one) for one in connections}

    def bring(place: Had) -> list[_One]:
        return [
            _bring(run, place, one, logins[one.name], rotate=rotate)
            for one in connections
            if not (rotate and place.error is None and named(one.name, place.connections) is None)
        ]

    with ThreadPool(max(1, min(run.transfers, len(had)))) as pool:
        done = [one for those in pool.map(bring, had) for one in those]
    run.report.connections += [one.row() for one in done]
    for place in had:
        _warn(run, place, [one for one in done if one.workspace is place.workspace], indexes, now)
    errors = [one.error for one in done if one.error is not None]
    _say_which(run, done)
    raise_all(errors)


def _bring(run: Run, place: Had, wanted: Connection, login: Login, *, rotate: bool) -> _One:
    one = _One(place.workspace, wanted, expires=wanted.expires)
    try:
        if place.error is not None:
            raise place.error
        _settle(run, one, place.connections, login, rotate=rotate)
    except StepError as error:
        one.error = error
    return one


def _settle(run: Run, one: _One, stored: Sequence[Stored], login: Login, *, rotate: bool) -> None:
    """Decide and write, again where somebody else was faster.

    Raises:
        StepError: See `store`.
    """
    workspace, wanted, manager = one.workspace, one.wanted, run.resource_manager
    mark = fingerprint(login, connection_id(workspace, wanted.name))
    taken = 0
    for attempt in range(1, ATTEMPTS + 1):
        there = named(wanted.name, stored)
        one.decision = _decided(run, wanted, login, there, mark)
        if rotate and isinstance(one.decision, Leave):
            one.decision = Update(one.decision.stored, ("the token is stored anew",), renewed=True)
        one.expires = expiry_of(wanted, one.decision)
        if isinstance(one.decision, Leave):
            one.expires = wanted.expires or one.decision.stored.expires
            one.status = "unchanged"
            return
        if isinstance(one.decision, TakeOver):
            _ask_to_take_over(run, workspace, one.decision)
        if run.planning:
            one.status = "planned"
            return
        body = body_of(wanted, login, metadata_of(there, mark), one.expires)
        try:
            now = write(manager, workspace, there.name if there else wanted.name, body)
        except ResourceConflict as error:
            if attempt == ATTEMPTS:
                raise _lost(workspace, wanted) from error
            run.clock.sleep(backoff(attempt, first=0.2, most=5.0))
            stored = listed(manager, workspace)
            continue
        if _verified(run, one, now, login):
            one.status = DONE[type(one.decision)]
            return
        # somebody else wrote after us; or it says yes and does no
        taken += 1
        if taken == MOST_TAKEN:
            raise _not_kept(workspace, wanted)
        run.clock.sleep(backoff(attempt, first=0.2, most=5.0))
        stored = listed(manager, workspace)
    raise _lost(workspace, wanted)


def _not_kept(workspace: Workspace, wanted: Connection) -> ServiceRefused:
    return ServiceRefused(
        f"The workspace {workspace} answered {MOST_TAKEN} times that it stored the connection "
        f"{wanted.name}, and has something else when it is asked.",
        code="connection-not-kept",
        cure="See in its activity log who else writes that connection; then run it again.",
    )


def _decided(
    run: Run, wanted: Connection, login: Login, there: Stored | None, mark: str | None
) -> Decision:
    if there is None or there.auth_type != wanted.auth_type:
        known = None
    elif run.trigger.pull_request:
        # it sees no secret of a workspace: the fingerprint tells, or it counts as the same
        known = None if FINGERPRINT in there.metadata else login
    else:
        known = read_login(run.resource_manager, there)
    return decide(wanted, login, there, known, mark)


def foresee(run: Run, connections: Sequence[Connection]) -> None:
    """Find out, before anything is published, what storing would be refused with: a connection that
    was made by hand and is not to be taken over, a right that is not there. Nothing is written.

    Args:
        run: The run; its workspaces can be read.
        connections: With name, target and what they authenticate with.

    Raises:
        Refused: By hand, and no consent.
        ServiceRefused: No right to write where something has to be written.
    """

    def look(place: Had) -> list[StepError]:
        found: list[StepError] = []
        for wanted in connections:
            login, there = login_of(wanted), named(wanted.name, place.connections)
            mark = fingerprint(login, connection_id(place.workspace, wanted.name))
            try:
                decision = _decided(run, wanted, login, there, mark)
                if isinstance(decision, TakeOver):
                    _ask_to_take_over(run, place.workspace, decision)
            except StepError as error:
                found.append(error)
                continue
            purpose = f"write the connection {wanted.name}"
            writes = not isinstance(decision, Leave)
            if writes and (lacks := lacking(run, place.workspace, CONNECT, purpose)):
                found.append(lacks)
        return found

    places = workspace_connections(run)
    with ThreadPool(max(1, min(run.transfers, len(places)))) as pool:
        raise_all([error for those in pool.map(look, places) for error in those])


def _lost(workspace: Workspace, wanted: Connection) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"Others changed the connection {wanted.name} in the workspace {workspace} {ATTEMPTS} "
        "times while it was to be written.",
        code="race-lost",
        cure="Run it again: what is right already is left as it is.",
    )


def _verified(run: Run, one: _One, now: Stored, login: Login) -> bool:
    """Tell whether a workspace has what was written; the secret too, where that may be known.

    Raises:
        StepError: It cannot be asked.
    """
    wanted = one.wanted
    same = (now.category, now.auth_type, now.target.rstrip("/")) == (
        wanted.category,
        wanted.auth_type,
        wanted.target.rstrip("/"),
    )
    known = read_login(run.resource_manager, now) if login.secret is not None else None
    if not same or (known is not None and not same_login(known, login)):
        return False
    if one.expires is not None and now.expires is None:
        run.warn(
            "connection-expiry-not-kept",
            f"The workspace {one.workspace} does not keep when the connection {wanted.name} "
            "expires: nobody will be warned before.",
            cure="Use the `api-version` 2024-10-01, or note the day elsewhere.",
        )
    return True


def _ask_to_take_over(run: Run, workspace: Workspace, decision: TakeOver) -> None:
    """Refuse to change what was made by hand, unless that is allowed.

    Raises:
        Refused: It is not.
    """
    there = decision.update.stored
    until = f", until {there.expires:%Y-%m-%d}" if there.expires else ""
    ask_consent(
        run,
        "connection-made-by-hand",
        there.name,
        f"The workspace {workspace} has a connection {there.name} that wheelstep did not make "
        f"({there.category}, {there.target}, {there.auth_type}{until}), and that differs in "
        f"{', '.join(decision.update.reasons)}. It is not changed.",
        "Choose another name with `connection`; or take it over:",
    )


def _reasons(decision: Decision | None) -> Sequence[str]:
    match decision:
        case Update(_, reasons) | TakeOver(Update(_, reasons)):
            return reasons
        case _:
            return ()


def _say_which(run: Run, done: Sequence[_One]) -> None:
    """Where some workspaces have a connection now and others have not, say which."""
    for name in dict.fromkeys(one.wanted.name for one in done):
        those = [one for one in done if one.wanted.name == name]
        have = [str(one.workspace) for one in those if one.error is None]
        lack = [str(one.workspace) for one in those if one.error is not None]
        if have and lack:
            run.warn(
                "connection-partly",
                f"The connection {name} is as it is wanted in {', '.join(have)}, and not in "
                f"{', '.join(lack)}"
                + ("." if run.planning else ", where what was there before still stands."),
                cure="Mend what the error names, and run it again: the others are left alone.",
            )


def _warn(
    run: Run, place: Had, done: Sequence[_One], indexes: Sequence[str], now: dt.datetime
) -> None:
    """Name the connections that would win over ours, or that break builds; and what ends soon."""
    findings: list[Finding] = []
    for one in done:
        if place.error is not None:
            continue
        there = named(one.wanted.name, place.connections)
        shall = Stored(
            name=there.name if there else one.wanted.name,
            id="",
            category=one.wanted.category,
            target=one.wanted.target,
            auth_type=one.wanted.auth_type,
            expires=one.expires,
        )
        findings += harm(place.workspace, shall, place.connections, indexes, now)
        if one.wanted.expires is None and (soon := expiry_finding(place.workspace, shall, now)):
            findings.append(soon)
        if one.expires is None and one.wanted.auth_type != "None":
            run.warn(
                "connection-expiry-unknown",
                f"When the token of the connection {one.wanted.name} expires is not known: nobody "
                "will be warned before image builds are refused.",
                cure="Set `connection-expires` (in a table: expires) to the day that the portal "
                "shows beside the token.",
                severity="notice",
            )
    for finding in findings:
        run.warn(finding.code, finding.message, cure=finding.cure)

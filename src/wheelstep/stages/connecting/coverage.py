"""Whether the workspaces' own connections cover what definitions will name, before anything is
published."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from wheelstep.errors import SettingError, StepError, raise_all
from wheelstep.ground.connections import closest
from wheelstep.ground.transport import Transport
from wheelstep.rehearsal.credentials_in_effect import usual_target
from wheelstep.stages.connecting.known import Had, login_in, workspace_connections
from wheelstep.stages.connecting.proof import asks_for_credentials, reads_index, whose_in
from wheelstep.stages.connecting.wanted import first_index
from wheelstep.stages.run import Run
from wheelstep.workspaces.neighbours import expiry_finding, harm
from wheelstep.workspaces.refusals import NOT_THERE

__all__ = ["check_coverage", "missing"]


def check_coverage(run: Run, names: Sequence[str]) -> None:
    """Refuse a release whose definitions would name a feed that no connection of a workspace
    covers; where its secret may be known, prove that it reads.

    Args:
        run: The run.
        names: Normalised names of packages that may be there.

    Raises:
        SettingError: No connection covers it.
        ServiceRefused: The one that does is refused there; a workspace is not there.
        ServiceUnavailable: The feed does not answer.
    """
    first = first_index(run)
    if first is None or not run.workspaces:
        return
    with Transport(run.environment, clock=run.clock) as transport:
        with contextlib.suppress(StepError):  # the rehearsal tells what does not answer
            if not asks_for_credentials(transport, first, names):
                return
        errors = [
            error
            for had in workspace_connections(run)
            if (error := _covered(run, transport, had, first, names)) is not None
        ]
    raise_all(errors)


def _covered(
    run: Run, transport: Transport, had: Had, url: str, names: Sequence[str]
) -> StepError | None:
    if had.error is not None:
        # what may not be looked at is unknown; a workspace that is not there covers nothing
        return had.error if had.error.code in NOT_THERE else None
    one = closest(url, had.connections)
    if one is None:
        return missing(had, url)
    now = run.now()
    soon = expiry_finding(had.workspace, one, now)
    for finding in [
        *([soon] if soon else []),
        *harm(had.workspace, one, had.connections, [url], now),
    ]:
        run.warn(finding.code, finding.message, cure=finding.cure)
    if one.expires is None and one.auth_type != "None":
        run.warn(
            "connection-expiry-unknown",
            f"When the connection {one.name} of the workspace {had.workspace} expires is not "
            "known.",
            cure="`wheelstep connect` with `connection-expires` writes it down.",
            severity="notice",
        )
    login = login_in(run, one)
    if login is None:
        return None  # the rehearsal says that it is not known
    try:
        reads_index(
            transport,
            whose_in(had.workspace, one, login),
            url,
            names,
        )
    except StepError as error:
        return error
    return None


def missing(had: Had, url: str) -> SettingError:
    """Return the error for an index that no connection of a workspace covers."""
    feeds = [one for one in had.connections if one.category == "PythonFeed"]
    known = "; ".join(f"{one.name} ({one.target})" for one in feeds)
    return SettingError(
        f"No connection of the workspace {had.workspace} covers {url}, which asks for credentials: "
        "every image build that reads there would be refused. "
        + (f"For Python feeds it has: {known}." if known else "It has none for Python feeds."),
        code="connection-missing",
        cure="Set connection-token to a token that may read (Packaging: Read), and this step makes "
        f"the connection for {usual_target(url)}; or let who may do so run `wheelstep connect "
        "--print` and what it says.",
    )

"""`wheelstep connect`: the workspace connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wheelstep.errors import SettingError
from wheelstep.ground.connections import Connection
from wheelstep.packages.discover import discover
from wheelstep.stages.connecting.connect import Connecting, need_workspaces
from wheelstep.stages.connecting.printed import printed
from wheelstep.stages.connecting.remove import remove
from wheelstep.stages.connecting.wanted import wanted_connections
from wheelstep.stages.run import Run

__all__ = ["Way", "connect"]

Way = Literal["store", "rotate", "remove", "print"]


def connect(run: Run, way: Way, *, as_json: bool = False) -> None:
    """Bring the connections of the settings into the workspaces, or take them out.

    Args:
        run: The run.
        way: "store" writes what differs; "rotate" writes the token anew wherever the connection
            is; "remove" deletes; "print" shows what somebody else can create.
        as_json: Whether standard output belongs to the report.

    Raises:
        StepError: A setting, a token or a workspace that does not do.
    """
    with run.stage("connect"):
        if way == "print":
            text = "---\n".join(printed(one, run.workspaces) for one in _wanted(run))
            show = run.host.say if as_json else run.host.document
            show(text.rstrip("\n"))
            run.report.status = "done"
            return
        need_workspaces(run)
        connecting = Connecting(run, _names(run))
        if way == "remove":
            remove(run, _wanted(run), *connecting.named())
        else:
            _need_tokens(run, connecting.wanted)
            connecting.store(rotate=way == "rotate")
    _end(run, way)


def _names(run: Run) -> Sequence[str]:
    """Return the packages that may be read as a proof, those that were released first."""
    released = sorted(run.lock.packages)
    projects = [one.normalized for one in discover(run.git, run.settings.packages) if one.name]
    return list(dict.fromkeys([*released, *projects]))


def _wanted(run: Run) -> Sequence[Connection]:
    """Return the connections of the settings; without any, the one that its destination needs."""
    return wanted_connections(run) or wanted_connections(run, default=True)


def _need_tokens(run: Run, wanted: Sequence[Connection]) -> None:
    if not wanted:
        hidden = run.trigger.pull_request
        raise SettingError(
            "No connection has a token, so there is nothing to store."
            + (" On a pull request none is taken from the settings file." if hidden else ""),
            code="connection-token-missing",
            cure="Hand the token over as connection-token (WHEELSTEP_CONNECTION_TOKEN), or in a "
            "table of the settings file by `token-env`.",
        )


def _end(run: Run, way: Way) -> None:
    rows = run.report.connections
    if not rows and way in {"rotate", "remove"}:
        run.warn(
            "connection-nowhere",
            "No workspace of the settings has such a connection: there is nothing to "
            f"{'rotate' if way == 'rotate' else 'remove'}.",
            cure="Check `connection` and `workspace`.",
        )
    changed = any(row.status in {"created", "updated", "removed"} for row in rows)
    planned = any(row.status == "planned" for row in rows)
    run.report.status = "done" if changed else "planned" if planned else "nothing-to-do"

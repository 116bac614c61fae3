"""Whether the workspaces' own connections cover what definitions will name, before anything is
published."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from wheelstep.errors import SettingError, StepError, raise_all
from wheelstep.ground.connections import Connection, Targeted, closest
from wheelstep.ground.feed_names import spelled_like
from wheelstep.ground.index_url import same_index
from wheelstep.ground.transport import Transport
from wheelstep.rehearsal.credentials_in_effect import near_misses, usual_target
from wheelstep.rehearsal.interface import Subject
from wheelstep.stages.connecting.known import Had, login_in, workspace_connections
from wheelstep.stages.connecting.named import NamedUrl, indexes_of
from wheelstep.stages.connecting.proof import asks_for_credentials, reads_index, whose_in
from wheelstep.stages.connecting.wanted import first_index
from wheelstep.stages.run import Run
from wheelstep.workspaces.neighbours import expiry_finding, harm
from wheelstep.workspaces.refusals import NOT_THERE

__all__ = ["check_coverage", "missing", "tell_other_spellings"]


def check_coverage(run: Run, names: Sequence[str], subjects: Sequence[Subject]) -> None:
    """Refuse a release whose definitions would name a feed that no connection of a workspace
    covers; where its secret may be known, prove that it reads.

    Args:
        run: The run.
        names: Normalised names of packages that may be there.
        subjects: The environments of the definitions, as they are now.

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
            for url, named in _spellings(run, first, subjects).items()
            if (error := _covered(run, transport, had, _Read(url, named, names))) is not None
        ]
    raise_all(errors)


def _spellings(run: Run, first: str, subjects: Sequence[Subject]) -> dict[str, NamedUrl | None]:
    """Return the URLs at which definitions read what is published first, each with a place where
    one has it: as they spell it now, and ours where one does not name it yet.

    Azure ML compares the text: a feed has two hosts, and names in any case.
    """
    reached = [one for one in subjects if one.connected]
    named = [one for one in indexes_of(reached, run.snapshot.read) if same_index(one.url, first)]
    found: dict[str, NamedUrl | None] = {}
    for one in named:
        found.setdefault(first if one.url.rstrip("/") == first.rstrip("/") else one.url, one)
    have = {(one.path, one.place) for one in named}
    if not found or any((one.path, one.place) not in have for one in reached):
        found.setdefault(first, None)
    return found


@dataclass(frozen=True, slots=True)
class _Read:
    """What the definitions read."""

    url: str
    named: NamedUrl | None
    """Where a definition names it, if one does already."""
    names: Sequence[str]
    """Normalised names of packages that may be there."""


def _covered(run: Run, transport: Transport, had: Had, read: _Read) -> StepError | None:
    if had.error is not None:
        # what may not be looked at is unknown; a workspace that is not there covers nothing
        return had.error if had.error.code in NOT_THERE else None
    one = closest(read.url, had.connections)
    if one is None:
        return missing(had, read.url, read.named)
    now = run.now()
    soon = expiry_finding(had.workspace, one, now)
    for finding in [
        *([soon] if soon else []),
        *harm(had.workspace, one, had.connections, [read.url], now),
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
            read.url,
            read.names,
        )
    except StepError as error:
        return error
    return None


def tell_other_spellings(
    run: Run, named: Sequence[NamedUrl], connections: Sequence[Connection]
) -> None:
    """Warn of definitions that name a feed in another spelling than the connections have: Azure ML
    would not match them.

    Args:
        run: The run.
        named: Where definitions look.
        connections: Those that the settings have; the workspaces' own are looked at, too.
    """
    for one in named:
        if not one.connected:
            continue
        for had in workspace_connections(run):
            known: list[Targeted] = [*connections, *had.connections]
            spelled = [(of, spelled_like(one.url, of.target)) for of in connections]
            near = [(of, other) for of, other in spelled if other is not None]
            if near and closest(one.url, known) is None:
                connection, other = near[0]
                run.warn(
                    "index-spelled-otherwise",
                    f"{one.path} names {one.url}, and the connection {connection.name} is for "
                    f"{connection.target}: one feed in two spellings, and Azure ML compares the "
                    "text. No connection is used for it.",
                    cure=f"Write {other} in the definition, or make {usual_target(one.url)} the "
                    "connection's target (`connection-target`).",
                    file=one.path,
                    line=one.line,
                )
                break


def missing(had: Had, url: str, named: NamedUrl | None = None) -> SettingError:
    """Return the error for an index that no connection of a workspace covers.

    Args:
        had: What the workspace has.
        url: The index.
        named: Where a definition names it, if one does.
    """
    feeds = [one for one in had.connections if one.category == "PythonFeed"]
    known = "; ".join(f"{one.name} ({one.target})" for one in feeds)
    near = near_misses(
        url,
        [
            Connection(one.name, one.target, "Git" if one.category == "Git" else "PythonFeed")
            for one in had.connections
            if one.category in {"PythonFeed", "Git"}
        ],
    )
    cure = (
        "Set connection-token to a token that may read (Packaging: Read), and this step makes "
        f"the connection for {usual_target(url)}; or let who may do so run `wheelstep connect "
        "--print` and what it says."
    )
    return SettingError(
        f"No connection of the workspace {had.workspace} covers {url}, which asks for credentials: "
        "every image build that reads there would be refused. "
        + (f"For Python feeds it has: {known}." if known else "It has none for Python feeds.")
        + "".join(f" {miss.connection.name} {miss.why}." for miss in near),
        code="connection-missing",
        cure=" Or: ".join(dict.fromkeys([*(miss.cure for miss in near), cure])),
        file=named.path if named else None,
        line=named.line if named else None,
    )

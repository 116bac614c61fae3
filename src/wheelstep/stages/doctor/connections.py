"""The connections: does what Azure ML will authenticate with reach what the definitions name?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from wheelstep.errors import ServiceUnavailable, StepError
from wheelstep.ground.checks import Group
from wheelstep.ground.connections import Connection, closest
from wheelstep.ground.index_url import same_index
from wheelstep.ground.proxies import is_below
from wheelstep.model import Check, Problem, Workspace
from wheelstep.report import Report
from wheelstep.stages.connecting.coverage import missing
from wheelstep.stages.connecting.known import Had
from wheelstep.stages.connecting.named import NamedUrl
from wheelstep.stages.connecting.proof import (
    Proof,
    reads_index,
    reads_repository,
    whose_in,
    whose_is,
)
from wheelstep.stages.connecting.wanted import (
    check_tokens,
    first_index,
    private_indexes,
    to_store,
    wanted_connections,
)
from wheelstep.stages.doctor.known import Known, Task
from wheelstep.workspaces.connection import Stored, login_of
from wheelstep.workspaces.neighbours import Finding, broken, expiry_finding, harm

__all__ = ["connection_tasks"]

CONNECTIONS: Final = Group("connections")
REFUSED: Final = "Every image build that reads there is refused."
ENDS: Final = "The release ends before anything is built."
SETTINGS: Final = "the settings' connections"
NOT_STORED: Final = "The release ends before the commit, and the workspaces do not get the token."


@dataclass(frozen=True, slots=True)
class Index:
    """An index that definitions name, or will name."""

    url: str
    named: tuple[NamedUrl, ...]
    """Where definitions name it; nowhere where only what is published goes there."""


def connection_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about the connections."""
    yield Task("connections", SETTINGS, partial(_wanted, known), "connect", ENDS)
    yield Task("connections", SETTINGS, partial(_tried, known), "rehearse", NOT_STORED)
    if not known.run.workspaces:
        yield Task(
            "connections", "connections", partial(_without_workspace, known), "connect", REFUSED
        )
    for workspace in known.run.workspaces:
        subject = f"connections of {workspace.name}"
        yield Task(
            "connections", subject, partial(_of_workspace, known, workspace), "connect", REFUSED
        )


def _wanted(known: Known) -> Sequence[Check]:
    """Judge the connections of the settings, and their tokens; no service is asked."""
    try:
        wanted, problems = _fit(known)
    except StepError as error:
        return CONNECTIONS.refused(SETTINGS, error, ENDS)
    if not wanted:
        return []
    breaks = "Image builds are refused one day, or more people can publish than should."
    checks = []
    for problem in problems:
        if problem.severity == "notice":
            checks.append(CONNECTIONS.unknown(SETTINGS, problem.message, breaks, problem.cure))
        else:
            checks.append(CONNECTIONS.of_problem(SETTINGS, problem, breaks))
    names = ", ".join(f"{one.name} ({one.target})" for one in wanted)
    return checks or [CONNECTIONS.ok(SETTINGS, f"{names}: the tokens are of a lasting kind.")]


def _fit(known: Known) -> tuple[Sequence[Connection], Sequence[Problem]]:
    """Return the connections that a release would store, and what it would say of their tokens.

    Raises:
        StepError: It would not store them.
    """
    wanted = to_store(known.run)
    # its warnings are checks here
    apart = replace(known.run, report=Report("doctor"), warned=set())
    check_tokens(apart, wanted)
    return wanted, apart.report.problems


def _tried(known: Known) -> Sequence[Check]:
    """Try what a release would store at all that it is for, as the release does."""
    try:
        wanted, _ = _fit(known)
    except StepError:
        return []  # said already: such a token is sent nowhere
    every, anywhere = wanted_connections(known.run), bool(known.run.workspaces)
    # without a workspace nothing is stored, and only the rehearsal uses them
    urls = [one.url for one in _indexes(known, None) if anywhere or one.named] if wanted else []
    checks: list[Check] = []
    for one in wanted:
        login, git = login_of(one), one.category == "Git"
        if git:
            meant = known.repositories() if anywhere else []
        else:
            meant = [url for url in urls if closest(url, every) == one]
        for url in meant:
            if not is_below(url, one.target):
                continue
            subject, whose = f"{one.name} at {url}", whose_is(one, login, "It would not be stored.")
            try:
                proof = (
                    reads_repository(known.transport, whose, url)
                    if git
                    else reads_index(known.transport, whose, url, known.to_try())
                )
            except ServiceUnavailable as error:
                checks.append(CONNECTIONS.unanswered(subject, error, NOT_STORED))
            except StepError as error:
                checks += CONNECTIONS.refused(subject, error, NOT_STORED)
            else:
                checks.append(_shown(subject, proof))
    return checks


def _shown(subject: str, proof: Proof) -> Check:
    match proof.outcome:
        case "reads":
            return CONNECTIONS.ok(subject, f"It reads {proof.what}, as it would be stored.")
        case "everybody":
            return CONNECTIONS.ok(subject, f"It reads {proof.what}, as everybody can.")
        case "nothing-there":
            return CONNECTIONS.unknown(
                subject,
                "No package of this repository is there yet, at which it could be tried.",
                NOT_STORED,
                "Nothing: a release tries it once its wheels are there, before it stores it.",
            )


def _without_workspace(known: Known) -> Sequence[Check]:
    """Say what is known of credentials where no workspace is named."""
    wanted = wanted_connections(known.run)
    checks = []
    for index in _indexes(known, None):
        one = closest(index.url, wanted)
        subject = index.url
        if one is not None:
            message = f"The connection {one.name} of the settings covers it ({one.target})."
            checks.append(CONNECTIONS.ok(subject, message))
        elif known.opened(index.url) == "open":
            checks.append(CONNECTIONS.ok(subject, "It can be read without a connection."))
        else:
            checks.append(
                CONNECTIONS.unknown(
                    subject,
                    "It asks for credentials, and no workspace is named whose connections could "
                    "be looked at.",
                    REFUSED,
                    "Set `workspace` to SUBSCRIPTION/GROUP/NAME.",
                )
            )
    return checks


def _of_workspace(known: Known, workspace: Workspace) -> Sequence[Check]:
    """Judge the connections that a workspace has."""
    subject = f"connections of {workspace.name}"
    had = next(one for one in known.had() if one.workspace.same(workspace))
    wanted = to_store(known.run)
    if had.error is not None:
        return _unread(subject, had.error, needed=bool(wanted))
    checks: list[Check] = []
    covering: list[Stored] = []
    urls = []
    for index in _indexes(known, workspace):
        urls.append(index.url)
        one = closest(index.url, had.connections)
        where = f"{index.url} in {workspace.name}"
        try:
            if one is not None:
                covering += [one] if one not in covering else []
                checks += _covered(known, where, had, one, index)
            else:
                checks += _uncovered(known, where, had, index, wanted)
        except StepError as error:
            checks.append(CONNECTIONS.unanswered(where, error, REFUSED))
    now = known.run.now()
    for one in covering:
        checks += _expiry(f"{one.name} in {workspace.name}", workspace, one, now)
    checks += _neighbours(workspace, had.connections, covering, urls, now)
    if not checks:
        return [CONNECTIONS.ok(subject, "No definition names an index that would need one.")]
    return checks


def _unread(subject: str, error: StepError, *, needed: bool) -> Sequence[Check]:
    if needed and not isinstance(error, ServiceUnavailable):
        return CONNECTIONS.refused(subject, error, ENDS)
    return [CONNECTIONS.unanswered(subject, error, REFUSED)]


def _indexes(known: Known, workspace: Workspace | None) -> Iterable[Index]:
    """Return the indexes that the definitions of a workspace name and connections reach, and those
    that definitions will name: what is published to."""
    found: dict[str, list[NamedUrl]] = {url: [] for url in private_indexes(known.run)}
    for named in known.named():
        if not named.connected or not _reads(known, workspace, named):
            continue
        key = next((url for url in found if url.rstrip("/") == named.url.rstrip("/")), named.url)
        found.setdefault(key, []).append(named)
    # what every definition names in another spelling is read as they have it
    other = {
        url
        for url, named in found.items()
        if not named and any(rest and same_index(url, one) for one, rest in found.items())
    }
    return [Index(url, tuple(named)) for url, named in found.items() if url not in other]


def _reads(known: Known, workspace: Workspace | None, named: NamedUrl) -> bool:
    if workspace is None:
        return True
    readers = known.readers().get(named.path)
    return readers is None or any(one.same(workspace) for one in readers)


def _covered(known: Known, subject: str, had: Had, one: Stored, index: Index) -> Iterator[Check]:
    """Say that a connection covers an index, and whether what it holds is let in there."""
    message = f"The connection {one.name} covers it ({one.target})"
    now = known.run.now()
    ended = one.expires is not None and one.expires <= now  # said of its expiry
    if not ended and (why := broken(one, now)) is not None:
        yield CONNECTIONS.fault(
            subject,
            f"{message}, and {why}.",
            code="connection-broken",
            breaks=REFUSED,
            cure=f"Mend the connection {one.name}: `wheelstep connect --rotate`, or Azure ML "
            "studio: the workspace, Connections.",
        )
    if known.opened(index.url) == "open":
        yield CONNECTIONS.ok(subject, f"{message}; it can be read without, too.")
        return
    login = known.login(one)
    if login is None:
        yield CONNECTIONS.unknown(
            subject,
            f"{message}; whether its token is let in cannot be tried, since its secret may not be "
            "read by whoever runs this.",
            REFUSED,
            "Give that identity the role Azure Machine Learning Workspace Connection Secrets "
            "Reader, or wait for the next image build.",
        )
        return
    whose = whose_in(had.workspace, one, login)
    try:
        proof = reads_index(known.transport, whose, index.url, known.to_try())
    except ServiceUnavailable as error:
        yield CONNECTIONS.unanswered(subject, error, REFUSED)
    except StepError as error:
        for check in CONNECTIONS.refused(subject, error, REFUSED):
            yield check if _is_first(known, index.url) else replace(check, exit_code=0)
    else:
        if proof.outcome == "nothing-there":
            yield CONNECTIONS.unknown(
                subject,
                f"{message}; no package of this repository is there yet, at which its token could "
                "be tried.",
                REFUSED,
                "Run it again once a release is there.",
            )
        else:
            yield CONNECTIONS.ok(subject, f"{message}, and its token reads {proof.what}.")


def _uncovered(
    known: Known, subject: str, had: Had, index: Index, wanted: Sequence[Connection]
) -> Iterator[Check]:
    """Say that no connection covers an index, and whether that matters."""
    if known.opened(index.url) == "open":
        yield CONNECTIONS.ok(subject, "It can be read without a connection.")
        return
    if (coming := closest(index.url, wanted)) is not None:
        message = f"None covers it yet; a release makes {coming.name} ({coming.target})."
        yield CONNECTIONS.ok(subject, message)
        return
    error = missing(had, index.url, index.named[0] if index.named else None)
    first = _is_first(known, index.url)
    yield CONNECTIONS.fault(
        subject,
        error.message,
        code=error.code,
        breaks=REFUSED,
        cure=error.cure,
        exit_code=error.exit_code if first else 0,
        file=error.file,
        line=error.line,
    )


def _is_first(known: Known, url: str) -> bool:
    """Tell whether an index is the one that a release asks connections for."""
    first = first_index(known.run)
    return first is not None and same_index(first, url)


def _expiry(subject: str, workspace: Workspace, one: Stored, now: dt.datetime) -> Iterator[Check]:
    if one.auth_type == "None":
        return
    if one.expires is None:
        yield CONNECTIONS.unknown(
            subject,
            "When its token expires is not known: the workspace has no date, and a token does not "
            "tell.",
            "Nobody is warned before image builds are refused.",
            "`wheelstep connect` with `connection-expires` writes the date down.",
        )
    elif (finding := expiry_finding(workspace, one, now)) is not None:
        yield _fault(subject, finding, REFUSED)
    else:
        yield CONNECTIONS.ok(subject, f"Its token holds until {one.expires:%Y-%m-%d}.")


def _neighbours(
    workspace: Workspace,
    stored: Sequence[Stored],
    covering: Sequence[Stored],
    urls: Sequence[str],
    now: dt.datetime,
) -> list[Check]:
    """Return what other connections of the workspace spoil."""
    found: dict[str, Check] = {}
    known = {one.name for one in covering}
    ended = {
        one.name: finding
        for one in stored
        if one.category == "PythonFeed"
        and (finding := expiry_finding(workspace, one, now)) is not None
        and finding.expired
    }

    def note(finding: Finding) -> None:
        subject = f"{finding.connection} in {workspace.name}"
        # whoever's it is has to do something about it: no token of ours helps
        said = replace(ended.get(finding.connection, finding), cure=finding.cure)
        found.setdefault(finding.connection, _fault(subject, said, REFUSED))

    for ours in covering:
        for finding in harm(workspace, ours, stored, urls, now):
            # a wider one below which ours serves is as it should be
            if finding.code != "connection-takes-over" and finding.connection not in known:
                note(finding)
    for one in stored:
        if one.category != "PythonFeed" or one.name in known:
            continue
        if (why := broken(one, now)) is not None:
            note(
                Finding(
                    "connection-broken",
                    f"It is broken: {why}.",
                    "Mend it, or delete it: Azure ML studio: the workspace, Connections.",
                    one.name,
                )
            )
    return list(found.values())


def _fault(subject: str, finding: Finding, breaks: str) -> Check:
    return CONNECTIONS.fault(
        subject, finding.message, code=finding.code, breaks=breaks, cure=finding.cure
    )

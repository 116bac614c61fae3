"""A blob mirror: who writes, who can read, and what pip does not say of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.errors import StepError
from wheelstep.ground.checks import Group
from wheelstep.model import Check
from wheelstep.stages.boundaries import boundary_problem
from wheelstep.stages.doctor.known import Known, Task

__all__ = ["mirror_tasks"]

DESTINATIONS: Final = Group("destinations")
ENDS: Final = "The release ends before anything is built."
LATER: Final = "The release ends after everything is built and rehearsed; nothing is lost."
NEEDED: Final = {"r": "read", "l": "list", "c": "create", "w": "write"}
"""What a SAS has to allow ("Create a service SAS"), by its letters."""
SHORT: Final = dt.timedelta(hours=1)
"""A SAS that is good for less than this may end within a run."""


def mirror_tasks(known: Known, one: BlobMirror) -> Iterator[Task]:
    """Yield what is asked about a mirror."""
    subject, name = "destinations", f"the mirror {one.name}"
    yield Task(subject, name, partial(_read, known, one, name), "read", ENDS)
    yield Task(subject, f"{name}: write", partial(_write, known, one, name), "publish", LATER)
    yield Task(subject, f"{name}: boundary", partial(_boundary, known, one, name), "read", ENDS)
    yield Task(subject, f"{name}: consumers", partial(_consumers, known, one, name), "publish")


def _read(known: Known, one: BlobMirror, subject: str) -> Sequence[Check]:
    """Say who signs in, and whether the container can be listed."""
    try:
        who = one.signed_in()
        listed = one.look(known.to_try())
    except StepError as error:
        return DESTINATIONS.refused(subject, error, ENDS)
    files = sum(len(files) for files in listed.values())
    return [
        DESTINATIONS.ok(
            subject, f"Signed in with {who.described()}; it can be listed ({files} files of ours)."
        )
    ]


def _write(known: Known, one: BlobMirror, name: str) -> Sequence[Check]:
    """Say what is known of the right to write: a SAS says it itself."""
    subject = f"{name}: write"
    try:
        who = one.signed_in()
    except StepError:
        return []  # said of reading
    match who.kind:
        case "sas":
            return _sas(known, who, subject)
        case "key":
            return [DESTINATIONS.ok(subject, "An account key may do everything.")]
        case _:
            return [
                DESTINATIONS.unknown(
                    subject,
                    "Whether it takes wheels from whoever signs in shows only when one is "
                    "published.",
                    LATER,
                    "Give the identity the role 'Storage Blob Data Contributor' on the container.",
                )
            ]


def _sas(known: Known, who: BlobSignIn, subject: str) -> Sequence[Check]:
    lacks = [word for letter, word in NEEDED.items() if who.rights and letter not in who.rights]
    if lacks:
        return [
            DESTINATIONS.fault(
                subject,
                f"{who.source} may not {' and not '.join(lacks)}: its sp is {who.rights}.",
                code="not-authorized",
                breaks=LATER,
                cure="Make the SAS with the permissions r, l, c and w (and d to delete).",
                exit_code=5,
            )
        ]
    ends = _date(who.until)
    if ends is not None and ends - known.run.now() < SHORT:
        return [
            DESTINATIONS.fault(
                subject,
                f"{who.source} is good until {who.until} only.",
                code="sas-expired",
                breaks="The release ends where it is when the SAS does; run again with another "
                "one, it goes on from there.",
                cure="Make one that is valid for longer; Entra ID needs no such dates.",
                exit_code=5 if ends <= known.run.now() else 0,
            )
        ]
    until = f", until {who.until}" if who.until else ""
    return [DESTINATIONS.ok(subject, f"{who.source} may write{until}.")]


def _date(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _boundary(known: Known, one: BlobMirror, name: str) -> Sequence[Check]:
    """Say whether the whole internet can read it: what a release refuses."""
    subject = f"{name}: boundary"
    breaks = "The release ends before anything is built: whoever reaches it could download it all."
    try:
        problem = boundary_problem(known.run, one)
    except StepError as error:
        return [DESTINATIONS.unanswered(subject, error, breaks)]
    if problem is None:
        return [DESTINATIONS.ok(subject, "Not everybody can read it.")]
    known.run.allowances.looked(problem.code, [one.boundary_name])
    excused = known.run.allowances.excused(problem, one.boundary_name)
    if excused.severity != "error":
        return [DESTINATIONS.ok(subject, excused.message)]
    return [DESTINATIONS.of_problem(subject, problem, breaks)]


def _consumers(known: Known, one: BlobMirror, name: str) -> Sequence[Check]:
    """Say whether pip can read it from here: pip takes a refusal for a project without versions,
    and cannot sign in to blob storage at all."""
    subject = f"{name}: consumers"
    breaks = "The image build says 'no matching distribution' ('from versions: none'), and not why."
    try:
        one.served(known.to_try(), "serve")
    except StepError as error:
        if known.run.settings.read_back == "serve":
            return DESTINATIONS.refused(subject, error, breaks)
        return [DESTINATIONS.unanswered(subject, error, breaks)]
    return [DESTINATIONS.ok(subject, "pip can read it from here, without signing in.")]

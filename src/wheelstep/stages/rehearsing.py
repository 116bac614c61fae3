"""Would the edited definitions build? Asked before anything is published."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from wheelstep.definitions.interface import Read, Reading
from wheelstep.definitions.plan import Edits
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.index import IndexDestination
from wheelstep.errors import StepError, raise_all
from wheelstep.ground.credentials import SignIn
from wheelstep.ground.public_index import IndexCredential
from wheelstep.model import Wheel
from wheelstep.rehearsal.interface import CondaHalf, Subject, Verdict
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.comparing import changes_since
from wheelstep.stages.run import Run

__all__ = ["includes", "note_verdicts", "read_after", "rehearse_subjects", "subjects_of"]


RESOLUTIONS: Final = 8
"""At once: uv waits for indexes most of its time."""


def subjects_of(path: str, reading: Reading) -> list[Subject]:
    """Return what a rehearsal asks of a definition: one subject for each of its environments."""
    return [
        Subject(
            path=path,
            pip_lines=section.pip_lines,
            python=section.python,
            line=section.line,
            requirement_lines=tuple((one.name, one.line) for one in section.requirements),
            place=section.place,
            conda=CondaHalf(section.conda.packages, section.conda.channels)
            if section.conda
            else None,
        )
        for section in reading.sections
    ]


def read_after(snapshot: Snapshot, edits: Edits) -> Read:
    """Return what reads a file as it would be after the edits: included files count as edited."""
    after = {edit.path: edit.after for edit in edits.edits if edit.status == "changed"}
    return lambda path: after[path] if path in after else snapshot.read(path)


def includes(reading: Reading) -> bool:
    """Tell whether a definition takes in other files, which may have changed when it has not."""
    starts = ("-r", "-c", "--requirement", "--constraint")
    return any(
        line.lstrip().startswith(starts)
        for section in reading.sections
        for line in section.pip_lines
    )


def rehearse_subjects(
    run: Run,
    read: Read,
    subjects: Sequence[Subject],
    wheels: Sequence[Wheel],
    released: Sequence[str],
    *,
    served: Sequence[Wheel] | None = None,
) -> None:
    """Resolve each definition that has a pip section; the report gets the verdicts.

    Args:
        run: The run.
        read: Reads a file as it would be committed.
        subjects: The definitions to look at; those without a pip section are passed over.
        wheels: The wheels of this release that lie on this machine.
        released: Normalised names of all packages of the repository.
        served: The wheels that were published: what is read is what is really served then, not
            the folder behind a `serve-url`, and it has to be these.

    Raises:
        StepError: A definition does not resolve (7), or what it needs could not be read (5, 6).
    """
    from wheelstep.rehearsal.conda_half import rehearse_halves, solve_halves
    from wheelstep.rehearsal.resolve import errors_of, rehearse, skipped

    subjects = [subject for subject in subjects if subject.pip_lines]
    if run.settings.rehearse == "off":
        note_verdicts(run, skipped(subjects, run.settings.platform), "switched off")
        return
    settings = run.settings
    solved = None
    if settings.rehearse == "conda":
        solved = solve_halves(
            subjects,
            platform=settings.platform,
            environment=run.environment,
            parallel=settings.parallel or 4,
        )
    resolve = partial(
        rehearse,
        wheels=wheels,
        expected=served,
        platform=run.settings.platform,
        environment=run.environment,
        read=read,
        released=released,
        credentials=_credentials(run) if subjects else (),
        instead=_instead(run) if served is None else None,
        local_indexes=_local_indexes(run),
        parallel=run.settings.parallel or RESOLUTIONS,
    )
    verdicts = rehearse_halves(subjects, resolve, solved)
    why = "" if served is None else "as it is served now"
    note_verdicts(run, verdicts, why, released=released)
    raise_all(errors_of(verdicts))


def note_verdicts(
    run: Run, verdicts: Sequence[Verdict], why: str = "", *, released: Sequence[str] = ()
) -> None:
    """Put verdicts into the report and say them.

    Args:
        run: The run.
        verdicts: By definition.
        why: Said beside the verdict: what was looked at, or why nothing was.
        released: Normalised names of the repository's packages: their changes are no news.
    """
    for verdict in verdicts:
        key = (verdict.path, verdict.place)
        known = [row for row in run.report.rehearsals if (row["path"], row["place"]) != key]
        row: dict[str, Any] = dataclasses.asdict(verdict)
        row["changes"] = changes_since(run.earlier, verdict, released)
        row["resolved"], row["problems"] = list(row["resolved"]), list(row["problems"])
        run.report.rehearsals = [*known, row]
        # errors end the run and are reported by it; the others are for the reader now
        run.report.add([problem for problem in verdict.problems if problem.severity != "error"])
        python = f"Python {verdict.python} on " if verdict.python else ""
        reason = f" ({why})" if why else ""
        where = f"{verdict.path} ({verdict.place})" if verdict.place else verdict.path
        run.host.say(f"{where}: {verdict.status}{reason} for {python}{verdict.platform}")


def _credentials(run: Run) -> tuple[IndexCredential, ...]:
    return tuple(
        IndexCredential(destination.simple_url, who.user, who.secret)
        for destination in run.destinations
        if isinstance(destination, IndexDestination) and (who := _reader(run, destination))
    )


def _reader(run: Run, destination: IndexDestination) -> SignIn | None:
    """Return who reads an index; nobody on a pull request that is handed no token, as those from
    forks are: the verdict then says what could not be read."""
    if not run.trigger.pull_request:
        return destination.signed_in()
    with contextlib.suppress(StepError):
        return destination.signed_in()
    return None


def _instead(run: Run) -> dict[str, str]:
    """Return the folders behind `serve-url`: what is read there is what was written here."""
    return {
        url: destination.local_index
        for destination in run.destinations
        if isinstance(destination, FolderDestination) and (url := destination.index().url)
    }


def _local_indexes(run: Run) -> tuple[str, ...]:
    return tuple(
        destination.local_index
        for destination in run.destinations
        if isinstance(destination, FolderDestination) and destination.index().url is None
    )

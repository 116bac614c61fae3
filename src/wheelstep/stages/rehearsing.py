"""Would the edited definitions build? Asked before anything is published."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from wheelstep.definitions.interface import Read, Reading, VendoredFile
from wheelstep.definitions.plan import Edits
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.workspace_storage import WorkspaceStorage
from wheelstep.errors import SeveralProblems, StepError, raise_all
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.connections import Connection
from wheelstep.ground.credentials import SignIn
from wheelstep.ground.index_url import same_index
from wheelstep.ground.public_index import IndexCredential
from wheelstep.model import Wheel
from wheelstep.rehearsal.interface import NEW_WHEELS, CondaHalf, Subject, Verdict
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.comparing import changes_since
from wheelstep.stages.run import Run
from wheelstep.stages.views import listing_urls
from wheelstep.stages.work import work_folder
from wheelstep.stages.workspace_urls import standing_for

__all__ = [
    "includes",
    "lines_as_they_are",
    "look_only",
    "note_verdicts",
    "read_after",
    "rehearse_subjects",
    "subjects_of",
    "verdict_lines",
]


RESOLUTIONS: Final = 8
"""At once: uv waits for indexes most of its time."""
MANY: Final = 4
"""Verdicts that are alike are said in one line from here on."""


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
            unknown=section.unknown,
            connected=section.connected,
            conda=CondaHalf(section.conda.packages, section.conda.channels)
            if section.conda
            else None,
        )
        for section in reading.sections
    ]


def read_after(
    snapshot: Snapshot, edits: Edits, wheel: Callable[[VendoredFile], bytes] | None = None
) -> Read:
    """Return what reads a file as it would be after the edits: included files count as edited, and
    wheels as vendored.

    Args:
        snapshot: The head.
        edits: The edits.
        wheel: Returns a wheel that is to be vendored; without it none is there.
    """
    after = {edit.path: edit.after for edit in edits.edits if edit.status == "changed"}
    coming = {file.path: file for edit in edits.edits for file in edit.files}

    def read(path: str) -> bytes | None:
        if path in coming:
            return wheel(coming[path]) if wheel is not None else None
        return after[path] if path in after else snapshot.read(path)

    return read


def includes(reading: Reading) -> bool:
    """Tell whether a definition takes in other files, which may have changed when it has not."""
    starts = ("-r", "-c", "--requirement", "--constraint")
    return any(
        line.lstrip().startswith(starts)
        for section in reading.sections
        for line in section.pip_lines
    )


@contextlib.contextmanager
def lines_as_they_are(edits: Edits) -> Iterator[None]:
    """Let errors name the lines that files have now: with an error no edit is written.

    Args:
        edits: What was rehearsed.

    Raises:
        StepError: What was raised inside.
    """
    try:
        yield
    except StepError as error:
        edited = {edit.path: edit for edit in edits.edits}
        for one in error.errors if isinstance(error, SeveralProblems) else [error]:
            if one.line is not None and one.file in edited:
                one.line = edited[one.file].line_before(one.line)
        raise


def rehearse_subjects(  # noqa: PLR0917 - what is asked, and of which state
    run: Run,
    read: Read,
    subjects: Sequence[Subject],
    wheels: Sequence[Wheel],
    released: Sequence[str],
    ahead: Sequence[Subject] = (),
    *,
    commits: Mapping[str, str] | None = None,
    served: Sequence[Wheel] | None = None,
) -> None:
    """Resolve each definition that has a pip section; the report gets the verdicts.

    Args:
        run: The run.
        read: Reads a file as it would be committed.
        subjects: The definitions to look at; those without a pip section are passed over.
        wheels: The wheels of this release that lie on this machine.
        released: Normalised names of all packages of the repository.
        ahead: Further ones, whose wheels are not built yet: it is only looked what their indexes
            have of our names.
        commits: By name, the commit that the wheels were built from.
        served: The wheels that were published: what is read is what is really served then, not
            the folder behind a `serve-url`, and it has to be these.

    Raises:
        StepError: A definition does not resolve (7), what it needs could not be read (5, 6), or a
            public package could take the place of one of ours (4).
    """
    from wheelstep.rehearsal.conda_half import rehearse_halves, solve_halves
    from wheelstep.rehearsal.resolve import errors_of, skipped

    subjects = [_with_index(run, subject) for subject in subjects if subject.pip_lines]
    ahead = [_with_index(run, subject) for subject in ahead if subject.pip_lines]
    if run.settings.rehearse == "off":
        note_verdicts(run, skipped([*ahead, *subjects], run.settings.platform), "switched off")
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
    from wheelstep.stages.connecting.known import known_connections

    with work_folder() as work:
        standing = standing_for(run, subjects, read, wheels, work)
        subjects = standing.subjects
        asked = bool(subjects or ahead)
        connections = known_connections(run) if asked else ()
        credentials = _credentials(run) if asked and not _all_known(connections) else ()
        reading = (connections, credentials)
        ask = _asking(run, standing.read, standing.wheels, released, reading, served)
        ask = partial(ask, commits=commits, announce=partial(_names_asked, run))
        looked = ask(ahead, resolve=False)
        note_verdicts(run, looked, "known after build")
        verdicts = [standing.judged(one) for one in rehearse_halves(subjects, ask, solved)]
    why = "" if served is None else "as it is served now"
    note_verdicts(run, verdicts, why, released=released)
    for mirror in _seen_here(run) if served is None else ():
        mirror.window.check()
    raise_all(errors_of([*looked, *verdicts]))


def _asking(  # noqa: PLR0917 - all that decides it
    run: Run,
    read: Read,
    wheels: Sequence[Wheel],
    released: Sequence[str],
    readers: tuple[Sequence[Connection], Sequence[IndexCredential]],
    served: Sequence[Wheel] | None = None,
) -> Callable[..., list[Verdict]]:
    """Return what resolves definitions with all that this run knows; `readers` are what Azure ML
    will authenticate with, and what this run does."""
    from wheelstep.rehearsal.resolve import rehearse

    instead = _instead(run) if served is None else {}
    return partial(
        rehearse,
        wheels=wheels,
        expected=served,
        platform=run.settings.platform,
        environment=_direct(run.environment, instead.values()),
        read=read,
        released=released,
        credentials=readers[1],
        instead=instead,
        local_indexes=_local_indexes(run),
        published=[url for each in run.destinations for url in listing_urls(each)],
        files_at=_files_at(run) if wheels else (),
        connections=readers[0],
        known=[
            *((wheel.file, wheel.sha256) for wheel in served or ()),
            *(
                (wheel.file, wheel.sha256)
                for package in run.lock.packages.values()
                for wheel in package.wheels
            ),
        ],
        allowances=run.allowances,
        stands_alone=partial(_stands_alone, run),
        no_public=run.settings.no_public_index,
        parallel=run.settings.parallel or RESOLUTIONS,
        transfers=run.transfers,
        clock=run.clock,
    )


def look_only(  # noqa: PLR0917 - what is asked, and how long
    run: Run,
    read: Read,
    subjects: Sequence[Subject],
    released: Sequence[str],
    connections: Sequence[Connection],
    budget: RetryBudget,
) -> list[Verdict]:
    """Look what the indexes of definitions have of our packages; nothing is resolved or said.

    Args:
        run: The run.
        read: Reads a file as it would be committed.
        subjects: The definitions to look at; those without a pip section are passed over.
        released: Normalised names of all packages of the repository.
        connections: What Azure ML will authenticate with, as far as that is known.
        budget: How much waiting for services may be spent.

    Raises:
        StepError: As `rehearse`.
    """
    asked = [_with_index(run, subject) for subject in subjects if subject.pip_lines]
    credentials = () if _all_known(connections) else _credentials(run, lenient=True)
    ask = _asking(run, read, (), released, (connections, credentials))
    return ask(asked, resolve=False, budget=budget)


def _names_asked(run: Run, asked: Mapping[str, Sequence[str]]) -> None:
    """Say in a plan which of our names are asked of whom."""
    if not run.planning:
        return
    for index, names in asked.items():
        run.warn(
            "names-asked",
            f"{index} is asked for {', '.join(sorted(names))}.",
            severity="notice",
        )


def _stands_alone(run: Run, url: str) -> bool:
    """Tell whether one of our indexes serves the public packages; False where it does not say."""
    with contextlib.suppress(StepError):
        return any(
            each.index().public_upstream
            for each in run.destinations
            if any(same_index(one, url) for one in listing_urls(each))
        )
    return False


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
    for line in verdict_lines(verdicts, f" ({why})" if why else ""):
        run.host.say(line)


def verdict_lines(verdicts: Iterable[Verdict], why: str) -> Iterator[str]:
    """Yield what is said of verdicts: a line for each, but one for all of many that are alike and
    ask nothing of the reader."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in verdicts:
        image = f"{f'Python {one.python} on ' if one.python else ''}{one.platform}"
        where = f"{one.path} ({one.place})" if one.place else one.path
        alike.setdefault((one.status, image), []).append(where)
    for (status, image), places in alike.items():
        if len(places) < MANY or status not in {"resolved", "skipped"}:
            yield from (f"{where}: {status}{why} for {image}" for where in places)
        else:
            yield f"{len(places)} definitions: {status}{why} for {image}:"
            yield f"  {', '.join(places)}"


def _with_index(run: Run, subject: Subject) -> Subject:
    """Return what a rehearsal asks of a pyproject.toml: it can name no index, so that whoever
    installs from it names ours beside it."""
    first = run.destinations[0] if run.destinations else None
    if not subject.path.endswith("pyproject.toml") or first is None or not first.consumer_url:
        return subject
    option = f"--extra-index-url {first.consumer_url}"
    return dataclasses.replace(subject, pip_lines=(option, *subject.pip_lines))


def _all_known(connections: Sequence[Connection]) -> bool:
    """Tell whether there are connections, and it is known what each authenticates with."""
    return bool(connections) and all(
        one.secret is not None or one.auth_type == "None" for one in connections
    )


def _credentials(run: Run, *, lenient: bool = False) -> tuple[IndexCredential, ...]:
    """Return who reads the destinations; with `lenient` nobody where nobody can sign in."""
    return tuple(
        IndexCredential(url, who.user, who.secret)
        for destination in run.destinations
        if isinstance(destination, IndexDestination)
        and (who := _reader(destination, lenient=lenient or run.trigger.pull_request))
        for url in dict.fromkeys((destination.simple_url, *_own_urls(destination)))
    )


def _own_urls(destination: IndexDestination) -> tuple[str, ...]:
    """Return what else the credential for publishing reads: the feed's views."""
    return destination.listing_urls if isinstance(destination, FeedDestination) else ()


def _reader(destination: IndexDestination, *, lenient: bool) -> SignIn | None:
    """Return who reads an index; nobody on a pull request that is handed no token, as those from
    forks are: the verdict then says what could not be read."""
    if not lenient:
        return destination.signed_in()
    with contextlib.suppress(StepError):
        return destination.signed_in()
    return None


def _instead(run: Run) -> dict[str, str]:
    """Return what is read in the place of where consumers read: the folders behind `serve-url`, and
    mirrors that are read back where they are written; what is read there is what was written."""
    folders = {
        url: destination.local_index
        for destination in run.destinations
        if isinstance(destination, FolderDestination) and (url := destination.index().url)
    }
    return folders | {
        url: mirror.window.url for mirror in _seen_here(run) if (url := mirror.consumer_url)
    }


def _seen_here(run: Run) -> Sequence[BlobMirror]:
    """Return the mirrors that are read where they are written, with the step's own sign-in."""
    if run.settings.read_back == "serve":
        return ()
    return [one for one in run.destinations if isinstance(one, BlobMirror)]


def _direct(environment: Mapping[str, str], places: Iterable[str]) -> Mapping[str, str]:
    """Return the environment in which this machine is not asked by way of a proxy."""
    if not any(place.startswith("http://127.0.0.1:") for place in places):
        return environment
    direct = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    both = f"{direct},127.0.0.1".lstrip(",")
    return {**environment, "no_proxy": both, "NO_PROXY": both}


def _files_at(run: Run) -> list[str]:
    """Return where new wheels will be that no index lists: in the storage of workspaces."""
    if run.trigger.pull_request:
        return []  # nobody signs in there
    return [one.folder() for one in run.destinations if isinstance(one, WorkspaceStorage)]


def _local_indexes(run: Run) -> tuple[str, ...]:
    """Return the folders of this machine that every definition is taken to have: where it can name
    the first destination it has to, and a folder beside it is nothing that an image reads."""
    if run.destinations and run.destinations[0].consumer_url is not None:
        return ()
    if run.destinations and run.destinations[0].kind == "workspace":
        return (NEW_WHEELS,)  # each by its URL: no index has to list them
    return tuple(
        destination.local_index
        for destination in run.destinations
        if isinstance(destination, FolderDestination) and destination.index().url is None
    )

"""Would these definitions build? Each is resolved by uv as the image build's pip would do it, with
the new wheels laid over the index as if they were published already."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from wheelstep.errors import (
    BuildFailed,
    CannotHere,
    DefinitionUnresolvable,
    Refused,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    StepError,
)
from wheelstep.ground.allowances import Allowances
from wheelstep.ground.clock import Clock, RetryBudget
from wheelstep.ground.connections import Connection
from wheelstep.ground.public_index import (
    IndexCredential,
    PipIndexes,
    public_indexes,
    split_credential,
    uv_environment,
)
from wheelstep.ground.threads import ThreadPool
from wheelstep.ground.transport import Transport
from wheelstep.ground.uv import check_platform, default_index, working_folder
from wheelstep.model import Problem, Wheel
from wheelstep.rehearsal.asker import Asker
from wheelstep.rehearsal.candidates import index_order, options_of
from wheelstep.rehearsal.interface import NEW_WHEELS, Subject, Verdict
from wheelstep.rehearsal.judge import judge, line_of, unproven
from wheelstep.rehearsal.needs import requirements_of
from wheelstep.rehearsal.pages import Pages
from wheelstep.rehearsal.pip_section import marker_environment
from wheelstep.rehearsal.places import Indexes
from wheelstep.rehearsal.question import Question
from wheelstep.rehearsal.section import take_apart
from wheelstep.rehearsal.section_lines import Fault, flatten
from wheelstep.rehearsal.together import answer_all

__all__ = ["errors_of", "rehearse", "skipped"]

Read = Callable[[str], bytes | None]

ERRORS: tuple[type[StepError], ...] = (
    SettingError,
    BuildFailed,
    Refused,
    ServiceRefused,
    ServiceUnavailable,
    DefinitionUnresolvable,
    CannotHere,
)


"""Stands for an index of this machine that has nothing but the new wheels; nothing is there."""
OF_FILES = frozenset(
    {"no-binary", "only-binary", "pre", "prefer-binary", "all-releases", "only-final"}
)
"""Options that say which files pip takes."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A subject with what is to be asked about it."""

    subject: Subject
    question: Question
    notices: tuple[Problem, ...]


def skipped(subjects: Iterable[Subject], platform: str) -> list[Verdict]:
    """Return the verdicts of a run that was told not to rehearse."""
    return [
        Verdict(subject.path, "skipped", subject.python, platform, place=subject.place)
        for subject in subjects
    ]


def errors_of(verdicts: Iterable[Verdict]) -> list[StepError]:
    """Return what should end the run: every problem of severity "error", as the error it is."""
    kinds = {kind.exit_code: kind for kind in ERRORS}
    return [
        kinds[problem.exit_code](
            problem.message,
            code=problem.code,
            cure=problem.cure,
            file=problem.file,
            line=problem.line,
        )
        for verdict in verdicts
        for problem in verdict.problems
        if problem.severity == "error"
    ]


def rehearse(
    subjects: Sequence[Subject],
    *,
    wheels: Sequence[Wheel],
    expected: Sequence[Wheel] | None = None,
    platform: str,
    environment: Mapping[str, str],
    read: Read,
    released: Iterable[str] = (),
    credentials: Sequence[IndexCredential] = (),
    instead: Mapping[str, str] | None = None,
    local_indexes: Sequence[str] = (),
    commits: Mapping[str, str] | None = None,
    published: Sequence[str] = (),
    files_at: Sequence[str] = (),
    connections: Sequence[Connection] = (),
    known: Iterable[tuple[str, str]] = (),
    allowances: Allowances | None = None,
    stands_alone: Callable[[str], bool] = lambda _: False,
    announce: Callable[[Mapping[str, Sequence[str]]], None] = lambda _: None,
    public: PipIndexes | None = None,
    no_public: bool = False,
    resolve: bool = True,
    parallel: int = 4,
    transfers: int = 16,
    timeout: float | None = 600.0,
    budget: RetryBudget | None = None,
    clock: Clock | None = None,
) -> list[Verdict]:
    """Resolve each definition for its Python and the platform, without building anything.

    Args:
        subjects: The definitions that would change, as they would be committed.
        wheels: The new ones, each with `path`: they count as published already, where they will
            be.
        expected: What the released names have to resolve to, by SHA-256; `wheels` when None.
        platform: What the image is, e.g. "x86_64-manylinux_2_28".
        environment: This process's.
        read: Reads a file of the snapshot, for `-r`, `-c` and wheels kept in the repository.
        released: Normalised names of all packages that the repository releases, unchanged ones
            included: which file of them pip takes is decided by its own rules.
        credentials: Who may read which index; sent only below its prefix, and only while no
            connection is known.
        instead: Index URLs that cannot be read from here, and what is read in their place (the
            folder behind a `serve-url`).
        local_indexes: Indexes that no definition can name, searched for every one (a folder of
            this machine).
        commits: By name, the commit that its new wheels were built from: a requirement by git of
            that commit means them.
        published: Indexes that will list the new wheels, as definitions name them. Without any,
            every definition has them.
        files_at: Folders that will hold the new wheels, each at a URL of its own, and no index
            lists.
        connections: The workspace's, as far as they are known: what the image build will
            authenticate with.
        known: (file, SHA-256) of the wheels that were released before.
        allowances: What the user has decided to live with.
        stands_alone: Tells whether one of our indexes serves the public packages, too.
        announce: Is told which of our names are asked of which index over the network, before they
            are.
        public: What stands for the public index; what pip is configured with when None.
        no_public: Nothing stands for it, and no name is looked up there.
        resolve: False: only look what pip could take from a public index; the verdicts are
            "skipped" where nothing was found.
        parallel: How many resolutions at once.
        transfers: How many pages are read at once.
        timeout: Seconds for each.
        budget: How much waiting for services the run may spend.
        clock: What waits.

    Returns:
        One verdict per subject, in order; `errors_of` says which end the run.

    Raises:
        SettingError: A platform that does not exist; a broken configuration of pip.
        CannotHere: uv is missing, disk full.
    """
    if not subjects:
        return []
    allowances = allowances or Allowances()
    public = public if public is not None else public_indexes(environment)
    if no_public:
        public = PipIndexes(certificate=public.certificate)
    base = uv_environment(environment, public)
    check_platform(platform, base)
    authorities = {"REQUESTS_CA_BUNDLE": public.certificate} if public.certificate else {}
    network = Transport({**environment, **authorities}, budget=budget, clock=clock)
    with working_folder("rehearsing") as folder, network:
        here = [wheel for wheel in wheels if wheel.path is not None]
        asker = Asker(
            environment=base,
            folder=folder,
            indexes=Indexes(
                public=public,
                default=None if no_public else default_index(base),
                new=NEW_WHEELS,
                published=tuple(published),
                files_at=tuple(files_at),
                local=tuple(local_indexes),
                instead={url.rstrip("/"): place for url, place in (instead or {}).items()},
                credentials=tuple(credentials),
                connections=tuple(connections),
                switched_off=no_public,
            ),
            pages=Pages(network),
            private=frozenset({*released, *(wheel.name for wheel in wheels)}),
            new=here,
            wheels={wheel.file: wheel for wheel in here},
            graph=requirements_of(here),
            known=frozenset({*known, *((wheel.file, wheel.sha256) for wheel in wheels)}),
            stands_alone=stands_alone,
            announce=announce,
            timeout=timeout,
        )
        prepared = [prepare(subject, platform, asker, read, commits or {}) for subject in subjects]
        asked = [each.question for each in prepared if isinstance(each, Prepared)]
        questions = list(dict.fromkeys(asked))
        with ThreadPool(max(1, transfers)) as pool:
            asker.read_first(questions, pool)
        with ThreadPool(max(1, parallel)) as pool:
            answers = answer_all(asker, questions, pool, resolve=resolve)
    meant = wheels if expected is None else expected
    verdicts = [
        each
        if isinstance(each, Verdict)
        else at_index(
            judge(
                each.subject, each.question, answers[each.question], meant, allowances, each.notices
            ),
            each,
            read,
        )
        for each in prepared
    ]
    return [
        replace(
            verdict,
            place=subject.place,
            status=verdict.status if resolve or verdict.status == "failed" else "skipped",
        )
        for verdict, subject in zip(verdicts, subjects, strict=True)
    ]


def prepare(
    subject: Subject, platform: str, asker: Asker, read: Read, commits: Mapping[str, str]
) -> Prepared | Verdict:
    """Take a definition apart into what is asked of uv, or judge it where nothing has to be
    asked."""
    python, notices = python_of(subject)
    try:
        lines = flatten(subject.pip_lines, subject.path, read)
        section = take_apart(
            lines,
            subject.path,
            asker.wheels,
            lambda path: asker.lay_down(path, read(path)),
            commits,
            markers=marker_environment(python, platform),
            served=asker.indexes.may_serve,
        )
    except Fault as fault:
        problem = Problem(
            code="unresolvable",
            severity="error",
            exit_code=DefinitionUnresolvable.exit_code,
            message=fault.message,
            cure="Mend this line: pip would refuse it too.",
            file=fault.file or subject.path,
            line=fault.line
            or line_with(subject, fault.text, read)
            or line_of(subject, fault.message),
        )
        return Verdict(subject.path, "failed", python, platform, (), (problem, *notices))
    order = index_order(section.options, asker.indexes.public)
    reasons = [
        *subject.unknown,
        *section.unknown,
        *(
            f"It looks for packages in the folder {link}, which is the image's."
            for link in order.find_links
            if link not in asker.indexes.public.find_links
            and not link.startswith(("http://", "https://"))
        ),
    ]
    if reasons:
        warnings = tuple(unproven(subject, reason) for reason in reasons)
        return Verdict(subject.path, "unproven", python, platform, (), (*warnings, *notices))
    credentials: list[IndexCredential] = []
    urls: list[str | None] = []
    for url in order.index_urls:
        bare, credential = split_credential(url) if url else (None, None)
        urls.append(bare)
        # a variable's name is no credential: that of the settings is used then
        if url and credential and "${" not in url:
            credentials.append(credential)
    question = Question(
        requirements=tuple(section.requirements),
        constraints=tuple(section.constraints),
        from_source=tuple(section.from_source.items()),
        hashes=tuple((name, frozenset(sums)) for name, sums in section.hashes.items()),
        names=frozenset(section.names),
        index_urls=tuple(urls),
        find_links=order.find_links,
        trusted_hosts=order.trusted_hosts,
        credentials=tuple(credentials),
        prerelease=section.prerelease,
        require_hashes=section.require_hashes,
        python=python,
        platform=platform,
        options=tuple(
            option
            for line in section.options
            for option in options_of(line)
            if option[0] in OF_FILES
        ),
        connected=subject.connected,
    )
    return Prepared(subject, question, notices)


def at_index(verdict: Verdict, prepared: Prepared, read: Read) -> Verdict:
    """Say where the index stands that no connection covers."""

    def line(problem: Problem) -> int | None:
        named = (url for url in prepared.question.index_urls if url and url in problem.message)
        bare = next(named, "").partition("://")[2]  # the file may have a user in it
        return line_with(prepared.subject, bare, read) or problem.line

    return replace(
        verdict,
        problems=tuple(
            replace(problem, line=line(problem)) if problem.code == "index-not-covered" else problem
            for problem in verdict.problems
        ),
    )


def line_with(subject: Subject, text: str, read: Read) -> int | None:
    """Return the first line of a definition's section that has a text; None where none has it as it
    is, e.g. because it is continued or quoted."""
    lines = (read(subject.path) or b"").decode("utf-8", "replace").splitlines()
    found = (at for at, line in enumerate(lines, start=1) if at >= subject.line and text in line)
    return next(found, None) if text else None


def python_of(subject: Subject) -> tuple[str, tuple[Problem, ...]]:
    """Return the Python to resolve for, and what a reader should know about it."""
    # the tags of every release series below are listed: of 3.99999 that would take for ever
    if subject.python and re.fullmatch(r"\d{1,2}\.\d{1,3}(\.\d{1,3})?", subject.python):
        return subject.python, ()
    assumed = f"{sys.version_info[0]}.{sys.version_info[1]}"
    said = (
        f"says only Python {subject.python}"
        if subject.python
        else "does not say exactly which Python"
    )
    notice = Problem(
        code="python-assumed",
        severity="notice",
        exit_code=0,
        message=f"{subject.path} {said}; Python {assumed}, which runs here, stands for it.",
        cure=f"Name the version in the definition, e.g. `python={assumed}`."
        if subject.conda
        else "Nothing, if the image has that Python; this file cannot name one.",
        file=subject.path,
        line=subject.line,
    )
    return assumed, (notice,)

"""Would these definitions build? Each is resolved by uv as the image build's pip would do it, with
the new wheels laid over the index as if they were published already."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

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
from wheelstep.ground.public_index import (
    IndexCredential,
    PipIndexes,
    public_indexes,
    split_credential,
    uv_environment,
)
from wheelstep.ground.uv import check_platform, working_folder
from wheelstep.model import Problem, Wheel
from wheelstep.rehearsal.candidates import index_order
from wheelstep.rehearsal.chosen import platform_tags
from wheelstep.rehearsal.interface import Resolved, Subject, Verdict
from wheelstep.rehearsal.overlay import lay_over
from wheelstep.rehearsal.question import Answer, Asker, Question
from wheelstep.rehearsal.section import Fault, flatten, take_apart

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
    public: PipIndexes | None = None,
    parallel: int = 4,
    timeout: float | None = 600.0,
) -> list[Verdict]:
    """Resolve each definition for its Python and the platform, without building anything.

    Args:
        subjects: The definitions that would change, as they would be committed.
        wheels: The new ones, each with `path`; of the released names and versions they win over
            every index.
        expected: What the released names have to resolve to, by SHA-256; `wheels` when None.
        platform: What the image is, e.g. "x86_64-manylinux_2_28".
        environment: This process's.
        read: Reads a file of the snapshot, for `-r`, `-c` and wheels kept in the repository.
        released: Normalised names of all packages that the repository releases, unchanged ones
            included: their index pages are read anew, past uv's cache.
        credentials: Who may read which index; sent only below its prefix.
        instead: Index URLs that cannot be read from here, and what is read in their place (the
            folder behind a `serve-url`).
        local_indexes: Indexes that no definition can name, searched for every one (a folder of
            this machine).
        public: What stands for the public index; what pip is configured with when None.
        parallel: How many resolutions at once.
        timeout: Seconds for each.

    Returns:
        One verdict per subject, in order; `errors_of` says which end the run.

    Raises:
        SettingError: A platform that does not exist; a broken configuration of pip.
        CannotHere: uv is missing, disk full.
    """
    if not subjects:
        return []
    public = public if public is not None else public_indexes(environment)
    base = uv_environment(environment, public)
    check_platform(platform, base)
    with working_folder("rehearsing") as folder:
        asker = Asker(
            environment=base,
            folder=folder,
            first=(lay_over(wheels, folder / "new"), *local_indexes),
            fresh=frozenset({*released, *(wheel.name for wheel in wheels)}),
            credentials=(*credentials, *public.credentials),
            instead={url.rstrip("/"): place for url, place in (instead or {}).items()},
            wheels={wheel.file: wheel for wheel in wheels if wheel.path is not None},
            public=public,
            timeout=timeout,
        )
        prepared = [prepare(subject, platform, asker, read) for subject in subjects]
        asked = [each.question for each in prepared if isinstance(each, Prepared)]
        questions = list(dict.fromkeys(asked))
        with ThreadPoolExecutor(max(1, parallel)) as pool:
            asker.check_indexes(questions, pool)
            answers = dict(zip(questions, pool.map(asker.answer, questions), strict=True))
    meant = wheels if expected is None else expected
    verdicts = [
        each if isinstance(each, Verdict) else judge(each, answers[each.question], meant)
        for each in prepared
    ]
    return [
        replace(verdict, place=subject.place)
        for verdict, subject in zip(verdicts, subjects, strict=True)
    ]


def prepare(subject: Subject, platform: str, asker: Asker, read: Read) -> Prepared | Verdict:
    """Take a definition apart into what is asked of uv, or judge it where nothing has to be
    asked."""
    python, notices = python_of(subject)
    try:
        lines = flatten(subject.pip_lines, subject.path, read)
        section = take_apart(
            lines, subject.path, asker.wheels, lambda path: asker.lay_down(path, read(path))
        )
    except Fault as fault:
        problem = Problem(
            code="unresolvable",
            severity="error",
            exit_code=DefinitionUnresolvable.exit_code,
            message=fault.message,
            cure="Mend this line: pip would refuse it too.",
            file=fault.file or subject.path,
            line=fault.line or line_of(subject, fault.message),
        )
        return Verdict(subject.path, "failed", python, platform, (), (problem, *notices))
    order = index_order(section.options, asker.public)
    reasons = [
        *section.unknown,
        *(
            f"It looks for packages in the folder {link}, which is the image's."
            for link in order.find_links
            if link not in asker.public.find_links and not link.startswith(("http://", "https://"))
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
    )
    return Prepared(subject, question, notices)


def python_of(subject: Subject) -> tuple[str, tuple[Problem, ...]]:
    """Return the Python to resolve for, and what a reader should know about it."""
    if subject.python and re.fullmatch(r"\d+\.\d+(\.\d+)?", subject.python):
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
        message=f"{subject.path} {said}; it was resolved for Python {assumed}, which runs here.",
        cure=f"Name the version in the definition, e.g. `python={assumed}`.",
        file=subject.path,
        line=subject.line,
    )
    return assumed, (notice,)


def unproven(subject: Subject, reason: str) -> Problem:
    """Return the warning that goes with an unproven definition."""
    return Problem(
        code="unproven",
        severity="warning",
        exit_code=0,
        message=f"{subject.path} is unproven: {reason}",
        cure="The image build will show; nothing here says that it fails.",
        file=subject.path,
        line=line_of(subject, reason),
    )


def line_of(subject: Subject, text: str) -> int:
    """Return the line of the first requirement that a text speaks of, else the section's."""
    best: tuple[int, int] | None = None
    for name, line in subject.requirement_lines:
        # names in prose are written in any of the spellings that PEP 503 makes one
        pattern = re.escape(name).replace(r"\-", "[-_.]+")
        if (found := re.search(rf"(?<![\w.-]){pattern}(?![\w-])", text, re.IGNORECASE)) and (
            best is None or found.start() < best[0]
        ):
            best = (found.start(), line)
    return best[1] if best else subject.line


def judge(prepared: Prepared, answer: Answer, wheels: Sequence[Wheel]) -> Verdict:
    """Say what an answer means for one definition."""
    subject, question = prepared.subject, prepared.question
    python, platform = question.python, question.platform
    reasons = tuple(unproven(subject, reason) for reason in answer.unproven)
    if answer.error is not None:
        final = isinstance(answer.error, DefinitionUnresolvable)
        said = answer.error.message
        problem = replace(
            answer.error.problems()[0],
            message=f"{subject.path} does not resolve for Python {python} on {platform}. {said}"
            if final
            else said,
            file=subject.path,
            line=line_of(subject, said),
        )
        problems = (problem, *reasons, *prepared.notices)
        return Verdict(
            subject.path, "failed" if final else "unproven", python, platform, (), problems
        )
    misfitting = [
        Problem(
            code=misfit.code,
            severity="error" if misfit.final else "warning",
            exit_code=DefinitionUnresolvable.exit_code if misfit.final else 0,
            message=misfit.message,
            cure=misfit.cure,
            file=subject.path,
            line=line_of(subject, misfit.name),
        )
        for misfit in misfits(answer.resolved, wheels, question)
    ]
    local = tuple(of_this_machine(subject, answer.resolved, wheels, platform))
    failed = any(problem.severity == "error" for problem in misfitting)
    return Verdict(
        subject.path,
        "failed" if failed else "unproven" if reasons or local else "resolved",
        python,
        platform,
        answer.resolved,
        (*misfitting, *local, *reasons, *prepared.notices),
    )


def of_this_machine(
    subject: Subject, resolved: Iterable[Resolved], wheels: Iterable[Wheel], platform: str
) -> Iterator[Problem]:
    """Yield a warning for each new wheel that the image would take though it was linked against
    the libraries of the machine that built it: a plain `linux_*` tag promises nothing about glibc
    (PEP 513, PEP 600), yet private indexes take such wheels and pip installs them."""
    if not any(tag.startswith("manylinux") for tag in platform_tags(platform)):
        return
    native = {wheel.sha256: wheel for wheel in wheels if only_plain_linux(wheel.file)}
    for package in resolved:
        wheel = native.get(package.sha256 or "")
        if wheel is not None:
            yield Problem(
                code="wheel-for-this-machine",
                severity="warning",
                exit_code=0,
                message=f"{subject.path} is unproven: it resolves to {wheel.file}, which was built "
                "for Linux as the building machine has it. Whether the glibc and the libraries of "
                f"the image ({platform}) suffice for it is not known.",
                cure="Repair the wheel with auditwheel, or build it in a manylinux image with "
                "cibuildwheel, and hand it over with the option `prebuilt`.",
                file=subject.path,
                line=line_of(subject, wheel.name),
            )


def only_plain_linux(file: str) -> bool:
    """Tell whether a wheel's only platforms are `linux_x86_64` and its like."""
    try:
        _, _, _, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return False
    return all(tag.platform.startswith("linux_") for tag in tags)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A package that resolved to another file than was meant."""

    name: str
    code: str
    message: str
    cure: str
    final: bool = True
    """False where the definition does not name the package itself."""


def misfits(
    resolved: Sequence[Resolved], wheels: Sequence[Wheel], question: Question
) -> Iterator[Misfit]:
    """Yield what resolved to another file than to one of this release, or of the hashes given."""
    released: dict[str, dict[str, set[str]]] = {}
    for wheel in wheels:
        released.setdefault(wheel.name, {}).setdefault(wheel.version, set()).add(wheel.sha256)
    allowed = dict(question.hashes)
    for package in resolved:
        name, version = package.name, package.version
        where = f" from {package.index}" if package.index else ""
        versions = released.get(name, {})
        if versions and version not in versions:
            wanted = " or ".join(sorted(versions))
            yield Misfit(
                name,
                "other-version",
                f"{name} resolves to {version}{where}, not to {wanted}, which this release makes.",
                f"Pin {name}=={wanted}.",
                final=name in question.names,
            )
        elif versions and package.sha256 not in versions[version]:
            yield Misfit(
                name,
                "other-file",
                f"{name} {version} resolves to another file{where} than the one this release "
                "makes.",
                "Raise the version, or let the private index be the only one.",
            )
        if package.sha256 and package.sha256 not in allowed.get(name, {package.sha256}):
            yield Misfit(
                name,
                "hash-mismatch",
                f"{name} {version} resolves to a file with SHA-256 {package.sha256}, which is "
                "none of those that the definition allows.",
                "Write the hash of the wheel that is released, or drop the hashes.",
            )
        if question.require_hashes and name not in allowed:
            yield Misfit(
                name,
                "hash-missing",
                f"pip will refuse {name} {version}: other requirements have hashes, and it has "
                "none.",
                "Give every package its hash, those that others need included, or none.",
            )

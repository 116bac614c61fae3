"""What an answer means for one definition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.errors import DefinitionUnresolvable, Refused
from wheelstep.ground.allowances import Allowances
from wheelstep.model import Problem, Wheel
from wheelstep.rehearsal.chosen import platform_tags
from wheelstep.rehearsal.credentials_in_effect import ASSUMPTION
from wheelstep.rehearsal.interface import Resolved, Subject, Verdict
from wheelstep.rehearsal.question import Answer, Question

__all__ = ["judge", "line_of", "unproven"]

CONFUSION = "dependency-confusion"
OUTRANKED = "public-could-win"


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


def judge(  # noqa: PLR0917 - all that decides it
    subject: Subject,
    question: Question,
    answer: Answer,
    wheels: Sequence[Wheel],
    allowances: Allowances,
    notices: Sequence[Problem],
) -> Verdict:
    """Say what an answer means for one definition.

    Args:
        subject: The definition.
        question: What was asked about it.
        answer: What came of it.
        wheels: The new ones.
        allowances: What the user has decided to live with.
        notices: What is known already.
    """
    python, platform = question.python, question.platform
    reasons = tuple(unproven(subject, reason) for reason in answer.unproven)
    for code in (CONFUSION, OUTRANKED):
        allowances.looked(code, answer.looked)
    confused = tuple(confusions(subject, answer, allowances))
    notices = (*notices, *assumptions(question, answer))
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
        problems = (*confused, problem, *reasons, *notices)
        final = final or any(each.severity == "error" for each in confused)
        return Verdict(
            subject.path, "failed" if final else "unproven", python, platform, (), problems
        )
    # the same, said worse
    grave = {
        one.name
        for one, problem in zip(answer.confused, confused, strict=True)
        if problem.severity == "error" and origin_of(one.name, answer) == one.public
    }
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
        if misfit.name not in grave
    ]
    local = tuple(of_this_machine(subject, answer.resolved, wheels, platform))
    failed = any(problem.severity == "error" for problem in (*confused, *misfitting))
    return Verdict(
        subject.path,
        "failed" if failed else "unproven" if reasons or local else "resolved",
        python,
        platform,
        answer.resolved,
        (*confused, *misfitting, *local, *reasons, *notices),
    )


def origin_of(name: str, answer: Answer) -> str | None:
    """Return the index that a package was taken from, None where that is not known."""
    return next((one.index for one in answer.resolved if one.name == name), None)


def confusions(subject: Subject, answer: Answer, allowances: Allowances) -> Iterator[Problem]:
    """Yield a problem for each private name that pip could take from a public index."""
    for one in answer.confused:
        taken = next(
            (each for each in answer.resolved if (each.name, each.index) == (one.name, one.public)),
            None,
        )
        code = OUTRANKED if one.outranked else CONFUSION
        said = f"The public index {one.public} has a package named {one.name} too, and "
        if one.outranked:
            said += (
                "whoever owns that one could make pip install it in place of yours in the image of "
                f"{subject.path}, with a file of the very version that is pinned."
            )
        else:
            said += (
                f"pip could install that one in place of yours in the image of {subject.path}: "
                "whoever owns it would decide what runs there."
            )
        now = f" As of now, pip would install {taken.version} from there." if taken else ""
        yield allowances.excused(
            Problem(
                code=code,
                severity="warning" if one.outranked else "error",
                exit_code=0 if one.outranked else Refused.exit_code,
                message=f"{said} {one.why}{now}",
                cure=f"{one.cure} If the public package is yours as well, say so with `allow`: "
                f"the code {code}, the name and a reason.",
                file=subject.path,
                line=line_of(subject, one.name),
            ),
            one.name,
        )


def assumptions(question: Question, answer: Answer) -> Iterator[Problem]:
    """Yield what a reader should know about the credentials, the same for every definition."""
    if answer.matched:
        yield Problem("connection-matching-assumed", "notice", 0, ASSUMPTION)
    if question.connected and "settings" in answer.sources:
        yield Problem(
            "connection-unknown",
            "notice",
            0,
            "Indexes were read with the credentials for publishing. What Azure ML will "
            "authenticate with is not known here, so that it is unproven whether an image build "
            "may read those that ask for credentials.",
            "Set `connection-target` and `connection-token` to those of the workspace's "
            "connection.",
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

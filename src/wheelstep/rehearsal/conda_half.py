"""The conda half of a rehearsal: looked at always, solved where the option `rehearse` says so."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wheelstep.errors import CannotHere, DefinitionUnresolvable, ServiceUnavailable, StepError
from wheelstep.ground.process import Finished, child_environment, run
from wheelstep.ground.threads import ThreadPool
from wheelstep.ground.uv import working_folder
from wheelstep.model import Problem
from wheelstep.rehearsal.conda_part import fault_of, line_of_package, part_problems
from wheelstep.rehearsal.conda_solve import (
    Program,
    Target,
    command_of,
    failure_of,
    find_program,
    holds_credential,
    holds_variable,
    overrides,
    python_in,
    solution_of,
    target_of,
)
from wheelstep.rehearsal.interface import CondaHalf, Resolved, Subject, Verdict

__all__ = ["Solved", "rehearse_halves", "solve_halves"]


@dataclass(frozen=True, slots=True)
class Solved:
    """What came of solving a conda half."""

    packages: tuple[Resolved, ...] = ()
    error: StepError | None = None
    unsolved: str | None = None
    """Why it was not tried, as the end of a sentence."""


def rehearse_halves(
    subjects: Sequence[Subject],
    resolve: Callable[[Sequence[Subject]], list[Verdict]],
    solved: Mapping[CondaHalf, Solved] | None = None,
) -> list[Verdict]:
    """Rehearse definitions, both halves of each: the pip half for the Python that conda chose.

    Args:
        subjects: The definitions.
        resolve: Resolves their pip halves: one verdict for each, in order.
        solved: From `solve_halves`; None where the conda half is only looked at.

    Returns:
        One verdict for each, in order.
    """
    answers = [solved.get(one.conda) if solved and one.conda else None for one in subjects]
    asked = [
        replace(subject, python=python)
        if answer and (python := python_in(answer.packages))
        else subject
        for subject, answer in zip(subjects, answers, strict=True)
    ]
    return [
        joined(subject, verdict, answer)
        for subject, verdict, answer in zip(subjects, resolve(asked), answers, strict=True)
    ]


def joined(subject: Subject, verdict: Verdict, answer: Solved | None) -> Verdict:
    """Add what is known of the conda half to the verdict on the pip half."""
    half = subject.conda
    if half is None:
        return verdict
    problems = list(part_problems(subject))
    if half.packages and (answer is None or answer.unsolved):
        problems.append(not_solved(subject, half, answer.unsolved if answer else None))
    packages = answer.packages if answer else ()
    if (python := python_in(packages)) and subject.python is None:
        problems.append(
            Problem(
                "python-open",
                "notice",
                0,
                f"{subject.path} does not say exactly which Python: conda chose {python} now, and "
                "may choose another for a later build.",
                f"Name the version in the definition: `python={'.'.join(python.split('.')[:2])}`.",
                subject.path,
                line_of_package(half, "python") or subject.line,
            )
        )
    status = verdict.status
    if answer and answer.error:
        error = answer.error
        line = line_of_package(half, error.message)
        problems += [
            replace(one, file=subject.path, line=line or subject.line) for one in error.problems()
        ]
        status = "unproven" if status == "resolved" else status
    if any(
        one.severity == "error" and one.exit_code == DefinitionUnresolvable.exit_code
        for one in problems
    ):
        status = "failed"
    return replace(
        verdict,
        status=status,
        resolved=(*verdict.resolved, *packages),
        problems=(*verdict.problems, *problems),
    )


def not_solved(subject: Subject, half: CondaHalf, why: str | None) -> Problem:
    """Say that the conda half is not proved; the verdict is on the pip half alone."""
    count = len(half.packages)
    said = f"{count} conda packages were" if count > 1 else "conda package was"
    return Problem(
        "conda-not-solved",
        "notice",
        0,
        f"{subject.path} is looked into as far as its pip section goes: its {said} not solved"
        f"{f', since {why}' if why else ''}.",
        "" if why else "Set the option `rehearse` to conda where micromamba or conda is installed.",
        subject.path,
        half.packages[0][1],
    )


def solve_halves(
    subjects: Sequence[Subject],
    *,
    platform: str,
    environment: Mapping[str, str],
    parallel: int = 4,
    timeout: float = 600.0,
) -> dict[CondaHalf, Solved]:
    """Let conda or micromamba solve every conda half, without installing anything.

    Args:
        subjects: The definitions; halves that are the same are solved once.
        platform: What the image is, as the option `platform` has it.
        environment: This process's: PATH, CONDA_EXE and MAMBA_EXE say where the program is.
        parallel: How many at once.
        timeout: Seconds for each.

    Raises:
        CannotHere: None of the programs is on this machine; disk full.
    """
    halves = list(dict.fromkeys(one.conda for one in subjects if one.conda and one.conda.packages))
    if not halves:
        return {}
    program = find_program(environment)
    if program is None:
        raise CannotHere(
            "`rehearse` is conda, and there is neither micromamba nor conda nor mamba on this "
            "machine.",
            code="conda-missing",
            cure="Install micromamba and put it on PATH (on GitHub the action "
            "mamba-org/setup-micromamba does), or set `rehearse` to on.",
        )
    with working_folder("solving conda packages") as folder, ThreadPool(parallel) as pool:
        solver = Solver(program, target_of(platform), environment, folder, timeout)
        return dict(zip(halves, pool.map(solver.solve, halves), strict=True))


def unsolved(half: CondaHalf) -> str | None:
    """Return why a half is handed to no program, as the end of a sentence; None where it may be."""
    if any(fault_of(text) for text, _ in half.packages):
        return "conda cannot read all of them"
    if holds_credential(half):
        return "a channel holds a credential, which is handed to no program"
    if holds_variable(half):
        return "a channel has a variable in it, which is not filled in here"
    return None


@dataclass(frozen=True, slots=True)
class Solver:
    """What all solves share."""

    program: Program
    target: Target | None
    environment: Mapping[str, str]
    folder: Path
    timeout: float

    def solve(self, half: CondaHalf) -> Solved:
        """Solve one half; never raises what a user can mend, but answers with it."""
        why_not = unsolved(half)
        if self.target is None or why_not is not None:
            return Solved(unsolved=why_not or "conda has no name for this platform")
        try:
            finished = self.run(half, self.target)
        except StepError as error:
            return Solved(error=error)
        packages = solution_of(finished)
        if packages is None:
            return Solved(error=failure_of(finished, self.program))
        return Solved(packages)

    def run(self, half: CondaHalf, target: Target) -> Finished:
        """Call the program once.

        Raises:
            CannotHere: It does not start.
            ServiceUnavailable: It took too long.
        """
        try:
            return run(
                command_of(self.program, half, target),
                environment=child_environment(
                    self.environment, overrides(target, self.environment)
                ),
                cwd=self.folder,
                timeout=self.timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceUnavailable(
                f"{self.program.name} was not done after {self.timeout:.0f} s.",
                code="conda-timeout",
                cure="Run it again; if it stays so, a channel answers too slowly, or the "
                "requirements leave too much open.",
            ) from error

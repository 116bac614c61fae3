"""Checks made in one line each: what stands well, what is a fault, what cannot be known."""

from __future__ import annotations

from dataclasses import dataclass

from wheelstep.errors import SeveralProblems, StepError, StoppedBySignal
from wheelstep.model import Check, Problem

__all__ = ["Group", "problem_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """Makes the checks of one part of the table."""

    name: str
    """As `Check.group` has it."""

    def ok(self, subject: str, message: str) -> Check:
        """Return that something stands as it should."""
        return Check(subject, "ok", message, group=self.name)

    def unknown(self, subject: str, message: str, breaks: str = "", cure: str = "") -> Check:
        """Return that something cannot be known.

        Args:
            subject: What was looked at.
            message: Why it cannot be known.
            breaks: What fails if it is not as it should be.
            cure: How to find out, or to mend it.
        """
        return Check(subject, "unknown", message, breaks, cure, group=self.name)

    def fault(
        self,
        subject: str,
        message: str,
        *,
        code: str,
        breaks: str,
        cure: str,
        exit_code: int = 0,
        file: str | None = None,
        line: int | None = None,
    ) -> Check:
        """Return a fault; see `Check`."""
        return Check(
            subject,
            "fault",
            message,
            breaks,
            cure,
            code=code,
            exit_code=exit_code,
            file=file,
            line=line,
            group=self.name,
        )

    def refused(self, subject: str, error: StepError, breaks: str) -> list[Check]:
        """Return what would end a release, as the faults they are.

        Args:
            subject: What was looked at.
            error: What a release would end with.
            breaks: What fails because of it, and when.

        Raises:
            StoppedBySignal: The error is that.
        """
        _raise_if_stopped(error)
        found = error.errors if isinstance(error, SeveralProblems) else [error]
        return [self.of_problem(subject, one, breaks) for each in found for one in each.problems()]

    def of_problem(self, subject: str, problem: Problem, breaks: str) -> Check:
        """Return a problem as a fault."""
        return self.fault(
            subject,
            problem.message,
            code=problem.code,
            breaks=breaks,
            cure=problem.cure,
            exit_code=problem.exit_code,
            file=problem.file,
            line=problem.line,
        )

    def unanswered(self, subject: str, error: StepError, breaks: str = "") -> Check:
        """Return that something could not be asked, and why.

        Raises:
            StoppedBySignal: The error is that.
        """
        _raise_if_stopped(error)
        return self.unknown(subject, error.message, breaks, error.cure)


def _raise_if_stopped(error: StepError) -> None:
    if isinstance(error, StoppedBySignal):
        raise error


def problem_of(check: Check) -> Problem:
    """Return a fault as the report's problems have it."""
    return Problem(
        check.code,
        "error" if check.exit_code else "warning",
        check.exit_code,
        f"{check.subject}: {check.message}" + (f" {check.breaks}" if check.breaks else ""),
        check.cure,
        check.file,
        check.line,
    )

"""Every error that can end a run, each with its exit code, in one file.

Exit codes are a contract (docs/exit-codes.md). An error carries the same parts wherever it is
shown: what happened and why (`message`), where (`file`, `line`), what to do (`cure`), and a stable
`code` for programs. Rooms raise these; nobody raises a bare exception for what a user can mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

from wheelstep.model import Problem

__all__ = [
    "BuildFailed",
    "CannotHere",
    "DefinitionUnresolvable",
    "Refused",
    "RightMissing",
    "ServiceRefused",
    "ServiceUnavailable",
    "SettingError",
    "SeveralProblems",
    "StepError",
    "StoppedBySignal",
    "worst",
]


class StepError(Exception):
    """Base of every error that a user can do something about."""

    exit_code: ClassVar[int]

    def __init__(
        self,
        message: str,
        *,
        code: str,
        cure: str = "",
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        """Keep the parts.

        Args:
            message: What happened and why, in whole sentences, without any secret.
            code: Stable kebab-case name, e.g. "version-taken".
            cure: What to do.
            file: Path relative to the repository's root.
            line: Counted from 1.
        """
        super().__init__(message)
        self.message = message
        self.code = code
        self.cure = cure
        self.file = file
        self.line = line
        self.packages: tuple[str, ...] = ()
        """Normalised names of the packages that the error is about, where a stage knows them."""

    def problems(self) -> list[Problem]:
        """Return this error as the report has it."""
        return [
            Problem(
                code=self.code,
                severity="error",
                exit_code=self.exit_code,
                message=self.message,
                cure=self.cure,
                file=self.file,
                line=self.line,
            )
        ]


class SettingError(StepError):
    """2: a setting is wrong or missing."""

    exit_code = 2


class BuildFailed(StepError):
    """3: a package does not build, or a wheel is not valid or not acceptable to a destination."""

    exit_code = 3


class Refused(StepError):
    """4: going on would lose or endanger something."""

    exit_code = 4


class ServiceRefused(StepError):
    """5: a service said no: not authorised, not found, over a quota."""

    exit_code = 5


class RightMissing(ServiceRefused):
    """5: a service knows who is asking, and that identity lacks a right."""

    def __init__(self, message: str, *, right: str, identity: str, cure: str) -> None:
        """Keep the parts.

        Args:
            message: As for every error.
            right: As the service names it, e.g. "AddPackage"; "" where it does not.
            identity: Who lacks it, as people find it; "" where the service does not say.
            cure: What to do.
        """
        super().__init__(message, code="not-authorized", cure=cure)
        self.right = right
        self.identity = identity


class ServiceUnavailable(StepError):
    """6: a service did not answer in time, limits the rate, or a race was lost too often."""

    exit_code = 6


class DefinitionUnresolvable(StepError):
    """7: a definition, as far as everything it needs could be read, does not resolve."""

    exit_code = 7


class CannotHere(StepError):
    """8: this machine cannot: no git, no fitting Python, disk full, file not readable."""

    exit_code = 8

    @classmethod
    def from_os_error(cls, error: OSError, doing: str, *, file: str | None = None) -> Self:
        """Say what the machine could not do.

        Args:
            error: What the operating system said.
            doing: What was being done, e.g. "writing the wheel index".
            file: The repository's file concerned, if it is one.
        """
        # of a copy the second name is what is written, and that is where a disk is full
        path = error.filename2 if error.errno == 28 and error.filename2 else error.filename  # noqa: PLR2004
        where = f" ({path})" if path and not file else ""
        return cls(
            f"While {doing}: {error.strerror or error}{where}.",
            code="disk-full" if error.errno == 28 else "machine",  # noqa: PLR2004 - ENOSPC
            cure="Free some disk space, or choose another place."
            if error.errno == 28  # noqa: PLR2004
            else "Check that the file exists and that this user may read and write it.",
            file=file,
        )


class StoppedBySignal(StepError):
    """130 or 143: stopped by a signal; running it again ends where an undisturbed run ends."""

    def __init__(self, signal_number: int) -> None:
        """Keep which signal it was.

        Args:
            signal_number: 2 (SIGINT) or 15 (SIGTERM).
        """
        super().__init__(
            "Stopped by a signal.",
            code="stopped",
            cure="Run it again: it goes on where it stopped.",
        )
        self.exit_code = 128 + signal_number  # type: ignore[misc]


class SeveralProblems(StepError):
    """Several errors of one stage: 4 beats 5 beats 6 beats the rest."""

    def __init__(self, errors: Iterable[StepError]) -> None:
        """Keep the errors, in the order given.

        Args:
            errors: At least one; nested ones are taken apart.
        """
        self.errors: list[StepError] = []
        for error in errors:
            self.errors += error.errors if isinstance(error, SeveralProblems) else [error]
        first = worst(self.errors)
        super().__init__(
            "\n".join(error.message for error in self.errors), code=first.code, cure=first.cure
        )
        self.exit_code = first.exit_code  # type: ignore[misc]
        self.packages = tuple(sorted({name for error in self.errors for name in error.packages}))

    def problems(self) -> list[Problem]:  # noqa: D102 - as the base says
        return [problem for error in self.errors for problem in error.problems()]


def worst(errors: Sequence[StepError]) -> StepError:
    """Return the error that decides the exit code: 4 beats 5 beats 6 beats the rest.

    Args:
        errors: At least one.
    """
    order = {4: 0, 5: 1, 6: 2}
    return min(errors, key=lambda error: order.get(error.exit_code, 3))


def raise_all(errors: Sequence[StepError]) -> None:
    """Raise nothing, the one error, or all of them as `SeveralProblems`.

    Raises:
        StepError: When there is at least one.
    """
    match errors:
        case []:
            return
        case [error]:
            raise error
        case _:
            raise SeveralProblems(errors)

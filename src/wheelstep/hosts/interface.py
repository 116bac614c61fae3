"""What a host can do: fold, annotate, mask, hand outputs on, show a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from wheelstep.ground.secret import Secret
from wheelstep.model import Problem

__all__ = ["BEFORE_MERGE", "MARKS", "Advance", "Host", "Mark", "Trigger"]

Advance = Callable[[str], None]
Mark = Literal["ok", "fault", "unknown"]
BEFORE_MERGE: Final = ("refs/pull/", "refs/heads/gh-readonly-queue/")
"""How the refs begin that ask whether a change may come in: of pull requests, on either host, and
of GitHub's merge queue, which pushes branches of its own (its docs, "Managing a merge queue"): that
is a push to whoever does not leave them out."""
MARKS: Final[Mapping[Mark, str]] = {"ok": "✓", "fault": "✗", "unknown": "?"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """What started the run."""

    branch: str | None
    """Short name of the branch that triggered the run; None on a tag, a pull request, and on a
    terminal."""
    tag: str | None = None
    pull_request: bool = False
    """True on a pull request: the step only plans."""
    pushed: bool = False
    """True when a push to the branch started the run: not somebody by hand, nor a schedule."""
    repository: str | None = None
    """The URL of the repository that branch or tag is of, where that need not be the one that is
    checked out."""


class Host(Protocol):
    """The terminal, GitHub Actions or Azure Pipelines.

    All text for people goes to standard error when the command prints its report on standard
    output (`--json`), on GitHub and Azure Pipelines always to the stream whose commands the host
    reads. Every method redacts known secrets, in every encoding, before it writes.
    """

    name: str
    """"terminal", "github" or "azure"."""
    is_ci: bool

    def mask(self, value: str) -> None:
        """Tell the host to blank this value; called before anything else happens."""

    def group(self, title: str) -> AbstractContextManager[None]:
        """Fold what is said inside; groups do not nest."""

    def say(self, text: str) -> None:
        """Show text of ours: one or more lines."""

    def relay(self, text: str) -> None:
        """Show text of others (a build back end's, a server's): defused, so that no line of it
        can be a command to the host."""

    def marked(self, rows: Sequence[tuple[Mark | None, str]]) -> None:
        """Show lines, each with a mark (in color where there is color) or none: defused like what
        is relayed."""

    def progress(self, title: str, total: int) -> AbstractContextManager[Advance]:
        """Show how far `total` things of one kind have come: a bar on a terminal, lines elsewhere.

        What is given is called with one line of text for each thing that is done, from any thread.
        """

    def annotate(self, problem: Problem) -> None:
        """Show a problem where the host shows them, with file and line, fully escaped."""

    def output(self, name: str, value: str) -> None:
        """Hand a value to later steps; names are kebab-case, values have no secret."""

    def summary(self, markdown: str) -> None:
        """Append to the run's summary page; nothing on a terminal."""

    def document(self, text: str) -> None:
        """Write one JSON document (the report of `--json`) to standard output; no line of it can be
        a command to the host."""

    def trigger(self) -> Trigger:
        """Return what started the run."""

    def job_token(self) -> Secret | None:
        """Return the job's own token, if the host hands one over."""

    def input(self, option: str) -> str | None:
        """Return the step's input for an option by its kebab-case name; None where it is unset or
        empty. This is the only reader of inputs."""

    def seen(self, option: str, where: str, value: str) -> str | None:
        """Return what this run sees of a value: a host may hand on the name of a variable that the
        run does not have.

        Args:
            option: The kebab-case name of the option that it is for.
            where: What gives it, at the start of a sentence.
            value: What it gives.

        Returns:
            The value; None where it is empty, and where this kind of run is not to see it.

        Raises:
            SettingError: The run was to see it, and does not.
        """


Environment = Mapping[str, str]

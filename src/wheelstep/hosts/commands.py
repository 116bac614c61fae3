"""What GitHub Actions and Azure Pipelines have in common: commands inside the log.

Their differences are data (`Dialect`); what is done with it is written once (`CommandHost`).
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

from wheelstep.errors import CannotHere
from wheelstep.ground.secret import on_new_secret, redact
from wheelstep.ground.text import writable
from wheelstep.hosts.interface import MARKS, Advance, Mark
from wheelstep.hosts.writer import Writer
from wheelstep.model import Problem, Severity
from wheelstep.options import OUTPUTS

__all__ = ["CommandHost", "Dialect", "Escapes", "append", "escaped", "lines_of", "plain"]

Escapes = tuple[tuple[str, str], ...]
"""What is replaced by what, in this order."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The commands of one host, as data."""

    fold: str
    """Starts a group; `{0}` is its title."""
    unfold: str
    mask: str
    """Registers a secret; `{0}` is one line of it."""
    problem: Mapping[Severity, str]
    """An annotation; `{0}` are its properties, `{1}` is its message. A severity that is not here is
    shown as text."""
    properties: Mapping[str, str]
    """Part of a problem -> name of the property."""
    opening: str
    """Before the first property, if there is one."""
    separator: str
    data: Escapes
    """For the message of a command."""
    values: Escapes
    """For the value of a property: more than for data."""
    looks_like_command: re.Pattern[str]
    """Where a line of text would be taken for a command; a space is put after the first sign."""
    most: int | None
    """The host shows no more annotations of one severity from one step."""


def escaped(text: str, escapes: Escapes) -> str:
    """Return the text so that a command can carry it."""
    for sign, code in escapes:
        text = text.replace(sign, code)
    return text


def lines_of(text: str) -> list[str]:
    """Return the lines as the hosts see them: also a lone carriage return ends one."""
    return re.split("\r\n|\n|\r", text)


def plain(problem: Problem) -> str:
    """Return a problem as text: severity, place, what happened, its code, what to do."""
    where = f"{problem.file}:{problem.line}" if problem.line else problem.file
    place = f" {where}:" if where else ""
    cure = "".join(f"\n  {line}" for line in lines_of(problem.cure)) if problem.cure else ""
    return f"{problem.severity}:{place} {problem.message} [{problem.code}]{cure}"


def append(path: Path, text: str, doing: str) -> None:
    """Append text to one of the host's files, in UTF-8, line ends as they are.

    Raises:
        CannotHere: The file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(writable(text))
    except OSError as error:
        raise CannotHere.from_os_error(error, doing) from error


class CommandHost(ABC):
    """A CI host that reads commands from the step's output. See `interface.Host`."""

    name: str
    is_ci = True
    dialect: Dialect

    def __init__(self, environment: Mapping[str, str], text: TextIO, document: TextIO) -> None:
        """Take what belongs to the process.

        Args:
            environment: This process's.
            text: Where text and commands go.
            document: Where a JSON document goes.
        """
        self.environment = environment
        self.writer = Writer(text)
        self.documents = Writer(document)
        self._annotated: Counter[Severity] = Counter()
        self._folded = threading.Lock()

    def listening(self) -> Self:
        """Mask every secret that was made or will be."""
        on_new_secret(self.mask)
        return self

    def mask(self, value: str) -> None:
        """Tell the host to blank this value, line by line: a command is one line."""
        if self.writer.is_file:
            return  # no host reads a file, and there the secret would stay
        for line in lines_of(value):
            if line.strip():
                self.writer.raw(self.dialect.mask.format(escaped(line, self.dialect.data)))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is said inside; a group inside a group is shown as its title."""
        title = " ".join(redact(title).split())
        if not self._folded.acquire(blocking=False):
            self.say(title)
            yield
            return
        try:
            # defusing may join a secret again, and escaping would hide it
            shown = escaped(redact(self.defused(title)), self.dialect.data)
            self.writer.line(self.dialect.fold.format(shown))
            yield
        finally:
            self.writer.line(self.dialect.unfold)
            self._folded.release()

    def say(self, text: str) -> None:
        """Show text of ours; the names in it come from others, so it is defused too."""
        self.writer.line("\n".join(self.defused(line) for line in lines_of(redact(text))))

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Advance]:  # noqa: ARG002 - the interface's
        """Show a line for each thing that is done."""
        yield self.say

    def relay(self, text: str) -> None:
        """Show text of others, defused."""
        self.say(text.rstrip("\r\n"))

    def marked(self, rows: Sequence[tuple[Mark | None, str]]) -> None:
        """Show lines with their marks, defused as a whole."""
        self.relay("\n".join(f"  {MARKS[mark]} {text}" if mark else text for mark, text in rows))

    def defused(self, line: str) -> str:
        """Return one line so that the host takes no part of it for a command."""
        return self.dialect.looks_like_command.sub(lambda found: found[0] + " ", line)

    def annotate(self, problem: Problem) -> None:
        """Show a problem as the host's annotation, or as text where the host has none left."""
        command = self.dialect.problem.get(problem.severity)
        with self.writer.lock:
            self._annotated[problem.severity] += 1
            number = self._annotated[problem.severity]
            if command is None or (self.dialect.most is not None and number > self.dialect.most):
                self.say(plain(problem))
                return
            message = f"{problem.message}\n{problem.cure}".rstrip()
            if number == self.dialect.most:
                message += (
                    f"\n\nThis is the last of the {number} {problem.severity} annotations that the "
                    "host shows for a step: any others are in the log and in the summary."
                )
            # blanked before it is escaped: escaping would hide a secret from redact()
            self.writer.line(
                command.format(
                    self._properties(problem), escaped(redact(message), self.dialect.data)
                )
            )

    def _properties(self, problem: Problem) -> str:
        given = {
            "file": problem.file,
            "line": str(problem.line) if problem.line and problem.file else None,
            "code": problem.code,
        }
        parts = [
            f"{self.dialect.properties[part]}={escaped(redact(value), self.dialect.values)}"
            for part, value in given.items()
            if value
        ]
        return self.dialect.opening + self.dialect.separator.join(parts)

    def seen(self, option: str, where: str, value: str) -> str | None:  # noqa: ARG002 - the interface's
        """Return the value: what a run does not have is empty."""
        return value or None

    def output(self, name: str, value: str) -> None:
        """Hand a value to later steps.

        Raises:
            KeyError: No such output is declared: a defect.
            CannotHere: The host's file cannot be written.
        """
        if name not in {row.name for row in OUTPUTS}:
            raise KeyError(f"no such output is declared: {name}")
        self._output(name, redact(value))

    @abstractmethod
    def _output(self, name: str, value: str) -> None:
        """Hand on a value that holds no secret any more."""

    def document(self, text: str) -> None:
        """Write one JSON document to standard output, so that no part of it is a command.

        The hosts look for `##[` and `##vso[` anywhere in a line. In JSON two number signs can only
        stand inside a string, where one of them may be written as an escape.
        """
        self.documents.line(redact(text).rstrip("\n").replace("##", "#\\u0023"))

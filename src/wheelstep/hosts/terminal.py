"""A terminal, or any other place where people read plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

from wheelstep.ground.secret import Secret, redact
from wheelstep.hosts.commands import lines_of, plain
from wheelstep.hosts.interface import MARKS, Advance, Mark, Trigger
from wheelstep.hosts.writer import Writer
from wheelstep.model import Problem

__all__ = ["Terminal"]

MARK_STYLES: Final = {"ok": "green", "fault": "bold red", "unknown": "yellow"}
STYLES: Final = {"error": "bold red", "warning": "yellow", "notice": "cyan"}

CONTROL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colors, cursor, screen
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC and other strings: titles, the clipboard
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]",
    re.MULTILINE,
)
"""Control functions (ECMA-48) with which text of others could rewrite what was shown before."""


def _plain(text: str) -> str:
    """Return a text that controls nothing and holds no secret, not even one that a control function
    stood in the middle of."""
    return redact(CONTROL.sub("", text))


class Terminal:
    """A terminal. See `interface.Host`."""

    name = "terminal"
    is_ci = False

    def __init__(self, environment: Mapping[str, str], text: TextIO, document: TextIO) -> None:
        """Take what belongs to the process.

        Args:
            environment: This process's.
            text: Where text goes.
            document: Where a JSON document goes.
        """
        self.writer = Writer(text)
        self.documents = Writer(document)
        # no-color.org: any value but an empty one switches colors off
        self.colored = (
            text.isatty()
            and not environment.get("NO_COLOR")
            and environment.get("TERM", "") != "dumb"
        )

    def mask(self, value: str) -> None:
        """Do nothing: on a terminal `redact` is what blanks secrets."""

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Show the title above what is said inside."""
        self._show(title, "bold")
        yield

    def say(self, text: str) -> None:
        """Show text of ours."""
        self.writer.raw(_plain(text))

    def relay(self, text: str) -> None:
        """Show text of others without what would control the terminal."""
        self.say("\n".join(lines_of(text.rstrip("\r\n"))))

    def annotate(self, problem: Problem) -> None:
        """Show a problem."""
        self._show(plain(problem), STYLES[problem.severity])

    def _show(self, text: str, style: str) -> None:
        text = _plain(text)
        if not self.colored:
            self.writer.raw(text)
            return
        from rich.console import Console

        with self.writer.lock:
            Console(file=self.writer.stream, highlight=False, emoji=False).print(
                self.writer.carried(text), style=style, markup=False, soft_wrap=True
            )

    def marked(self, rows: Sequence[tuple[Mark | None, str]]) -> None:
        """Show lines, their marks in color."""
        for mark, text in rows:
            line = _plain(text)
            if mark is None:
                self.writer.raw(line)
            elif not self.colored:
                self.writer.raw(f"  {MARKS[mark]} {line}")
            else:
                self._show_marked(mark, line)

    def _show_marked(self, mark: Mark, line: str) -> None:
        from rich.console import Console
        from rich.text import Text

        shown = Text.assemble("  ", (MARKS[mark], MARK_STYLES[mark]), f" {line}")
        with self.writer.lock:
            Console(file=self.writer.stream, highlight=False, emoji=False).print(
                shown, soft_wrap=True
            )

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Advance]:
        """Show a bar that goes away at the end; where there is no terminal, lines."""
        if not self.colored:
            yield self.say
            return
        from rich.console import Console
        from rich.progress import Progress

        console = Console(file=self.writer.stream, highlight=False, emoji=False)
        with Progress(console=console, transient=True) as bars:
            bar = bars.add_task(_plain(title), total=total)
            yield lambda _text: bars.advance(bar)

    def output(self, name: str, value: str) -> None:
        """Do nothing: there is no later step."""

    def summary(self, markdown: str) -> None:
        """Do nothing: there is no page."""

    def trigger(self) -> Trigger:
        """Return that nothing triggered the run but its user."""
        return Trigger(branch=None)

    def job_token(self) -> Secret | None:
        """Return None: there is no job."""
        return None

    def input(self, option: str) -> str | None:  # noqa: ARG002 - the interface's
        """Return None: there are no inputs."""
        return None

    def seen(self, option: str, where: str, value: str) -> str | None:  # noqa: ARG002 - the interface's
        """Return the value: a user sees all of the own variables."""
        return value or None

    def document(self, text: str) -> None:
        """Write one JSON document to standard output."""
        self.documents.line(text.rstrip("\n"))

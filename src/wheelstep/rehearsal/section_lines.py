"""The lines of a pip section in the order in which pip reads them, other files in their place.

Everything here is pure but for reading files of the repository through the function given.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from wheelstep.ground.secret import blanked
from wheelstep.rehearsal.candidates import options_of

__all__ = ["VARIABLE", "Fault", "Line", "Read", "flatten", "shown"]

Read = Callable[[str], bytes | None]
VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")


class Fault(Exception):
    """A line that pip would refuse."""

    def __init__(
        self, message: str, file: str | None = None, line: int | None = None, text: str = ""
    ) -> None:
        """Keep where it stands; None: somewhere in the definition's own pip section, which has
        `text` there."""
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.text = text


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line: continued lines joined, comments taken off."""

    text: str
    file: str | None = None
    """The requirements file of the repository that it stands in; None in the definition itself."""
    number: int | None = None
    constraint: bool = False


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of its first line, text) of each line that says something: backslash at the
    end joins lines, ` #` starts a comment (pip's reference, "Requirements File Format")."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        comment = re.match(r"\s*#", line)
        if line.endswith("\\") and not comment:
            joined += line.strip("\\")
            continue
        last = f" {line}" if comment else line
        if cleaned := re.sub(r"(^|\s+)#.*$", "", joined + last).strip():
            yield start, cleaned
        joined, start = "", 0
    if cleaned := joined.strip():
        yield start, cleaned


def flatten(pip_lines: Sequence[str], path: str, read: Read) -> list[Line]:
    """Return all lines in the order in which pip reads them, files named by `-r` and `-c` in their
    place.

    Args:
        pip_lines: The section.
        path: The definition's; its folder is where relative names start.
        read: Reads a file of the repository.

    Raises:
        Fault: A file that is missing, is not UTF-8 or names itself; a line that is not closed.
    """
    own = [Line(text) for _, text in logical_lines("\n".join(pip_lines))]
    return list(expanded(own, posixpath.dirname(path), read, ()))


def expanded(
    lines: Iterable[Line], folder: str, read: Read, above: tuple[str, ...]
) -> Iterator[Line]:
    """Yield lines, files in their place; `above` are the files that lead here."""
    for line in lines:
        try:
            options = options_of(line.text) if line.text.startswith("-") else []
        except ValueError as error:
            raise Fault(
                f"pip cannot read the line `{shown(line.text)}`: {error}.",
                line.file,
                line.number,
                line.text,
            ) from error
        named = [(name, value) for name, value in options if name in {"requirement", "constraint"}]
        if not named:
            yield line
        for name, value in named:
            if "://" in value or VARIABLE.search(value):
                yield replace(line, text=f"--{name}={value}")
                continue
            target = posixpath.normpath(posixpath.join(folder, value.replace("\\", "/")))
            if target in above:
                raise Fault(f"{target} names itself.", line.file, line.number, line.text)
            data = read(target)
            if data is None:
                raise Fault(
                    f"It names the file {value} ({target} in the repository), which is not there.",
                    line.file,
                    line.number,
                    line.text,
                )
            try:
                text = data.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise Fault(f"{target} is not UTF-8.", target, 1) from error
            inner = line.constraint or name == "constraint"
            below = [Line(part, target, at, inner) for at, part in logical_lines(text)]
            yield from expanded(below, posixpath.dirname(target), read, (*above, target))


def shown(text: str) -> str:
    """Return a line to be quoted: what may be a credential is blanked."""
    return blanked(text)

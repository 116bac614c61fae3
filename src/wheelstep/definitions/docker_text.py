"""A Dockerfile taken apart into instructions, with the way back to where each character stands.

Source: the Dockerfile reference (escape directive, continued lines, comments and empty lines
between them, here-documents) and BuildKit's parser, which the reference follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.pip_lines import LogicalLine

__all__ = ["Heredoc", "Instruction", "array", "expanded", "flags", "instructions"]

_DIRECTIVE: Final = re.compile(r"#\s*(?P<name>[A-Za-z][A-Za-z0-9]*)\s*=\s*(?P<value>\S.*?)\s*$")
_HEREDOC: Final = re.compile(
    r"(?<!\S)\d*<<(?P<tabs>-?)(?P<quote>['\"]?)(?P<name>[^\s<'\"]+)(?P=quote)(?!\S)"
)
_WITH_HEREDOCS: Final = frozenset({"RUN", "COPY", "ADD"})
_FLAG: Final = re.compile(r"\s*--(?P<name>[a-z-]+)(?:=(?P<value>\S*))?(?=\s|$)")
_VARIABLE: Final = re.compile(
    r"\\(?P<escaped>\$)|\$(?:(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?::?(?P<how>[-+])(?P<other>[^{}]*))?\})"
)
_JSON_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Heredoc:
    """The lines of a here-document, without the last one that ends it."""

    name: str
    body: LogicalLine
    """Line ends included; where each character stands in the Dockerfile."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, continued lines joined."""

    keyword: str
    """In upper case."""
    text: LogicalLine
    """All of it, the keyword included."""
    after: int
    """Index in `text.text` after the keyword and the space behind it."""
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def rest(self) -> str:
        """What follows the keyword."""
        return self.text.text[self.after :]


def instructions(text: str) -> list[Instruction]:
    """Return a Dockerfile's instructions, in order; what is none is passed over."""
    return list(_Reader(text).read())


class _Reader:
    """A Dockerfile while it is read, line by line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        self.at = 0
        self.position = 0
        escape = re.escape(_escape(self.lines))
        self.continued = re.compile(rf"(?:^|(?<=[^{escape}])){escape}[ \t]*$")

    def read(self) -> Iterator[Instruction]:
        while self.at < len(self.lines):
            logical = self._logical()
            said = re.match(r"(?P<keyword>[A-Za-z]+)\s*", logical.text)
            if said is None:
                continue
            keyword = said["keyword"].upper()
            openings = _heredocs(logical.text) if keyword in _WITH_HEREDOCS else ()
            heredocs = tuple(map(self._heredoc, openings))
            yield Instruction(keyword, logical, said.end(), heredocs)

    def _line(self) -> tuple[str, int]:
        """Return the next line without its end, and where it begins."""
        raw, start = self.lines[self.at], self.position
        self.at += 1
        self.position += len(raw)
        return raw.rstrip("\r\n"), start

    def _logical(self) -> LogicalLine:
        """Join the next line with those that continue it; comments and blank lines between them
        are left out."""
        joined, pieces, first = "", list[tuple[int, int]](), self.position
        while self.at < len(self.lines):
            line, start = self._line()
            if not line.strip() or line.lstrip().startswith("#"):
                if pieces:
                    continue
                break
            skipped = 0 if pieces else len(line) - len(line.lstrip())
            more = self.continued.search(line)
            pieces.append((len(joined), start + skipped))
            joined += line[skipped : more.start() if more else len(line)]
            if not more:
                break
        return LogicalLine(joined.rstrip(), tuple(pieces), first, self.position)

    def _heredoc(self, opening: re.Match[str]) -> Heredoc:
        begin = end = self.position
        while self.at < len(self.lines):
            line, end = self._line()
            if (line.lstrip("\t") if opening["tabs"] else line) == opening["name"]:
                break
            end = self.position
        body = LogicalLine(self.text[begin:end], ((0, begin),), begin, end)
        return Heredoc(opening["name"], body)


def _escape(lines: list[str]) -> str:
    """Return the character that continues a line; directives stand before all else."""
    for line in lines:
        directive = _DIRECTIVE.match(line.strip())
        if directive is None:
            break
        if directive["name"].lower() == "escape" and directive["value"] in {"\\", "`"}:
            return directive["value"]
    return "\\"


def _heredocs(text: str) -> Iterator[re.Match[str]]:
    for found in _HEREDOC.finditer(text):
        before = text[: found.start()]
        if before.count('"') % 2 == 0 and before.count("'") % 2 == 0:
            yield found


def flags(instruction: Instruction) -> tuple[list[tuple[str, str]], int]:
    """Return the flags of an instruction (`--mount=...`), and where in its text they end."""
    found: list[tuple[str, str]] = []
    at = instruction.after
    while flag := _FLAG.match(instruction.text.text, at):
        found.append((flag["name"], flag["value"] or ""))
        at = flag.end()
    return found, at


def array(text: str, start: int = 0) -> list[tuple[str, int, int]] | None:
    """Return (value, start, end) of each text of a JSON array, as the exec form has it; None where
    there is none: then it is the shell form."""
    begin = start + len(text[start:]) - len(text[start:].lstrip())
    try:
        parsed = json.loads(text[begin:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, list) or not all(isinstance(one, str) for one in parsed):
        return None
    places = [found.span() for found in _JSON_TEXT.finditer(text, begin)]
    return [(value, *place) for value, place in zip(parsed, places, strict=True)]


def expanded(text: str, variables: Mapping[str, str | None]) -> str | None:
    """Return a text with its variables replaced; None where one of them is not known here.

    Args:
        text: As an instruction has it.
        variables: By name; None for one that only the build knows.
    """
    unknown = False

    def value(found: re.Match[str]) -> str:
        nonlocal unknown
        if found["escaped"]:
            return "$"
        known = variables.get(found["plain"] or found["name"])
        if found["how"] == "-" and not known:
            return str(found["other"])
        if found["how"] == "+":
            return str(found["other"]) if known else ""
        unknown |= known is None
        return known or ""

    said = _VARIABLE.sub(value, text)
    return None if unknown or "$(" in said else said

"""Python as a tree whose text constants know where each of their characters stands.

Printing the tree anew would lose comments, quotes and line ends. So the characters of a literal
are replaced where they stand, and the result is parsed again. Sources: the lexical analysis of
Python's language reference (literals, escapes), PEP 263 (encodings), and ast's own account of
places: lines from 1, columns in bytes of UTF-8.
"""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wheelstep.definitions.source import Source, leave_out
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import DefinitionUnresolvable

__all__ = ["Literal", "NotPython", "Unit", "literal_of", "parse_python", "refuse_other_encoding"]

_COOKIE: Final = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
_UTF_8: Final = re.compile(r"(?i)utf[-_]?8(?:[-_]sig)?|ascii|us-ascii")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_OPENING: Final = re.compile(r"(?P<prefix>[rRuU]?)(?P<quote>'''|\"\"\"|'|\")")
_BETWEEN: Final = re.compile(r"(?:[ \t\f\r\n]|\\(?:\r\n|\r|\n)|#[^\r\n]*)*")
_CHARACTER: Final = re.compile(r"\\(?:\r\n|.)|\r\n|.", re.DOTALL)
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<end>\r\n|\r|\n)|(?P<octal>[0-7]{1,3})|x(?P<x>[0-9a-fA-F]{2})"
    r"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|N\{(?P<name>[^}]+)\}|(?P<one>.))"
    r"|\r\n|.",
    re.DOTALL,
)
_ONE: Final = dict(zip("\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v", strict=True))


class NotPython(ValueError):
    """This is no Python that the running one reads: another version's, or a fault."""

    def __init__(self, why: str, line: int | None) -> None:
        super().__init__(why)
        self.line = line
        """Of the unit, counted from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A text of Python that is parsed as a whole: a file, or one cell of a notebook."""

    text: str
    parsed: str
    """What the tree was made from: `text`, with as many characters, magic lines blanked out."""
    tree: ast.Module
    line_of: Callable[[int], int]
    """The line in the file, counted from 1, of a character of `text`."""
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        starts = [0, *(found.end() for found in _LINE_END.finditer(self.parsed))]
        object.__setattr__(self, "starts", starts)

    def at(self, line: int, column: int) -> int:
        """Return the index in `text` of a place as ast has it: column in bytes of UTF-8."""
        start = self.starts[line - 1]
        if not column:
            return start
        ahead = self.parsed[start : start + column]
        if ahead.isascii():
            return start + column
        return start + len(ahead.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node stands in `text`."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.at(node.lineno, node.col_offset), self.at(end_line, end_column)

    def line(self, node: ast.expr | ast.stmt) -> int:
        """Return the line in the file where a node begins."""
        return self.line_of(self.at(node.lineno, node.col_offset))

    def rewritten(self, edits: Sequence[tuple[Literal, str]]) -> str:
        """Return `text` with these literals' new values.

        Raises:
            EditNotProven: Parsing again shows anything but the wanted change.
        """
        splices = [literal.splice(new) for literal, new in edits]
        after = apply(self.parsed, splices)
        values = {(one.node.lineno, one.node.col_offset): new for one, new in edits}
        before = parse(self.parsed)
        for node in ast.walk(before):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = values.pop((node.lineno, node.col_offset), node.value)
        try:
            result = parse(after)
        except NotPython as error:
            raise EditNotProven(f"after the edit: {error}") from error
        if values or ast.dump(before) != ast.dump(result):
            raise EditNotProven("after the edit the script would say other things, too.")
        return apply(self.text, splices)


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A text constant whose value stands in one string literal."""

    unit: Unit
    node: ast.Constant
    text: str
    starts: Sequence[int]
    """Where each character of `text` begins in the unit's text."""
    ends: Sequence[int]
    empty: int
    """Where a first character of an empty text would stand."""
    raw: bool
    quote: str

    def line_of(self, index: int) -> int:
        """Return the line in the file of a character of `text`."""
        place = self.starts[min(index, len(self.starts) - 1)] if self.starts else self.empty
        return self.unit.line_of(place)

    def splice(self, new: str) -> tuple[int, int, str]:
        """Return what to replace in the unit's text, the fewest characters.

        Raises:
            EditNotProven: A raw literal cannot hold the new value.
        """
        old = self.text
        shorter = min(len(old), len(new))
        lead = next((at for at in range(shorter) if old[at] != new[at]), shorter)
        most = shorter - lead
        trail = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
        start = self.starts[lead] if lead < len(old) else self._end
        end = self.ends[len(old) - trail - 1] if lead < len(old) - trail else start
        return start, end, self._written(new[lead : len(new) - trail])

    @property
    def _end(self) -> int:
        return self.ends[-1] if self.ends else self.empty

    def _written(self, part: str) -> str:
        if not self.raw:
            escaped = part.replace("\\", "\\\\").replace(self.quote[0], "\\" + self.quote[0])
            return escaped.replace("\n", "\\n").replace("\r", "\\r")
        if self.quote[0] in part or "\\" in part or not part.isprintable():
            raise EditNotProven("a raw literal cannot hold the new text.")
        return part


def refuse_other_encoding(source: Source) -> None:
    """Leave alone what says that it is not UTF-8 (PEP 263: in the first two lines).

    Raises:
        DefinitionUnresolvable: It names another encoding.
    """
    for number, line in enumerate(_LINE_END.split(source.text, maxsplit=2)[:2], 1):
        found = _COOKIE.match(line)
        if found and not _UTF_8.fullmatch(found[1]):
            raise DefinitionUnresolvable(
                f"The script says that its encoding is {found[1]}; only UTF-8 is edited.",
                code="definition-not-utf8",
                cure=f"Save it as UTF-8, and remove the line that names the encoding. If it is no "
                f"definition, {leave_out(source.path)}.",
                file=source.path,
                line=number,
            )
        if not found and line.strip() and not line.lstrip().startswith("#"):
            return


def parse(text: str) -> ast.Module:
    """Parse without a word about escapes and the like, which are the script's own.

    Raises:
        NotPython: It cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise NotPython(error.msg, error.lineno) from None
    except (ValueError, RecursionError, MemoryError):  # a null character, or nested too deeply
        raise NotPython("it has a null character, or is nested too deeply", None) from None


def parse_python(text: str, line_of: Callable[[int], int], parsed: str | None = None) -> Unit:
    """Return a text of Python with its tree.

    Args:
        text: As it stands.
        line_of: The line in the file of a character of it.
        parsed: What is parsed in its place, of equal length.

    Raises:
        NotPython: It cannot be parsed.
    """
    return Unit(text, text if parsed is None else parsed, parse(parsed or text), line_of)


def literal_of(unit: Unit, node: ast.Constant) -> Literal | None:
    """Return a text constant with its places.

    Returns:
        None where its text stands in several literals side by side ("a" "b"), or in a way that
        is not understood.
    """
    if not isinstance(node.value, str):
        return None
    start, end = unit.span(node)
    opening = _OPENING.match(unit.text, start)
    if opening and "\\" not in node.value and "\n" not in node.value:
        first, last, quote = opening.end(), end - len(opening["quote"]), opening["quote"]
        if unit.text[first:last] == node.value and unit.text.startswith(quote, last):
            # written as it is, as most are: quickly told
            raw = opening["prefix"].lower() == "r"
            places = range(first, last), range(first + 1, last + 1)
            return Literal(unit, node, node.value, *places, first, raw, quote)
    parts = _parts(unit.text, start, end)
    if parts is None:
        return None
    telling = [part for part in parts if part.text.strip()] or parts[:1]
    if len(telling) != 1 or "".join(part.text for part in parts) != node.value:
        return None
    # the others hold nothing but space, which stays where it is
    starts = [start for part in parts for start, _ in part.spans]
    ends = [end for part in parts for _, end in part.spans]
    (only,) = telling
    return Literal(unit, node, node.value, starts, ends, only.start, only.raw, only.quote)


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    spans: tuple[tuple[int, int], ...]
    start: int
    raw: bool
    quote: str


def _parts(text: str, start: int, end: int) -> list[_Part] | None:
    parts = []
    while start < end:
        opening = _OPENING.match(text, start)
        if opening is None:
            return None
        quote, raw = opening["quote"], opening["prefix"].lower() == "r"
        at = opening.end()
        while not text.startswith(quote, at):
            found = _CHARACTER.match(text, at)
            if found is None or at >= end:
                return None
            at = found.end()
        body = _raw(text, opening.end(), at) if raw else _escaped(text, opening.end(), at)
        if body is None:
            return None
        parts.append(_Part(*_joined(body), opening.end(), raw, quote))
        between = _BETWEEN.match(text, at + len(quote))
        start = between.end() if between else end
    return parts


def _joined(body: Iterable[tuple[str, int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    characters = [one for one in body if one[0]]
    return "".join(one for one, _, _ in characters), tuple((a, b) for _, a, b in characters)


def _raw(text: str, start: int, end: int) -> list[tuple[str, int, int]]:
    found = re.compile(r"\r\n|.", re.DOTALL).finditer(text, start, end)
    return [(_plain(one[0]), one.start(), one.end()) for one in found]


def _plain(written: str) -> str:
    # every line end is a line feed to Python
    return "\n" if written in {"\r\n", "\r"} else written


def _escaped(text: str, start: int, end: int) -> list[tuple[str, int, int]] | None:
    body = []
    for found in _ESCAPE.finditer(text, start, end):
        value = _unescaped(found)
        if value is None:
            return None
        if len(value) > 1:  # an escape that Python does not know stays as it is
            body.append((value[0], found.start(), found.start() + 1))
            body.append((_plain(value[1:]), found.start() + 1, found.end()))
        else:
            body.append((value, found.start(), found.end()))
    return body


def _unescaped(found: re.Match[str]) -> str | None:
    number = found["x"] or found["u"] or found["U"]
    if found[0][0] != "\\":
        return _plain(found[0])
    if found["octal"] or number:
        return chr(int(number, 16) if number else int(found["octal"], 8))
    if found["name"]:
        try:
            return unicodedata.lookup(found["name"])
        except KeyError:
            return None
    return "" if found["end"] else _ONE.get(found["one"], found[0])

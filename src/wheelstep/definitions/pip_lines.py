"""Lines as pip reads a requirements file, with the way back to where each character stands.

Source: pip's requirements file format (continuation with a backslash, ` #` comments, options).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["LogicalLine", "logical_lines"]

_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
_ITEM: Final = 1000
"""Characters that an item of a list rarely has."""


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """What pip takes as one line."""

    text: str
    """Joined, without comment and surrounding space; may be empty."""
    pieces: tuple[tuple[int, int], ...]
    """(index in `text`, index in the text the line was read from) where each physical line begins;
    the first index may be below 0, for what was stripped."""
    start: int
    """Index of the first physical line's first character."""
    end: int
    """Index after the last physical line's end."""

    def at(self, index: int) -> int:
        """Return where a character of `text` stands in the text the line was read from."""
        piece = bisect_right(self.pieces, (index, float("inf"))) - 1
        begin, there = self.pieces[piece]
        return there + index - begin

    @property
    def first(self) -> int:
        """Where the line's own text begins; of a blank line, where the line begins."""
        return self.at(0) if self.text else self.start

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of `text` stands in the text the line was read from."""
        if start == end:
            place = self.at(end - 1) + 1 if end else self.first
            return place, place
        return self.at(start), self.at(end - 1) + 1


def logical_lines(text: str) -> tuple[LogicalLine, ...]:
    """Return every line of a requirements file, joined and without comments, empty ones too."""
    # a conda file has thousands of short texts, and each is asked for several times
    return _of_item(text) if len(text) < _ITEM else _of_file(text)


@lru_cache(maxsize=32768)
def _of_item(text: str) -> tuple[LogicalLine, ...]:
    return _split(text)


@lru_cache(maxsize=32)
def _of_file(text: str) -> tuple[LogicalLine, ...]:
    return _split(text)


def _split(text: str) -> tuple[LogicalLine, ...]:
    lines: list[LogicalLine] = []
    joined = ""
    pieces: list[tuple[int, int]] = []
    first = position = 0
    for raw in text.splitlines(keepends=True):
        line = raw.splitlines()[0]
        if not pieces and "#" not in line and not line.endswith("\\"):  # as nearly all lines are
            skipped = len(line) - len(line.lstrip())
            end = position + len(raw)
            lines.append(LogicalLine(line.strip(), ((-skipped, position),), position, end))
            position = end
            continue
        is_comment = line.lstrip().startswith("#")
        if not pieces:
            first = position
        # pip puts a space before a comment that ends a continued line, so that it stays one
        pieces.append((len(joined) + is_comment, position))
        continued = line.endswith("\\") and not is_comment
        joined += " " * is_comment + (line.rstrip("\\") if continued else line)
        position += len(raw)
        if not continued:
            lines.append(_finished(joined, pieces, first, position))
            joined, pieces = "", []
    if pieces:
        lines.append(_finished(joined, pieces, first, position))
    return tuple(lines)


def _finished(joined: str, pieces: list[tuple[int, int]], start: int, end: int) -> LogicalLine:
    comment = _COMMENT.search(joined) if "#" in joined else None
    text = joined[: comment.start()] if comment else joined
    skipped = len(text) - len(text.lstrip())
    return LogicalLine(
        text.strip(), tuple((index - skipped, there) for index, there in pieces), start, end
    )

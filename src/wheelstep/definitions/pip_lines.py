"""Lines as pip reads a requirements file, with the way back to where each character stands.

Source: pip's requirements file format (continuation with a backslash, ` #` comments, options).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["LogicalLine", "logical_lines"]

_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
_ITEM: Final = 1000
"""Characters that an item of a list rarely has."""


class LogicalLine(NamedTuple):
    """What pip takes as one line; a tuple, which is made faster than a data class, for files of ten
    thousand lines."""

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
        if not self.text:
            return self.start
        (begin, there), *others = self.pieces
        return self.at(0) if others else there - begin

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
    # no line end is printable, and no white space but the space
    if text and text.isprintable() and "#" not in text and text[-1] != "\\":
        bare = text.lstrip(" ")
        piece = (len(bare) - len(text), 0)
        return (LogicalLine(bare.rstrip(" "), (piece,), 0, len(text)),)
    return _split(text)


@lru_cache(maxsize=32)
def _of_file(text: str) -> tuple[LogicalLine, ...]:
    return _split(text)


def _split(text: str) -> tuple[LogicalLine, ...]:
    lines: list[LogicalLine] = []
    joined = ""
    pieces: list[tuple[int, int]] = []
    first = position = 0
    for raw, line in zip(text.splitlines(keepends=True), text.splitlines(), strict=True):
        if not pieces and not line.endswith("\\"):  # as nearly all lines are
            if (comment := line.find("#")) > 0 and not line[comment - 1].isspace():
                found = _COMMENT.search(line)
                comment = found.start() if found else -1
            said = line if comment < 0 else line[:comment]
            begun = said.lstrip()
            end = position + len(raw)
            piece = (len(begun) - len(said), position)
            lines.append(LogicalLine(begun.rstrip(), (piece,), position, end))
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

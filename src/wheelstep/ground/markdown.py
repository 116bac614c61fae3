"""Texts of others in Markdown pages: no link, mention, row or tag is made of them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["cell", "code", "fenced", "quiet"]

LEAVES_CODE: Final = re.compile(r"[`|\r\n]")
CALLS: Final = re.compile(r"([@#!]|\bGH-|://)(?=\w)", re.IGNORECASE)
"""What makes a mention or a link of the word behind it, on GitHub or Azure Repos."""


def cell(text: str) -> str:
    """Return a text for a table or a line: names come from repositories, and no table row, tag or
    link may be made of them."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return escaped.replace("[", "&#91;").replace("\r", " ").replace("\n", " ")


def quiet(text: str) -> str:
    """Return the same for a page that somebody is told of: nobody is mentioned, nothing linked."""
    return CALLS.sub("\\1\u200b", cell(text))


def code(text: str) -> str:
    """Return a text as code, within a line."""
    # a backtick would end it; inside, nothing but a table's own sign means anything, and two
    # backticks with nothing between them begin a longer piece
    return f"`{LEAVES_CODE.sub(' ', text).strip() or '-'}`"


def fenced(text: str, language: str = "") -> list[str]:
    """Return lines of a code block, with a fence that is longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", text.rstrip("\n"), fence]

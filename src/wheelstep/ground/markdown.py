"""Texts of others in Markdown pages: no link, mention, row or tag is made of them.

A page may become more than a page: GitHub and Azure Repos offer the description of a pull request
as the message of the commit that merges it, where no code block protects anything, and look there
for `fixes #12`, `AB#12` and mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from wheelstep.ground.page import Room, shortened
from wheelstep.ground.skip_tokens import broken

__all__ = ["cell", "code", "fenced", "hushed", "quiet", "table_row", "visible"]

LONGEST: Final = Room(260)
"""Characters of one name that are shown: a file's has at most 255."""
BREAK: Final = "\u200b"
"""Is not seen, and belongs to no word."""
CALLS: Final = re.compile(
    r"#(?=[0-9])|(?<![A-Za-z0-9_])@(?=[\w<])|(?<![A-Za-z0-9_])!(?=[0-9])|\bGH-(?=[0-9])"
    r"|/(?:issues|pull|pulls|pullrequest|discussions|_workitems/edit)/(?=[0-9])",
    re.IGNORECASE,
)
"""What makes a mention, or a link to an issue, a work item or a pull request, of the word behind
it, wherever it stands. Sources: GitHub's "Autolinked references and URLs" and "Linking a pull
request to an issue"; Azure DevOps' "Link and view work items" and "Use mentions"."""
LINKS: Final = re.compile(r"[@#!](?=\w)|://(?=\w)|\bwww(?=\.)", re.IGNORECASE)
"""What makes a link outside of code."""
MARKS: Final = re.compile(r"[\\`*_~\[\]|$>]")
"""What Markdown may read as more than itself; GitHub sets formulas between dollars."""
FIRST: Final = re.compile(r"^(\s*)(?=[-+#=:])")
NUMBERED: Final = re.compile(r"^(\s*[0-9]+)(?=[.)])")
"""What makes a list, a heading or a rule of a line that begins with it."""
HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, marks that turn the direction of writing, and others that are not seen."""


def cell(text: str) -> str:
    """Return a text for a table or a line: names come from repositories, and no table row, tag or
    link may be made of them."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return escaped.replace("[", "&#91;").replace("\r", " ").replace("\n", " ")


def visible(text: str) -> str:
    """Return a text in which what is not seen is spelled out by its number; tabs and line feeds
    stay."""
    return HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def hushed(text: str) -> str:
    """Return a text that calls nobody, closes nothing and skips no pipeline, wherever it is read;
    it looks the same.

    A person that copies it copies a character more where there was something to hush.
    """
    calm = CALLS.sub(lambda found: f"{found[0]}{BREAK}", text)
    return broken(calm, lambda token: f"{token[0]}{BREAK}{token[1:]}")


def quiet(text: str) -> str:
    """Return a sentence for a page that somebody is told of: it reads as it is, but what it has
    between backticks is code; nobody is mentioned, nothing linked."""
    parts = re.split(r"`([^`]*)`", visible(" ".join(text.split())))
    shown = [code(part) if number % 2 else _plain(part) for number, part in enumerate(parts)]
    return NUMBERED.sub(r"\1\\", FIRST.sub(r"\1\\", "".join(shown)))


def _plain(text: str) -> str:
    silent = LINKS.sub(lambda found: f"{found[0]}{BREAK}", hushed(text))
    return MARKS.sub(r"\\\g<0>", silent.replace("&", "&amp;").replace("<", "&lt;"))


def code(text: str, longest: Room = LONGEST) -> str:
    """Return a text as code, within a line or a table's cell.

    Args:
        text: Any.
        longest: How much of it is shown.
    """
    # a backtick would end it, and a pipe the cell; there is no escape for them that holds in both
    line = visible(" ".join(text.split())).replace("`", "'").replace("|", "\u00a6")
    return f"`{hushed(shortened(line, longest)) or '-'}`"


def table_row(cells: Iterable[str]) -> str:
    """Return a row of a table from Markdown without line ends."""
    return f"| {' | '.join(cells)} |"


def fenced(text: str, language: str = "") -> list[str]:
    """Return lines of a code block, with a fence that is longer than any inside."""
    fence = fence_for([text])
    return [f"{fence}{language}", text.rstrip("\n"), fence]


def fence_for(lines: Sequence[str]) -> str:
    """Return a fence that is longer than any inside of the lines."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    return "`" * max(3, longest + 1)

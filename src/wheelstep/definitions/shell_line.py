"""`%pip install` and `!pip install` lines of a notebook's cell: their words, and new ones.

Source: IPython's magics (`%`, `!`; `{name}` and `$name` are replaced in both before the shell sees
them), and the quoting rules that POSIX shells share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wheelstep.definitions.python_found import Gathered, Left, Piece, left_in
from wheelstep.definitions.splice import EditNotProven, apply

__all__ = ["Install", "ShellWord", "gather", "installs", "rewritten"]

_INSTALL: Final = re.compile(
    r"^[ \t]*[%!][ \t]*(?:(?:\S*python[0-9.]*|\$?\{?sys\.executable\}?)[ \t]+-m[ \t]+)?"
    r"pip[0-9.]*[ \t]+install(?=[ \t])",
    re.MULTILINE,
)
_SPACE: Final = re.compile(r"(?:[ \t]|\\\r?\n)+")
_WORD: Final = re.compile(r"(?:'[^'\r\n]*'|\"(?:\\.|[^\"\\\r\n])*\"|\\[^\r\n]|[^\s'\"\\;&|])+")
_SINGLE: Final = re.compile(r"'([^'{}$]*)'")
_DOUBLE: Final = re.compile(r'"([^"\\`{}$]*)"')
_BARE: Final = re.compile(r"([^\s'\"\\;&|<>`$(){}]+)")
_HARMLESS: Final = re.compile(
    r"[A-Za-z0-9._=~!,:/@%+-]+|[A-Za-z0-9._-]+\[[A-Za-z0-9._,-]+\]==[^\s*]+"
)
# pip's options that take a value and are none of a requirements file's
_WITH_VALUE: Final = re.compile(
    r"-[teC]|--(?:target|prefix|root|platform|python-version|implementation|abi|timeout|retries"
    r"|proxy|cert|client-cert|progress-bar|upgrade-strategy|no-binary|only-binary|cache-dir|log"
    r"|src|editable|report|config-settings|python|exists-action|keyring-provider|trusted-host"
    r"|root-user-action)"
)
_OF_A_FILE: Final = re.compile(
    r"-[ifrc]|--(?:(?:extra-)?index-url|pypi-url|find-links|requirement|constraint)"
)


@dataclass(frozen=True, slots=True, eq=False)
class ShellWord:
    """One word of a command."""

    unit: int
    """Which of the cells it stands in."""
    text: str
    """Without quotes."""
    start: int
    """Where it stands in the cell's text, quotes included."""
    end: int
    quote: Literal["", "'", '"']
    plain: bool
    """Neither the notebook nor the shell makes something else of it."""
    line: Callable[[int], int]
    """The line in the file of a character of the cell's text."""

    def line_of(self, index: int) -> int:
        """Return the line in the file; a word has only one."""
        del index
        return self.line(self.start)

    def splice(self, new: str) -> tuple[int, int, str]:
        """Return what to replace in the cell's text.

        Raises:
            EditNotProven: No quotes hold the new text.
        """
        if not self.quote and _HARMLESS.fullmatch(new):
            return self.start, self.end, new
        for quote in [self.quote] if self.quote else ['"', "'"]:
            written = f"{quote}{new}{quote}"
            if (_DOUBLE if quote == '"' else _SINGLE).fullmatch(written):
                return self.start, self.end, written
        raise EditNotProven("no quotes of the shell hold the new requirement.")


@dataclass(frozen=True, slots=True)
class Install:
    """One `pip install`."""

    start: int
    """Where its line begins in the cell's text."""
    words: tuple[ShellWord, ...]


def installs(text: str, unit: int, line: Callable[[int], int]) -> Iterator[Install]:
    """Yield what looks like `pip install` lines of a cell.

    Args:
        text: The cell's.
        unit: Which of the cells it is.
        line: The line in the file of a character of it.
    """
    for found in _INSTALL.finditer(text):
        yield Install(found.start(), tuple(_words(text, found.end(), unit, line)))


def _words(text: str, at: int, unit: int, line: Callable[[int], int]) -> Iterator[ShellWord]:
    while space := _SPACE.match(text, at):
        word = _WORD.match(text, space.end())
        if word is None or word[0].startswith("#"):
            return
        at = word.end()
        for quote, pattern in (("'", _SINGLE), ('"', _DOUBLE), ("", _BARE)):
            if plain := pattern.fullmatch(word[0]):
                kind: Literal["", "'", '"'] = "'" if quote == "'" else '"' if quote else ""
                yield ShellWord(unit, plain[1], word.start(), at, kind, plain=True, line=line)
                break
        else:
            yield ShellWord(unit, word[0], word.start(), at, "", plain=False, line=line)


def gather(found: Sequence[Install]) -> tuple[Gathered | None, list[Left]]:
    """Return what the `pip install` lines of a notebook ask for, each by itself, as one section,
    and what is left alone."""
    left: list[Left] = []
    if not found:
        return None, left
    first = found[0].words[0].line_of(0) if found[0].words else 1
    section = Gathered("pip install", first, "shell")
    section.doubt("`pip install` in a notebook adds to whatever its kernel has.")
    for install in found:
        pieces = list(_pieces(install.words, section, left))
        if pieces:
            section.groups.append(pieces)
    return (section if section.groups else None), left


def _pieces(words: Sequence[ShellWord], section: Gathered, left: list[Left]) -> Iterator[Piece]:
    waiting = iter(words)
    for word in waiting:
        flag, equals, _ = word.text.partition("=")
        if word.text.startswith("-"):
            of_a_file = _OF_A_FILE.fullmatch(flag)
            takes = not equals and (of_a_file or _WITH_VALUE.fullmatch(flag))
            value = next(waiting, None) if takes else None
            if of_a_file and (value or word).plain:
                yield Piece("option", value or word, f"{flag} " if value else "")
        elif word.plain:
            yield Piece("requirement", word)
        else:
            line = word.line_of(0)
            section.doubt(f"Line {line}: the notebook or the shell changes what pip is handed.")
            why = "The notebook or the shell reads some of its characters in its own way."
            section.computed.append((word.text, line))
            left += left_in(word.text.strip("'\""), line, why)


def rewritten(text: str, unit: int, edits: Sequence[tuple[ShellWord, str]]) -> str:
    """Return a cell's text with these words' new texts.

    Raises:
        EditNotProven: Reading it again shows anything but the wanted change.
    """
    after = apply(text, [word.splice(new) for word, new in edits])
    wanted = {word.start: new for word, new in edits}
    before = [
        [wanted.get(word.start, word.text) for word in each.words]
        for each in installs(text, unit, lambda _: 0)
    ]
    now = [[word.text for word in each.words] for each in installs(after, unit, lambda _: 0)]
    if before != now:
        raise EditNotProven("after the edit a `pip install` line would say other things, too.")
    return after

"""A shell script taken apart into commands and words, as far as an image build needs it.

Source: POSIX Shell Command Language 2.2 (quoting) and 2.3 (tokens). Nothing is expanded: a word
that holds a variable or a substitution is marked as computed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Command", "Word", "commands", "quoted"]

_SPACE: Final = " \t\r"
_ENDS: Final = "\n;&|()"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:/@%+=~^!?*\[\]{}-]+")
_VARIABLE: Final = re.compile(r"\$(?:[A-Za-z_@*#?$!0-9-]|\{|\()")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command."""

    value: str
    """Without its quotation marks; variables as they are written."""
    start: int
    """Where it begins in the script, quotation marks included."""
    end: int
    computed: bool = False
    """It holds a variable or a substitution."""
    redirected: bool = False
    """A redirection touches it: `name>=1` is the word `name` and a file `=1`."""


@dataclass(frozen=True, slots=True)
class Command:
    """Its words, redirections left out."""

    words: tuple[Word, ...]
    depth: int
    """In how many pairs of parentheses: what a subshell changes ends with it."""


class _Script:
    """A script while it is read."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start
        self.found: list[Command] = []
        self.words: list[Word] = []
        self.value = ""
        self.begin: int | None = None
        self.computed = False
        self.target = False
        """The next word is where a redirection goes."""
        self.depth = 0

    def read(self) -> list[Command]:
        while self.at < len(self.text):
            # most of a script: what means nothing but itself, and a `#` inside of a word
            if plain := _PLAIN.match(self.text, self.at):
                self._take(plain[0], len(plain[0]))
            else:
                self._step(self.text[self.at])
        self._end_command()
        return self.found

    def _step(self, char: str) -> None:
        if char == "\\":
            self._escaped()
        elif char == "'":
            self._single()
        elif char == '"':
            self._double()
        elif char in _SPACE:
            self._end_word()
            self.at += 1
        elif char == "#" and self.begin is None:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        elif char in "<>":
            self._redirection()
        elif char in _ENDS:
            self._end_command()
            self.depth = max(0, self.depth + (char == "(") - (char == ")"))
            self.at += 1
        elif char == "`" or _VARIABLE.match(self.text, self.at):
            self._substitution()
        else:
            self._take(char)

    def _take(self, text: str, length: int = 1) -> None:
        if self.begin is None:
            self.begin = self.at
        self.value += text
        self.at += length

    def _escaped(self) -> None:
        following = self.text[self.at + 1 : self.at + 3]
        if following.startswith(("\n", "\r\n")):
            self.at += 3 if following == "\r\n" else 2
        else:
            self._take(following[:1], min(2, len(self.text) - self.at))

    def _single(self) -> None:
        end = self.text.find("'", self.at + 1)
        end = len(self.text) if end < 0 else end
        self._take(self.text[self.at + 1 : end], min(end + 1, len(self.text)) - self.at)

    def _double(self) -> None:
        self._take("")
        while self.at < len(self.text) and (char := self.text[self.at]) != '"':
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in {"$", "`", '"', "\\", "\n"}:
                said = self.text[self.at + 1]
                self._take("" if said == "\n" else said, 2)
            elif char == "`" or _VARIABLE.match(self.text, self.at):
                self._substitution()
            else:
                self._take(char)
        self.at = min(self.at + 1, len(self.text))

    def _substitution(self) -> None:
        self.computed = True
        start = self.at
        closes = {"$(": ")", "${": "}"}.get(self.text[start : start + 2])
        if self.text[start] == "`":
            end = self.text.find("`", start + 1)
        elif closes:
            end, depth = start + 1, 0
            while end < len(self.text):
                depth += (self.text[end] == self.text[start + 1]) - (self.text[end] == closes)
                if depth == 0:
                    break
                end += 1
        else:
            name = re.compile(r"\$(?:[A-Za-z_]\w*|.)").match(self.text, start)
            end = name.end() - 1 if name else start
        end = len(self.text) - 1 if end < start else min(end, len(self.text) - 1)
        self._take(self.text[start : end + 1], end + 1 - start)

    def _redirection(self) -> None:
        if self.begin is not None and not self.value.isdecimal():
            self._end_word(redirected=True)
        self.value, self.begin, self.computed = "", None, False
        while self.at < len(self.text) and self.text[self.at] in "<>&|-":
            self.at += 1
        self.target = True

    def _end_word(self, *, redirected: bool = False) -> None:
        if self.begin is None:
            return
        if self.target:
            self.target = False
        else:
            self.words.append(Word(self.value, self.begin, self.at, self.computed, redirected))
        self.value, self.begin, self.computed = "", None, False

    def _end_command(self) -> None:
        self._end_word()
        self.target = False
        if self.words:
            self.found.append(Command(tuple(self.words), self.depth))
        self.words = []


def commands(text: str, start: int = 0) -> list[Command]:
    """Return the commands of a script, from an index on; words keep their place in `text`."""
    return _Script(text, start).read()


def quoted(raw: str, before: str, after: str) -> str | None:
    """Return how a word reads that shall have another value, its quotation kept where it can be.

    Args:
        raw: As it is written.
        before: Its value.
        after: The value it shall have.
    """
    candidates: list[str] = []
    if before and raw.count(before) == 1:
        candidates.append(raw.replace(before, after))
    old, new = _difference(before, after)
    if old and raw.count(old) == 1:
        candidates.append(raw.replace(old, new))
    candidates += [f'"{after}"', f"'{after}'"]
    return next((one for one in candidates if _means(one, after)), None)


def _means(raw: str, value: str) -> bool:
    read: Sequence[Command] = commands(raw)
    if len(read) != 1 or len(read[0].words) != 1:
        return False
    word = read[0].words[0]
    return (word.value, word.start, word.end, word.computed, word.redirected) == (
        value,
        0,
        len(raw),
        False,
        False,
    )


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the middles of two texts, without what they begin and end with alike."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]

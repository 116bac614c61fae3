"""Patterns as `COPY` and `.dockerignore` have them, matched in time linear in both texts.

Source: Go's filepath.Match (`*` and `?` stop at a slash, `[...]`, a backslash), and Docker's `**`.
A regular expression of a few dozen stars would take for ever on a path that does not match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["is_pattern", "matches"]

_CLASS: Final = re.compile(r"\[(?P<not>\^?)(?P<inside>(?:\\.|[^\]\\])+)\]", re.DOTALL)


class _Token(NamedTuple):
    """One step through a pattern."""

    takes: Callable[[str], bool]
    """Whether it takes a character."""
    repeats: bool = False
    """Whether it takes any number of them, none included."""
    whole_folders: bool = False
    """Whether what it takes, if anything, ends with a slash."""


def is_pattern(text: str) -> bool:
    """Tell whether a text has a sign that stands for others."""
    return any(sign in text for sign in "*?[")


def matches(pattern: str, path: str) -> bool:
    """Tell whether a pattern stands for the whole of a path."""
    if not is_pattern(pattern):
        return pattern == path
    tokens = _tokens(pattern)
    states = _entered(tokens, [0])
    for sign in path:
        following: list[int] = []
        for state in states:
            # within whole folders, which only a slash leaves, a state is below 0
            token = tokens[~state if state < 0 else state] if state != len(tokens) else None
            if token is None or not token.takes(sign):
                continue
            if token.whole_folders:
                inside = ~state if state < 0 else state
                following += [~inside, inside + 1] if sign == "/" else [~inside]
            else:
                following.append(state if token.repeats else state + 1)
        states = _entered(tokens, following)
    return len(tokens) in states


def _entered(tokens: tuple[_Token, ...], states: Iterable[int]) -> set[int]:
    """Return the states, with those behind a token that may take nothing."""
    found: set[int] = set()
    for first in states:
        state = first
        while state not in found:
            found.add(state)
            if 0 <= state < len(tokens) and tokens[state].repeats:
                state += 1
    return found


@lru_cache(maxsize=256)
def _tokens(pattern: str) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        listed = _CLASS.match(pattern, at) if sign == "[" else None
        if pattern.startswith("**/", at):
            token, at = _Token(_any, repeats=True, whole_folders=True), at + 3
        elif pattern.startswith("**", at):
            token, at = _Token(_any, repeats=True), at + 2
        elif sign in "*?":
            token, at = _Token(_no_slash, repeats=sign == "*"), at + 1
        elif listed:
            token, at = _Token(_one_of(listed["inside"], bool(listed["not"]))), listed.end()
        else:
            at += sign == "\\" and at + 1 < len(pattern)
            token, at = _Token(pattern[at].__eq__), at + 1
        tokens.append(token)
    return tuple(tokens)


def _any(_: str) -> bool:
    return True


def _no_slash(sign: str) -> bool:
    return sign != "/"


def _one_of(inside: str, negated: bool) -> Callable[[str], bool]:
    """Return what takes one of the signs, or one from a range of them; never a slash."""
    signs = re.findall(r"\\?(.)(?:-\\?(.))?", inside, re.DOTALL)

    def takes(sign: str) -> bool:
        among = any(low <= sign <= (high or low) for low, high in signs)
        return sign != "/" and among != negated

    return takes

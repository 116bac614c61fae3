"""Patterns of COPY and .dockerignore: as a regular expression has them, but in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelstep.definitions.docker_glob import matches

PARTS = {"*": "[^/]*", "?": "[^/]", "**": ".*", "**/": "(?:.*/)?"}


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "d/a.txt", False),
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "d/e/a.txt", True),
        ("**/a.txt", "xa.txt", False),
        ("d/**", "d/e/f", True),
        ("d**f", "d/e/f", True),
        ("req?irements.txt", "requirements.txt", True),
        ("a?b", "a/b", False),
        ("[a-c].txt", "b.txt", True),
        ("[^a-c].txt", "b.txt", False),
        ("[^a].txt", "/.txt", False),
        (r"a\*.txt", "a*.txt", True),
        (r"*\*.txt", "ab.txt", False),
        ("[a.txt", "[a.txt", True),
        ("a", "a", True),
        ("", "", True),
    ],
)
def test_what_a_pattern_stands_for(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["*", "?", "**/", "a", "b", "/", "."]), max_size=7),
    st.text("ab/.", max_size=8),
)
def test_as_a_regular_expression_has_it(parts: list[str], path: str) -> None:
    joined = "".join(parts)
    if "***" in joined or re.search(r"(?<!\*)\*\*(?!/)", joined):
        return  # two stars of two parts are another pattern
    # what follows from the text, not from how it was put together
    split = re.findall(r"\*\*/|\*\*|.", joined)
    wanted = re.compile("".join(PARTS.get(part, re.escape(part)) for part in split), re.DOTALL)
    assert matches(joined, path) is bool(wanted.fullmatch(path))


def test_many_stars_end() -> None:
    assert not matches("*a" * 200 + "*", "a" * 199 + "/" * 800)
    assert not matches("*" * 500 + "x", "a" * 1000)

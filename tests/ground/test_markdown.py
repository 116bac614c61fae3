"""Texts of others in Markdown, read by a Markdown parser that is not ours."""

from __future__ import annotations

import re

import pytest

from tests.markdown_reader import Read
from wheelstep.ground.markdown import BREAK, code, fenced, hushed, quiet, table_row, visible
from wheelstep.ground.page import Room

HOSTILE = (
    "@acme/everybody", "fixes #1", "Closes AB#77, !12 `rm`", "<img src=x>", "a | b", "[x](y)",
    "<!-- x", "GH-1", "see https://github.com/a/b/issues/1", "acme/tools#3", "@<8c8c7d32-aa>",
    "www.evil.example", "mail a@b.example", "**bold** _it_ ~~gone~~ __init__", "$x$ $$y$$",
    "# Head", "- - nested", "12. list", "> quote", "--- rule", "```", "~~~", "a``b`c", "\\`x\\`",
    "&lt;b&gt; &#64;acme", "[ ] task", "![i](u)", "<https://evil.example>", "| a | b |\n|---|",
    "two\n\nparagraphs\r\n# x", "tab\tand \x0b\x0c\x1b[31m", "rtl \u202e\u2066 end", "\ud800",
    "x" * 5000, "\U0001f3a1" * 500, "fixes https://dev.azure.com/a/p/_workitems/edit/4", ":::x",
    "\u2028# x", "closes\u00a0#5", "1!2.0 !3", "",
)  # fmt: skip
CALL = re.compile(
    r"#[0-9]|(?<![A-Za-z0-9_])@[\w<]|(?<![A-Za-z0-9_])![0-9]|GH-[0-9]|/(issues|edit)/[0-9]",
    re.IGNORECASE,
)
"""What either host makes something of, also in the message of a commit, which is no Markdown."""


def plain(text: str) -> str:
    """What is left of a text when it is shown in one line."""
    return visible(" ".join(text.split()))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_code_is_code_wherever_it_stands(hostile: str) -> None:
    shown = code(hostile)
    assert Read(f"- {shown}, {shown}").tags == ["ul", "li", "code", "code"]
    assert Read(f"### {shown}").tags == ["h3", "code"]
    table = Read("\n".join((table_row("ab"), "|---|---|", table_row((shown, shown)))))
    assert table.tags == [
        "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "code", "td", "code",
    ]  # fmt: skip
    assert not CALL.search(shown)
    assert len(shown) < 400
    whole = plain(hostile).replace("`", "'").replace("|", "\u00a6")
    if len(whole) < 100:
        assert Read(shown).text.strip().replace(BREAK, "") == (whole or "-")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_sentence_says_what_it_said_and_does_nothing(hostile: str) -> None:
    for lead in ("", "  - ", "| a |\n|---|\n| "):
        read = Read(f"{lead}{quiet(hostile)}")
        assert set(read.tags) <= {"p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th",
                                  "td"}  # fmt: skip
        assert read.tags.count("td") == lead.count("---")
    calm = quiet(hostile)
    assert not CALL.search(calm)
    assert not re.search(r"://\w|\bwww\.|\w@\w", calm)
    if "`" not in hostile and len(hostile) < 100:
        assert Read(calm).text.strip().replace(BREAK, "") == plain(hostile)


def test_what_a_sentence_has_as_code_stays_code() -> None:
    assert quiet("Use `commit: push` or `a|b`.") == "Use `commit: push` or `a\u00a6b`."


def test_what_is_not_seen_is_spelled_out() -> None:
    assert visible("a\u202eb\x1b\ud800\tc") == r"a\u202eb\x1b\ud800" + "\tc"
    family = "\U0001f469\u200d\U0001f4bb"
    assert visible(family) == family


def test_what_is_long_is_cut_between_characters() -> None:
    assert code("\U0001f3a1" * 9, Room(5)) == "`" + 4 * "\U0001f3a1" + "\u2026`"


@pytest.mark.parametrize(
    "text", ["pkg @ git+https://u@h/r@0a1b2c", "--hash=sha256:1", "a#egg=b", "pkg!=1.0", "1!2.0"]
)
def test_what_calls_nobody_is_not_touched(text: str) -> None:
    assert hushed(text) == text


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("a\n````\nb\n", "diff") == ["`````diff", "a\n````\nb", "`````"]

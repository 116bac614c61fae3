"""A page that fits itself to its room."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelstep.ground.page import Item, Room, Section, Step, fitted, shortened, utf16_units

CLOSING = "*The rest is elsewhere.*"
STEPS = (Step("diffs", "rows", 2), Step("table", "items", 1), Step("diffs", "items", 0),
         Step("table", "items", 0), Step("not there", "rows", 0))  # fmt: skip
WHEEL = "\U0001f3a1"


def page(rows: int, diffs: int, text: str = "x") -> list[Section]:
    row = Item([f"| {text} | y |"])
    diff = Item(["```diff"], [f"+{text}"] * rows, ["```", ""], more="... and {count} more lines")
    return [
        Section("opening", ["Opening."], always=True),
        Section("table", ["| a | b |", "|---|---|"], [row] * rows, always=True,
                more="| ... and {count} more | |"),
        Section("diffs", ["### Diffs"], [diff] * diffs, (), "{count} more are not shown.\n"),
    ]  # fmt: skip


def test_what_fits_is_whole() -> None:
    whole = fitted(page(2, 1), Room(10_000), STEPS, CLOSING)
    assert whole == (
        "Opening.\n\n| a | b |\n|---|---|\n| x | y |\n| x | y |\n\n"
        "### Diffs\n```diff\n+x\n+x\n```\n"
    )
    assert fitted(page(2, 1), Room(len(whole)), STEPS, CLOSING) == whole
    short = fitted(page(2, 1), Room(len(whole) - 1), STEPS, CLOSING)
    assert short.endswith(CLOSING)
    assert len(short) < len(whole)


def test_what_stands_first_is_shortened_first() -> None:
    long = page(30, 3, "x" * 10)
    whole = len(fitted(long, Room(100_000), STEPS, CLOSING))
    some = fitted(long, Room(whole - 300), STEPS, CLOSING)
    assert some.count("| xxxxxxxxxx | y |") == 30
    # no diff has lost more than the others
    assert len({part.count("+x") for part in some.split("```diff")[1:]}) == 1
    less = fitted(long, Room(400), STEPS, CLOSING)
    assert "| ... and " in less
    assert "```" in less
    least = fitted(long, Room(90), STEPS, CLOSING)
    assert "```" not in least
    assert least.startswith("Opening.\n\n| a | b |\n|---|---|\n")


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 40), st.integers(0, 12), st.sampled_from(["x", WHEEL, "x" * 50, "\u00e9 "]),
    st.integers(90, 3000), st.sampled_from([len, utf16_units]),
)  # fmt: skip
def test_it_fits_and_nothing_in_it_is_half(
    rows: int, diffs: int, text: str, limit: int, count: object
) -> None:
    room = Room(limit, utf16_units if count is utf16_units else len)
    made = fitted(page(rows, diffs, text), room, STEPS, CLOSING)
    assert room.count(made) <= limit
    assert made.count("```diff") * 2 == made.count("```")
    for line in made.splitlines():
        assert line in {
            "Opening.", "| a | b |", "|---|---|", f"| {text} | y |", "```diff", f"+{text}", "```",
            "### Diffs", CLOSING, "",
        } or line.rstrip("| ").endswith(("more", "more lines", "more are not shown."))  # fmt: skip
    shown = made.count(f"| {text} | y |")
    assert shown == rows or f"| ... and {rows - shown} more | |" in made


def test_the_room_is_used() -> None:
    made = fitted(page(300, 30, WHEEL), Room(4000, utf16_units), STEPS, CLOSING)
    assert 3900 < utf16_units(made) <= 4000


def test_what_was_shortened_grows_again_where_more_went_than_was_needed() -> None:
    table, diffs = page(40, 1)[1], page(2, 1, "x" * 1500)[2]
    made = fitted([table, diffs], Room(2500), STEPS, CLOSING)
    assert "x" * 1500 not in made
    assert made.count("| x | y |") == 40


def test_a_hundred_thousand_rows_take_no_time() -> None:
    long = page(400, 300, "x" * 200)
    start = time.monotonic()
    assert len(fitted(long, Room(65_536), STEPS, CLOSING)) <= 65_536
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("text", ["", "abc", WHEEL * 5, f"a{WHEEL}b{WHEEL}", "\u00e9" * 7])
@pytest.mark.parametrize("count", [len, utf16_units])
def test_a_line_is_cut_between_characters(text: str, count: object) -> None:
    for limit in range(1, 12):
        room = Room(limit, utf16_units if count is utf16_units else len)
        cut = shortened(text, room)
        cut.encode("utf-16-le")  # no half of a pair
        assert room.count(cut) <= limit
        assert cut == text or (cut[-1] == "\u2026" and text.startswith(cut[:-1]))


def test_units_of_utf16() -> None:
    for text in ("", "abc", WHEEL, f"\u00e9{WHEEL}\uffff"):
        assert utf16_units(text) == len(text.encode("utf-16-le")) // 2

"""What skips pipelines, as both hosts' documentation lists it."""

from __future__ import annotations

import time

import pytest

from wheelstep.ground.markdown import BREAK, code, hushed, quiet
from wheelstep.ground.skip_tokens import SKIP, without_skips

TOKENS = (
    SKIP, "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "skip-checks: true",
    "skip-checks:true", "[skip azurepipelines]", "[azurepipelines skip]", "[skip azpipelines]",
    "[azpipelines skip]", "[skip azp]", "[azp skip]", "***NO_CI***", "[Skip CI]",
)  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_a_message_is_left_without_them(token: str) -> None:
    assert without_skips(f"Pin {token}") == "Pin"
    assert without_skips(f"Pin {token} all") == "Pin all"
    trailers = f"Pin\n\nWhy.\n\nA: b\n{token}\nC: d\n"
    assert without_skips(trailers) == "Pin\n\nWhy.\n\nA: b\nC: d\n"
    assert without_skips(f"Pin\n\n\n{token}").strip() == "Pin"


def test_one_that_another_stood_in_goes_too() -> None:
    assert without_skips("Pin [skip ci[no ci]]") == "Pin"


def test_many_blanks_take_no_time() -> None:
    text = " " * 60_000 + "x"
    begun = time.process_time()
    assert without_skips(text) == text
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("token", TOKENS)
def test_a_page_has_none_that_counts(token: str) -> None:
    # a page may become the message of the commit that merges it, and skip what follows a merge
    text = f"fix it {token}"
    for shown in (code(text), quiet(text), hushed(text)):
        assert token not in shown
        assert without_skips(shown) == shown
    assert hushed(text).replace(BREAK, "") == text


@pytest.mark.parametrize("text", ["[skip]", "skip ci", "[x] ci", "skip-checks: false", "**NO_CI**"])
def test_what_is_none_stays(text: str) -> None:
    assert without_skips(text) == text
    assert hushed(text) == text

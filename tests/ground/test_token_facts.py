"""What a token says of itself."""

from __future__ import annotations

import base64
import json

import pytest

from wheelstep.ground.secret import Secret
from wheelstep.ground.token_facts import expiry_of, lifetime

NOON = 1_800_014_400  # 2027-01-15 12:00 UTC


def jwt(**claims: object) -> Secret:
    parts = ({"alg": "none"}, claims)
    made = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return Secret(".".join(one.rstrip("=") for one in [*made, "c2lnbg"]))


def test_an_expiry_is_told_before_and_after() -> None:
    token = jwt(exp=NOON)
    assert lifetime(token, NOON - 60) == ", which expires at 2027-01-15 12:00 UTC"
    assert lifetime(token, NOON) == ", which expired at 2027-01-15 12:00 UTC"


@pytest.mark.parametrize("value", ["soon", True, None, 1e400, -1e300, [1]])
def test_what_is_no_expiry_says_nothing(value: object) -> None:
    assert expiry_of(jwt(exp=value)) is None
    assert lifetime(jwt(exp=value), NOON) == ""


@pytest.mark.parametrize("text", ["a-personal-access-token", "a.b.c", "..", "a.W10.c", "a.b.c.d"])
def test_what_is_no_token_of_that_kind_says_nothing(text: str) -> None:
    assert lifetime(Secret(text), NOON) == ""

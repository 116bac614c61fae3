"""A secret is blanked in whatever form it comes back."""

from __future__ import annotations

import base64

import pytest

from tests.robustness.oracle import forms
from wheelstep.ground.secret import Secret, redact

ODD = "S\u00e4cret+/\"'%&<=>?~\\ 7"
"""With signs that each form writes in another way."""
TOKENS = (
    ODD,
    "ghs0OrAPersonalAccessTokenOf52Characters",
    "eyJ0eXAi.eyJhdWQi-_.c2ln",
    "abcd\xff\xfe>?>?",
)
FORMS = tuple(forms(ODD))


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_blanked(token: str, form: str) -> None:
    Secret(token)
    shown = forms(token)[form].decode()
    assert shown not in redact(f"before {shown} after")


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("user", ["", "x", "ab", "wheelstep", "build"])
@pytest.mark.parametrize("after", ["", "\n", "; and more"])
def test_base64_of_a_login_is_blanked(token: str, user: str, after: str) -> None:
    Secret(token)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        header = encode(f"{user}:{token}{after}".encode()).decode()
        for form, pattern in forms(token).items():
            assert pattern.decode() not in redact(f"Authorization: Basic {header}"), form

"""A secret is blanked in whatever form it comes back."""

from __future__ import annotations

import base64
import time

import pytest

from tests.robustness.oracle import forms
from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret, blanked, known_forms, on_new_secret, redact

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


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("width", [64, 76])
def test_base64_in_lines_is_blanked(token: str, width: int) -> None:
    long = token * 4
    Secret(long)
    whole = base64.b64encode(long.encode()).decode()
    lines = [whole[at : at + width] for at in range(0, len(whole), width)]
    shown = redact("\n".join(lines))
    assert lines[0] not in shown
    assert shown.count("***") >= len(lines) - (len(lines[-1].rstrip("=")) < 16)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_blanked_and_searched_for(encoding: str) -> None:
    token = "ghs0OrAPersonalAccessTokenOf40Characters"
    Secret(token)
    there = f"before {token} after".encode(encoding)
    assert "ghs" not in redact(there.decode()).replace("\0", "")
    assert any(form in there for form in known_forms())
    header = base64.b64encode(token.encode("utf-16-le")).decode()
    assert header[4:-4] not in redact(header)


def test_a_host_is_told_text_only() -> None:
    Secret("made-before-the-host")
    told: list[str] = []
    on_new_secret(told.append)
    Secret("made-after-the-host")
    assert {"made-before-the-host", "made-after-the-host"} <= set(told)
    assert "\0" not in "".join(told)


def test_bytes_that_are_no_text_are_an_error_without_the_value() -> None:
    with pytest.raises(SettingError, match="no UTF-8") as caught:
        Secret("half-\udcff-of-it")
    assert "half" not in f"{caught.value} {caught.value.cure}"


def test_logins_are_looked_for_in_a_moment() -> None:
    text = "//host:name" * 50_000
    begun = time.process_time()
    assert blanked(f"{text} https://me:hunter22@x/") == f"{text} https://***@x/"
    assert time.process_time() - begun < 10

"""Secrets are known to the whole process: each test of this room starts with none."""

from __future__ import annotations

import pytest

from wheelstep.ground import secret


@pytest.fixture(autouse=True)
def no_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "_known", set())
    monkeypatch.setattr(secret, "_listeners", [])

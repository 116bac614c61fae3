"""Connections that would win over ours, or that break builds; and what ends soon."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from wheelstep.model import Workspace
from wheelstep.workspaces.connection import Stored
from wheelstep.workspaces.neighbours import expiry_finding, harm

TRAIN = Workspace("5f3b6a0e-0000-4000-8000-000000000001", "ml", "train")
ORGANIZATION = "https://pkgs.dev.azure.com/contoso"
FEED = f"{ORGANIZATION}/_packaging/ml/pypi/simple/"
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def one(name: str, target: str = ORGANIZATION, **more: Any) -> Stored:
    given: dict[str, Any] = {"category": "PythonFeed", "target": target, "auth_type": "PAT"}
    return Stored(**{"name": name, "id": name} | given | more)


def found(*others: Stored, ours: Stored | None = None) -> list[tuple[str, str]]:
    mine = ours or one("ours")
    findings = harm(TRAIN, mine, [mine, *others], [FEED], NOW)
    return [(finding.connection, finding.code) for finding in findings]


def test_healthy_neighbours_are_not_named() -> None:
    assert found() == []
    assert (
        found(
            one("elsewhere", "https://index.example/simple/"),
            one("their-feed", f"{ORGANIZATION}/_packaging/theirs/pypi/simple/"),
            one("git", ORGANIZATION, category="Git"),
            one("store", "account", category="AzureBlob", auth_type="AccountKey"),
            one("later", "https://other.example/", expires=NOW + dt.timedelta(days=1)),
        )
        == []
    )


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (one("x", f"{ORGANIZATION}/_packaging"), "connection-outranked"),
        (one("x", FEED), "connection-outranked"),
        (one("x", f"{ORGANIZATION}/"), "connection-ambiguous"),
        (one("x", "https://pkgs.dev.azure.com"), "connection-takes-over"),
        (one("x", "https://h.example/", error="secret not found"), "connection-broken"),
        (one("x", "https://h.example/", expires=NOW), "connection-broken"),
        (one("x", "https://h.example/", auth_type="SAS"), "connection-broken"),
        (one("x", "pkgs.dev.azure.com/contoso"), "connection-broken"),
        (one("x", "https://[h/"), "connection-broken"),
        (one("x", ""), "connection-broken"),
    ],
)
def test_what_does_harm_is_named(other: Stored, code: str) -> None:
    assert found(other) == [("x", code)]


def test_of_a_broken_winner_both_is_said() -> None:
    winner = one("x", FEED, expires=NOW - dt.timedelta(days=3))
    (finding,) = harm(TRAIN, one("ours"), [winner], [FEED], NOW)
    assert "more closely" in finding.message
    assert "it expired on 2026-11-23" in finding.message
    assert "az ml connection delete --name x --resource-group ml" in finding.cure


def test_a_closer_target_takes_nothing_over() -> None:
    wide = one("wide")
    assert found(wide, ours=one("ours", FEED)) == [("wide", "connection-takes-over")]
    assert found(one("close", FEED), ours=one("ours", FEED)) == [("close", "connection-ambiguous")]


def test_git_looks_at_git_only() -> None:
    mine = one("ours", "https://github.com/contoso", category="Git")
    others = [
        one("feed", "https://github.com/contoso"),
        one("closer", "https://github.com/contoso/x", category="Git"),
        one("same", "https://github.com/contoso", category="Git"),
    ]
    assert found(*others, ours=mine) == [("same", "connection-ambiguous")]


@pytest.mark.parametrize(
    ("days", "code", "word"),
    [
        (None, None, ""),
        (15, None, ""),
        (14, "connection-expires-soon", "in 14 days"),
        (1, "connection-expires-soon", "in 1 day:"),
        (0.5, "connection-expires-soon", "today or tomorrow"),
        (0, "connection-expired", "are refused at"),
        (-400, "connection-expired", "expired on 2025-10-22"),
    ],
)
def test_what_ends_is_told_from_fourteen_days_before(
    days: float | None, code: str | None, word: str
) -> None:
    expires = None if days is None else NOW + dt.timedelta(days=days)
    finding = expiry_finding(TRAIN, one("ours", expires=expires), NOW)
    assert (finding.code if finding else None) == code
    if finding is not None:
        assert word in finding.message
        assert finding.expired is (code == "connection-expired")
        assert "connect --rotate" in finding.cure

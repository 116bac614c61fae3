"""The page of a pull request fits itself to the room of its host."""

from __future__ import annotations

import time

import pytest

from tests.release.page_kit import (
    CLOSING,
    ROOMS,
    WHEEL,
    Page,
    check_whole,
    conda,
    locked,
    rows,
)
from wheelstep.commands.finish import summary
from wheelstep.ground.page import Room


def large(page: Page, packages: int, definitions: int, line: str) -> None:
    names = [f"acme-package-{number}" for number in range(packages)]
    page.locks([locked(one, "1.0") for one in names], [locked(one, "1.1") for one in names])
    for number in range(definitions):
        path = f"environments/team-{number}/conda.yml"
        pins = [names[(number + n) % packages] for n in range(min(5, packages))]
        page.files(
            {path: conda(*[f"{one}==1.0" for one in pins])},
            {path: conda(*[f"{one}==1.1" for one in pins], line if number < 9 else "x")},
        )
        page.verdict(path, ("resolved", "unproven")[number % 2], f"{path} has reason {number % 7}.")


@pytest.mark.parametrize("host", ROOMS)
@pytest.mark.parametrize(
    "line", ["numpy", f"x # {'y' * 100_000}", f"x # {WHEEL * 200}", "x # ```", f"x # {'`' * 200}"]
)
def test_what_is_far_too_much_is_shortened_part_by_part(page: Page, host: str, line: str) -> None:
    large(page, 500, 300, line)
    start = time.monotonic()
    body = page.body(room := ROOMS[host])
    left = summary(page.report)
    assert all(f"| `acme-package-{number}` |" in left for number in range(500))
    assert all(wheel.sha256 in left for wheel in locked("acme-package-499", "1.1").wheels)
    assert time.monotonic() - start < 20
    check_whole(body, room)
    length, most = (
        (len(body), 65_536) if host == "github" else (len(body.encode("utf-16-le")) // 2, 4000)
    )
    assert most * 0.9 < length <= most
    assert body.endswith(CLOSING)
    assert body.startswith("Pins `acme-package-0 1.1`, ")
    assert "**150 unproven, 150 resolved**" in body
    shown = rows(body, "package")
    assert shown[0] == ["`acme-package-0`", "`1.0`", "`1.1`", "newer"]
    assert len(shown) > (490 if host == "github" else 3)
    if len(shown) < 500:
        assert shown[-1][0] == f"... and {501 - len(shown)} more"


@pytest.mark.parametrize("host", ROOMS)
def test_one_endless_line_hides_no_other(page: Page, host: str) -> None:
    page.files(
        {"a.yml": conda("acme==1")}, {"a.yml": conda("acme==2", f"x # {'y' * 100_000}", "z")}
    )
    page.versions = [("acme", "2")]
    body = page.body(ROOMS[host])
    assert "+      - acme==2\n+      - x # yyy" in body
    assert "yyy\u2026\n+      - z\n```" in body
    assert CLOSING not in body


def test_azure_counts_as_net_does(page: Page) -> None:
    page.files({}, {f"{WHEEL * 100}{number}.yml": "x" for number in range(40)})
    body = page.body(ROOMS["azure"])
    assert 3500 < len(body.encode("utf-16-le")) // 2 <= 4000


@pytest.mark.parametrize("host", ROOMS)
def test_at_the_limit_one_below_and_one_above(page: Page, host: str) -> None:
    large(page, 3, 3, f"x # {WHEEL * 30}")
    room = ROOMS[host]
    whole = page.body(Room(10**9, room.count))
    size = room.count(whole)
    assert page.body(Room(size, room.count)) == whole
    assert page.report.page == ""
    assert page.body(Room(size + 1, room.count)) == whole
    for limit in (*range(size - 40, size), *range(1200, size, 97)):
        short = page.body(tight := Room(limit, room.count))
        check_whole(short, tight)
        assert short.endswith(CLOSING)
        assert "**1 unproven, 2 resolved**" in short


def test_without_a_run_the_closing_names_its_report(page: Page) -> None:
    large(page, 3, 30, "x")
    page.environment = {}
    body = page.body(Room(3000))
    assert body.endswith("files of this pull request, and the hashes in its record.*")
    assert "Proposed by wheelstep;" in body

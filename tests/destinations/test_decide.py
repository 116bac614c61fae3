"""What is to be done with each wheel: values in, values out."""

from __future__ import annotations

from pathlib import Path

import pytest

from wheelstep.destinations.decide import (
    Adopt,
    Compare,
    Conflict,
    Copy,
    Found,
    Identical,
    Unobtainable,
    Upload,
    decide,
    find,
)
from wheelstep.model import Listed, Wheel

FILE = "acme_core-1.0-py3-none-any.whl"
HERE = Wheel(FILE, "acme-core", "1.0", "a" * 64, "content", 10, path=Path(FILE))
RECORDED = Wheel(FILE, "acme-core", "1.0", "a" * 64, "content", 10)
SAME = Found("b" * 64, "content", 11)
OTHER = Found("c" * 64, "other", 12)


def listed(sha256: str | None, file: str = FILE) -> Listed:
    return Listed(file, f"https://index.example/{file}", sha256)


def looks(**places: Listed | None) -> dict[str, dict[str, list[Listed]]]:
    return {place: {"acme-core": [one] if one else []} for place, one in places.items()}


def test_what_is_not_there_is_uploaded() -> None:
    assert decide([HERE], looks(a=None, b=None)) == [Upload(HERE, "a"), Upload(HERE, "b")]


def test_the_same_bytes_are_left_alone() -> None:
    there = listed("a" * 64)
    assert decide([HERE], looks(a=there)) == [Identical(HERE, "a", there)]


@pytest.mark.parametrize("sha256", ["b" * 64, None])
def test_other_bytes_and_unknown_bytes_are_compared(sha256: str | None) -> None:
    there = listed(sha256)
    assert decide([HERE], looks(a=there)) == [Compare(HERE, "a", there)]


def test_no_hash_listed_and_the_same_bytes_found() -> None:
    there = listed(None)
    found = {("a", FILE): Found("a" * 64, "content", 10)}
    assert decide([HERE], looks(a=there), found) == [Identical(HERE, "a", there)]


def test_the_same_content_is_adopted_with_the_published_hash() -> None:
    (action,) = decide([HERE], looks(a=listed("b" * 64)), {("a", FILE): SAME})
    assert isinstance(action, Adopt)
    assert (action.wheel.sha256, action.wheel.size, action.wheel.path) == ("b" * 64, 11, None)


def test_an_adopted_file_is_copied_where_it_is_missing() -> None:
    there = listed("b" * 64)
    first, second = decide([HERE], looks(a=None, b=there), {("b", FILE): SAME})
    assert isinstance(second, Adopt)
    assert first == Copy(second.wheel, "a", "b", there)


def test_other_content_is_a_conflict() -> None:
    there = listed("c" * 64)
    (action,) = decide([HERE], looks(a=there), {("a", FILE): OTHER})
    assert action == Conflict(HERE, "a", there, OTHER)


def test_two_unreadable_files_are_not_the_same_content() -> None:
    unread = Wheel(FILE, "acme-core", "1.0", "a" * 64, "", 10)
    (action,) = decide([unread], looks(a=listed("c" * 64)), {("a", FILE): Found("c" * 64, "", 1)})
    assert isinstance(action, Conflict)


def test_a_recorded_wheel_is_copied_or_must_be_built() -> None:
    there = listed("a" * 64)
    assert decide([RECORDED], looks(a=there, b=None)) == [
        Identical(RECORDED, "a", there),
        Copy(RECORDED, "b", "a", there),
    ]
    assert decide([RECORDED], looks(a=None)) == [Unobtainable(RECORDED, "a")]


@pytest.mark.parametrize(
    "file",
    [
        "acme_core-1.0-1-py3-none-any.whl",
        "acme_core-1.0-cp311-cp311-win_amd64.whl",
        "acme_core-1.1-py3-none-any.whl",
        "acme_core-1.0.tar.gz",
        "no wheel",
    ],
)
def test_other_files_of_the_project_are_other_files(file: str) -> None:
    assert decide([HERE], looks(a=listed("b" * 64, file))) == [Upload(HERE, "a")]


@pytest.mark.parametrize(
    "file", ["Acme_Core-1.0-py3-none-any.whl", "acme_core-1.0.0-py3-none-any.whl"]
)
def test_another_spelling_is_the_same_file(file: str) -> None:
    """To pip, 1.0 and 1.0.0 are one version."""
    there = listed("a" * 64, file)
    assert decide([HERE], looks(a=there)) == [Identical(HERE, "a", there)]


def test_among_several_of_the_name_the_one_with_the_bytes() -> None:
    first, second = listed("b" * 64), listed("a" * 64)
    assert find(HERE, [first, second]) is second

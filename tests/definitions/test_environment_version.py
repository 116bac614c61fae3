from __future__ import annotations

import datetime as dt

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from wheelstep.definitions.environment_version import plain_is_read_back, raised, reached

DAY = dt.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("version", "result"),
    [
        ("1", "2"),
        ("0", "1"),
        ("9", "10"),
        ("007", "008"),
        ("099", "100"),
        ("999", "1000"),
        ("000", "001"),
        ("v7", "v8"),
        ("V09", "V10"),
        ("1.9", "1.10"),
        ("1.2.3", "1.2.4"),
        ("v1.2.9", "v1.2.10"),
        ("0.0.0", "0.0.1"),
        ("2026.01", "2026.02"),
        ("10.0", "10.1"),
        # neither dates: the 13th month, the 30th of February
        ("20261399", "20261400"),
        ("2026.02.30", "2026.02.31"),
        ("18991231", "18991232"),
    ],
)
def test_numbers_count_up_in_their_own_form(version: str, result: str) -> None:
    assert raised(version) == raised(version, day=DAY) == result


@pytest.mark.parametrize(
    ("version", "on_the_day", "without"),
    [
        ("2026-11-20", "2026-11-25", "2026-11-20.1"),
        ("20261120", "20261125", "20261120.1"),
        ("2026.11.20", "2026.11.25", "2026.11.20.1"),
        ("v2026-11-20", "v2026-11-25", "v2026-11-20.1"),
        ("2026-11-20.1", "2026-11-25", "2026-11-20.2"),
        ("20261120.9", "20261125", "20261120.10"),
        ("2026-11-25", "2026-11-25.1", "2026-11-25.1"),
        ("20261125.3", "20261125.4", "20261125.4"),
        # dated ahead of the commit: the day would be a step back
        ("2026-12-01", "2026-12-01.1", "2026-12-01.1"),
    ],
)
def test_dates_take_the_day_or_count_on_it(version: str, on_the_day: str, without: str) -> None:
    assert raised(version, day=DAY) == on_the_day
    assert raised(version) == without


@pytest.mark.parametrize(
    "version",
    [
        "",
        "latest-blue",
        "a1b2c3d",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "1.2.3-rc1",
        "1.2.",
        "-1",
        "+1",
        "1_000",
        "1e5",
        "v",
        "2026/11/20",
        "\u0661",
        " 1",
        "9" * 5000,
    ],
)
def test_other_forms_are_nobodys_to_raise(version: str) -> None:
    assert raised(version, day=DAY, taken=["1", "2026-11-20"]) is None


@pytest.mark.parametrize(
    ("version", "taken", "result"),
    [
        ("3", ["1", "2", "7"], "8"),
        ("3", ["2"], "4"),
        ("007", ["12"], "013"),
        ("3", ["latest", "9.9", "v9", "2026-11-20", "20261120"], "4"),
        ("v3", ["9", "v5"], "v6"),
        ("1.9", ["1.10"], "1.11"),
        ("1.9", ["2.0.1"], "2.1"),
        ("1.9", ["2"], "1.10"),
        ("1.2.3", ["1.3"], "1.3.1"),
        ("1.2.3", ["1.2.4", "1.2.4.0"], "1.2.5"),
        ("2026.01", ["2026.09"], "2026.10"),
        ("2026-11-20", ["2026-11-25"], "2026-11-25.1"),
        ("2026-11-20", ["2026-11-24"], "2026-11-25"),
        ("2026-11-20", ["20261125.4"], "2026-11-25.5"),
        ("2026-11-20", ["2026-12-24"], "2026-12-24.1"),
    ],
)
def test_what_a_workspace_has_is_never_reached_again(
    version: str, taken: list[str], result: str
) -> None:
    assert raised(version, day=DAY, taken=taken) == result


DATES = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
DATED = st.builds(
    lambda prefix, day, form, counter: prefix + day.strftime(form) + counter,
    st.sampled_from(["", "v"]),
    DATES,
    st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%Y.%m.%d"]),
    st.sampled_from(["", ".1", ".17"]),
)
NUMBERED = st.builds(
    lambda prefix, numbers: prefix + ".".join(numbers),
    st.sampled_from(["", "v"]),
    st.lists(st.from_regex(r"0{0,2}[0-9]{1,4}", fullmatch=True), min_size=1, max_size=4),
)
VERSIONS = st.one_of(DATED, NUMBERED)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VERSIONS, st.lists(VERSIONS, max_size=6), st.none() | DATES)
def test_whatever_is_taken_the_next_is_new_and_the_one_after_is_higher(
    version: str, taken: list[str], day: dt.date | None
) -> None:
    first = raised(version, day=day, taken=taken)
    assert first is not None
    assert first not in {version, *taken}
    # with it registered, another change gets yet another one, and an old definition cannot go back
    second = raised(version, day=day, taken=[*taken, first])
    assert second == raised(first, day=day, taken=[*taken, first])
    assert second not in {version, first, *taken}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VERSIONS)
def test_plain_means_the_same_to_readers_of_both_yamls(version: str) -> None:
    if not plain_is_read_back(version):
        return
    assert str(yaml.safe_load(f"v: {version}")["v"]) == version
    assert str(YAML(typ="safe", pure=True).load(f"v: {version}")["v"]) == version


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("2026-11-20", False),
        ("2026.11.20", True),
        ("1.9", True),
        ("1.10", False),
        ("010", False),
        ("0", True),
        ("1.0", True),
        ("v1", True),
    ],
)
def test_plain_is_read_back(version: str, kept: object) -> None:
    assert plain_is_read_back(version) is kept
    # a date is the one thing that readers give back as it was, and azure-ai-ml refuses
    value = yaml.safe_load(f"v: {version}")["v"]
    assert kept is (str(value) == version and not isinstance(value, dt.date))


@pytest.mark.parametrize(
    ("version", "same", "other", "result"),
    [
        ("7", ["8"], [], "8"),
        ("7", ["8", "12", "9"], ["3", "7"], "12"),
        ("7", ["8", "9"], ["10"], None),
        ("7", ["8", "11"], ["10"], "11"),
        # not above the file's own
        ("7", ["7", "6"], [], None),
        # of another form
        ("7", ["blue", "v8", "1.9", "2026-11-20"], [], None),
        ("7", ["8"], ["blue", "v9", "1.9"], "8"),
        ("1.9", ["1.10", "1.2"], ["1.9.5"], "1.10"),
        ("2026-11-20", ["2026-11-20.1", "2026-11-19"], [], "2026-11-20.1"),
        ("2026-11-20", ["2026-11-20.1"], ["2026-11-21"], None),
        ("blue", ["8"], [], None),
        # the same number in other words is another version
        ("7", ["8"], ["008"], None),
        ("007", ["012"], ["11"], "012"),
    ],
)
def test_a_version_that_exists_is_taken_where_no_other_stands_above(
    version: str, same: list[str], other: list[str], result: str | None
) -> None:
    assert reached(version, same=same, other=other) == result


VERSION = st.integers(0, 30).map(str) | st.sampled_from(["1.2", "1.10", "v3", "blue", "2026-11-20"])


@given(version=VERSION, same=st.lists(VERSION), other=st.lists(VERSION))
@settings(max_examples=300)
def test_what_is_taken_exists_and_a_raised_one_does_not(
    version: str, same: list[str], other: list[str]
) -> None:
    taken = reached(version, same=same, other=other)
    if taken is not None:
        assert taken in same
        assert taken not in [version, *other]
        assert raised(version, taken=[*other, taken]) == raised(version, taken=[taken])
    new = raised(version, taken=[*same, *other])
    assert new is None or new not in [version, *same, *other]

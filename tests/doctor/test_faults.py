"""Each fault is found, alone and beside any other; and nothing is found that was not planted."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from tests.doctor.faults import EXCLUDED, FAULTS, Fault, plant
from tests.doctor.world import Ran, world
from wheelstep.ground.checks import problem_of

PAIRS = [
    pair for pair in combinations(FAULTS, 2) if frozenset(one.code for one in pair) not in EXCLUDED
]


def found(place: Path, authority: Path, *faults: Fault) -> Ran:
    with world(place, authority) as healthy:
        plant(healthy, *faults)
        return healthy.doctor()


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> dict[str, Ran]:
    """What is found of each fault alone."""
    return {
        fault.code: found(tmp_path_factory.mktemp("alone"), authority, fault) for fault in FAULTS
    }


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_with_the_exit_code_of_a_release(
    fault: Fault, alone: dict[str, Ran]
) -> None:
    ran = alone[fault.code]
    check = ran.fault(fault.code)
    assert check.breaks
    assert check.cure
    assert ran.report.status == "failed"
    assert ran.report.exit_code == fault.exit_code
    assert problem_of(check) in ran.report.problems


def test_every_pair_is_tried_or_said_to_exclude_itself() -> None:
    assert len(FAULTS) == len({fault.code for fault in FAULTS}) >= 15
    assert len(PAIRS) + len(EXCLUDED) == len(FAULTS) * (len(FAULTS) - 1) // 2


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].code}+{pair[1].code}")
def test_both_of_a_pair_are_found_and_nothing_else(
    pair: tuple[Fault, Fault], tmp_path: Path, authority: Path, alone: dict[str, Ran]
) -> None:
    ran = found(tmp_path, authority, *pair)
    first, second = pair
    assert {first.code, second.code} <= ran.faults
    assert ran.faults <= alone[first.code].faults | alone[second.code].faults

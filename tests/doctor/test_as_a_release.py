"""The exit code that doctor names is the one that a release ends with."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from tests.doctor.faults import EXCLUDED, FAULTS, Fault, plant
from tests.doctor.world import world

ENDING = [fault for fault in FAULTS if fault.exit_code]
CASES = [
    *((fault,) for fault in ENDING),
    *(
        pair
        for pair in combinations(ENDING, 2)
        if frozenset(one.code for one in pair) not in EXCLUDED
    ),
]


@pytest.mark.parametrize(
    "faults", CASES, ids=lambda faults: "+".join(fault.code for fault in faults)
)
def test_a_release_ends_with_the_exit_code_that_doctor_names(
    faults: tuple[Fault, ...], tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        plant(healthy, *faults)
        named = healthy.doctor().report
        released = healthy.repo.wheelstep("release", extra=healthy.environment)
    assert named.exit_code == released.code != 0, released.said
    # and it is one of the faults that ended it
    assert {fault.ends or fault.code for fault in faults} & set(released.codes)


@pytest.mark.parametrize(
    "faults",
    [(), *((fault,) for fault in FAULTS if not fault.exit_code)],
    ids=lambda faults: "+".join(fault.code for fault in faults) or "healthy",
)
def test_a_release_goes_through_where_doctor_names_no_exit_code(
    faults: tuple[Fault, ...], tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        plant(healthy, *faults)
        assert healthy.doctor().report.exit_code == 0
        released = healthy.repo.wheelstep("release", extra=healthy.environment)
    assert released.code == 0, released.said
    assert released.status == "done"

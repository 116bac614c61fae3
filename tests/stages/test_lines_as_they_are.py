"""Errors of a rehearsal name the lines that the files have now, not those of the edits."""

from __future__ import annotations

import pytest

from tests.definitions.made import plan
from wheelstep.definitions.planned import Edits, PlannedEdit
from wheelstep.errors import DefinitionUnresolvable, SeveralProblems, StepError
from wheelstep.stages.rehearsing import lines_as_they_are

BEFORE = b"a\r\nb==1\r\nc\r\n"
AFTER = b"a\r\n--index x\r\nb==2\r\nc\r\nd\r\n"
EDITS = Edits((PlannedEdit("r.txt", "requirements", BEFORE, AFTER),), ())


def error(line: int | None, file: str = "r.txt") -> DefinitionUnresolvable:
    return DefinitionUnresolvable("m", code="c", file=file, line=line)


@pytest.mark.parametrize(("after", "now"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (9, 9)])
def test_a_line_of_the_edit_is_one_of_the_file(after: int, now: int) -> None:
    with pytest.raises(StepError) as caught, lines_as_they_are(EDITS):
        raise error(after)
    assert caught.value.line == now


def test_each_of_several_errors_and_none_of_other_files() -> None:
    errors = [error(4), error(4, "other.txt"), error(None)]
    with pytest.raises(SeveralProblems) as caught, lines_as_they_are(EDITS):
        raise SeveralProblems(errors)
    assert [one.line for one in caught.value.errors] == [3, 4, None]


def test_an_edit_that_adds_nothing_moves_nothing() -> None:
    (edit,) = plan({"requirements.txt": b"a\nmy-pkg==1.0\nb\n"}).edits
    assert [edit.line_before(line) for line in (1, 2, 3)] == [1, 2, 3]

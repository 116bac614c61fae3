"""Exit codes are a contract: the classes, the page, and which of several decides."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from wheelstep import errors
from wheelstep.errors import (
    BuildFailed,
    CannotHere,
    DefinitionUnresolvable,
    Refused,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    SeveralProblems,
    StepError,
    StoppedBySignal,
    raise_all,
    worst,
)

PAGE = Path(__file__).parents[1] / "docs" / "exit-codes.md"
KINDS: tuple[type[StepError], ...] = (
    SettingError, BuildFailed, Refused, ServiceRefused, ServiceUnavailable, DefinitionUnresolvable,
    CannotHere,
)  # fmt: skip


def test_the_page_lists_every_code_with_the_words_of_its_class() -> None:
    rows = dict(
        re.findall(r"^\| ([0-9, ]+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert list(rows) == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "130, 143"]
    assert [kind.exit_code for kind in KINDS] == [2, 3, 4, 5, 6, 7, 8]
    for kind in KINDS:
        said = (kind.__doc__ or "").partition(": ")
        assert said[0] == str(kind.exit_code)
        first = said[2].rstrip(".").split(",")[0].split(":")[0].replace("authoris", "authoriz")
        assert first
        assert first[:20] in rows[str(kind.exit_code)]


def test_every_class_is_public() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, StepError)
    }
    assert found <= set(errors.__all__)


def test_an_error_keeps_its_parts() -> None:
    error = Refused("It is taken.", code="taken", cure="Raise it.", file="a.toml", line=3)
    [problem] = error.problems()
    assert str(error) == "It is taken."
    assert (problem.code, problem.severity, problem.exit_code) == ("taken", "error", 4)
    assert (problem.message, problem.cure) == ("It is taken.", "Raise it.")
    assert (problem.file, problem.line) == ("a.toml", 3)


def made(kind: type[StepError]) -> StepError:
    return kind(kind.__name__, code=kind.__name__.lower())


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ((SettingError, Refused), 4),
        ((ServiceUnavailable, ServiceRefused, BuildFailed), 5),
        ((BuildFailed, ServiceUnavailable), 6),
        ((ServiceUnavailable, Refused, ServiceRefused), 4),
        ((BuildFailed, CannotHere), 3),
        ((CannotHere, BuildFailed), 8),
        ((DefinitionUnresolvable,), 7),
    ],
)
def test_which_of_several_decides(kinds: tuple[type[StepError], ...], code: int) -> None:
    several = [made(kind) for kind in kinds]
    assert worst(several).exit_code == code
    assert SeveralProblems(several).exit_code == code
    assert [problem.exit_code for problem in SeveralProblems(several).problems()] == [
        kind.exit_code for kind in kinds
    ]


def test_nested_ones_are_taken_apart() -> None:
    inner = SeveralProblems([made(BuildFailed), made(Refused)])
    outer = SeveralProblems([made(SettingError), inner])
    assert [type(error) for error in outer.errors] == [SettingError, BuildFailed, Refused]
    assert outer.exit_code == 4
    assert str(outer) == "SettingError\nBuildFailed\nRefused"
    assert SettingError.exit_code == 2  # the class is as it was


def test_raise_all() -> None:
    raise_all([])
    one = made(BuildFailed)
    with pytest.raises(BuildFailed) as caught:
        raise_all([one])
    assert caught.value is one
    with pytest.raises(SeveralProblems):
        raise_all([one, made(Refused)])


@pytest.mark.parametrize(
    ("number", "code", "cure"),
    [(errno.ENOSPC, "disk-full", "Free some disk space"), (errno.EACCES, "machine", "may read")],
)
def test_what_the_machine_could_not_do(number: int, code: str, cure: str) -> None:
    told = OSError(number, "Said by the system", "/somewhere/file")
    error = CannotHere.from_os_error(told, "writing the record")
    assert error.exit_code == 8
    assert error.code == code
    assert error.message == "While writing the record: Said by the system (/somewhere/file)."
    assert cure in error.cure
    ours = CannotHere.from_os_error(told, "writing", file="wheelstep.lock")
    assert ours.file == "wheelstep.lock"
    assert "/somewhere" not in ours.message


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal(number: int, code: int) -> None:
    assert StoppedBySignal(number).exit_code == code
    assert StoppedBySignal(number).problems()[0].exit_code == code
    assert "Run it again" in StoppedBySignal(number).cure

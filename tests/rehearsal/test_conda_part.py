"""The conda half, looked at without conda; real conda's parser has the say on what is readable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wheelstep.rehearsal.conda_half import rehearse_halves
from wheelstep.rehearsal.conda_part import fault_of, line_of_package, package_of, part_problems
from wheelstep.rehearsal.interface import CondaHalf, Subject, Verdict

SPECS: dict[str, bool] = json.loads(
    (Path(__file__).parent / "data" / "conda" / "specs.json").read_text(encoding="utf-8")
)
"""Requirement -> whether conda's own parser took it."""
IN_DOUBT = {"numpy=1.2=py=x", "numpy >=x>", "numpy=1..2", "numpy=1.2)", "numpy=(1.2"}
"""Refused by conda, and left to it here."""


def subject(*packages: str, channels: tuple[str, ...] | None = ("conda-forge",)) -> Subject:
    half = CondaHalf(tuple((text, 4 + at) for at, text in enumerate(packages)), channels)
    return Subject("envs/conda.yml", ("acme==1.0",), "3.10", line=9, conda=half)


def codes(*packages: str, channels: tuple[str, ...] | None = ("conda-forge",)) -> list[str]:
    return [one.code for one in part_problems(subject(*packages, channels=channels))]


@pytest.mark.parametrize("text", [text for text, readable in SPECS.items() if readable])
def test_nothing_that_conda_reads_is_called_unreadable(text: str) -> None:
    assert fault_of(text) is None


@pytest.mark.parametrize("text", [text for text, readable in SPECS.items() if not readable])
def test_what_conda_refuses_is_told_but_for_doubtful_cases(text: str) -> None:
    assert (fault_of(text) is None) == (text in IN_DOUBT)


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("python", "python", ""),
        ("conda-forge::Python=3.10", "python", "=3.10"),
        ("numpy[version='>=1.2,<2']", "numpy", ""),
        ("numpy >=1.2, <2  # why", "numpy", ">=1.2, <2"),
        ("python 3.10.4 h1_0_cpython", "python", "3.10.4 h1_0_cpython"),
        ("https://channel.example/linux-64/numpy-1.26.4-py310h0_0.conda", "",
         "https://channel.example/linux-64/numpy-1.26.4-py310h0_0.conda"),
    ],
)  # fmt: skip
def test_name_and_version_are_told_apart(text: str, name: str, rest: str) -> None:
    found = package_of(text)
    assert (found.name, found.rest) == (name, rest)


def test_a_good_half_has_no_remarks() -> None:
    assert codes("python=3.10", "pip=24.0", "numpy>=1.26,<2") == []
    assert part_problems(Subject("requirements.txt", ("acme==1.0",))) == ()


def test_an_unreadable_requirement_is_an_error_with_its_line() -> None:
    (problem,) = part_problems(subject("python=3.10", "pip=24.0", "acme @ https://h.example/a.whl"))
    assert (problem.code, problem.severity, problem.exit_code) == (
        "conda-package-unreadable", "error", 7,
    )  # fmt: skip
    assert (problem.file, problem.line) == ("envs/conda.yml", 6)
    assert "pip's" in problem.message


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        (("python=3.10", "python=3.11", "pip=24"), ["python-twice"]),
        (("python=3.10", "python=3.10.4", "pip=24"), []),
        (("python=3.10", "python>=3.8", "pip=24"), []),
        (("python=3.99", "pip=24"), ["python-unknown"]),
        (("python=4.0", "pip=24"), ["python-unknown"]),
        (("python=2.7", "pip=24"), []),
        (("python", "pip"), ["pip-not-pinned"]),
        (("python=3.10", "pip>=20"), ["pip-not-pinned"]),
        (("python=3.10", "pip==24.0"), []),
        (("python=3.10", "pip 24.0"), []),
        (("python=3.10",), ["pip-not-named"]),
        ((), ["pip-not-named"]),
    ],
)
def test_python_and_pip(packages: tuple[str, ...], found: list[str]) -> None:
    assert codes(*packages) == found


def test_two_pythons_are_told_with_both_lines() -> None:
    (problem,) = part_problems(subject("python=3.10", "pip=24", "python=3.11"))
    assert problem.exit_code == 7
    assert "line 4" in problem.message
    assert "line 6" in problem.message


@pytest.mark.parametrize("channels", [None, ()])
def test_missing_channels_are_warned_of(channels: tuple[str, ...] | None) -> None:
    assert codes("python=3.10", "pip=24", channels=channels) == ["channels-missing"]


def test_the_line_of_what_is_spoken_of() -> None:
    half = CondaHalf((("python=3.10", 4), ("numpy-base", 5), ("numpy=1", 6)))
    assert line_of_package(half, "nothing provides numpy 1.*") == 6
    assert line_of_package(half, "scipy is not there") is None


def resolve(subjects: object) -> list[Verdict]:
    del subjects
    return [Verdict("envs/conda.yml", "resolved", "3.10", "x86_64-manylinux_2_28")]


def test_a_definition_with_conda_packages_is_never_wholly_proved() -> None:
    (verdict,) = rehearse_halves([subject("python=3.10", "pip=24.0", "numpy=1.26")], resolve)
    assert verdict.status == "resolved"
    (problem,) = verdict.problems
    assert (problem.code, problem.severity) == ("conda-not-solved", "notice")
    assert "its 3 conda packages were not solved" in problem.message


def test_an_error_in_the_conda_half_fails_the_definition() -> None:
    (verdict,) = rehearse_halves([subject("python=3.10", "python=3.11", "pip=24")], resolve)
    assert verdict.status == "failed"


def test_a_definition_without_a_conda_half_is_left_as_it_is() -> None:
    plain = Subject("requirements.txt", ("acme==1.0",), "3.10")
    assert rehearse_halves([plain], resolve) == resolve([plain])

"""The conda half solved: a program of the same name answers what a real conda was seen to answer.

The answers in data/conda are recorded from conda itself, run with its classic solver on a channel
in a folder. No micromamba was there to record: its answers here have the form of its source.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import PLATFORM, Scene
from wheelstep.errors import CannotHere
from wheelstep.ground.process import Finished
from wheelstep.ground.public_index import PipIndexes
from wheelstep.rehearsal.conda_half import Solved, rehearse_halves, solve_halves
from wheelstep.rehearsal.conda_solve import (
    Program,
    Target,
    channels_of,
    failure_of,
    find_program,
    python_in,
    solution_of,
    target_of,
)
from wheelstep.rehearsal.interface import CondaHalf, Subject, Verdict
from wheelstep.rehearsal.resolve import errors_of, rehearse

DATA = Path(__file__).parent / "data" / "conda"
CONDA = Program("conda", "conda")
STAND_IN = """\
#!{python}
import json, os, sys
said = {{name: value for name, value in os.environ.items() if name.startswith("CONDA_")}}
with open({seen!r}, "a", encoding="utf-8") as file:
    file.write(json.dumps([sys.argv, said, sorted(os.environ), os.getcwd()]) + "\\n")
sys.stdout.write(open({answer!r}, encoding="utf-8").read())
sys.stderr.write({error!r})
sys.exit({code})
"""
NO_PYTHON = '{"success": false, "solver_problems": ["nothing provides requested python 3.99*"]}'


@dataclass
class StandIn:
    """A program that answers, and remembers how it was called."""

    environment: dict[str, str]
    seen: Path

    def calls(self) -> list[tuple[list[str], dict[str, str], list[str], str]]:
        if not self.seen.exists():
            return []
        lines = self.seen.read_text(encoding="utf-8").splitlines()
        return [tuple(json.loads(line)) for line in lines]


def stand_in(
    folder: Path, answer: str | Path, *, name: str = "conda", code: int = 0, error: str = ""
) -> StandIn:
    place = folder / "bin"
    place.mkdir(parents=True, exist_ok=True)
    if isinstance(answer, str):
        text, answer = answer, folder / "answer"
        answer.write_text(text, encoding="utf-8")
    seen = folder / "seen"
    program = place / name
    program.write_text(
        STAND_IN.format(
            python=sys.executable, seen=str(seen), answer=str(answer), error=error, code=code
        ),
        encoding="utf-8",
    )
    program.chmod(0o755)
    return StandIn({"PATH": str(place), "SECRET_TOKEN": "hush"}, seen)


def subject(*packages: str, channels: tuple[str, ...] | None = ("conda-forge",)) -> Subject:
    half = CondaHalf(tuple((text, 4 + at) for at, text in enumerate(packages)), channels)
    return Subject("conda.yml", ("left==1.0",), None, line=9, conda=half)


GOOD = subject("python=3.10", "numpy >=1.2,<3", "pip=24.0")


def solve(there: StandIn, *subjects: Subject, platform: str = PLATFORM) -> dict[CondaHalf, Solved]:
    return solve_halves(subjects, platform=platform, environment=there.environment)


def recorded(name: str) -> Finished:
    return Finished(1, (DATA / f"{name}.json").read_bytes(), b"")


def test_how_conda_is_called(tmp_path: Path) -> None:
    there = stand_in(tmp_path, DATA / "solved.json")
    solve(there, GOOD, GOOD)
    ((argv, said, names, cwd),) = there.calls()  # once for two that ask the same
    assert argv[1:] == [
        "create", "--dry-run", "--json", "--yes", "--name", "wheelstep-rehearsal",
        "--override-channels", "--channel=conda-forge", "--",
        "python=3.10", "numpy >=1.2,<3", "pip=24.0",
    ]  # fmt: skip
    assert said == {
        "CONDA_SUBDIR": "linux-64", "CONDA_OVERRIDE_GLIBC": "2.28", "CONDA_OVERRIDE_CUDA": "",
    }  # fmt: skip
    assert "SECRET_TOKEN" not in names
    assert Path(cwd) != Path.cwd()


def test_a_channel_is_no_option(tmp_path: Path) -> None:
    there = stand_in(tmp_path, DATA / "solved.json")
    solve(there, subject("python=3.10", channels=("--json", "-c", "--file=pyproject.toml")))
    ((argv, _, _, _),) = there.calls()
    named = [word for word in argv if word.startswith("--channel=")]
    assert named == ["--channel=--json", "--channel=-c", "--channel=--file=pyproject.toml"]
    assert [word for word in argv if "file" in word] == named[2:]


def test_how_micromamba_is_called(tmp_path: Path) -> None:
    there = stand_in(tmp_path, DATA / "solved.json", name="micromamba")
    plain = subject("python=3.10  # why", channels=None)
    solve(there, plain, platform="aarch64-manylinux_2_17")
    ((argv, said, _, _),) = there.calls()
    assert argv[7:] == [
        "--override-channels", "--channel=defaults", "--platform", "linux-aarch64",
        "--", "python=3.10", "pip",
    ]  # fmt: skip
    assert said["CONDA_OVERRIDE_GLIBC"] == "2.17"


def test_the_pip_half_is_resolved_for_the_python_that_conda_chose(
    tmp_path: Path, scene: Scene
) -> None:
    there = stand_in(tmp_path, DATA / "solved.json")

    def resolve(subjects: Any) -> Any:
        return rehearse(
            subjects,
            wheels=(),
            platform=PLATFORM,
            environment=scene.environment,
            read=scene.files.get,
            public=PipIndexes(index_url=scene.public.index_url),
        )

    (verdict,) = rehearse_halves([GOOD], resolve, solve(there, GOOD))
    assert verdict.status == "resolved"
    assert verdict.python == "3.10.4"
    assert {one.name: (one.version, one.index) for one in verdict.resolved} == {
        "left": ("1.0", scene.public.index_url),
        "numpy": ("1.26.4", "file:///channels/acme"),
        "pip": ("24.0", "file:///channels/acme"),
        "python": ("3.10.4", "file:///channels/acme"),
        "zlib": ("1.3.1", "file:///channels/acme"),
    }
    assert [one.code for one in verdict.problems] == ["python-open"]
    assert errors_of([verdict]) == []


@pytest.mark.parametrize(
    ("name", "exit_code", "said"),
    [
        ("unsatisfiable", 7, "numpy=1.26 -> python[version='>=3.10,<3.11.0a0']"),
        ("glibc", 7, "the image has glibc 2.28; needs-new -> __glibc[version='>=2.34']"),
        ("not-found", 7, "not available from current channels: nothere=1.0"),
        ("channel-missing", 5, "HTTP 404"),
        ("http404", 5, "HTTP 404"),
        ("unauthorized", 5, "HTTP 401"),
        ("no-answer", 6, "CONNECTION FAILED"),
        ("down", 6, "HTTP 503"),
    ],
)
def test_what_conda_says_when_it_fails(name: str, exit_code: int, said: str) -> None:
    error = failure_of(recorded(name), CONDA)
    assert error.exit_code == exit_code
    assert said in error.message
    for advice in ("conda config", "search bar", "notifying", "Traceback", "\n"):
        assert advice not in error.message


def test_an_exception_that_conda_does_not_catch_is_told_in_one_line() -> None:
    text = (DATA / "unreadable.txt").read_bytes()
    assert b"Traceback" in text
    error = failure_of(Finished(1, b"", text), CONDA)
    assert error.exit_code == 7
    assert "Invalid version '=3.11,,<': cannot join single expression." in error.message
    assert "File " not in error.message


@pytest.mark.parametrize(
    ("out", "error", "exit_code"),
    [
        (NO_PYTHON, "critical libmamba Could not solve for environment specs", 7),
        ("", "critical libmamba Download error (6) Could not resolve hostname [https://x]", 6),
        ("", "critical libmamba Multiple errors occured: Transfer of https://x: status 403", 5),
        ("", "OSError: [Errno 28] No space left on device", 8),
        ("", "Segmentation fault", 8),
        ("", "", 8),
    ],
)
def test_what_else_may_be_said(out: str, error: str, exit_code: int) -> None:
    finished = Finished(1, out.encode(), error.encode())
    assert failure_of(finished, Program("micromamba", "")).exit_code == exit_code


def test_a_failed_solve_is_told_with_the_line(tmp_path: Path) -> None:
    there = stand_in(tmp_path, NO_PYTHON, name="micromamba", code=1)
    wanted = subject("numpy", "python=3.99", "pip=24")
    verdicts = rehearse_halves([wanted], no_pip_half, solve(there, wanted))
    (error,) = errors_of(verdicts)
    assert (error.exit_code, error.code) == (7, "conda-unsatisfiable")
    assert (error.file, error.line) == ("conda.yml", 5)
    assert "nothing provides requested python 3.99*." in error.message
    assert verdicts[0].status == "failed"


def test_a_channel_that_does_not_answer_proves_nothing(tmp_path: Path) -> None:
    there = stand_in(tmp_path, DATA / "no-answer.json", code=1)
    (verdict,) = rehearse_halves([GOOD], no_pip_half, solve(there, GOOD))
    assert verdict.status == "unproven"
    assert [error.exit_code for error in errors_of([verdict])] == [6]


def no_pip_half(subjects: Any) -> Any:
    return [Verdict(one.path, "resolved", "3.10", PLATFORM) for one in subjects]


@pytest.mark.parametrize(
    "wanted",
    [
        subject("python=3.10", channels=("https://ada:hush@channel.example/acme",)),
        subject("python=3.10", channels=("https://channel.example/t/hush/acme",)),
        subject("https://ada:hush@channel.example/acme::python=3.10"),
        subject("python=3.10", "--help"),
        subject("python=3.10", channels=("https://channel.example/$HOME",)),
        subject("python=3.10", channels=("https://channel.example/${PATH}/acme",)),
        subject("python=3.10", channels=("https://channel.example/%USERNAME%",)),
    ],
)
def test_what_is_not_handed_to_a_program(tmp_path: Path, wanted: Subject) -> None:
    there = stand_in(tmp_path, DATA / "solved.json")
    (verdict,) = rehearse_halves([wanted], no_pip_half, solve(there, wanted))
    assert there.calls() == []
    (unproven,) = [one for one in verdict.problems if one.code == "conda-not-solved"]
    assert "not solved, since" in unproven.message
    assert "hush" not in unproven.message


def test_a_machine_without_any_of_the_programs(tmp_path: Path) -> None:
    with pytest.raises(CannotHere) as raised:
        solve_halves([GOOD], platform=PLATFORM, environment={"PATH": str(tmp_path)})
    assert raised.value.code == "conda-missing"
    assert "micromamba" in raised.value.cure
    plain = Subject("requirements.txt", ("left",))
    assert solve_halves([plain], platform=PLATFORM, environment={"PATH": ""}) == {}


def test_where_the_program_is_looked_for(tmp_path: Path) -> None:
    there = stand_in(tmp_path, "")
    place = there.environment["PATH"]
    assert find_program(there.environment) == Program("conda", f"{place}/conda")
    assert find_program({"PATH": "", "CONDA_EXE": f"{place}/conda"}) == Program(
        "conda", f"{place}/conda"
    )
    assert find_program({"PATH": "", "CONDA_EXE": "conda"}) is None
    stand_in(tmp_path, "", name="micromamba")
    assert find_program(there.environment) == Program("micromamba", f"{place}/micromamba")


@pytest.mark.parametrize(
    ("platform", "target"),
    [
        ("x86_64-manylinux_2_28", Target("linux-64", "2.28")),
        ("aarch64-manylinux2014", Target("linux-aarch64", "2.17")),
        ("linux", Target("linux-64", "2.28")),
        ("x86_64-pc-windows-msvc", Target("win-64", None)),
        ("aarch64-apple-darwin", Target("osx-arm64", None)),
        ("riscv64-unknown-linux", None),
    ],
)
def test_the_platform_in_condas_words(platform: str, target: Target | None) -> None:
    assert target_of(platform) == target


def test_nodefaults_is_no_channel() -> None:
    assert channels_of(CondaHalf((), ("acme", "nodefaults"))) == ["acme"]
    assert channels_of(CondaHalf((), ("nodefaults",))) == ["defaults"]


def test_a_solution_between_other_words() -> None:
    text = (DATA / "solved.json").read_bytes()
    noise = b'Collecting {package} metadata\n{"success": true}\n' + text
    found = solution_of(Finished(0, noise, b""))
    assert found
    assert python_in(found) == "3.10.4"
    assert solution_of(Finished(0, b"", b"")) is None

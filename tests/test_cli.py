"""The command line: parse, call, exit."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wheelstep import __version__
from wheelstep.cli import main
from wheelstep.commands import dispatch
from wheelstep.errors import Refused, SettingError, SeveralProblems
from wheelstep.ground.secret import Secret
from wheelstep.options import COMMANDS, OPTIONS
from wheelstep.report import Report


@pytest.fixture(autouse=True)
def _on_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("WHEELSTEP_", "GITHUB_", "INPUT_", "TF_BUILD")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # main() is the end of its process: what it leaves set is not left to the tests
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> list[Any]:
    """Let the command end so, and keep what it was called with."""
    called: list[Any] = []

    def run(*arguments: Any) -> None:
        called.append(arguments)
        report = arguments[-1]
        assert isinstance(report, Report)
        report.timings["survey"] = 0.5
        if error is not None:
            raise error
        report.status = "done"

    monkeypatch.setattr(dispatch, "run", run)
    return called


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"wheelstep {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    for name, meaning in COMMANDS.items():
        assert re.search(rf"^    {name} ", out, re.MULTILINE)
        assert " ".join(meaning.split()) in " ".join(out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_names_its_options_and_no_secret(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    flags = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    wanted = {f"--{row.name}" for row in OPTIONS if command in row.commands and row.as_flag}
    own = {"demo": {"--directory"}, "plan": {"--matrix"},
               "connect": {"--rotate", "--remove", "--print"},
               "mirror": {"--repair", "--yank", "--unyank", "--delete", "--reason"}}  # fmt: skip
    more: set[str] = own.get(command, set())
    assert flags == wanted | more | {"--json"}
    assert not any(f"--{row.name}" in flags for row in OPTIONS if row.kind == "secret")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["relase"],
        ["release", "--publish", "x"],
        ["release", "--feed-token", "x"],
        ["demo", "--publish-to", "x"],
        ["release", "--pin"],
        ["release", "acme==1"],
    ],
)
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("wheelstep: error: ")
    assert "--help`" in captured.err
    if arguments:
        assert main([*arguments, "--json"]) == 2
        document = json.loads(capsys.readouterr().out)
        assert document["problems"][0]["code"] == "usage"
        assert document["exit_code"] == 2


def test_flags_are_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = ends_with(monkeypatch, None)
    assert main(["release", "--packages", "a", "--packages", "b", "--no-skip-ci", "--json"]) == 0
    [(command, flags, environment, host, directory, report)] = called
    assert command == report.command == "release"
    assert flags["packages"] == ["a", "b"]
    assert flags["skip-ci"] is False
    assert flags["prebuilt"] is None
    assert environment == dict(os.environ)
    assert host.name == "terminal"
    assert directory == tmp_path


def test_promote_takes_names(monkeypatch: pytest.MonkeyPatch) -> None:
    called = ends_with(monkeypatch, None)
    assert main(["promote", "a==1", "--view", "Release", "b==2"]) == 0
    [(command, flags, *_)] = called
    assert (command, flags["released"], flags["view"]) == ("promote", ["a==1", "b==2"], "Release")


def test_publish_takes_names(monkeypatch: pytest.MonkeyPatch) -> None:
    called = ends_with(monkeypatch, None)
    assert main(["publish", "a==1", "--view", "Release", "b==2"]) == 0
    assert (called[0][0], called[0][1]["released"]) == ("publish", ["a==1", "b==2"])


def test_pin_takes_names(monkeypatch: pytest.MonkeyPatch) -> None:
    called = ends_with(monkeypatch, None)
    assert main(["pin", "acme==1.0", "--pin", "url", "other==2"]) == 0
    flags = called[0][1]
    assert flags["released"] == ["acme==1.0", "other==2"]
    assert flags["pin"] == "url"


def test_json_is_the_only_thing_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, None)
    assert main(["release", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["command"], document["status"], document["exit_code"]) == (
        "release", "done", 0,
    )  # fmt: skip
    assert document["timings"] == {"survey": 0.5}
    assert "Done." in captured.err
    assert main(["release"]) == 0
    assert "Done." in capsys.readouterr().out


def test_an_error_is_told_with_its_place_and_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = Refused("It is taken.", code="taken", cure="Raise it.", file="a.toml", line=3)
    wrong = SettingError("It is wrong.", code="wrong")
    ends_with(monkeypatch, SeveralProblems([wrong, refused]))
    assert main(["release", "--json"]) == 4
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["status"], document["exit_code"]) == ("failed", 4)
    assert [problem["code"] for problem in document["problems"]] == ["wrong", "taken"]
    for part in (
        "a.toml:3",
        "It is taken.",
        "Raise it.",
        "It is wrong.",
        "Failed with exit code 4",
    ):
        assert part in captured.err
    assert "Traceback" not in captured.err


def test_a_defect_of_ours_has_its_traceback_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = Secret("made-up-secret-in-a-traceback")
    ends_with(monkeypatch, ZeroDivisionError(f"by {secret.reveal()}"))
    assert main(["release", "--json"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["status"] == "failed"
    assert document["problems"][0]["code"] == "defect"
    assert "ZeroDivisionError" in document["problems"][0]["message"]
    assert "Traceback (most recent call last)" in captured.err
    assert "made-up-secret" not in captured.err + captured.out


SIGNALLED = """
import signal, sys, time
from wheelstep.commands import dispatch
from wheelstep.cli import main

def run(*arguments):
    signal.raise_signal(int(sys.argv[1]))
    time.sleep(60)

dispatch.run = run
sys.exit(main(["release", "--json"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_order(number: signal.Signals, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(int(number))],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert (document["status"], document["exit_code"]) == ("cancelled", code)
    assert document["problems"][0]["code"] == "stopped"


def test_a_console_that_lacks_a_sign(tmp_path: Path) -> None:
    (tmp_path / "wheelstep.toml").write_text('pin = "b\u00fccher \u2603"\n', encoding="utf-8")
    for encoding in ("ascii", "cp1252", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-m", "wheelstep", "release"],
            cwd=tmp_path,
            env=dict(os.environ) | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            capture_output=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 2, said
        assert b"Traceback" not in said
        assert b"none of version" in said

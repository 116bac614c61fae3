"""The command line: parse, call, exit. No decisions.

Imports stay inside the functions: `wheelstep --version` and `--help` start as fast as Python does.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, NoReturn, TextIO

    from wheelstep.hosts.interface import Host
    from wheelstep.report import Report

__all__ = ["main"]

NAMING_VERSIONS = {
    "pin": "take this released version instead of the newest",
    "promote": "the released version to promote",
    "publish": "copy this released version to the destinations that lack it, without building",
}
"""Commands that take versions, and what they do with them."""
LAST_MOMENT = 2.0
"""Seconds that a stopped run gives its threads; GitHub's runner kills after 10."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments without the program's name; the process's own when None.

    Returns:
        The exit code: see docs/exit-codes.md.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        from wheelstep import __version__

        sys.stdout.write(f"wheelstep {__version__}\n")
        return 0
    _stop_at_once()
    try:
        parsed = _parse(arguments)
    except _UsageError as error:
        return _misused(error, arguments)
    return _run(parsed)


def _stop_at_once() -> None:
    """Let a signal end the process without a word: while it only reads its arguments and imports,
    and when everything is done or given up."""
    import os
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: os._exit(128 + number))


class _UsageError(Exception):
    """The command line cannot be read; the text says why."""


def _misused(error: _UsageError, arguments: Sequence[str]) -> int:
    sys.stderr.write(f"wheelstep: error: {error}\n")
    if "--json" in arguments:
        from wheelstep.model import Problem
        from wheelstep.options import COMMANDS
        from wheelstep.report import Report

        command = arguments[0] if arguments[0] in COMMANDS else ""
        report = Report(command, exit_code=2, status="failed")
        report.add([Problem("usage", "error", 2, str(error), "See `wheelstep --help`.")])
        sys.stdout.write(report.json())
    return 2


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    from wheelstep.options import COMMANDS, OPTIONS

    parser = _parser(arguments)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        parser.error(f"there is no command {arguments[0]}{_near(arguments[0], COMMANDS)}")
    parsed, unknown = parser.parse_known_args(arguments)
    if parsed.command in NAMING_VERSIONS:
        # argparse takes the names that stand in one place, not those between options
        parsed.released += [word for word in unknown if not word.startswith("-")]
        unknown = [word for word in unknown if word.startswith("-")]
    if unknown:
        flags = [f"--{row.name}" for row in OPTIONS if row.as_flag]
        word = unknown[0].partition("=")[0]
        secret = next((row for row in OPTIONS if f"--{row.name}" == word), None)
        if secret is not None and not secret.as_flag:
            parser.error(f"{word} is no flag: a secret comes by {secret.variable} or as an input")
        if secret is not None:
            parser.error(f"{parsed.command} does not listen to {word}")
        parser.error(f"unrecognized argument {word}{_near(word, flags)}")
    return parsed


def _near(word: str, words: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(words), 1, 0.6)
    return f"; perhaps you meant {near[0]}" if near else ""


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    import argparse

    from wheelstep import __version__
    from wheelstep.options import COMMANDS, OPTIONS

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise _UsageError(f"{message} (see `{self.prog} --help`)")

    parser = Parser(
        prog="wheelstep",
        description="Build private wheels, publish them, pin them in Azure ML environments.",
        epilog="Every option is also an environment variable and a key in wheelstep.toml or "
        "[tool.wheelstep]: see docs/options.md. Exit codes: docs/exit-codes.md.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wheelstep {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in arguments if word in COMMANDS), None)
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(
            name, help=meaning, description=f"{name}: {meaning}.", allow_abbrev=False
        )
        if name != asked:
            continue  # only the asked command's options are made: the others are never shown
        command.add_argument(
            "--json", action="store_true", help="print the report as JSON on standard output"
        )
        if name in NAMING_VERSIONS:
            command.add_argument(
                "released", nargs="*", metavar="NAME==VERSION", help=NAMING_VERSIONS[name]
            )
        if name == "demo":
            command.add_argument(
                "--directory",
                metavar="DIR",
                help="where to lay everything out (a new or an empty folder; a temporary one when "
                "not given)",
            )
        _add_own(command, name)
        for row in OPTIONS:
            if name in row.commands and row.as_flag:
                _add(command, row)
    return parser


def _add_own(command: argparse.ArgumentParser, name: str) -> None:
    """Add the flags that are no options: of this command alone."""
    match name:
        case "plan":
            command.add_argument(
                "--matrix",
                action="store_true",
                help="print only the packages that would be built, as JSON for a CI matrix",
            )
        case "connect":
            _add_ways(command)
        case "mirror":
            _add_upkeep(command)


def _add_ways(command: argparse.ArgumentParser) -> None:
    ways = command.add_mutually_exclusive_group()
    for way, meaning in (
        ("rotate", "store a new token in every workspace that has the connection, and verify each"),
        ("remove", "delete the connection, after showing which definitions would stop building"),
        ("print", "print it for `az ml connection create --file`, without the secret"),
    ):
        ways.add_argument(f"--{way}", dest="way", action="store_const", const=way, help=meaning)


def _add_upkeep(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--repair",
        action="store_true",
        help="derive every page from what is really there, and end what was left half done",
    )
    for way, meaning in (
        ("yank", "let pip take this version only where it is pinned exactly"),
        ("unyank", "take that back"),
        ("delete", "remove this version, unless a definition or the lock still names it"),
    ):
        text = f"{meaning}. May be given several times."
        command.add_argument(
            f"--{way}", action="append", default=[], metavar="NAME==VERSION", help=text
        )
    command.add_argument("--reason", metavar="TEXT", help="why it is yanked: pip shows it")


def _add(command: argparse.ArgumentParser, row: Any) -> None:
    import argparse

    choices = f" One of {', '.join(row.choices)}." if row.choices else ""
    text = f"{row.meaning}{choices} [default: {row.default}]".replace("`", "").replace("%", "%%")
    flag = f"--{row.name}"
    match row.kind:
        case "switch":
            command.add_argument(
                flag,
                dest=row.name,
                action=argparse.BooleanOptionalAction,
                default=None,
                help=text,
            )
        case "list" | "destinations" | "definitions" | "allow":
            command.add_argument(
                flag,
                dest=row.name,
                action="append",
                metavar=row.placeholder,
                help=f"{text} May be given several times.",
            )
        case _:
            command.add_argument(
                flag,
                dest=row.name,
                metavar="|".join(row.choices) or row.placeholder,
                help=text,
            )


def _run(parsed: argparse.Namespace) -> int:
    import os
    from pathlib import Path

    from wheelstep.errors import StepError
    from wheelstep.ground.process import hide
    from wheelstep.hosts import host_of
    from wheelstep.report import Report

    hide()
    _plain_streams(sys.stdout, sys.stderr)
    flags = vars(parsed)
    environment: Mapping[str, str] = dict(os.environ)
    report = Report(parsed.command)
    # a document on standard output is alone there
    matrix = bool(flags.get("matrix"))
    document = parsed.json or matrix or flags.get("way") == "print"
    host = host_of(environment, sys.stdout, sys.stderr, json=document)
    try:
        with _signals():
            from wheelstep.commands import dispatch

            dispatch.run(parsed.command, flags, environment, host, Path.cwd(), report)
    except StepError as error:
        report.add(error.problems())
        report.give_up("cancelled" if error.code == "stopped" else "failed", error.exit_code)
    except Exception as error:  # noqa: BLE001 - a defect of ours: said as such, with its traceback
        _defect(error, host, report)
    return _finish(report, host, environment, json=parsed.json, matrix=matrix)


def _finish(
    report: Report, host: Host, environment: Mapping[str, str], *, json: bool, matrix: bool
) -> int:
    import os

    from wheelstep.commands import finish
    from wheelstep.errors import StepError
    from wheelstep.ground.threads import all_ended

    _stop_at_once()
    try:
        finish.finish(report, host, environment)
        if matrix and report.matrix is not None:
            host.document(report.matrix)
        elif json:
            host.document(report.json())
        sys.stdout.flush()
    except StepError as error:  # the log or the report cannot be written
        sys.stderr.write(f"error: {error.message} {error.cure}\n")
        return report.exit_code or error.exit_code
    if report.status == "cancelled":
        # what is writing a file is done in a moment, and leaves nothing half written; but a thread
        # that waits for a server would hold the process for a minute
        ended = all_ended(LAST_MOMENT)
        sys.stdout.flush()
        sys.stderr.flush()
        if not ended:
            os._exit(report.exit_code)
    return report.exit_code


def _defect(error: Exception, host: Host, report: Report) -> None:
    import traceback

    from wheelstep.model import Problem

    host.relay("".join(traceback.format_exception(error)))
    report.give_up("failed", 1)
    report.add(
        [
            Problem(
                code="defect",
                severity="error",
                exit_code=1,
                message=f"A defect in wheelstep itself: {type(error).__name__}: {error}.",
                cure="Report it with the traceback above. Running it again does no harm.",
            )
        ]
    )


def _plain_streams(*streams: TextIO) -> None:
    # a runner's console may be cp1252 or ASCII: a sign it lacks must not end the run
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _signals() -> Any:
    import contextlib
    import signal
    from types import FrameType

    from wheelstep.ground import stopping

    @contextlib.contextmanager
    def handled() -> Any:
        def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's own shape
            stopping.stop(number)

        stopping.begin()
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
            stopping.raise_if_asked()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    return handled()

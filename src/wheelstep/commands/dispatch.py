"""Which command does what: settings read, the run opened, the stages called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wheelstep.hosts.interface import Host
from wheelstep.options import Command
from wheelstep.report import Report

if TYPE_CHECKING:
    from wheelstep.stages.run import Run

__all__ = ["run"]


def run(  # noqa: PLR0917 - what comes from outside, once
    command: Command,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    host: Host,
    directory: Path,
    report: Report,
) -> None:
    """Run a command; the report is filled in as it goes.

    Args:
        command: One of options.COMMANDS.
        flags: What argparse gave.
        environment: This process's environment.
        host: Where the step runs.
        directory: What relative paths are relative to.
        report: Is filled in.

    Raises:
        StepError: See docs/exit-codes.md.
    """
    if command == "demo":
        from wheelstep.commands.demo import demo

        def release_sample(
            own: Mapping[str, str], local: Host, repository: Path, result: Report
        ) -> None:
            run("release", {}, own, local, repository, result)

        demo(flags, environment, host, report, release=release_sample)
        return
    from wheelstep.settings import load
    from wheelstep.stages.run import open_run

    settings = load(command, flags, environment=environment, host=host, directory=directory)
    this = open_run(settings, host, environment, report)
    with this.closing:
        _do(this, command, flags)
        this.note_unused_allowances()


def _do(this: Run, command: Command, flags: Mapping[str, Any]) -> None:  # noqa: C901 - a case each
    match command:
        case "release" | "plan":
            from wheelstep.release import release
            from wheelstep.stages.own_run import started_by_its_own_proposal

            if not started_by_its_own_proposal(this):
                release(this)
        case "publish" if flags.get("released"):
            from wheelstep.commands.copy_released import copy_released

            copy_released(this, cast("list[str]", flags["released"]))
        case "publish":
            from wheelstep.commands.parts import publish

            publish(this)
        case "build":
            from wheelstep.commands.parts import build_only

            build_only(this)
        case "connect":
            from wheelstep.commands.connect import connect

            connect(this, flags.get("way") or "store", as_json=bool(flags.get("json")))
        case "doctor":
            from wheelstep.commands.doctor import doctor

            doctor(this)
        case "pin":
            from wheelstep.commands.parts import pin

            pin(this, cast("list[str]", flags.get("released") or []))
        case "promote":
            from wheelstep.commands.promote import promote

            promote(this, cast("list[str]", flags.get("released") or []))
        case "mirror":
            from wheelstep.commands.mirror import Asked, mirror

            asked = Asked(
                repair=bool(flags.get("repair")),
                yanked=flags.get("yank") or (),
                unyanked=flags.get("unyank") or (),
                deleted=flags.get("delete") or (),
                reason=flags.get("reason"),
            )
            mirror(this, asked)
        case "rehearse":
            from wheelstep.commands.parts import rehearse

            rehearse(this)

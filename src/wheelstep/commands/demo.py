"""`wheelstep demo`: a whole release on a sample repository, on this machine alone."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wheelstep.commands.sample import FILES
from wheelstep.commands.show import show
from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.hosts.interface import Advance, Host, Mark, Trigger
from wheelstep.model import Problem
from wheelstep.report import Report

__all__ = ["demo"]

CONDA: Final = "environments/train/conda.yml"
PROOF: Final = "from acme_demo_features import features; print(features([1.0, 2.0, 4.0]))"


def demo(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    host: Host,
    report: Report,
    *,
    release: Callable[[Mapping[str, str], Host, Path, Report], None],
) -> None:
    """Make a sample repository, release it, install what the definition pins, release it again.

    Args:
        flags: `directory`: where to lay everything out.
        environment: This process's environment.
        host: Where text is shown.
        report: Gets the first release's report.
        release: Runs `wheelstep release` in a folder, with an environment, a host and a report.

    Raises:
        StepError: As a release does.
    """
    start = time.monotonic()
    place = _place(flags.get("directory"))
    repository, index, installed = place / "repository", place / "index", place / "environment"
    # what is set for a real release has no say in the sample
    own = {name: text for name, text in environment.items() if not name.startswith("WHEELSTEP_")}
    local = _OnThisMachine(host)
    git = _sample(repository, own)
    host.say("A git repository with two packages, a conda file and an Azure ML environment:")
    host.say(f"  {repository}\n\n$ wheelstep release")
    release(own, local, repository, report)
    show(report, host)
    host.say("\nThe commit:")
    host.relay(git.text("show", "--stat", "--format=  %h %s", "HEAD"))
    host.say("\nThe folder index:")
    for path in sorted(index.rglob("*")):
        if path.suffix in {".whl", ".html"}:
            host.say(f"  {path.relative_to(place).as_posix()}")

    host.say("\nThe definition's pip section, installed from that index into a fresh environment:")
    _install(repository, index, installed, own, host)

    host.say("\n$ wheelstep release   (once more)")
    again = Report("release")
    release(own, local, repository, again)
    show(again, host)
    host.say(
        f"\nEverything lies in {place}:\n"
        "  repository   the sample repository: try `git log -p`, change a package, release again\n"
        "  index        the folder index\n"
        "  environment  the environment with the installed packages\n"
        f"{time.monotonic() - start:.1f} s."
    )


@dataclass
class _OnThisMachine:
    """The host, for text only: the sample is no pipeline's, wherever the demo runs."""

    host: Host
    name: str = "terminal"
    is_ci: bool = False

    def mask(self, value: str) -> None:
        self.host.mask(value)

    def group(self, title: str) -> AbstractContextManager[None]:
        return self.host.group(title)

    def say(self, text: str) -> None:
        self.host.say(text)

    def relay(self, text: str) -> None:
        self.host.relay(text)

    def marked(self, rows: Sequence[tuple[Mark | None, str]]) -> None:
        self.host.marked(rows)

    def progress(self, title: str, total: int) -> AbstractContextManager[Advance]:
        return self.host.progress(title, total)

    def annotate(self, problem: Problem) -> None:
        self.host.annotate(problem)

    def output(self, name: str, value: str) -> None:
        """Hand nothing on."""

    def summary(self, markdown: str) -> None:
        """Write no page."""

    def document(self, text: str) -> None:
        self.host.document(text)

    def trigger(self) -> Trigger:
        return Trigger(branch=None)

    def job_token(self) -> Secret | None:
        return None

    def input(self, option: str) -> str | None:  # noqa: ARG002 - as the interface has it
        return None

    def seen(self, option: str, where: str, value: str) -> str | None:
        return self.host.seen(option, where, value)


def _place(directory: str | None) -> Path:
    try:
        if directory is None:
            return Path(tempfile.mkdtemp(prefix="wheelstep-demo-")).resolve()
        place = Path(directory).resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise SettingError(
                f"{directory} is no empty folder.",
                code="folder-not-empty",
                cure="Name a new or an empty folder with --directory.",
            )
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotHere.from_os_error(error, "making a place for the sample") from error
    return place


def _sample(repository: Path, environment: Mapping[str, str]) -> Git:
    try:
        for name, text in FILES.items():
            path = repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    except OSError as error:
        raise CannotHere.from_os_error(error, "writing the sample repository") from error
    git = Git(repository, environment)
    git.output("init", "--quiet", "--initial-branch", "main")
    git.output("config", "user.name", "wheelstep demo")
    git.output("config", "user.email", "demo@example.invalid")
    git.output("config", "core.autocrlf", "false")
    git.output("config", "core.hooksPath", ".git/no-hooks")
    git.output("add", "--all")
    git.output("-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "A sample")
    return git


def _install(
    repository: Path, index: Path, target: Path, environment: Mapping[str, str], host: Host
) -> None:
    from wheelstep.definitions.conda import Conda
    from wheelstep.rehearsal.install import install_pip_section

    try:
        data = (repository / CONDA).read_bytes()
    except OSError as error:
        raise CannotHere.from_os_error(error, "reading the definition") from error
    installed = install_pip_section(
        Conda().read(CONDA, data).sections[0].pip_lines,
        target=target,
        index_url=f"{(index / 'simple').as_uri()}/",
        environment=environment,
    )
    for name, version in sorted(installed.items()):
        host.say(f"  {name} {version}")
    python = next(
        path for path in (target / "bin" / "python", target / "Scripts" / "python.exe")
        if path.exists()
    )  # fmt: skip
    proof = subprocess.run(
        [python, "-c", PROOF],
        env={**environment, "PYTHONPATH": ""},
        capture_output=True,
        check=False,
        text=True,
    )
    if proof.returncode != 0:
        raise CannotHere(
            f"What was installed cannot be imported: {proof.stderr.strip()}",
            code="sample-broken",
            cure="Report it: the sample is wheelstep's own.",
        )
    host.say(f'  $ python -c "{PROOF}"\n  {proof.stdout.strip()}')

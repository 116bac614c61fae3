"""One package's PEP 517 back end, run by `build` in an isolated environment, and what it says when
it fails.

Back ends are children that get no secret, a fixed time zone, locale, hash seed and
SOURCE_DATE_EPOCH, and compiler flags that keep this machine's paths out of the output.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from wheelstep.errors import BuildFailed, CannotHere, StepError
from wheelstep.ground.process import run
from wheelstep.ground.secret import redact
from wheelstep.model import Project
from wheelstep.packages.environments import (
    BuildEnvironments,
    IsolatedEnvironment,
    RequirementsFailed,
    path_with,
)

if TYPE_CHECKING:
    from build import ProjectBuilder

__all__ = ["Backend", "Log"]

SETTLED: Final = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "",
    "NO_COLOR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_KEYRING_PROVIDER": "disabled",
    "UV_KEYRING_PROVIDER": "disabled",
    "GIT_TERMINAL_PROMPT": "0",
}
"""What every back end gets, so that the same commit gives the same bytes on any machine."""

MAPPING_COMPILER: Final = re.compile(r"(?:^|-)(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+)(?:-[\d.]+)?$")
"""Compilers that know -ffile-prefix-map: gcc since 8, clang since 10."""

SHOWN_LINES: Final = 12
"""How many lines of a failing back end's output an error quotes; the log has them all."""

_constructing = threading.Lock()


class Log:
    """What one build said, in order."""

    def __init__(self) -> None:
        """Start empty."""
        self._parts: list[str] = []

    def add(self, text: str) -> None:
        """Append a text; it ends its line."""
        if text:
            self._parts.append(text if text.endswith("\n") else text + "\n")

    @property
    def text(self) -> str:
        """Everything, secrets blanked."""
        return redact("".join(self._parts))


class Backend:
    """A package's back end, ready to be asked."""

    def __init__(
        self,
        project: Project,
        source: Path,
        *,
        environments: BuildEnvironments,
        constraints: Sequence[str],
        epoch: int | None,
        log: Log,
    ) -> None:
        """Prepare; nothing is run yet.

        Args:
            project: The package.
            source: Its folder in a clean export, at its normal place below the export's root; the
                path of that root stays out of the output.
            environments: Where the isolated environments are.
            constraints: `name==version` of the tools to prefer.
            epoch: SOURCE_DATE_EPOCH; unset when None.
            log: Gets what the back end says.
        """
        self.project = project
        self.name = _backend_name(source)
        self._source = source
        self._root = _root(source, project)
        self._environments = environments
        self._constraints = constraints
        self._epoch = epoch
        self._log = log

    def build_wheel(self, out: Path) -> tuple[Path, IsolatedEnvironment]:
        """Build the wheel into a folder.

        Returns:
            The wheel, and the environment it was built in.

        Raises:
            RequirementsFailed: The build requirements cannot be installed.
            BuildFailed: The back end fails.
            CannotHere: Disk full, no Python.
        """
        with self._telling():
            builder, environment = self._builder()
            made = Path(builder.build("wheel", out))
            if made.parent != out or not made.is_file():
                raise BuildFailed(
                    f"The back end {self.name} of {self._whose} says that it wrote {made.name}, "
                    "but there is no such file.",
                    code="build-failed",
                    cure="Report it to the back end's project, or take another release of it.",
                    file=self.file,
                )
            return made, environment

    def metadata(self, work: Path) -> bytes:
        """Return the METADATA that the wheel will have.

        Args:
            work: An empty folder.

        Raises:
            StepError: As `build_wheel`.
        """
        with self._telling():
            builder, _ = self._builder()
            return (Path(builder.metadata_path(work)) / "METADATA").read_bytes()

    @property
    def file(self) -> str:
        """The file that a reader mends, relative to the repository's root."""
        names = ("pyproject.toml", "setup.py", "setup.cfg")
        name = next((name for name in names if (self._source / name).is_file()), names[0])
        return name if self.project.directory == "." else f"{self.project.directory}/{name}"

    @property
    def _whose(self) -> str:
        return f"{self.project.name} ({self.project.directory})"

    def _builder(self) -> tuple[ProjectBuilder, IsolatedEnvironment]:
        """Return the builder in an environment that has all build requirements."""
        requirements = self._in(None).build_system_requires
        environment = self._environments.get(requirements, self._constraints)
        builder = self._in(environment)
        extra = builder.get_requires_for_build("wheel")
        if not environment.satisfies(extra):
            environment = self._environments.get(requirements | extra, self._constraints)
            builder = self._in(environment)
        self._log.add(environment.note)
        return builder, environment

    def _in(self, environment: IsolatedEnvironment | None) -> ProjectBuilder:
        from build import ProjectBuilder

        # `build` warns of misspelt keys; the filters are the whole process's, so one at a time
        with _constructing, warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            if environment is None:
                return ProjectBuilder(self._source)
            builder = ProjectBuilder.from_isolated_env(
                environment, self._source, self._runner(environment)
            )
        for warning in seen:
            self._log.add(f"warning: {warning.message}")
        return builder

    def _runner(self, environment: IsolatedEnvironment) -> _Runner:
        return _Runner(self._child_environment(environment), self._log)

    def _child_environment(self, environment: IsolatedEnvironment) -> dict[str, str]:
        base = self._environments.child_environment
        child = dict(base) | SETTLED
        child["PATH"] = path_with(environment, base)
        # compiled once for all packages, and nowhere near the sources that are being packed
        child["PYTHONPYCACHEPREFIX"] = str(environment.folder / "compiled")
        # a back end that looks for a repository finds the export's own or none
        child["GIT_CEILING_DIRECTORIES"] = str(self._environments.folder)
        if self._epoch is not None:
            child["SOURCE_DATE_EPOCH"] = str(self._epoch)
        maps = {self._root: ".", environment.folder: "build-environment"}
        return child | _compiler_flags(base, maps)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn whatever goes wrong into an error for the reader."""
        from build import BuildBackendException, BuildException

        try:
            yield
        except (StepError, RequirementsFailed):
            raise
        except BuildBackendException as error:
            raise self._told(error.exception) from error
        except BuildException as error:
            raise BuildFailed(
                f"{self._whose} cannot be built: {self._plain(str(error))}.",
                code="build-failed",
                cure="Correct the file; `[build-system]` is described in PEP 518 and PEP 517.",
                file=self.file,
            ) from error
        except OSError as error:
            raise CannotHere.from_os_error(error, f"building {self.project.name}") from error

    def _told(self, error: Exception) -> StepError:
        from pyproject_hooks import BackendUnavailable

        said = self._plain(_meaningful(self._log.text))
        if isinstance(error, StepError):
            return error
        if "No space left on device" in said:
            return CannotHere(
                f"The disk was full while {self._whose} was built.",
                code="disk-full",
                cure="Free some disk space.",
            )
        if isinstance(error, BackendUnavailable):
            return BuildFailed(
                f"The build back end {self.name} of {self._whose} cannot be loaded.\n"
                f"{self._plain(_meaningful(error.traceback))}",
                code="no-build-backend",
                cure="Let `build-system.requires` name the package that provides it.",
                file=self.file,
            )
        if not isinstance(error, subprocess.CalledProcessError):
            said = self._plain(f"{type(error).__name__}: {error}")
        return BuildFailed(
            f"The build back end {self.name} of {self._whose} failed.\n{said}".rstrip(),
            code="build-failed",
            cure="The build's whole output is in the log; "
            f"`python -m build --wheel {self.project.directory}` in a fresh clone shows the same.",
            file=self.file,
        )

    def _plain(self, text: str) -> str:
        """Name files as the repository does: the export's own path means nothing to a reader."""
        return redact(text).replace(f"{self._root}/", "").replace(str(self._root), ".")


class _Runner:
    """Runs a hook for `build`, keeping what it says."""

    def __init__(self, environment: Mapping[str, str], log: Log) -> None:
        self._environment = environment
        self._log = log

    def __call__(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        done = run(
            cmd,
            environment=dict(self._environment) | dict(extra_environ or {}),
            cwd=Path(cwd) if cwd is not None else None,
            merge_output=True,
        )
        self._log.add(done.text)
        if done.code != 0:
            raise subprocess.CalledProcessError(done.code, list(cmd))
        self._take_warnings(Path(cmd[-1]) / "output.json")

    def _take_warnings(self, answer: Path) -> None:
        """Put a hook's warnings into its log: pyproject_hooks would warn of them in this process,
        past the log, unescaped and for no package in particular."""
        if not answer.is_file():
            return
        data = json.loads(answer.read_text(encoding="utf-8"))
        for warning in data.get("warnings", ()):
            self._log.add(f"warning: {warning['message']}")
        if data.get("warnings"):
            data["warnings"] = []
            answer.write_text(json.dumps(data), encoding="utf-8")


def _root(source: Path, project: Project) -> Path:
    """Return the root of the export that a package's folder lies in."""
    parts = PurePosixPath(project.directory).parts
    if parts and source.parts[-len(parts) :] == parts:
        return source.parents[len(parts) - 1]
    return source


def _backend_name(source: Path) -> str:
    """Return the back end's name for errors; the legacy one where none is named (PEP 517)."""
    try:
        table = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        table = {}
    match table.get("build-system"):
        case {"build-backend": str() as name}:
            return name
        case _:
            return "setuptools.build_meta:__legacy__"


def _compiler_flags(base: Mapping[str, str], maps: Mapping[Path, str]) -> dict[str, str]:
    """Return CFLAGS and CXXFLAGS that map this machine's paths away in debug information and
    `__FILE__`, where the compiler is one that can."""
    if sys.platform == "win32":
        return {}
    flags = {}
    for variable, compiler in (("CFLAGS", "CC"), ("CXXFLAGS", "CXX")):
        words = base.get(compiler, "cc").split()
        if any(MAPPING_COMPILER.search(Path(word).name) for word in words):
            mapped = [
                shlex.quote(f"-ffile-prefix-map={path}={name}") for path, name in maps.items()
            ]
            flags[variable] = " ".join([base.get(variable, ""), *mapped]).strip()
    return flags


def _meaningful(text: str) -> str:
    """Return the last lines that tell what went wrong: without the frames of tracebacks."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and (line.startswith(" ") or not line.strip()):
            continue
        else:
            inside = False
            if line.strip():
                lines.append(line.rstrip())
    return "\n".join(lines[-SHOWN_LINES:])

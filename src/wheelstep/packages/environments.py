"""Isolated environments for build back ends: one for all packages with equal build requirements.

Making an environment costs several times what the back end's own work does, so that each is made
once, by the first package that needs it, while others wait for it. uv makes and fills them: five
to ten times faster than venv and pip. `build`'s own environment class is not used because it hands
this process's whole environment, secrets included, to uv and so to every build requirement's code.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wheelstep.errors import BuildFailed, CannotHere, DefinitionUnresolvable, StepError
from wheelstep.ground.process import Finished, child_environment
from wheelstep.ground.secret import known_forms, without_credentials
from wheelstep.ground.uv import explanation, run_uv, uv_error

__all__ = ["BuildEnvironments", "IsolatedEnvironment", "RequirementsFailed", "path_with"]

FOREIGN: Final = frozenset(
    {
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PYTHONWARNINGS",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONOPTIMIZE",
        "PYTHONSAFEPATH",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT_ENVIRONMENT",
        # set inside a git hook: they would send a back end that reads git to another repository
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_OBJECT_DIRECTORY",
    }
)
"""Variables that belong to the environment wheelstep runs in, not to the one it makes."""

PASSWORD_IN_URL: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")

SHORTEST_SECRET: Final = 8
"""Characters: a shorter secret would be found by accident in ordinary values."""


@dataclass(frozen=True, slots=True)
class IsolatedEnvironment:
    """One environment; fits the protocol `build.env.IsolatedEnv`."""

    folder: Path
    python: Path
    scripts: Path
    requirements: tuple[str, ...]
    """What was asked for, sorted."""
    resolved: tuple[str, ...]
    """What is installed, `name==version`, sorted."""
    note: str = ""
    """What the reader should know about how it came about; usually nothing."""
    versions: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Normalised name -> installed version."""

    @property
    def python_executable(self) -> str:
        """The interpreter, as `build` asks for it."""
        return str(self.python)

    def make_extra_environ(self) -> Mapping[str, str] | None:
        """Return nothing: the runner hands the whole environment over (see packages/build.py)."""
        return None

    def satisfies(self, requirements: Iterable[str]) -> bool:
        """Tell whether these requirements hold here already, so that no other one is needed.

        Raises:
            RequirementsFailed: One is no PEP 508 requirement.
        """
        for wanted in map(Requirement, _parsed(requirements)):
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            version = self.versions.get(canonicalize_name(wanted.name))
            if version is None or wanted.url is not None or wanted.extras:
                return False
            if not wanted.specifier.contains(version, prereleases=True):
                return False
        return True


class RequirementsFailed(Exception):
    """The build requirements could not be installed; the same for every package that has them."""

    def __init__(self, tell: Callable[[str], StepError]) -> None:
        """Keep how to tell it.

        Args:
            tell: Returns the error, given the packages that need the requirements.
        """
        super().__init__("The build requirements could not be installed.")
        self._tell = tell

    def for_packages(self, names: Sequence[str]) -> StepError:
        """Return the error, naming who needs the requirements (normalised names)."""
        error = self._tell(", ".join(names))
        error.packages = tuple(names)
        return error


_Key = tuple[tuple[str, ...], tuple[str, ...]]


class BuildEnvironments:
    """The isolated environments of one run; use it as a context manager. Safe for threads."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        uv_environment: Mapping[str, str],
    ) -> None:
        """Prepare; nothing is made yet.

        Args:
            environment: This process's; secrets are left out of what children get.
            uv_environment: uv's whole environment, from `ground.public_index.uv_environment`.
        """
        self.child_environment: Mapping[str, str] = _harmless(_own(environment))
        """What every back end starts from: no secrets, nothing of the environment we run in."""
        self._uv_environment = _own(uv_environment)
        self._made: dict[_Key, Future[IsolatedEnvironment]] = {}
        self._lock = threading.Lock()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="wheelstep-build-", ignore_cleanup_errors=True
            )
        except OSError as error:
            raise CannotHere.from_os_error(error, "making a folder for the builds") from error
        # its first call fills a table that other threads would see half full (CPython 3.11)
        sysconfig.get_config_vars()
        # resolved: compilers write the real path into their output (/private/var on macOS)
        self._folder = Path(self._temporary.name).resolve()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def folder(self) -> Path:
        """The folder that holds everything of this run's builds; its path is in no wheel."""
        if self._folder is None:
            raise RuntimeError("BuildEnvironments is used outside of its `with` block")
        return self._folder

    def work_folder(self, name: str) -> Path:
        """Return a new folder for one build, removed with everything else.

        Raises:
            CannotHere: It cannot be made.
        """
        try:
            return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        except OSError as error:
            raise CannotHere.from_os_error(error, "making a folder for a build") from error

    def get(
        self, requirements: Iterable[str], constraints: Sequence[str] = ()
    ) -> IsolatedEnvironment:
        """Return the environment with these requirements, made now or by an earlier call.

        Args:
            requirements: PEP 508 requirements.
            constraints: `name==version` of the last release's tools; where they no longer fit
                (withdrawn, or the package asks for newer ones) the newest that fit are taken.

        Raises:
            RequirementsFailed: They cannot be installed.
            CannotHere: The environment cannot be made.
        """
        wanted = _parsed(requirements)
        kept = tuple(sorted(set(_valid(constraints))))
        key = (wanted, kept)
        with self._lock:
            future = self._made.get(key)
            first = future is None
            if future is None:
                future = self._made[key] = Future()
            number = len(self._made)
        if first:
            try:
                future.set_result(self._make(self.folder / f"environment-{number}", wanted, kept))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def _make(
        self, folder: Path, requirements: tuple[str, ...], constraints: tuple[str, ...]
    ) -> IsolatedEnvironment:
        done = self._uv("venv", "--quiet", "--python", sys.executable, str(folder))
        if done.code != 0:
            error = uv_error(done, "making an isolated environment for the build")
            raise CannotHere(error.message, code=error.code, cure=error.cure) from error
        paths = _paths(folder)
        python = paths["scripts"] / ("python.exe" if sys.platform == "win32" else "python")
        note = ""
        if requirements:
            note = self._install(folder, python, requirements, constraints)
        found = metadata.distributions(
            path=[str(folder) for folder in dict.fromkeys((paths["purelib"], paths["platlib"]))]
        )
        versions = {str(canonicalize_name(item.name)): item.version for item in found}
        return IsolatedEnvironment(
            folder=folder,
            python=python,
            scripts=paths["scripts"],
            requirements=requirements,
            resolved=tuple(sorted(f"{name}=={version}" for name, version in versions.items())),
            note=note,
            versions=versions,
        )

    def _install(
        self,
        folder: Path,
        python: Path,
        requirements: tuple[str, ...],
        constraints: tuple[str, ...],
    ) -> str:
        """Install; return what the reader should know about it."""
        command = ["pip", "install", "--quiet", "--python", str(python), "--requirements", "-"]
        # by standard input: a requirement may name a URL with a password in it
        listing = "".join(f"{line}\n" for line in requirements).encode()
        note = ""
        if constraints:
            file = folder / "constraints.txt"
            file.write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
            done = self._uv(*command, "--constraints", str(file), stdin=listing)
            if done.code == 0 or _not_theirs(done):
                return _judged(done, requirements)
            note = (
                "The build requirements of the last release no longer fit, so the newest that do "
                f"were taken. {explanation(done.error_text)}"
            )
        return _judged(self._uv(*command, stdin=listing), requirements) or note

    def _uv(self, *arguments: str, stdin: bytes = b"") -> Finished:
        # in a folder of ours: a project's own settings for uv are none of the build's
        return run_uv(arguments, environment=self._uv_environment, cwd=self.folder, stdin=stdin)


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in FOREIGN}


def _harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without secrets: by name, by value, and in the URLs of indexes, which
    a back end has no use for."""
    secrets = [form.decode() for form in known_forms() if len(form) >= SHORTEST_SECRET]
    return {
        name: value
        for name, value in child_environment(environment).items()
        if not name.startswith(("PIP_", "UV_"))
        and (name == "PATH" or not any(secret in value for secret in secrets))
        # a proxy may be the only way out of this network
        and (name.upper().endswith("_PROXY") or not PASSWORD_IN_URL.search(value))
    }


def _not_theirs(done: Finished) -> bool:
    """Tell whether uv failed for another reason than what was asked for: without the constraints
    it would fail again."""
    return not isinstance(uv_error(done, "installing"), DefinitionUnresolvable)


def _judged(done: Finished, requirements: Sequence[str]) -> str:
    """Return nothing when uv installed them.

    Raises:
        RequirementsFailed: It did not.
    """
    if done.code == 0:
        return ""

    def tell(whose: str) -> StepError:
        error = uv_error(done, f"installing the build requirements of {whose}")
        if not isinstance(error, DefinitionUnresolvable):
            return error
        return BuildFailed(
            f"The build requirements of {whose} ({', '.join(map(_shown, requirements))}) cannot be "
            f"installed. {error.message}",
            code="build-requirements",
            cure="Correct `build-system.requires`, or let pip be configured with an index that has "
            "them (PIP_INDEX_URL).",
        )

    raise RequirementsFailed(tell)


def _shown(text: str) -> str:
    requirement = Requirement(text)
    if requirement.url is None:
        return text
    return f"{requirement.name} @ {without_credentials(requirement.url)}"


def _paths(folder: Path) -> Mapping[str, Path]:
    base = {"base": str(folder), "platbase": str(folder), "installed_base": str(folder)}
    paths = sysconfig.get_paths(scheme="venv", vars=base)
    return {name: Path(paths[name]) for name in ("scripts", "purelib", "platlib")}


def _parsed(requirements: Iterable[str]) -> tuple[str, ...]:
    """Return the requirements in one spelling, sorted.

    Raises:
        RequirementsFailed: One is no PEP 508 requirement.
    """
    parsed: set[str] = set()
    for text in requirements:
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, RecursionError) as error:
            raise RequirementsFailed(partial(_no_requirement, text, error)) from error
        requirement.name = canonicalize_name(requirement.name)
        parsed.add(str(requirement))
    return tuple(sorted(parsed))


def _no_requirement(text: str, error: Exception, whose: str) -> BuildFailed:
    return BuildFailed(
        f"{whose} asks for {text!r} to build with, which is no valid requirement: "
        f"{str(error).splitlines()[0]}.",
        code="build-requirement-invalid",
        cure="Write it as PEP 508 has it, e.g. `setuptools>=77`.",
    )


def _valid(constraints: Collection[str]) -> Iterator[str]:
    """Yield the lines that are constraints: the lock may have been edited by hand."""
    for line in constraints:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.url is None and not requirement.extras:
            yield line


def path_with(environment: IsolatedEnvironment, base: Mapping[str, str]) -> str:
    """Return PATH with the environment's scripts first: back ends such as uv_build and ninja are
    programs there."""
    path = base.get("PATH", "")
    return os.pathsep.join([str(environment.scripts), path] if path else [str(environment.scripts)])

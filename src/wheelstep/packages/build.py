"""Builds wheels with the packages' own PEP 517 back ends: in parallel, isolated, reproducibly.

Each package is built from its own clean export, in the environment that all packages with equal
build requirements share. A wheel reaches `dist` only after it has passed inspection.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from wheelstep.errors import BuildFailed, CannotHere, StepError, raise_all
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Package, Project
from wheelstep.packages.backend import Backend, Log
from wheelstep.packages.content import headers_and_body
from wheelstep.packages.environments import BuildEnvironments, RequirementsFailed
from wheelstep.packages.inspect import inspect_wheel
from wheelstep.packages.interface import Built, Output

__all__ = ["Exporter", "build_all", "evaluate"]

Exporter = Callable[[Package, Path], Path]
"""Fills an empty folder with a package's clean export; returns the package's folder in it."""


def build_all(
    packages: Sequence[Package],
    *,
    exporter: Exporter,
    environments: BuildEnvironments,
    dist: Path,
    parallel: int,
    constraints: Mapping[str, Sequence[str]],
    output: Output,
) -> list[Built]:
    """Build every package's wheel into `dist`.

    Args:
        packages: What to build.
        exporter: Makes a clean export of a package; called from several threads.
        environments: Where the isolated environments are; those used for evaluating versions serve
            again.
        dist: Where wheels go; made where it is missing. A file of the same name is replaced, others
            are left alone.
        parallel: How many builds at once; at least 1.
        constraints: For each normalised name the build requirements of its last release.
        output: Gets each build's whole output when it has ended, from the calling thread.

    Returns:
        In the order of `packages`.

    Raises:
        BuildFailed: A package does not build, or its wheel is not valid.
        Refused: A wheel holds a secret.
        ServiceRefused: The index of the build requirements lets nobody in.
        ServiceUnavailable: That index does not answer.
        CannotHere: Disk full, `dist` not writable.
        SeveralProblems: Several of them. Each error's `packages` says whose it is.
    """
    if not packages:
        return []
    with _on_this_machine("making the folder for wheels"):
        dist.mkdir(parents=True, exist_ok=True)
    logs = [Log() for _ in packages]
    pool = ThreadPool(max(1, min(parallel, len(packages))), thread_name_prefix="build")
    try:
        futures = [
            pool.submit(
                _build,
                package,
                exporter=exporter,
                environments=environments,
                dist=dist,
                constraints=constraints.get(package.name, ()),
                log=log,
            )
            for package, log in zip(packages, logs, strict=True)
        ]
        numbers = {future: number for number, future in enumerate(futures)}
        for future in as_completed(futures):
            package = packages[numbers[future]]
            output(f"Build {package.name} {package.version}", logs[numbers[future]].text)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    _raise_failures(packages, futures)
    return [future.result() for future in futures]


def evaluate(
    source: Path,
    project: Project,
    *,
    environments: BuildEnvironments,
    constraints: Sequence[str] = (),
    epoch: int | None = None,
) -> tuple[str, str]:
    """Ask the back end for the name and version (PEP 517 `prepare_metadata_for_build_wheel`, or
    the metadata of a wheel where it has no such hook). Safe for threads.

    Args:
        source: The package's folder in a clean export.
        project: The package.
        environments: Where the isolated environments are.
        constraints: As in `build_all`: with the same ones the build uses the same environment.
        epoch: SOURCE_DATE_EPOCH, seconds since 1970; unset when None.

    Returns:
        The name as the back end spells it, and the version as PEP 440 normalises it.

    Raises:
        StepError: As `build_all`.
    """
    work = environments.work_folder("metadata")
    backend = Backend(
        project,
        source,
        environments=environments,
        constraints=constraints,
        epoch=epoch,
        log=Log(),
    )
    try:
        headers, _ = headers_and_body(backend.metadata(work))
    except RequirementsFailed as error:
        raise error.for_packages([project.name]) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    found = {name.lower(): value for name, value in headers}
    name, version = found.get("name", ""), found.get("version", "")
    try:
        return name, str(Version(version))
    except InvalidVersion as error:
        raise BuildFailed(
            f"The back end {backend.name} gives {project.name} ({project.directory}) the version "
            f"{version!r}, which PEP 440 does not allow.",
            code="version-invalid",
            cure="Correct where the version comes from: the file, or the tag.",
            file=backend.file,
        ) from error


def _build(
    package: Package,
    *,
    exporter: Exporter,
    environments: BuildEnvironments,
    dist: Path,
    constraints: Sequence[str],
    log: Log,
) -> Built:
    work = environments.work_folder("build")
    try:
        with _on_this_machine(f"building {package.name}"):
            target = work / "source"
            target.mkdir()
            backend = Backend(
                package.project,
                exporter(package, target),
                environments=environments,
                constraints=constraints,
                epoch=package.sources.epoch,
                log=log,
            )
            made, environment = backend.build_wheel(work / "wheel")
            wheel = inspect_wheel(made, expected=package, forbidden_paths=[environments.folder])
            return Built(
                package=package,
                wheels=(replace(wheel, path=_into(dist, made)),),
                build_requirements=environment.resolved,
            )
    except (StepError, RequirementsFailed) as error:
        place = error.file if isinstance(error, StepError) else None
        log.add(f"{place}: {error}" if place else str(error))
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _into(dist: Path, made: Path) -> Path:
    """Move a wheel into `dist`: under its name there is always a whole file or none."""
    target = dist / made.name
    part = dist / f".{made.name}.part"
    try:
        # made anew: through a link that waits under this name another file would be written
        part.unlink(missing_ok=True)
        # a write that fails does not say to where
        with _on_this_machine(f"copying {made.name} to {dist}"):
            with part.open("xb") as out, made.open("rb") as source:
                shutil.copyfileobj(source, out)
            shutil.copymode(made, part)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


@contextmanager
def _on_this_machine(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotHere.from_os_error(error, doing) from error


def _raise_failures(packages: Sequence[Package], futures: Sequence[Future[Built]]) -> None:
    """Raise what went wrong; a failure that several packages share is told once."""
    errors: list[StepError] = []
    shared: dict[int, tuple[RequirementsFailed, list[str]]] = {}
    for package, future in zip(packages, futures, strict=True):
        match future.exception():
            case None:
                pass
            case RequirementsFailed() as failed:
                shared.setdefault(id(failed), (failed, []))[1].append(package.name)
            case StepError() as error:
                error.packages = tuple(sorted({*error.packages, package.name}))
                errors += [error] if not any(error is told for told in errors) else []
            case other:
                raise other
    errors += [failed.for_packages(sorted(names)) for failed, names in shared.values()]
    raise_all(errors)

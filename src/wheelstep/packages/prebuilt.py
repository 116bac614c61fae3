"""Wheels that other jobs built, as a build matrix with native code does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from wheelstep.errors import BuildFailed, CannotHere, SettingError, StepError, raise_all
from wheelstep.model import Package, Wheel
from wheelstep.packages.inspect import inspect_wheel
from wheelstep.packages.interface import Built

__all__ = ["prebuilt_wheels"]


def prebuilt_wheels(
    dist: Path, packages: Sequence[Package], *, others: Collection[str] = ()
) -> list[Built]:
    """Take the wheels in `dist` instead of building; each is inspected like one of our own.

    Args:
        dist: Where the wheels lie, directly.
        packages: What is to be released; each needs at least one wheel, of its planned version.
        others: Normalised names of the repository's packages that need no release: their wheels
            are passed over.

    Returns:
        In the order of `packages`; a package's wheels sorted by file name.

    Raises:
        SettingError: `dist` is no folder.
        BuildFailed: A package has no wheel, a wheel belongs to no package, has another version,
            is there twice, or is not valid.
        Refused: A wheel holds a secret.
        CannotHere: A file cannot be read.
        SeveralProblems: Several of them. Each error's `packages` says whose it is.
    """
    wanted = {package.name: package for package in packages}
    found: dict[str, list[Wheel]] = {name: [] for name in wanted}
    errors: list[StepError] = []
    told: set[str] = set()  # whose wheel is there, but faulty: it is not missing as well
    tags: dict[tuple[object, ...], str] = {}
    try:
        paths = _wheel_files(dist)
    except StepError as error:
        error.packages = tuple(sorted(wanted))
        raise
    for path in paths:
        name = _name(path)
        if name not in wanted and name in others:
            continue
        try:
            if name not in wanted:
                raise _stranger(path, name, wanted)
            wheel = inspect_wheel(path, expected=wanted[name])
            key = (name, *parse_wheel_filename(path.name)[1:])
            if key in tags:
                raise BuildFailed(
                    f"{tags[key]} and {path.name} in {dist.name} are the same wheel twice.",
                    code="wheel-twice",
                    cure="Remove one of them.",
                )
            tags[key] = path.name
            found[name].append(wheel)
        except StepError as error:
            error.packages = (name,) if name in wanted else ()
            errors.append(error)
            told.add(name)
    errors += [
        _missing(wanted[name], dist)
        for name, wheels in sorted(found.items())
        if not wheels and name not in told
    ]
    raise_all(errors)
    return [
        Built(
            package=package, wheels=tuple(found[package.name]), build_requirements=(), prebuilt=True
        )
        for package in packages
    ]


def _wheel_files(dist: Path) -> list[Path]:
    try:
        return sorted(path for path in dist.iterdir() if path.suffix == ".whl" and path.is_file())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SettingError(
            f"The folder {dist.name} (`dist`) is not there, so there are no prebuilt wheels.",
            code="no-dist",
            cure="Run `wheelstep build`, or download the wheels of the build jobs into it, or "
            "point `dist` at them.",
        ) from error
    except OSError as error:
        raise CannotHere.from_os_error(error, "looking for prebuilt wheels") from error


def _name(path: Path) -> str:
    try:
        return parse_wheel_filename(path.name)[0]
    except InvalidWheelFilename:
        # as far as it can be told: the inspection says what is wrong with it
        return canonicalize_name(path.name.partition("-")[0])


def _stranger(path: Path, name: str, wanted: Collection[str]) -> BuildFailed:
    return BuildFailed(
        f"{path.name} in {path.parent.name} is a wheel of {name}, which is no package of this "
        f"release ({', '.join(sorted(wanted)) or 'none'}).",
        code="wheel-unknown",
        cure="Remove it, or let `packages` name its folder.",
    )


def _missing(package: Package, dist: Path) -> BuildFailed:
    error = BuildFailed(
        f"There is no wheel of {package.name} {Version(package.version)} ({package.directory}) in "
        f"{dist.name}.",
        code="wheel-missing",
        cure="Run `wheelstep build`, or let the build jobs hand it over, or leave the package out "
        "with `!` in `packages`.",
    )
    error.packages = (package.name,)
    return error

"""Packages -> wheels: built from clean exports, or taken as other jobs built them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.errors import CannotHere, StepError, raise_all
from wheelstep.model import Package
from wheelstep.packages.environments import BuildEnvironments
from wheelstep.packages.export import export
from wheelstep.packages.interface import Built
from wheelstep.packages.sources import fingerprint, locate, tree_fingerprint_at
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey, Surveyed

__all__ = ["added", "build", "in_dist", "rebuilt"]


def build(run: Run, survey: Survey, environments: BuildEnvironments) -> list[Built]:
    """Build what changed, or take it from `dist` with `prebuilt`.

    Raises:
        StepError: As `build_all` and `prebuilt_wheels`.
    """
    packages = [row.package for row in survey.packages if row.package is not None]
    packages += [_package_of(run, survey, row) for row in added(run, survey)]
    return _made(run, survey, packages, environments)


def added(run: Run, survey: Survey) -> list[Surveyed]:
    """Return the unchanged packages of which `dist` holds wheels that are not released yet: another
    job has built the version for one more Python or platform."""
    if not run.settings.prebuilt or not run.dist.is_dir():
        return []
    there: dict[tuple[str, str], set[str]] = {}
    for path in run.dist.glob("*.whl"):
        if (of := _of(path.name)) is not None:
            there.setdefault(of, set()).add(path.name)
    rows = []
    for row in survey.packages:
        if row.package is not None or row.locked is None:
            continue
        known = {wheel.file for wheel in row.locked.wheels}
        if there.get((row.name, row.version), set()) - known:
            rows.append(row)
    return rows


def in_dist(run: Run) -> frozenset[tuple[str, str]]:
    """Return which packages, each a name and a version, `dist` holds wheels of."""
    if not run.dist.is_dir():
        return frozenset()
    return frozenset(of for path in run.dist.glob("*.whl") if (of := _of(path.name)))


def _of(file: str) -> tuple[str, str] | None:
    try:
        name, version, *_ = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return None
    return name, str(version)


def _package_of(run: Run, survey: Survey, row: Surveyed) -> Package:
    tree = tree_fingerprint_at(run.git, row.project, "HEAD", survey.rules) or ""
    sources = locate(run.git, row.project, survey.rules, tree, tree=survey.tree)
    return Package(row.project, row.version, sources, fingerprint(tree, row.version))


def _made(
    run: Run, survey: Survey, packages: Sequence[Package], environments: BuildEnvironments
) -> list[Built]:
    if not packages and not run.dist.is_dir():
        return []
    if run.settings.prebuilt:
        from wheelstep.packages.prebuilt import prebuilt_wheels

        others = {row.name for row in survey.packages} - {package.name for package in packages}
        return prebuilt_wheels(run.dist, packages, others=others)
    if not packages:
        return []
    from wheelstep.packages.build import build_all

    def exporter(package: Package, target: Path) -> Path:
        return export(
            run.git,
            package.project,
            package.sources.commit,
            target / "export",
            with_history=package.project.needs_history,
        )

    def output(title: str, text: str) -> None:
        if text.strip():
            with run.host.group(title):
                run.host.relay(text)

    return build_all(
        packages,
        exporter=exporter,
        environments=environments,
        dist=run.dist,
        parallel=run.builds,
        constraints={
            row.name: row.locked.build_requirements
            for row in survey.packages
            # the tools of the last release keep its bytes; a new version is built with new ones
            if row.locked is not None and row.locked.version == row.version
        },
        output=output,
    )


def rebuilt(
    run: Run, survey: Survey, rows: Sequence[Surveyed], environments: BuildEnvironments
) -> list[Built]:
    """Build unchanged packages that a destination lacks and none can hand over any more.

    Raises:
        CannotHere: With `prebuilt`, when `dist` does not hold them either.
        StepError: As `build`.
    """
    if run.settings.prebuilt:
        made = in_dist(run)
        raise_all([_nowhere(run, row) for row in rows if (row.name, row.version) not in made])
    packages = [_package_of(run, survey, row) for row in rows]
    return _made(run, survey, packages, environments)


def _nowhere(run: Run, row: Surveyed) -> StepError:
    places = {place for one in (row.locked.wheels if row.locked else ()) for place in one.places}
    former = sorted(places - {one.place for one in run.destinations})
    text = f"No destination has {row.project.name} {row.version}, nor has {run.settings.dist}."
    cure = "Run `wheelstep release`, which builds it again."
    if former:
        text += f" The record has it in {', '.join(former)}, which is no destination now."
        cure = (
            f"To copy it, name {former[0]} in `publish-to` as well, with its token. To build it "
            "again, run `wheelstep release`."
        )
    error = CannotHere(text, code="wheel-missing", cure=cure, file=row.project.file or None)
    error.packages = (row.name,)
    return error

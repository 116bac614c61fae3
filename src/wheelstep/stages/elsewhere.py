"""What destinations have already: `publish` copies it to those that lack it, without building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from wheelstep.destinations.decide import find
from wheelstep.destinations.examine import each_once, fetched, look_at
from wheelstep.destinations.interface import Destination
from wheelstep.lock import Locked, LockedWheel
from wheelstep.model import Listed, Wheel
from wheelstep.packages.content import content_hash
from wheelstep.stages.building import in_dist
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey, Surveyed

__all__ = ["Looks", "Served", "as_served", "served_wheels"]

Looks = Mapping[str, Mapping[str, Sequence[Listed]]]


def as_served(run: Run, found: Survey, work: Path) -> Survey:
    """Return the packages as the destinations have them, whatever the record says.

    A package whose version is listed somewhere, and of which `dist` holds no wheel, counts as
    released: its wheels are known by their hashes, and can be copied.

    Args:
        run: The run.
        found: The packages, as the checkout and the record have them.
        work: For files whose hash no index names.

    Raises:
        SettingError: A destination is given twice.
        StepError: As `Destination.look` and `fetch`.
    """
    made = in_dist(run)
    rows = [
        row for row in found.packages if row.package is None or (row.name, row.version) not in made
    ]
    if not rows or not run.destinations:
        return found
    each_once(run.destinations)
    looks = look_at(run.destinations, sorted(row.name for row in rows), run.transfers)
    known = {row.name: _known(run, row, looks, work) for row in rows}
    return replace(found, packages=tuple(known.get(row.name, row) for row in found.packages))


def _known(run: Run, row: Surveyed, looks: Looks, work: Path) -> Surveyed:
    if row.package is None and row.locked is not None:
        wheels = row.locked.as_wheels()
        locked = replace(
            row.locked,
            wheels=tuple(
                replace(recorded, places=_places(run, wheel, looks, recorded.places))
                for recorded, wheel in zip(row.locked.wheels, wheels, strict=True)
            ),
        )
        return replace(row, locked=locked)
    if row.package is None:
        return row
    there = served_wheels(run, row.name, Version(row.version), looks, work)
    if not there:
        return row
    wheels = tuple(one.wheel for one in there)
    _say_not_compared(run, row, there[0].source)
    return replace(
        row,
        status="unchanged",
        locked=Locked(
            row.name,
            row.version,
            sources=row.package.fingerprint,
            commit=row.package.sources.commit,
            history=row.history,
            build_requirements=(),
            wheels=tuple(
                LockedWheel(
                    wheel.file,
                    wheel.sha256,
                    wheel.content,
                    wheel.size,
                    wheel.requires_python,
                    _places(run, wheel, looks),
                )
                for wheel in wheels
            ),
        ),
        package=None,
    )


def _places(run: Run, wheel: Wheel, looks: Looks, recorded: Sequence[str] = ()) -> tuple[str, ...]:
    """Return where a wheel is: what was looked at as it is there, the rest as it is recorded."""
    there = {place for place in recorded if place not in looks}
    for one in run.destinations:
        listed = find(wheel, looks[one.place].get(wheel.name, ()))
        if listed is not None and listed.sha256 in {None, wheel.sha256}:
            there.add(one.place)
    return tuple(sorted(there))


@dataclass(frozen=True, slots=True)
class Served:
    """A wheel as a destination has it."""

    wheel: Wheel
    """Its content is known only where destinations differ on its hash."""
    source: Destination
    """The first destination that has it."""


def served_wheels(
    run: Run, name: str, version: Version, looks: Looks, work: Path
) -> tuple[Served, ...]:
    """Return each wheel of a version that any destination has.

    It is read where the listings say too little to compare it with those of other destinations.

    Args:
        run: The run.
        name: Normalised.
        version: Of the package.
        looks: What every destination lists, by place and name.
        work: For files that are read.

    Raises:
        StepError: As `Destination.fetch`.
    """
    first: dict[object, Served] = {}
    for source in run.destinations:
        for listed in looks[source.place].get(name, ()):
            try:
                key = parse_wheel_filename(listed.file)
            except InvalidWheelFilename:
                continue  # a source archive
            if key[1] == version and key not in first:
                first[key] = Served(
                    _wheel(run, (name, key[1]), listed, source, looks, work), source
                )
    return tuple(first.values())


def _wheel(  # noqa: PLR0917 - what is known of one wheel
    run: Run,
    of: tuple[str, Version],
    listed: Listed,
    source: Destination,
    looks: Looks,
    work: Path,
) -> Wheel:
    sha256, content, size = listed.sha256, "", listed.size or 0
    name, version = of[0], str(of[1])
    probe = Wheel(listed.file, name, version, sha256 or "", "", size)
    others = [find(probe, looks[one.place].get(name, ())) for one in run.destinations]
    if sha256 is None or any(one is not None and one.sha256 != sha256 for one in others):
        path, sha256 = fetched(source, listed, work)
        content, size = content_hash(path), path.stat().st_size
    return Wheel(listed.file, name, version, sha256, content, size, listed.requires_python)


def _say_not_compared(run: Run, row: Surveyed, source: Destination) -> None:
    recorded = row.locked is not None and row.locked.version == row.version
    run.warn(
        "not-compared",
        f"{row.project.name} {row.version} stands in {source.name}, and {run.settings.dist} holds "
        "no wheel of it: it is taken as it stands there, and not compared with this checkout"
        + (", whose sources have changed since that version was released." if recorded else "."),
        cure="Nothing, if it is only to be copied; to compare them, run `wheelstep build` first.",
        severity="warning" if recorded else "notice",
        file=row.project.file or None,
    )

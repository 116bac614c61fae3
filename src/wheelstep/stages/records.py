"""From what was published to what is recorded, reported and pinned: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wheelstep.destinations.publish import Published
from wheelstep.lock import Locked, LockedWheel
from wheelstep.model import Outcome, Pin
from wheelstep.packages.interface import Built
from wheelstep.report import PackageRow, PublishedRow, WheelRow
from wheelstep.stages.survey import Surveyed

__all__ = ["package_row", "pin_of", "published_row", "record_of", "requires_of", "stored"]


def record_of(
    row: Surveyed,
    built: Built | None,
    published: Sequence[Published],
    read: tuple[str, ...] | None = None,
    promoted: Mapping[str, str] | None = None,
) -> Locked:
    """Return the record of a package's release.

    Args:
        row: The package.
        built: What was built of it; None when it was only copied, or nothing was done.
        published: Its wheels at every destination; none for a package that is left alone.
        read: What its published wheels require, where that was read from them.
        promoted: Where the version was promoted: the feed's place -> the view's.
    """
    before = row.locked if row.locked and row.locked.version == row.version else None
    wheels: dict[str, LockedWheel] = {}
    if before is not None:
        wheels = {wheel.file: wheel for wheel in before.wheels}
    for one in published:
        wheel = one.wheel
        known = wheels.get(wheel.file)
        places = known.places if known is not None and known.sha256 == wheel.sha256 else ()
        wheels[wheel.file] = LockedWheel(
            wheel.file,
            wheel.sha256,
            wheel.content,
            wheel.size,
            wheel.requires_python,
            tuple(sorted({*places, one.destination.place})),
        )
    for file, held in wheels.items():
        views = {view for place, view in (promoted or {}).items() if place in held.places}
        wheels[file] = replace(held, places=tuple(sorted({*held.places, *views})))
    if built is None or (before is not None and row.status == "unchanged"):
        if before is None:
            raise ValueError(f"{row.name} was neither built nor recorded")
        sources, commit, requirements = before.sources, before.commit, before.build_requirements
        history = before.history
    else:
        sources, commit = built.package.fingerprint, built.package.sources.commit
        requirements, history = built.build_requirements, row.history
    return Locked(
        name=row.name,
        version=row.version,
        sources=sources,
        commit=commit,
        history=history,
        build_requirements=requirements,
        wheels=tuple(wheels[file] for file in sorted(wheels)),
        requires=requires_of(before, built, read),
    )


def requires_of(
    before: Locked | None, built: Built | None, read: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return what the wheels require, None where one is not known. All of it: what is no
    package of this repository today may be one tomorrow.

    Args:
        before: The record of the same version.
        built: What was built of it.
        read: What its published wheels require, where that was read from them.
    """
    wheels = built.wheels if built is not None else ()
    parts = [wheel.requires for wheel in wheels]
    if before is not None and not {one.file for one in before.wheels} <= {w.file for w in wheels}:
        parts.append(read if before.requires is None else before.requires)
    if not parts or None in parts:
        return None
    return tuple(sorted({text for part in parts for text in part or ()}))


def pin_of(record: Locked, urls: Mapping[str, str]) -> Pin:
    """Return the intent to use a recorded release.

    Args:
        record: The release.
        urls: Wheel file name to the URL that consumers read it at, where known.
    """
    return Pin(
        name=record.name,
        version=record.version,
        commit=record.commit,
        wheels=record.as_wheels(),
        urls=tuple((wheel.file, urls[wheel.file]) for wheel in record.wheels if wheel.file in urls),
        requires=record.requires,
    )


def package_row(
    row: Surveyed,
    built: Built | None,
    published: Sequence[Published],
    record: Locked | None,
    view_of: Callable[[str], str | None] = lambda _: None,
) -> PackageRow:
    """Return what the report says of a package.

    Args:
        row: The package.
        built: What was built of it.
        published: Its wheels at every destination.
        record: Of its release, as far as it has come.
        view_of: Returns the view that shows this version at a place, None where none does.
    """
    if built is not None:
        status = "prebuilt" if built.prebuilt else "built"
    else:
        status = "unchanged" if row.status == "unchanged" else "planned"
    wheels: dict[str, WheelRow] = {}
    # the record of the release before says nothing of this one
    known = record.as_wheels() if record is not None and record.version == row.version else ()
    local = built.wheels if built is not None else ()
    for wheel in known or local:
        wheels[wheel.file] = WheelRow.of(wheel)
    for one in published:
        if one.wheel.file in wheels:
            wheels[one.wheel.file].published.append(
                published_row(one, view_of(one.destination.place))
            )
    return PackageRow(
        row.project.name, row.version, row.project.directory, status, list(wheels.values())
    )


def published_row(one: Published, view: str | None) -> PublishedRow:
    """Return what the report says of a wheel at a destination.

    Args:
        one: The wheel there.
        view: That shows it, None where none does.
    """
    seconds = one.visible_after
    return PublishedRow(
        one.destination.name,
        one.url,
        one.outcome.value,
        view,
        visible_after=None if seconds is None else round(seconds, 3),
    )


def stored(published: Sequence[Published]) -> bool:
    """Tell whether any file was stored anywhere."""
    return any(one.outcome in {Outcome.UPLOADED, Outcome.COPIED} for one in published)

"""What a plan says, as a document: nothing in it depends on the clock, or on the machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from wheelstep import __version__
from wheelstep.definitions.plan import Edits, PlannedEdit
from wheelstep.ground.git import Git
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.text import writable
from wheelstep.lock import LockedWheel
from wheelstep.model import Wheel
from wheelstep.packages.interface import Built
from wheelstep.report import ConnectionRow, Report, blanked
from wheelstep.repositories.identity import parent_of_ours
from wheelstep.stages.agreed.known_later import without_what_is_built
from wheelstep.stages.agreed.settings import decided
from wheelstep.stages.definitions import rows_of
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey, Surveyed

__all__ = [
    "KIND",
    "SCHEMA",
    "Plan",
    "definitions_of",
    "packages_of",
    "planned",
    "versions_in",
    "wheels_of",
]

KIND: Final = "wheelstep-plan"
SCHEMA: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would do."""

    document: Mapping[str, Any]
    """As it is written to a file, but for its digest."""
    done: Mapping[str, Sequence[Any]]
    """What of "copies", "connections" and "tags" is there already: nothing is left to do for it."""


def packages_of(found: Survey, prebuilt: Sequence[Built] = ()) -> dict[str, Any]:
    """Return what a plan says of the packages: "packages" are to be released, with the wheels that
    are there before; "released" are, with their wheels, and those that are to be added.

    Args:
        found: The packages.
        prebuilt: The wheels that would be taken instead of building.
    """
    wheels = wheels_of(prebuilt)
    return {
        "packages": [
            {
                "name": row.name,
                "version": row.version,
                "sources": row.package.fingerprint,
                "wheels": wheels.get(row.name, []),
            }
            for row in found.packages
            if row.package is not None
        ],
        "released": [
            _released(row) | {"added": wheels.get(row.name, [])}
            for row in found.packages
            if row.package is None
        ],
    }


def wheels_of(built: Iterable[Built]) -> dict[str, list[dict[str, str]]]:
    """Return what a plan says of the wheels of each package, by its normalised name.

    Args:
        built: What was built, or is taken instead.
    """
    return {one.package.name: [_wheel(wheel) for wheel in one.wheels] for one in built}


def planned(
    run: Run, found: Survey, report: Report, edits: Edits, prebuilt: Sequence[Built]
) -> Plan:
    """Return the plan.

    Args:
        run: The run.
        found: The packages.
        report: What `plan` has put together.
        edits: What it would do to the definitions.
        prebuilt: The wheels that would be taken instead of building.

    Raises:
        StepError: As `decided`.
    """
    packages = packages_of(found, prebuilt)
    # what was to be built when it was agreed to may have been built since
    new = run.agreed.versions if run.agreed else versions_in(packages["packages"])
    document = {
        "kind": KIND,
        "schema": SCHEMA,
        "version": __version__,
        "commit": _not_ours(run.git, found.tree.commit),
        "prebuilt": run.settings.prebuilt,
        **packages,
        "copies": _copies(run, report),
        "connections": [_connection(row) for row in report.connections if row.status == "planned"],
        "definitions": definitions_of(edits, new),
        "tags": _tags(report, "planned"),
        "settings": decided(run),
    }
    done = {
        "copies": _recorded(found),
        "connections": [_connection(row) for row in report.connections if row.status != "planned"],
        "tags": _tags(report, "unchanged"),
    }
    return Plan(_printable(document), _printable(done))


def _printable(value: Any) -> Any:
    """Return a value without secrets, and without what a file in UTF-8 cannot hold: git takes any
    bytes for a path."""
    text = json.dumps(blanked(value), ensure_ascii=False)
    return json.loads(writable(text))


def versions_in(packages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return (name, version) of each package that a plan builds."""
    return [(one["name"], one["version"]) for one in packages]


def _not_ours(git: Git, commit: str) -> str:
    """Return the newest commit of others: what the step has committed since is no difference."""
    while (parent := parent_of_ours(git, commit)) is not None:
        commit = parent
    return commit


def _released(row: Surveyed) -> dict[str, Any]:
    """Return a package that is as it was released."""
    locked = row.locked
    return {
        "name": row.name,
        "version": row.version,
        "sources": locked.sources if locked else "",
        "wheels": [_wheel(one) for one in (locked.wheels if locked else ())],
    }


def _wheel(wheel: Wheel | LockedWheel) -> dict[str, str]:
    return {"file": wheel.file, "sha256": wheel.sha256}


def _copies(run: Run, report: Report) -> list[str]:
    places = {one.name: one.place for one in run.destinations}
    return sorted(
        {
            _copy(wheel.file, places[published.to])
            for package in report.packages
            if package.status == "unchanged"
            for wheel in package.wheels
            for published in wheel.published
            if published.status == "planned"
        }
    )


def _recorded(found: Survey) -> list[str]:
    return [
        _copy(wheel.file, place)
        for row in found.packages
        if row.locked is not None
        for wheel in row.locked.wheels
        for place in wheel.places
    ]


def _copy(file: str, place: str) -> str:
    return f"{file} to {without_credentials(place) if '://' in place else place}"


def _connection(row: ConnectionRow) -> dict[str, str]:
    return {
        "workspace": row.workspace.lower(),
        "name": row.name,
        "target": without_credentials(row.target),
        "category": row.category,
    }


def _tags(report: Report, status: str) -> list[dict[str, str]]:
    return [{"name": row.name, "commit": row.commit} for row in report.tags if row.status == status]


def definitions_of(edits: Edits, new: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return what becomes of each definition.

    Args:
        edits: The edits.
        new: Normalised name and version of each package that is to be built.
    """
    rows = [
        {
            "path": edit.path,
            "status": edit.status,
            "before": hashlib.sha256(edit.before).hexdigest(),
            "after": _after(edit, new),
            "pins": [
                {"name": pin["name"], "from": pin["from"], "to": pin["to"]} for pin in row.pins
            ],
            "environments": [
                {"name": one["name"], "from": one["from"], "to": one["to"]}
                for one in row.environments
            ],
            "vendored": sorted(one.path for one in edit.files),
            "removed": sorted(edit.removed),
            "known-after-build": list(edit.unknown),
            "diff": row.diff,
        }
        for edit, row in zip(edits.edits, rows_of(edits), strict=True)
    ]
    return cast("list[dict[str, Any]]", _printable(rows))


def _after(edit: PlannedEdit, new: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of a definition as it will be, whatever is known after building."""
    text = edit.after.decode("utf-8", "surrogateescape")
    # the same before building, and after: so for every definition
    plain = without_what_is_built(text, new, hashes=True)
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()

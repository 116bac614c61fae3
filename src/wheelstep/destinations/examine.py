"""Look at every destination before anything is published anywhere."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wheelstep.destinations.decide import (
    Action,
    Adopt,
    Compare,
    Conflict,
    Copy,
    Found,
    Identical,
    Unobtainable,
    Upload,
    decide,
)
from wheelstep.destinations.interface import Destination
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.reserved import TellsReserved
from wheelstep.errors import BuildFailed, Refused, SettingError, StepError, raise_all
from wheelstep.model import Listed, Wheel

__all__ = [
    "ContentOf",
    "Examination",
    "VersionTaken",
    "each_once",
    "examine",
    "reachable",
    "taken",
    "unacceptable_version",
]

ContentOf = Callable[[Path], str]
"""Returns the content hash of a wheel, see packages/content.py; may raise a StepError."""


class VersionTaken(Refused):
    """Other content is published under the same name and version.

    The message names what is known here; who knows the commit and the files may say more, with
    `conflict` and `published`.
    """

    def __init__(self, conflict: Conflict, destination: Destination, published: Path) -> None:
        """Keep the parts.

        Args:
            conflict: The wheel, how it is listed, and what the published file is.
            destination: Where.
            published: The published file, in the caller's work folder.
        """
        wheel = conflict.wheel
        super().__init__(
            f"{wheel.name} {wheel.version} is already published in {destination.name}, with other "
            f"content: {conflict.listed.file} there has the content {_short(conflict.found)}, the "
            f"one to be released {wheel.content[:12]}. A published version is never overwritten.",
            code="version-taken",
            cure="Raise the version; or, when the change must not ship, add the changed files to "
            "`exclude`.",
        )
        self.conflict = conflict
        self.destination = destination
        self.published = published


def _short(found: Found) -> str:
    return found.content[:12] or "of no readable wheel"


def taken(conflict: Conflict, destination: Destination, published: Path) -> VersionTaken:
    """Return the error for a conflict."""
    return VersionTaken(conflict, destination, published)


@dataclass(frozen=True, slots=True)
class Examination:
    """What is to be done, decided; nothing has been published yet."""

    destinations: tuple[Destination, ...]
    actions: tuple[Action, ...]
    """One for each wheel and destination: Upload, Copy, Identical, Adopt or Unobtainable."""
    work: Path
    """The folder for passing files."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Published files that were fetched already, by SHA-256."""
    content_of: ContentOf = field(kw_only=True)

    @property
    def unobtainable(self) -> tuple[Unobtainable, ...]:
        """Wheels known by record only that no destination has: they must be built."""
        return tuple(action for action in self.actions if isinstance(action, Unobtainable))

    def destination(self, place: str) -> Destination:
        """Return the destination of a place."""
        return next(one for one in self.destinations if one.place == place)


def look_at(
    destinations: Sequence[Destination], names: Sequence[str], parallel: int
) -> dict[str, Mapping[str, Sequence[Listed]]]:
    """Return what every destination lists now, by place.

    Raises:
        StepError: As `Destination.look`.
    """
    looks = in_parallel([lambda d=one: d.look(names) for one in destinations], parallel)  # type: ignore[misc]
    return {one.place: look for one, look in zip(destinations, looks, strict=True)}


def reachable(
    destinations: Sequence[Destination], names: Sequence[str], parallel: int = 16
) -> None:
    """Find out before anything is built whether every destination can be read: a wrong or missing
    token, a feed that is not there.

    Args:
        destinations: Each place once.
        names: Normalised names of the packages to be released. One is asked for, which tells all
            that is to be found out; without any, an index is asked nothing.
        parallel: Destinations asked at once.

    Raises:
        StepError: As `Destination.look`; of all destinations that failed.
        SettingError: A destination is given twice.
    """
    each_once(destinations)
    look_at(destinations, names[:1], parallel)


def unacceptable_version(
    destinations: Sequence[Destination], name: str, version: str
) -> list[BuildFailed]:
    """Say which destinations would refuse a package for its name and version alone, for example
    for a local version; no I/O.

    Args:
        destinations: To ask.
        name: Normalised.
        version: Normalised (PEP 440).

    Returns:
        One error for each destination that would, in order; each is about this package.
    """
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    wheel = Wheel(file, name, version, sha256="", content="", size=0)
    errors = []
    for destination in destinations:
        if reason := destination.unacceptable(wheel):
            error = _not_acceptable(f"{name} {version}", destination, reason)
            error.packages = (name,)
            errors.append(error)
    return errors


def fetched(destination: Destination, listed: Listed, work: Path) -> tuple[Path, str]:
    """Return a published file, in its own folder of the work folder, and its SHA-256.

    Raises:
        StepError: As `Destination.fetch`.
    """
    folder = work / secrets.token_hex(6)
    folder.mkdir(parents=True)
    # the file's own name: what reads wheels takes name and version from it
    target = folder / Path(listed.file).name
    return target, destination.fetch(listed, target)


def compared(
    destination: Destination, listed: Listed, work: Path, content_of: ContentOf
) -> tuple[Path, Found]:
    """Fetch a published file and say what it is.

    Raises:
        StepError: As `Destination.fetch`.
    """
    path, sha256 = fetched(destination, listed, work)
    try:
        content = content_of(path)
    except StepError:
        content = ""  # not a wheel that can be read: then it is other content
    return path, Found(sha256, content, path.stat().st_size)


def examine(
    wheels: Sequence[Wheel],
    destinations: Sequence[Destination],
    *,
    content_of: ContentOf,
    work: Path,
    parallel: int = 16,
) -> Examination:
    """Decide what is to be done everywhere, and refuse before anything is done.

    Args:
        wheels: Built here (`path` set), or known by record only: these can be copied.
        destinations: Each place once.
        content_of: Says what a wheel's content is.
        work: An existing folder for passing files; the caller removes it.
        parallel: Transfers at once.

    Raises:
        VersionTaken: Other content is published under the same name and version, anywhere.
        BuildFailed: A destination does not take a wheel.
        SettingError: A destination is given twice.
        StepError: As `Destination.look` and `fetch`.
    """
    each_once(destinations)
    looks = look_at(destinations, sorted({wheel.name for wheel in wheels}), parallel)
    by_place = {one.place: one for one in destinations}
    actions = decide(wheels, looks)
    asked = [action for action in actions if isinstance(action, Compare)]
    answers = in_parallel(
        [
            lambda a=action: compared(by_place[a.to], a.listed, work, content_of)  # type: ignore[misc]
            for action in asked
        ],
        parallel,
    )
    paths = {found.sha256: path for path, found in answers}
    if asked:
        known = {
            (action.to, action.listed.file): found
            for action, (_, found) in zip(asked, answers, strict=True)
        }
        actions = decide(wheels, looks, known)
    errors: list[StepError] = []
    for action in actions:
        destination = by_place[action.to]
        match action:
            case Conflict(found=found):
                errors.append(taken(action, destination, paths[found.sha256]))
            case Upload(wheel=wheel) | Copy(wheel=wheel):
                if reason := destination.unacceptable(wheel):
                    errors.append(_not_acceptable(wheel.file, destination, reason))
                elif isinstance(destination, TellsReserved):
                    listed = looks[destination.place].get(wheel.name, ())
                    if full := destination.no_room(wheel, listed):
                        errors.append(full)
            case Identical() | Adopt() | Compare() | Unobtainable():
                pass
    raise_all(errors)
    return Examination(tuple(destinations), tuple(actions), work, paths, content_of=content_of)


def each_once(destinations: Sequence[Destination]) -> None:
    """Refuse a destination that is given twice.

    Raises:
        SettingError: There is one.
    """
    seen: set[str] = set()
    for one in destinations:
        if one.place in seen:
            raise SettingError(
                f"The destination {one.name} is given twice.",
                code="destination-twice",
                cure="Name it once in publish-to.",
            )
        seen.add(one.place)


def _not_acceptable(what: str, destination: Destination, reason: str) -> BuildFailed:
    return BuildFailed(
        f"{destination.name} would not take {what}: {reason.rstrip('.')}.",
        code="wheel-not-acceptable",
        cure="Change the package so that the destination takes it, or publish elsewhere.",
    )

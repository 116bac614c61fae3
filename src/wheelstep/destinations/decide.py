"""What is to be done with each wheel at each destination: pure, values in, values out.

`decide` is asked again whenever more is known: with the contents of the files that it wanted
compared, and after a service said that a file is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.model import Listed, Wheel

__all__ = [
    "Action",
    "Adopt",
    "Compare",
    "Conflict",
    "Copy",
    "Found",
    "Identical",
    "Unobtainable",
    "Upload",
    "decide",
    "find",
]


@dataclass(frozen=True, slots=True)
class Found:
    """What a published file turned out to be."""

    sha256: str
    content: str
    """As in `Wheel`; "" when it is no wheel that can be read."""
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """It is not there: the wheel on this machine goes there."""

    wheel: Wheel
    to: str
    """The destination's `place`, here and below."""


@dataclass(frozen=True, slots=True)
class Copy:
    """It is not there, and another destination has the file that is to stand everywhere."""

    wheel: Wheel
    """As the other destination has it."""
    to: str
    source: str
    """The other destination's `place`."""
    listed: Listed
    """As the other destination lists it."""


@dataclass(frozen=True, slots=True)
class Identical:
    """The same bytes are there."""

    wheel: Wheel
    to: str
    listed: Listed


@dataclass(frozen=True, slots=True)
class Compare:
    """A file of that name is there, with other bytes or without a hash: its content decides."""

    wheel: Wheel
    to: str
    listed: Listed


@dataclass(frozen=True, slots=True)
class Adopt:
    """The same content is there in other outer bytes: the published file stands."""

    wheel: Wheel
    """The published file's record."""
    to: str
    listed: Listed


@dataclass(frozen=True, slots=True)
class Conflict:
    """Other content is there under the same name and version."""

    wheel: Wheel
    to: str
    listed: Listed
    found: Found


@dataclass(frozen=True, slots=True)
class Unobtainable:
    """It is not there, not on this machine, and no other destination has it: it must be built."""

    wheel: Wheel
    to: str


Action = Upload | Copy | Identical | Compare | Adopt | Conflict | Unobtainable


def _key(file: str) -> object:
    """Return what makes two wheel names the same file: spelling aside."""
    try:
        return parse_wheel_filename(file)
    except InvalidWheelFilename:
        return file


def find(wheel: Wheel, listed: Iterable[Listed]) -> Listed | None:
    """Return where a wheel is listed; among several of its name the one with its bytes.

    Files of the same version with other tags or another build number are other files.
    """
    return finder(listed)(wheel)


def finder(listed: Iterable[Listed]) -> Callable[[Wheel], Listed | None]:
    """Return what finds wheels as `find` does: for many of one page, whose files are read once."""
    known: dict[object, list[Listed]] = {}
    for one in listed:
        if one.file.endswith(".whl"):
            known.setdefault(_key(one.file), []).append(one)

    def found(wheel: Wheel) -> Listed | None:
        same = known.get(_key(wheel.file), [])
        return next((one for one in same if one.sha256 == wheel.sha256), same[0] if same else None)

    return found


def decide(
    wheels: Sequence[Wheel],
    looks: Mapping[str, Mapping[str, Sequence[Listed]]],
    found: Mapping[tuple[str, str], Found] | None = None,
) -> list[Action]:
    """Return one action for each wheel at each destination, wheels first.

    Where one destination has a wheel in other outer bytes and another lacks it, the published file
    is copied there, so that one hash holds everywhere.

    Args:
        wheels: Built here (`path` set), or known by record only.
        looks: What each destination lists, by `place` and normalised project name; earlier ones
            are preferred as sources.
        found: What compared files turned out to be, by (`place`, listed file name).
    """
    actions: list[Action] = []
    for wheel in wheels:
        here = [
            _one(wheel, place, find(wheel, look.get(wheel.name, ())), found or {})
            for place, look in looks.items()
        ]
        actions += [_sourced(action, here) for action in here]
    return actions


def _one(
    wheel: Wheel, place: str, listed: Listed | None, found: Mapping[tuple[str, str], Found]
) -> Action:
    if listed is None:
        return Upload(wheel, place) if wheel.path else Unobtainable(wheel, place)
    if listed.sha256 == wheel.sha256:
        return Identical(wheel, place, listed)
    known = found.get((place, listed.file))
    if known is None:
        return Compare(wheel, place, listed)
    if known.sha256 == wheel.sha256:
        return Identical(wheel, place, listed)
    if known.content and known.content == wheel.content:
        published = replace(
            wheel, file=listed.file, sha256=known.sha256, size=known.size, path=None
        )
        return Adopt(published, place, listed)
    return Conflict(wheel, place, listed, known)


def _sourced(action: Action, others: Sequence[Action]) -> Action:
    """Say where a missing file comes from: this machine, or the destination that has it already."""
    if not isinstance(action, (Upload, Unobtainable)):
        return action
    for other in others:
        if isinstance(other, Adopt) or (
            isinstance(other, Identical) and isinstance(action, Unobtainable)
        ):
            return Copy(other.wheel, action.to, other.to, other.listed)
    return action

"""Which released packages a pip section reaches only through others: pure.

Sources: the dependency specifiers specification (markers, extras), and what pip makes of them: the
requirements of a package hold with the extras that were asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from wheelstep.definitions.interface import Requirement
from wheelstep.definitions.requirement import Line, Unreadable, parse
from wheelstep.model import Pin

__all__ = ["closure_of", "unread"]

_PYTHONS: Final = tuple(f"3.{minor}" for minor in range(8, 16))
"""Which Pythons an image may have whose definition does not say."""


def closure_of(
    requirements: Sequence[Requirement],
    pins: Collection[Pin],
    python: str | None,
    platform: str,
    also: Collection[str] = (),
) -> list[tuple[str, str]]:
    """Return what has to be pinned though the section does not name it.

    Args:
        requirements: What the section names.
        pins: The released packages, with what they require where that is known.
        python: The image's, "3.10" or "3.10.4"; None where the definition does not say: what holds
            for some Python that is in use holds then.
        platform: As the option `platform` has it.
        also: Normalised names that are named elsewhere: in a file that the section includes.

    Returns:
        (name, the package that needs it), what is found first first. A package of which some
        requirement excludes the released version is none of them: pip would refuse the pin.
    """
    known = {pin.name: pin for pin in pins}
    named = {one.name for one in requirements} | set(also)
    environments = _environments(python, platform)
    waiting = [
        (line.name, frozenset(_extras(line)))
        for one in requirements
        if one.name in known
        and (line := _read(one.text)) is not None
        and _holds(_marker(one.text, line), frozenset(), environments)
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    found: dict[str, str] = {}
    excluded: set[str] = set()
    while waiting:
        here = waiting.pop(0)
        if here in seen:
            continue
        seen.add(here)
        name, extras = here
        for wants in _required(known[name]):
            other = canonicalize_name(wants.name)
            if other not in known or not _holds(wants.marker, extras, environments):
                continue
            waiting.append((other, frozenset(map(canonicalize_name, wants.extras))))
            if not wants.specifier.contains(known[other].version, prereleases=True):
                excluded.add(other)
            if other not in named and wants.url is None:
                found.setdefault(other, name)
    return [(name, by) for name, by in found.items() if name not in excluded]


def unread(requirements: Sequence[Requirement], pins: Collection[Pin]) -> frozenset[str]:
    """Return the packages that a section names and of which is not known what they require."""
    unknown = {pin.name for pin in pins if pin.requires is None}
    return frozenset(one.name for one in requirements if one.name in unknown)


def _required(pin: Pin) -> Iterator[Parsed]:
    for text in pin.requires or ():
        try:
            yield Parsed(text)
        except InvalidRequirement:
            continue  # a wheel that an older tool made; pip ignores it, or says so


def _read(text: str) -> Line | None:
    try:
        return parse(text)
    except Unreadable:
        return None


def _extras(line: Line) -> Iterator[str]:
    for extra in line.extras.strip("[]").split(","):
        if extra.strip():
            yield canonicalize_name(extra.strip())


def _marker(text: str, line: Line) -> Marker | None:
    written = text[slice(*line.marker)].strip().removeprefix(";").strip() if line.marker else ""
    try:
        return Marker(written) if written else None
    except InvalidMarker:
        return None


def _holds(
    marker: Marker | None, extras: frozenset[str], environments: Sequence[dict[str, str]]
) -> bool:
    if marker is None:
        return True
    for environment in environments:
        for extra in ("", *extras):
            try:
                if marker.evaluate(environment | {"extra": extra}):
                    return True
            except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
                return True  # it asks for the kernel's release and the like: it may well hold
    return False


def _environments(python: str | None, platform: str) -> list[dict[str, str]]:
    """Return the values of the markers, for each Python that the image may have."""
    return [
        {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": platform.strip().partition("-")[0],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": ".".join(full.split(".")[:2]),
            "sys_platform": "linux",
        }
        for one in ([python] if python else _PYTHONS)
        for full in [one if one.count(".") > 1 else f"{one}.0"]
    ]

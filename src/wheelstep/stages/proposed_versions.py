"""Which versions a proposal takes from where to where: as its base pins them, and as it does."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from packaging.version import InvalidVersion, Version

from wheelstep.definitions.interface import Kind, Reading
from wheelstep.errors import StepError
from wheelstep.lock import FILE, Lock
from wheelstep.stages.proposed import Proposed

__all__ = ["DefinitionChange", "VersionChange", "definition_changes", "version_changes"]

Pins = Mapping[str, Mapping[str, str | None]]
"""Name of a package -> each requirement on it as a definition has it -> the version that it pins;
None where it pins none."""


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """One file that a proposal changes, and what it says of the released packages."""

    path: str
    before: bytes | None
    after: bytes | None
    pinned: Pins
    """Before."""
    pins: Pins
    """After."""
    installs: bool
    """Whether it has a pip section of its own, so that it can be rehearsed."""

    @property
    def names(self) -> list[str]:
        """The packages that it names otherwise than before."""
        return sorted(name for name in self.pins if self.pins[name] != self.pinned.get(name))


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One package that goes from one version to another."""

    name: str
    before: str | None
    """None where it was nowhere before; "" where it was named without a version."""
    after: str

    @property
    def kind(self) -> Literal["new", "newer", "rollback", "pinned", "other"]:
        """What that is: "other" where a version is none, so that nothing can be told."""
        if self.before is None:
            return "new"
        if not self.before:
            return "pinned"
        try:
            return "newer" if Version(self.after) > Version(self.before) else "rollback"
        except InvalidVersion:
            return "other"


def definition_changes(proposed: Proposed, locks: tuple[Lock, Lock]) -> list[DefinitionChange]:
    """Return the files that change but the record, sorted: as they differ from the base, so that
    what other runs have proposed counts, too.

    Args:
        proposed: What is proposed.
        locks: The record before and with it.
    """
    kinds = {kind.path: kind for kind in proposed.kinds}
    before, now = locks
    names = {*before.packages, *now.packages, *(name for name, _ in proposed.versions)}
    found = []
    contents = proposed.contents()
    there = proposed.base.read_many(contents)
    for path, after in sorted(contents.items()):
        was = there.get(path)
        if path != FILE and was != after:
            kind = kinds.get(path)
            old, new = _reading(kind, was), _reading(kind, after)
            found.append(
                DefinitionChange(
                    path, was, after, _pins(old, names), _pins(new, names), bool(new.sections)
                )
            )
    return found


def _reading(kind: Kind | None, data: bytes | None) -> Reading:
    if kind is None or data is None:
        return Reading()
    try:
        return kind.form.read(kind.path, data)
    except StepError:
        return Reading()  # the base may be broken; its diff is shown all the same


def _pins(reading: Reading, names: Collection[str]) -> Pins:
    found: dict[str, dict[str, str | None]] = {}
    for one in reading.requirements:
        if one.name in names:
            found.setdefault(one.name, {})[one.text] = one.pinned
    return found


def version_changes(
    proposed: Proposed, locks: tuple[Lock, Lock], definitions: Collection[DefinitionChange]
) -> list[VersionChange]:
    """Return each package whose version changes, in a definition or in the record alone; those that
    go back to an older one first.

    Args:
        proposed: What is proposed.
        locks: The record before and with it.
        definitions: From `definition_changes`.
    """
    before, now = locks
    wanted = {name: record.version for name, record in now.packages.items()}
    wanted |= dict(proposed.versions)
    found = {each for one in definitions for each in _in_definition(one, wanted, before)}
    named = {one.name for one in found}
    for name, record in now.packages.items():
        known = before.packages.get(name)
        if name not in named and (known is None or known.version != record.version):
            found.add(VersionChange(name, known.version if known else None, record.version))
    return sorted(
        found, key=lambda one: (one.kind != "rollback", one.name, one.before or "", one.after)
    )


def _in_definition(
    one: DefinitionChange, wanted: Mapping[str, str], before: Lock
) -> Iterator[VersionChange]:
    """Yield what changes in one definition.

    Where it names no version (a pin by git names a commit, a range admits many), the record knows.

    Args:
        one: The definition.
        wanted: Name of a package -> its version with what is proposed.
        before: The record before it.
    """
    for name in one.names:
        known = before.packages.get(name)
        recorded = known.version if known else "" if name in one.pinned else None
        old: set[str | None] = {*_versions(one.pinned.get(name, {}))} or {recorded}
        new = _versions(one.pins[name]) or ({wanted[name]} if name in wanted else set())
        for was, after in product(old, new):
            if was != after:
                yield VersionChange(name, was, after)


def _versions(texts: Mapping[str, str | None]) -> set[str]:
    return {version for version in texts.values() if version}

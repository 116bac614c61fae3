"""What a commit or a pull request changes, all in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wheelstep.definitions.interface import Kind
from wheelstep.lock import FILE, Lock, LockedWheel
from wheelstep.model import Change
from wheelstep.repositories.interface import Snapshot, base_of, carried_by

__all__ = ["Proposed"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a commit or a pull request changes, all in all."""

    on: Snapshot
    """The head that was decided on."""
    changes: Sequence[Change]
    versions: Sequence[tuple[str, str]]
    """(name, version) of each package that this run releases or pins."""
    kinds: Sequence[Kind] = ()
    """The definitions, for who reads them."""
    directories: Mapping[str, str] = field(default_factory=dict)
    """Name of a package -> its folder, as far as they are known."""
    wheels: Sequence[LockedWheel] = ()
    """Of versions that the record may not have: released earlier, and pinned by name."""

    @property
    def base(self) -> Snapshot:
        """What it is held against."""
        return base_of(self.on)

    def contents(self) -> dict[str, bytes | None]:
        """Return the files that it changes, as they are with it."""
        carried = carried_by(self.on)
        there = self.on.read_many(carried)
        found = {path: there.get(path) for path in carried}
        return found | {change.path: change.after for change in self.changes}

    def locks(self) -> tuple[Lock, Lock]:
        """Return the record before and with it."""
        return Lock.parse(self.base.read(FILE)), Lock.parse(
            self.contents().get(FILE, self.on.read(FILE))
        )

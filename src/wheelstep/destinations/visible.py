"""Wait until consumers can see what was stored: visible before used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.destinations.decide import finder
from wheelstep.destinations.interface import Destination, ReadBack, writes_pages
from wheelstep.errors import Refused, ServiceUnavailable
from wheelstep.ground.clock import Clock, attempts
from wheelstep.model import Listed, Wheel

__all__ = ["VISIBLE_WITHIN", "Seen", "Waiting", "changed"]

VISIBLE_WITHIN: Final = 300.0
"""Seconds that a file may take to show up on its page."""
HASHES_ALWAYS: Final = frozenset({"feed"})
"""Kinds whose pages list every file with its SHA-256: there a file without one is not ready yet.
Other indexes may list none at all (PEP 503 lets them); what is read back decides then."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as its page lists it."""

    listed: Listed
    at: float
    """When it was seen, by the clock's `monotonic()`."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How one run waits."""

    clock: Clock
    within: float
    """Seconds."""
    read_back: ReadBack
    stopped: Callable[[], bool] = lambda: False
    """Says that something else has failed: nothing more is waited for."""

    def attempts(self) -> Iterator[int]:
        """Count attempts, waiting longer and longer between them, until the time is over."""
        return attempts(self.clock, self.within, self.stopped)

    def until_listed(self, destination: Destination, wheels: Sequence[Wheel]) -> dict[str, Seen]:
        """Wait until a destination's pages list every file with its hash.

        Args:
            destination: Where they are stored.
            wheels: Their records as they stand there.

        Returns:
            How each is listed, by the file's name; not all of them when `stopped`.

        Raises:
            Refused: A page lists another hash.
            ServiceUnavailable: Not in time.
            StepError: As `Destination.look`.
        """
        seen: dict[str, Seen] = {}
        missing = list(wheels)
        unhashed: set[str] = set()
        for _ in self.attempts():
            listed = self._listed(destination, sorted({wheel.name for wheel in missing}))
            now = self.clock.monotonic()
            still, find = [], {name: finder(files) for name, files in listed.items()}
            for wheel in missing:
                found = find[wheel.name](wheel) if wheel.name in find else None
                if found is None:
                    still.append(wheel)
                elif found.sha256 is None and destination.kind in HASHES_ALWAYS:
                    still.append(wheel)
                    unhashed.add(wheel.file)
                elif found.sha256 not in {None, wheel.sha256}:
                    raise changed(wheel, destination, found.sha256 or "", "its page lists it with")
                else:
                    seen[wheel.file] = Seen(found, now)
            missing = still
            if not missing:
                return seen
        if self.stopped():
            return seen
        raise self._not_visible(destination, missing, unhashed)

    def _listed(
        self, destination: Destination, names: Sequence[str]
    ) -> Mapping[str, Sequence[Listed]]:
        if writes_pages(destination):
            return destination.served(names, self.read_back)
        return destination.look(names)

    def _not_visible(
        self, destination: Destination, missing: Sequence[Wheel], unhashed: set[str]
    ) -> ServiceUnavailable:
        files = ", ".join(wheel.file for wheel in missing)
        elsewhere = (
            " Where this machine cannot see what consumers see, set read-back to write or none."
            if self.read_back == "serve" and writes_pages(destination)
            else ""
        )
        why = (
            f"listed it without its SHA-256 for {self.within:.0f} s: what consumers would install "
            "cannot be told"
            if unhashed.issuperset(wheel.file for wheel in missing)
            else f"did not list it within {self.within:.0f} s"
        )
        return ServiceUnavailable(
            f"{destination.name} has stored {files}, but {why}.",
            code="not-visible",
            cure=f"Run it again: nothing is uploaded twice.{elsewhere}",
        )


def changed(wheel: Wheel, destination: Destination, sha256: str, how: str) -> Refused:
    """Return the error for a file that is not what was published.

    Args:
        wheel: What was published.
        destination: Where.
        sha256: What stands there.
        how: What is known of it: "its page lists it with".
    """
    return Refused(
        f"{wheel.file} in {destination.name} is not what was published: {how} the SHA-256 "
        f"{sha256}, and {wheel.sha256} was published.",
        code="hash-mismatch",
        cure="Find out who replaced it, or what changes files on the way; then raise the version.",
    )

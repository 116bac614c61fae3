"""Why a service takes no file although it lists none: asked of those that can tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from wheelstep.destinations.interface import Destination
from wheelstep.errors import StepError
from wheelstep.model import Listed, Wheel

__all__ = ["TellsReserved"]


@runtime_checkable
class TellsReserved(Destination, Protocol):
    """A destination that knows of versions which it does not list."""

    def reserved(self, wheel: Wheel) -> StepError | None:
        """Say why a wheel that is said to be there already is not listed.

        Returns:
            None where it may show up yet, or where the service does not say.
        """

    def no_room(self, wheel: Wheel, listed: Sequence[Listed]) -> StepError | None:
        """Say why there is no room for one more version of a package, before it is uploaded.

        Args:
            wheel: To be uploaded.
            listed: The package's files that are listed now.

        Returns:
            None where there is room.
        """

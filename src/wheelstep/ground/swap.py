"""Compare and swap: change what others change at the same time, and lose nobody's work.

Read the state with its tag, decide, write on the condition that the tag is still the same; on a
conflict read again and decide again. A lost reply is not a conflict: the state is read again, and
when it already is what was wanted, all is well.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from wheelstep.errors import ServiceUnavailable
from wheelstep.ground.clock import Clock, SystemClock, backoff

__all__ = ["Conflict", "LostReply", "Swapped", "Tagged", "swap"]

ATTEMPTS: Final = 12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tagged(Generic[T]):
    """A state and what it is recognised by."""

    value: T
    tag: str | None
    """An ETag, a commit id; None where there is nothing yet (write with If-None-Match: *)."""


@dataclass(frozen=True, slots=True)
class Swapped(Generic[T]):
    """How it ended."""

    value: T
    """The state that stands now."""
    written: bool
    """False when it was right already, also by our own write whose reply was lost."""
    conflicts: int
    """How many writes of others came between."""


class Conflict(Exception):
    """Raised by `write`: the tag is no longer the same, nothing was written."""


class LostReply(Exception):
    """Raised by `write`: it may have been written or not."""


def swap(
    what: str,
    *,
    read: Callable[[], Tagged[T]],
    decide: Callable[[T], T],
    write: Callable[[T, str | None], None],
    describe: Callable[[T], str] = lambda _: "",
    clock: Clock | None = None,
    attempts: int = ATTEMPTS,
    chance: Callable[[], float] = random.random,
) -> Swapped[T]:
    """Bring a state to what `decide` makes of it, on condition that nobody changed it meanwhile.

    Args:
        what: For errors, e.g. "the branch main".
        read: Returns the state of now.
        decide: Pure; given the state of now returns the wanted one, an equal one when nothing is
            to be done. It is asked again for every state that is read.
        write: Writes on condition; raises `Conflict` or `LostReply`.
        describe: How a state is called in the error that says what was lost to.
        clock: What waits between attempts.
        attempts: How often to try, the first included.
        chance: Random numbers in [0, 1).

    Raises:
        ServiceUnavailable: The race was lost, or the reply got lost, in every attempt.
    """
    waiting: Clock = clock or SystemClock()
    conflicts = 0
    lost = False
    for attempt in range(1, attempts + 1):
        state = read()
        wanted = decide(state.value)
        if wanted == state.value:
            return Swapped(state.value, written=False, conflicts=conflicts)
        try:
            write(wanted, state.tag)
        except Conflict:
            conflicts += 1
            lost = False
        except LostReply:
            lost = True
        else:
            return Swapped(wanted, written=True, conflicts=conflicts)
        if attempt < attempts:
            waiting.sleep(backoff(attempt, first=0.1, most=5.0, chance=chance))
    last = read()
    if decide(last.value) == last.value:
        return Swapped(last.value, written=False, conflicts=conflicts)
    if lost:
        raise ServiceUnavailable(
            f"Writing {what} got no reply, and it did not arrive ({attempts} attempts).",
            code="no-answer",
            cure="Run it again.",
        )
    winner = describe(last.value)
    raise ServiceUnavailable(
        f"Others changed {what} {conflicts} times while it was to be written"
        f"{f'; the last to win was {winner}' if winner else ''}.",
        code="race-lost",
        cure="Run it again: nothing is lost, and what is done already is taken as it is.",
    )

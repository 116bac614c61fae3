"""A clock for tests that records what would have been waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from wheelstep.ground.transport import RetryBudget, Transport

__all__ = ["QuickClock", "quick_transport"]


class QuickClock:
    """Its time passes by sleeping only."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@contextmanager
def quick_transport(
    *, attempts: int = 4, patience: float = 60.0
) -> Iterator[tuple[Transport, QuickClock]]:
    """A transport whose waiting between attempts takes no time.

    Args:
        attempts: For one request.
        patience: Seconds that an answer may take, these in earnest.
    """
    clock, budget = QuickClock(), RetryBudget(attempts=attempts)
    with Transport({}, budget=budget, clock=clock, timeout=(10, patience)) as transport:
        yield transport, clock

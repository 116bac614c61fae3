"""Waiting: a clock that can be stopped and replaced, jittered back-off, one retry budget."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from wheelstep.errors import StoppedBySignal
from wheelstep.ground.stopping import on_stop

__all__ = ["Clock", "RetryBudget", "SystemClock", "attempts", "backoff"]

SOON: Final = 4.0
"""Seconds."""


class Clock(Protocol):
    """What waits; tests bring one that does not."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""

    def time(self) -> float:
        """Return seconds since 1970, UTC: only to read dates that a server sent."""

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedBySignal: When the run was stopped meanwhile.
        """


class SystemClock:
    """The real clock; `stop` ends every wait in every thread at once."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._signal = 2
        on_stop(self.stop)

    def monotonic(self) -> float:  # noqa: D102 - as Clock says
        return time.monotonic()

    def time(self) -> float:  # noqa: D102 - as Clock says
        return time.time()

    def sleep(self, seconds: float) -> None:  # noqa: D102 - as Clock says
        if self._stopped.wait(max(0.0, seconds)):
            raise StoppedBySignal(self._signal)

    def stop(self, signal_number: int) -> None:
        """Wake every waiting thread with `StoppedBySignal`, now and from now on."""
        self._signal = signal_number
        self._stopped.set()


def backoff(
    attempt: int,
    *,
    first: float = 0.5,
    most: float = 30.0,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return how long to wait before trying again: exponential, with full jitter.

    Args:
        attempt: How many attempts failed so far, from 1.
        first: Upper bound of the first wait, seconds; doubles with each attempt.
        most: Upper bound of any wait, seconds.
        chance: Random numbers in [0, 1).
    """
    return chance() * min(most, first * 2.0 ** min(attempt - 1, 30))


def attempts(
    clock: Clock, seconds: float, stopped: Callable[[], bool] = lambda: False
) -> Iterator[int]:
    """Yield the numbers of attempts, waiting longer and longer between them, until a time is over:
    for what a service shows some time after it was done.

    Args:
        clock: What waits.
        seconds: How long; there is one attempt at least.
        stopped: Says that nothing more is waited for.
    """
    deadline = clock.monotonic() + seconds
    attempt = 0
    while True:
        attempt += 1
        yield attempt
        left = deadline - clock.monotonic()
        if left <= 0 or stopped():
            return
        clock.sleep(min(left, 0.1 + backoff(attempt, first=0.4, most=10.0)))


class RetryBudget:
    """How much waiting for services one run may spend, whatever the number of requests.

    Waits of several threads that overlap count once: what is limited is the time a reader waits.
    Thread-safe.
    """

    def __init__(
        self,
        seconds: float = 300.0,
        *,
        attempts: int = 6,
        first: float = 0.5,
        most: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Keep the limits.

        Args:
            seconds: The run's whole waiting for retries.
            attempts: Attempts for one request, the first included.
            first: Upper bound of a request's first wait, seconds.
            most: Upper bound of a wait that no server asked for, seconds.
            chance: Random numbers in [0, 1).
        """
        self.attempts = attempts
        self._answering: set[str] = set()
        self._left = seconds
        self._first = first
        self._most = most
        self._chance = chance
        self._covered_until = float("-inf")
        self._guard = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds that may still be spent."""
        with self._guard:
            return self._left

    def answered(self, host: str) -> None:
        """Note that a host gave a final answer: something is there that answers."""
        with self._guard:
            self._answering.add(host)

    def wait_for(
        self, attempt: int, now: float, asked: float | None, host: str = ""
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Where a third of all answers fails, one request in 700 fails six times, and a release makes
        more than that: a host that has answered in this run gets twice the attempts. It needs no
        long pause, and what always fails there is told of soon: these further attempts wait `SOON`
        at most.

        Args:
            attempt: How many attempts failed so far, from 1.
            now: The clock's `monotonic()`.
            asked: What the server asked for (Retry-After), seconds.
            host: Who is asked.
        """
        if attempt >= (self.attempts * 2 if host in self._answering else self.attempts):
            return None
        most = min(self._most, SOON) if attempt >= self.attempts else self._most
        wait = backoff(attempt, first=self._first, most=most, chance=self._chance)
        if asked is not None:
            # never earlier than asked, and not all clients in the same instant
            wait = asked + min(wait, 1.0)
        with self._guard:
            until = now + wait
            spent = max(0.0, until - max(now, self._covered_until))
            if spent > self._left:
                return None
            self._left -= spent
            self._covered_until = max(self._covered_until, until)
        return wait

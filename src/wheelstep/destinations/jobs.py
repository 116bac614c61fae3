"""Jobs in threads: a list of them, or some that add others when they are done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

from wheelstep.errors import StepError, raise_all
from wheelstep.ground.threads import ThreadPool

__all__ = ["Jobs", "in_parallel"]

T = TypeVar("T")


class Jobs:
    """Work of several kinds, each kind in threads of its own; a job may add more.

    After the first failure what has not begun is not begun. Used as a context manager, whose end
    waits for all jobs.
    """

    def __init__(self, **threads: int) -> None:
        """Prepare; a thread is started when there is work for it.

        Args:
            threads: Kind -> how many of its jobs at once, at least 1.
        """
        self._pools = {kind: ThreadPool(max(1, count), kind) for kind, count in threads.items()}
        self._changed = threading.Condition()
        self._left = 0
        self._errors: list[tuple[int, BaseException]] = []

    @property
    def failed(self) -> bool:
        """True as soon as a job has failed: what only waits need not wait any longer."""
        return bool(self._errors)

    def add(self, kind: str, job: Callable[[], object], order: int = 0) -> None:
        """Let a job be done.

        Args:
            kind: One of those the object was made with.
            job: May raise, and may call this.
            order: Where its error stands among those of other jobs.
        """
        with self._changed:
            self._left += 1
        self._pools[kind].submit(self._do, job, order)

    def _do(self, job: Callable[[], object], order: int) -> None:
        try:
            if not self.failed:
                job()
        except BaseException as error:  # noqa: BLE001 - raised again where the jobs are waited for
            with self._changed:
                self._errors.append((order, error))
        finally:
            with self._changed:
                self._left -= 1
                self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Wait for all jobs.

        Raises:
            StepError: All that failed, in their order.
        """
        try:
            if error is None:
                with self._changed:
                    self._changed.wait_for(lambda: not self._left)
        except BaseException as stopped:
            # a signal: a server that does not answer is not waited for; cli.py ends with the
            # process
            self._errors.append((0, stopped))
            self._shut(wait=False)
            raise
        self._shut(wait=error is None)
        if error is None:
            self._raise()

    def _shut(self, *, wait: bool) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=wait, cancel_futures=True)

    def _raise(self) -> None:
        found = [error for _, error in sorted(self._errors, key=lambda pair: pair[0])]
        for error in found:
            if not isinstance(error, StepError):
                raise error
        raise_all([error for error in found if isinstance(error, StepError)])


def in_parallel(jobs: Iterable[Callable[[], T]], parallel: int) -> list[T]:
    """Run jobs in threads and return their results in order.

    After the first failure what has not begun is not begun.

    Raises:
        StepError: All that failed, in order.
    """
    waiting = list(jobs)
    results: dict[int, T] = {}
    if waiting:
        with Jobs(transfer=min(parallel, len(waiting))) as pool:
            for number, job in enumerate(waiting):
                pool.add(
                    "transfer",
                    lambda n=number, j=job: results.__setitem__(n, j()),  # type: ignore[misc]
                    number,
                )
    return [results[number] for number in range(len(waiting))]

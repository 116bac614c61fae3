"""What is stored beside wheels, while the next wheels are on their way already."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from wheelstep.errors import StepError, raise_all
from wheelstep.ground.threads import ThreadPool

__all__ = ["Beside"]


class Beside:
    """Small files of projects, each stored in a thread of its own kind: a transfer of a wheel does
    not wait for the answer to a file of a kilobyte. Safe to use from several threads."""

    def __init__(self, parallel: int) -> None:
        """Prepare; no thread is started yet.

        Args:
            parallel: How many files at once.
        """
        self._pool = ThreadPool(max(1, parallel), "beside")
        self._guard = threading.Lock()
        self._begun: dict[str, list[Future[object]]] = {}

    def store(self, name: str, job: Callable[[], object]) -> None:
        """Begin to store a file of a project."""
        begun = self._pool.submit(job)
        with self._guard:
            self._begun.setdefault(name, []).append(begun)

    def wait(self, name: str) -> None:
        """Wait for what was begun of a project.

        Raises:
            StepError: All that could not be stored, in their order.
        """
        with self._guard:
            begun = self._begun.pop(name, [])
        failed = []
        for one in begun:
            try:
                one.result()
            except StepError as error:
                failed.append(error)
        raise_all(failed)

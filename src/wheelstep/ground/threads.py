"""Threads that do work side by side, in a run that a signal may stop at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from wheelstep.ground.stopping import in_one_piece, raise_if_asked

__all__ = ["ThreadPool", "all_ended"]

P = ParamSpec("P")
T = TypeVar("T")


class ThreadPool(ThreadPoolExecutor):
    """The standard library's, whose threads are started in one piece: a signal within a start would
    leave a thread that does the work and that the pool does not know, nor waits for."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let work be done.

        Raises:
            StoppedBySignal: A signal came; the work is in the pool all the same.
        """
        if threading.current_thread() is not threading.main_thread():
            return super().submit(fn, *args, **kwargs)  # no signal is raised here
        with in_one_piece():
            future = super().submit(fn, *args, **kwargs)
        raise_if_asked()
        return future


def all_ended(within: float) -> bool:
    """Wait for the threads beside the one that asks, and tell whether all of them have ended.

    Args:
        within: Seconds to wait at most.
    """
    until = time.monotonic() + within
    here = threading.current_thread()
    # one that is being started cannot be joined yet, but whoever starts it can
    while begun := next((o for o in threading.enumerate() if o.is_alive() and o is not here), None):
        if (left := until - time.monotonic()) <= 0:
            return False
        begun.join(left)
    return threading.active_count() == 1

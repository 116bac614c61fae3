"""Threads in a run that a signal may stop at any moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from wheelstep.errors import StoppedBySignal
from wheelstep.ground import stopping
from wheelstep.ground.threads import ThreadPool


@pytest.fixture(autouse=True)
def _no_signal_yet() -> Iterator[None]:
    stopping.begin()
    yield
    stopping.begin()


def test_a_signal_tears_no_start_of_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        stopping.stop(signal.SIGTERM)
        start(thread)

    done: list[str] = []
    with ThreadPool(1) as pool:
        monkeypatch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(StoppedBySignal):
            pool.submit(done.append, "what was begun")
    assert done == ["what was begun"]  # the pool knew of it, and waited


def test_a_signal_that_waits_is_the_main_threads_alone() -> None:
    with stopping.in_one_piece():
        stopping.stop(signal.SIGTERM)

    def nested() -> int:
        with ThreadPool(1) as pool:
            return pool.submit(int, "7").result()

    with ThreadPoolExecutor(1) as outer:
        assert outer.submit(nested).result() == 7
    with pytest.raises(StoppedBySignal):
        stopping.raise_if_asked()

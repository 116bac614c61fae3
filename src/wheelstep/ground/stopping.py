"""Stopping by a signal: every wait and every child ends, and nothing is left half done.

A signal reaches the main thread alone, which raises `StoppedBySignal` wherever it is. The other
threads learn of it here: their waits end, their children are killed, and they start no new ones.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Final

from wheelstep.errors import StoppedBySignal

__all__ = ["begin", "in_one_piece", "on_stop", "raise_if_asked", "raise_if_stopped", "stop"]


class _State:
    """Of this process; read by all threads, written by the main thread."""

    number: int | None = None
    """The signal that came."""
    held: int = 0
    """How deep in blocks that are not to be torn."""
    waiting: int | None = None
    """A signal that came within such a block."""


_state: Final = _State()
_listeners: Final[list[Callable[[], Callable[[int], None] | None]]] = []
_guard: Final = threading.Lock()


def begin() -> None:
    """Start a command: no signal has come yet."""
    _state.number, _state.held, _state.waiting = None, 0, None


def on_stop(listener: Callable[[int], None]) -> None:
    """Call a function with the signal's number when one comes; a method as long as its object
    lives."""
    reference = weakref.WeakMethod(listener) if hasattr(listener, "__self__") else lambda: listener
    with _guard:
        _listeners[:] = [one for one in _listeners if one() is not None]
        _listeners.append(reference)


def stop(number: int) -> None:
    """Stop the run: what the handler of a signal does, in the main thread.

    Args:
        number: The signal's.

    Raises:
        StoppedBySignal: At once; or later, when it comes in a block that must not be torn.
    """
    if _state.held:
        _state.waiting = number
        return
    _state.number = number
    # no lock: the signal may have come while this very thread held it
    for reference in tuple(_listeners):
        if (listener := reference()) is not None:
            listener(number)
    raise StoppedBySignal(number)


def raise_if_stopped() -> None:
    """End a thread of a run that was stopped; the main thread has work left: it clears up.

    Raises:
        StoppedBySignal: A signal came.
    """
    if _state.number is not None and threading.current_thread() is not threading.main_thread():
        raise StoppedBySignal(_state.number)


def raise_if_asked() -> None:
    """Stop now, if a signal came within a block that was not to be torn.

    Raises:
        StoppedBySignal: One came.
    """
    if _state.waiting is not None and not _state.held:
        number, _state.waiting = _state.waiting, None
        stop(number)


@contextlib.contextmanager
def in_one_piece() -> Iterator[None]:
    """Let a signal wait, in the main thread: for short blocks.

    It is not raised at the block's end, so that what was done can be told, but by the next
    `raise_if_asked`, at the latest at the end of the command.
    """
    _state.held += 1
    try:
        yield
    finally:
        _state.held -= 1

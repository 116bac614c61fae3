"""Compare and swap: nobody's work is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.ground.web import InstantClock
from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground.swap import Conflict, LostReply, Swapped, Tagged, swap

State = tuple[str, ...]


class Store:
    """A state with a tag, as a blob or a branch has it."""

    def __init__(self, *state: str) -> None:
        self.state: State = state
        self.version = 0
        self.guard = threading.Lock()
        self.before_write: Callable[[], None] = lambda: None
        self.reply_lost = False
        self.request_lost = False

    def read(self) -> Tagged[State]:
        with self.guard:
            return Tagged(self.state, str(self.version))

    def write(self, state: State, tag: str | None) -> None:
        self.before_write()
        if self.request_lost:
            raise LostReply
        with self.guard:
            if tag != str(self.version):
                raise Conflict
            self.state, self.version = state, self.version + 1
        if self.reply_lost:
            raise LostReply

    def other_writes(self, item: str) -> None:
        with self.guard:
            self.state, self.version = (*self.state, item), self.version + 1

    def add(
        self, item: str, clock: InstantClock | None = None, attempts: int = 12
    ) -> Swapped[State]:
        return swap(
            "the page",
            read=self.read,
            decide=lambda state: state if item in state else (*state, item),
            write=self.write,
            describe=lambda state: state[-1],
            clock=clock or InstantClock(),
            attempts=attempts,
        )


def test_written_once() -> None:
    store = Store("a")
    assert store.add("b") == Swapped(("a", "b"), written=True, conflicts=0)
    assert store.add("b") == Swapped(("a", "b"), written=False, conflicts=0)
    assert store.version == 1


def test_after_a_conflict_it_decides_again_on_the_new_state() -> None:
    store, clock = Store(), InstantClock()
    rivals = ["x", "y"]
    store.before_write = lambda: store.other_writes(rivals.pop()) if rivals else None
    assert store.add("mine", clock) == Swapped(("y", "x", "mine"), written=True, conflicts=2)
    assert len(clock.waits) == 2


def test_a_lost_reply_to_a_write_that_arrived_is_no_conflict() -> None:
    store = Store()
    store.reply_lost = True
    assert store.add("mine") == Swapped(("mine",), written=False, conflicts=0)
    assert store.version == 1
    store = Store()
    store.reply_lost = True
    assert store.add("mine", attempts=1).value == ("mine",)


def test_a_request_that_never_arrives() -> None:
    store = Store()
    store.request_lost = True
    with pytest.raises(ServiceUnavailable, match="got no reply, and it did not arrive") as caught:
        store.add("mine", attempts=3)
    assert caught.value.code == "no-answer"


def test_a_race_lost_too_often_says_to_whom() -> None:
    store, clock = Store(), InstantClock()
    count = iter(range(100))
    store.before_write = lambda: store.other_writes(f"rival-{next(count)}")
    with pytest.raises(
        ServiceUnavailable, match=r"changed the page 5 times.*was rival-4"
    ) as caught:
        store.add("mine", clock, attempts=5)
    assert caught.value.code == "race-lost"
    assert len(clock.waits) == 4
    assert "mine" not in store.state


def test_other_errors_pass() -> None:
    def write(_: State, __: str | None) -> None:
        raise ServiceRefused("No.", code="not-authorized")

    with pytest.raises(ServiceRefused):
        swap("it", read=Store().read, decide=lambda s: (*s, "x"), write=write)


def test_threads_at_once_lose_nothing() -> None:
    store = Store()

    def work(number: int) -> None:
        for item in range(10):
            store.add(f"{number}-{item}", attempts=1000)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.state) == len(set(store.state)) == 80

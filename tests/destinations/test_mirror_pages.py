"""Pages that many change at once, in a store that takes turns as a seed says."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from tests.destinations.waiting import QuickClock
from wheelstep.destinations.mirror_pages import PAGE_TAG, Blob, change_pages
from wheelstep.ground.simple_index import parse
from wheelstep.ground.swap import Conflict, LostReply
from wheelstep.model import Listed

PAGE, TWIN = "simple/acme-core/index.html", "simple/acme-core/index.json"


class Killed(BaseException):
    """What ends a publisher in the middle."""


class Memory:
    """A store; whoever uses it waits for its turn, and may be killed or lose a reply."""

    def __init__(self, seed: int = 0) -> None:
        self.blobs: dict[str, Blob] = {}
        self.asked: list[str] = []
        self.turns = Turns(seed)
        self.count = 0

    def read(self, path: str) -> Blob | None:
        with self.turns:
            self.asked.append(f"read {path}")
            return self.blobs.get(path)

    def write(
        self, path: str, data: bytes, *, etag: str | None, kind: str, notes: Mapping[str, str]
    ) -> str:
        assert kind
        with self.turns as fate:
            self.asked.append(f"write {path}")
            there = self.blobs.get(path)
            if (there.etag if there else None) != etag:
                raise Conflict
            self.count += 1
            self.blobs[path] = Blob(data, f"tag-{self.count}", dict(notes))
            if fate == "lost":
                raise LostReply
            return f"tag-{self.count}"

    def listed(self, path: str) -> dict[str, str | None]:
        kind = "text/html" if path == PAGE else "application/json"
        found = parse(self.blobs[path].data, kind, f"https://a.example/c/{path}")
        assert len({one.file for one in found}) == len(found), "each exactly once"
        return {one.file: one.sha256 for one in found}


class Turns:
    """Lets one thread after the other go on, by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same for the same seed
        self.changed = threading.Condition()
        self.waiting: dict[int, None] = {}
        self.expected = 0
        self.running = 0
        self.next: int | None = None
        self.kills = 0.0
        self.losses = 0.0

    def run(self, jobs: Sequence[Callable[[], object]]) -> int:
        """Run all; return how many were killed."""
        killed: list[int] = []

        def one(job: Callable[[], object]) -> None:
            try:
                job()
            except Killed:
                killed.append(1)
            finally:
                with self.changed:
                    self.running -= 1
                    self.choose()

        self.running = self.expected = len(jobs)
        threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        self.expected = 0
        return len(killed)

    def choose(self) -> None:
        if self.next is None and self.waiting and len(self.waiting) >= self.running:
            self.next = self.chance.choice(sorted(self.waiting))
            self.changed.notify_all()

    def __enter__(self) -> str:
        if not self.expected:
            return ""
        me = threading.get_ident()
        with self.changed:
            self.waiting[me] = None
            self.choose()
            self.changed.wait_for(lambda: self.next == me, 60)
            assert self.next == me
            roll = self.chance.random()
            if roll < self.kills:
                self.leave()
                raise Killed
        return "lost" if roll > 1 - self.losses else ""

    def leave(self) -> None:
        self.next = None
        del self.waiting[threading.get_ident()]

    def __exit__(self, *_: object) -> None:
        if self.expected:
            with self.changed:
                self.leave()


def file(number: int) -> Listed:
    name = f"acme_core-1.{number}-py3-none-any.whl"
    return Listed(name, "", f"{number:064x}", size=number + 1, requires_python=">=3.9")


def adding(*files: Listed) -> Callable[[Mapping[str, Listed]], Mapping[str, Listed]]:
    return lambda listed: {**listed, **{one.file: one for one in files}}


def add(store: Memory, *numbers: int) -> object:
    files = [file(number) for number in numbers]
    return change_pages(store, "acme-core", adding(*files), clock=QuickClock())


def whole(store: Memory, numbers: range) -> None:
    wanted = {file(number).file: file(number).sha256 for number in numbers}
    assert store.listed(PAGE) == wanted
    assert store.listed(TWIN) == wanted
    assert store.blobs[TWIN].notes[PAGE_TAG] == store.blobs[PAGE].etag


def test_alone_it_takes_one_reading_and_two_writings() -> None:
    store = Memory()
    add(store, 0, 1)
    assert store.asked == [f"read {TWIN}", f"write {PAGE}", f"write {TWIN}"]
    store.asked.clear()
    add(store, 2)
    assert store.asked == [f"read {TWIN}", f"write {PAGE}", f"write {TWIN}"]
    whole(store, range(3))
    store.asked.clear()
    add(store, 1)
    assert store.asked == [f"read {TWIN}"], "what is listed is not written again"
    (first, *_) = parse(store.blobs[TWIN].data, "application/json", f"https://a.example/c/{TWIN}")
    assert first.url == "https://a.example/c/wheels/acme_core-1.0-py3-none-any.whl"
    assert (first.size, first.requires_python) == (1, ">=3.9")


@pytest.mark.parametrize("seed", range(40))
def test_nobodys_file_is_lost(seed: int) -> None:
    store = Memory(seed)
    store.turns.losses = 0.1 if seed % 2 else 0.0
    assert store.turns.run([lambda n=n: add(store, n) for n in range(12)]) == 0  # type: ignore[misc]
    whole(store, range(12))


@pytest.mark.parametrize("seed", range(40))
def test_what_killed_publishers_leave_is_healed_by_the_next(seed: int) -> None:
    store = Memory(seed)
    store.turns.kills = 0.15
    killed = store.turns.run([lambda n=n: add(store, n) for n in range(8)])  # type: ignore[misc]
    survivors = 8 - killed
    listed = store.listed(TWIN) if TWIN in store.blobs else {}
    assert len(listed) >= survivors
    # run again, each of them: also those that had ended well
    assert store.turns.run([lambda n=n: add(store, n) for n in range(8)]) >= 0  # type: ignore[misc]
    store.turns.kills = 0.0
    for number in range(8):
        add(store, number)
    add(store, 8)
    whole(store, range(9))


def test_a_file_is_yanked_and_removed_while_others_publish() -> None:
    for seed in range(20):
        store = Memory(seed)
        add(store, *range(4))
        gone, yanked = file(0).file, file(1).file

        def remove(listed: Mapping[str, Listed]) -> Mapping[str, Listed]:
            return {name: one for name, one in listed.items() if name != gone}  # noqa: B023

        def yank(listed: Mapping[str, Listed]) -> Mapping[str, Listed]:
            return {**listed, yanked: replace(listed[yanked], yanked="broken")}  # noqa: B023

        jobs = [lambda n=n: add(store, n) for n in range(4, 8)]  # noqa: B023
        jobs += [
            lambda change=change: change_pages(store, "acme-core", change, clock=QuickClock())  # noqa: B023
            for change in (remove, yank)
        ]
        assert store.turns.run(jobs) == 0
        assert set(store.listed(PAGE)) == {file(n).file for n in range(1, 8)}
        assert store.listed(PAGE) == store.listed(TWIN)
        assert b'data-yanked="broken"' in store.blobs[PAGE].data

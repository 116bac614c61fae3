"""Pages that many change at once, in a store that takes turns as a seed says."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.destinations.waiting import QuickClock
from wheelstep.destinations.mirror_project import Entry, MirrorForm, bring_up_to_date, notes_of
from wheelstep.ground.simple_index import parse
from wheelstep.ground.swap import Conflict

FORM = MirrorForm(page="")
FOLDER = "simple/acme-core"
PAGE, TWIN = f"{FOLDER}/", f"{FOLDER}/index.json"


class Killed(BaseException):
    """What ends a publisher in the middle."""


class Memory:
    """A store; whoever uses it waits for its turn, and may be killed or lose a reply."""

    def __init__(self, seed: int = 0) -> None:
        self.blobs: dict[str, tuple[bytes, Entry]] = {}
        self.asked: list[str] = []
        self.turns = Turns(seed)
        self.count = 0

    def entries(self, folder: str) -> dict[str, Entry]:
        with self.turns:
            self.asked.append(f"list {folder}")
            return {
                path.removeprefix(f"{folder}/"): entry
                for path, (_, entry) in self.blobs.items()
                if path.startswith(f"{folder}/")
            }

    def write(
        self, path: str, data: bytes, *, etag: str | None, kind: str, notes: Mapping[str, str]
    ) -> str:
        assert kind
        with self.turns as fate:
            self.asked.append(f"write {path}")
            there = self.blobs.get(path)
            if (there[1].etag if there else None) != etag:
                raise Conflict
            self.count += 1
            self.blobs[path] = data, Entry(f"tag-{self.count}", len(data), dict(notes))
            if fate == "lost":
                raise Conflict  # sent again it is refused, though it was ours that arrived
            return f"tag-{self.count}"

    def listed(self, path: str) -> dict[str, str | None]:
        kind = "text/html" if path == PAGE else "application/json"
        found = parse(self.blobs[path][0], kind, f"https://a.example/c/{path}")
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


def file(number: int) -> str:
    return f"acme_core-1.{number}-py3-none-any.whl"


def sha256(number: int) -> str:
    return f"{number:064x}"


def put(store: Memory, number: int) -> None:
    """Store a wheel, unless it is there."""
    notes = notes_of(sha256(number), requires_python=">=3.9", metadata=None)
    try:
        store.write(f"{FOLDER}/{file(number)}", b"w", etag=None, kind="a/b", notes=notes)
    except Conflict:
        assert f"{FOLDER}/{file(number)}" in store.blobs


def publish(store: Memory, *numbers: int) -> None:
    for number in numbers:
        put(store, number)
    bring_up_to_date(store, FORM, "acme-core", clock=QuickClock())


def whole(store: Memory, numbers: range) -> None:
    wanted = {file(number): sha256(number) for number in numbers}
    assert store.listed(PAGE) == wanted
    assert store.listed(TWIN) == wanted


def test_alone_it_takes_one_listing_and_two_writings() -> None:
    store = Memory()
    put(store, 0)
    store.asked.clear()
    listed = bring_up_to_date(store, FORM, "acme-core")
    assert [one.file for one in listed] == [file(0)]
    assert store.asked == [f"list {FOLDER}", f"write {PAGE}", f"write {TWIN}"]
    put(store, 1)
    store.asked.clear()
    bring_up_to_date(store, FORM, "acme-core")
    assert store.asked == [f"list {FOLDER}", f"write {PAGE}", f"write {TWIN}"]
    whole(store, range(2))
    store.asked.clear()
    bring_up_to_date(store, FORM, "acme-core")
    assert store.asked == [f"list {FOLDER}"], "what is listed is not written again"
    (first, _) = parse(store.blobs[TWIN][0], "application/json", f"https://a.example/c/{TWIN}")
    assert first.url == f"https://a.example/c/{FOLDER}/{file(0)}"
    assert (first.size, first.requires_python) == (1, ">=3.9")


def test_a_listing_that_is_known_is_not_asked_for_and_not_trusted() -> None:
    store = Memory()
    publish(store, 0)
    known = store.entries(FOLDER)
    put(store, 1)
    known[file(1)] = store.blobs[f"{FOLDER}/{file(1)}"][1]
    store.asked.clear()
    bring_up_to_date(store, FORM, "acme-core", known=known)
    assert store.asked == [f"write {PAGE}", f"write {TWIN}"]
    whole(store, range(2))
    publish(store, 2)
    bring_up_to_date(store, FORM, "acme-core", known=known, clock=QuickClock())  # long out of date
    whole(store, range(3))


@pytest.mark.parametrize("seed", range(40))
def test_nobodys_file_is_lost(seed: int) -> None:
    store = Memory(seed)
    store.turns.losses = 0.1 if seed % 2 else 0.0
    assert store.turns.run([lambda n=n: publish(store, n) for n in range(12)]) == 0  # type: ignore[misc]
    whole(store, range(12))


@pytest.mark.parametrize("seed", range(40))
def test_what_killed_publishers_leave_is_healed_by_the_next(seed: int) -> None:
    store = Memory(seed)
    store.turns.kills = 0.15
    store.turns.run([lambda n=n: publish(store, n) for n in range(8)])  # type: ignore[misc]
    stored = {path for path in store.blobs if path.endswith(".whl")}
    store.turns.kills = 0.0
    # whoever comes next, with another file, lists all that is there
    publish(store, 8)
    assert {f"{FOLDER}/{name}" for name in store.listed(PAGE)} == stored | {f"{FOLDER}/{file(8)}"}
    assert store.listed(PAGE) == store.listed(TWIN)


def test_a_file_that_was_removed_stays_removed_while_others_publish() -> None:
    for seed in range(20):
        store = Memory(seed)
        publish(store, *range(4))

        def remove(store: Memory = store) -> None:
            with store.turns:
                del store.blobs[f"{FOLDER}/{file(0)}"]
            bring_up_to_date(store, FORM, "acme-core", clock=QuickClock())

        jobs: list[Callable[[], object]] = [
            lambda n=n, store=store: publish(store, n)  # type: ignore[misc]
            for n in range(4, 8)
        ]
        assert store.turns.run([*jobs, remove]) == 0
        whole(store, range(1, 8))

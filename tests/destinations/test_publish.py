"""Publishing to folders and to an index in memory that misbehaves on request."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.destinations.wheels import content_of, make_wheel, record_of
from wheelstep.destinations.decide import Unobtainable
from wheelstep.destinations.examine import VersionTaken, examine
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.publish import missing_at, publish, upload
from wheelstep.errors import (
    BuildFailed,
    CannotHere,
    Refused,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    SeveralProblems,
)
from wheelstep.model import Index, Listed, Outcome, Wheel


class InstantClock:
    """Time passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.guard = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self.guard:
            self.now += seconds


class MemoryIndex:
    """An index that lists by itself, late where it is told to."""

    kind = "index"

    def __init__(self, name: str = "memory", *, hashes: bool = True) -> None:
        self.name = name
        self.place = f"https://{name}.example/"
        self.hashes = hashes
        self.files: dict[str, bytes] = {}
        self.hidden_for = 0
        """Looks until new files are listed."""
        self.puts: list[str] = []
        self.refuses_all = False
        self.changes_downloads = False
        self.lists: dict[str, str] = {}
        """Hashes to list in place of the true ones."""

    @property
    def consumer_url(self) -> str | None:
        return f"{self.place}simple/"

    def index(self) -> Index:
        return Index(url=self.consumer_url)

    def unacceptable(self, wheel: Wheel) -> str | None:
        return "it has a local version." if "+" in wheel.version else None

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        if self.hidden_for and self.puts:
            self.hidden_for -= 1
            return {name: [] for name in names}
        return {
            name: [
                Listed(file, f"{self.place}{file}", self.hash_of(file))
                for file in self.files
                if file.startswith(name.replace("-", "_") + "-")
            ]
            for name in names
        }

    def hash_of(self, file: str) -> str | None:
        true = hashlib.sha256(self.files[file]).hexdigest()
        return self.lists.get(file, true) if self.hashes else None

    def fetch(self, listed: Listed, target: Path | None) -> str:
        data = self.files[listed.file] + b"x" * self.changes_downloads
        if target is not None:
            target.write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    def put(self, wheel: Wheel) -> bool:
        self.puts.append(wheel.file)
        if self.refuses_all or wheel.file in self.files:
            return False
        assert wheel.path
        self.files[wheel.file] = wheel.path.read_bytes()
        return True


class Releasing:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = InstantClock()
        self.told: list[str] = []

    def wheel(self, name: str = "acme", version: str = "1.0", **kinds: str) -> Wheel:
        folder = self.root / "-".join(["dist", *kinds.values()])
        return make_wheel(
            folder, name, version, code=kinds.get("code", ""), tool=kinds.get("tool", "x")
        )

    def folder(self, name: str = "index") -> FolderDestination:
        return FolderDestination(Wanted(name), self.root)

    def publish(self, wheels: Sequence[Wheel], *places: Destination) -> list[tuple[str, Outcome]]:
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        done = publish(
            wheels,
            places,
            content_of=content_of,
            work=work,
            clock=self.clock,
            tell=self.told.append,
        )
        return [(one.destination.name, one.outcome) for one in done]


@pytest.fixture
def releasing(tmp_path: Path) -> Releasing:
    return Releasing(tmp_path)


def test_upload_then_identical(releasing: Releasing) -> None:
    memory, folder = MemoryIndex(), releasing.folder()
    wheels = [releasing.wheel(), releasing.wheel("other")]

    assert {o for _, o in releasing.publish(wheels, memory, folder)} == {Outcome.UPLOADED}
    assert len(releasing.told) == 4
    assert {o for _, o in releasing.publish(wheels, memory, folder)} == {Outcome.IDENTICAL}
    assert len(memory.puts) == 2
    assert list((releasing.root / "work").rglob("*.whl")) == [], "what was read back is gone"


def test_same_content_in_other_bytes_is_adopted_and_copied(releasing: Releasing) -> None:
    memory, folder = MemoryIndex(), releasing.folder()
    old, new = releasing.wheel(tool="old"), releasing.wheel(tool="new")
    assert old.sha256 != new.sha256
    releasing.publish([old], memory)

    assert releasing.publish([new], folder, memory) == [
        ("index", Outcome.COPIED),
        ("memory", Outcome.ADOPTED),
    ]
    assert folder.look(["acme"])["acme"][0].sha256 == old.sha256


def test_an_index_without_hashes(releasing: Releasing) -> None:
    memory = MemoryIndex(hashes=False)
    old, new = releasing.wheel(tool="old"), releasing.wheel(tool="new")
    assert releasing.publish([old], memory) == [("memory", Outcome.UPLOADED)]
    assert releasing.publish([old], memory) == [("memory", Outcome.IDENTICAL)]
    assert releasing.publish([new], memory) == [("memory", Outcome.ADOPTED)]


def test_other_content_is_refused_before_anything_is_published(releasing: Releasing) -> None:
    memory, folder = MemoryIndex(), releasing.folder()
    releasing.publish([releasing.wheel(code="old = 1")], memory)
    memory.puts.clear()
    new = releasing.wheel(code="new = 1")

    with pytest.raises(VersionTaken, match=r"acme 1\.0 is already published in memory") as caught:
        releasing.publish([new, releasing.wheel("other")], folder, memory)

    assert caught.value.exit_code == 4
    assert caught.value.code == "version-taken"
    assert caught.value.conflict.wheel == new
    assert content_of(caught.value.published) == caught.value.conflict.found.content
    assert memory.puts == []
    assert folder.look(["other", "acme"]) == {"other": [], "acme": []}


def test_a_published_file_that_is_no_wheel_is_other_content(releasing: Releasing) -> None:
    def unreadable(path: Path) -> str:
        raise BuildFailed(f"{path.name} is no wheel.", code="wheel-invalid")

    memory, wheel = MemoryIndex(), releasing.wheel()
    memory.files[wheel.file] = b"no archive"
    with pytest.raises(VersionTaken, match="of no readable wheel"):
        examine([wheel], [memory], content_of=unreadable, work=releasing.root)


def test_what_a_destination_does_not_take_is_said_before_anything_is_published(
    releasing: Releasing,
) -> None:
    memory = MemoryIndex()
    wheels = [releasing.wheel(), releasing.wheel(version="1.0+x"), releasing.wheel("b", "2+y")]
    with pytest.raises(SeveralProblems, match=r"would not take acme-1\.0\+x") as caught:
        releasing.publish(wheels, memory)
    assert caught.value.exit_code == 3
    assert len(caught.value.errors) == 2
    assert memory.puts == []


def test_there_already_is_looked_at_again(releasing: Releasing) -> None:
    class Raced(MemoryIndex):
        """Another run publishes between our look and our upload."""

        def put(self, wheel: Wheel) -> bool:
            self.files[rival.file] = (rival.path or Path()).read_bytes()
            return super().put(wheel)

    rival = releasing.wheel(tool="rival")
    assert releasing.publish([rival], Raced()) == [("memory", Outcome.IDENTICAL)]
    assert releasing.publish([releasing.wheel(tool="mine")], Raced()) == [
        ("memory", Outcome.ADOPTED)
    ]
    with pytest.raises(VersionTaken):
        releasing.publish([releasing.wheel(code="x = 2")], Raced())


def test_reserved_and_never_listed(releasing: Releasing) -> None:
    memory = MemoryIndex()
    memory.refuses_all = True
    with pytest.raises(ServiceRefused, match="A deleted version stays reserved") as caught:
        releasing.publish([releasing.wheel()], memory)
    assert caught.value.code == "version-reserved"
    assert 300 <= releasing.clock.now < 320


def test_it_waits_until_the_page_lists_the_file(releasing: Releasing) -> None:
    memory = MemoryIndex()
    memory.hidden_for = 5
    assert releasing.publish([releasing.wheel()], memory) == [("memory", Outcome.UPLOADED)]
    assert memory.hidden_for == 0
    assert releasing.clock.now > 0.5


def test_never_listed_ends_in_time(releasing: Releasing) -> None:
    memory = MemoryIndex()
    memory.hidden_for = 10_000
    with pytest.raises(ServiceUnavailable, match="did not list it within 300 s") as caught:
        releasing.publish([releasing.wheel()], memory)
    assert caught.value.code == "not-visible"
    assert 300 <= releasing.clock.now < 320


def test_a_page_with_another_hash_ends_the_run(releasing: Releasing) -> None:
    memory, wheel = MemoryIndex(), releasing.wheel()
    memory.lists[wheel.file] = "f" * 64
    with pytest.raises(Refused, match="its page lists it with the SHA-256 ffff") as caught:
        releasing.publish([wheel], memory)
    assert caught.value.code == "hash-mismatch"


def test_what_is_read_back_must_be_what_was_published(releasing: Releasing) -> None:
    memory, wheel = MemoryIndex(), releasing.wheel()
    memory.changes_downloads = True
    with pytest.raises(Refused, match="what is read back has"):
        releasing.publish([wheel], memory)

    examination = examine([wheel], [memory], content_of=content_of, work=releasing.root)
    (done,) = upload(examination, read_back="none", clock=releasing.clock)
    assert (done.outcome, done.url) == (Outcome.IDENTICAL, f"{memory.place}{wheel.file}")


def test_a_recorded_wheel_fills_a_new_destination_without_building(releasing: Releasing) -> None:
    memory, folder, wheel = MemoryIndex(), releasing.folder(), releasing.wheel()
    releasing.publish([wheel], memory)
    recorded = replace(wheel, path=None)

    (missing,) = missing_at([memory, folder], [recorded])
    assert (missing.destination, missing.listed) == (folder, None)
    assert releasing.publish([recorded], memory, folder) == [
        ("memory", Outcome.IDENTICAL),
        ("index", Outcome.COPIED),
    ]
    assert missing_at([memory, folder], [recorded]) == ()


def test_missing_names_a_file_with_another_hash(releasing: Releasing) -> None:
    memory, wheel = MemoryIndex(), releasing.wheel()
    memory.files[wheel.file] = b"other"
    (missing,) = missing_at([memory], [wheel])
    assert missing.listed
    assert missing.listed.file == wheel.file


def test_a_recorded_wheel_that_nobody_has_must_be_built(releasing: Releasing) -> None:
    recorded = replace(releasing.wheel(), path=None)
    examination = examine([recorded], [MemoryIndex()], content_of=content_of, work=releasing.root)
    assert examination.unobtainable == (Unobtainable(recorded, "https://memory.example/"),)
    with pytest.raises(CannotHere, match="not on this machine"):
        upload(examination)


def test_a_destination_given_twice(releasing: Releasing) -> None:
    with pytest.raises(SettingError, match="given twice"):
        releasing.publish([releasing.wheel()], releasing.folder(), releasing.folder("./index"))


def test_a_service_that_fails_while_looking_stops_everything(releasing: Releasing) -> None:
    class Down(MemoryIndex):
        def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
            raise ServiceUnavailable("It is down.", code="no-answer")

    memory = MemoryIndex("up")
    with pytest.raises(ServiceUnavailable, match="It is down"):
        releasing.publish([releasing.wheel()], memory, Down())
    assert memory.puts == []


def test_many_wheels_to_one_folder_write_each_page_once(releasing: Releasing) -> None:
    folder = releasing.folder()
    wheels = [releasing.wheel(f"p{i % 5}", f"1.{i}") for i in range(40)]
    releasing.publish(wheels, folder)
    served = folder.served([f"p{i}" for i in range(5)], "serve")
    assert [len(files) for files in served.values()] == [8] * 5
    assert {record_of(p).sha256 for p in folder.folder.glob("simple/*/*.whl")} == {
        f.sha256 for files in served.values() for f in files
    }


def test_after_a_failure_what_has_not_begun_is_not_begun() -> None:
    began: list[int] = []

    def job(number: int) -> int:
        began.append(number)
        if number == 1:
            raise ServiceRefused("No.", code="not-authorized")
        return number

    with pytest.raises(ServiceRefused):
        in_parallel([lambda n=n: job(n) for n in range(50)], 1)  # type: ignore[misc]
    assert began == [0, 1]
    assert in_parallel([lambda n=n: n for n in range(5)], 3) == [0, 1, 2, 3, 4]  # type: ignore[misc]


def test_a_defect_in_a_job_is_not_hidden() -> None:
    def defect() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_parallel([defect], 4)


def test_how_long_it_took_to_be_visible_is_known(releasing: Releasing) -> None:
    memory, folder, wheel = MemoryIndex(), releasing.folder(), releasing.wheel()
    memory.hidden_for = 5
    work = releasing.root
    (late, own) = publish(
        [wheel], [memory, folder], content_of=content_of, work=work, clock=releasing.clock
    )
    assert late.visible_after == releasing.clock.now > 0.5
    assert own.visible_after is None, "its pages are ours"
    again = publish([wheel], [memory], content_of=content_of, work=work, clock=releasing.clock)
    assert again[0].visible_after is None, "it stood there before"


def test_a_feed_has_not_listed_a_file_before_it_lists_its_hash(releasing: Releasing) -> None:
    class Feed(MemoryIndex):
        kind = "feed"

        def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
            self.hashes = self.hashes or releasing.clock.now > 2
            return super().look(names)

    feed = Feed(hashes=False)
    assert releasing.publish([releasing.wheel()], feed) == [("memory", Outcome.UPLOADED)]
    assert releasing.clock.now > 2

    class Never(MemoryIndex):
        kind = "feed"

    with pytest.raises(ServiceUnavailable, match="without its SHA-256 for 300 s") as caught:
        releasing.publish([releasing.wheel("other")], Never(hashes=False))
    assert caught.value.code == "not-visible"


def test_a_page_is_read_when_the_last_of_its_files_is_stored(releasing: Releasing) -> None:
    class Counting(MemoryIndex):
        looks = 0

        def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
            self.looks += 1
            return super().look(names)

    memory = Counting()
    releasing.publish([releasing.wheel(f"p{n % 2}", f"1.{n}") for n in range(20)], memory)
    assert memory.looks == 1 + 2, "one before, and then one for each project"


def test_a_failure_ends_the_waiting_for_what_is_not_visible(releasing: Releasing) -> None:
    """The one upload fails while the other's page is waited for."""
    waits = threading.Event()

    class Stuck(MemoryIndex):
        def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
            if self.puts:
                waits.set()
                return {name: [] for name in names}
            return super().look(names)

        def put(self, wheel: Wheel) -> bool:
            if wheel.name == "bad":
                waits.wait(10)
                raise ServiceRefused("No.", code="not-authorized")
            return super().put(wheel)

    class Slow(InstantClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds / 1000)

    releasing.clock = Slow()
    with pytest.raises(ServiceRefused, match=r"No\."):
        releasing.publish([releasing.wheel(), releasing.wheel("bad")], Stuck())
    assert releasing.clock.now < 300

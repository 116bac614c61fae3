"""What is found out before anything is built, and what is known of an upload that fails."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.destinations.test_publish import InstantClock, MemoryIndex
from tests.destinations.wheels import content_of, make_wheel
from wheelstep.destinations.examine import examine, reachable, unacceptable_version
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.destinations.publish import Published, upload
from wheelstep.errors import ServiceRefused, SettingError, SeveralProblems
from wheelstep.model import Listed, Outcome, Wheel


class Closed(MemoryIndex):
    """Lets nobody in."""

    waits: threading.Barrier | None = None
    """For those that are asked at once."""

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        if self.waits:
            self.waits.wait(30)
        raise ServiceRefused(f"{self.name} is closed to {names}.", code="not-authenticated")


class Late(MemoryIndex):
    """Refuses to take anything once another destination has."""

    def __init__(self, after: threading.Event) -> None:
        super().__init__("late")
        self.after = after

    def put(self, wheel: Wheel) -> bool:
        assert self.after.wait(30)
        raise ServiceRefused(f"no room for {wheel.file}", code="quota")


def test_reachable_tells_every_closed_destination() -> None:
    reachable([MemoryIndex()], ["acme"])
    with pytest.raises(ServiceRefused, match=r"shut is closed to \['acme'\]"):
        reachable([MemoryIndex(), Closed("shut")], ["acme"], 4)
    with pytest.raises(SettingError, match="given twice"):
        reachable([MemoryIndex(), MemoryIndex()], ["acme"], 4)
    both = [Closed("one"), Closed("two")]
    both[0].waits = both[1].waits = threading.Barrier(2)
    with pytest.raises(SeveralProblems):
        reachable(both, ["acme"], 2)


def test_a_version_is_refused_before_there_is_a_wheel(tmp_path: Path) -> None:
    folder = FolderDestination(Wanted("index"), tmp_path)
    places: list[Destination] = [MemoryIndex("one"), folder, MemoryIndex("two")]
    assert unacceptable_version(places, "acme-core", "1.0") == []
    errors = unacceptable_version(places, "acme-core", "1.0+local")
    assert [error.message for error in errors] == [
        f"{name} would not take acme-core 1.0+local: it has a local version."
        for name in ("one", "two")
    ]
    assert {error.packages for error in errors} == {("acme-core",)}
    assert {error.exit_code for error in errors} == {3}


def test_what_was_stored_before_a_failure_is_told(tmp_path: Path) -> None:
    wheel, old = make_wheel(tmp_path / "new", "acme"), make_wheel(tmp_path / "old", "other")
    event, told = threading.Event(), list[Published]()

    def stored(done: Published) -> None:
        told.append(done)
        if done.outcome is Outcome.UPLOADED:
            event.set()

    memory = MemoryIndex()
    assert old.path
    memory.files[old.file] = old.path.read_bytes()
    late = Late(event)
    examination = examine([old, wheel], [memory], content_of=content_of, work=tmp_path)
    more = examine([wheel], [late], content_of=content_of, work=tmp_path)
    both = type(examination)(
        (memory, late),
        examination.actions + more.actions,
        tmp_path,
        content_of=content_of,
    )
    with pytest.raises(ServiceRefused, match="no room for acme"):
        upload(both, clock=InstantClock(), stored=stored, parallel=4)
    assert sorted((one.wheel.name, one.destination.name, one.outcome.value) for one in told) == [
        ("acme", "memory", "uploaded"),
        ("other", "memory", "identical"),
    ]
    assert {one.wheel.name: one.url for one in told} == {
        "acme": None,  # not listed yet
        "other": f"{memory.place}{old.file}",
    }

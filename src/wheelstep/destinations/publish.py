"""Publish what was examined, wait until consumers can see it, and read it back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wheelstep.destinations.decide import (
    Adopt,
    Compare,
    Conflict,
    Copy,
    Identical,
    Upload,
    decide,
    find,
)
from wheelstep.destinations.examine import (
    ContentOf,
    Examination,
    compared,
    examine,
    fetched,
    look_at,
    taken,
)
from wheelstep.destinations.interface import Destination, ReadBack, writes_pages
from wheelstep.destinations.jobs import Jobs, in_parallel
from wheelstep.destinations.reserved import TellsReserved
from wheelstep.destinations.visible import VISIBLE_WITHIN, Seen, Waiting, changed
from wheelstep.errors import CannotHere, ServiceRefused, StepError
from wheelstep.ground.clock import Clock, SystemClock
from wheelstep.model import Listed, Outcome, Wheel

__all__ = ["Missing", "Published", "at_hand", "missing_at", "publish", "upload"]


@dataclass(frozen=True, slots=True)
class Published:
    """One wheel at one destination."""

    wheel: Wheel
    """The record of the file that stands there; where it was adopted, not the one built here."""
    destination: Destination
    outcome: Outcome
    url: str | None
    """Where consumers read it, without credentials; None where that cannot be named (a folder of
    this machine) or is not known yet."""
    visible_after: float | None = None
    """Seconds from its being stored until the index listed it with its hash; None where it stood
    there before, and where we write the pages ourselves."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A recorded wheel that a destination does not have."""

    wheel: Wheel
    destination: Destination
    listed: Listed | None
    """A file of the same name that is there, with another hash."""


def publish(
    wheels: Sequence[Wheel],
    destinations: Sequence[Destination],
    *,
    content_of: ContentOf,
    work: Path,
    read_back: ReadBack = "serve",
    parallel: int = 16,
    clock: Clock | None = None,
    visible_within: float = VISIBLE_WITHIN,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Published, ...]:
    """Examine and upload; see both."""
    examination = examine(wheels, destinations, content_of=content_of, work=work, parallel=parallel)
    return upload(
        examination,
        read_back=read_back,
        parallel=parallel,
        clock=clock,
        visible_within=visible_within,
        tell=tell,
    )


def at_hand(examination: Examination, parallel: int = 16) -> tuple[Examination, tuple[Wheel, ...]]:
    """Fetch what is to be copied, each file once: so that it can be looked at before it is stored
    anywhere else.

    Args:
        examination: From `examine`.
        parallel: Transfers at once.

    Returns:
        The same, knowing these files; and the wheels that are to be copied, with their `path`.

    Raises:
        Refused: A file is not what the record says.
        StepError: As `Destination.fetch`.
        CannotHere: Disk full.
    """
    copies = {one.wheel.sha256: one for one in examination.actions if isinstance(one, Copy)}
    lacking = [one for sha256, one in copies.items() if sha256 not in examination.files]
    paths = in_parallel(
        [
            lambda a=action: _fetched_as(  # type: ignore[misc]
                a.wheel, a.listed, examination.destination(a.source), examination.work
            )
            for action in lacking
        ],
        parallel,
    )
    got = {one.wheel.sha256: path for one, path in zip(lacking, paths, strict=True)}
    files = {**examination.files, **got}
    wheels = tuple(replace(one.wheel, path=files[sha256]) for sha256, one in copies.items())
    return replace(examination, files=files), wheels


def upload(
    examination: Examination,
    *,
    read_back: ReadBack = "serve",
    parallel: int = 16,
    clock: Clock | None = None,
    visible_within: float = VISIBLE_WITHIN,
    tell: Callable[[str], None] = lambda _: None,
    stored: Callable[[Published], None] = lambda _: None,
) -> tuple[Published, ...]:
    """Do what was decided: upload and copy, list, wait until visible, read back.

    Run again after a failure or a kill it ends the same: what is there is found.

    Args:
        examination: From `examine`.
        read_back: Where files are read back from; with "none" they are only waited for, where they
            were written.
        parallel: Transfers at once.
        clock: What waits.
        visible_within: Seconds that a file may take to show up.
        tell: Called from several threads with one line for each file that was transferred.
        stored: Called from several threads as soon as a wheel is known to stand at a destination,
            also where it did before; so what is there is known of a run that fails later. Its
            `url` may be None still.

    Returns:
        One for each action, in order.

    Raises:
        VersionTaken: Another run published other content meanwhile.
        Refused: A page or a file is not what was published.
        ServiceRefused: Not authorised; or a name that is reserved though nothing is listed.
        ServiceUnavailable: No answer, or not visible in time.
        CannotHere: Disk full; a wheel that must be built first.
        BuildFailed: A service finds a wheel invalid.
    """
    if left := examination.unobtainable:
        names = ", ".join(action.wheel.file for action in left)
        raise CannotHere(
            f"No destination has {names}, and the wheel is not on this machine.",
            code="wheel-missing",
            cure="Build the package, and publish it then.",
        )
    uploading = _Uploading(
        examination,
        clock=clock or SystemClock(),
        visible_within=visible_within,
        read_back=read_back,
        tell=tell,
        stored=stored,
    )
    return uploading(parallel)


@dataclass(frozen=True, slots=True)
class _Stored:
    """One wheel that is known to stand at a destination."""

    destination: Destination
    wheel: Wheel
    outcome: Outcome
    at: float | None = None
    """When this run had stored it, by the clock's `monotonic()`; None where it stood before, and
    where we write the pages."""


class _Uploading:
    """One upload, whose threads share it.

    Each file goes its way alone: what is stored and listed is read back while others are sent. A
    page is read when the last of its files is stored, and by threads that send nothing: waiting
    for one keeps no upload from going on.
    """

    def __init__(
        self,
        examination: Examination,
        *,
        clock: Clock,
        visible_within: float,
        read_back: ReadBack,
        tell: Callable[[str], None],
        stored: Callable[[Published], None],
    ) -> None:
        self.examination = examination
        self.clock = clock
        self.read_back = read_back
        self.tell = tell
        self.stored = stored
        self.waiting = Waiting(clock, visible_within, read_back, lambda: self.jobs.failed)
        self.done: dict[int, _Stored] = {}
        """By the action's number, as `seen`."""
        self.seen: dict[int, Seen] = {}
        self.guard = threading.Lock()
        self.groups: dict[tuple[str, str], list[int]] = {}
        """What shares a page that a service writes: (place, project) -> actions."""

    def __call__(self, parallel: int) -> tuple[Published, ...]:
        """Do everything."""
        actions, ours = self.examination.actions, list[int]()
        for number, action in enumerate(actions):
            if writes_pages(self.examination.destination(action.to)):
                ours.append(number)
            else:
                self.groups.setdefault((action.to, action.wheel.name), []).append(number)
        with Jobs(send=parallel, page=parallel, read=parallel) as self.jobs:
            for number in range(len(actions)):
                self.jobs.add("send", lambda n=number: self.put(n), number)  # type: ignore[misc]
        # pages of ours are written last, when all is stored everywhere
        with Jobs(page=parallel, read=parallel) as self.jobs:
            for one in self.examination.destinations:
                if numbers := [number for number in ours if actions[number].to == one.place]:
                    self.jobs.add("page", lambda n=numbers: self.show(n), numbers[0])  # type: ignore[misc]
        return tuple(self.published(number) for number in range(len(actions)))

    def published(self, number: int) -> Published:
        """Return what became of an action."""
        done, seen = self.done[number], self.seen[number]
        return Published(
            done.wheel,
            done.destination,
            done.outcome,
            _url(done.destination, seen.listed),
            max(0.0, seen.at - done.at) if done.at is not None else None,
        )

    def put(self, number: int) -> None:
        """Do one action, up to its being stored."""
        action = self.examination.actions[number]
        done = self._put(action)
        where = done.destination
        url = where.public_url(done.wheel.file) if writes_pages(where) else None
        if isinstance(action, (Identical, Adopt)):
            url = _url(where, action.listed)
        self.stored(Published(done.wheel, where, done.outcome, url))
        group = self.groups.get((action.to, action.wheel.name), [])
        with self.guard:
            self.done[number] = done
            whole = bool(group) and all(each in self.done for each in group)
        if whole:
            self.jobs.add("page", lambda: self.show(group), group[0])

    def _put(self, action: object) -> _Stored:
        match action:
            case Identical(wheel=wheel, to=to):
                return _Stored(self.examination.destination(to), wheel, Outcome.IDENTICAL)
            case Adopt(wheel=wheel, to=to):
                return _Stored(self.examination.destination(to), wheel, Outcome.ADOPTED)
            case Upload(wheel=wheel, to=to):
                return self._store(self.examination.destination(to), wheel, Outcome.UPLOADED)
            case Copy(wheel=wheel, to=to, source=source, listed=listed):
                path = self.examination.files.get(wheel.sha256)
                if path is None:
                    path = _fetched_as(
                        wheel, listed, self.examination.destination(source), self.examination.work
                    )
                there = self.examination.destination(to)
                return self._store(there, replace(wheel, path=path), Outcome.COPIED)
            case _:
                raise TypeError(action)  # examine left nothing else

    def _store(self, destination: Destination, wheel: Wheel, outcome: Outcome) -> _Stored:
        if destination.put(wheel):
            self.tell(f"{wheel.file} {outcome.value} to {destination.name}")
            # how soon a page of ours is written says nothing about a service
            at = None if writes_pages(destination) else self.clock.monotonic()
            return _Stored(destination, wheel, outcome, at)
        return self._there_already(destination, wheel)

    def _there_already(self, destination: Destination, wheel: Wheel) -> _Stored:
        """Find out what a service means by "there already": never taken on trust."""
        work, content_of = self.examination.work, self.examination.content_of
        for attempt in self.waiting.attempts():
            looks = {destination.place: destination.look([wheel.name])}
            (action,) = decide([wheel], looks)
            if isinstance(action, Compare):
                path, found = compared(destination, action.listed, work, content_of)
                known = {(destination.place, action.listed.file): found}
                (action,) = decide([wheel], looks, known)
                if isinstance(action, Conflict):
                    raise taken(action, destination, path)
            if isinstance(action, Identical):
                return _Stored(destination, action.wheel, Outcome.IDENTICAL)
            if isinstance(action, Adopt):
                return _Stored(destination, action.wheel, Outcome.ADOPTED)
            if attempt == 1 and (why := _reserved(destination, wheel)) is not None:
                raise why
        raise ServiceRefused(
            f"{destination.name} says that it has {wheel.file} already, but its page does not list "
            f"it, not even after {self.waiting.within:.0f} s. A deleted version stays reserved, "
            "and so does one that an upstream of the feed holds.",
            code="version-reserved",
            cure="Raise the version; or look for it in the feed's recycle bin and its upstreams.",
        )

    def show(self, numbers: Sequence[int]) -> None:
        """Bring pages up to date, wait until they list every file, and have it read back.

        Args:
            numbers: Actions at one destination, all of them done.
        """
        wheels = [self.done[number].wheel for number in numbers]
        destination = self.done[numbers[0]].destination
        if writes_pages(destination):
            destination.finish(sorted({wheel.name for wheel in wheels}))
        seen = self.waiting.until_listed(destination, wheels)
        for number, wheel in zip(numbers, wheels, strict=True):
            if (one := seen.get(wheel.file)) is None:
                continue  # stopped: something else has failed
            self.seen[number] = one
            if self.read_back != "none":
                self.jobs.add("read", lambda n=number: self.read(n), number)  # type: ignore[misc]

    def read(self, number: int) -> None:
        """Download one file as consumers do, and compare its hash."""
        done = self.done[number]
        if done.outcome is Outcome.ADOPTED and not writes_pages(done.destination):
            return  # it was just read from there
        sha256 = done.destination.fetch(self.seen[number].listed, None)
        if sha256 != done.wheel.sha256:
            raise changed(done.wheel, done.destination, sha256, "what is read back has")


def _reserved(destination: Destination, wheel: Wheel) -> StepError | None:
    return destination.reserved(wheel) if isinstance(destination, TellsReserved) else None


def _url(destination: Destination, listed: Listed) -> str | None:
    if writes_pages(destination):
        return destination.public_url(listed.file)
    return listed.url


def _fetched_as(wheel: Wheel, listed: Listed, source: Destination, work: Path) -> Path:
    """Fetch a file that has to have a certain hash."""
    path, sha256 = fetched(source, listed, work)
    if sha256 != wheel.sha256:
        raise changed(wheel, source, sha256, "what is read there has")
    return path


def missing_at(
    destinations: Sequence[Destination], wheels: Sequence[Wheel], *, parallel: int = 16
) -> tuple[Missing, ...]:
    """Return which recorded wheels are not at which destinations, with the recorded hash.

    A file that an index lists without a hash counts as there.

    Raises:
        StepError: As `Destination.look`.
    """
    looks = look_at(destinations, sorted({wheel.name for wheel in wheels}), parallel)
    missing = []
    for wheel in wheels:
        for destination in destinations:
            listed = find(wheel, looks[destination.place].get(wheel.name, ()))
            if listed is None or listed.sha256 not in {None, wheel.sha256}:
                missing.append(Missing(wheel, destination, listed))
    return tuple(missing)

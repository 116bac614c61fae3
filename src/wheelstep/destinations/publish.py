"""Publish what was examined, wait until consumers can see it, and read it back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

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
    in_parallel,
    look_at,
    taken,
)
from wheelstep.destinations.interface import Destination, ReadBack, WritesPages
from wheelstep.destinations.reserved import TellsReserved
from wheelstep.errors import CannotHere, Refused, ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.clock import Clock, SystemClock, backoff
from wheelstep.model import Listed, Outcome, Wheel

__all__ = ["Missing", "Published", "at_hand", "missing_at", "publish", "upload"]

VISIBLE_WITHIN: Final = 300.0
"""Seconds that a file may take to show up on its page."""


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
    uploading = _Uploading(examination, clock or SystemClock(), visible_within, read_back, tell)

    def put(action: object) -> _Done:
        destination, wheel, outcome = done = uploading.put(action)
        url = destination.public_url(wheel.file) if isinstance(destination, WritesPages) else None
        if isinstance(action, (Identical, Adopt)):
            url = _url(destination, action.listed)
        stored(Published(wheel, destination, outcome, url))
        return done

    done = in_parallel([lambda a=a: put(a) for a in examination.actions], parallel)  # type: ignore[misc]
    by_place = {one.place: [d for d in done if d[0] is one] for one in examination.destinations}
    listed: dict[str, dict[str, Listed]] = dict(
        zip(
            by_place,
            in_parallel(
                [lambda items=items: uploading.show(items) for items in by_place.values()],  # type: ignore[misc]
                parallel,
            ),
            strict=True,
        )
    )
    if read_back != "none":
        in_parallel(
            [lambda d=d: uploading.read(d, listed[d[0].place][d[1].file]) for d in done],  # type: ignore[misc]
            parallel,
        )
    return tuple(
        Published(
            wheel, destination, outcome, _url(destination, listed[destination.place][wheel.file])
        )
        for destination, wheel, outcome in done
    )


def _url(destination: Destination, listed: Listed) -> str | None:
    if isinstance(destination, WritesPages):
        return destination.public_url(listed.file)
    return listed.url


_Done = tuple[Destination, Wheel, Outcome]


class _Uploading:
    """What the threads of one upload share; frozen after it is made."""

    def __init__(
        self,
        examination: Examination,
        clock: Clock,
        visible_within: float,
        read_back: ReadBack,
        tell: Callable[[str], None],
    ) -> None:
        self.examination = examination
        self.clock = clock
        self.visible_within = visible_within
        self.read_back = read_back
        self.tell = tell

    def put(self, action: object) -> _Done:
        """Do one action, up to its being stored."""
        match action:
            case Identical(wheel=wheel, to=to):
                return self.examination.destination(to), wheel, Outcome.IDENTICAL
            case Adopt(wheel=wheel, to=to):
                return self.examination.destination(to), wheel, Outcome.ADOPTED
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

    def _store(self, destination: Destination, wheel: Wheel, outcome: Outcome) -> _Done:
        if destination.put(wheel):
            self.tell(f"{wheel.file} {outcome.value} to {destination.name}")
            return destination, wheel, outcome
        return self._there_already(destination, wheel)

    def _there_already(self, destination: Destination, wheel: Wheel) -> _Done:
        """Find out what a service means by "there already": never taken on trust."""
        work, content_of = self.examination.work, self.examination.content_of
        for attempt in self._until_deadline():
            looks = {destination.place: destination.look([wheel.name])}
            (action,) = decide([wheel], looks)
            if isinstance(action, Compare):
                path, found = compared(destination, action.listed, work, content_of)
                known = {(destination.place, action.listed.file): found}
                (action,) = decide([wheel], looks, known)
                if isinstance(action, Conflict):
                    raise taken(action, destination, path)
            if isinstance(action, Identical):
                return destination, action.wheel, Outcome.IDENTICAL
            if isinstance(action, Adopt):
                return destination, action.wheel, Outcome.ADOPTED
            if attempt == 1 and (why := _reserved(destination, wheel)) is not None:
                raise why
        raise ServiceRefused(
            f"{destination.name} says that it has {wheel.file} already, but its page does not list "
            f"it, not even after {self.visible_within:.0f} s. A deleted version stays reserved, "
            "and so does one that an upstream of the feed holds.",
            code="version-reserved",
            cure="Raise the version; or look for it in the feed's recycle bin and its upstreams.",
        )

    def _until_deadline(self) -> Iterable[int]:
        """Count attempts, waiting longer and longer between them, until the time is over."""
        deadline = self.clock.monotonic() + self.visible_within
        attempt = 0
        while True:
            attempt += 1
            yield attempt
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return
            self.clock.sleep(min(left, 0.1 + backoff(attempt, first=0.4, most=10.0)))

    def show(self, done: Sequence[_Done]) -> dict[str, Listed]:
        """Bring one destination's pages up to date and wait until they list every file.

        Returns:
            How each file is listed, by the file's name.
        """
        if not done:
            return {}
        destination = done[0][0]
        if isinstance(destination, WritesPages):
            destination.finish(sorted({wheel.name for _, wheel, _ in done}))
        shown: dict[str, Listed] = {}
        missing = [wheel for _, wheel, _ in done]
        for _ in self._until_deadline():
            listed = self._listed(destination, sorted({wheel.name for wheel in missing}))
            still = []
            for wheel in missing:
                if (found := find(wheel, listed.get(wheel.name, ()))) is None:
                    still.append(wheel)
                    continue
                if found.sha256 not in {None, wheel.sha256}:
                    raise _changed(wheel, destination, found.sha256 or "", "its page lists it with")
                shown[wheel.file] = found
            missing = still
            if not missing:
                return shown
        raise self._not_visible(destination, missing)

    def _listed(
        self, destination: Destination, names: Sequence[str]
    ) -> Mapping[str, Sequence[Listed]]:
        if isinstance(destination, WritesPages):
            return destination.served(names, "serve" if self.read_back == "serve" else "write")
        return destination.look(names)

    def _not_visible(
        self, destination: Destination, missing: Sequence[Wheel]
    ) -> ServiceUnavailable:
        files = ", ".join(wheel.file for wheel in missing)
        elsewhere = (
            " Where this machine cannot see what consumers see, set read-back to write or none."
            if self.read_back == "serve" and isinstance(destination, WritesPages)
            else ""
        )
        return ServiceUnavailable(
            f"{destination.name} has stored {files}, but did not list it within "
            f"{self.visible_within:.0f} s.",
            code="not-visible",
            cure=f"Run it again: nothing is uploaded twice.{elsewhere}",
        )

    def read(self, done: _Done, listed: Listed) -> None:
        """Download one file as consumers do, and compare its hash."""
        destination, wheel, outcome = done
        if outcome is Outcome.ADOPTED and not isinstance(destination, WritesPages):
            return  # it was just read from there
        path, sha256 = fetched(destination, listed, self.examination.work)
        shutil.rmtree(path.parent)
        if sha256 != wheel.sha256:
            raise _changed(wheel, destination, sha256, "what is read back has")


def _reserved(destination: Destination, wheel: Wheel) -> StepError | None:
    return destination.reserved(wheel) if isinstance(destination, TellsReserved) else None


def _changed(wheel: Wheel, destination: Destination, sha256: str, how: str) -> Refused:
    return Refused(
        f"{wheel.file} in {destination.name} is not what was published: {how} the SHA-256 "
        f"{sha256}, and {wheel.sha256} was published.",
        code="hash-mismatch",
        cure="Find out who replaced it, or what changes files on the way; then raise the version.",
    )


def _fetched_as(wheel: Wheel, listed: Listed, source: Destination, work: Path) -> Path:
    """Fetch a file that has to have a certain hash."""
    path, sha256 = fetched(source, listed, work)
    if sha256 != wheel.sha256:
        raise _changed(wheel, source, sha256, "what is read there has")
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

"""What is done to a mirror beside publishing: repair, yank, delete. Everything can be done again.

Publishers may be at work at the same time: every change of a blob is on condition that it is still
what was seen (ETag), and pages are derived from what is there then.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal
from urllib.parse import quote

from packaging.utils import is_normalized_name, parse_wheel_filename
from packaging.version import Version

from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.layout import METADATA_ENDING, SIMPLE, project_of
from wheelstep.destinations.mirror_heal import HealStore, heal
from wheelstep.destinations.mirror_project import (
    GONE,
    MADE_OF,
    REASON,
    YANKED,
    Entry,
    MirrorForm,
    bring_up_to_date,
)
from wheelstep.destinations.mirror_root import BLOB_FORM, INDEX_FORM, repair_root
from wheelstep.errors import ServiceUnavailable
from wheelstep.ground.clock import Clock, SystemClock, backoff
from wheelstep.ground.swap import Conflict

__all__ = ["Done", "delete", "remove_marked", "repair", "yank"]

ATTEMPTS: Final = 30


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one wheel."""

    file: str
    sha256: str | None
    status: Literal["listed", "yanked", "unyanked", "deleted", "unchanged"]


def repair(mirror: BlobMirror, parallel: int = 16) -> list[Done]:
    """Derive every page from what is really there, and end what was left half done.

    Args:
        mirror: The mirror.
        parallel: How many projects at once.

    Returns:
        Every wheel that is listed now, and those whose deletion was ended.

    Raises:
        StepError: As the store has it.
    """
    names = [name for name in mirror.store.names(SIMPLE) if is_normalized_name(name)]
    done = in_parallel([partial(_repaired, mirror, name) for name in names], parallel)
    if names:
        repair_root(mirror.store, mirror.form)
    return [one for each in done for one in each]


def _repaired(mirror: BlobMirror, name: str) -> list[Done]:
    store, folder = mirror.store, f"{SIMPLE}/{name}"
    entries = store.entries(folder)
    healed = heal(store, name, entries)
    form = _form(mirror, entries)
    files = bring_up_to_date(store, form, name, known=healed)
    deleted = remove_marked(store, name)
    return [*(Done(one.file, one.sha256, "listed") for one in files), *deleted]


def _form(mirror: BlobMirror, entries: Mapping[str, Entry]) -> MirrorForm:
    if not mirror.address.website:
        for form in (BLOB_FORM, INDEX_FORM):
            if form.page in entries:
                return form
    return mirror.form


def yank(
    mirror: BlobMirror, name: str, version: Version, reason: str | None, *, back: bool = False
) -> list[Done]:
    """Mark a version as one that is only installed where it is pinned exactly (PEP 592).

    Args:
        mirror: The mirror.
        name: Normalised.
        version: All its wheels are meant.
        reason: Shown to whoever installs it; None or "": none.
        back: Take the mark away instead.

    Returns:
        One for each wheel of the version; none where there is none.

    Raises:
        ServiceUnavailable: Others changed them too often.
        StepError: As the store has it.
    """

    def change(notes: Mapping[str, str]) -> dict[str, str]:
        left = {key: value for key, value in notes.items() if key != YANKED}
        return left if back else {**left, YANKED: REASON + quote(reason or "", safe=" ,;:()")}

    folder = f"{SIMPLE}/{name}"
    changed = _annotated(mirror.store, name, version, change)
    entries = mirror.store.entries(folder)
    if changed:
        bring_up_to_date(mirror.store, _form(mirror, entries), name, known=entries)
    said: Literal["yanked", "unyanked"] = "unyanked" if back else "yanked"
    return [
        Done(file, entries[file].notes.get(MADE_OF), said if new else "unchanged")
        for file, new in changed.items()
        if file in entries
    ]


def delete(mirror: BlobMirror, name: str, version: Version) -> list[Done]:
    """Remove a version: from the pages first, then its metadata, then its wheels.

    Args:
        mirror: The mirror.
        name: Normalised.
        version: All its wheels are meant.

    Returns:
        One for each wheel that is gone; none where there was none.

    Raises:
        ServiceUnavailable: Others changed them too often.
        StepError: As the store has it.
    """
    folder = f"{SIMPLE}/{name}"
    if not _annotated(mirror.store, name, version, lambda notes: {**notes, GONE: "1"}):
        return []
    entries = mirror.store.entries(folder)
    bring_up_to_date(mirror.store, _form(mirror, entries), name, known=entries)
    return remove_marked(mirror.store, name)


def remove_marked(store: HealStore, name: str) -> list[Done]:
    """Remove the wheels of a project that no page lists any more; it may be done again.

    Raises:
        StepError: As the store has it.
    """
    folder, done = f"{SIMPLE}/{name}", list[Done]()
    for file, entry in store.entries(folder).items():
        if GONE not in entry.notes or project_of(file) != name:
            continue
        try:
            store.remove(f"{folder}/{file}{METADATA_ENDING}")
            store.remove(f"{folder}/{file}", etag=entry.etag)
        except Conflict:
            continue  # a publisher was quicker: it is another wheel by now
        done.append(Done(file, entry.notes.get(MADE_OF), "deleted"))
    return done


def _annotated(
    store: HealStore,
    name: str,
    version: Version,
    change: Callable[[Mapping[str, str]], dict[str, str]],
    *,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> dict[str, bool]:
    """Change what is kept beside the wheels of a version.

    Returns:
        Each of its wheels, and whether it was changed.
    """
    folder, waiting = f"{SIMPLE}/{name}", clock or SystemClock()
    changed: dict[str, bool] = {}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            for file, entry in store.entries(folder).items():
                if project_of(file) != name or parse_wheel_filename(file)[1] != version:
                    continue
                wanted = change(entry.notes)
                if wanted == entry.notes:
                    changed.setdefault(file, False)
                    continue
                store.annotate(f"{folder}/{file}", wanted, etag=entry.etag)
                changed[file] = True
        except Conflict:
            waiting.sleep(backoff(attempt, first=0.05, most=2.0, chance=chance))
            continue
        return changed
    raise ServiceUnavailable(
        f"Others changed the wheels of {name} {version} {ATTEMPTS} times meanwhile.",
        code="race-lost",
        cure="Run it again: nothing is lost, and what is done already is taken as it is.",
    )

"""One project of a mirror: its wheels and its pages, which anybody may change at once.

Everything of a project lies in one folder, so that one listing tells all: which wheels there are,
what is to be said of each (kept beside it when it was stored), the ETag of each page, and what each
page was made of. A writer

1. lists the folder;
2. writes the page for pip (HTML), on condition that it still has the ETag of the listing;
3. writes its twin (JSON) in the same way.

Who fails at 2 or 3, because somebody was quicker, lists again. A page is derived from the wheels
that are there, never from an older page: so what a killed publisher left is healed by the next one,
and no file that is there is ever lost from it. When nobody comes between, that is one listing and
two writings, however many projects there are; and the listing alone when nothing is new.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import quote, unquote

from wheelstep.destinations.layout import METADATA_ENDING, SIMPLE, project_of
from wheelstep.errors import ServiceUnavailable
from wheelstep.ground.clock import Clock, SystemClock, backoff
from wheelstep.ground.simple_index import project_html, project_json
from wheelstep.ground.swap import Conflict
from wheelstep.model import Listed

__all__ = [
    "GONE",
    "HTML",
    "JSON",
    "MADE_OF",
    "METADATA_HASH",
    "REASON",
    "YANKED",
    "Entry",
    "MirrorForm",
    "PageStore",
    "bring_up_to_date",
    "files_in",
    "notes_of",
]

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/vnd.pypi.simple.v1+json"
MADE_OF: Final = "sha256"
"""The note of a page that says which bytes it has; of a wheel, the same."""
METADATA_HASH: Final = "metadata_sha256"
"""The note of a wheel that says which bytes its METADATA has; it lies beside it, or will."""
YANKED: Final = "yanked"
REASON: Final = "="
"""Stands before the reason, which may be empty: a note that is empty is none."""
GONE: Final = "removed"
"""The note of a wheel that is being removed: no page lists it any more."""
ATTEMPTS: Final = 100
"""Each one that fails means that another publisher's did not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A blob as a listing shows it."""

    etag: str
    size: int
    """Bytes."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What is kept beside it; names are identifiers, in lower case, values are ASCII."""


class PageStore(Protocol):
    """A store that lists a folder, and writes on condition."""

    def entries(self, folder: str) -> Mapping[str, Entry]:
        """Return what lies directly in a folder, by name; "" is the blob named as the folder."""

    def write(
        self, path: str, data: bytes, *, etag: str | None, kind: str, notes: Mapping[str, str]
    ) -> str:
        """Write a blob that still has this ETag, or that is not there yet (None).

        Raises:
            Conflict: It has another one, or is there.
        """


@dataclass(frozen=True, slots=True)
class MirrorForm:
    """How pages are named, those of a project and that of all: what serves them decides."""

    page: str
    """`""`: a blob named `simple/NAME/`, which a container itself serves; `index.html` where a
    static website does, and on accounts with a hierarchical namespace, which refuse such names."""
    twin: str = "index.json"


def notes_of(sha256: str, *, requires_python: str | None, metadata: str | None) -> dict[str, str]:
    """Return what is kept beside a wheel.

    Args:
        sha256: Of the wheel, hex.
        requires_python: What its METADATA says.
        metadata: SHA-256 of its METADATA, hex; None where that is not stored.
    """
    notes = {MADE_OF: sha256}
    if requires_python:
        notes["requires_python"] = quote(requires_python, safe="<>=!~.*, ")
    if metadata:
        notes[METADATA_HASH] = metadata
    return notes


def files_in(name: str, entries: Mapping[str, Entry]) -> list[Listed]:
    """Return the wheels of a project; a link is the file's own name, from the page beside it.

    Args:
        name: The project's, normalised.
        entries: Of its folder.
    """
    return [
        Listed(
            file,
            quote(file),
            entry.notes.get(MADE_OF),
            size=entry.size,
            requires_python=unquote(entry.notes.get("requires_python", "")) or None,
            yanked=_yanked(entry.notes.get(YANKED)),
            core_metadata=entry.notes.get(METADATA_HASH)
            if f"{file}{METADATA_ENDING}" in entries
            else None,
        )
        for file, entry in sorted(entries.items())
        if project_of(file) == name and GONE not in entry.notes
    ]


def _yanked(note: str | None) -> str | Literal[True] | None:
    return None if note is None else unquote(note.removeprefix(REASON)) or True


def bring_up_to_date(
    store: PageStore,
    form: MirrorForm,
    name: str,
    *,
    known: Mapping[str, Entry] | None = None,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> list[Listed]:
    """Let a project's pages list the wheels that are there.

    Args:
        store: Where they are.
        form: How pages are named.
        name: The project's, normalised.
        known: Its folder as it was listed last, with what was stored since: saves a listing where
            nobody else has changed anything.
        clock: What waits between attempts.
        chance: Random numbers in [0, 1).

    Returns:
        What they list.

    Raises:
        ServiceUnavailable: Others were quicker in every attempt.
        StepError: As the store has it.
    """
    waiting, folder, entries = clock or SystemClock(), f"{SIMPLE}/{name}", known
    for attempt in range(1, ATTEMPTS + 1):
        if entries is None:
            entries = store.entries(folder)
        files = files_in(name, entries)
        if not files and form.page not in entries:
            return files
        made = {form.page: (project_html(name, files), HTML),
                form.twin: (project_json(name, files), JSON)}  # fmt: skip
        try:
            for page, (data, kind) in made.items():
                there, notes = entries.get(page), {MADE_OF: hashlib.sha256(data).hexdigest()}
                if there is None or there.notes.get(MADE_OF) != notes[MADE_OF]:
                    etag = there.etag if there else None
                    store.write(f"{folder}/{page}", data, etag=etag, kind=kind, notes=notes)
        except Conflict:
            entries = None
            waiting.sleep(backoff(attempt, first=0.05, most=2.0, chance=chance))
            continue
        return files
    raise ServiceUnavailable(
        f"Others changed the pages of {name} {ATTEMPTS} times while they were to be written.",
        code="race-lost",
        cure="Run it again: nothing is lost, and what is done already is taken as it is.",
    )

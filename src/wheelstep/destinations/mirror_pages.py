"""A project's two pages in a store without locks: nothing is lost, whoever writes at once.

A project has a page for pip (HTML) and its twin (JSON), and a blob store changes one blob at a
time, on condition of its ETag. The page is what counts: each one that is written follows from the
one before it. The twin says the same, and keeps beside its bytes the ETag of the page that it goes
with, so that one reading tells all. A writer

1. reads the twin: what is listed, its own ETag, and that of the page;
2. writes the page on condition of that ETag;
3. writes the twin on condition of its own, with the page's new ETag.

Two writers cannot both pass 2. Who fails there (somebody was quicker, or was stopped between 2 and
3) begins again with what the page itself lists; who fails at 3 does the same, and is done when the
twin goes with the page. With nobody in between that is one reading and two writings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from wheelstep.destinations.layout import SIMPLE, pages
from wheelstep.ground.clock import Clock
from wheelstep.ground.simple_index import parse
from wheelstep.ground.swap import Swapped, Tagged, swap
from wheelstep.model import Listed

__all__ = ["Blob", "BlobPages", "change_pages"]

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/vnd.pypi.simple.v1+json"
PAGE_TAG: Final = "page"
"""The name under which the twin keeps the page's ETag."""
ATTEMPTS: Final = 60
"""A hundred publishers of one project pass one after the other; each attempt that fails means that
another one's did not."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What a store has at a path."""

    data: bytes = field(repr=False)
    etag: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """What was written beside it; names are identifiers, in lower case."""


class BlobPages(Protocol):
    """A store that writes on condition."""

    def read(self, path: str) -> Blob | None:
        """Return a blob, None where there is none; an error is never taken for none."""

    def write(
        self, path: str, data: bytes, *, etag: str | None, kind: str, notes: Mapping[str, str]
    ) -> str:
        """Write a blob that still has this ETag, or that is not there yet (None).

        Returns:
            Its new ETag.

        Raises:
            Conflict: It has another one, or is there.
            LostReply: It may have been written or not.
        """


def change_pages(
    store: BlobPages,
    name: str,
    change: Callable[[Mapping[str, Listed]], Mapping[str, Listed]],
    *,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> Swapped[Mapping[str, Listed]]:
    """Change what a project's pages list.

    Args:
        store: Where they are.
        name: The project's, normalised.
        change: Pure; given what is listed now, by file name, returns what is to be listed. Asked
            again for every state that is read. Links are made anew: each `url` is empty.
        clock: What waits between attempts.
        chance: Random numbers in [0, 1).

    Raises:
        ServiceUnavailable: The race was lost in every attempt.
        StepError: As the store has it.
    """
    project = _Project(store, name)
    done = swap(
        f"the pages of {name}",
        read=project.read,
        decide=lambda state: _State(change(state.listed), together=True),
        write=project.write,
        clock=clock,
        attempts=ATTEMPTS,
        chance=chance,
    )
    return Swapped(done.value.listed, written=done.written, conflicts=done.conflicts)


@dataclass(frozen=True, slots=True)
class _State:
    """What a project's pages list."""

    listed: Mapping[str, Listed]
    together: bool
    """Whether the twin says what the page says."""


class _Project:
    """One project, while it is changed."""

    def __init__(self, store: BlobPages, name: str) -> None:
        self.store = store
        self.name = name
        self.page_path = f"{SIMPLE}/{name}/index.html"
        self.twin_path = f"{SIMPLE}/{name}/index.json"
        self.page_tag: str | None = None
        self.page_lists: Mapping[str, Listed] = {}
        self.apart = False
        """Whether the page may be another one than the twin knows."""

    def read(self) -> Tagged[_State]:
        """Read the twin, and the page where they may not belong together."""
        twin = self.store.read(self.twin_path)
        known = _listed(twin, JSON)
        self.page_tag = twin.notes.get(PAGE_TAG) if twin else None
        self.page_lists = known
        if not self.apart:
            return Tagged(_State(known, together=True), twin.etag if twin else None)
        page = self.store.read(self.page_path)
        together = self.page_tag == (page.etag if page else None)
        if not together:
            self.page_tag = page.etag if page else None
            # what the twin says of a file is more: the page has no sizes
            self.page_lists = {
                file: _fuller(one, known.get(file)) for file, one in _listed(page, HTML).items()
            }
        return Tagged(_State(self.page_lists, together=together), twin.etag if twin else None)

    def write(self, wanted: _State, tag: str | None) -> None:
        """Write the page, where it is to say something else, then the twin.

        Raises:
            Conflict: Another one was quicker.
            LostReply: It is not known.
        """
        made = pages(self.name, wanted.listed.values())
        self.apart = True  # until both are written
        page_tag = self.page_tag
        if page_tag is None or wanted.listed != self.page_lists:
            page_tag = self.store.write(
                self.page_path, made[self.page_path], etag=page_tag, kind=HTML, notes={}
            )
        self.store.write(
            self.twin_path, made[self.twin_path], etag=tag, kind=JSON, notes={PAGE_TAG: page_tag}
        )
        self.apart = False


def _fuller(one: Listed, known: Listed | None) -> Listed:
    """Return what the page says of a file, with the size that the twin knows of the same."""
    return replace(one, size=known.size) if known and known.sha256 == one.sha256 else one


def _listed(blob: Blob | None, kind: str) -> dict[str, Listed]:
    if blob is None:
        return {}
    files = parse(blob.data, kind, "https://mirror.invalid/simple/project/")
    return {one.file: replace(one, url="") for one in files}

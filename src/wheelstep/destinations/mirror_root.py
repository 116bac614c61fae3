"""The page of all projects of a mirror, which anybody may change at once; and which form it has.

It is read and written only when a project is new, before that project's own page: so where a
publisher is killed in between, the next one finds no page, and looks here again.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol

from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.layout import SIMPLE
from wheelstep.destinations.mirror_project import HTML, JSON, MADE_OF, MirrorForm, PageStore
from wheelstep.ground.clock import Clock
from wheelstep.ground.simple_index import root_html, root_json
from wheelstep.ground.swap import Tagged, swap

__all__ = ["BLOB_FORM", "INDEX_FORM", "RootStore", "add_to_root", "repair_root"]

BLOB_FORM: Final = MirrorForm(page="")
INDEX_FORM: Final = MirrorForm(page="index.html")
LINKED: Final = re.compile(rb'<a href="([a-z0-9-]+)/"')
UNREADABLE: Final = ""
"""Stands among the names for a page that is to be written anew."""
ATTEMPTS: Final = 100
"""Each one that fails means that another publisher's did not."""


class RootStore(PageStore, Protocol):
    """A store that reads single blobs, too."""

    def tagged(self, path: str) -> tuple[bytes | None, str | None]:
        """Return a blob's bytes and its ETag, None and None where there is none."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the folders directly in a folder."""


def add_to_root(
    store: RootStore,
    form: MirrorForm,
    names: Iterable[str],
    *,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> None:
    """Let the page of all projects name these, too.

    Args:
        store: Where it is.
        form: How it is named.
        names: Normalised.
        clock: What waits between attempts.
        chance: Random numbers in [0, 1).

    Raises:
        ServiceUnavailable: Others were quicker in every attempt.
        StepError: As the store has it.
    """
    wanted = frozenset(names)

    def add(page: str, kind: str) -> None:
        path = f"{SIMPLE}/{page}"
        swap(
            "the page of all projects",
            read=partial(_read, store, path),
            decide=lambda there: (there | wanted) - {UNREADABLE},
            write=partial(_write, store, path, kind),
            clock=clock,
            attempts=ATTEMPTS,
            chance=chance,
        )

    # both are there before the project's own page: which comes first does not matter
    in_parallel([partial(add, form.twin, JSON), partial(add, form.page, HTML)], 2)


def repair_root(store: RootStore, form: MirrorForm) -> tuple[str, ...]:
    """Let the page of all projects name those whose folders are there, and no others.

    A project that came in while this was written is found by listing once more.

    Returns:
        The projects.

    Raises:
        StepError: As `add_to_root`.
    """
    there = frozenset(store.names(SIMPLE))
    for _ in range(ATTEMPTS):
        for page, kind in ((form.twin, JSON), (form.page, HTML)):
            path = f"{SIMPLE}/{page}"
            swap(
                "the page of all projects",
                read=partial(_read, store, path),
                decide=lambda _, names=there: names,  # type: ignore[misc]
                write=partial(_write, store, path, kind),
                attempts=ATTEMPTS,
            )
        again = frozenset(store.names(SIMPLE))
        if again == there:
            break
        there = again
    return tuple(sorted(there))


def _read(store: RootStore, path: str) -> Tagged[frozenset[str]]:
    """Return the names on a page; those of folders, where it cannot be understood."""
    data, etag = store.tagged(path)
    if data is None:
        return Tagged(frozenset(), None)
    names = _names(data)
    if names is None:
        # nobody's page: what it stands for is listed, and it will be written anew
        return Tagged(frozenset(store.names(SIMPLE)) | {UNREADABLE}, etag)
    return Tagged(names, etag)


def _names(page: bytes) -> frozenset[str] | None:
    if page.lstrip().startswith(b"{"):
        try:
            projects = json.loads(page)["projects"]
            return frozenset(str(project["name"]) for project in projects)
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
    found = frozenset(name.decode() for name in LINKED.findall(page))
    return found or None


def _write(store: RootStore, path: str, kind: str, names: frozenset[str], etag: str | None) -> None:
    """Write one of the two pages.

    Raises:
        Conflict: Somebody else has, or an attempt of ours whose reply was lost: it is read again.
    """
    data = root_json(names) if kind == JSON else root_html(names)
    notes = {MADE_OF: hashlib.sha256(data).hexdigest()}
    store.write(path, data, etag=etag, kind=kind, notes=notes)

"""A destination: look at what it has, put what it lacks, read back what was put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeGuard

from wheelstep.ground.secret import Secret
from wheelstep.model import Index, Listed, Wheel

__all__ = [
    "EVERYTHING",
    "Destination",
    "HasViews",
    "Promotes",
    "ReadBack",
    "Wanted",
    "WritesPages",
    "writes_pages",
]

ReadBack = Literal["serve", "write", "none"]
"""Where files are read back from: where consumers read, where they were written, or nowhere."""
EVERYTHING: Final = "local"
"""The view of every feed that shows all of its versions, in lower case (Microsoft Learn, "What are
feed views")."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A destination as the settings name it."""

    url: str
    """As written: a URL or a folder."""
    name: str | None = None
    serve_url: str | None = None
    user: str | None = None
    token: Secret | None = None
    written: str = ""
    """What the settings say, where `url` was read from something else that may be meant too: three
    parts, the page of a feed."""
    anonymous: bool = False
    """Nobody signs in: a pull request may have written this setting, see docs/security.md."""
    view: str | None = None
    """The feed view to promote to; None: the one that the URL that consumers read names."""


class Destination(Protocol):
    """One place where wheels go. Implementations keep no state between calls that another process
    could change under them."""

    name: str
    """For people: the table's name, or the URL without credentials, or the folder as written."""
    place: str
    """For the lock: the same on every machine and without credentials."""
    kind: str
    """"folder", "index", "feed", "mirror" or "workspace"."""

    @property
    def consumer_url(self) -> str | None:
        """The simple index's URL as a definition would name it (`index().url`); no I/O."""

    def index(self) -> Index:
        """Return how consumers read it; may ask the service once (upstreams)."""

    def unacceptable(self, wheel: Wheel) -> str | None:
        """Say why it would refuse this wheel (a local version, too large), else None; no I/O."""

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return what it lists now, for each normalised project name (none: an empty sequence).

        An error while reading is never an empty listing.

        Raises:
            ServiceRefused: Not authorised, feed not found.
            ServiceUnavailable: No answer within the retry budget.
        """

    def fetch(self, listed: Listed, target: Path | None) -> str:
        """Read a listed file as consumers do, verified against its SHA-256 where one is listed.

        Args:
            listed: From `look`.
            target: Where to write it; None keeps nothing.

        Returns:
            Its SHA-256, hex.
        """

    def put(self, wheel: Wheel) -> bool:
        """Publish one wheel (its `path` is set); safe to call from several threads.

        Returns:
            True when this call stored it; False when the service said that the file is there
            already: the caller looks again and compares, it is never taken on trust.

        Raises:
            ServiceRefused: Not authorised, read-only, over a quota.
            ServiceUnavailable: No answer within the retry budget.
            BuildFailed: The service finds the wheel or its metadata invalid.
            CannotHere: Disk full, folder not writable.
        """


class Promotes(Protocol):
    """What a feed is asked about its views (destinations/feed_service.py)."""

    def views(self) -> tuple[str, ...]:
        """Return the names of the feed's views.

        Raises:
            ServiceRefused: Not authorised, feed not found.
            ServiceUnavailable: No answer within the retry budget.
        """

    def promote_together(self, versions: Sequence[tuple[str, str]], view: str) -> None:
        """Promote versions, each a name and a version, to a view in one request.

        Raises:
            RightMissing: This call is not allowed.
            ServiceRefused: Not authorised; there is no such view or version.
            ServiceUnavailable: No answer within the retry budget.
        """

    def promote(self, name: str, version: str, view: str) -> None:
        """Promote one version to a view; raises as `promote_together`."""


class HasViews(Destination, Protocol):
    """A feed: what is published there can be promoted to one of its views."""

    view: str | None
    """The one that versions are promoted to; None for none."""

    @property
    def service(self) -> Promotes:
        """Whom to ask about views."""

    def look_in(self, view: str, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return what a view lists now, as `look` does of the feed itself."""


class WritesPages(Destination, Protocol):
    """A destination whose index pages we write ourselves (a folder, a mirror): `put` stores files,
    `finish` lists them. Other destinations list by themselves, and `look` shows what they list."""

    def finish(self, names: Sequence[str]) -> None:
        """Derive the pages of these projects from the files that are really there.

        Cheap when the pages are right already; it also heals what a killed run left half done.

        Raises:
            CannotHere: Disk full, folder not writable.
            ServiceUnavailable: No answer, or a race was lost too often.
        """

    def served(self, names: Sequence[str], at: ReadBack) -> Mapping[str, Sequence[Listed]]:
        """Return what the pages list, as consumers see them (`look` sees the files themselves).

        Args:
            names: Normalised project names.
            at: "serve": at the place where consumers read; "write": where the pages were written;
                "none": what this process has written last is taken for it.

        Raises:
            ServiceRefused: The place where consumers read says no.
            ServiceUnavailable: It does not answer.
        """

    def public_url(self, file: str) -> str | None:
        """Return the URL at which consumers read a wheel, None where it cannot be named."""

    def link(self, definition: str, files: Sequence[Listed]) -> str | None:
        """Write the page of links for one definition, unless it is right already.

        Args:
            definition: Its path in the repository, with forward slashes.
            files: What it pins, from `look`.

        Returns:
            Where consumers read the page, None where that cannot be named.

        Raises:
            StepError: As `finish`.
        """


def writes_pages(destination: Destination) -> TypeGuard[WritesPages]:
    """Tell whether we write a destination's pages; asked for every file, so it looks at no more
    than the method."""
    return hasattr(destination, "finish")

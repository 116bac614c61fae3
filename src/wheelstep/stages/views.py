"""Views of feeds: which indexes of a definition will list what is released, and which will not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wheelstep.definitions.interface import Kind, Read
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.interface import Destination
from wheelstep.destinations.promote import check_view
from wheelstep.destinations.views import view_read_at
from wheelstep.errors import SettingError, raise_all
from wheelstep.ground.public_index import split_credential
from wheelstep.ground.secret import without_credentials
from wheelstep.model import Index
from wheelstep.stages.run import Run

__all__ = [
    "check_reads",
    "check_views",
    "index_of",
    "listing_urls",
    "places_of",
    "reads_promoted_view",
    "unseen",
    "with_views",
]


def with_views(run: Run) -> list[FeedDestination]:
    """Return the feeds that versions are promoted in."""
    return [one for one in run.destinations if isinstance(one, FeedDestination) and one.view]


def places_of(destination: Destination) -> tuple[str, ...]:
    """Return where a released wheel is, as the record has it: in the destination, and in the view
    that it is promoted to."""
    if isinstance(destination, FeedDestination) and destination.view_place is not None:
        return destination.place, destination.view_place
    return (destination.place,)


def listing_urls(destination: Destination) -> tuple[str, ...]:
    """Return the indexes that list what is released there, as definitions name them; the one that
    is written into definitions comes first."""
    named = (destination.consumer_url,) if destination.consumer_url else ()
    more = destination.listing_urls if isinstance(destination, FeedDestination) else ()
    return tuple(dict.fromkeys((*named, *more)))


def index_of(destination: Destination | None) -> Index | None:
    """Return how consumers read a destination, as far as no service has to be asked."""
    if destination is None:
        return None
    return Index(destination.consumer_url, also=listing_urls(destination)[1:])


def check_views(run: Run) -> None:
    """Find out before anything is built whether every view is there that is to be promoted to.

    Raises:
        StepError: As `check_view`; of all feeds.
    """
    errors: list[SettingError] = []
    for feed in with_views(run):
        if feed.signed_in() is None:
            continue  # a plan for a pull request sends no token
        try:
            check_view(feed)
        except SettingError as error:
            errors.append(error)
    raise_all(errors)


@dataclass(frozen=True, slots=True)
class _Named:
    """An index that a pip section names, where it is one of a feed of ours."""

    feed: FeedDestination
    url: str
    view: str | None
    """Which narrows what is seen; None: all versions."""

    @property
    def promoted(self) -> bool:
        """Whether it shows a version only when that is promoted."""
        return self.view is not None and self.view.lower() == (self.feed.view or "").lower()

    @property
    def listing(self) -> bool:
        """Whether it shows what is released, in the end."""
        return self.view is None or self.promoted


def _indexes(run: Run, path: str, pip_lines: Sequence[str], read: Read) -> Iterator[_Named]:
    """Yield the indexes of a pip section that are ours, the files that it takes in included."""
    from wheelstep.rehearsal.candidates import options_of
    from wheelstep.rehearsal.section_lines import Fault, flatten

    feeds = [one for one in run.destinations if isinstance(one, FeedDestination)]
    if not feeds:
        return
    try:
        lines = [line.text for line in flatten(pip_lines, path, read) if line.text.startswith("-")]
        options = [option for line in lines for option in options_of(line)]
    except (Fault, ValueError):
        return  # the rehearsal says what pip cannot read
    for name, value in options:
        if name not in {"index-url", "extra-index-url"}:
            continue
        url = split_credential(value)[0]
        for feed in feeds:
            view = view_read_at(feed.address, url)
            if view is not None or feed.is_at(url):
                yield _Named(feed, url, view)


def reads_promoted_view(run: Run, path: str, pip_lines: Sequence[str], read: Read) -> bool:
    """Tell whether a definition finds what is released only when that is promoted: it reads the
    view, and nothing beside it that lists every version.

    Args:
        run: The run.
        path: The definition's.
        pip_lines: Its pip section.
        read: Reads a file of the repository.
    """
    named = list(_indexes(run, path, pip_lines, read))
    return any(one.promoted for one in named) and all(one.view is not None for one in named)


def check_reads(run: Run, kinds: Sequence[Kind]) -> None:
    """Refuse definitions that read a view where what is released will not be.

    Args:
        run: The run.
        kinds: The definitions.

    Raises:
        SettingError: There are any; of all of them.
    """
    read = run.snapshot.read
    raise_all([error for kind in kinds for error in unseen(run, kind, read)])


def unseen(run: Run, kind: Kind, read: Read) -> list[SettingError]:
    """Return what is wrong with a definition that reads a view where what is released will not be.

    Args:
        run: The run.
        kind: The definition.
        read: Reads a file of the repository.

    Raises:
        StepError: It cannot be read.
    """
    if run.settings.pin != "version":
        return []  # no definition looks for a released wheel in an index
    if not any(isinstance(one, FeedDestination) for one in run.destinations):
        return []
    data = read(kind.path) or b""
    if b"_packaging/" not in data:
        return []  # a file that it takes in is a definition of its own
    errors: list[SettingError] = []
    for section in kind.form.read(kind.path, data).sections:
        named = list(_indexes(run, kind.path, section.pip_lines, read))
        if named and not any(one.listing for one in named):
            errors.append(_unseen(kind.path, section.line, named[-1]))
    return list({error.message: error for error in errors}.values())


def _unseen(path: str, line: int, named: _Named) -> SettingError:
    feed, view = named.feed, named.view or ""
    does = (
        f"this release promotes to the view {feed.view}" if feed.view else "nothing is promoted to"
    )
    return SettingError(
        f"{path} reads the view {view} of {feed.name} ({without_credentials(named.url)}), and "
        + (f"{does}: " if feed.view else f"{does} it by this release: ")
        + "what is released would not be found there.",
        code="view-not-promoted",
        cure=f"Set `view` to {view}; or let the definition read the feed itself, "
        f"{feed.address.simple_url}.",
        file=path,
        line=line,
    )

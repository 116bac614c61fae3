"""Where consumers read wheels: what definitions say that pin by URL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wheelstep.destinations.interface import writes_pages
from wheelstep.destinations.publish import Published
from wheelstep.model import Wheel
from wheelstep.stages.run import Run

__all__ = ["public_urls", "urls_of"]


def urls_of(
    run: Run, wheels: Sequence[Wheel], published: Iterable[Published] = ()
) -> dict[str, str]:
    """Return where consumers read wheels at the first destination, by file name, as far as they are
    there; it is only asked where pins are URLs, and signed in at.

    Args:
        run: The run.
        wheels: Those of recorded releases.
        published: What this run has published.

    Raises:
        StepError: As `Destination.look`.
    """
    if run.settings.pin not in {"url", "bare-url"} or not run.destinations:
        return {}
    first = run.destinations[0]
    found = public_urls(run, wheels) | {
        one.wheel.file: one.url
        for one in published
        if one.url is not None and one.destination is first
    }
    missing = {wheel.name for wheel in wheels if wheel.file not in found}
    if missing and not writes_pages(first) and not run.trigger.pull_request:
        for listed in first.look(sorted(missing)).values():
            found |= {one.file: one.url for one in listed}
    return found


def public_urls(run: Run, wheels: Iterable[Wheel]) -> dict[str, str]:
    """Return the same of a first destination whose pages we write: it is known without a look, and
    before anything is there."""
    first = run.destinations[0] if run.destinations else None
    if first is None or not writes_pages(first):
        return {}
    urls = {wheel.file: first.public_url(wheel.file) for wheel in wheels}
    return {file: url for file, url in urls.items() if url is not None}

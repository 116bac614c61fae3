"""The setting `view`: of which feed it is, and what is no view to promote to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wheelstep.destinations.interface import EVERYTHING, Wanted
from wheelstep.settings_file import Value

__all__ = ["view_name", "with_view"]

NAME: Final = re.compile(r"[^\s/\\@?#%&:*\"<>|{}]{1,64}")
"""What is no part of a URL's path, and no more than the service takes."""


def view_name(value: Value) -> str:
    """Return the name of a view as it was meant: `@Release` is Release.

    Raises:
        SettingError: It is no name, or the view that shows every version.
    """
    text = value.raw.strip().removeprefix("@") if isinstance(value.raw, str) else ""
    if not NAME.fullmatch(text):
        raise value.error(
            f"{value.raw!r} is no name of a view.",
            "Write the name alone, for instance Release; the feed is named in `publish-to`.",
        )
    if text.lower() == EVERYTHING:
        raise value.error(
            f"the view {text} shows every version of the feed from the moment it is published, so "
            "that nothing can be promoted to it.",
            "Name another view, for instance Release, or leave `view` out.",
        )
    return text


def with_view(wanted: Sequence[Wanted], value: Value | None) -> tuple[Wanted, ...]:
    """Return the destinations, the one feed among them with the view of the option `view`.

    Args:
        wanted: The destinations, each with the view of its table.
        value: The option, which beats a table as every flag and input beats the file.

    Raises:
        SettingError: It is no view to promote to; there is no feed, or more than one.
    """
    if value is None or not wanted:
        return tuple(wanted)
    from wheelstep.destinations.table import kind_of

    name = view_name(value)
    feeds = [one for one in wanted if kind_of(one.url) == "feed"]
    if not feeds:
        raise value.error(
            "only an Azure Artifacts feed has views, and no destination is one.",
            "Name the feed in `publish-to`, or leave `view` out.",
            "view-without-feed",
        )
    if len(feeds) > 1:
        raise value.error(
            "with several feeds it is not clear whose view this is.",
            "Write the destinations as tables with a `view` each.",
        )
    return tuple(replace(one, view=name) if one is feeds[0] else one for one in wanted)

"""Published versions -> a view of their feed, where consumers find what is released.

A promotion cannot be taken back (Microsoft Learn, "Promote packages to feed views"), so whoever
calls this has proved everything before. What a view shows is seen from its simple index, which is
what pip reads: no record is trusted.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from wheelstep.destinations.decide import find
from wheelstep.destinations.interface import HasViews
from wheelstep.errors import Refused, RightMissing, ServiceUnavailable, SettingError
from wheelstep.ground.clock import Clock, SystemClock, attempts
from wheelstep.model import Listed, Wheel

__all__ = ["LISTED_WITHIN", "check_view", "lacking_in_view", "promote"]

LISTED_WITHIN: Final = 300.0
"""Seconds that a view may take to list what was promoted to it."""
TOGETHER: Final = 100
"""Versions that one request may promote (observed: the service refuses more)."""

Version = tuple[str, str]
"""A package's normalised name, and its version."""


def check_view(feed: HasViews) -> None:
    """Find out, before anything is built, whether the view is there that is to be promoted to.

    Args:
        feed: With a view.

    Raises:
        SettingError: The feed has no such view; names those that there are.
        ServiceRefused: Not authorised, feed not found.
        ServiceUnavailable: No answer within the retry budget.
    """
    wanted, there = feed.view or "", feed.service.views()
    if wanted.lower() in {name.lower() for name in there}:
        return
    near = difflib.get_close_matches(wanted, there, 1, 0.6)
    raise SettingError(
        f"{feed.name} has no view {wanted}"
        + (f"; it has {', '.join(there)}." if there else ", nor any other."),
        code="view-missing",
        cure=(f"Perhaps you meant {near[0]}. " if near else "")
        + "Set `view` to one that is there, or make it in Azure DevOps: Artifacts, the feed, Feed "
        "settings, Views.",
    )


def lacking_in_view(
    wheels: Sequence[Wheel], listed: Mapping[str, Sequence[Listed]], where: str
) -> list[Version]:
    """Return the versions of which a view does not list every file, each once; pure.

    Args:
        wheels: What is published in the feed.
        listed: What the view lists, by normalised name.
        where: The view, for people.

    Raises:
        Refused: It lists a file with another hash than was published.
    """
    lacking: dict[Version, None] = {}
    for wheel in wheels:
        found = find(wheel, listed.get(wheel.name, ()))
        if found is None:
            lacking[wheel.name, wheel.version] = None
        elif found.sha256 not in {None, wheel.sha256}:
            raise Refused(
                f"{where} lists {wheel.file} with the SHA-256 {found.sha256}, and {wheel.sha256} "
                "was published.",
                code="hash-mismatch",
                cure="Find out who replaced it, or what changes files on the way; then raise the "
                "version.",
            )
    return list(lacking)


def promote(
    feed: HasViews,
    wheels: Sequence[Wheel],
    *,
    clock: Clock | None = None,
    within: float = LISTED_WITHIN,
) -> list[Version]:
    """Promote versions to the feed's view, all together, and wait until it lists each file.

    What is in the view already is left alone, and not asked for again.

    Args:
        feed: With a view.
        wheels: What is published there.
        clock: What waits.
        within: Seconds that the view may take to list them.

    Returns:
        The versions that were promoted now.

    Raises:
        RightMissing: Neither the call for many nor the one for a single version is allowed.
        Refused: The view lists another file.
        ServiceRefused: Not authorised; a version is not in the feed.
        ServiceUnavailable: No answer within the retry budget; not listed in time.
    """
    view = feed.view or ""
    where = f"The view {view} of {feed.name}"
    names = sorted({wheel.name for wheel in wheels})
    if not names:
        return []
    wanted = lacking_in_view(wheels, feed.look_in(view, names), where)
    if not wanted:
        return []
    for start in range(0, len(wanted), TOGETHER):
        _ask(feed, wanted[start : start + TOGETHER], view)
    waiting = [wheel for wheel in wheels if (wheel.name, wheel.version) in wanted]
    for _ in attempts(clock or SystemClock(), within):
        asked = sorted({wheel.name for wheel in waiting})
        still = set(lacking_in_view(waiting, feed.look_in(view, asked), where))
        waiting = [wheel for wheel in waiting if (wheel.name, wheel.version) in still]
        if not waiting:
            return wanted
    raise ServiceUnavailable(
        f"{where} took {', '.join(wheel.file for wheel in waiting)}, but did not list it within "
        f"{within:.0f} s.",
        code="not-visible",
        cure="Run it again: nothing is uploaded or promoted twice.",
    )


def _ask(feed: HasViews, versions: Sequence[Version], view: str) -> None:
    """Promote some versions by the call that takes many, which a token with Packaging: Read &
    write may make; else one by one, which asks for another right (REST reference, "Python - Update
    Package Versions" and "Python - Update Package Version": their scopes differ)."""
    try:
        feed.service.promote_together(versions, view)
    except RightMissing as together:
        for name, version in versions:
            try:
                feed.service.promote(name, version, view)
            except RightMissing as single:
                raise _neither(feed, view, together, single) from single


def _neither(
    feed: HasViews, view: str, together: RightMissing, single: RightMissing
) -> RightMissing:
    """Return the error where neither call is allowed: it says which right each of them lacks."""
    identity = single.identity or together.identity
    who = identity or "whoever signs in"
    first, second = (one.right or "a right that it does not name" for one in (together, single))
    lacks = first if first == second else f"{first} to promote several versions together, and"
    lacks = lacks if first == second else f"{lacks} {second} to promote a single one"
    return RightMissing(
        f"{feed.name} does not let {who} promote to the view {view}: the right that is missing is "
        f"{lacks}. What was published stays published.",
        right=", ".join(dict.fromkeys(one.right for one in (together, single) if one.right)),
        identity=identity,
        cure="In Azure DevOps: Artifacts, the feed, Feed settings, Permissions: make that identity "
        "(in a pipeline: the project's build service) a Feed Publisher (Contributor), who may "
        "promote. A personal access token needs the scope Packaging: Read & write too, or Read, "
        "write & manage. Then run it again: it goes on with the promotion.",
    )

"""Dependency confusion inside a feed: may it serve somebody else's package under one of our names?
Pure.

Source: Microsoft Learn, "Safeguard against malicious public packages" and "What are upstream
sources?": once a name is published to a feed, no version of it is taken from a public upstream
unless that is allowed for the package; what was saved before stays; and a version that an upstream
has cannot be published.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["FINDINGS", "Finding", "Name", "judge"]

FINDINGS: Final = {
    "dependency-confusion": "Whoever owns the public name decides what is installed.",
    "version-at-upstream": "The upload is refused (409) after everything was built and rehearsed.",
    "upstream-open": "Whoever registers the name there gets into the feed.",
}
"""What may go wrong, by code, and what that breaks."""
OFF: Final = (
    "In Azure DevOps: Artifacts, the feed, the package, the three dots, Allow externally-sourced "
    "versions: switch it off (for Feed Owners; it takes up to three hours)."
)
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Name:
    """What is known of one package's name, None where something could not be read."""

    name: str
    public: frozenset[str] | None
    """Its versions on the public index; empty: it is nobody's there."""
    external: bool | None
    """Versions of public upstreams are allowed for it."""
    ours: Collection[str]
    """Versions that were published to the feed itself."""
    theirs: Sequence[str]
    """Versions that the feed has saved from a public upstream."""
    version: str | None = None
    """The one to be released, if any."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it."""

    kind: Literal["safe", "unknown", "dependency-confusion", "version-at-upstream", "upstream-open"]
    message: str
    """Whole sentences, the name in them."""
    cure: str = ""


def judge(one: Name, upstream: str, *, active: bool = True) -> Finding:  # noqa: PLR0911 - by cases
    """Say whether a feed may serve another's package under a name.

    Args:
        one: The name.
        upstream: The feed's public upstream, for people.
        active: False: the feed has no public upstream (any more), only what it has saved.
    """
    name = one.name
    if one.theirs:
        some = ", ".join(one.theirs[:SHOWN]) + (", ..." if len(one.theirs) > SHOWN else "")
        return Finding(
            "dependency-confusion",
            f"The feed has saved {some} of a public package {name} from {upstream}, and serves "
            "that beside yours, whatever the setting for externally sourced versions is.",
            "In Azure DevOps: Artifacts, the feed, the package: delete these versions (for Feed "
            f"Owners). {OFF}",
        )
    if not active:
        return Finding("safe", f"Nothing of {name} comes from elsewhere.")
    if one.external is None:
        return Finding(
            "unknown",
            f"Whether the feed takes versions of {name} from {upstream} could not be read.",
        )
    if one.external:
        return _open(one, upstream)
    if (
        one.version is not None
        and one.version not in one.ours
        and one.version in (one.public or ())
    ):
        return Finding(
            "version-at-upstream",
            f"{upstream} has {name} {one.version} of somebody else, and a feed takes no version "
            "that one of its upstreams has.",
            "Raise the version above those there, or give the package another name.",
        )
    if one.ours:
        return Finding("safe", f"The feed takes no version of {name} from {upstream}.")
    if one.public is None:
        return Finding(
            "unknown",
            f"{name} is not in the feed yet, and whether {upstream} has a package of that name is "
            "not known: until it is published, the feed would serve that one.",
        )
    if not one.public:
        return Finding(
            "safe", f"{upstream} has no {name}, and the feed would take none from there."
        )
    return Finding(
        "safe",
        f"{upstream} has a package {name} of somebody else, which the feed serves until {name} is "
        "published there first; from then on it takes no version of it from elsewhere.",
    )


def _open(one: Name, upstream: str) -> Finding:
    name = one.name
    allowed = f"The feed takes externally sourced versions of {name}"
    if one.public:
        return Finding(
            "dependency-confusion",
            f"{allowed}, and {upstream} has a package of that name.",
            f"{OFF} If the public package is yours as well, `allow` dependency-confusion for "
            f"{name}, with the reason.",
        )
    free = (
        f"whether {upstream} has one is not known"
        if one.public is None
        else f"the name is free at {upstream}"
    )
    return Finding("upstream-open", f"{allowed}, and {free}.", OFF)

"""Dependency confusion: could pip take a private name from the public index? Pure.

What is asked is not what the public index has today, but what whoever uploads there could reach: a
file of the same name and version as ours, or of a higher version (pip's rules, as seen with pip
21.3, 24.0 and 26.3: the best version of all indexes wins, and of equal files the one of the index
named last). That an exact pin and the last place do not keep out a file of the same version whose
name ranks higher is worth a warning: who owns the public name has to know the version for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wheelstep.rehearsal.needs import Need

__all__ = ["Confusion", "Standing", "confusion"]


@dataclass(frozen=True, slots=True)
class Standing:
    """An index, in pip's order, as it stands towards one private name."""

    shown: str
    """Its URL, for people."""
    kind: Literal["ours", "public", "other"]
    has: bool = False
    """It lists a file of that name."""
    holds: bool = False
    """It has, or will have, a file that the definition's range admits."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """A private name that pip could take from the public index."""

    name: str
    public: str
    """The index, for people."""
    why: str
    """A whole sentence."""
    cure: str
    """The one that fits the case."""
    outranked: bool = False
    """Only a file of the very version that is pinned could win, and none of the public index does
    today."""


def confusion(
    name: str,
    need: Need,
    order: Sequence[Standing],
    *,
    hashed: bool,
    version: str | None = None,
    stands_alone: bool = False,
    taken: str | None = None,
) -> Confusion | None:
    """Say whether and how pip could take a private name from a public index.

    Args:
        name: Normalised.
        need: What the definition says about it.
        order: All indexes of the definition, in pip's order.
        hashed: The definition says which SHA-256 sums the file may have.
        version: Ours, for the cure.
        stands_alone: Our index serves the public packages, too.
        taken: The file that pip takes from a public index today, if it does.
    """
    public = [at for at, each in enumerate(order) if each.kind == "public" and each.has]
    private = [at for at, each in enumerate(order) if each.kind != "public" and each.holds]
    if not public or need.by_url or hashed:
        return None
    last = bool(private) and max(public) < max(private)
    index = order[public[-1]].shown
    ours = [each.shown for each in order if each.kind == "ours"]
    mine = ours[-1] if ours else order[private[-1]].shown if private else ""
    pin = f"{name}=={version}" if version else f"{name}==VERSION"
    by_url = f'name the file itself: `{name} @ URL#sha256=...` (the setting `pin = "url"`)'
    alone = f"Make {mine} the only index (`--index-url {mine}`): it serves the public packages too."
    if need.exact and last:
        why = (
            "The exact version is pinned and the private index is listed last, but that decides "
            "only between equals: of files of one version, pip prefers one with a local version, "
            "with tags that fit the image better or with a higher build number, wherever it is."
        )
        why += f" {taken} of {index} is such a file." if taken else ""
        cure = alone if stands_alone else f"{by_url[0].upper()}{by_url[1:]}."
        return Confusion(name, index, why, cure, outranked=taken is None)
    if not mine:
        why = f"The definition names no private index that has {name}."
        cure = f"Name the private index after the public one and pin {pin}, or {by_url}."
    elif need.exact and not private:
        why = f"No private index of the definition has {name}{need.specifiers}."
        cure = "Pin a version that is released, or release this one."
    elif need.exact:
        why = (
            "Where several indexes have the same version, pip takes it from the one that is listed "
            f"last, and here {index} is listed after {order[private[-1]].shown}."
        )
        cure = alone if stands_alone else f"List the private index {mine} last."
    else:
        why = (
            "The definition does not pin an exact version, so pip takes the highest one that any "
            "of its indexes has."
        )
        where = "" if last else f" and list the private index {mine} last"
        cure = alone if stands_alone else f"Pin it exactly ({pin}){where}, or {by_url}."
    return Confusion(name, index, why, cure)

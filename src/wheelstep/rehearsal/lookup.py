"""What the indexes of a definition have of our own packages, and which file pip takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from packaging.tags import Tag

from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.simple_index import version_of
from wheelstep.model import Listed, Wheel
from wheelstep.rehearsal.candidates import IndexOrder
from wheelstep.rehearsal.chosen import tag_order
from wheelstep.rehearsal.confusion import Confusion, Standing, confusion
from wheelstep.rehearsal.interface import Resolved
from wheelstep.rehearsal.needs import Need
from wheelstep.rehearsal.overlay import lay_over
from wheelstep.rehearsal.pages import Asked, Pages
from wheelstep.rehearsal.pip_choice import Choice, Offer, Reason, Rules, choose
from wheelstep.rehearsal.pip_rules import allowed_formats
from wheelstep.rehearsal.pip_section import gather
from wheelstep.rehearsal.places import Indexes, Place

__all__ = ["Looked", "Order", "asked_of", "fault_of", "look", "overlay_of"]


@dataclass(frozen=True, slots=True)
class Order:
    """Where a definition's pip looks, and by which rules."""

    places: tuple[Place, ...]
    """In pip's order."""
    python: str
    platform: str
    options: tuple[tuple[str, str], ...] = ()
    """Those that say which files are taken (`candidates.options_of`)."""
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    connected: bool = True
    built: bool = True
    """False: new wheels are not there yet, but will be published."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking."""

    choices: Mapping[str, Choice]
    """By normalised name."""
    confused: tuple[Confusion, ...]
    origins: Mapping[tuple[str, str], Place]
    """(name, normalised version) -> where pip takes it from."""
    missing: frozenset[str]
    """Names of new wheels that no index of the definition will have."""

    def doubts(self, resolved: Iterable[Resolved]) -> tuple[str, ...]:
        """Return why it is not sure which file pip takes for what was resolved."""
        choices = [self.choices[one.name] for one in resolved if one.name in self.choices]
        return tuple(doubt for choice in choices for doubt in choice.doubts)

    def differs(
        self, resolved: Iterable[Resolved], named: Collection[str]
    ) -> tuple[StepError | None, tuple[str, ...]]:
        """Return what pip does not take although uv does: an error, where the definition itself
        names the package, or else the reasons why nothing is proved.

        Args:
            resolved: What uv resolved to.
            named: The normalised names in the definition.
        """
        reasons: list[str] = []
        for one in resolved:
            choice = self.choices.get(one.name)
            if choice is None or one.name in self.missing:
                continue
            offer = choice.offer
            if offer is None:
                why = f"pip takes no file of {one.name}. {choice.why}".rstrip()
            elif choice.from_source:
                why = (
                    f"Of {one.name}, pip takes {offer.listed.file} from "
                    f"{self.shown_place(offer)}, which it would have to build."
                )
            elif any(
                version_of(each.listed.file) == one.version
                and (one.sha256 is None or each.listed.sha256 in {None, one.sha256})
                for each in choice.ranked
            ):
                continue
            else:
                why = f"Of {one.name}, pip takes {offer.listed.file}, and not {one.version}."
            if one.name in named:
                cure = f"Pin {one.name} exactly to a version that is released as a wheel."
                return DefinitionUnresolvable(why, code="unresolvable", cure=cure), ()
            reasons.append(why)
        return None, tuple(reasons)

    def shown_place(self, offer: Offer) -> str:
        """Return where an offer is from, for people."""
        return without_credentials(offer.index or "the index that pip has by default")

    def why_not(self, name: str) -> str:
        """Say why pip takes no file of a name; "" where it takes one."""
        choice = self.choices.get(name)
        if choice is None or choice.offer is not None:
            return ""
        if name in self.missing:
            return f"No index of this definition has the {name} that this release makes."
        return f"Of {name} there is: {choice.why}" if choice.why else ""

    def reasons(self, name: str) -> set[Reason]:
        """Return why pip takes no file of a name; none where it takes one."""
        choice = self.choices.get(name)
        if choice is None or choice.offer is not None:
            return set()
        # other versions are of no interest where the one that is wanted has a fault of its own
        return {one.reason for one in choice.refusals if one.reason != "specifier"}

    def cure(self, name: str) -> str:
        """Say what to do where pip takes no file of a name; "" where only the requirements can be
        changed."""
        reasons = self.reasons(name)
        if "hash" in reasons:
            return (
                f"Write the SHA-256 of the released {name} after `--hash=`, or take `--hash` out; "
                "if it was right before, find out who changed the file."
            )
        if reasons and reasons <= {"requires-python", "tags"}:
            return f"Name a Python that {name} has a wheel for, or release one for this Python."
        return ""


def asked_of(order: Order, needs: Mapping[str, Need], probe: str) -> list[tuple[Place, Asked]]:
    """Return the pages to read.

    Args:
        order: The definition's.
        needs: Our own packages that it reaches.
        probe: A name to ask those indexes for that the definition itself names, where it needs
            none of ours: uv passes over an index that refuses to be read.
    """
    names = [name for name, need in needs.items() if not need.by_url]
    found: list[tuple[Place, Asked]] = []
    for place in order.places:
        if place.read is None:
            continue
        wanted = names or ([probe] if place.remote else [])
        found += [
            (place, Asked(place.read, name, place.credential, place.links)) for name in wanted
        ]
    return found


def fault_of(
    order: Order, asked: Iterable[tuple[Place, Asked]], pages: Pages, indexes: Indexes
) -> tuple[StepError | None, tuple[str, ...]]:
    """Return the error that kept a page from being read, and the reasons why nothing is proved."""
    reasons: dict[str, None] = {}
    for place, one in asked:
        fault = indexes.fault(place, pages.of(one), connected=order.connected)
        if isinstance(fault, StepError):
            return fault, ()
        if fault is not None:
            reasons[fault] = None
    return None, tuple(reasons)


def look(  # noqa: PLR0917 - all that decides it
    order: Order,
    needs: Mapping[str, Need],
    pages: Pages,
    wheels: Sequence[Wheel],
    known: Collection[tuple[str, str]],
    stands_alone: Callable[[str], bool],
) -> Looked:
    """Decide which file pip takes for each of our own packages; every page was read before.

    Args:
        order: The definition's.
        needs: Our own packages that it reaches.
        pages: What the indexes list.
        wheels: The new ones: they count as listed where they will be published.
        known: (file, SHA-256) of every wheel that is ours, released ones included: an index that
            has one of them is a mirror of ours, and not the public one.
        stands_alone: Tells whether one of our indexes serves the public packages, too; asked only
            where it decides what is said.
    """
    tags = tag_order(order.python, order.platform)
    by_key = {(place.url, place.links): place for place in order.places}
    links = tuple(place.url or "" for place in order.places if place.links)
    urls = tuple(place.url for place in order.places if not place.links)
    choices: dict[str, Choice] = {}
    confused: list[Confusion] = []
    origins: dict[tuple[str, str], Place] = {}
    missing: set[str] = set()
    for name, need in needs.items():
        if need.by_url:
            continue
        mine = [wheel for wheel in wheels if wheel.name == name and wheel.path is not None]
        listed = {
            key: listing(place, pages.of(asked).files if asked else (), mine)
            for key, place in by_key.items()
            for asked in [asked_for(place, name)]
        }
        if mine and not any(place.published for place in order.places):
            missing.add(name)
        judge = partial(
            confused_by,
            order,
            name,
            need,
            listed,
            known,
            mine[0].version if mine else None,
            stands_alone,
        )
        if not tags:
            confused += filter(None, [judge(None)])
            continue  # whose tags are not known: uv chooses

        def read(
            url: str | None,
            _: str,
            by_links: bool,
            listed: Mapping[tuple[str | None, bool], tuple[Listed, ...]] = listed,
        ) -> tuple[Listed, ...]:
            return listed[url, by_links]

        offers = gather(IndexOrder(urls, links), name, read)
        choice = choose(name, offers, rules_for(name, need, order, tags))
        choices[name] = choice
        confused += filter(None, [judge(choice.offer)])
        for offer in choice.ranked:
            version = version_of(offer.listed.file)
            if version is not None:
                origins[name, version] = by_key[offer.index, offer.from_links]
    return Looked(choices, tuple(confused), origins, frozenset(missing))


def asked_for(place: Place, name: str) -> Asked | None:
    """Return the page that a place has of a name; None where it is not to be read."""
    if place.read is None:
        return None
    return Asked(place.read, name, place.credential, place.links)


def listing(place: Place, files: Sequence[Listed], mine: Sequence[Wheel]) -> tuple[Listed, ...]:
    """Return what a place will list: the new wheels are there, as if they were published already,
    and no index has two files of one name."""
    if not place.published:
        return tuple(files)
    new = [
        Listed(wheel.file, wheel.path.absolute().as_uri(), wheel.sha256, wheel.size,
               wheel.requires_python)
        for wheel in mine
        if wheel.path is not None
    ]  # fmt: skip
    names = {one.file for one in new}
    return (*(one for one in files if one.file not in names), *new)


def confused_by(  # noqa: PLR0917 - all that decides it
    order: Order,
    name: str,
    need: Need,
    listed: Mapping[tuple[str | None, bool], Sequence[Listed]],
    known: Collection[tuple[str, str]],
    version: str | None,
    stands_alone: Callable[[str], bool],
    offer: Offer | None,
) -> Confusion | None:
    """Return how pip could take a name from a public index of the definition, if it could; `offer`
    is what it takes today."""
    taken = None
    standings = []
    ours: list[str] = []
    for place in order.places:
        if place.links:
            continue
        files = listed[place.url, False]
        mirror = any((one.file, one.sha256) in known for one in files)
        kind = "other" if place.kind == "public" and mirror else place.kind
        holds = (place.published and not order.built) or any(
            need.specifiers.contains(found, prereleases=True)
            for found in (version_of(one.file) for one in files)
            if found is not None
        )
        standings.append(Standing(place.shown, kind, bool(files), holds))
        ours += [place.url] if place.kind == "ours" and place.url else []
        if offer and kind == "public" and (offer.index, offer.from_links) == (place.url, False):
            taken = offer.listed.file
    judge = partial(
        confusion,
        name,
        need,
        standings,
        hashed=bool(order.hashes.get(name)),
        version=version,
        taken=taken,
    )
    found = judge()
    if found is None or not any(map(stands_alone, ours)):
        return found
    return judge(stands_alone=True)


def rules_for(name: str, need: Need, order: Order, tags: Mapping[Tag, int]) -> Rules:
    """Put together what is wanted of one name."""
    wheels, sources = allowed_formats(order.options, name, pair=("no-binary", "only-binary"))
    # --pre is --all-releases with every name
    releases = [("all-releases", ":all:") if one == ("pre", "") else one for one in order.options]
    every, final = allowed_formats(releases, name, pair=("all-releases", "only-final"))
    return Rules(
        specifiers=need.specifiers,
        python=order.python,
        tags=tags,
        prereleases=True if every else False if final else None,
        prefer_binary=any(option == "prefer-binary" for option, _ in order.options),
        wheels=not wheels,
        sources=not sources,
        hashes=order.hashes.get(name),
    )


def overlay_of(looked: Looked, wheels: Iterable[Wheel], folder: Path) -> str:
    """Write an index from which uv takes what pip takes.

    Args:
        looked: What came of looking.
        wheels: The new ones: those that were not looked for are there, too.
        folder: Where its pages are written to.

    Returns:
        Its `file:` URL.

    Raises:
        CannotHere: Disk full, folder not writable.
    """
    pages: dict[str, list[Listed]] = {
        name: [offer.listed for offer in choice.ranked] for name, choice in looked.choices.items()
    }
    for wheel in wheels:
        if wheel.name not in looked.choices and wheel.name not in looked.missing and wheel.path:
            file = Listed(
                wheel.file, wheel.path.absolute().as_uri(), wheel.sha256, wheel.size,
                wheel.requires_python,
            )  # fmt: skip
            pages.setdefault(wheel.name, []).append(file)
    return lay_over(pages, folder)

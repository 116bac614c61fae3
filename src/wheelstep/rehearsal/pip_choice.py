"""Which file pip takes for a name, of all that its indexes list: pip's rules of choice, pure.

Source: pip's own code, `_internal/index/package_finder.py` (what is a candidate, and the order of
candidates) and `_internal/resolution/resolvelib/factory.py` (yanked files). Real pips of three
eras are asked beside it in tests/rehearsal/test_pip_agrees_on_files.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from wheelstep.ground.secret import without_credentials
from wheelstep.model import Listed
from wheelstep.rehearsal.pip_rules import (
    ArchiveName,
    Era,
    admits_python,
    allows_prereleases,
    archive_name,
    eras_of,
    full_python,
)

__all__ = ["Choice", "Offer", "Reason", "Refusal", "Rules", "choose"]

Reason = Literal[
    "not-listed",
    "specifier",
    "tags",
    "requires-python",
    "yanked",
    "pre-release",
    "hash",
    "no-wheels",
    "no-sources",
    "name",
    "url",
]


@dataclass(frozen=True, slots=True)
class Offer:
    """One file that could be had."""

    listed: Listed
    index: str | None
    """The index that lists it, as `IndexOrder` has it; None is pip's default one."""
    from_links: bool = False
    """`index` is a place of find-links."""
    own: Listed | None = None
    """What the file itself says, where it was read: its SHA-256 and, as `requires_python`, what its
    metadata says. pip heeds them too, but only after it has chosen the file of a version."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is wanted of one name."""

    specifiers: SpecifierSet
    """All ranges that are put to the name, constraints included."""
    python: str
    """"3.10" or "3.10.4"; the former means the newest patch release."""
    tags: Mapping[Tag, int]
    """From `chosen.tag_order`."""
    prereleases: bool | None = None
    """True: `--pre` or `--all-releases`; False: `--only-final`."""
    prefer_binary: bool = False
    wheels: bool = True
    """False: `--no-binary` names it."""
    sources: bool = True
    """False: `--only-binary` names it."""
    hashes: frozenset[str] | None = None
    """The SHA-256 sums that are allowed; None: any."""
    pip: str | None = None
    """The version of pip, where the definition says it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Files that pip does not take, and why."""

    reason: Reason
    text: str
    """A sentence without the package's name: "1.0 is yanked."."""
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What pip takes."""

    name: str
    offer: Offer | None
    """None: it takes nothing, and fails."""
    ranked: tuple[Offer, ...] = ()
    """The file of each version that pip could take, best version first: where a resolver has to
    step back from a version, pip never looks at that version's other files."""
    refusals: tuple[Refusal, ...] = ()
    """Also beside an offer: what was passed over."""
    doubts: tuple[str, ...] = ()
    """Sentences that say why it is not sure what pip does; `offer` is the likeliest then."""

    @property
    def certain(self) -> bool:
        """True where every pip it may be installs the offer."""
        return self.offer is not None and not self.doubts

    @property
    def from_source(self) -> bool:
        """True where the offer would have to be built."""
        return self.offer is not None and not self.offer.listed.file.endswith(".whl")

    @property
    def why(self) -> str:
        """Say why there is no offer, in a sentence for each reason."""
        return " ".join(refusal.text for refusal in self.refusals)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer that pip can read, and that fits the image."""

    offer: Offer
    version: Version
    key: tuple[bool, bool, bool, Version, int, tuple[()] | tuple[int, str]]
    """The greatest is taken; of equal ones that which is listed last."""


@dataclass(slots=True)
class Sieve:
    """Keeps what is passed over, by reason."""

    kept: dict[Reason, list[tuple[Offer, str]]] = field(default_factory=dict)

    def drop(self, reason: Reason, offer: Offer, detail: str) -> None:
        """Keep one; `detail` is the version, as a rule."""
        self.kept.setdefault(reason, []).append((offer, detail))

    def refusals(self, rules: Rules) -> tuple[Refusal, ...]:
        """Put each reason in words."""
        said: dict[Reason, str] = {
            "specifier": f"Not in the range {rules.specifiers}: {{}}.",
            "tags": f"No wheel for Python {rules.python} on this platform: {{}}.",
            "requires-python": f"Python {rules.python} is not admitted by {{}}.",
            "yanked": "Yanked, which only an exact pin (==) takes: {}.",
            "pre-release": "Pre-releases, which only --pre or a range that names one lets in: {}.",
            "hash": "None of the SHA-256 sums that the definition allows: {}.",
            "no-wheels": "Wheels, which --no-binary excludes: {}.",
            "no-sources": "Sources, which --only-binary excludes: {}.",
            "name": "Names that pip cannot read: {}.",
        }
        return tuple(
            Refusal(
                reason,
                said[reason].format(shortened(detail for _, detail in dropped)),
                tuple(offer for offer, _ in dropped),
            )
            for reason, dropped in self.kept.items()
        )


def shortened(details: Iterable[str], most: int = 8) -> str:
    """Return different texts in a row, the last ones of many (which are the newest, mostly)."""
    texts = list(dict.fromkeys(details))
    return ", ".join((["..."] if len(texts) > most else []) + texts[-most:])


def choose(name: str, offers: Sequence[Offer], rules: Rules) -> Choice:
    """Return the file that pip installs for a name.

    Args:
        name: Normalised.
        offers: All that pip would look at, in its order (`pip_section.gather`).
        rules: What is wanted.

    Returns:
        Where pip's versions differ, and it is not known which one it will be, the choice of the
        newest with a doubt.

    Raises:
        packaging.version.InvalidVersion: The Python is none.
    """
    eras = eras_of(rules.pip)
    choices = [choose_in(name, offers, rules, era) for era in eras]
    newest = choices[-1]
    different = [
        f"{era.words} takes {shown(choice.offer)}"
        for era, choice in zip(eras, choices, strict=True)
        if choice.offer != newest.offer
    ]
    if not different:
        return newest
    doubt = (
        f"Of {name}, {', '.join(different)}, but {eras[-1].words} takes {shown(newest.offer)}; "
        "which pip the image has is not said (`pip=26.3` among the conda dependencies says it)."
    )
    return replace(newest, doubts=(*newest.doubts, doubt))


def shown(offer: Offer | None) -> str:
    """Name a file for prose."""
    if offer is None:
        return "nothing"
    where = f" from {without_credentials(offer.index)}" if offer.index else ""
    return f"{offer.listed.file}{where}"


def choose_in(name: str, offers: Sequence[Offer], rules: Rules, era: Era) -> Choice:
    """Return what the pips of one era choose."""
    sieve = Sieve()
    if not offers:
        return Choice(name, None, refusals=(Refusal("not-listed", "No index lists it."),))
    found = list(candidates(name, offers, rules, era, sieve))
    found = within_range(found, rules, era, sieve)
    found = with_allowed_hash(found, rules, sieve)
    # a sort that keeps the order of equals, read backwards
    ordered = sorted(found, key=lambda each: each.key)[::-1]
    pinned = any(
        each.operator == "===" or (each.operator == "==" and not each.version.endswith(".*"))
        for each in rules.specifiers
    )
    if not (pinned and all(each.offer.listed.yanked is not None for each in found)):
        for each in ordered:
            if each.offer.listed.yanked is not None:
                sieve.drop("yanked", each.offer, str(each.version))
        ordered = [each for each in ordered if each.offer.listed.yanked is None]
    best: dict[Version, Offer] = {}
    for each in ordered:
        best.setdefault(each.version, each.offer)
    ranked = []
    python = full_python(rules.python)
    for version, offer in best.items():
        requires = offer.own.requires_python if offer.own else None
        if admits_python(requires, python, era):
            ranked.append(offer)
        else:
            sieve.drop("requires-python", offer, f"{version} ({requires})")
    return checked(name, ranked, rules, sieve)


def checked(name: str, ranked: list[Offer], rules: Rules, sieve: Sieve) -> Choice:
    """Return the choice, once the hash of the best file was looked at: pip stops at a wrong one."""
    allowed = rules.hashes
    doubts: list[str] = []
    if ranked and allowed is not None:
        if (sha256 := sum_of(ranked[0])) is None:
            doubts.append(
                f"The index names no SHA-256 of {ranked[0].listed.file}, so that only the file "
                "itself can show whether it has one of those that the definition allows."
            )
        elif sha256 not in allowed:
            sieve.drop("hash", ranked[0], ranked[0].listed.file)
            ranked = []
        ranked = [each for each in ranked if sum_of(each) in {None, *allowed}]
    refusals = sieve.refusals(rules)
    if not ranked and not refusals:
        refusals = (Refusal("not-listed", "No index lists a file of it that pip can install."),)
    return Choice(name, ranked[0] if ranked else None, tuple(ranked), refusals, tuple(doubts))


def sum_of(offer: Offer) -> str | None:
    """Return the SHA-256 that pip finds once it has the file, where known."""
    return (offer.own.sha256 if offer.own else None) or offer.listed.sha256


def candidates(
    name: str, offers: Sequence[Offer], rules: Rules, era: Era, sieve: Sieve
) -> Iterator[Candidate]:
    """Yield the offers that pip can read and that fit the image (`LinkEvaluator`)."""
    python = full_python(rules.python)
    series = ".".join(str(part) for part in python.release[:2])
    for offer in offers:
        listed = offer.listed
        said = archive_name(listed.file, name, era)
        if said is None:
            sieve.drop("name", offer, listed.file)
            continue
        if not (rules.sources if said.tags is None else rules.wheels):
            sieve.drop("no-sources" if said.tags is None else "no-wheels", offer, listed.file)
            continue
        rank = said.rank(rules.tags)
        if rank is None or (said.python or series) != series:
            sieve.drop("tags", offer, listed.file)
            continue
        if not admits_python(listed.requires_python, python, era):
            detail = f"{said.version} ({listed.requires_python})"
            sieve.drop("requires-python", offer, detail)
            continue
        yield Candidate(offer, said.version, sorting_key(offer, said, rank, rules))


def sorting_key(
    offer: Offer, said: ArchiveName, rank: int, rules: Rules
) -> tuple[bool, bool, bool, Version, int, tuple[()] | tuple[int, str]]:
    """Return what pip sorts by (`CandidateEvaluator._sort_key`)."""
    listed = offer.listed
    return (
        rules.hashes is not None and listed.sha256 in rules.hashes,
        listed.yanked is None,
        rules.prefer_binary and said.tags is not None,
        said.version,
        -rank,
        said.build,
    )


def within_range(
    found: Sequence[Candidate], rules: Rules, era: Era, sieve: Sieve
) -> list[Candidate]:
    """Return the candidates that the ranges admit."""
    inside: list[Candidate] = []
    for each in found:
        if rules.specifiers.contains(each.version, prereleases=True):
            inside.append(each)
        else:
            sieve.drop("specifier", each.offer, str(each.version))
    allowed = rules.prereleases
    if allowed is None and allows_prereleases(rules.specifiers, era):
        allowed = True
    if allowed:
        return inside
    final = [each for each in inside if not each.version.is_prerelease]
    # of no range at all, every pip takes pre-releases where there is nothing else
    if not final and allowed is None and (era.fallback or not len(rules.specifiers)):
        return inside
    for each in inside:
        if each.version.is_prerelease:
            sieve.drop("pre-release", each.offer, str(each.version))
    return final


def with_allowed_hash(found: list[Candidate], rules: Rules, sieve: Sieve) -> list[Candidate]:
    """Leave out files of another hash, if any is of an allowed one; else pip keeps all, to fail
    with the best of them (`filter_unallowed_hashes`)."""
    allowed = rules.hashes
    if allowed is None or not any(each.offer.listed.sha256 in allowed for each in found):
        return found
    kept: list[Candidate] = []
    for each in found:
        if each.offer.listed.sha256 is None or each.offer.listed.sha256 in allowed:
            kept.append(each)
        else:
            sieve.drop("hash", each.offer, each.offer.listed.file)
    return kept

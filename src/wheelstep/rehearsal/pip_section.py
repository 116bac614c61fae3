"""Which files pip takes for the names of a whole pip section: its options, its ranges and its URLs
together, pure.

Source: pip's own code in `_internal`: `req/req_file.py` (what options do), `index/collector.py` and
`index/package_finder.py` (the order of places), `operations/prepare.py` (hashes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urldefrag, urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name

from wheelstep.ground.secret import without_credentials
from wheelstep.model import Listed
from wheelstep.rehearsal.candidates import IndexOrder, options_of
from wheelstep.rehearsal.pip_choice import Choice, Offer, Reason, Refusal, Rules, choose
from wheelstep.rehearsal.pip_rules import (
    ERAS,
    SOURCE_ENDINGS,
    admits_python,
    allowed_formats,
    archive_name,
    eras_of,
    full_python,
)
from wheelstep.rehearsal.section import Section

__all__ = ["At", "Image", "Pages", "decide", "gather", "marker_environment"]

Pages = Callable[[str | None, str, bool], Iterable[Listed]]
"""(an index as `IndexOrder` has it or a place of find-links, a normalised name, whether it is one
of find-links) -> what it lists, in the page's order; nothing where there is no such page."""


At = Callable[[str], Listed | None]
"""The URL of a file, without fragment -> what the file itself says: its SHA-256 and, as
`requires_python`, what its metadata says; None where it was not read."""


def nothing_known(_url: str) -> None:
    """Know nothing of any file but what a page says."""


@dataclass(frozen=True, slots=True)
class Image:
    """Where pip runs."""

    python: str
    """"3.10" or "3.10.4"."""
    tags: Mapping[Tag, int]
    """From `chosen.tag_order`."""
    markers: Mapping[str, str]
    """From `marker_environment`."""
    pip: str | None = None
    """Its version, where the definition says it."""


@dataclass(slots=True)
class Wanted:
    """All that a section says of one name."""

    specifiers: list[SpecifierSet] = field(default_factory=list)
    """Of its requirements, in order."""
    limits: list[SpecifierSet] = field(default_factory=list)
    """Of its constraints."""
    urls: list[str] = field(default_factory=list)
    required: bool = False

    @property
    def all_specifiers(self) -> SpecifierSet:
        """Return every range as one."""
        both = SpecifierSet()
        for each in (*self.specifiers, *self.limits):
            both &= each
        return both

    @property
    def pinned(self) -> bool:
        """Tell whether pip, told to check hashes, takes the first requirement for pinned."""
        first = list(self.specifiers[0]) if self.specifiers else []
        return len(first) == 1 and first[0].operator in {"==", "==="}


def marker_environment(python: str, platform: str) -> dict[str, str]:
    """Return what markers are evaluated with in an image with a CPython (PEP 508).

    Args:
        python: "3.10" or "3.10.4".
        platform: As uv names it, e.g. "x86_64-manylinux_2_28".

    Raises:
        packaging.version.InvalidVersion: The Python is none.
    """
    version = full_python(python)
    windows = "windows" in platform
    arm = "aarch64" in platform
    return {
        "implementation_name": "cpython",
        "implementation_version": str(version),
        "os_name": "nt" if windows else "posix",
        "platform_machine": "AMD64" if windows else "aarch64" if arm else "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Windows" if windows else "Linux",
        "platform_version": "",
        "python_full_version": str(version),
        "python_version": f"{version.major}.{version.minor}",
        "sys_platform": "win32" if windows else "linux",
    }


def gather(order: IndexOrder, name: str, pages: Pages, at: At = nothing_known) -> list[Offer]:
    """Return all files that pip looks at for a name, in its order: of equals it takes the last.

    Files that find-links name or hold in a folder come first, by their URL downwards; then what
    pages of find-links list; then the indexes. A place named twice counts where it is named first.

    Args:
        order: Where pip looks.
        name: Normalised.
        pages: What each place lists.
        at: What is known of the files themselves.
    """
    files: list[Offer] = []
    listings: list[Offer] = []
    for link in dict.fromkeys(order.find_links):
        offers = once(
            Offer(each, link, from_links=True, own=at(each.url)) for each in pages(link, name, True)
        )
        if is_page(link):
            listings += offers
        else:
            files += offers
    files.sort(key=lambda offer: offer.listed.url, reverse=True)
    seen: set[str | None] = set()
    for index in order.index_urls:
        place = index.rstrip("/") if index else None
        if place not in seen:
            seen.add(place)
            listings += once(
                Offer(each, index, own=at(each.url)) for each in pages(index, name, False)
            )
    return [*files, *listings]


def once(offers: Iterable[Offer]) -> list[Offer]:
    """Leave out a link that a page lists again."""
    found: dict[tuple[str, str | None], Offer] = {}
    for each in offers:
        found.setdefault((each.listed.url, each.listed.sha256), each)
    return list(found.values())


def is_page(link: str) -> bool:
    """Tell a page of links from a folder of this machine and from a file."""
    path = urlsplit(link).path.lower()
    if path.endswith((".whl", *SOURCE_ENDINGS)):
        return False
    return "://" in link and (not link.startswith("file:") or path.endswith((".html", ".htm")))


def decide(
    section: Section,
    order: IndexOrder,
    image: Image,
    pages: Pages,
    *,
    at: At = nothing_known,
    names: Iterable[str] | None = None,
) -> dict[str, Choice]:
    """Return which file pip takes for each name that a section asks for by name or by a wheel's
    URL; other packages' needs are not looked into.

    Args:
        section: From `section.take_apart`.
        order: From `candidates.index_order`.
        image: Where pip runs.
        pages: What each index lists.
        at: What is known of the files themselves, also of those that are named by URL: a page
            may be silent about the Python that a file needs.
        names: Those that are wanted, normalised; all when None.

    Returns:
        By normalised name, in the section's order. Names whose marker is false in this image, and
        those that the section names as a source (`Section.from_source`), are not among them.

    Raises:
        ValueError: A requirement or an option that pip could not read (`take_apart` has refused
            it before), or a Python that is none.
    """
    only = None if names is None else frozenset(names)
    options = [option for line in section.options for option in options_of(line)]
    choices: dict[str, Choice] = {}
    for name, wanted in wants(section, image).items():
        if not wanted.required or (only is not None and name not in only):
            continue
        if wanted.urls:
            choices[name] = by_url(name, wanted, section, image, at)
            continue
        choice = hash_lacking(name, wanted, section, image) or by_name(
            name,
            gather(order, name, pages, at),
            rules_for(name, wanted, section, options, image),
            wanted,
        )
        strict = not all(era.unpinned_hashes for era in eras_of(image.pip))
        if strict and section.require_hashes and not wanted.pinned and choice.offer:
            doubt = f"pip before 26.1 wants {name} pinned with ==, since it has a hash."
            choice = replace(choice, doubts=(*choice.doubts, doubt))
        choices[name] = choice
    return choices if knows(options, image) else doubted(choices)


def wants(section: Section, image: Image) -> dict[str, Wanted]:
    """Sort requirements and constraints by name, those whose marker is false left out."""
    found: dict[str, Wanted] = {}
    for texts, required in ((section.requirements, True), (section.constraints, False)):
        for text in texts:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({**image.markers}):
                continue
            wanted = found.setdefault(canonicalize_name(requirement.name), Wanted())
            wanted.required |= required
            if requirement.url:
                wanted.urls.append(requirement.url)
            elif required:
                wanted.specifiers.append(requirement.specifier)
            else:
                wanted.limits.append(requirement.specifier)
    return found


def hash_lacking(name: str, wanted: Wanted, section: Section, image: Image) -> Choice | None:
    """Return the choice of nothing where pip, told to check hashes, finds none to check."""
    if not section.require_hashes:
        return None
    if name not in section.hashes:
        text = f"One requirement with a hash makes pip ask for all, and {name} has none."
        return refused(name, "hash", text)
    if not wanted.pinned and not any(era.unpinned_hashes for era in eras_of(image.pip)):
        text = f"pip before 26.1 wants {name} pinned with ==, since it has a hash."
        return refused(name, "hash", text)
    return None


def by_name(name: str, offers: Sequence[Offer], rules: Rules, wanted: Wanted) -> Choice:
    """Choose as pip does, which takes up one requirement after the other: it fails at the first
    one that leaves nothing, though a later one, as an exact pin, would let more in."""
    limits = SpecifierSet()
    for limit in wanted.limits:
        limits &= limit
    doubts: dict[str, None] = {}
    so_far = limits
    for specifiers in wanted.specifiers[:-1]:
        so_far &= specifiers
        first = choose(name, offers, replace(rules, specifiers=so_far))
        if first.offer is None:
            return first
        doubts |= dict.fromkeys(first.doubts)
    choice = choose(name, offers, rules)
    return replace(choice, doubts=(*doubts, *(d for d in choice.doubts if d not in doubts)))


def rules_for(
    name: str,
    wanted: Wanted,
    section: Section,
    options: Sequence[tuple[str, str]],
    image: Image,
) -> Rules:
    """Put together what is wanted of one name."""
    without_wheels, without_sources = allowed_formats(
        options, name, pair=("no-binary", "only-binary")
    )
    # --pre is --all-releases with every name
    releases = [
        ("all-releases", ":all:") if option == ("pre", "") else option for option in options
    ]
    every, final = allowed_formats(releases, name, pair=("all-releases", "only-final"))
    hashes = section.hashes.get(name)
    return Rules(
        specifiers=wanted.all_specifiers,
        python=image.python,
        tags=image.tags,
        prereleases=True if every else False if final else None,
        prefer_binary=any(option == "prefer-binary" for option, _ in options),
        wheels=not without_wheels,
        sources=not without_sources,
        hashes=None if hashes is None else frozenset(hashes),
        pip=image.pip,
    )


def refused(name: str, reason: Reason, text: str, *offers: Offer) -> Choice:
    """Return the choice of nothing."""
    return Choice(name, None, refusals=(Refusal(reason, text, offers),))


def by_url(
    name: str,
    wanted: Wanted,
    section: Section,
    image: Image,
    at: At,
) -> Choice:
    """Judge a wheel that is named by URL: pip takes it or fails."""
    if len(set(wanted.urls)) > 1:
        return refused(name, "url", f"Different URLs are given for {name}.")
    url, _ = urldefrag(wanted.urls[0])
    file = unquote(urlsplit(url).path.rpartition("/")[2])
    listed = at(url) or Listed(file=file, url=url, sha256=None)
    offer = Offer(listed, None)
    for reason, text in objections(name, listed, wanted, section, image):
        return refused(name, reason, text, offer)
    doubts = (f"What {without_credentials(url)} serves was not read.",)
    return Choice(name, offer, (offer,), doubts=() if listed.sha256 else doubts)


def objections(
    name: str, listed: Listed, wanted: Wanted, section: Section, image: Image
) -> Iterator[tuple[Reason, str]]:
    """Yield why pip fails at a wheel that is named by URL."""
    file = listed.file
    said = archive_name(file, name, ERAS[-1])
    if said is None or said.tags is None:
        yield "name", f"{file} is no wheel of {name}."
        return
    if said.rank(image.tags) is None:
        yield "tags", f"{file} does not fit Python {image.python} on this platform."
    if not wanted.all_specifiers.contains(said.version, prereleases=True):
        text = f"{file} is named by URL, but {wanted.all_specifiers} is asked for as well."
        yield "specifier", text
    python = full_python(image.python)
    if not all(admits_python(listed.requires_python, python, era) for era in eras_of(image.pip)):
        text = f"{file} is for Python {listed.requires_python}, not for {image.python}."
        yield "requires-python", text
    allowed = section.hashes.get(name)
    if section.require_hashes and allowed is None:
        yield "hash", f"One requirement with a hash makes pip ask for all, and {name} has none."
    if allowed is not None and listed.sha256 not in {None, *allowed}:
        text = f"{file} has the SHA-256 {listed.sha256}, which the definition does not allow."
        yield "hash", text


def knows(options: Iterable[tuple[str, str]], image: Image) -> bool:
    """Tell whether every pip it may be knows the options."""
    late = any(name in {"all-releases", "only-final"} for name, _ in options)
    return not late or all(era.release_options for era in eras_of(image.pip))


def doubted(choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Add to each choice that pip may know an option of the section not at all."""
    doubt = "pip before 26 fails at --all-releases and --only-final."
    return {
        name: replace(choice, doubts=(*choice.doubts, doubt)) for name, choice in choices.items()
    }

"""Which of our own packages a definition reaches, and what it says about each: pure but for
reading the metadata of the new wheels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from wheelstep.errors import CannotHere
from wheelstep.ground import archive as archives
from wheelstep.model import Wheel

__all__ = ["Need", "Required", "needs", "requirements_of"]


Required = tuple[str, tuple[Requirement, ...]]
"""(a version, what it requires)."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is certain about one name."""

    specifiers: SpecifierSet
    by_url: bool = False
    """A file is named: no index is asked for it."""

    @property
    def exact(self) -> bool:
        """True where one version is allowed, whatever the indexes have."""
        return any(
            each.operator == "===" or (each.operator == "==" and not each.version.endswith(".*"))
            for each in self.specifiers
        )


def requirements_of(wheels: Iterable[Wheel]) -> dict[str, Required]:
    """Return what each of the new packages requires, by normalised name.

    Args:
        wheels: Those with `path` are read.

    Raises:
        CannotHere: One cannot be read.
    """
    found: dict[str, dict[str, Requirement]] = {}
    versions: dict[str, str] = {}
    for wheel in wheels:
        if wheel.path is None:
            continue
        mine = found.setdefault(wheel.name, {})
        try:
            with archives.opened(wheel.path) as archive:
                member = next(
                    name
                    for name in archive.namelist()
                    if name.endswith(".dist-info/METADATA") and name.count("/") == 1
                )
                metadata = archives.text_of(archive, member, archives.LARGEST_TEXT)
        except OSError as error:
            raise CannotHere.from_os_error(error, f"reading {wheel.file}") from error
        except (archives.Damaged, StopIteration):
            continue  # packages/inspect.py refuses such a wheel; uv says so, too
        raw, _ = parse_email(metadata)
        for text in raw.get("requires_dist", []):
            try:
                mine[text] = Requirement(text)
            except InvalidRequirement:
                continue
        versions[wheel.name] = wheel.version
    return {name: (versions[name], tuple(found[name].values())) for name in versions}


def needs(
    requirements: Iterable[str],
    constraints: Iterable[str],
    graph: Mapping[str, Required],
    private: Collection[str],
    markers: Mapping[str, str],
) -> dict[str, Need]:
    """Return the private names that a definition reaches, as far as it and the new wheels say.

    Args:
        requirements: Of the definition, as PEP 508 has them.
        constraints: Of the definition.
        graph: From `requirements_of`.
        private: The normalised names of interest.
        markers: What markers are evaluated with (`pip_section.marker_environment`).

    Returns:
        By normalised name. What packages require that are not among the new wheels is not known
        here: the resolution shows it.
    """
    found: dict[str, Need] = {}
    waiting = [(Requirement(text), frozenset[str]()) for text in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extras = waiting.pop(0)
        name = canonicalize_name(requirement.name)
        if name not in private or not _applies(requirement, markers, extras):
            continue
        before = found.get(name, Need(SpecifierSet()))
        found[name] = Need(
            before.specifiers & requirement.specifier,
            by_url=before.by_url or requirement.url is not None,
        )
        key = (name, ",".join(sorted(requirement.extras)))
        version, below = graph.get(name, ("", ()))
        # another version than the new one may require other things
        admitted = version and requirement.specifier.contains(version, prereleases=True)
        if admitted and key not in seen:
            seen.add(key)
            waiting += [(each, frozenset(requirement.extras)) for each in below]
    for limit in map(Requirement, constraints):
        name = canonicalize_name(limit.name)
        if name in found and _applies(limit, markers):
            found[name] = Need(
                found[name].specifiers & limit.specifier,
                by_url=found[name].by_url or limit.url is not None,
            )
    return found


def _applies(
    requirement: Requirement, markers: Mapping[str, str], extras: Collection[str] = ()
) -> bool:
    """Tell whether a requirement counts in an image, where its package is asked for with extras."""
    return requirement.marker is None or any(
        requirement.marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras)
    )

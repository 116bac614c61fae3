"""`NAME==VERSION` of the command line: versions released earlier, found where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wheelstep.destinations.interface import Destination
from wheelstep.errors import SettingError
from wheelstep.model import Listed

__all__ = ["Named", "files_of", "named_versions", "not_released",
           "one_of_each", "version_of"]  # fmt: skip

Named = tuple[str, Version]
"""A package's normalised name, and a version of it."""
SHOWN = 10
"""So many of the versions that there are, the newest ones, are shown."""


def named_versions(texts: Sequence[str]) -> list[Named]:
    """Read what the command line names, each once.

    Args:
        texts: `NAME==VERSION`.

    Raises:
        SettingError: One is something else.
    """
    return list(dict.fromkeys(_named(text) for text in texts))


def one_of_each(named: Sequence[Named]) -> None:
    """Refuse two versions of one package: a definition has room for one.

    Raises:
        SettingError: With both.
    """
    known: dict[str, Version] = {}
    for name, version in named:
        if known.setdefault(name, version) != version:
            raise SettingError(
                f"Both {name}=={known[name]} and {name}=={version} are to be pinned.",
                code="bad-setting",
                cure="Name one version of each package.",
            )


def _named(text: str) -> Named:
    name, separator, version = text.partition("==")
    try:
        if not separator or not name.strip():
            raise InvalidVersion(text)
        return canonicalize_name(name.strip(), validate=True), Version(version.strip())
    except ValueError as error:
        raise SettingError(
            f"{text!r} names no released version.",
            code="bad-setting",
            cure="Write NAME==VERSION, for instance acme-core==1.2.0.",
        ) from error


def files_of(
    destination: Destination, listed: Mapping[str, Sequence[Listed]], named: Named
) -> list[Listed]:
    """Return the wheels of a version.

    Args:
        destination: Where it has to be.
        listed: What is listed there, by name.
        named: The version.

    Raises:
        SettingError: It is not there; names the versions that are.
    """
    name, asked = named
    files = [one for one in listed.get(name, ()) if version_of(one) == asked]
    if files:
        return files
    raise not_released(destination.name, listed.get(name, ()), named)


def not_released(place: str, listed: Sequence[Listed], named: Named) -> SettingError:
    """Return the error for a version that is not where it has to be.

    Args:
        place: Where, for people.
        listed: What is listed there of the package.
        named: The version.
    """
    name, asked = named
    known = sorted({found for one in listed if (found := version_of(one))})
    last = ", ".join(map(str, known[-SHOWN:]))
    return SettingError(
        f"{name} {asked} is not in {place}"
        + (f"; there are {last}." if known else ", nor any other of it."),
        code="not-released",
        cure="Release it first, or name a version that is there.",
    )


def version_of(listed: Listed) -> Version | None:
    """Return the version of a listed wheel, None for another file."""
    try:
        return parse_wheel_filename(listed.file)[1]
    except InvalidWheelFilename:
        return None

"""The file that TwineAuthenticate@1 leaves behind, and only that: the one that PYPIRC_PATH names.

The task writes one section for each feed or service connection and sets the variable for the steps
after it (azure-pipelines-tasks, Tasks/TwineAuthenticateV1): a header `[distutils]` with
`index-servers=`, then `[NAME]` with `repository=`, `username=` and `password=`. The user name of a
feed is "build" ("fake username, could be anything"). `~/.pypirc` is somebody else's, and not read.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from wheelstep.ground.secret import Secret, without_credentials

__all__ = ["PYPIRC", "Match", "Section", "find_section", "read_pypirc"]

PYPIRC: Final = "PYPIRC_PATH"
LARGEST: Final = 1 << 20
"""Bytes; such a file has a few hundred."""
HEADER: Final = "distutils"

Match = Literal["same", "perhaps", "other"]
"""Whether a section's URL is of this very feed; "perhaps" where it names the feed by its id, as the
task does where it was chosen from a list."""


@dataclass(frozen=True, slots=True)
class Section:
    """What the file says of one repository."""

    name: str
    repository: str
    user: str
    password: Secret | None


def read_pypirc(path: Path) -> tuple[Section, ...] | str:
    """Read such a file.

    Args:
        path: As PYPIRC_PATH names it.

    Returns:
        Its sections in their order; a text, the end of a sentence, where it cannot be read.
    """
    parser = configparser.RawConfigParser()
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            return "is too large for such a file"
        parser.read_string(data.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        return _unreadable(error)
    return tuple(
        Section(
            name,
            parser.get(name, "repository", fallback="").strip(),
            parser.get(name, "username", fallback="").strip(),
            _secret(parser.get(name, "password", fallback="").strip()),
        )
        for name in parser.sections()
        if name.lower() != HEADER
    )


def _unreadable(error: Exception) -> str:
    """Say why, without a line of the file: that may be the password's."""
    match error:
        case FileNotFoundError():
            why = "does not exist (any more)"
        case OSError():
            why = f"cannot be read ({error.strerror or error})"
        case UnicodeDecodeError():
            why = "is no text in UTF-8"
        case configparser.DuplicateSectionError():
            why = f"has two sections [{error.section}]"
        case configparser.DuplicateOptionError():
            why = f"has {error.option} twice in [{error.section}]"
        case configparser.MissingSectionHeaderError():
            why = f"cannot be understood: line {error.lineno} comes before any [section]"
        case configparser.ParsingError():
            why = f"cannot be understood: line {error.errors[0][0]}"
        case _:
            why = "cannot be understood"
    return why


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None


def find_section(sections: tuple[Section, ...], match: Callable[[str], Match]) -> Section | str:
    """Return the one section for a feed.

    Args:
        sections: Of the file.
        match: Compares a section's URL with the feed's.

    Returns:
        A text, the end of a sentence, where there is none, or no password in it.
    """
    found = [(match(one.repository), one) for one in sections if one.repository]
    same = [one for kind, one in found if kind == "same"]
    perhaps = [one for kind, one in found if kind == "perhaps"]
    chosen = same or (perhaps if len(perhaps) == 1 else [])
    if not chosen:
        if perhaps:
            names = " and ".join(f"[{one.name}]" for one in perhaps)
            return f"names feeds by their ids, and which of {names} is this one cannot be told"
        others = ", ".join(
            f"[{one.name}] {without_credentials(one.repository)}" for _, one in found
        )
        return f"has no section for this feed (it has {others})" if others else "has no repository"
    section = chosen[0]
    if section.password is None:
        return f"has no password in [{section.name}]"
    if any(one.password != section.password for one in chosen):
        names = " and ".join(f"[{one.name}]" for one in chosen)
        return f"has {names} for this feed, with different passwords"
    return section

"""A definition: bytes that name requirements; reading, editing and proving are pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wheelstep.model import Index, Pin, PinChange

__all__ = ["Edited", "Environment", "Form", "Kind", "PinStyle", "Read", "Reading", "Requirement"]

PinStyle = Literal["version", "url", "bare-url"]

Read = Callable[[str], bytes | None]
"""Return a file of the snapshot by its path relative to the repository's root, None if absent."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a pip section or requirements file that names a package."""

    name: str
    """Normalised as PEP 503 has it."""
    text: str
    """As written, without quoting and comments."""
    line: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a definition says."""

    requirements: tuple[Requirement, ...]
    pip_lines: tuple[str, ...]
    """The whole pip section, one requirements-file line each, options included, in order."""
    python: str | None = None
    """The Python the image will have, "3.10" or "3.10.4", where the definition says."""
    section_line: int = 1
    """Where the pip section starts, for errors about the whole of it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An Azure ML environment whose version rises when its content changed."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Edited:
    """A definition after the edit; `data` equals the input where nothing had to change."""

    data: bytes
    pins: tuple[PinChange, ...] = ()
    index_added: str | None = None
    """The option line that was added, e.g. "--index-url https://...", if any."""
    environment: Environment | None = None
    notes: tuple[str, ...] = ()
    """What the reader should know: left alone, unpinned before, and so on."""


class Form(Protocol):
    """One form of definition. The object that reads a file also edits it."""

    name: str
    """"conda", "azureml" or "requirements"."""

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether this file is of this form; cheap, never raises."""

    def read(self, path: str, data: bytes) -> Reading:
        """Read it.

        Raises:
            DefinitionUnresolvable: Not UTF-8, not YAML (a tab), not of this form; with file
                and line.
        """

    def edit(
        self,
        path: str,
        data: bytes,
        pins: Sequence[Pin],
        *,
        style: PinStyle,
        index: Index | None,
    ) -> Edited:
        """Pin what the definition already names, add the index where it lacks one, prove the edit
        by parsing again, and change no other byte.

        Raises:
            DefinitionUnresolvable: As `read`, and when a package is named twice (both lines).
            Refused: A token in a URL of the definition.
        """


@dataclass(frozen=True, slots=True)
class Kind:
    """A definition found in the repository."""

    path: str
    form: Form
    conda_file: str | None = None
    """The path of the conda file that an Azure ML environment names; relative to the root."""
    users: Mapping[str, str] = field(default_factory=dict)

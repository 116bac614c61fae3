"""A definition: bytes that name requirements; reading, editing and proving are pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from wheelstep.model import Index, Pin, PinChange, Problem

__all__ = [
    "Choose",
    "Edited",
    "Environment",
    "Form",
    "Found",
    "Kind",
    "PinStyle",
    "Read",
    "Reading",
    "Requirement",
    "Wanted",
]

PinStyle = Literal["version", "url", "bare-url"]

Read = Callable[[str], bytes | None]
"""Return a file of the snapshot by its path relative to the repository's root, None if absent."""

Choose = Callable[[Sequence[str], str | None], str | None]
"""Given wheel file names of one version and the Python of the image ("3.10", "3.10.4", or None
where the definition does not say), return the one to install, or None where none fits for
certain. See choice.py."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a pip section or requirements file that names a package."""

    name: str
    """Normalised as PEP 503 has it."""
    text: str
    """As written, without quoting, comments and options."""
    line: int
    """Counted from 1."""
    pinned: str | None = None
    """The one version it allows: of `==`, or of the file name of the wheel that a URL names."""


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
    conda_file: str | None = None
    """As an Azure ML environment names it, relative to the environment's own file."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An Azure ML environment whose version rises when its content changed."""

    name: str
    before: str | None
    after: str | None
    """Equal to `before` where the file states no version, or one that is no plain integer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an edit shall reach."""

    pins: tuple[Pin, ...]
    style: PinStyle
    index: Index | None
    choose: Choose


@dataclass(frozen=True, slots=True)
class Edited:
    """A definition after the edit; `data` equals the input where nothing had to change."""

    data: bytes
    pins: tuple[PinChange, ...] = ()
    index_added: str | None = None
    """The option line that was added, e.g. "--index-url https://...", if any."""
    environment: Environment | None = None
    notes: tuple[Problem, ...] = ()
    """What the reader should know, as warnings and notices with file and line."""
    unknown: tuple[str, ...] = ()
    """What exists only after building or publishing ("the URL of foo 1.1"): `data` has the text
    "known-after-build" there, and may be shown but not committed."""


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

    def edit(self, path: str, data: bytes, wanted: Wanted) -> Edited:
        """Pin what the definition already names, add the index where it lacks one, prove the edit
        by parsing again, and change no other byte.

        Raises:
            DefinitionUnresolvable: As `read`; a package is named twice (both lines); no wheel
                fits its Python.
            Refused: A token in a URL of the definition.
        """


@dataclass(frozen=True, slots=True)
class Kind:
    """A definition found in the repository."""

    path: str
    form: Form
    conda_file: str | None = None
    """The path of the conda file that an Azure ML environment names; relative to the root."""
    environments: tuple[str, ...] = ()
    """The paths of the Azure ML environments that name this conda file."""


@dataclass(frozen=True, slots=True)
class Found:
    """The definitions to look after, sorted by path, and what was passed over."""

    kinds: tuple[Kind, ...]
    notes: tuple[Problem, ...] = ()

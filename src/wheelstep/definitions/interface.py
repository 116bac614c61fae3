"""A definition: bytes that name requirements; reading, editing and proving are pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from wheelstep.model import Index, Pin, PinChange, Problem

__all__ = [
    "BuildContext",
    "Choose",
    "CondaPart",
    "Edited",
    "Environment",
    "Form",
    "Found",
    "Kind",
    "Named",
    "PinStyle",
    "Read",
    "Reading",
    "Requirement",
    "Section",
    "Unedited",
    "Vendor",
    "VendoredFile",
    "Wanted",
]

PinStyle = Literal["version", "url", "bare-url", "vendor", "git"]
"""How a definition names a package; see docs/definitions.md."""

Read = Callable[[str], bytes | None]
"""Return a file of the snapshot by its path relative to the repository's root, None if absent."""

Choose = Callable[[Sequence[str], str | None], str | None]
"""Given wheel file names of one version and the Python of the image ("3.10", "3.10.4", or None
where the definition does not say), return the one to install, or None where none fits for
certain. See choice.py."""


class Requirement(NamedTuple):
    """One line of a pip section or requirements file that names a package; a tuple, which is made
    faster than a data class: a definition may have ten thousand."""

    name: str
    """Normalised as PEP 503 has it."""
    text: str
    """As written, without quoting, comments and options."""
    line: int
    """Counted from 1."""
    pinned: str | None = None
    """The one version it allows: of `==`, or of the file name of the wheel that a URL names."""


@dataclass(frozen=True, slots=True)
class CondaPart:
    """What conda itself is asked for, beside the pip section."""

    packages: tuple[tuple[str, int], ...]
    """(as written, e.g. "python=3.11" or "conda-forge::numpy", line counted from 1)."""
    channels: tuple[str, ...] | None = None
    """In order; None where the definition names none."""


@dataclass(frozen=True, slots=True)
class Section:
    """What one image installs: a definition has one for each environment that it describes."""

    requirements: tuple[Requirement, ...]
    pip_lines: tuple[str, ...]
    """The whole pip section, one requirements-file line each, options included, in order."""
    python: str | None = None
    """The Python the image will have, "3.10" or "3.10.4", where the definition says."""
    line: int = 1
    """Where the pip section starts, for errors about the whole of it."""
    place: str = ""
    """Which of the file's environments it is, "jobs.train.environment"; "" for the file itself."""
    conda: CondaPart | None = None
    """None where conda takes no part."""
    connected: bool = True
    """Whether workspace connections reach this build: not so in a Dockerfile's context."""
    unknown: tuple[str, ...] = ()
    """Why it is not wholly known what the image installs, as whole sentences."""


@dataclass(frozen=True, slots=True)
class Named:
    """Another file, or folder, of the repository that belongs to a definition."""

    kind: Literal["conda-file", "build-context", "include"]
    """`conda_file:` of an environment; `build: path:`, a folder; `-r` or `-c` of a pip section."""
    text: str
    """As written, or the usual name by which it is taken."""
    path: str | None
    """Relative to the repository's root; None where it lies outside."""
    line: int
    """Where it is named, counted from 1."""
    dockerfile: str = "Dockerfile"
    """Of a build context: relative to it."""
    constraint: bool = False
    """Of an include: named by `-c`, so that it limits versions and requires nothing."""
    optional: bool = False
    """It is taken by its usual name where it is there, and need not be."""


@dataclass(frozen=True, slots=True)
class Unedited:
    """A place that names a released package in a way that no edit can be proved for: computed."""

    name: str
    """The normalised name of the package."""
    line: int
    """Counted from 1."""
    why: str
    """A whole sentence for people."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a definition says."""

    sections: tuple[Section, ...] = ()
    """One for each environment that has a pip section; none for one that only names files."""
    named: tuple[Named, ...] = ()
    """The files that belong to it."""
    unedited: tuple[Unedited, ...] = ()

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Return those of all sections, in the file's order."""
        return tuple(one for section in self.sections for one in section.requirements)


@dataclass(frozen=True, slots=True)
class Environment:
    """An Azure ML environment whose version rises when its content changed."""

    name: str
    before: str | None
    after: str | None
    """Equal to `before` where the file states no version, or one that cannot be counted up."""


Vendor = Callable[[str, str, int], str]
"""Given a package, its wheel's file name and the line that names it, return how pip names the wheel
there: a path in the image. Raises DefinitionUnresolvable where it is not in the image then."""


@dataclass(frozen=True, slots=True)
class VendoredFile:
    """A wheel that is to lie in a build context."""

    path: str
    """Relative to the repository's root."""
    file: str
    """The wheel's file name."""
    sha256: str
    """"" where only the index that lists it knows it."""
    name: str
    """Of the package, normalised."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an edit shall reach."""

    pins: tuple[Pin, ...]
    style: PinStyle
    index: Index | None
    choose: Choose
    day: dt.date | None = None
    """Of the commit that is released, UTC, for versions that are dates; None where unknown."""
    floors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The versions of each environment, by its name, that workspaces have already."""
    settled: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(path, environment) -> the version that it rises to: workspaces have it with the content that
    the edited file describes."""
    keep_ranges: bool = False
    """Whether a range that admits the version stays."""
    closure: bool = False
    """Whether a package that is reached only through another one gets a pin, too."""
    platform: str = "x86_64-manylinux_2_28"
    """What the image is, for the markers of what packages require."""
    included: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What the files that this definition includes require, by path: named there is named."""
    python: str | None = None
    """The Python of the image, for a definition that does not say it itself."""
    vendor: Vendor | None = None
    """For the style "vendor", in a build context."""
    ours: Callable[[str], bool] = lambda _: True
    """Tells of a URL of a wheel or an archive whether it is ours to change."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A definition after the edit; `data` equals the input where nothing had to change."""

    data: bytes
    pins: tuple[PinChange, ...] = ()
    index_added: str | None = None
    """The option line that was added, e.g. "--index-url https://...", if any."""
    environments: tuple[Environment, ...] = ()
    notes: tuple[Problem, ...] = ()
    """What the reader should know, as warnings and notices with file and line."""
    unknown: tuple[str, ...] = ()
    """What exists only after building or publishing ("the URL of foo 1.1"): `data` has the text
    "known-after-build" there, and may be shown but not committed."""
    unedited: tuple[Unedited, ...] = ()
    """What names a released package and was found, but not edited."""


class Form(Protocol):
    """One form of definition. The object that reads a file also edits it."""

    name: str
    """"conda", "azureml", "requirements", ..."""
    suffixes: tuple[str, ...]
    """How the names of such files end, in lower case: what discovery reads."""

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether this file is of this form; cheap, never raises."""

    def read(self, path: str, data: bytes) -> Reading:
        """Read it.

        Raises:
            DefinitionUnresolvable: Not UTF-8, not YAML (a tab), not of this form; with file
                and line.
        """

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what the definition already names, add the index where it lacks one, raise the
        version of each environment that changed, prove the edit by parsing again, and change no
        other byte.

        Args:
            path: The definition's path.
            data: Its bytes.
            wanted: The pins.
            changed: Paths of changed files, relative to the repository's root: an environment that
                one of them belongs to has changed, too.

        Raises:
            DefinitionUnresolvable: As `read`; a package is named twice (both lines); no wheel
                fits its Python.
            Refused: A token in a URL of the definition.
        """


@dataclass(frozen=True, slots=True)
class BuildContext:
    """A folder that an image is built from."""

    folder: str
    """Relative to the repository's root; "." for the root."""
    dockerfile: str
    """Relative to the repository's root."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A definition found in the repository."""

    path: str
    form: Form
    uses: tuple[str, ...] = ()
    """The paths of other definitions that belong to it: its conda file, what it includes."""
    used_by: tuple[str, ...] = ()
    """The paths of the definitions that it belongs to."""
    limits: bool = False
    """Whether it is a file of constraints: named by `-c` alone, or by nothing and called so."""
    contexts: tuple[BuildContext, ...] = ()
    """The builds that use it: a Dockerfile's own, and those that a file is installed in."""


@dataclass(frozen=True, slots=True)
class Found:
    """The definitions to look after, sorted by path, and what was passed over."""

    kinds: tuple[Kind, ...]
    notes: tuple[Problem, ...] = ()

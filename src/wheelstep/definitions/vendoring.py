"""`pin: vendor`: wheels that lie in a build context, and how pip names them in the image.

pip takes a relative path in a requirements file as relative to the folder that it runs in, not to
the file (observed), so the path depends on the command of the Dockerfile that reads the file.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.definitions.docker_pip import Install, installs
from wheelstep.definitions.dockerfile import origins, place_of
from wheelstep.definitions.image_files import State, ignored
from wheelstep.definitions.interface import BuildContext, Kind, Read, VendoredFile
from wheelstep.definitions.named import in_context
from wheelstep.definitions.source import decode
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.model import Pin

__all__ = ["Builds", "Seen", "Use", "Vendored"]

FOLDER: Final = "wheels"
"""Where wheels go in a context that has none yet."""


@dataclass(frozen=True, slots=True)
class Use:
    """A command of a Dockerfile that reads a definition."""

    context: BuildContext
    line: int
    """Of the command, in the Dockerfile."""
    state: State
    folder: str | None
    """What paths in the definition are relative to, in the image."""


@dataclass(slots=True)
class Builds:
    """The builds of a repository's Dockerfiles, as they stand before the edit."""

    read: Read
    kinds: Mapping[str, Kind]
    known: dict[str, list[tuple[Install, int]]] = field(default_factory=dict)

    def _installs(self, dockerfile: str) -> list[tuple[Install, int]]:
        if dockerfile not in self.known:
            try:
                source = decode(dockerfile, self.read(dockerfile) or b"")
            except StepError:
                self.known[dockerfile] = []  # its fault is told where it is edited
            else:
                found = installs(source.text)
                self.known[dockerfile] = [(one, source.line(one.at)) for one in found]
        return self.known[dockerfile]

    def uses(self, path: str, above: tuple[str, ...] = ()) -> list[Use]:
        """Return the commands that read a definition, itself or by way of another that includes
        it; for a Dockerfile its own commands."""
        kind = self.kinds[path]
        found: list[Use] = []
        for context in kind.contexts:
            for one, line in self._installs(context.dockerfile):
                if path == context.dockerfile:
                    found.append(Use(context, line, one.state, one.state.folder))
                    continue
                found += [
                    Use(context, line, one.state, place_of(one, file))
                    for file in one.files
                    if self.file_of(context, one, file.name) == path
                ]
        for parent in kind.used_by:
            if parent in self.kinds and parent not in above and self._includes(parent, kind):
                found += self.uses(parent, (*above, path))
        return list(dict.fromkeys(found))

    def _includes(self, parent: str, kind: Kind) -> bool:
        form = self.kinds[parent].form.name
        return form == kind.form.name and form != "dockerfile"

    def file_of(self, context: BuildContext, one: Install, name: str) -> str | None:
        """Return the file of the repository that a command reads by a name; None without."""
        for file in one.files:
            if file.name == name:
                for origin in origins(one, file):
                    path = in_context(context.folder, origin)
                    if self.read(path) is not None:
                        return path
        return None

    def python_of(self, path: str) -> str | None:
        """Return the Python that a definition in a context is installed for, where it is certain:
        the base image's, else that of the one conda file that is installed beside it."""
        uses = self.uses(path)
        said = {use.state.python for use in uses}
        if len(said) == 1 and (python := said.pop()):
            return python
        dockerfiles = {use.context.dockerfile for use in uses}
        pythons = {
            section.python
            for other in self.kinds.values()
            if other.form.name == "conda"
            and dockerfiles & {context.dockerfile for context in other.contexts}
            for section in other.form.read(other.path, self.read(other.path) or b"").sections
        }
        return pythons.pop() if len(pythons) == 1 and said <= {None} else None


@dataclass(slots=True)
class Seen:
    """One definition while it is edited: which wheels it names, and by which paths."""

    path: str
    uses: Sequence[Use]
    vendored: Vendored
    named: dict[str, str] = field(default_factory=dict)
    """Package -> the wheel's file name."""

    def __call__(self, name: str, file: str, line: int) -> str:
        """Return how pip names a wheel here; see `Vendor`.

        Raises:
            DefinitionUnresolvable: It is not in the image when the command runs.
        """
        self.named[name] = file
        own = [use for use in self.uses if use.context.dockerfile == self.path]
        if own:  # a Dockerfile's line belongs to one command: the last that begins above it
            first = max((use.line for use in own if use.line <= line), default=own[0].line)
            own = [use for use in own if use.line == first]
        names = {self.vendored.name_in(use, name, file): use for use in own or self.uses}
        if len(names) > 1:
            first_use, other = list(names.values())[:2]
            raise DefinitionUnresolvable(
                f"The wheel of {name} lies at different places for the commands that install this "
                f"file ({first_use.context.dockerfile}, line {first_use.line}, and "
                f"{other.context.dockerfile}, line {other.line}): {' and '.join(names)}.",
                code="wheel-place-differs",
                cure="Copy it to the same place in both, an absolute one.",
                file=self.path,
                line=line,
            )
        return next(iter(names))


@dataclass(slots=True)
class Vendored:
    """What lies, and shall lie, in the build contexts."""

    read: Read
    paths: Sequence[str]
    pins: Mapping[str, Pin]
    hashes: dict[str, str] = field(default_factory=dict)

    def folder_of(self, folder: str, name: str) -> str:
        """Return where in a context the wheels of a package lie, relative to it."""
        for path in self.wheels_in(folder, name):
            return posixpath.dirname(posixpath.relpath(path, folder))
        return FOLDER

    def wheels_in(self, folder: str, name: str) -> list[str]:
        """Return the wheels of a package that lie in a context, relative to the repository."""
        prefix = "" if folder == "." else f"{folder}/"
        return [
            path
            for path in self.paths
            if path.endswith(".whl") and path.startswith(prefix) and package_of(path) == name
        ]

    def name_in(self, use: Use, name: str, file: str) -> str:
        """Return how a command names a wheel.

        Raises:
            DefinitionUnresolvable: The wheel is not in the image then.
        """
        folder = self.folder_of(use.context.folder, name)
        inside = posixpath.join(folder, file) if folder else file
        if rule := self._ignored(use.context, inside):
            raise DefinitionUnresolvable(
                f"The wheel {inside} of this build context would not reach the build: the line "
                f"`{rule[1]}` of {rule[0]} keeps it out.",
                code="wheel-not-copied",
                cure=f"Add the line `!{inside}` (or `!{folder or '.'}/*.whl`) below it.",
                file=use.context.dockerfile,
                line=use.line,
            )
        place = use.state.place_of(inside)
        said = None
        if place is not None and posixpath.basename(place) == file:
            said = use.state.name_of(place, use.folder)
        if said is None:
            source = f"{folder}/" if folder else "*.whl"
            raise DefinitionUnresolvable(
                f"The wheel {inside} of this build context is not in the image when this command "
                f"runs, which installs {name}.",
                code="wheel-not-copied",
                cure=f"Add the line `COPY {source} /{folder or FOLDER}/` above it.",
                file=use.context.dockerfile,
                line=use.line,
            )
        return said

    def _ignored(self, context: BuildContext, inside: str) -> tuple[str, str] | None:
        """Return the file and the line that keep a wheel out of the build."""
        own, usual = (
            f"{context.dockerfile}.dockerignore",
            in_context(context.folder, ".dockerignore"),
        )
        for path in (own, usual):  # BuildKit takes the first that is there
            data = self.read(path)
            if data is not None:
                rule = ignored(inside, data.decode("utf-8-sig", "replace").splitlines())
                return (path, rule) if rule else None
        return None

    def wanted(self, seen: Seen) -> tuple[VendoredFile, ...]:
        """Return the wheels that a definition names and that do not lie there as they should."""
        found: list[VendoredFile] = []
        for name, file in seen.named.items():
            digest = {wheel.file: wheel.sha256 for wheel in self.pins[name].wheels}.get(file)
            for folder in dict.fromkeys(use.context.folder for use in seen.uses):
                inside = posixpath.join(self.folder_of(folder, name), file)
                path = in_context(folder, inside)
                if digest is not None and not self._is_there(path, digest):
                    found.append(VendoredFile(path, file, digest, name))
        return tuple(found)

    def _is_there(self, path: str, digest: str) -> bool:
        if path not in self.hashes:
            data = self.read(path)
            self.hashes[path] = hashlib.sha256(data).hexdigest() if data is not None else ""
        return bool(self.hashes[path]) and digest in {"", self.hashes[path]}

    def unwanted(
        self, seen: Iterable[Seen], before: Mapping[str, bytes], after: Mapping[str, bytes]
    ) -> dict[str, tuple[str, ...]]:
        """Return the old wheels that nothing names any more, by the definition that named them.

        Args:
            seen: The definitions that were edited.
            before: Every definition in a build context, by path.
            after: The same after the edit.
        """
        texts = b"\n".join(after.values())
        found: dict[str, tuple[str, ...]] = {}
        taken: set[str] = set()
        for one in seen:
            old: list[str] = []
            for name, file in one.named.items():
                for folder in dict.fromkeys(use.context.folder for use in one.uses):
                    old += self._old(folder, name, file, before[one.path])
            gone = [
                path
                for path in dict.fromkeys(old)
                if path not in taken and posixpath.basename(path).encode() not in texts
            ]
            taken.update(gone)
            if gone:
                found[one.path] = tuple(gone)
        return found

    def _old(self, folder: str, name: str, file: str, text: bytes) -> list[str]:
        """Return the other wheels of a package in a context: those that git knows, and those that
        a definition named until now, which may be there without it."""
        inside = self.folder_of(folder, name)
        named = [in_context(folder, posixpath.join(inside, old)) for old in _wheels_named(text)]
        here = [
            path
            for path in [*self.wheels_in(folder, name), *named]
            if package_of(path) == name and posixpath.basename(path) != file
        ]
        return [path for path in here if self.read(path) is not None]


def _wheels_named(text: bytes) -> list[str]:
    return [found.decode("ascii") for found in re.findall(rb"[A-Za-z0-9_.+-]+\.whl\b", text)]


@cache
def package_of(path: str) -> str | None:
    """Return the normalised name of the package that a wheel's file name states."""
    try:
        return parse_wheel_filename(posixpath.basename(path))[0]
    except InvalidWheelFilename:
        return None

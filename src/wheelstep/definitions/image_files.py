"""Which file of a build context lies where in the image, at each step of the build.

Source: the Dockerfile reference (WORKDIR, COPY, ADD, RUN --mount=type=bind) and Docker's
documentation of build contexts (`.dockerignore`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.docker_glob import is_pattern, matches

__all__ = ["BASE", "Copied", "State", "ignored", "joined"]

BASE: Final = "/?"
"""Stands for the folder that the base image starts in, where the Dockerfile names none."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A part of the context that is in the image from some step on."""

    sources: tuple[str, ...]
    """As written, relative to the context's root: files, folders or patterns."""
    target: str
    """Absolute."""
    into: bool
    """The target is a folder for certain."""

    def place_of(self, path: str) -> str | None:
        """Return where a file of the context lies through this; None where it is not taken."""
        for source in self.sources:
            wanted = _clean(source)
            if wanted == ".":
                return posixpath.join(self.target, path)
            if not source.endswith("/") and matches(wanted, path):
                name = posixpath.basename(path)
                many = self.into or len(self.sources) > 1 or is_pattern(wanted)
                return posixpath.join(self.target, name) if many else self.target
            parts = path.split("/")
            for count in range(1, len(parts)):
                if matches(wanted, "/".join(parts[:count])):
                    return posixpath.join(self.target, *parts[count:])
        return None

    def origins_of(self, place: str) -> list[str]:
        """Return which files of the context may lie at a place of the image, likeliest first."""
        found: list[str] = []
        inside = _below(place, self.target)
        for source in self.sources:
            wanted = _clean(source)
            if is_pattern(wanted):
                if inside and matches(wanted, near := posixpath.join(_folder(wanted), inside)):
                    found.append(posixpath.normpath(near))
                continue
            if wanted != "." and not source.endswith("/"):
                name = posixpath.basename(wanted)
                if place == posixpath.join(self.target, name) or (
                    place == self.target and not self.into
                ):
                    found.append(wanted)
                    continue
            if inside:
                found.append(posixpath.normpath(posixpath.join(wanted, inside)))
        return found


@dataclass(frozen=True, slots=True)
class State:
    """What a command of the build finds."""

    folder: str | None
    """Where it runs, absolute; None where that is not known."""
    copied: tuple[Copied, ...]
    """In the order of the steps: the last one wins."""
    python: str | None = None
    """Of the base image, where its name says so."""

    def place_of(self, path: str) -> str | None:
        """Return where a file of the context lies; None where it is not in the image yet."""
        for one in reversed(self.copied):
            if place := one.place_of(path):
                return place
        return None

    def origins_of(self, named: str) -> list[str]:
        """Return which files of the context a command may mean by a name, likeliest first."""
        place = joined(self.folder, named)
        if place is None:
            return []
        return [origin for one in reversed(self.copied) for origin in one.origins_of(place)]

    def name_of(self, place: str, folder: str | None) -> str | None:
        """Return how a program names a place of the image from a folder; None where it cannot."""
        if not place.startswith(BASE):
            if folder is None or folder.startswith(BASE) or not _below(place, folder):
                return place
        elif folder is None or not folder.startswith(BASE):
            return None
        name = posixpath.relpath(place, folder)
        return name if name.startswith("../") else f"./{name}"


def joined(folder: str | None, named: str) -> str | None:
    """Return a place of the image by its name in a folder; None where the folder is not known."""
    if named.startswith("/"):
        return posixpath.normpath(named)
    return None if folder is None else posixpath.normpath(posixpath.join(folder, named))


def _clean(source: str) -> str:
    return posixpath.normpath(source.lstrip("/") or ".")


def _folder(pattern: str) -> str:
    """Return the folder of a pattern's matches, where it names one."""
    folder = posixpath.dirname(pattern)
    return "" if is_pattern(folder) else folder


def _below(place: str, folder: str) -> str:
    prefix = folder.rstrip("/") + "/"
    return place[len(prefix) :] if place.startswith(prefix) else ""


def ignored(path: str, rules: Sequence[str]) -> str | None:
    """Return the line of a `.dockerignore` that keeps a file out of the build; None without.

    Args:
        path: Relative to the context's root.
        rules: The file's lines.
    """
    parts = path.split("/")
    ancestors = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    by: str | None = None
    for rule in rules:
        said = rule.strip()
        if not said or rule.startswith("#"):
            continue
        keeps = said.startswith("!")
        pattern = _clean(said.removeprefix("!").strip())
        if any(matches(pattern, one) for one in ancestors):
            by = None if keeps else said
    return by

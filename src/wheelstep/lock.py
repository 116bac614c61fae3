"""wheelstep.lock: what was released, from what, and where it is.

A record, not the truth: it makes the next run fast and the last one auditable. Without it, or with
an old or a broken one, a run costs more time and ends the same. Nothing in it depends on the clock
or on the machine. One block for each package, sorted, so that two branches merge line by line.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from wheelstep.ground.feed_names import one_spelling
from wheelstep.model import Wheel

__all__ = ["FILE", "Lock", "Locked", "LockedWheel"]

FILE: Final = "wheelstep.lock"

HEAD: Final = (
    "# Written by wheelstep: what was released, from which commit, and where it is.\n"
    "# Commit it. It may be deleted: the next run then takes longer and ends the same.\n"
    "lock-version = 1\n"
)
COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
WHEEL: Final = re.compile(r"[^/\\\0]+\.whl")
RESOLVED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+")
"""A build requirement as it was resolved: to the installer a URL in its place, or an option, is
code to run."""


@dataclass(frozen=True, slots=True)
class LockedWheel:
    """One published wheel."""

    file: str
    sha256: str
    content: str
    size: int
    requires_python: str | None
    places: tuple[str, ...]
    """Where it is, without credentials, the same on every machine; of a feed its one spelling;
    sorted."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One package as it was last released."""

    name: str
    version: str
    sources: str
    """Fingerprint of the sources with the version: see packages/sources.py."""
    commit: str
    """Full id of the commit it was built from."""
    history: str | None
    """For versions that are read from git: what the version followed from."""
    build_requirements: tuple[str, ...]
    wheels: tuple[LockedWheel, ...]
    requires: tuple[str, ...] | None = None
    """Which of its wheels' requirements (Requires-Dist) name packages of this repository; None in
    a record that does not say."""

    def as_wheels(self) -> tuple[Wheel, ...]:
        """Return the wheels as values, without a path."""
        return tuple(
            Wheel(
                file=wheel.file,
                name=self.name,
                version=self.version,
                sha256=wheel.sha256,
                content=wheel.content,
                size=wheel.size,
                requires_python=wheel.requires_python,
            )
            for wheel in self.wheels
        )

    def places(self) -> frozenset[str]:
        """Return the places that have every wheel."""
        if not self.wheels:
            return frozenset()
        return frozenset.intersection(*(frozenset(wheel.places) for wheel in self.wheels))

    def same_release(self, other: Locked) -> bool:
        """Tell whether both record the same files at the same places, whatever they were built
        with and from; what they require follows from the files."""
        return (self.version, self.wheels) == (other.version, other.wheels)


@dataclass(frozen=True, slots=True)
class Lock:
    """All packages, by normalised name."""

    packages: Mapping[str, Locked] = field(default_factory=dict)
    broken: str | None = None
    """Why the file could not be read, when it could not: it then counts as absent."""

    @classmethod
    def parse(cls, data: bytes | None) -> Self:
        """Read the file; an absent, old or broken one is an empty record, never an error.

        Args:
            data: The file's bytes, None where there is none.
        """
        if data is None:
            return cls()
        try:
            table = tomllib.loads(data.decode("utf-8-sig"))
            if table.get("lock-version") != 1:
                return cls(broken=f"lock-version {table.get('lock-version')!r} is not known here")
            packages = [_locked(block) for block in table.get("package", [])]
        except RecursionError:
            return cls(broken="it is nested too deeply")
        except (ArithmeticError, ValueError, LookupError, TypeError, AttributeError) as error:
            return cls(broken=f"{type(error).__name__}: {error}")
        # a block whose wheels got lost (in a merge, say) tells nothing: look at its package anew
        return cls({locked.name: locked for locked in packages if locked.wheels})

    def with_packages(self, *updates: Locked) -> Lock:
        """Return a lock in which these blocks stand instead of the ones of the same names."""
        return replace(
            self,
            packages=dict(self.packages) | {locked.name: locked for locked in updates},
            broken=None,
        )

    def render(self) -> bytes:
        """Return the file's bytes: sorted, with Unix line ends."""
        blocks = [_render(self.packages[name]) for name in sorted(self.packages)]
        return "".join([HEAD, *blocks]).encode()


def _locked(block: Any) -> Locked:
    """Return a block. The file may be anybody's, also that of another repository: what git, an
    installer or a path is made of has to be what it says."""
    return Locked(
        name=_text(block["name"]),
        version=_text(block["version"]),
        sources=_text(block["sources"]),
        commit=_like(COMMIT, block["commit"], "commit"),
        history=_text(block["history"]) if "history" in block else None,
        build_requirements=tuple(
            _like(RESOLVED, item, "resolved requirement")
            for item in block.get("build-requirements", [])
        ),
        wheels=tuple(
            LockedWheel(
                file=_like(WHEEL, wheel["file"], "name of a wheel"),
                sha256=_like(SHA256, wheel["sha256"], "SHA-256"),
                content=_text(wheel["content"]),
                size=int(wheel["size"]),
                requires_python=_text(wheel["requires-python"])
                if "requires-python" in wheel
                else None,
                # a record may have another spelling of a feed than the one of today
                places=tuple(sorted({one_spelling(_text(place)) for place in wheel["places"]})),
            )
            for wheel in block.get("wheels", [])
        ),
        requires=tuple(_text(item) for item in block["requires"]) if "requires" in block else None,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _like(form: re.Pattern[str], value: Any, what: str) -> str:
    if form.fullmatch(_text(value)) is None:
        raise ValueError(f"{value[:80]!r} is no {what}")
    return str(value)


def _quote(text: str) -> str:
    # a JSON string without surrogate escapes is a TOML basic string
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _render(locked: Locked) -> str:
    lines = [
        "",
        "[[package]]",
        f"name = {_quote(locked.name)}",
        f"version = {_quote(locked.version)}",
        f"sources = {_quote(locked.sources)}",
        f"commit = {_quote(locked.commit)}",
    ]
    if locked.history is not None:
        lines.append(f"history = {_quote(locked.history)}")
    lines += _array("build-requirements", locked.build_requirements)
    if locked.requires is not None:
        lines += _array("requires", locked.requires)
    for wheel in sorted(locked.wheels, key=lambda wheel: wheel.file):
        lines += [
            "",
            "[[package.wheels]]",
            f"file = {_quote(wheel.file)}",
            f"sha256 = {_quote(wheel.sha256)}",
            f"content = {_quote(wheel.content)}",
            f"size = {wheel.size}",
        ]
        if wheel.requires_python is not None:
            lines.append(f"requires-python = {_quote(wheel.requires_python)}")
        lines += _array("places", wheel.places)
    return "\n".join(lines) + "\n"


def _array(key: str, items: tuple[str, ...]) -> list[str]:
    if not items:
        return [f"{key} = []"]
    return [f"{key} = [", *(f"  {_quote(item)}," for item in sorted(items)), "]"]

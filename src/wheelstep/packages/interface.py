"""What a build gives back, and where its output goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wheelstep.model import Package, Wheel

__all__ = ["Built", "Output"]

Output = Callable[[str, str], None]
"""Called once per finished build with (title, whole output), from the building thread's caller:
outputs of parallel builds never interleave."""


@dataclass(frozen=True, slots=True)
class Built:
    """A package with its wheels."""

    package: Package
    wheels: tuple[Wheel, ...]
    """At least one, each with `path`."""
    build_requirements: tuple[str, ...]
    """What the build requirements resolved to, `name==version`, sorted; kept in the lock so that
    the same version is built with the same tools again."""
    prebuilt: bool = False

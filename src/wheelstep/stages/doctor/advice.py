"""Advice: which road for private packages fits what was found; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.ground.checks import Group
from wheelstep.model import Check

__all__ = ["Found", "advice"]

ADVICE: Final = Group("advice")
FEW: Final = 3
"""So many packages can be pinned by the URLs of their wheels without anybody losing track."""


@dataclass(frozen=True, slots=True)
class Found:
    """What decides it."""

    packages: int
    kinds: Collection[str]
    """Of the destinations: "folder", "index", "feed", "mirror"."""
    workspaces: int
    restricted: bool
    """Storage or registry of a workspace is behind network rules: builds cannot reach the public
    index without a hole in the firewall."""
    contexts: bool
    """A definition is installed by a Dockerfile, which connections do not reach."""
    served: bool = True
    """Consumers can read the first destination."""


def advice(found: Found) -> Check:
    """Return which road fits, in one or two sentences."""
    return ADVICE.ok("which road fits", " ".join(_sentences(found)))


def _sentences(found: Found) -> Sequence[str]:
    said: list[str]
    shared = [kind for kind in ("feed", "index", "mirror") if kind in found.kinds]
    if found.restricted:
        mirror = "The mirror that is set" if "mirror" in found.kinds else "A mirror"
        why = "what builds images stands in a closed network, where the public index is far away"
        said = [f"{mirror} behind the firewall fits: {why}."]
        if "mirror" not in found.kinds:
            said.append("docs/firewall.md has the ways that work.")
        if "feed" in found.kinds:
            said.append(
                "The feed serves, too, as long as the network lets its host and, by an upstream "
                "of the feed, the public packages through."
            )
    elif found.packages <= FEW and found.workspaces == 1 and {*shared} <= {"index"}:
        road = "The workspace's own storage fits"
        why = f"{_count(found.packages)} in one workspace need no feed and no token"
        said = [f"{road}: {why} (`publish-to: azureml://subscriptions/...`)."]
    elif shared:
        road = f"The {' or '.join(shared)} that is set fits"
        said = [f"{road}: several packages or workspaces share it."]
    else:
        road = "An Azure Artifacts feed fits"
        said = [f"{road}: several packages or workspaces share it, each with one connection."]
    if found.contexts:
        said.append(
            "For what a Dockerfile installs, `pin: vendor` lays the wheel beside it: no "
            "credentials reach that build."
        )
    return said


def _count(packages: int) -> str:
    return "one package" if packages == 1 else f"{packages} packages"

"""Which workspaces read each definition, and whether all of them can read what it will name: pure.

A workspace's own storage is one workspace's: its image builds read there with the workspace's
identity, others have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from wheelstep.definitions.interface import Kind
from wheelstep.definitions.patterns import choose_paths
from wheelstep.destinations.workspace_storage import WORKSPACE_URL
from wheelstep.errors import SettingError, raise_all
from wheelstep.model import Workspace

__all__ = ["check_readers", "readers_of", "storage_of"]

_PRIVATE_WHEELS: Final = "/azureml/Environment/azureml-private-packages/"
"""Where Azure ML's own SDK put private wheels in a workspace's storage account (azureml-core
`Environment.add_private_pip_wheel`, observed)."""


def storage_of(place: str | None, owners: Mapping[str, Workspace]) -> Workspace | None:
    """Return the workspace whose own storage a place is.

    Args:
        place: The URL that definitions name; None where there is none.
        owners: Host of a storage account to the workspace that it belongs to, where known.

    Returns:
        None where everyone with a connection can read there, or whose it is is not known.
    """
    if place is None:
        return None
    if found := WORKSPACE_URL.match(place.strip()):
        return Workspace(found["subscription"], found["group"], found["name"])
    try:
        parts = urlsplit(place.strip())
    except ValueError:
        return None  # no URL: destinations/table.py says so
    below = f"{parts.path.rstrip('/')}/".startswith(_PRIVATE_WHEELS)
    return owners.get((parts.hostname or "").lower()) if below else None


def readers_of(
    kinds: Sequence[Kind],
    read_by: Sequence[tuple[str, Sequence[Workspace]]],
    workspaces: Sequence[Workspace],
) -> dict[str, tuple[Workspace, ...]]:
    """Return the workspaces that read each definition.

    Args:
        kinds: The definitions.
        read_by: As the option `definitions` maps them, if it does. Of several patterns that name a
            file all count. A file that none names is read by whoever reads what it belongs to.
        workspaces: As the option `workspace` has them: they read what is not mapped.
    """
    paths = [kind.path for kind in kinds]
    mapped: dict[str, list[Workspace]] = {}
    for pattern, readers in read_by:
        for path in _matching(pattern, paths):
            mapped.setdefault(path, []).extend(readers)
    users = {kind.path: kind.used_by for kind in kinds}

    def of(path: str, above: frozenset[str]) -> list[Workspace]:
        if path in mapped:
            return mapped[path]
        by = [user for user in users.get(path, ()) if user in users and user not in above]
        found = [one for user in by for one in of(user, above | {path})]
        return found or list(workspaces)

    return {path: _once(of(path, frozenset())) for path in paths}


def _matching(pattern: str, paths: Sequence[str]) -> list[str]:
    try:
        chosen = choose_paths(paths, [pattern])
    except SettingError:
        return []  # that it names nothing is told where the definitions are looked for
    return [*chosen.named, *(path for _, matched in chosen.matched for path in matched)]


def _once(workspaces: Sequence[Workspace]) -> tuple[Workspace, ...]:
    return tuple({str(one).lower(): one for one in workspaces}.values())


def check_readers(
    place: str | None,
    readers: Mapping[str, Sequence[Workspace]],
    owners: Mapping[str, Workspace] | None = None,
) -> None:
    """Refuse a definition that would name wheels where not all of its workspaces can read them.

    Args:
        place: Where definitions name the wheels: the first destination's URL.
        readers: By definition.
        owners: As `storage_of` has them.

    Raises:
        SettingError: A definition is read by another workspace than the one whose storage it is.
    """
    owner = storage_of(place, owners or {})
    if owner is None:
        return
    raise_all(
        [
            SettingError(
                f"{path} is read by the workspace {other}, but its wheels would lie in the own "
                f"storage of the workspace {owner}, which no other workspace can read.",
                code="workspace-cannot-read",
                cure="Let `definitions` be a table that maps each file to the workspaces that "
                "read it, or publish to a feed or a mirror that all of them can read.",
                file=path,
            )
            for path, workspaces in sorted(readers.items())
            for other in [one for one in workspaces if not one.same(owner)][:1]
        ]
    )

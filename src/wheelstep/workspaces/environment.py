"""The environments that a workspace has, and creating versions of them.

Source: the REST reference of Microsoft.MachineLearningServices, "Environment Versions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from wheelstep.workspaces.refusals import ResourceConflict
from wheelstep.workspaces.resource_manager import ResourceManager

__all__ = ["Created", "create", "versions_of"]

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Created:
    """A version after it was to be created."""

    properties: Properties
    """What it has: others' properties, where another run was faster."""
    accepted: bool
    """Whether the service took ours, as far as it said; False where it refused (409)."""


def versions_of(manager: ResourceManager, workspace: str, name: str) -> dict[str, Properties]:
    """Return the versions of an environment that a workspace has, archived ones included.

    Args:
        manager: Whom to ask.
        workspace: The workspace's resource id.
        name: The environment's name.

    Returns:
        With the properties of each, in the service's order; none where the workspace has no such
        environment.

    Raises:
        SettingError: Nobody is signed in to Azure.
        ServiceRefused: No right to read the workspace.
        ServiceUnavailable: No answer after the retries.
    """
    listed = manager.pages(
        f"{_versions(workspace, name)}?api-version={manager.api_version}&listViewType=All"
    )
    return {str(item["name"]): _properties(item) for item in listed if item.get("name")}


def create(
    manager: ResourceManager, workspace: str, name: str, version: str, properties: Properties
) -> Created:
    """Create a version that was not there a moment ago, and read it back.

    The service keeps what there is: it refuses (409) other content under a version that exists.

    Args:
        manager: Whom to ask.
        workspace: The workspace's resource id.
        name: The environment's name.
        version: The version.
        properties: What it is made of.

    Raises:
        SettingError: Nobody is signed in to Azure.
        ServiceRefused: No right to create environments there, or the service refuses this one.
        ServiceUnavailable: No answer after the retries.
    """
    path = (
        f"{_versions(workspace, name)}/{quote(version, safe='')}?api-version={manager.api_version}"
    )
    try:
        made = manager.put(path, {"properties": properties}).document
    except ResourceConflict:
        found = manager.find(path)
        if found is None:
            raise  # it is not what is there that the service objects to
        return Created(_properties(found), accepted=False)
    return Created(_properties(manager.find(path) or made), accepted=True)


def _versions(workspace: str, name: str) -> str:
    return f"{workspace.rstrip('/')}/environments/{quote(name, safe='')}/versions"


def _properties(resource: Mapping[str, Any]) -> Properties:
    found = resource.get("properties")
    return found if isinstance(found, Mapping) else {}

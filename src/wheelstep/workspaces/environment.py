"""The environments that a workspace has.

Source: the REST reference of Microsoft.MachineLearningServices, "Environment Versions - List".
"""

from __future__ import annotations

from urllib.parse import quote

from wheelstep.workspaces.resource_manager import ResourceManager

__all__ = ["versions_of"]


def versions_of(manager: ResourceManager, workspace: str, name: str) -> list[str]:
    """Return the versions of an environment that a workspace has, archived ones included.

    Args:
        manager: Whom to ask.
        workspace: The workspace's resource id.
        name: The environment's name.

    Returns:
        In the service's order; none where the workspace has no such environment.

    Raises:
        SettingError: Nobody is signed in to Azure.
        ServiceRefused: No right to read the workspace.
        ServiceUnavailable: No answer after the retries.
    """
    path = (
        f"{workspace.rstrip('/')}/environments/{quote(name, safe='')}/versions"
        f"?api-version={manager.api_version}&listViewType=All"
    )
    return [str(item["name"]) for item in manager.pages(path) if item.get("name")]

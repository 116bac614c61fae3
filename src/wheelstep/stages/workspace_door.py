"""What Azure Resource Manager tells of a workspace whose storage is published to."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wheelstep.errors import ServiceRefused, StepError
from wheelstep.ground.credentials import EntraToken
from wheelstep.model import Workspace
from wheelstep.workspaces.facts import STORAGE, text

if TYPE_CHECKING:
    from wheelstep.stages.run import Run

__all__ = ["Door"]

SUFFIXES: Final = {
    "azurechinacloud": "core.chinacloudapi.cn",
    "azureusgovernment": "core.usgovcloudapi.net",
}
"""Of the hosts of storage accounts, other than the public cloud's (`az cloud list`)."""


class Door:
    """One workspace's; asked once for each thing."""

    def __init__(self, run: Run, workspace: Workspace) -> None:
        """Prepare; nothing is asked yet."""
        self._run = run
        self._workspace = workspace

    def service(self) -> str:
        """Return the URL of the region's services: the host of the workspace's `discoveryUrl`.

        Raises:
            StepError: The workspace is not there, or may not be read, or says no such URL.
        """
        found = text(self._document, "properties", "discoveryUrl") or ""
        parts = urlsplit(found)
        if parts.scheme != "https" or not parts.netloc:
            raise ServiceRefused(
                f"The workspace {self._workspace} does not say where its region's services are "
                f"(discoveryUrl is {found!r}).",
                code="workspace-unknown",
                cure="Look at it in the portal: a workspace that was not made to the end says so.",
            )
        return f"https://{parts.netloc}"

    def storage(self) -> str:
        """Return the URL of the blobs of its default storage account.

        Raises:
            StepError: As `service`.
        """
        account = text(self._document, "properties", "storageAccount") or ""
        name = account.rpartition("/")[2].lower()
        if not name:
            raise ServiceRefused(
                f"The workspace {self._workspace} does not say which storage account it has.",
                code="workspace-unknown",
                cure="Look at it in the portal.",
            )
        try:
            found = self._run.resource_manager.find(f"{account}?api-version={STORAGE}")
            blob = text(found, "properties", "primaryEndpoints", "blob") if found else None
        except StepError:
            blob = None  # who may not look at the account may still write blobs: its name tells
        cloud = self._run.environment.get("AZURE_CLOUD", "").lower()
        host = f"{name}.blob.{SUFFIXES.get(cloud, 'core.windows.net')}"
        return (blob or f"https://{host}").rstrip("/")

    def known(self) -> EntraToken:
        """Return a token for the region's services: the one that Resource Manager takes, as
        azureml-core sends it.

        Raises:
            StepError: Nobody is signed in.
        """
        return self._run.resource_manager.known()

    @cached_property
    def _document(self) -> Any:
        manager = self._run.resource_manager
        found = manager.find(f"{self._workspace.id}?api-version={manager.api_version}")
        if found is None:
            raise ServiceRefused(
                f"There is no workspace {self._workspace}, or whoever signs in may not see it.",
                code="workspace-not-found",
                cure="Check the parts of publish-to: azureml://subscriptions/SUBSCRIPTION/"
                "resourcegroups/GROUP/workspaces/WORKSPACE.",
            )
        return found

"""The workspace's own storage: wheels where Azure ML's SDK v1 put private ones.

A definition names such a wheel by its plain URL, and Azure ML swaps that for a signed one when it
builds the image ("Use private Python packages" of Microsoft Learn; documented for the SDK v1 only).
Unlike v1, a file that is there with other content is an error, never silently the old wheel.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from wheelstep.destinations.artifact_service import FOLDER, ArtifactService, WorkspaceDoor
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.layout import project_of
from wheelstep.destinations.mirror_project import MADE_OF
from wheelstep.destinations.verified import verified
from wheelstep.destinations.wheel_metadata import notes_about
from wheelstep.destinations.workspace_ways import DEFAULT_CONTAINER, AtContainer, AtService, Way
from wheelstep.errors import CannotHere, RightMissing, ServiceRefused, SettingError
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.transport import Transport
from wheelstep.model import Index, Listed, Wheel, Workspace

__all__ = ["PRIVATE_WHEEL", "WORKSPACE_URL", "WorkspaceStorage", "folder_in", "workspace_of"]

WORKSPACE_URL: Final = re.compile(
    r"azureml://subscriptions/(?P<subscription>[^/?#]+)/resourcegroups/(?P<group>[^/?#]+)"
    r"/workspaces/(?P<name>[^/?#]+)/?",
    re.IGNORECASE,
)
RIGHT_FORM: Final = "azureml://subscriptions/SUBSCRIPTION/resourcegroups/GROUP/workspaces/WORKSPACE"
PRIVATE_WHEEL: Final = re.compile(
    r"(?:[A-Za-z0-9][\w.-]*\s*(?P<extras>\[[^\]]*\])?\s*@\s*)?"
    r"(?P<url>https?://[^\s#?\\]+/azureml/Environment/azureml-private-packages/"
    r"(?P<file>[^\s/#?\\]+\.whl))"
    r"(?:#[^\s;]*)?"
)
"""A requirement that names a wheel in the storage of a workspace."""
WHEEL_KIND: Final = "application/octet-stream"


def workspace_of(text: str) -> Workspace:
    """Read a setting.

    Raises:
        SettingError: It names no workspace; says the right form.
    """
    found = WORKSPACE_URL.fullmatch(text.strip())
    if found is None:
        raise SettingError(
            f"{without_credentials(text)} names no workspace.",
            code="destination-unknown",
            cure=f"Write {RIGHT_FORM}.",
        )
    return Workspace(found["subscription"], found["group"], found["name"])


def folder_in(storage: str) -> str:
    """Return the folder of wheels in a workspace's storage.

    Args:
        storage: The URL of the account's blobs, without a final slash.
    """
    return f"{storage}/{DEFAULT_CONTAINER}/{FOLDER}/"


class WorkspaceStorage:
    """A destination without an index: each wheel has a URL."""

    kind = "workspace"

    def __init__(
        self,
        workspace: Workspace,
        door: WorkspaceDoor,
        *,
        name: str,
        transport: Transport,
        storage_sign_in: Callable[[str], BlobSignIn],
        parallel: int = 16,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            workspace: Whose storage it is.
            door: What Resource Manager tells of it.
            name: For people.
            transport: The run's HTTP policy.
            storage_sign_in: Returns who signs in at the storage account itself, from the URL of its
                blobs: asked where the artifact service refuses.
            parallel: How many files are asked for at once.
        """
        self.workspace = workspace
        self.name = name
        self.place = (
            f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.group}"
            f"/workspaces/{workspace.name}"
        ).lower()
        self._transport = transport
        self._door = door
        self._storage_sign_in = storage_sign_in
        self._service = AtService(ArtifactService(workspace, door, transport), transport, parallel)
        self._guard = threading.Lock()
        self._way: Way | None = None

    @property
    def consumer_url(self) -> str | None:
        """There is no index."""
        return None

    def index(self) -> Index:
        """Return that there is none."""
        return Index(url=None)

    def unacceptable(self, wheel: Wheel) -> str | None:
        """Say why it would refuse a wheel: only for a name that is no wheel's."""
        return None if project_of(wheel.file) else f"{wheel.file!r} is not the name of a wheel"

    def folder(self) -> str:
        """Return the URL of the folder that its wheels are in.

        Raises:
            StepError: Nobody is signed in who may read the workspace.
        """
        return folder_in(self._door.storage())

    def way(self) -> Way:
        """Return how the files are reached: by the artifact service, or, where whoever signs in has
        storage rights only, straight.

        Raises:
            RightMissing: Neither is allowed.
            StepError: The workspace is not there; nobody is signed in.
        """
        with self._guard:
            if self._way is None:
                self._way = self._found()
            return self._way

    def _found(self) -> Way:
        try:
            self._service.there(())
        except RightMissing as refused:
            storage = self._door.storage()
            straight = AtContainer(storage, self._transport, lambda: self._storage_sign_in(storage))
            try:
                straight.there(())
            except ServiceRefused as error:
                refused.message += f" Nor straight into its storage: {error.message}"
                raise refused from error
            return straight
        return self._service

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return the wheels that are there, as a whole."""
        found: dict[str, list[Listed]] = {name: [] for name in names}
        for one in self.way().there(names):
            found[project_of(one.file) or ""].append(
                Listed(one.file, one.url, one.entry.notes.get(MADE_OF), size=one.entry.size)
            )
        return found

    def fetch(self, listed: Listed, target: Path | None) -> str:
        """Read a listed file, verified.

        Raises:
            Refused: What is there has another hash than is kept beside it.
            ServiceRefused: It is gone, or may not be read.
            ServiceUnavailable: It does not answer.
            CannotHere: It cannot be written.
        """
        place = self.way().reading(listed.file)
        if place is None:
            raise ServiceRefused(
                f"{listed.file} is no longer in the storage of the workspace {self.workspace}.",
                code="not-found",
                cure="Run it again.",
            )
        found = place.store.download(place.path, target)
        return verified(
            found, listed, target, says="what is kept beside it", cure="raise the version"
        )

    def put(self, wheel: Wheel) -> bool:
        """Store one wheel, never over another.

        Raises:
            StepError: As the service, or the storage, has it.
        """
        if wheel.path is None:
            raise CannotHere(
                f"{wheel.file} is not on this machine.",
                code="wheel-missing",
                cure="Build the package first.",
            )
        notes, _ = notes_about(wheel.file, wheel.sha256, wheel.path)
        place = self.way().writing(wheel.file)
        return place.store.create(
            place.path, wheel.path, kind=WHEEL_KIND, cache="no-cache", notes=notes
        )

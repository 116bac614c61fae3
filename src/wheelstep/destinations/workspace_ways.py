"""The two ways to the wheels in a workspace's own storage: by signed URLs of its artifact service,
and straight into the container, for whoever has storage rights only.

Both end at the same blobs, through azure-storage-blob, written on condition and streamed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from wheelstep.destinations.artifact_service import CONTAINER, ORIGIN, ArtifactService
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.blob_store import BlobStore
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.layout import project_of
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.destinations.mirror_project import Entry
from wheelstep.ground.transport import Transport

__all__ = ["DEFAULT_CONTAINER", "AtContainer", "AtService", "Place", "There", "Way"]

DEFAULT_CONTAINER: Final = "azureml"
"""Of a workspace's storage account: what the artifact service's URLs name (azureml-core, observed),
the container of the datastore `workspaceartifactstore`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file is, or will be."""

    store: BlobStore
    path: str
    url: str
    """Plain: without a query."""


@dataclass(frozen=True, slots=True)
class There:
    """A file that is there."""

    file: str
    url: str
    """Plain."""
    entry: Entry


class Way(Protocol):
    """How the files are reached; safe to use from several threads."""

    def there(self, names: Collection[str]) -> list[There]:
        """Return the wheels of these projects that are there as a whole.

        Raises:
            StepError: They cannot be listed.
        """

    def reading(self, file: str) -> Place | None:
        """Return where a wheel can be read; None where there is none."""

    def writing(self, file: str) -> Place:
        """Return where a wheel can be written."""


class AtService:
    """By signed URLs, each for one file."""

    def __init__(self, service: ArtifactService, transport: Transport, parallel: int) -> None:
        """Prepare; nothing is asked yet."""
        self._service = service
        self._transport = transport
        self._parallel = parallel

    def there(self, names: Collection[str]) -> list[There]:
        """Ask for each that is registered whether it was uploaded: a killed run may have left one
        that was not."""
        files = [file for file in self._service.files() if project_of(file) in names]
        found = in_parallel([partial(self._one, file) for file in files], self._parallel)
        return [one for one in found if one is not None]

    def _one(self, file: str) -> There | None:
        place = self.reading(file)
        entry = place.store.about(place.path) if place is not None else None
        return There(file, place.url, entry) if place is not None and entry is not None else None

    def reading(self, file: str) -> Place | None:
        """Ask for a signed URL."""
        uri = self._service.readable(file)
        return None if uri is None else self._place(uri)

    def writing(self, file: str) -> Place:
        """Register it, and ask for a signed URL."""
        return self._place(self._service.writable(file))

    def _place(self, uri: str) -> Place:
        from azure.core.credentials import AzureSasCredential

        parts = urlsplit(uri)
        folder, _, name = parts.path.rpartition("/")
        plain = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        address = MirrorAddress.parse(f"blob+{parts.scheme}://{parts.netloc}{folder}")
        # the one place where a URL's signature is used
        made = AzureSasCredential(parts.query)
        who = BlobSignIn("sas", "the signed URL of the workspace's artifact service", lambda: made)
        return Place(BlobStore(address, self._transport, lambda: who), unquote(name), plain)


class AtContainer:
    """Straight into the container."""

    def __init__(
        self, storage: str, transport: Transport, sign_in: Callable[[], BlobSignIn]
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            storage: The URL of the account's blobs, without a final slash.
            transport: The run's HTTP policy.
            sign_in: Returns who signs in.
        """
        address = MirrorAddress.parse(f"blob+{storage}/{DEFAULT_CONTAINER}/{ORIGIN}")
        self._url = f"{address.url}{CONTAINER}/"
        self._store = BlobStore(address, transport, sign_in)

    def there(self, names: Collection[str]) -> list[There]:
        """List the folder."""
        return [
            There(file, f"{self._url}{quote(file)}", entry)
            for file, entry in sorted(self._store.entries(CONTAINER).items())
            if project_of(file) in names
        ]

    def reading(self, file: str) -> Place | None:
        """Return its place, whether it is there or not."""
        return self.writing(file)

    def writing(self, file: str) -> Place:
        """Return its place."""
        return Place(self._store, f"{CONTAINER}/{file}", f"{self._url}{quote(file)}")

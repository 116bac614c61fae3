"""The one file that knows azure-storage-blob: blobs written on condition, under our HTTP policy.

The SDK's own retries are off: ours share the run's budget. A conditional write whose reply was lost
and that is sent again is refused, although it arrived: whoever calls this reads again and compares.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.destinations.mirror_project import Entry
from wheelstep.errors import CannotHere, StepError
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.swap import Conflict
from wheelstep.ground.transport import Response, Transport

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

__all__ = ["BlobStore"]

T = TypeVar("T")
TAKEN: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
"""409 BlobAlreadyExists for If-None-Match, 412 ConditionNotMet for If-Match (Microsoft Learn,
"Specifying conditional headers")."""
ONE_PUT: Final = 8 << 20
"""Bytes: up to this a wheel is sent by one request, for which the SDK takes it into memory."""
BLOCK: Final = 8 << 20
"""Bytes of each of the pieces of a larger one."""


class BlobStore:
    """A folder of a container; safe to use from several threads. Paths are below its prefix."""

    def __init__(
        self,
        address: MirrorAddress,
        transport: Transport,
        credential: Callable[[], Any],
        refused: Callable[[str, Response], StepError],
    ) -> None:
        """Prepare; nothing is imported or asked yet.

        Args:
            address: Where it is.
            transport: The run's HTTP policy.
            credential: Returns what the SDK signs in with: one of azure-core's credentials, or
                None for nobody.
            refused: Makes the error for an answer that says no, from what was being done and the
                answer.
        """
        self.address = address
        self._transport = transport
        self._credential = credential
        self._refused = refused
        self._guard = threading.Lock()
        self._client: ContainerClient | None = None

    # -- reading

    def read(self, path: str) -> bytes | None:
        """Return a blob's bytes, None where there is none.

        Raises:
            StepError: It cannot be read; an error is never taken for none.
        """

        def ask(client: ContainerClient) -> bytes:
            return client.download_blob(self._name(path), max_concurrency=1).readall()

        return self._ask(f"reading {path}", ask, absent=True)

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return what lies directly in a folder, by name; "" is the blob named as the folder.

        Raises:
            StepError: They cannot be listed.
        """
        prefix = self._name(f"{folder}/")

        def ask(client: ContainerClient) -> dict[str, Entry]:
            return {
                str(found.name)[len(prefix) :]: Entry(
                    _bare(found.etag), int(found.size), dict(found.metadata or {})
                )
                for found in client.list_blobs(name_starts_with=prefix, include=["metadata"])
            }

        found = self._ask(f"listing {folder}/", ask) or {}
        return {name: entry for name, entry in found.items() if "/" not in name}

    # -- writing

    def create(
        self, path: str, source: Path | bytes, *, kind: str, cache: str, notes: Mapping[str, str]
    ) -> bool:
        """Write a blob that is not there yet; it is there as a whole or not at all.

        Args:
            path: Where to.
            source: What to write; a file is streamed.
            kind: Its media type.
            cache: Its Cache-Control.
            notes: Kept beside it.

        Returns:
            False when there is one already; it is left alone and may be anything, also what an
            attempt of ours wrote whose reply was lost.

        Raises:
            StepError: It cannot be written.
            CannotHere: The file cannot be read.
        """
        from azure.storage.blob import ContentSettings

        def ask(client: ContainerClient) -> bool:
            settings = ContentSettings(content_type=kind, cache_control=cache)
            blob = client.get_blob_client(self._name(path))
            keywords: dict[str, Any] = {"overwrite": False, "content_settings": settings,
                                        "metadata": dict(notes), "max_concurrency": 4}  # fmt: skip
            if isinstance(source, bytes):
                blob.upload_blob(source, **keywords)
                return True
            try:
                with source.open("rb") as stream:
                    blob.upload_blob(stream, length=source.stat().st_size, **keywords)
            except OSError as error:
                raise CannotHere.from_os_error(error, f"reading {source.name}") from error
            return True

        return self._ask(f"writing {path}", ask, taken=lambda: False) or False

    def write(
        self,
        path: str,
        data: bytes,
        *,
        etag: str | None,
        kind: str,
        notes: Mapping[str, str],
        cache: str = "no-cache",
    ) -> str:
        """Write a blob that still has this ETag, or that is not there yet (None).

        Returns:
            Its new ETag.

        Raises:
            Conflict: It has another one, or is there; also where an attempt of ours was the one
                that arrived.
            StepError: It cannot be written.
        """
        from azure.core import MatchConditions
        from azure.storage.blob import ContentSettings

        def ask(client: ContainerClient) -> str:
            settings = ContentSettings(content_type=kind, cache_control=cache)
            condition: dict[str, Any] = (
                {"overwrite": False}
                if etag is None
                else {"overwrite": True, "etag": f'"{etag}"',
                      "match_condition": MatchConditions.IfNotModified}
            )  # fmt: skip
            done = client.get_blob_client(self._name(path)).upload_blob(
                data, content_settings=settings, metadata=dict(notes), **condition
            )
            return _bare(done["etag"])

        def lost() -> str:
            raise Conflict

        return self._ask(f"writing {path}", ask, taken=lost) or ""

    # -- asking

    def _name(self, path: str) -> str:
        return f"{self.address.prefix}{path}"

    def _container(self) -> ContainerClient:
        with self._guard:
            if self._client is None:
                import requests
                from azure.core.pipeline.transport import RequestsTransport
                from azure.storage.blob import ContainerClient, LinearRetry

                session = requests.Session()
                self._transport.prepare(session)
                session.proxies.update(self._transport.proxies(self.address.account_url))
                self._client = ContainerClient(
                    self.address.account_url,
                    self.address.container,
                    credential=self._credential(),
                    retry_policy=LinearRetry(retry_total=0),
                    max_single_put_size=ONE_PUT,
                    max_block_size=BLOCK,
                    transport=RequestsTransport(
                        session=session,
                        session_owner=False,
                        use_env_settings=False,
                        connection_verify=session.verify,
                        connection_timeout=self._transport.timeout[0],
                        read_timeout=self._transport.timeout[1],
                    ),
                )
            return self._client

    def _ask(
        self,
        doing: str,
        call: Callable[[ContainerClient], T],
        *,
        absent: bool = False,
        taken: Callable[[], T] | None = None,
    ) -> T | None:
        """Call the SDK, again where the service could not answer just now.

        Args:
            doing: For errors, e.g. "reading simple/acme/index.json".
            call: Given the client.
            absent: A blob that is not there is None.
            taken: What is returned, or raised, where a condition does not hold.
        """
        result: list[T] = []
        client = self._container()

        def attempt() -> Response:
            from azure.core.exceptions import AzureError, HttpResponseError
            from requests import ConnectionError as NoConnection

            try:
                result[:] = [call(client)]
            except HttpResponseError as error:
                answer: Any = error.response
                if answer is None:
                    raise NoConnection(str(error)) from error
                headers = {str(name): str(value) for name, value in answer.headers.items()}
                return Response(answer.status_code, _Headers(headers), b"", self.address.url,
                                answer.reason or "")  # fmt: skip
            except AzureError as error:
                # what requests said decides whether it is tried again
                inner = error.inner_exception
                raise (inner or NoConnection(str(error))) from error
            return Response(HTTPStatus.OK, {}, b"", self.address.url)

        what = f"{doing} {without_credentials(self.address.url)}"
        response = self._transport.retrying(what, attempt)
        if response.status == HTTPStatus.OK:
            return result[0]
        code = response.headers.get("x-ms-error-code", "")
        if absent and response.status == HTTPStatus.NOT_FOUND and code in {"", "BlobNotFound"}:
            return None
        if taken is not None and response.status in TAKEN and code in {
            "", "BlobAlreadyExists", "ConditionNotMet"
        }:  # fmt: skip
            return taken()
        raise self._refused(doing, response)


def _bare(etag: object) -> str:
    """Return an ETag without its quotes: listings have none, answers do."""
    return str(etag).strip('"')


class _Headers(dict[str, str]):
    """Headers whose names compare without case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

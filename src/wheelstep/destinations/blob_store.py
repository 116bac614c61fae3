"""Blobs by azure-storage-blob: read, listed, written on condition, streamed.

This file and blob_calls.py are the ones that know the SDK.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from wheelstep.destinations.blob_calls import BlobCalls
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.destinations.mirror_project import Entry
from wheelstep.errors import CannotHere, ServiceRefused
from wheelstep.ground.sending import FileBody
from wheelstep.ground.swap import Conflict
from wheelstep.ground.transport import Transport

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

__all__ = ["BlobStore"]


class BlobStore:
    """A folder of a container; safe to use from several threads. Paths are below its prefix."""

    def __init__(
        self,
        address: MirrorAddress,
        transport: Transport,
        sign_in: Callable[[], BlobSignIn],
    ) -> None:
        """Prepare; nothing is imported or asked yet.

        Args:
            address: Where it is.
            transport: The run's HTTP policy.
            sign_in: Returns who signs in; asked when the first request is sent.
        """
        self.address = address
        self._ask = BlobCalls(address, transport, sign_in)

    # -- reading

    def read(self, path: str) -> bytes | None:
        """Return a blob's bytes, None where there is none.

        Raises:
            StepError: It cannot be read; an error is never taken for none.
        """
        return self.tagged(path)[0]

    def tagged(self, path: str) -> tuple[bytes | None, str | None]:
        """Return a blob's bytes and its ETag, None and None where there is none.

        Raises:
            StepError: It cannot be read; an error is never taken for none.
        """

        def ask(client: ContainerClient) -> tuple[bytes, str]:
            found = client.download_blob(self._name(path), max_concurrency=1)
            return found.readall(), _bare(found.properties.etag)

        return self._ask(f"reading {path}", ask, absent=True) or (None, None)

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

    def part(self, path: str, start: int, length: int) -> bytes:
        """Return some of a blob's bytes.

        Raises:
            StepError: They cannot be read.
        """

        def ask(client: ContainerClient) -> bytes:
            found = client.download_blob(
                self._name(path), offset=start, length=length, max_concurrency=1
            )
            return found.readall()

        return self._ask(f"reading {path}", ask) or b""

    def size(self, path: str) -> int:
        """Return a blob's size in bytes, 0 where there is none.

        Raises:
            StepError: It cannot be asked for.
        """
        found = self.about(path)
        return found.size if found is not None else 0

    def about(self, path: str) -> Entry | None:
        """Return what a listing would show of a blob, None where there is none.

        Raises:
            StepError: It cannot be asked for.
        """

        def ask(client: ContainerClient) -> Entry:
            found = client.get_blob_client(self._name(path)).get_blob_properties()
            return Entry(_bare(found.etag), int(found.size), dict(found.metadata or {}))

        return self._ask(f"reading {path}", ask, absent=True)

    def download(self, path: str, target: Path | None) -> str:
        """Read a blob as a whole, in pieces.

        Args:
            path: What to read.
            target: Where to write it; None keeps nothing.

        Returns:
            Its SHA-256, hex.

        Raises:
            StepError: It cannot be read.
            CannotHere: It cannot be written.
        """

        def ask(client: ContainerClient) -> str:
            total = hashlib.sha256()
            found = client.download_blob(self._name(path), max_concurrency=1)
            with contextlib.ExitStack() as stack:
                out = None
                try:
                    out = stack.enter_context(target.open("wb")) if target is not None else None
                except OSError as error:
                    raise CannotHere.from_os_error(error, "writing a download") from error
                for piece in found.chunks():
                    total.update(piece)
                    try:
                        if out is not None:
                            out.write(piece)
                    except OSError as error:
                        raise CannotHere.from_os_error(error, "writing a download") from error
            return total.hexdigest()

        return self._ask(f"reading {path}", ask) or ""

    def names(self, folder: str) -> list[str]:
        """Return the names of the folders directly in a folder, sorted; costs one request for each
        5,000.

        Raises:
            StepError: They cannot be listed.
        """
        prefix = self._name(f"{folder}/")

        def ask(client: ContainerClient) -> set[str]:
            walked = client.walk_blobs(name_starts_with=prefix, delimiter="/")
            found = (str(one.name)[len(prefix) :] for one in walked)
            return {name.rstrip("/") for name in found if name.endswith("/") and name != "/"}

        return sorted(self._ask(f"listing {folder}/", ask) or set())

    def public_access(self) -> str | None:
        """Return what everybody may read by the container's own setting: "blob", "container" or
        None for nothing (Microsoft Learn, "Get Container Properties": x-ms-blob-public-access).

        Raises:
            StepError: It may not be asked.
        """

        def ask(client: ContainerClient) -> str:
            return str(client.get_container_properties().public_access or "")

        return self._ask("reading the container's properties", ask) or None

    def hierarchical(self) -> bool | None:
        """Tell whether the account has a hierarchical namespace; None where that may not be known
        (Microsoft Learn, "Get Account Information": `x-ms-is-hns-enabled`)."""

        def ask(client: ContainerClient) -> bool:
            return bool(client.get_account_information().get("is_hns_enabled"))

        try:
            return self._ask("asking what kind of account it is", ask)
        except ServiceRefused:
            return None

    # -- writing

    def create(
        self, path: str, source: Path | bytes, *, kind: str, cache: str, notes: Mapping[str, str]
    ) -> bool:
        """Write a blob that is not there yet; it is there as a whole or not at all.

        Args:
            path: Where to.
            source: What to write; a file is streamed, in one request, so that no part of it is ever
                kept without the rest (Microsoft Learn, "Put Blob": up to 5,000 MiB).
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

        body = source if isinstance(source, bytes) else FileBody(source, sha256=notes.get("sha256"))

        def streamed(request: Any) -> None:
            # the SDK would take the file into memory, or send it in pieces of one request each
            request.http_request.headers["Content-Length"] = str(len(body))
            request.http_request.set_streamed_data_body(body)

        def ask(client: ContainerClient) -> bool:
            settings = ContentSettings(content_type=kind, cache_control=cache)
            keywords: dict[str, Any] = (
                {} if isinstance(body, bytes) else {"raw_request_hook": streamed}
            )
            client.get_blob_client(self._name(path)).upload_blob(
                body if isinstance(body, bytes) else b"",
                overwrite=False,
                content_settings=settings,
                metadata=dict(notes),
                **keywords,
            )
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

        return self._ask(f"writing {path}", ask, taken=_lost) or ""

    def annotate(self, path: str, notes: Mapping[str, str], *, etag: str) -> str:
        """Replace what is kept beside a blob that still has this ETag; its bytes stay.

        Returns:
            Its new ETag.

        Raises:
            Conflict: It has another one, or is gone; also where an attempt of ours was the one
                that arrived.
            StepError: It cannot be written.
        """
        from azure.core import MatchConditions

        def ask(client: ContainerClient) -> str:
            done = client.get_blob_client(self._name(path)).set_blob_metadata(
                dict(notes), etag=f'"{etag}"', match_condition=MatchConditions.IfNotModified
            )
            return _bare(done["etag"])

        return self._ask(f"writing beside {path}", ask, absent=True, taken=_lost) or _lost()

    def remove(self, path: str, *, etag: str | None = None) -> None:
        """Remove a blob, whatever it is (None) or while it still has this ETag; one that is not
        there is fine.

        Raises:
            Conflict: It has another ETag.
            StepError: It cannot be removed.
        """
        from azure.core import MatchConditions

        condition: dict[str, Any] = {}
        if etag is not None:
            condition = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}

        def ask(client: ContainerClient) -> bool:
            client.delete_blob(self._name(path), delete_snapshots="include", **condition)
            return True

        self._ask(f"removing {path}", ask, absent=True, taken=_lost)

    def _name(self, path: str) -> str:
        return f"{self.address.prefix}{path}"


def _lost() -> NoReturn:
    raise Conflict


def _bare(etag: object) -> str:
    """Return an ETag without its quotes: listings have none, answers do."""
    return str(etag).strip('"')

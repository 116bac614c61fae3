"""The artifact service of an Azure ML workspace: what there is, and signed URLs to read and write.

Routes: all as azureml-core 1.61 sends them (`_restclient/operations/artifact_operations.py`): those
of `Environment.add_private_pip_wheel` (create, content information), its list, and its writable
URL. The published description "Artifact API" 2019-09-30 has the same list, and puts the others
behind the folder, with the file as a query (`FOLDER/write?path=FILE`); azureml-core sends none of
these. Nothing of it is documented for the SDK v2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from wheelstep.errors import RightMissing, ServiceRefused, StepError
from wheelstep.ground.credentials import EntraToken
from wheelstep.ground.identity import identity_in
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Response, Transport, refusal
from wheelstep.model import Workspace

__all__ = ["CONTAINER", "FOLDER", "ORIGIN", "ArtifactService", "WorkspaceDoor"]

ORIGIN: Final = "Environment"
CONTAINER: Final = "azureml-private-packages"
FOLDER: Final = f"{ORIGIN}/{CONTAINER}"
"""Where azureml-core put private wheels, and this does."""
ROLE: Final = "AzureML Data Scientist"
STORAGE_RIGHTS: Final = (
    "or, where only storage rights are to be had, 'Storage Blob Data Contributor' on the container "
    "azureml of its storage account."
)
CONFLICT: Final = "Resource Conflict"
"""The service's own words for an artifact that is there (azureml-core reads them, too)."""


class WorkspaceDoor(Protocol):
    """What Azure Resource Manager tells of a workspace, and who signs in there."""

    def service(self) -> str:
        """Return the URL of the region's services, without a final slash.

        Raises:
            StepError: The workspace is not there, or may not be read.
        """

    def storage(self) -> str:
        """Return the URL of the blobs of its default storage account, without a final slash.

        Raises:
            StepError: As `service`.
        """

    def known(self) -> EntraToken:
        """Return a token for the region's services, and whose it is.

        Raises:
            StepError: Nobody is signed in.
        """


class ArtifactService:
    """The private wheels of one workspace; safe to use from several threads."""

    def __init__(self, workspace: Workspace, door: WorkspaceDoor, transport: Transport) -> None:
        """Prepare; nothing is asked yet."""
        self._workspace = workspace
        self._door = door
        self._transport = transport

    def files(self) -> list[str]:
        """Return the names of the wheels that are registered, uploaded or not.

        Raises:
            RightMissing: Whoever signs in may not ask.
            StepError: It does not answer, or with no list.
        """
        found: list[str] = []
        following: str | None = ""
        while following is not None:
            query = {"continuationToken": following} if following else {}
            page = self._get(f"{FOLDER}", query, "listing the private wheels of")
            value = (page or {}).get("value", [])
            if not isinstance(value, list):
                raise self._no_answer("its list of wheels is none")
            paths = [one.get("path") for one in value if isinstance(one, dict)]
            found += [path for path in paths if isinstance(path, str)]
            token = (page or {}).get("continuationToken")
            following = token if isinstance(token, str) and token else None
        return found

    def readable(self, file: str) -> str | None:
        """Return a URL at which a wheel can be read for a while; None where there is none.

        Raises:
            StepError: As `files`.
        """
        page = self._get(f"contentinfo/{FOLDER}/{quote(file)}", {}, f"asking for {file} in")
        return None if page is None else self._uri(page, file)

    def writable(self, file: str) -> str:
        """Return a URL to which a wheel can be written for a while; it is registered where it is
        not yet.

        Raises:
            StepError: As `files`.
        """
        answer = self._send(
            "POST", f"batch/metadata/{FOLDER}", {}, {"paths": [{"path": file}]},
            f"registering {file} in", writes=True,
        )  # fmt: skip
        if answer is not None:
            content = answer.get("artifactContentInformation")
            one = content.get(file) if isinstance(content, Mapping) else None
            if isinstance(one, Mapping):
                return self._uri(one, file)
            if CONFLICT not in json.dumps(answer.get("errors", {})):
                raise self._no_answer(f"it gives no URL for {file}")
        page = self._send(
            "GET",
            f"write/{FOLDER}/{quote(file)}",
            {},
            None,
            f"asking to write {file} in",
            writes=True,
        )
        if page is None:
            raise self._no_answer(f"it gives no URL to write {file}")
        return self._uri(page, file)

    # -- asking

    def _get(self, path: str, query: Mapping[str, str], doing: str) -> Mapping[str, Any] | None:
        return self._send("GET", path, query, None, doing)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        doing: str,
        *,
        writes: bool = False,
    ) -> Mapping[str, Any] | None:
        """Return an answer's document; None where what was asked for is not there, or is there
        already."""
        url = f"{self._door.service()}/artifact/v2.0{self._workspace.id}/artifacts/{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        sent = {"Accept": "application/json",
                "Authorization": f"Bearer {self._door.known().secret.reveal()}"}  # fmt: skip
        if body is not None:
            sent["Content-Type"] = "application/json-patch+json"
        refused = self._refused(doing, writes=writes)
        answer = self._transport.request(
            method,
            url,
            headers=sent,
            body=None if body is None else json.dumps(body).encode(),
            accept_statuses={HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST},
            refused=refused,
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status in {HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST}:
            if CONFLICT.encode() in answer.body:
                return None
            raise refused(method, answer)
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._no_answer("it answers with no JSON document")
        return document

    def _uri(self, page: Mapping[str, Any], file: str) -> str:
        uri = page.get("contentUri")
        # a signature is a secret: it goes over no open line
        if not isinstance(uri, str) or not re.match(r"https://|http://127\.0\.0\.1[:/]", uri):
            raise self._no_answer(f"it gives no URL for {file}")
        Secret(uri.partition("?")[2])
        for signature in re.findall(r"[?&]sig=([^&]+)", uri):
            Secret(signature)
        return uri

    def _no_answer(self, why: str) -> ServiceRefused:
        return ServiceRefused(
            f"The artifact service of the workspace {self._workspace} cannot be understood: {why}.",
            code="artifact-service-unknown",
            cure="Report it; meanwhile publish to a feed or a blob mirror.",
        )

    def _refused(self, doing: str, *, writes: bool) -> Callable[[str, Response], StepError]:
        """Return the error for a status; with `writes`, of whoever may list, as a Reader may: then
        storage rights are no way round."""
        where = f"{doing} the workspace {self._workspace}"

        def refused(method: str, answer: Response) -> StepError:
            if answer.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                return refusal(method, answer)
            known = self._door.known()
            who = identity_in(known.secret)
            named = f"{who} by way of {known.source}" if who else known.source
            if answer.status == HTTPStatus.UNAUTHORIZED:
                return ServiceRefused(
                    f"{where[0].upper()}{where[1:]}: its artifact service does not accept the "
                    f"sign-in of {named} (401).",
                    code="not-authenticated",
                    cure="Sign in again, in the workspace's own tenant.",
                )
            assignee = who.object_id if who and who.object_id else "IDENTITY"
            return RightMissing(
                f"{where[0].upper()}{where[1:]} is refused (403): {named} lacks the right to "
                f"{'write' if writes else 'read and write'} artifacts.",
                right="Microsoft.MachineLearningServices/workspaces/*/write",
                identity=str(who or known.source),
                cure=f"Give the identity the role '{ROLE}' on the workspace: `az role assignment "
                f"create --assignee {assignee} --role '{ROLE}' --scope {self._workspace.id}`"
                + ("." if writes else f"; {STORAGE_RIGHTS}"),
            )

        return refused

"""What blob storage tells somebody who does not sign in, as pip never does; pure.

Sources: "Blob service error codes" and "Common REST API error codes" of Microsoft Learn;
"Configure anonymous read access" for what a closed container says.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from wheelstep.ground.transport import Response

__all__ = ["HIDDEN", "SILENT_PIP", "blob_refusal", "error_code"]

HIDDEN: Final = "ResourceNotFound"
"""With 404: the container is not there, or not for everybody; where it is, a blob that is not there
is BlobNotFound, and on a static website WebContentNotFound."""
SILENT_PIP: Final = (
    "pip cannot sign in to blob storage, and takes such an answer for a project without any version"
)
NETWORK: Final = frozenset({"AuthorizationFailure", "AuthorizationSourceIPMismatch"})


def error_code(response: Response) -> str:
    """Return the service's error code, "" where it says none."""
    return response.headers.get("x-ms-error-code", "") or ""


def blob_refusal(response: Response) -> str | None:
    """Return why blob storage does not let whoever did not sign in read, as the end of a sentence;
    None where it is not blob storage that says no.

    Args:
        response: The answer.
    """
    code, host = error_code(response), urlsplit(response.url).netloc.rpartition("@")[2]
    if not code:
        return None
    match response.status:
        case HTTPStatus.FORBIDDEN if code in NETWORK:
            return f"{host} lets nobody in from this network (403 {code})"
        case HTTPStatus.CONFLICT | HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return f"{host} lets nobody read who does not sign in ({response.status} {code})"
        case HTTPStatus.NOT_FOUND if code in {HIDDEN, "ContainerNotFound"}:
            return f"{host} has no such container, or not for everybody to read (404 {code})"
        case _:
            return None

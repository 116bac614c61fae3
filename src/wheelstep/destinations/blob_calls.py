"""Calls of azure-storage-blob under our HTTP policy: proxies, authorities, retries, errors.

The SDK's own retries are off: ours share the run's budget. A conditional write whose reply was lost
and that is sent again is refused, although it arrived: whoever calls this reads again and compares.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wheelstep.destinations.blob_refusals import blob_refused, no_account
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.errors import ServiceUnavailable
from wheelstep.ground.azure_transport import azure_transport
from wheelstep.ground.blob_answers import error_code
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.transport import Response, Transport

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

__all__ = ["BlobCalls"]

T = TypeVar("T")
TAKEN: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
"""409 BlobAlreadyExists for If-None-Match, 412 ConditionNotMet for If-Match (Microsoft Learn,
"Specifying conditional headers")."""
ABSENT: Final = frozenset({"", "BlobNotFound"})
CHANGED: Final = frozenset({"", "BlobAlreadyExists", "ConditionNotMet"})
REFUSED: Final = 400


class BlobCalls:
    """What calls the SDK for one container; safe to use from several threads."""

    def __init__(
        self, address: MirrorAddress, transport: Transport, sign_in: Callable[[], BlobSignIn]
    ) -> None:
        """Prepare; nothing is imported or asked yet.

        Args:
            address: Where it is.
            transport: The run's HTTP policy.
            sign_in: Returns who signs in; asked when the first request is sent.
        """
        self._address = address
        self._transport = transport
        self._sign_in = sign_in
        self._who: BlobSignIn | None = None
        self._guard = threading.Lock()
        self._client: ContainerClient | None = None
        self._heard = threading.local()
        """The answer that a thread has got last."""

    def __call__(
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

        Raises:
            SettingError: Nobody is signed in.
            ServiceRefused: The service says no.
            ServiceUnavailable: No answer after the retries.
        """
        result: list[T] = []
        client = self._container()

        def attempt() -> Response:
            answer = self._refusal(lambda: result.append(call(client)))
            return answer or Response(HTTPStatus.OK, {}, b"", self._address.url)

        what = f"{doing} {without_credentials(self._address.url)}"
        try:
            response = self._transport.retrying(what, attempt)
        except ServiceUnavailable as error:
            if error.code == "host-unknown":
                raise no_account(self._address, error) from error
            raise
        if response.status == HTTPStatus.OK:
            return result[-1]
        code = error_code(response)
        if absent and response.status == HTTPStatus.NOT_FOUND and code in ABSENT:
            return None
        if taken is not None and response.status in TAKEN and code in CHANGED:
            return taken()
        assert self._who is not None  # noqa: S101 - set with the client
        raise blob_refused(self._address, self._who, doing, response)

    def _refusal(self, call: Callable[[], None]) -> Response | None:
        """Call, and return the answer that says no; None where it does not.

        Raises:
            RequestException: There was none.
        """
        from azure.core.exceptions import AzureError, HttpResponseError
        from requests import ConnectionError as NoConnection

        self._heard.answer = None
        try:
            call()
        except HttpResponseError as error:
            if error.response is None:
                raise NoConnection(str(error)) from error
            return self._response(error.response, str(error))
        except (TypeError, ValueError, LookupError):
            # the SDK stumbles over an answer that is not worded as the service words it
            if self._heard.answer is None or self._heard.answer.status_code < REFUSED:
                raise
            return self._response(self._heard.answer, "")
        except AzureError as error:
            # what requests said decides whether it is tried again
            raise (error.inner_exception or NoConnection(str(error))) from error
        return None

    def _response(self, answer: Any, said: str) -> Response:
        headers = _Headers({str(name): str(value) for name, value in answer.headers.items()})
        reason = answer.reason or ""
        return Response(answer.status_code, headers, said.encode(), self._address.url, reason)

    def _hear(self, answered: Any) -> None:
        self._heard.answer = answered.http_response

    def _container(self) -> ContainerClient:
        with self._guard:
            if self._client is None:
                from azure.storage.blob import ContainerClient, LinearRetry

                session = self._transport.session_for(self._address.account_url)
                self._who = self._sign_in()
                self._client = ContainerClient(
                    self._address.account_url,
                    self._address.container,
                    credential=self._who.make(),
                    retry_policy=LinearRetry(retry_total=0),
                    raw_response_hook=self._hear,
                    transport=azure_transport(self._transport, session),
                )
            return self._client


class _Headers(dict[str, str]):
    """Headers whose names compare without case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

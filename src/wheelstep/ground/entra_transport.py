"""azure-identity's requests under this project's HTTP policy."""

from __future__ import annotations

from typing import Any, Self

from wheelstep.ground.azure_transport import azure_transport
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.transport import Response, Transport

__all__ = ["LibraryTransport"]


class LibraryTransport:
    """What azure-identity sends with (an HttpTransport of azure-core): our proxies and
    authorities, no ~/.netrc, our retries."""

    def __init__(self, transport: Transport, *, retrying: bool = True) -> None:
        """Prepare a session.

        Args:
            transport: The run's HTTP policy.
            retrying: False where a service may well not be there, as that of managed identities.
        """
        self._session = transport.new_session()
        self._inner = azure_transport(transport, self._session)
        self._policy = transport
        self._retrying = retrying

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Do nothing: the session is made with it."""

    def close(self) -> None:
        """Close the session's connections."""
        self._session.close()

    def sleep(self, seconds: float) -> None:
        """Wait between the library's own attempts."""
        self._policy.clock.sleep(seconds)

    def send(self, request: Any, **keywords: Any) -> Any:
        """Send a request of the library's, again where the service could not answer just now.

        Args:
            request: The library's.
            keywords: As the library has them; its proxies are not used.

        Raises:
            AzureError: Where nothing is tried again.
            StepError: As `Transport.retrying`.
        """
        import requests
        from azure.core.exceptions import AzureError

        keywords["proxies"] = self._policy.proxies(request.url)
        if not self._retrying:
            return self._inner.send(request, **keywords)
        last: list[Any] = []

        def attempt() -> Response:
            try:
                answer = self._inner.send(request, **keywords)
            except AzureError as error:
                # what requests said decides whether it is tried again
                inner = error.inner_exception
                if isinstance(inner, requests.RequestException):
                    raise inner from error
                raise requests.ConnectionError(str(error)) from error
            last[:] = [answer]
            return Response(answer.status_code, answer.headers, b"", request.url)

        what = f"{request.method} {without_credentials(request.url)}"
        self._policy.retrying(what, attempt)
        return last[0]

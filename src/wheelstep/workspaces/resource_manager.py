"""Azure Resource Manager, through azure-mgmt-core's pipeline under this project's HTTP policy.

Sources: azure-mgmt-core (ARMPipelineClient, ARMChallengeAuthenticationPolicy), the endpoints of
`az cloud list`, and the REST reference of Azure Resource Manager.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wheelstep.errors import ServiceRefused, SettingError, StepError
from wheelstep.ground.azure_transport import azure_transport
from wheelstep.ground.credentials import EntraToken, IdentitySource, TokenSource
from wheelstep.ground.identity import Identity, identity_in
from wheelstep.ground.secret import Secret, without_credentials
from wheelstep.ground.transport import UNAUTHORIZED, Response, Transport
from wheelstep.workspaces.refusals import absent, refused

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import AccessToken

__all__ = ["API_VERSION", "Answer", "Deletion", "ResourceManager", "endpoint_of"]

API_VERSION: Final = "2024-10-01"
"""Of Microsoft.MachineLearningServices: a stable one that has workspaces, environments and
connections in the shape that azure-ai-ml sends."""

ENDPOINTS: Final = {
    "azurecloud": "https://management.azure.com",
    "azurechinacloud": "https://management.chinacloudapi.cn",
    "azureusgovernment": "https://management.usgovcloudapi.net",
}


def endpoint_of(environment: Mapping[str, str]) -> str:
    """Return where Azure Resource Manager is: of the cloud that AZURE_CLOUD names, or what
    WHEELSTEP_RESOURCE_MANAGER says outright.

    Raises:
        SettingError: Another cloud than one of Azure's, or no https URL.
    """
    if given := environment.get("WHEELSTEP_RESOURCE_MANAGER"):
        if urlsplit(given).scheme != "https":
            raise SettingError(
                "WHEELSTEP_RESOURCE_MANAGER is no https URL.",
                code="bad-setting",
                cure="Write it as https://HOST.",
            )
        return given.rstrip("/")
    cloud = environment.get("AZURE_CLOUD") or "AzureCloud"
    if (found := ENDPOINTS.get(cloud.lower())) is None:
        raise SettingError(
            f"AZURE_CLOUD is {cloud!r}, which is none of Azure's clouds.",
            code="bad-setting",
            cure="Use AzureCloud, AzureChinaCloud or AzureUSGovernment; or name the endpoint with "
            "WHEELSTEP_RESOURCE_MANAGER.",
        )
    return found


@dataclass(slots=True)
class _Tokens:
    """A token source in azure-core's form. A token's life is the source's business: it is asked
    for each request."""

    source: TokenSource

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        from azure.core.credentials import AccessToken

        del scopes  # the source was made for one
        # the one place where Resource Manager gets a token
        return AccessToken(self.source.token().reveal(), int(time.time()) + 60)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write came to."""

    status: int
    document: Mapping[str, Any]
    """The resource as it is now; empty where the answer had no body."""


class Deletion(Enum):
    """What a removal came to."""

    DELETED = "deleted"
    WAS_ABSENT = "was absent"


class ResourceManager:
    """What asks Azure Resource Manager; safe to use from several threads."""

    def __init__(
        self,
        environment: Mapping[str, str],
        transport: Transport,
        tokens: TokenSource,
        *,
        api_version: str = API_VERSION,
    ) -> None:
        """Prepare; nothing is imported or opened yet.

        Args:
            environment: This process's: the cloud, proxies, certificate authorities.
            transport: The run's.
            tokens: Entra ID tokens for `endpoint`.
            api_version: Of Microsoft.MachineLearningServices, for those who ask for workspaces and
                what is below them; each path says its own version.

        Raises:
            SettingError: As `endpoint_of`.
        """
        self.endpoint = endpoint_of(environment)
        self.api_version = api_version
        self._transport = transport
        self._tokens = tokens
        self._thread = threading.local()

    def identity(self) -> Identity | None:
        """Return who is signed in, as the token says, unverified; None where it does not say.

        Raises:
            SettingError: Nobody is signed in to Azure.
            ServiceRefused: The sign-in was refused.
        """
        return identity_in(self._tokens.token())

    def signed_in_by(self) -> EntraToken | None:
        """Return which identity signs in, and which were looked at before; None where that is not
        known here.

        Raises:
            StepError: As `identity`.
        """
        return self._tokens.known() if isinstance(self._tokens, IdentitySource) else None

    def known(self) -> EntraToken:
        """Return a token for Resource Manager that is valid now, and whose it is.

        Raises:
            StepError: As `identity`.
        """
        found = self.signed_in_by()
        return found or EntraToken(self._tokens.token(), "the identity that was given")

    def get(self, path: str, *, accept: Collection[int] = ()) -> Response:
        """Read a resource.

        Args:
            path: From `/subscriptions` on, with its query; or an absolute URL of this endpoint
                (`nextLink`).
            accept: Statuses beside 200 that the caller wants to see.

        Raises:
            SettingError: Nobody is signed in to Azure.
            ServiceRefused: Not authorised, not found; with ARM's own code and words.
            ServiceUnavailable: No answer after the retries.
        """
        response = self._retrying("GET", path)
        if response.status == 200 or response.status in accept:  # noqa: PLR2004
            return response
        raise self._refused("GET", response)

    def find(self, path: str) -> Mapping[str, Any] | None:
        """Return a resource, None where it is not there; a subscription, group or workspace that is
        not there is an error, unless it is itself what is asked for.

        Raises:
            StepError: As `get`.
        """
        response = self.get(path, accept=(404,))
        if response.status != 404:  # noqa: PLR2004
            return _json(response)
        if absent(response):
            return None
        raise self._refused("GET", response)

    def pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a paged list, nothing where the resource is not there (as `find`).

        Raises:
            StepError: As `get`; an answer that is no list.
        """
        following: str | None = path
        while following:
            page = self.find(following)
            if page is None:
                return
            value = page.get("value")
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                raise _no_json(self.endpoint)
            yield from value
            following = page.get("nextLink") if isinstance(page.get("nextLink"), str) else None

    def put(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Create or replace a resource; sent again where no answer came, since the same body twice
        is the same resource (RFC 9110, 9.2.2).

        Args:
            path: As for `get`.
            body: JSON; a `Secret` in it is revealed in the request, and nowhere else.

        Raises:
            ResourceConflict: 409: somebody else writes, or the resource may not be changed.
            StepError: As `get`; never with the body in it.
        """
        response = self._retrying("PUT", path, body)
        if response.status in {200, 201}:
            return Answer(response.status, _json(response) if response.body else {})
        raise self._refused("PUT", response)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Call an action that only reads, as `listsecrets` does: it is sent again where no answer
        came.

        Args:
            path: As for `get`.
            body: As for `put`.

        Returns:
            The answer, which may hold secrets in clear: wrap them at once.

        Raises:
            StepError: As `put`.
        """
        response = self._retrying("POST", path, body)
        if response.status == 200:  # noqa: PLR2004
            return _json(response)
        raise self._refused("POST", response)

    def delete(self, path: str) -> Deletion:
        """Remove a resource; sent again where no answer came.

        Args:
            path: As for `get`.

        Returns:
            WAS_ABSENT only where it was not there in the first place, as far as can be known: what
            is missing when it is asked again was removed by the request whose answer was lost.

        Raises:
            StepError: As `get`.
        """
        url, tries = self._url(path), 0

        def attempt() -> Response:
            nonlocal tries
            tries += 1
            return self._send("DELETE", url, None)

        response = self._answered("DELETE", url, attempt)
        if response.status == 200:  # noqa: PLR2004
            return Deletion.DELETED
        if response.status == 204 or absent(response):  # noqa: PLR2004
            return Deletion.DELETED if tries > 1 else Deletion.WAS_ABSENT
        raise self._refused("DELETE", response)

    def _retrying(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        url = self._url(path)
        return self._answered(method, url, lambda: self._send(method, url, body))

    def _answered(self, method: str, url: str, attempt: Callable[[], Response]) -> Response:
        response = self._transport.retrying(_what(method, url), attempt)
        if response.status != UNAUTHORIZED or not isinstance(self._tokens, IdentitySource):
            return response
        # once: a token that ended in the middle of a run
        if self._tokens.renewed(self._tokens.token()) is None:
            return response
        return self._transport.retrying(_what(method, url), attempt)

    def _url(self, path: str) -> str:
        url = path if "://" in path else self.endpoint + path
        if _place(url) != _place(self.endpoint):
            raise ServiceRefused(
                f"Azure Resource Manager answered with a link to another host, "
                f"{without_credentials(url)}; no token is sent there.",
                code="foreign-link",
                cure="Check WHEELSTEP_RESOURCE_MANAGER and AZURE_CLOUD.",
            )
        return url

    def _refused(self, method: str, response: Response) -> StepError:
        try:
            identity = self.identity()
        except StepError:  # the refusal says more than who was refused
            identity = None
        return refused(method, response, identity)

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None) -> Response:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest
        from requests import ConnectionError as NoConnection

        headers = {"Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, default=_revealed)
        client = self._client()
        try:
            answer = client.send_request(HttpRequest(method, url, headers=headers, content=content))
        except AzureError as error:
            # what requests said decides whether it is tried again
            raise (error.inner_exception or NoConnection(str(error))) from error
        got = dict(answer.headers)
        return Response(answer.status_code, got, answer.content, url, answer.reason or "")

    def _client(self) -> PipelineClient[Any, Any]:
        client: PipelineClient[Any, Any] | None = getattr(self._thread, "client", None)
        if client is None:
            from azure.core.pipeline.policies import RetryPolicy
            from azure.mgmt.core import ARMPipelineClient
            from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

            session = self._transport.session_for(self.endpoint)
            client = ARMPipelineClient(
                self.endpoint,
                policies=[
                    RetryPolicy.no_retries(),
                    ARMChallengeAuthenticationPolicy(
                        _Tokens(self._tokens), f"{self.endpoint}/.default"
                    ),
                ],
                transport=azure_transport(self._transport, session),
            )
            self._thread.client = client
        return client


def _revealed(value: object) -> str:
    """Return a secret for the body of a request: the one place where Resource Manager gets one."""
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _place(url: str) -> tuple[str, str | None, int] | None:
    """Return scheme, host and port of a URL (some links say :443), None where it is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme.lower(), parts.hostname, parts.port or 443
    except ValueError:
        return None


def _what(method: str, url: str) -> str:
    return f"{method} {without_credentials(url)}"


def _json(response: Response) -> Mapping[str, Any]:
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _no_json(response.url)
    return found


def _no_json(url: str) -> ServiceRefused:
    return ServiceRefused(
        f"{urlsplit(url).netloc} did not answer as Azure Resource Manager does.",
        code="not-resource-manager",
        cure="Check WHEELSTEP_RESOURCE_MANAGER, AZURE_CLOUD and the proxy.",
    )

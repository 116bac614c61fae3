"""Azure Resource Manager, through azure-mgmt-core's pipeline under this project's HTTP policy.

Sources: azure-mgmt-core (ARMPipelineClient, ARMChallengeAuthenticationPolicy), the endpoints of
`az cloud list`, and ARM's error shape (`{"error": {"code", "message"}}`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wheelstep.errors import ServiceRefused, ServiceUnavailable, SettingError, StepError
from wheelstep.ground.credentials import TokenSource
from wheelstep.ground.transport import Response, Transport, refusal

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import AccessToken

__all__ = ["API_VERSION", "ResourceManager", "endpoint_of"]

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


class ResourceManager:
    """What asks Azure Resource Manager; safe to use from several threads."""

    def __init__(
        self,
        environment: Mapping[str, str],
        transport: Transport,
        tokens: TokenSource,
        api_version: str | None = None,
    ) -> None:
        """Prepare; nothing is imported or opened yet.

        Args:
            environment: This process's: the cloud, proxies, certificate authorities.
            transport: The run's.
            tokens: Entra ID tokens for `endpoint`.
            api_version: Of Microsoft.MachineLearningServices; `API_VERSION` when None.

        Raises:
            SettingError: As `endpoint_of`.
        """
        self.endpoint = endpoint_of(environment)
        self.api_version = api_version or API_VERSION
        self._transport = transport
        self._tokens = tokens
        self._thread = threading.local()

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
        url = path if "://" in path else self.endpoint + path
        if urlsplit(url)[:2] != urlsplit(self.endpoint)[:2]:
            raise ServiceRefused(
                f"Azure Resource Manager answered with a link to another host, "
                f"{urlsplit(url).netloc}; no token is sent there.",
                code="foreign-link",
                cure="Check WHEELSTEP_RESOURCE_MANAGER and AZURE_CLOUD.",
            )
        response = self._transport.retrying(f"GET {url}", lambda: self._send(url))
        if response.status == 200 or response.status in accept:  # noqa: PLR2004
            return response
        raise _refused(response)

    def pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a paged list, nothing where the resource is not there (404).

        Raises:
            StepError: As `get`; an answer that is no list.
        """
        following: str | None = path
        while following:
            response = self.get(following, accept=(404,))
            if response.status == 404:  # noqa: PLR2004
                return
            page = _json(response)
            value = page.get("value")
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                raise _no_json(response)
            yield from value
            following = page.get("nextLink") if isinstance(page.get("nextLink"), str) else None

    def _send(self, url: str) -> Response:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest
        from requests import ConnectionError as NoConnection

        client = self._client()
        try:
            answer = client.send_request(HttpRequest("GET", url))
        except AzureError as error:
            # what requests said decides whether it is tried again
            raise (error.inner_exception or NoConnection(str(error))) from error
        headers = dict(answer.headers)
        return Response(answer.status_code, headers, answer.content, url, answer.reason or "")

    def _client(self) -> PipelineClient[Any, Any]:
        client: PipelineClient[Any, Any] | None = getattr(self._thread, "client", None)
        if client is None:
            import requests
            from azure.core.pipeline.policies import RetryPolicy
            from azure.core.pipeline.transport import RequestsTransport
            from azure.mgmt.core import ARMPipelineClient
            from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

            session = requests.Session()
            self._transport.prepare(session)
            session.proxies.update(self._transport.proxies(self.endpoint))
            client = ARMPipelineClient(
                self.endpoint,
                policies=[
                    RetryPolicy.no_retries(),
                    ARMChallengeAuthenticationPolicy(
                        _Tokens(self._tokens), f"{self.endpoint}/.default"
                    ),
                ],
                transport=RequestsTransport(
                    session=session,
                    session_owner=False,
                    use_env_settings=False,
                    connection_verify=session.verify,
                    connection_timeout=self._transport.timeout[0],
                    read_timeout=self._transport.timeout[1],
                ),
            )
            self._thread.client = client
        return client


def _json(response: Response) -> Mapping[str, Any]:
    import json

    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _no_json(response)
    return found


def _no_json(response: Response) -> ServiceRefused:
    return ServiceRefused(
        f"{urlsplit(response.url).netloc} did not answer as Azure Resource Manager does.",
        code="not-resource-manager",
        cure="Check WHEELSTEP_RESOURCE_MANAGER, AZURE_CLOUD and the proxy.",
    )


def _refused(response: Response) -> StepError:
    """Return what an answer means, in ARM's own words where it has any."""
    plain = refusal("GET", response)
    if isinstance(plain, ServiceUnavailable):
        return plain
    try:
        said = _json(response).get("error")
    except ServiceRefused:
        return plain
    code = said.get("code") if isinstance(said, dict) else None
    message = said.get("message") if isinstance(said, dict) else None
    if not code:
        return plain
    return ServiceRefused(
        f"Azure Resource Manager refuses ({code}): {str(message or '')[:500]}",
        code="resource-manager-refused",
        cure="Give the identity that runs this step the role AzureML Data Scientist (or Reader, to "
        "look) on the workspace, and check subscription, group and name.",
    )

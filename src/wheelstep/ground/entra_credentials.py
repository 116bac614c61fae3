"""How each identity signs in at Entra ID: azure-identity's classes, handed everything they need.

The library would read the process's environment itself; what is handed over wins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from wheelstep.errors import ServiceRefused, SettingError, StepError
from wheelstep.ground.credentials import same_organization
from wheelstep.ground.index_page import SUPPRESS_SIGN_IN
from wheelstep.ground.secret import Secret, without_credentials
from wheelstep.ground.transport import Transport

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

    from wheelstep.ground.entra_identities import Surroundings

__all__ = [
    "Credential",
    "authority_of",
    "job_collection",
    "of_azure_cli",
    "of_azure_cli_task",
    "of_connection",
    "of_developer_cli",
    "of_github",
    "of_machine",
    "of_powershell",
    "of_principal",
    "of_token_file",
]

AUTHORITIES: Final = {
    "azurecloud": "login.microsoftonline.com",
    "azurechinacloud": "login.chinacloudapi.cn",
    "azureusgovernment": "login.microsoftonline.us",
}
"""Where each cloud signs in (`az cloud list`)."""
AUDIENCES: Final = {
    "azurecloud": "api://AzureADTokenExchange",
    "azurechinacloud": "api://AzureADTokenExchangeChina",
    "azureusgovernment": "api://AzureADTokenExchangeUSGov",
}
"""What an identity token of GitHub's has to be for (the readme of azure/login, `audience`)."""
COLLECTION_NAMES: Final = ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "SYSTEM_COLLECTIONURI",
                           "ENDPOINT_URL_SYSTEMVSSCONNECTION")  # fmt: skip
OIDC_VERSION: Final = "7.1"


class Credential(Protocol):
    """What azure-identity's classes have in common."""

    def get_token(self, *scopes: str) -> AccessToken:
        """Return a token."""

    def close(self) -> None:
        """Close its connections."""


def job_collection(environment: Mapping[str, str]) -> str:
    """Return the URL of the organization that a job of Azure Pipelines belongs to, "" elsewhere."""
    if not environment.get("TF_BUILD") or environment.get("GITHUB_ACTIONS"):
        return ""
    return next((environment[name] for name in COLLECTION_NAMES if environment.get(name)), "")


def authority_of(environment: Mapping[str, str]) -> str:
    """Return where Entra ID signs in: AZURE_AUTHORITY_HOST, or what goes with AZURE_CLOUD."""
    cloud = environment.get("AZURE_CLOUD", "").lower()
    return environment.get("AZURE_AUTHORITY_HOST") or AUTHORITIES.get(
        cloud, AUTHORITIES["azurecloud"]
    )


def of_connection(around: Surroundings, transport: Transport) -> Credential:
    """Return what signs in with the service connection that the settings name."""
    from azure.identity import CertificateCredential, ClientSecretCredential

    connection = around.connection
    assert connection is not None  # noqa: S101 - the table says when this is asked
    match connection.scheme:
        case "managed-identity":
            return of_machine(around, transport)
        case "workload-identity-federation":
            return _federated(
                around,
                transport,
                connection.tenant,
                connection.client,
                lambda: _pipelines_assertion(around, transport, connection.id),
            )
        case "service-principal":
            pass
    keywords = _common(around, transport) | _discovery(around)
    # the one place where azure-identity gets the secret of a service connection
    if connection.certificate is not None:
        return CertificateCredential(
            connection.tenant,
            connection.client,
            certificate_data=connection.certificate.reveal().encode(),
            **keywords,
        )
    key = connection.key.reveal() if connection.key else ""
    return ClientSecretCredential(connection.tenant, connection.client, key, **keywords)


def of_azure_cli_task(around: Surroundings, transport: Transport) -> Credential:
    """Return what signs in as the service connection of the AzureCLI@2 around this step: its own
    session of `az` ends with the assertion it began with, after ten minutes."""
    environment = around.environment
    identifier = environment["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"]
    return _federated(
        around,
        transport,
        environment["AZURESUBSCRIPTION_TENANT_ID"],
        environment["AZURESUBSCRIPTION_CLIENT_ID"],
        lambda: _pipelines_assertion(around, transport, identifier),
    )


def of_principal(around: Surroundings, transport: Transport) -> Credential:
    """Return what signs in with a secret or a certificate of the environment."""
    from azure.identity import CertificateCredential, ClientSecretCredential

    environment, keywords = around.environment, _common(around, transport) | _discovery(around)
    tenant, client = environment["AZURE_TENANT_ID"], environment["AZURE_CLIENT_ID"]
    if secret := environment.get("AZURE_CLIENT_SECRET"):
        return ClientSecretCredential(tenant, client, Secret(secret).reveal(), **keywords)
    path = environment["AZURE_CLIENT_CERTIFICATE_PATH"]
    password = environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
    try:
        return CertificateCredential(
            tenant,
            client,
            path,
            password=Secret(password).reveal() if password else None,
            send_certificate_chain=bool(environment.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")),
            **keywords,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no certificate with a key"
        raise SettingError(
            f"The certificate {path}, named by AZURE_CLIENT_CERTIFICATE_PATH, cannot be used: "
            f"{why}.",
            code="certificate-unusable",
            cure="Name a PEM or PKCS #12 file with the certificate and its private key, and set "
            "AZURE_CLIENT_CERTIFICATE_PASSWORD where it has a password.",
        ) from error


def of_token_file(around: Surroundings, transport: Transport) -> Credential:
    """Return what signs in with the assertion in a file, which is read anew each time."""
    from azure.identity import WorkloadIdentityCredential

    environment = around.environment
    return WorkloadIdentityCredential(
        tenant_id=environment["AZURE_TENANT_ID"],
        client_id=environment["AZURE_CLIENT_ID"],
        token_file_path=environment["AZURE_FEDERATED_TOKEN_FILE"],
        **_common(around, transport),
    )


def of_github(around: Surroundings, transport: Transport) -> Credential:
    """Return what signs in with an identity token of GitHub's, which is asked for each time: such
    a token lives for minutes (and a session of azure/login no longer than its own)."""
    environment = around.environment
    cloud = environment.get("AZURE_CLOUD", "").lower()
    audience = AUDIENCES.get(cloud, AUDIENCES["azurecloud"])

    def assertion() -> str:
        url = environment["ACTIONS_ID_TOKEN_REQUEST_URL"]
        token = Secret(environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
        joint = "&" if urlsplit(url).query else "?"
        cure = "Give the job `permissions: id-token: write`; runs from forks have no such right."
        return _asked(
            transport, "GET", f"{url}{joint}audience={audience}", token, "value", "GitHub", cure
        )

    return _federated(
        around,
        transport,
        environment["AZURE_TENANT_ID"],
        environment["AZURE_CLIENT_ID"],
        assertion,
    )


def of_machine(around: Surroundings, transport: Transport) -> Credential:
    """Return what asks for the managed identity of this machine.

    Where there is none is found out within seconds only by the library's chain, which is given
    nothing else to try. The endpoint is found in the process's own environment.
    """
    from azure.identity import DefaultAzureCredential

    from wheelstep.ground.entra_transport import LibraryTransport

    return DefaultAzureCredential(
        exclude_managed_identity_credential=False,
        exclude_environment_credential=True,
        exclude_workload_identity_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_cli_credential=True,
        exclude_developer_cli_credential=True,
        exclude_powershell_credential=True,
        exclude_interactive_browser_credential=True,
        exclude_broker_credential=True,
        managed_identity_client_id=around.environment.get("AZURE_CLIENT_ID") or None,
        transport=LibraryTransport(transport, retrying=False),
    )


def of_azure_cli() -> Credential:
    """Return what asks the session of `az`, in the process's own environment."""
    from azure.identity import AzureCliCredential

    return AzureCliCredential()


def of_powershell() -> Credential:
    """Return what asks Azure PowerShell."""
    from azure.identity import AzurePowerShellCredential

    return AzurePowerShellCredential()


def of_developer_cli() -> Credential:
    """Return what asks the Azure Developer CLI."""
    from azure.identity import AzureDeveloperCliCredential

    return AzureDeveloperCliCredential()


# --- workload identity federation ---------------------------------------------------------------


def _federated(
    around: Surroundings,
    transport: Transport,
    tenant: str,
    client: str,
    assertion: Callable[[], str],
) -> Credential:
    from azure.identity import ClientAssertionCredential

    return ClientAssertionCredential(tenant, client, assertion, **_common(around, transport))


def _pipelines_assertion(around: Surroundings, transport: Transport, identifier: str) -> str:
    """Ask Azure Pipelines for an assertion of a service connection (REST "Oidctoken - Create").

    Raises:
        SettingError: This is no job of Azure Pipelines, or its token was not handed over.
        ServiceRefused: The job may not use that connection.
        ServiceUnavailable: No answer after the retries.
    """
    environment = around.environment
    place, token = environment.get("SYSTEM_OIDCREQUESTURI", ""), around.job_token
    collection = job_collection(environment)
    if not place or token is None or not collection:
        missing = "SYSTEM_OIDCREQUESTURI" if not place else "SYSTEM_ACCESSTOKEN"
        raise SettingError(
            f"The service connection {identifier} signs in by workload identity federation, and "
            f"{missing} is not set.",
            code="not-signed-in",
            cure="Run it in a job of Azure Pipelines; a script step needs `env: "
            "SYSTEM_ACCESSTOKEN: $(System.AccessToken)`, the task does not.",
        )
    if not same_organization(collection, place):
        raise SettingError(
            f"SYSTEM_OIDCREQUESTURI is {without_credentials(place)}, which is not of "
            f"{without_credentials(collection)}: the job's token is not sent there.",
            code="bad-setting",
            cure="Leave SYSTEM_OIDCREQUESTURI as the agent sets it.",
        )
    url = f"{place.rstrip('/')}?api-version={OIDC_VERSION}&serviceConnectionId={identifier}"
    cure = (
        "Let the pipeline use that service connection (Project settings, Service connections, the "
        "connection, Security), and check that it is one of workload identity federation."
    )
    return _asked(transport, "POST", url, token, "oidcToken", "Azure Pipelines", cure)


def _asked(  # noqa: PLR0917 - a request has as many parts
    transport: Transport,
    method: str,
    url: str,
    token: Secret,
    key: str,
    whom: str,
    cure: str,
) -> str:
    """Ask a host for an assertion; it is a secret, and asked for anew each time."""
    headers = {
        # the one place where the host's token for assertions is sent
        "Authorization": f"Bearer {token.reveal()}",
        "Accept": "application/json",
        "Content-Type": "application/json",
        **SUPPRESS_SIGN_IN,
    }
    try:
        response = transport.request(method, url, headers=headers, body=b"")
        found = json.loads(response.body)
        assertion = found.get(key) if isinstance(found, dict) else None
    except ServiceRefused as error:
        raise _no_assertion(whom, str(error.message), cure) from error
    except (ValueError, RecursionError) as error:
        raise _no_assertion(whom, "its answer is no JSON", cure) from error
    if not isinstance(assertion, str) or not assertion:
        raise _no_assertion(whom, f"its answer has no {key}", cure)
    return Secret(assertion).reveal()


def _no_assertion(whom: str, why: str, cure: str) -> StepError:
    return ServiceRefused(
        f"{whom} gives no identity token to sign in at Entra ID with: {why.rstrip('.')}.",
        code="entra-refused",
        cure=cure,
    )


def _common(around: Surroundings, transport: Transport) -> dict[str, Any]:
    """Return what every credential of the library's own is made with."""
    from wheelstep.ground.entra_transport import LibraryTransport

    return {
        "authority": authority_of(around.environment),
        "transport": LibraryTransport(transport),
        "retry_total": 0,
    }


def _discovery(around: Surroundings) -> dict[str, Any]:
    """Return what keeps MSAL from asking the public cloud about an authority that it does not
    know: a private cloud's."""
    host = urlsplit(f"//{authority_of(around.environment).rpartition('//')[2]}").netloc
    return {"disable_instance_discovery": host.strip("/") not in AUTHORITIES.values()}

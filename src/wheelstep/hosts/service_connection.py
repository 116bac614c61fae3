"""What a step of Azure Pipelines is handed of a service connection.

A task gets the endpoint that one of its inputs names: ENDPOINT_AUTH_SCHEME_ID and
ENDPOINT_AUTH_PARAMETER_ID_KEY (the agent's Handler.cs). A script inside AzureCLI@2 gets three
variables, where the connection has workload identity federation (azure-pipelines-tasks,
Tasks/AzureCLIV2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.service_connection import Scheme, ServiceConnection

__all__ = ["service_connection"]

SCHEMES: Final[Mapping[str, Scheme]] = {
    "workloadidentityfederation": "workload-identity-federation",
    "serviceprincipal": "service-principal",
    "managedserviceidentity": "managed-identity",
}
CERTIFICATE: Final = "spncertificate"
"""A service principal's `authenticationType` with a certificate in the place of a key."""


def service_connection(identifier: str, environment: Mapping[str, str]) -> ServiceConnection:
    """Return a service connection.

    Args:
        identifier: As the setting has it: in a task the agent has put its id in the place of its
            name.
        environment: This process's.

    Raises:
        SettingError: The step was not handed that connection, or it does not sign in at Azure.
    """
    given = {name.upper(): value for name, value in environment.items()}

    def parameter(key: str) -> str:
        return given.get(f"ENDPOINT_AUTH_PARAMETER_{identifier.upper()}_{key}", "").strip()

    named = given.get(f"ENDPOINT_AUTH_SCHEME_{identifier.upper()}", "")
    if not named:
        return _of_azure_cli(identifier, environment)
    scheme = SCHEMES.get(named.lower())
    if scheme is None:
        raise SettingError(
            f"The service connection {identifier} signs in by {named}, which is no way into Azure.",
            code="service-connection",
            cure="Name one of the type Azure Resource Manager.",
        )
    client, tenant = parameter("SERVICEPRINCIPALID"), parameter("TENANTID")
    by_certificate = parameter("AUTHENTICATIONTYPE").lower() == CERTIFICATE
    held = parameter("SERVICEPRINCIPALCERTIFICATE" if by_certificate else "SERVICEPRINCIPALKEY")
    secret = Secret(held) if held else None
    missing = [
        what
        for what, lacks in (
            ("application id", scheme != "managed-identity" and not client),
            ("tenant id", scheme != "managed-identity" and not tenant),
            (
                "certificate" if by_certificate else "key",
                scheme == "service-principal" and secret is None,
            ),
        )
        if lacks
    ]
    if missing:
        raise SettingError(
            f"The service connection {identifier} ({named}) came without its "
            f"{' and '.join(missing)}.",
            code="service-connection",
            cure="Open it in Project settings, Service connections, and verify it.",
        )
    return ServiceConnection(
        identifier,
        scheme,
        client,
        tenant,
        key=None if by_certificate else secret,
        certificate=secret if by_certificate else None,
    )


def _of_azure_cli(identifier: str, environment: Mapping[str, str]) -> ServiceConnection:
    client = environment.get("AZURESUBSCRIPTION_CLIENT_ID", "")
    tenant = environment.get("AZURESUBSCRIPTION_TENANT_ID", "")
    there = environment.get("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "")
    if there.lower() == identifier.lower() and client and tenant:
        return ServiceConnection(identifier, "workload-identity-federation", client, tenant)
    where = (
        "this is no job of Azure Pipelines"
        if not environment.get("TF_BUILD")
        else "this step was not handed one of that id"
    )
    raise SettingError(
        f"`service-connection` is {identifier}, and {where}.",
        code="service-connection",
        cure="Set it as the task's input serviceConnection, by the connection's name; a script "
        "gets one inside AzureCLI@2 only, with workload identity federation: "
        "WHEELSTEP_SERVICE_CONNECTION=$AZURESUBSCRIPTION_SERVICE_CONNECTION_ID.",
    )

"""Which identities Entra ID may know here, in the order in which they are looked at.

What is configured outright comes before what a machine or a person happens to have: once an
identity is configured, its refusal is the answer, and no other one is tried behind its back.
`AZURE_TOKEN_CREDENTIALS` narrows the choice, as it does for azure-identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import SettingError
from wheelstep.ground import entra_credentials as made
from wheelstep.ground.secret import Secret
from wheelstep.ground.service_connection import ServiceConnection
from wheelstep.ground.transport import Transport

__all__ = ["IDENTITIES", "Identity", "Surroundings", "wanted"]

PIPELINES: Final = ("AZURESUBSCRIPTION_CLIENT_ID", "AZURESUBSCRIPTION_TENANT_ID",
                    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID")  # fmt: skip
"""What AzureCLI@2 sets for a service connection with workload identity federation
(azure-pipelines-tasks, Tasks/AzureCLIV2)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an identity can be found in."""

    environment: Mapping[str, str]
    """This process's."""
    job_token: Secret | None = None
    """That of a job of Azure Pipelines; only its own organization gets it."""
    connection: ServiceConnection | None = None
    """The one that the settings name."""

    def lacking(self, *names: str) -> str:
        """Return which variables are not set, as a reason; "" where all are."""
        missing = [name for name in names if not self.environment.get(name)]
        if not missing:
            return ""
        verb = "is" if len(missing) == 1 else "are"
        return f"{' and '.join(missing)} {verb} not set"


@dataclass(frozen=True, slots=True)
class Identity:
    """One row of the table."""

    title: str
    """For people."""
    needs: str
    """When it is there, for the documentation."""
    unfit: Callable[[Surroundings], str]
    """Returns why it is not there, as a clause; "" where it is, or shows only when asked."""
    credential: Callable[[Surroundings, Transport], made.Credential]
    names: tuple[str, ...]
    """What AZURE_TOKEN_CREDENTIALS calls it, in lower case."""
    outright: bool = False
    """Configured, not come upon: where it fails, nothing else is tried."""


def _connection(around: Surroundings) -> str:
    return "" if around.connection else "`service-connection` is not set"


def _pipelines(around: Surroundings) -> str:
    if around.lacking(*PIPELINES):
        return "this is no step inside it with workload identity federation"
    if not around.environment.get("SYSTEM_OIDCREQUESTURI"):
        return "SYSTEM_OIDCREQUESTURI is not set"
    if around.job_token is None:
        return "SYSTEM_ACCESSTOKEN is not mapped into the step's env"
    return ""


def _principal(around: Surroundings) -> str:
    if why := around.lacking("AZURE_CLIENT_ID", "AZURE_TENANT_ID"):
        return why
    names = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")
    if any(around.environment.get(name) for name in names):
        return ""
    return "neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set"


def _github(around: Surroundings) -> str:
    if not around.environment.get("GITHUB_ACTIONS"):
        return "this is no job of GitHub Actions"
    if around.lacking("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        return "the job lacks `permissions: id-token: write`"
    return around.lacking("AZURE_CLIENT_ID", "AZURE_TENANT_ID")


def _token_file(around: Surroundings) -> str:
    return around.lacking("AZURE_FEDERATED_TOKEN_FILE") or around.lacking(
        "AZURE_CLIENT_ID", "AZURE_TENANT_ID"
    )


def _found_when_asked(_: Surroundings) -> str:
    return ""


IDENTITIES: Final[tuple[Identity, ...]] = (
    Identity(
        "the service connection that is set",
        "`service-connection` is set (Azure Pipelines): workload identity federation, a service "
        "principal with a secret or a certificate, or a managed identity",
        _connection,
        made.of_connection,
        (),
        outright=True,
    ),
    Identity(
        "the service connection of AzureCLI@2",
        "the step runs inside AzureCLI@2 with workload identity federation, and has `env: "
        "SYSTEM_ACCESSTOKEN: $(System.AccessToken)`",
        _pipelines,
        made.of_azure_cli_task,
        ("azurepipelinescredential", "prod"),
        outright=True,
    ),
    Identity(
        "the service principal of AZURE_CLIENT_ID",
        "AZURE_CLIENT_ID and AZURE_TENANT_ID with AZURE_CLIENT_SECRET or "
        "AZURE_CLIENT_CERTIFICATE_PATH",
        _principal,
        made.of_principal,
        ("environmentcredential", "prod"),
        outright=True,
    ),
    Identity(
        "the workload identity of AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_CLIENT_ID and AZURE_TENANT_ID with AZURE_FEDERATED_TOKEN_FILE (Kubernetes)",
        _token_file,
        made.of_token_file,
        ("workloadidentitycredential", "prod"),
        outright=True,
    ),
    Identity(
        "GitHub's identity token for AZURE_CLIENT_ID",
        "GitHub Actions with `permissions: id-token: write`, AZURE_CLIENT_ID and AZURE_TENANT_ID",
        _github,
        made.of_github,
        ("clientassertioncredential", "prod"),
        outright=True,
    ),
    Identity(
        "the managed identity",
        "the machine has one; AZURE_CLIENT_ID chooses among several",
        _found_when_asked,
        made.of_machine,
        ("managedidentitycredential", "prod"),
    ),
    Identity(
        "the Azure CLI",
        "`az login`, azure/login, AzureCLI@2",
        _found_when_asked,
        lambda _around, _transport: made.of_azure_cli(),
        ("azureclicredential", "dev"),
    ),
    Identity(
        "Azure PowerShell",
        "`Connect-AzAccount`, AzurePowerShell@5",
        _found_when_asked,
        lambda _around, _transport: made.of_powershell(),
        ("azurepowershellcredential", "dev"),
    ),
    Identity(
        "the Azure Developer CLI",
        "`azd auth login`",
        _found_when_asked,
        lambda _around, _transport: made.of_developer_cli(),
        ("azuredeveloperclicredential", "dev"),
    ),
)


def wanted(environment: Mapping[str, str]) -> tuple[tuple[Identity, str], ...]:
    """Return every identity with why AZURE_TOKEN_CREDENTIALS leaves it out, "" where it does not.

    Raises:
        SettingError: It names no identity.
    """
    named = environment.get("AZURE_TOKEN_CREDENTIALS", "").strip()
    known = {name for row in IDENTITIES for name in row.names}
    if named and named.lower() not in known:
        raise SettingError(
            f"AZURE_TOKEN_CREDENTIALS is {named!r}, which names no way to sign in.",
            code="bad-setting",
            cure="Set it to prod, dev, or one of azure-identity's classes "
            "(ManagedIdentityCredential, AzureCliCredential, EnvironmentCredential); or remove it.",
        )
    out = f"AZURE_TOKEN_CREDENTIALS is {named}"
    return tuple(
        (row, out if named and row.names and named.lower() not in row.names else "")
        for row in IDENTITIES
    )

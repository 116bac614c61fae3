"""What a step is handed of a service connection, and what is said where that is not enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings_kit import file, read, refused
from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.service_connection import ServiceConnection

ID = "5d3d9e0a-1111-4222-8333-44445555aaaa"
TASK = {"TF_BUILD": "True", "INPUT_SERVICECONNECTION": ID, "WHEELSTEP_PUBLISH_TO": "x"}


def endpoint(scheme: str, **parameters: str) -> dict[str, str]:
    given = {f"ENDPOINT_AUTH_PARAMETER_{ID}_{name}": text for name, text in parameters.items()}
    return TASK | {f"ENDPOINT_AUTH_SCHEME_{ID}": scheme} | given


def test_nothing_is_set_by_default(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.service_connection is None
    assert settings.feed_sign_in == "auto"


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        (
            endpoint("WorkloadIdentityFederation", SERVICEPRINCIPALID="app", TENANTID="t"),
            ServiceConnection(ID, "workload-identity-federation", "app", "t"),
        ),
        (
            endpoint("ServicePrincipal", SERVICEPRINCIPALID="app", TENANTID="t",
                     SERVICEPRINCIPALKEY="key-4711", AUTHENTICATIONTYPE="spnKey"),
            ServiceConnection(ID, "service-principal", "app", "t", key=Secret("key-4711")),
        ),
        (
            endpoint("ServicePrincipal", SERVICEPRINCIPALID="app", TENANTID="t",
                     SERVICEPRINCIPALCERTIFICATE="pem-4711", AUTHENTICATIONTYPE="spnCertificate"),
            ServiceConnection(ID, "service-principal", "app", "t", certificate=Secret("pem-4711")),
        ),
        (
            endpoint("ManagedServiceIdentity", TENANTID="t"),
            ServiceConnection(ID, "managed-identity", "", "t"),
        ),
        (
            {
                "WHEELSTEP_SERVICE_CONNECTION": ID.upper(),
                "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": ID,
                "AZURESUBSCRIPTION_CLIENT_ID": "app",
                "AZURESUBSCRIPTION_TENANT_ID": "t",
            },
            ServiceConnection(ID.upper(), "workload-identity-federation", "app", "t"),
        ),
    ],
)  # fmt: skip
def test_every_scheme(
    environment: dict[str, str], found: ServiceConnection, tmp_path: Path
) -> None:
    assert read(tmp_path, environment=environment).service_connection == found


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        (TASK, "this step was not handed one of that id"),
        ({"WHEELSTEP_SERVICE_CONNECTION": ID}, "this is no job of Azure Pipelines"),
        (endpoint("UsernamePassword"), "signs in by UsernamePassword"),
        (endpoint("ServicePrincipal", TENANTID="t"), "without its application id and key"),
        (endpoint("WorkloadIdentityFederation"), "without its application id and tenant id"),
        (endpoint("ServicePrincipal", SERVICEPRINCIPALID="app", TENANTID="t",
                  AUTHENTICATIONTYPE="spnCertificate"), "without its certificate"),
    ],
)  # fmt: skip
def test_what_is_not_enough(environment: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        read(tmp_path, environment=environment)
    assert (caught.value.code, caught.value.exit_code) == ("service-connection", 2)
    assert says in caught.value.message
    assert caught.value.cure


def test_a_file_names_none(tmp_path: Path) -> None:
    file(tmp_path, f'service-connection = "{ID}"\n')
    assert "service-connection" in refused(tmp_path).message


def test_a_way_in_that_there_is_not(tmp_path: Path) -> None:
    error = refused(tmp_path, WHEELSTEP_FEED_SIGN_IN="pypi")
    assert "Perhaps you meant pypirc" in error.cure

"""Tokens of Entra ID: azure-identity itself, against a stand-in of the token endpoint."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.ground.web import Answer, Asked, InstantClock, Web
from tests.servers.entra import CLIENT, JOB_TOKEN, KEY, TENANT, Entra, entra_server
from wheelstep.errors import ServiceRefused, SettingError
from wheelstep.ground.credentials import ENTRA_SCOPE
from wheelstep.ground.entra import EntraTokens, Surroundings
from wheelstep.ground.secret import Secret
from wheelstep.ground.service_connection import ServiceConnection
from wheelstep.ground.transport import Transport
from wheelstep.hosts.service_connection import service_connection

CONNECTION = "5d3d9e0a-1111-4222-8333-44445555aaaa"
FEDERATED = ServiceConnection(CONNECTION, "workload-identity-federation", CLIENT, TENANT)
PRINCIPAL = {"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_SECRET": KEY}


class RealTime(InstantClock):
    """Starts now, since azure-identity has no other clock, and passes as a test says."""

    def __init__(self) -> None:
        import time

        super().__init__(time.time())


@pytest.fixture
def entra(authority: Path) -> Iterator[Entra]:
    with entra_server(authority) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_identity_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID",
                 "AZURE_TOKEN_CREDENTIALS", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def tokens(
    environment: Mapping[str, str],
    *,
    connection: ServiceConnection | None = None,
    clock: InstantClock | None = None,
    scope: str = ENTRA_SCOPE,
) -> EntraTokens:
    job_token = Secret(JOB_TOKEN) if environment.get("TF_BUILD") else None
    around = Surroundings(environment, job_token, connection)
    transport = Transport(environment, clock=clock or RealTime(), timeout=(5, 5))
    return EntraTokens(around, transport, scope=scope)


def in_azure_cli(entra: Entra) -> dict[str, str]:
    return entra.pipelines() | {
        "AZURESUBSCRIPTION_CLIENT_ID": CLIENT,
        "AZURESUBSCRIPTION_TENANT_ID": TENANT,
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": CONNECTION,
    }


# --- who it is ------------------------------------------------------------------------------------


def test_a_service_principal_of_the_environment_that_is_handed_over(
    entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the process's own environment says otherwise, and is not what counts
    monkeypatch.setenv("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000000")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "of-another")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.example")
    found = tokens(entra.environment() | PRINCIPAL).known()
    assert found.source == "the service principal of AZURE_CLIENT_ID"
    assert found.secret == Secret(entra.given[0])
    assert found.passed[0] == "the service connection that is set: `service-connection` is not set"
    assert found.passed[1].startswith("the service connection of AzureCLI@2: this is no step")
    assert len(found.passed) == 2


def test_github_signs_in_by_its_identity_token(entra: Entra) -> None:
    source = tokens(entra.github())
    assert source.token() == Secret(entra.given[0])
    assert source.known().source.startswith("GitHub's identity token")
    assert entra.assertions == ["assertion-1-of-github-for-api://AzureADTokenExchange"]


def test_a_step_inside_azure_cli_signs_in_by_its_service_connection(entra: Entra) -> None:
    source = tokens(in_azure_cli(entra))
    assert source.known().source == "the service connection of AzureCLI@2"
    assert entra.assertions == [f"assertion-1-of-pipelines-for-{CONNECTION}"]


def test_the_service_connection_that_is_set_comes_first(entra: Entra) -> None:
    source = tokens(in_azure_cli(entra) | PRINCIPAL, connection=FEDERATED)
    assert source.known().source == "the service connection that is set"
    assert source.known().passed == ()
    assert len(entra.assertions) == 1


def test_a_service_connection_with_a_key(entra: Entra) -> None:
    handed = {
        f"ENDPOINT_AUTH_SCHEME_{CONNECTION}": "ServicePrincipal",
        f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_SERVICEPRINCIPALID": CLIENT,
        f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_SERVICEPRINCIPALKEY": KEY,
        f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_TENANTID": TENANT,
    }
    source = tokens(entra.pipelines(), connection=service_connection(CONNECTION, handed))
    assert source.token() == Secret(entra.given[0])
    assert entra.assertions == []


def test_a_service_connection_with_a_certificate(entra: Entra, authority: Path) -> None:
    # the stand-in does not check signatures: that the certificate is usable shows when it signs
    connection = ServiceConnection(
        CONNECTION, "service-principal", CLIENT, TENANT, certificate=_certificate(authority)
    )
    with pytest.raises(ServiceRefused, match="AADSTS700024"):
        tokens(entra.pipelines(), connection=connection).token()
    (asked,) = entra.asked("/oauth2/v2.0/token")
    assert b"client_assertion=" in asked.body


def _certificate(authority: Path) -> Secret:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    del authority
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "wheelstep")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Secret((pem + made.public_bytes(serialization.Encoding.PEM)).decode())


def test_a_managed_identity_through_the_real_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Asked] = []

    def answer(one: Asked) -> Answer:
        asked.append(one)
        body = {"access_token": "from-identity-77", "expires_on": "4102444800",
                "resource": "x", "token_type": "Bearer"}  # fmt: skip
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    with Web(answer=answer) as web:
        # App Service's protocol; the library finds it in the process's environment only
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{web.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "some-header")
        # a choice that narrows it, in the environment that is handed over
        source = tokens({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"})
        assert source.token() == Secret("from-identity-77")
        assert source.token() == Secret("from-identity-77")
        assert source.known().source == "the managed identity"
    assert len(asked) == 1
    assert ENTRA_SCOPE.partition("/")[0] in asked[0].path
    assert any("AZURE_TOKEN_CREDENTIALS is Managed" in one for one in source.known().passed)


def test_the_azure_cli_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    script = tmp_path / "az"
    answer = '{"accessToken": "from-the-cli-1", "expires_on": 4102444800}'
    script.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\necho '{answer}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    source = tokens({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"})
    assert source.token() == Secret("from-the-cli-1")
    assert source.token() == Secret("from-the-cli-1")
    assert source.known().source == "the Azure CLI"
    # the library itself starts the program for each token
    assert len(calls.read_text().splitlines()) == 1


def test_the_librarys_own_way_through_azure_pipelines_is_ours(
    entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.identity import AzurePipelinesCredential

    tokens(in_azure_cli(entra)).token()
    ours = list(entra.seen)
    entra.seen.clear()
    for name, value in entra.pipelines().items():
        monkeypatch.setenv(name, value)
    with AzurePipelinesCredential(
        tenant_id=TENANT,
        client_id=CLIENT,
        service_connection_id=CONNECTION,
        system_access_token=JOB_TOKEN,
    ) as theirs:
        theirs.get_token(ENTRA_SCOPE)
    assert [(one.method, one.path) for one in ours] == [
        (one.method, one.path) for one in entra.seen
    ]
    for name in ("Authorization", "Content-Type", "X-TFS-FedAuthRedirect"):
        assert ours[0].headers[name] == entra.seen[0].headers[name]


# --- nobody, and who is refused -------------------------------------------------------------------


def test_nobody_is_signed_in_and_that_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = tokens({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"})
    started: list[object] = []
    real = subprocess.Popen

    def counted(*arguments: object, **keywords: object) -> object:
        started.append(arguments)
        return real(*arguments, **keywords)  # type: ignore[call-overload]

    monkeypatch.setattr("subprocess.Popen", counted)
    monkeypatch.setenv("PATH", "/nowhere")
    for _ in range(2):
        with pytest.raises(SettingError) as caught:
            source.token()
        assert caught.value.code == "feed-token-missing"
        assert "feed-token" in caught.value.cure
        assert "the Azure CLI: Azure CLI not found on path" in caught.value.message
        assert "AZURE_TOKEN_CREDENTIALS is AzureCliCredential" in caught.value.message
    assert len(started) <= 1


def test_nobody_at_resource_manager_is_another_error() -> None:
    source = tokens(
        {"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}, scope="https://arm/.default"
    )
    with pytest.raises(SettingError) as caught:
        source.token()
    assert caught.value.code == "not-signed-in"
    assert "serviceConnection" in caught.value.cure


def test_a_refused_identity_is_the_answer_and_no_other_is_tried(entra: Entra) -> None:
    entra.refuse = "AADSTS7000222: The provided client secret keys are expired."
    with pytest.raises(ServiceRefused) as caught:
        tokens(entra.environment() | PRINCIPAL).token()
    assert caught.value.code == "entra-refused"
    assert "the service principal of AZURE_CLIENT_ID: AADSTS7000222" in caught.value.message
    assert "Trace ID" not in caught.value.message
    assert KEY not in caught.value.message


def test_a_session_that_ended_with_its_assertion_is_told_apart(entra: Entra) -> None:
    entra.refuse = "AADSTS700024: Client assertion is not within its valid time range."
    with pytest.raises(ServiceRefused) as caught:
        tokens(entra.github()).token()
    assert "AZURE_CLIENT_ID and AZURE_TENANT_ID in env" in caught.value.cure


def test_a_session_of_the_azure_cli_that_ended_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "az"
    said = "ERROR: AADSTS700024: Client assertion is not within its valid time range."
    script.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ServiceRefused) as caught:
        tokens({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"}).token()
    assert caught.value.message.startswith("Entra ID refuses the Azure CLI: AADSTS700024")
    assert "SYSTEM_ACCESSTOKEN" in caught.value.cure


def test_a_choice_that_names_nothing_is_a_setting() -> None:
    with pytest.raises(SettingError, match="names no way to sign in"):
        tokens({"AZURE_TOKEN_CREDENTIALS": "TheDog"}).token()


def test_a_host_that_gives_no_identity_token_says_what_is_missing(entra: Entra) -> None:
    environment = entra.github() | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-wrong-request-token"}
    with pytest.raises(ServiceRefused) as caught:
        tokens(environment).token()
    assert caught.value.code == "entra-refused"
    assert "GitHub gives no identity token" in caught.value.message
    assert "id-token: write" in caught.value.cure
    assert "a-wrong-request-token" not in caught.value.message


def test_the_jobs_token_goes_to_no_other_organization_for_an_assertion(entra: Entra) -> None:
    environment = in_azure_cli(entra) | {"SYSTEM_OIDCREQUESTURI": f"{entra.url}/fabrikam/oidctoken"}
    with pytest.raises(SettingError, match="the job's token is not sent there"):
        tokens(environment).token()
    assert entra.seen == []


# --- tokens that end ------------------------------------------------------------------------------


def test_a_token_is_asked_for_afresh_shortly_before_it_ends_with_a_fresh_assertion(
    entra: Entra,
) -> None:
    clock = RealTime()
    source = tokens(in_azure_cli(entra), clock=clock)
    entra.lifetime = 900
    first = source.token()
    clock.now += 500
    assert source.token() == first
    assert len(entra.given) == 1
    clock.now += 150
    second = source.token()
    assert second == Secret(entra.given[1]) != first
    clock.now += 10
    assert source.token() == second
    assert len(entra.given) == len(entra.assertions) == len(entra.spent) == 2


def test_a_token_that_is_not_accepted_is_renewed_once_however_many_ask(entra: Entra) -> None:
    source = tokens(entra.github())
    old = source.token()
    found: list[Secret | None] = []
    threads = [threading.Thread(target=lambda: found.append(source.renewed(old))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [Secret(entra.given[1])] * 8
    assert len(entra.given) == 2


def test_a_token_that_is_still_good_outlives_a_service_that_does_not_answer(entra: Entra) -> None:
    clock = RealTime()
    source = tokens(entra.github(), clock=clock)
    entra.lifetime = 200
    first = source.token()
    clock.now += 60
    entra.answer = lambda asked: Answer(503, {"X-Asked": asked.path})  # type: ignore[method-assign]
    assert source.token() == first


def test_what_could_not_be_answered_just_now_is_asked_again(entra: Entra) -> None:
    real, faults = entra.answer, [Answer(503), Answer(429, {"Retry-After": "1"}), Answer(drop=True)]
    entra.answer = lambda asked: faults.pop() if faults else real(asked)  # type: ignore[method-assign]
    assert tokens(entra.github()).token() == Secret(entra.given[0])


def test_a_netrc_is_not_read_on_the_way_to_entra(
    entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password planted-in-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    tokens(entra.environment() | PRINCIPAL).token()
    assert not any("Basic" in one.headers.get("Authorization", "") for one in entra.seen)

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from wheelstep.errors import ServiceRefused, SettingError
from wheelstep.ground.credentials import (
    ENTRA_SCOPE,
    EntraTokens,
    SignIn,
    feed_sign_in,
    organization_of,
    same_organization,
)
from wheelstep.ground.secret import Secret

FEED = "https://pkgs.dev.azure.com/Contoso/ml/_packaging/wheels/pypi/simple/"
OLDER = "https://contoso.pkgs.visualstudio.com/ml/_packaging/wheels/pypi/simple/"
PIPELINE = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/"}


class Entra:
    def __init__(self, error: SettingError | None = None) -> None:
        self.error = error
        self.asked = 0

    def token(self) -> Secret:
        self.asked += 1
        if self.error:
            raise self.error
        return Secret("entra-token-1234")


def sign_in(
    url: str = FEED,
    *,
    token: str | None = None,
    job_token: str | None = None,
    environment: dict[str, str] | None = None,
    entra: Entra | None = None,
) -> SignIn:
    return feed_sign_in(
        url,
        user=None,
        token=Secret(token) if token else None,
        job_token=Secret(job_token) if job_token else None,
        environment=environment or {},
        entra=entra or Entra(),
    )


@pytest.mark.parametrize(
    ("url", "organization"),
    [
        ("https://dev.azure.com/Contoso/", "contoso"),
        ("https://dev.azure.com/contoso", "contoso"),
        (FEED, "contoso"),
        (OLDER, "contoso"),
        ("https://contoso.visualstudio.com/", "contoso"),
        ("https://contoso.visualstudio.com/DefaultCollection/", "contoso"),
        ("https://feeds.dev.azure.com/contoso/", "contoso"),
        ("https://dev.azure.com/", None),
        ("http://pkgs.dev.azure.com/contoso/", None),
        ("https://pkgs.dev.azure.com.evil.example/contoso/", None),
        ("https://evil.example/dev.azure.com/contoso/", None),
        ("https://dev.azure.com@evil.example/contoso/", None),
        ("https://evilvisualstudio.com/", None),
        ("https://a.b.visualstudio.com/", None),
        ("https://dev.azure.com:8443/contoso/", None),
        ("https://dev.azure.com:port/contoso/", None),
        ("https://[dev.azure.com/contoso/", None),
        ("https://tfs.corp.example/tfs/Default/", None),
    ],
)
def test_organizations(url: str, organization: str | None) -> None:
    assert organization_of(url) == organization


@pytest.mark.parametrize(
    ("collection", "url", "same"),
    [
        ("https://dev.azure.com/contoso/", FEED, True),
        ("https://dev.azure.com/contoso/", OLDER, True),
        ("https://contoso.visualstudio.com/", FEED, True),
        ("https://dev.azure.com/fabrikam/", FEED, False),
        ("https://dev.azure.com/conto/", FEED, False),
        ("https://tfs.corp/tfs/Default/", "https://tfs.corp/tfs/default/ml/_packaging/w/", True),
        ("https://tfs.corp/tfs/Default/", "https://tfs.corp/tfs/Default2/_packaging/w/", False),
        ("https://TFS.corp:443/tfs/Default", "https://tfs.corp/tfs/Default/_packaging/w/", True),
        ("https://tfs.corp/My%20Own/", "https://tfs.corp/my own/ml/_packaging/w/", True),
        ("https://tfs.corp/tfs/One/", "https://tfs.corp/tfs/One/../Two/_packaging/w/", False),
        ("https://tfs.corp/tfs/One/", "https://tfs.corp/tfs/One/%2e%2e/Two/_packaging/w/", False),
        ("https://tfs.corp/tfs/Default/", "https://tfs.corp:8443/tfs/Default/_packaging/w/", False),
        ("http://tfs.corp/tfs/Default/", "https://tfs.corp/tfs/Default/_packaging/w/", False),
        ("https://tfs.corp/tfs/Default/", "https://evil.example/tfs/Default/_packaging/w/", False),
        ("", "https://tfs.corp/_packaging/w/", False),
        ("https://tfs.corp/tfs/", "https://[tfs.corp/tfs/_packaging/w/", False),
    ],
)
def test_same_organization(collection: str, url: str, same: bool) -> None:
    assert same_organization(collection, url) is same


def test_a_given_token_comes_first() -> None:
    entra = Entra()
    who = sign_in(token="pat-12345", job_token="job-12345", environment=PIPELINE, entra=entra)
    assert who.secret == Secret("pat-12345")
    assert who.source == "the token that was given"
    assert who.user
    assert entra.asked == 0


@pytest.mark.parametrize("url", [FEED, OLDER])
def test_the_jobs_token_at_its_own_organization(url: str) -> None:
    who = sign_in(url, job_token="job-12345", environment=PIPELINE)
    assert who.secret == Secret("job-12345")


def test_the_older_variable_and_the_older_host_count_too() -> None:
    environment = {
        "TF_BUILD": "True",
        "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://contoso.visualstudio.com/",
    }
    assert sign_in(job_token="job-12345", environment=environment).secret == Secret("job-12345")


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/"},
        {"TF_BUILD": "True"},
        {"GITHUB_ACTIONS": "true"},
        # whatever somebody sets: on GitHub the job's token is GitHub's
        PIPELINE | {"GITHUB_ACTIONS": "true"},
        {"SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/"},
    ],
)
def test_the_jobs_token_goes_nowhere_else(environment: dict[str, str]) -> None:
    assert sign_in(job_token="job-12345", environment=environment).secret == Secret(
        "entra-token-1234"
    )


def test_the_error_says_why_the_jobs_token_does_not_help() -> None:
    environment = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/"}
    nobody = Entra(SettingError("Nobody is signed in.", code="feed-token-missing", cure="Sign in."))
    with pytest.raises(SettingError) as caught:
        sign_in(job_token="job-12345", environment=environment, entra=nobody)
    assert "https://dev.azure.com/fabrikam/" in caught.value.message
    assert "job-12345" not in caught.value.message
    assert caught.value.code == "feed-token-missing"


@pytest.mark.parametrize("token", ["ghs_abcdefghij", "ghp_abcdefghij", "github_pat_abcdefghij"])
def test_github_tokens_are_not_sent_to_a_feed(token: str) -> None:
    with pytest.raises(SettingError) as caught:
        sign_in(token=token)
    assert caught.value.code == "feed-token-foreign"
    assert token not in caught.value.message


def test_entra_tokens_go_to_azure_devops_services_only() -> None:
    entra = Entra()
    with pytest.raises(SettingError) as caught:
        sign_in("https://tfs.corp.example/tfs/Default/_packaging/w/pypi/simple/", entra=entra)
    assert caught.value.code == "feed-token-missing"
    assert entra.asked == 0


class _Identity(BaseHTTPRequestHandler):
    """The managed identity of an App Service (its REST protocol 2019-08-01)."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        answer = {"access_token": "from-identity-77", "expires_on": "4102444800",
                  "resource": "x", "token_type": "Bearer"}  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@contextmanager
def identity_endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Identity) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/token"
        finally:
            server.shutdown()
            thread.join()


def test_the_real_library_brings_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    _Identity.asked.clear()
    with identity_endpoint() as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "some-header")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        tokens = EntraTokens()
        assert tokens.token() == Secret("from-identity-77")
        assert tokens.token() == Secret("from-identity-77")
    assert len(_Identity.asked) == 1
    assert ENTRA_SCOPE.partition("/")[0] in _Identity.asked[0]


def test_nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with pytest.raises(SettingError) as caught:
        EntraTokens().token()
    assert caught.value.code == "feed-token-missing"
    assert "feed-token" in caught.value.cure


def test_a_refused_identity_is_another_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    class Refused:
        def get_token(self, *_: str) -> None:
            raise ClientAuthenticationError(
                "Authentication failed: AADSTS7000222: The provided client secret keys are expired."
                "\r\nTrace ID: 1"
            )

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: Refused())
    with pytest.raises(ServiceRefused) as caught:
        EntraTokens().token()
    assert caught.value.code == "entra-refused"
    assert "AADSTS7000222" in caught.value.message
    assert "Trace ID" not in caught.value.message

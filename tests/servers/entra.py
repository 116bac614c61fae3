"""A stand-in of whoever gives tokens away: Entra ID's token endpoint, and the hosts' endpoints of
identity tokens.

    with entra_server(authority) as entra:      # authority: of made_authority(folder)
        entra.environment()                     # what points azure-identity and us here
        entra.github()                          # what a job of GitHub Actions with id-token has
        entra.pipelines(connection)             # what a job of Azure Pipelines has
        entra.lifetime = 60                     # seconds that the next tokens live
        entra.refuse = "AADSTS7000222: ..."     # the next answers of the token endpoint
        entra.assertions                        # those that were given, in their order
        entra.given                             # tokens that were given, in their order
        entra.asked("/oauth2/v2.0/token")       # requests

An assertion is good for one exchange: one that is used again is refused, as an old one would be.
Sources: azure-identity's requests; "Oidctoken - Create" of Azure DevOps; docs.github.com, "OpenID
Connect reference".
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.ground.web import Answer, Asked, Web
from tests.servers import arm_identity
from tests.servers.arm_state import TENANT
from tests.servers.authority import secure
from wheelstep.ground.credentials import ENTRA_SCOPE

CLIENT = arm_identity.CLIENT
KEY = "the-key-of-the-service-principal"
JOB_TOKEN = "the-token-of-the-job-0123456789"
REQUEST_TOKEN = "the-request-token-of-github-123"


@dataclass
class Entra:
    """The stand-in; what it does may be changed while it runs."""

    url: str
    authority: Path
    client: str = CLIENT
    tenant: str = TENANT
    lifetime: int = 3600
    refuse: str = ""
    assertions: list[str] = field(default_factory=list)
    spent: set[str] = field(default_factory=set)
    given: list[str] = field(default_factory=list)
    seen: list[Asked] = field(default_factory=list)
    started: int = field(default_factory=lambda: int(time.time()))

    def environment(self) -> dict[str, str]:
        return {
            "AZURE_AUTHORITY_HOST": self.url,
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "SSL_CERT_FILE": str(self.authority),
            "NO_PROXY": "127.0.0.1",
        }

    def github(self) -> dict[str, str]:
        return self.environment() | {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/github?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_TENANT_ID": TENANT,
        }

    def pipelines(self) -> dict[str, str]:
        return self.environment() | {
            "TF_BUILD": "True",
            "SYSTEM_COLLECTIONURI": f"{self.url}/contoso/",
            "SYSTEM_OIDCREQUESTURI": f"{self.url}/contoso/4c/_apis/distributedtask/hubs/build/"
            "plans/p/jobs/j/oidctoken",
        }

    def asked(self, part: str) -> list[Asked]:
        return [one for one in self.seen if part in one.path]

    def answer(self, asked: Asked) -> Answer:
        self.seen.append(asked)
        place = urlsplit(asked.path)
        query = parse_qs(place.query)
        authorization = asked.headers.get("Authorization", "")
        match asked.method, place.path.rpartition("/")[2]:
            case "GET", "github" if authorization == f"Bearer {REQUEST_TOKEN}":
                return _json(200, {"value": self._assertion("github", query["audience"][0])})
            case "POST", "oidctoken" if authorization == f"Bearer {JOB_TOKEN}":
                assert query["api-version"] == ["7.1"]
                name = query["serviceConnectionId"][0]
                return _json(200, {"oidcToken": self._assertion("pipelines", name)})
            case _, "github" | "oidctoken":
                return _json(401, {"message": "no"})
            case "POST", "token" if place.path == f"/{TENANT}/oauth2/v2.0/token":
                return self._token(parse_qs(asked.body.decode()))
            case "GET", "openid-configuration":
                return _json(200, self._configuration())
        return _json(404, {"error": "not_found"})

    def _configuration(self) -> dict[str, str]:
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }

    def next_token(self) -> str:
        """The token for Azure DevOps that will be given next."""
        return self._made(ENTRA_SCOPE.partition("/")[0], len(self.given))

    def _made(self, audience: str, number: int) -> str:
        now = self.started
        return arm_identity.token(
            audience, jti=str(number), iat=now, nbf=now, exp=now + self.lifetime
        )

    def _assertion(self, whose: str, what: str) -> str:
        made = f"assertion-{len(self.assertions) + 1}-of-{whose}-for-{what}"
        self.assertions.append(made)
        return made

    def _token(self, form: dict[str, list[str]]) -> Answer:
        def value(name: str) -> str:
            return form.get(name, [""])[0]

        assertion = value("client_assertion")
        if self.refuse:
            return _refused(self.refuse)
        if value("client_id") != CLIENT or value("grant_type") != "client_credentials":
            return _refused("AADSTS700016: Application was not found in the directory.")
        if assertion and (assertion not in self.assertions or assertion in self.spent):
            return _refused("AADSTS700024: Client assertion is not within its valid time range.")
        if not assertion and value("client_secret") != KEY:
            return _refused("AADSTS7000215: Invalid client secret provided.")
        self.spent.add(assertion)
        audience = value("scope").split()[0].removesuffix("/.default")
        token = self._made(audience, len(self.given))
        self.given.append(token)
        return _json(
            200, {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}
        )


def _json(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _refused(why: str) -> Answer:
    text = f"{why}\r\nTrace ID: 1\r\nCorrelation ID: 2"
    return _json(401, {"error": "invalid_client", "error_description": text})


@contextmanager
def entra_server(authority: Path, *, tls: bool = True) -> Iterator[Entra]:
    """Run the stand-in on a free port; without TLS to stand behind a front."""
    found: list[Entra] = []

    def answer(asked: Asked) -> Answer:
        return found[0].answer(asked)  # which a test may put another in the place of

    with Web(answer=answer, tls=secure(authority) if tls else None) as web:
        found.append(Entra(web.url, authority))
        yield found[0]


__all__ = ["CLIENT", "ENTRA_SCOPE", "JOB_TOKEN", "KEY", "TENANT", "Entra", "entra_server"]

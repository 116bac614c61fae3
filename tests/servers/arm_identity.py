"""Who signs in at the stand-in of Azure Resource Manager: tokens in Entra ID's shape, and the
endpoint of App Service's managed identities that hands them out (azure-identity asks it)."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.ground.web import Answer, Asked
from tests.servers import arm_answers as says
from tests.servers.arm_answers import Reply
from tests.servers.arm_state import TENANT

CLIENT = "6a1f0b7c-0000-4000-8000-00000000c11e"
OBJECT = "1c9e4d52-0000-4000-8000-0000000000b1"
SIGNATURE = "c2lnbmVkLWJ5LXRoZS1zdGFuZC1pbg"
AUDIENCES = ("https://management.core.windows.net/", "https://management.azure.com/")
HEADER_OF_THE_HOST = "secret-of-the-host"
"""What the endpoint of managed identities wants to see."""


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def token(audience: str = AUDIENCES[1], **claims: Any) -> str:
    """A token of a service principal, for an hour; claims are added or replaced."""
    now = int(time.time())
    payload = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "appid": CLIENT,
        "oid": OBJECT,
        "tid": TENANT,
        "idtyp": "app",
        **claims,
    }
    return f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(payload)}.{SIGNATURE}"


def claims_of(header: str) -> dict[str, Any] | None:
    """What an Authorization header claims; None: no token of ours."""
    kind, _, text = header.partition(" ")
    parts = text.split(".")
    if kind != "Bearer" or len(parts) != 3 or parts[2] != SIGNATURE:
        return None
    payload = parts[1] + "=" * (-len(parts[1]) % 4)
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload))
    return found


def sign_in_refused(header: str | None, own: str, tenant: str) -> Reply | None:
    """ARM's refusal of a token.

    Args:
        header: Authorization.
        own: The stand-in's URL: tokens may be for it, too.
        tenant: The subscription's.
    """
    if not header:
        return says.no_token(tenant)
    claims = claims_of(header)
    if claims is None:
        return says.invalid_token(tenant)
    allowed = [*AUDIENCES, *(one.rstrip("/") for one in AUDIENCES), own]
    if str(claims["aud"]).rstrip("/") not in {one.rstrip("/") for one in allowed}:
        return says.wrong_audience(claims["aud"], allowed, tenant)
    if claims["exp"] < time.time():
        expiry = f"{datetime.fromtimestamp(claims['exp'], UTC):%m/%d/%Y %H:%M:%S}"
        return says.expired_token(expiry, f"{datetime.now(UTC):%m/%d/%Y %H:%M:%S}", tenant)
    if claims["tid"] != tenant:
        return says.wrong_tenant(claims["tid"], tenant)
    return None


def managed_identity(asked: Asked, **claims: Any) -> Answer:
    """Answer as the endpoint does: a token for what was asked for, unless a claim says other."""
    if asked.headers["X-IDENTITY-HEADER"] != HEADER_OF_THE_HOST:
        return Answer(401)
    resource = parse_qs(urlsplit(asked.path).query)["resource"][0]
    given = {"aud": resource, **claims}
    body = {
        "access_token": token(**{"audience": given.pop("aud"), **given}),
        "expires_on": str(int(time.time()) + 3600),
        "resource": resource,
        "token_type": "Bearer",
    }
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

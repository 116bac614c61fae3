"""A workspace's connections: as Azure Resource Manager has them, and as they are written there.

Sources: the REST reference of Microsoft.MachineLearningServices ("Workspace Connections": Create,
List, List Secrets, Delete; api-version 2024-10-01), and the bodies that azure-ai-ml sends.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

from wheelstep.errors import ServiceRefused
from wheelstep.ground.connections import Connection
from wheelstep.ground.secret import Secret
from wheelstep.model import Workspace
from wheelstep.workspaces.resource_manager import ResourceManager

__all__ = [
    "FINGERPRINT",
    "MADE_BY",
    "OURS",
    "Login",
    "Stored",
    "body_of",
    "connection_id",
    "delete",
    "fingerprint",
    "in_use",
    "listed",
    "login_of",
    "parsed",
    "read_login",
    "same_login",
    "write",
]

MADE_BY: Final = "madeBy"
"""The key of the metadata that says who made a connection, and the value that we write."""
OURS: Final = "wheelstep"
FINGERPRINT: Final = "tokenFingerprint"
"""The key of the metadata that tells whether a token is still the same."""
HIDDEN: Final = frozenset({"not-authorized", "not-found", "resource-not-found"})
"""What `listsecrets` is refused with where we may not know, or where the connection is gone."""
SHORTEST_TOKEN: Final = 20
"""Characters: what is shorter could be guessed, and gets no fingerprint."""
COST: Final = (1 << 14, 8, 1)
"""scrypt's N, r and p (RFC 7914): 16 MiB and some 50 ms, once for each token and workspace."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A connection as a workspace has it, without its secret."""

    name: str
    id: str
    """The resource id."""
    category: str
    """As the service has it: "PythonFeed", "Git", or one of a hundred others."""
    target: str
    auth_type: str
    """As the service has it: "PAT", "UsernamePassword", "None", or another."""
    shared: bool = True
    expires: dt.datetime | None = None
    """UTC; None where the workspace does not know it."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    """What the service says is wrong with it, "" where it says nothing."""

    @property
    def ours(self) -> bool:
        """True when wheelstep made it, or was allowed to take it over."""
        return self.metadata.get(MADE_BY) == OURS


@dataclass(frozen=True, slots=True)
class Login:
    """What a connection authenticates with, as it is stored."""

    user: str | None
    """URL-encoded; None beside a token."""
    secret: Secret | None
    """The token, or the password in URL-encoded form; None where there is none."""


def connection_id(workspace: Workspace, name: str) -> str:
    """Return the resource id of a connection."""
    return f"{workspace.id}/connections/{quote(name, safe='')}"


def login_of(wanted: Connection) -> Login:
    """Return what is stored for a wanted connection.

    User name and password are URL-encoded, since Azure ML puts them into an index's URL as they are
    (Microsoft Learn, "Create connections": "the name/password values should be URL-encoded").
    """
    if wanted.auth_type == "UsernamePassword" and wanted.secret is not None:
        encoded = quote(wanted.secret.reveal(), safe="")
        return Login(quote(wanted.user or "", safe=""), Secret(encoded))
    return Login(None, wanted.secret if wanted.auth_type == "PAT" else None)


def fingerprint(login: Login, resource_id: str) -> str | None:
    """Return what recognises a token without being it: scrypt, salted with the connection's id.

    Args:
        login: What is stored.
        resource_id: Of the connection, in any case.

    Returns:
        None for passwords, which people choose, and for short tokens: they could be guessed.
    """
    if login.user is not None or login.secret is None:
        return None
    token = login.secret.reveal()  # for the hash alone
    if len(token) < SHORTEST_TOKEN:
        return None
    n, r, p = COST
    digest = hashlib.scrypt(
        token.encode(), salt=resource_id.lower().encode(), n=n, r=r, p=p, maxmem=64 << 20, dklen=32
    )
    return f"scrypt-{n}-{r}-{p}:{digest.hex()}"


def body_of(
    wanted: Connection, login: Login, metadata: Mapping[str, str], expires: dt.datetime | None
) -> dict[str, Any]:
    """Return the body of a PUT: what azure-ai-ml sends, with our metadata and the expiry. The
    secrets in it are revealed where it is sent.

    Args:
        wanted: The connection, with its target.
        login: What is stored for it.
        metadata: Texts by key.
        expires: UTC; None: the workspace shall not know it.
    """
    credentials: dict[str, str | Secret] | None = None
    if login.secret is not None:
        credentials = (
            {"pat": login.secret}
            if login.user is None
            else {"username": login.user, "password": login.secret}
        )
    properties: dict[str, Any] = {
        "category": wanted.category,
        "target": wanted.target,
        "authType": wanted.auth_type,
        "isSharedToAll": wanted.shared,
        "metadata": dict(metadata),
    }
    if credentials is not None:
        properties["credentials"] = credentials
    if expires is not None:
        properties["expiryTime"] = _written(expires)
    return {"properties": properties}


def _written(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(item: Mapping[str, Any]) -> Stored:
    """Return a connection of an answer; what is missing or strange counts as not stated."""
    properties = _mapping(item.get("properties"))
    metadata = _mapping(properties.get("metadata"))
    return Stored(
        name=str(item.get("name") or ""),
        id=str(item.get("id") or ""),
        category=str(properties.get("category") or ""),
        target=str(properties.get("target") or ""),
        auth_type=str(properties.get("authType") or ""),
        shared=properties.get("isSharedToAll") is not False,
        expires=_moment(properties.get("expiryTime")),
        metadata={str(key): str(value) for key, value in metadata.items()},
        error=str(properties.get("error") or "")[:300],
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> dt.datetime | None:
    """Return a moment of an answer, UTC; None for none, and for year 1 and 9999, which services
    use for none."""
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
        moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 1 < moment.year < dt.MAXYEAR else None


# --- asking -----------------------------------------------------------------------------------


def listed(manager: ResourceManager, workspace: Workspace) -> list[Stored]:
    """Return all connections of a workspace, those of other categories too, in the service's
    order.

    Raises:
        SettingError: Nobody is signed in to Azure.
        ServiceRefused: No such workspace, or no right to read its connections.
        ServiceUnavailable: No answer after the retries.
    """
    path = f"{workspace.id}/connections?api-version={manager.api_version}"
    return [parsed(item) for item in manager.pages(path)]


def read_login(manager: ResourceManager, stored: Stored) -> Login | None:
    """Return what a connection authenticates with, None where we may not know it.

    Raises:
        SettingError, ServiceUnavailable: As `listed`.
        ServiceRefused: For another reason than a missing right.
    """
    path = f"{stored.id}/listsecrets?api-version={manager.api_version}"
    try:
        document = manager.post(path)
    except ServiceRefused as error:
        if error.code in HIDDEN:
            return None
        raise
    credentials = _mapping(_mapping(document.get("properties")).get("credentials"))
    secret = credentials.get("pat") or credentials.get("password")
    user = credentials.get("username")
    return Login(
        user if isinstance(user, str) else None,
        Secret(secret) if isinstance(secret, str) and secret else None,
    )


def in_use(login: Login) -> tuple[str | None, Secret | None]:
    """Return user name and secret as they are after Azure ML has put them into a URL."""
    if login.user is None or login.secret is None:
        return None, login.secret
    return unquote(login.user), Secret(unquote(login.secret.reveal()))


def same_login(one: Login, other: Login) -> bool:
    """Tell whether two logins are the same, in constant time."""
    if (one.user, one.secret is None) != (other.user, other.secret is None):
        return False
    if one.secret is None or other.secret is None:
        return True
    return hmac.compare_digest(one.secret.reveal().encode(), other.secret.reveal().encode())


def write(
    manager: ResourceManager, workspace: Workspace, name: str, body: Mapping[str, Any]
) -> Stored:
    """Create or replace a connection, and return it as the workspace has it now.

    Raises:
        SettingError, ServiceRefused, ServiceUnavailable: As `ResourceManager.put`.
    """
    path = f"{connection_id(workspace, name)}?api-version={manager.api_version}"
    manager.put(path, body)
    found = manager.find(path)
    if found is None:
        raise ServiceRefused(
            f"The workspace {workspace} took the connection {name}, and does not have it now.",
            code="connection-gone",
            cure="See who else changes the connections of that workspace, and run it again.",
        )
    return parsed(found)


def delete(manager: ResourceManager, workspace: Workspace, name: str) -> None:
    """Delete a connection; one that is gone already is no error.

    Raises:
        SettingError, ServiceRefused, ServiceUnavailable: As `ResourceManager.delete`.
    """
    manager.delete(f"{connection_id(workspace, name)}?api-version={manager.api_version}")

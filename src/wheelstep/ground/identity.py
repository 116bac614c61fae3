"""Whom a token of Entra ID is of: for people to read, never to decide by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wheelstep.ground.secret import Secret
from wheelstep.ground.token_facts import claims_of

__all__ = ["Identity", "identity_in"]

NAMES: Final = ("upn", "unique_name", "preferred_username", "app_displayname")
"""Claims that name somebody, the plainest first (Microsoft Learn, "Access token claims
reference")."""
LONGEST: Final = 200
"""Characters of a claim that are shown."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token says of its owner; nothing of it is verified."""

    name: str | None
    """A user's principal name, or what an application is called."""
    application: str | None
    """The client's id; of a user's token that of the tool that signed in."""
    object_id: str | None
    """What role assignments are made for."""
    tenant: str | None

    def __str__(self) -> str:
        """Say it in the words of `az role assignment`: "ada@contoso.com (object id ...)"."""
        who = self.name or (f"the application {self.application}" if self.application else "")
        ids = [f"object id {self.object_id}"] if self.object_id else []
        ids += [f"tenant {self.tenant}"] if self.tenant else []
        return f"{who or 'somebody'} ({', '.join(ids)})" if ids else who or "somebody"


def identity_in(token: Secret) -> Identity | None:
    """Return whom a token is of, from its payload, which is not verified (RFC 7519).

    Args:
        token: An access token.

    Returns:
        None where it is no JWT, or says nothing of its owner.
    """
    claims = claims_of(token)
    if claims is None:
        return None

    def claim(*names: str) -> str | None:
        found = next((claims[name] for name in names if claims.get(name)), None)
        shown = "".join(c for c in found if c.isprintable()) if isinstance(found, str) else ""
        return shown[:LONGEST] or None

    found = Identity(claim(*NAMES), claim("appid", "azp"), claim("oid"), claim("tid"))
    return found if any((found.name, found.application, found.object_id)) else None

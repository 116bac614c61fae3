"""Whose credentials are whose: who somebody is, and which organization a URL belongs to.

Who signs in at a feed is decided in feed_sign_in.py, at Entra ID in entra.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit, urlunsplit

from wheelstep.ground.proxies import is_below
from wheelstep.ground.secret import Secret
from wheelstep.ground.token_facts import lifetime

__all__ = [
    "ENTRA_SCOPE",
    "GITHUB_TOKEN",
    "EntraToken",
    "IdentitySource",
    "SignIn",
    "TokenSource",
    "organization_of",
    "same_organization",
]

ENTRA_SCOPE: Final = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps as a resource of Entra ID (Microsoft Learn, "Service principals & managed
identities in Azure DevOps")."""
GITHUB_TOKEN: Final = re.compile(r"(gh[a-z]|github_pat)_\w")
SERVICES_HOSTS: Final = frozenset({"dev.azure.com", "pkgs.dev.azure.com", "feeds.dev.azure.com"})
OLDER_HOST: Final = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.(?:pkgs|feeds))?\.visualstudio\.com")


@dataclass(frozen=True, slots=True)
class SignIn:
    """A user name with a secret, and where it comes from."""

    user: str
    secret: Secret
    source: str
    """For people: "the token that was given", "the pipeline job's token"."""
    passed: tuple[str, ...] = ()
    """What was looked at before, and why it did not fit: one sentence each, without a secret."""
    note: str = ""
    """What else is configured here and would have fitted: a sentence."""
    renew: Callable[[Secret], Secret | None] | None = field(default=None, compare=False)
    """Returns a fresh secret in the place of one that is not accepted, None where there is no
    other; None: this secret is all there is."""

    def described(self, now: float) -> str:
        """Return where it comes from, with its expiry where the token says one.

        Args:
            now: Seconds since 1970.
        """
        return f"{self.source}{lifetime(self.secret, now)}"


class TokenSource(Protocol):
    """What hands out tokens that expire."""

    def token(self) -> Secret:
        """Return a token that is valid now.

        Raises:
            SettingError: Nobody is signed in.
            ServiceRefused: The sign-in was refused.
        """


@dataclass(frozen=True, slots=True)
class EntraToken:
    """A token of Entra ID, and whose it is."""

    secret: Secret
    source: str
    """For people: "the Azure CLI"."""
    passed: tuple[str, ...] = ()
    """Which identities were looked at before, and why they did not fit."""
    expires: float = float("inf")
    """Seconds since 1970."""


@runtime_checkable
class IdentitySource(TokenSource, Protocol):
    """A token source that tells whose its tokens are, and can ask for others."""

    def known(self) -> EntraToken:
        """Return a token that is valid now, and whose it is.

        Raises:
            SettingError: Nobody is signed in.
            ServiceRefused: The sign-in was refused.
        """

    def configured(self) -> str:
        """Return which identity is configured outright, for people; "" where none is. Nothing is
        asked."""

    def renewed(self, old: Secret) -> Secret | None:
        """Return a fresh token in the place of one that a service does not accept.

        Args:
            old: The one that is not accepted.

        Returns:
            None where there is no other.

        Raises:
            StepError: As `known`.
        """


def organization_of(url: str) -> str | None:
    """Return which organization of Azure DevOps Services a URL belongs to, in lower case.

    `https://dev.azure.com/ORG/...`, `https://pkgs.dev.azure.com/ORG/...`,
    `https://ORG.visualstudio.com/...` and `https://ORG.pkgs.visualstudio.com/...` are the same.

    Args:
        url: Absolute.

    Returns:
        None for every other host, and for anything but https: no token goes there.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() == "https" and parts.port in {None, 443}
    except ValueError:
        return None
    if not usable:
        return None
    host = (parts.hostname or "").lower()
    if host in SERVICES_HOSTS:
        first = unquote(parts.path.lstrip("/").partition("/")[0]).lower()
        return first or None
    older = OLDER_HOST.fullmatch(host)
    return older[1] if older and older[1] not in {"pkgs", "feeds", "app"} else None


def same_organization(collection: str, url: str) -> bool:
    """Say whether a feed's URL belongs to an organization, or to a collection of a server.

    Args:
        collection: What the agent calls its collection URI.
        url: Of the feed.
    """
    ours, theirs = organization_of(collection), organization_of(url)
    if ours is not None or theirs is not None:
        return ours == theirs
    try:
        base, place = urlsplit(collection), urlsplit(url)
    except ValueError:
        return False
    # a path that leads out of the collection again is below nothing
    if not base.hostname or not is_below(url, urlunsplit((base.scheme, base.netloc, "/", "", ""))):
        return False
    return unquote(place.path).lower().startswith(unquote(base.path).lower().rstrip("/") + "/")

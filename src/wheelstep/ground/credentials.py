"""Who signs in at an Azure Artifacts feed.

In this order: the token that was given; the pipeline job's own token, only at feeds of the job's
own organization; an Entra ID token (azure-identity), only at Azure DevOps Services. GitHub's token
is never sent to a feed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from wheelstep.errors import ServiceRefused, SettingError
from wheelstep.ground.proxies import is_below
from wheelstep.ground.secret import Secret, redact, without_credentials

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = [
    "ENTRA_SCOPE",
    "GITHUB_TOKEN",
    "EntraTokens",
    "SignIn",
    "TokenSource",
    "feed_sign_in",
    "organization_of",
    "same_organization",
]

ENTRA_SCOPE: Final = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps as a resource of Entra ID (Microsoft Learn, "Service principals & managed
identities in Azure DevOps")."""
ANY_USER: Final = "wheelstep"
"""Feeds take any user name beside a token (TwineAuthenticate: "fake username, could be
anything")."""
GITHUB_TOKEN: Final = re.compile(r"(gh[a-z]|github_pat)_\w")
SERVICES_HOSTS: Final = frozenset({"dev.azure.com", "pkgs.dev.azure.com", "feeds.dev.azure.com"})
OLDER_HOST: Final = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.(?:pkgs|feeds))?\.visualstudio\.com")
COLLECTION_NAMES: Final = ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "SYSTEM_COLLECTIONURI")
WAYS: Final = (
    "Set feed-token to a personal access token with Packaging: Read & write; or run where Azure "
    "signs in (azure/login, an Azure CLI session, a managed identity, AZURE_CLIENT_ID and its "
    "kin); in Azure Pipelines hand over the job's token (env: SYSTEM_ACCESSTOKEN: "
    "$(System.AccessToken))."
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A user name with a secret, and where it comes from."""

    user: str
    secret: Secret
    source: str
    """For people: "the token that was given", "the pipeline job's token"."""


class TokenSource(Protocol):
    """What hands out tokens that expire."""

    def token(self) -> Secret:
        """Return a token that is valid now.

        Raises:
            SettingError: Nobody is signed in.
            ServiceRefused: The sign-in was refused.
        """


class EntraTokens:
    """Entra ID tokens for Azure DevOps, from whatever identity this machine has.

    Thread-safe; the library is imported and asked when the first token is wanted, and keeps a
    token until shortly before it expires.
    """

    def __init__(self, scope: str = ENTRA_SCOPE) -> None:
        """Prepare.

        Args:
            scope: What the tokens are for: Azure DevOps, or `{endpoint}/.default` of Azure
                Resource Manager.
        """
        self._scope = scope
        self._credential: TokenCredential | None = None
        self._guard = threading.Lock()

    def token(self) -> Secret:
        """Return a token that is valid now.

        Raises:
            SettingError: Nobody is signed in to Azure here.
            ServiceRefused: Entra ID refuses the identity that is configured here.
        """
        with self._guard:
            import logging

            from azure.core.exceptions import AzureError

            # the library would print each identity it tried to standard error: our error says it
            logging.getLogger("azure").addHandler(logging.NullHandler())
            try:
                if self._credential is None:
                    from azure.identity import DefaultAzureCredential

                    self._credential = DefaultAzureCredential(
                        exclude_interactive_browser_credential=True,
                        exclude_broker_credential=True,
                        exclude_shared_token_cache_credential=True,
                        exclude_visual_studio_code_credential=True,
                    )
                return Secret(self._credential.get_token(self._scope).token)
            except (AzureError, ValueError) as error:
                raise _no_entra_token(str(error), self._scope) from error


def _no_entra_token(text: str, scope: str) -> SettingError | ServiceRefused:
    text, for_feed = redact(text), scope == ENTRA_SCOPE
    if reason := re.search(r"AADSTS\d+:?[^\r\n]*", text):
        return ServiceRefused(
            f"Entra ID refuses the identity that is configured here: {reason[0]}",
            code="entra-refused",
            cure="Mend that identity (an expired secret, a missing federated credential, a wrong "
            "tenant)" + (", or set feed-token." if for_feed else "."),
        )
    tried = [
        f"{name}: {' '.join(why.split())[:160]}"
        for name, why in re.findall(r"^\s*(\w+Credential): (.+)$", text, re.MULTILINE)
    ]
    why = f" (tried {'; '.join(tried)})." if tried else f": {text[:300]}."
    if not for_feed:
        return SettingError(
            f"No identity of Azure is signed in here{why}",
            code="not-signed-in",
            cure="Run where Azure signs in: after azure/login, in an Azure CLI session, with a "
            "managed identity, or with AZURE_CLIENT_ID and its kin.",
        )
    return SettingError(
        f"No token for the feed was given, and no identity of Azure is signed in here{why}",
        code="feed-token-missing",
        cure=WAYS,
    )


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


def feed_sign_in(
    url: str,
    *,
    user: str | None,
    token: Secret | None,
    job_token: Secret | None,
    environment: Mapping[str, str],
    entra: TokenSource,
) -> SignIn:
    """Return who signs in at a feed; asks Entra ID only when nothing else fits.

    Args:
        url: Of the feed; decides which tokens may go there.
        user: As given; feeds take any.
        token: As given.
        job_token: The pipeline job's own token, if the host handed one over.
        environment: This process's: it names the job's organization.
        entra: Where Entra ID tokens come from.

    Raises:
        SettingError: No token fits this feed, or the one given is GitHub's.
        ServiceRefused: Entra ID refuses the identity that is configured here.
    """
    name = user or ANY_USER
    if token is not None:
        if GITHUB_TOKEN.match(token.reveal()):
            raise SettingError(
                f"The token given for {without_credentials(url)} is one of GitHub's; it is not "
                "sent to Azure Artifacts, which could not use it.",
                code="feed-token-foreign",
                cure=WAYS,
            )
        return SignIn(name, token, "the token that was given")
    collection = _job_collection(environment)
    foreign = ""
    if job_token is not None and collection:
        if same_organization(collection, url):
            return SignIn(name, job_token, "the pipeline job's token")
        foreign = (
            f" The job's own token is not sent there: it belongs to "
            f"{without_credentials(collection)}."
        )
    if organization_of(url) is None:
        raise SettingError(
            f"There is no token for the feed {without_credentials(url)}.{foreign}",
            code="feed-token-missing",
            cure="Set feed-token to a personal access token with Packaging: Read & write.",
        )
    try:
        return SignIn(name, entra.token(), "an Entra ID token")
    except SettingError as error:
        raise SettingError(f"{error.message}{foreign}", code=error.code, cure=error.cure) from error


def _job_collection(environment: Mapping[str, str]) -> str:
    """Return the job's collection URI, "" outside Azure Pipelines."""
    if not environment.get("TF_BUILD") or environment.get("GITHUB_ACTIONS"):
        return ""
    return next((environment[name] for name in COLLECTION_NAMES if environment.get(name)), "")

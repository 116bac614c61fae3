"""Who signs in at a storage account, in a clear order: what was given, the variables that the Azure
CLI reads, Entra ID.

Sources: "Authorize access to data in Azure Storage" and `az storage` ("Azure Storage CLI
environment variables") of Microsoft Learn for the variables and their order.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from wheelstep.destinations.mirror_address import RIGHT_FORM, MirrorAddress
from wheelstep.errors import SettingError
from wheelstep.ground.credentials import GITHUB_TOKEN, IdentitySource
from wheelstep.ground.identity import Identity, identity_in
from wheelstep.ground.secret import Secret

__all__ = ["STORAGE_SCOPE", "BlobSignIn", "blob_sign_in"]

STORAGE_SCOPE: Final = "https://storage.azure.com/.default"
"""Azure Storage as a resource of Entra ID, in every cloud."""
CONNECTION_STRING: Final = "AZURE_STORAGE_CONNECTION_STRING"
KEY: Final = "AZURE_STORAGE_KEY"
SAS: Final = "AZURE_STORAGE_SAS_TOKEN"
ACCOUNT: Final = "AZURE_STORAGE_ACCOUNT"
FORMS: Final = (
    "Give a SAS (sv=...&sig=...), an account key (in base64), or a connection string; or none of "
    "them, and sign in with Entra ID."
)

Kind = Literal["sas", "key", "entra", "nobody"]


@dataclass(frozen=True, slots=True)
class BlobSignIn:
    """Who signs in, and as what azure-storage-blob takes it."""

    kind: Kind
    source: str
    """For people: "the SAS in AZURE_STORAGE_SAS_TOKEN"."""
    make: Callable[[], Any] = field(compare=False, repr=False)
    """Returns one of azure-core's credentials; None for nobody."""
    rights: str = ""
    """Of a SAS: the letters of its `sp`, what it may do."""
    until: str = ""
    """Of a SAS: its `se`, until when, as it says it."""
    entra: IdentitySource | None = field(default=None, compare=False, repr=False)
    """Where tokens of Entra ID come from."""

    def identity(self) -> Identity | None:
        """Return whom a token of Entra ID is of; None for others, and where it does not say.

        Raises:
            StepError: Nobody is signed in.
        """
        return identity_in(self.entra.known().secret) if self.entra is not None else None

    def described(self) -> str:
        """Return who it is, for people: of Entra ID by name, and which identity signed in.

        Raises:
            StepError: Nobody is signed in.
        """
        if self.entra is None:
            return self.source
        who = self.identity()
        by = self.entra.known().source
        return f"{who} by way of {by}" if who else f"{self.source} ({by})"


def blob_sign_in(
    address: MirrorAddress,
    token: Secret | None,
    environment: Mapping[str, str],
    entra: IdentitySource,
    *,
    anonymous: bool = False,
    told: bool = False,
) -> BlobSignIn:
    """Return who signs in.

    A token of Entra ID opens every storage account that its identity may use: it is sent to no host
    that may be anybody's.

    Args:
        address: The mirror's; what belongs to another account is passed over.
        token: What was given for this destination: a SAS, a key or a connection string.
        environment: This process's.
        entra: Whom Entra ID knows here, with tokens for storage.
        anonymous: Nobody may sign in: a pull request may have written the setting.
        told: Azure Resource Manager itself said that the account is there.

    Raises:
        SettingError: What was given is none of them, or another account's; nothing was given, and
            the host may get no token of Entra ID.
    """
    if anonymous:
        return BlobSignIn("nobody", "nobody (a pull request may have written this)", lambda: None)
    if token is not None:
        return _of_text(token, "the token that was given", address)
    if text := environment.get(CONNECTION_STRING):
        if (
            found := _of_string(Secret(text), CONNECTION_STRING, address, strict=False)
        ) is not None:
            return found
    elif environment.get(ACCOUNT, address.account).lower() == address.account:
        if text := environment.get(KEY):
            return _of_key(Secret(text), f"the account key in {KEY}", address)
        if text := environment.get(SAS):
            return _of_sas(Secret(text), f"the SAS in {SAS}")
    if address.account_url.startswith("http://"):
        raise SettingError(
            f"{address.url} is not encrypted: no token of Entra ID is sent there, and there is no "
            "key and no SAS for it.",
            code="destination-insecure",
            cure=f"Write https://, or set {CONNECTION_STRING}.",
        )
    if not (told or address.at_azure):
        raise SettingError(
            f"{address.url} is at no host name of Azure Storage's own: no token of Entra ID is "
            "sent there, since it would open every account that whoever signs in may use.",
            code="destination-foreign",
            cure=f"Write {RIGHT_FORM}, and set `serve-url` to where consumers read; or give a SAS, "
            "an account key or a connection string: `feed-token`, the table's `token-env`, "
            f"{CONNECTION_STRING}, {KEY} or {SAS}.",
        )
    return BlobSignIn("entra", "Entra ID", lambda: _Entra(entra), entra=entra)


def _of_text(token: Secret, source: str, address: MirrorAddress) -> BlobSignIn:
    text = token.reveal().strip()
    if ";" in text and "=" in text and "sig=" not in text.partition(";")[0]:
        found = _of_string(token, source, address, strict=True)
        assert found is not None  # noqa: S101 - strict raises instead
        return found
    if "sig=" in text:
        return _of_sas(token, f"the SAS in {source}" if source.isupper() else source)
    return _of_key(token, source, address)


def _of_string(
    token: Secret, source: str, address: MirrorAddress, *, strict: bool
) -> BlobSignIn | None:
    """Read a connection string ("Configure Azure Storage connection strings")."""
    pairs = (part.partition("=") for part in token.reveal().split(";") if part.strip())
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    account = fields.get("accountname", "").lower()
    endpoint = fields.get("blobendpoint", "")
    if not account and endpoint:
        parts = urlsplit(endpoint)
        account = parts.path.strip("/") or (parts.hostname or "").partition(".")[0]
    if account != address.account:
        if not strict:
            return None
        raise SettingError(
            f"The connection string in {source} is of the account "
            f"{account or '(it names none)'}, and {address.url} is in {address.account}.",
            code="storage-token-foreign",
            cure="Give that of this account.",
        )
    said = f"the connection string in {source}" if source.isupper() else source
    if key := fields.get("accountkey"):
        return _of_key(Secret(key), said, address)
    if sas := fields.get("sharedaccesssignature"):
        return _of_sas(Secret(sas), said)
    raise SettingError(
        f"The connection string in {source} has neither AccountKey nor SharedAccessSignature.",
        code="storage-token-invalid",
        cure=FORMS,
    )


def _of_key(token: Secret, source: str, address: MirrorAddress) -> BlobSignIn:
    text = token.reveal().strip()
    try:
        right = bool(text) and not GITHUB_TOKEN.match(text)
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        right = False
    if not right:
        raise SettingError(
            f"What signs in at {address.url} ({source}) is no SAS, account key or connection "
            "string.",
            code="storage-token-invalid",
            cure=FORMS,
        )

    def make() -> Any:
        from azure.core.credentials import AzureNamedKeyCredential

        # the one place where an account key is used: it signs, and is not sent
        return AzureNamedKeyCredential(address.account, text)

    return BlobSignIn("key", source, make)


def _of_sas(token: Secret, source: str) -> BlobSignIn:
    text = token.reveal().strip().lstrip("?")
    if "://" in text:  # the whole URL, as the portal shows it below the token
        text = text.partition("?")[2]
    fields = parse_qs(text)
    if "sig" not in fields:
        raise SettingError(
            f"What signs in ({source}) is no SAS: it has no signature.",
            code="storage-token-invalid",
            cure=FORMS,
        )
    for value in fields["sig"]:
        Secret(value)  # what an error's text may hold

    def make() -> Any:
        from azure.core.credentials import AzureSasCredential

        # the one place where a SAS is used
        return AzureSasCredential(text)

    rights, until = (fields.get(name, [""])[0] for name in ("sp", "se"))
    return BlobSignIn("sas", source, make, rights=rights, until=until)


class _Entra:
    """Our tokens, as azure-core's libraries ask for them."""

    def __init__(self, entra: IdentitySource) -> None:
        self._entra = entra

    def get_token(self, *_scopes: str, **_options: object) -> Any:
        """Return a token that is valid now.

        Raises:
            StepError: Nobody is signed in, or Entra ID refuses.
        """
        from azure.core.credentials import AccessToken

        found = self._entra.known()
        # the one place where storage gets a token of Entra ID
        return AccessToken(found.secret.reveal(), int(min(found.expires, 1 << 40)))

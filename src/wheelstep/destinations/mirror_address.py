"""Where a blob mirror is: the account, the container and the prefix in every form of its URL; pure.

Sources: "Naming and referencing containers, blobs, and metadata" and "Storage account overview" of
Microsoft Learn for hosts and names; Azurite's and the SDK's own convention for path-style URLs: the
account comes first in the path where the host is an address or `localhost`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from wheelstep.errors import SettingError
from wheelstep.ground.secret import without_credentials

__all__ = ["RIGHT_FORM", "MirrorAddress", "is_mirror"]

RIGHT_FORM: Final = "https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]"
SUFFIXES: Final = (
    "core.windows.net",
    "core.chinacloudapi.cn",
    "core.usgovcloudapi.net",
    "core.cloudapi.de",
    "core.microsoft.scloud",
    "core.eaglex.ic.gov",
    "storage.azure.net",
)
"""What the hosts of storage accounts end with, in every cloud: nobody but Azure has a host there
(`az cloud list`: suffixes.storageEndpoint; "Storage account overview" for DNS zones)."""
ENDPOINT: Final = re.compile(
    r"(?P<account>[a-z0-9]{3,24})(?:-secondary)?\.(?:z\d+\.)?(?P<service>blob|dfs|web)"
    rf"\.(?P<cloud>{'|'.join(map(re.escape, SUFFIXES))})"
)
"""The hosts of a storage account, in every cloud (with DNS zones: `z12.blob.storage.azure.net`)."""
CONTAINER: Final = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}|\$web|\$root")
LONGEST_NAME: Final = 1024
"""Characters of a blob's whole name."""
LONGEST_PREFIX: Final = 512
"""So that every wheel's name has room behind it."""


@dataclass(frozen=True, slots=True)
class MirrorAddress:
    """A container, and the folder in it."""

    account_url: str
    """Scheme, host and, path-style, the account; without a final slash."""
    container: str
    prefix: str
    """"" or ending in a slash."""

    @property
    def url(self) -> str:
        """The folder's URL, with a final slash; the same on every machine and without
        credentials."""
        return f"{self.account_url}/{quote(self.container, safe='$')}/{quote(self.prefix)}"

    @property
    def website(self) -> bool:
        """True for `$web`, which the account's static website serves by `index.html` alone."""
        return self.container == "$web"

    @property
    def at_azure(self) -> bool:
        """True where the host can only be Azure Storage's own; another name, a custom domain's for
        one, may be anybody's."""
        host = (urlsplit(self.account_url).hostname or "").lower()
        return host.endswith(tuple(f".{suffix}" for suffix in SUFFIXES))

    @property
    def account(self) -> str:
        """The account's name as far as the URL tells it, else the host."""
        parts = urlsplit(self.account_url)
        known = ENDPOINT.fullmatch((parts.hostname or "").lower())
        return known["account"] if known else parts.path.strip("/") or parts.netloc

    @classmethod
    def parse(cls, text: str) -> MirrorAddress:
        """Read a setting.

        Args:
            text: `https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]`, of any cloud; or
                `blob+http(s)://HOST/CONTAINER[/PREFIX]` for a custom domain, and
                `blob+http://127.0.0.1:10000/ACCOUNT/CONTAINER[/PREFIX]` for the emulator.

        Raises:
            SettingError: It is none; says the right form.
        """
        parts = _parts(text)
        host = (parts.hostname or "").lower()
        known = ENDPOINT.fullmatch(host)
        if known:
            _refuse_endpoint(text, parts.scheme, known)
            # the same account and container, by the other of its two endpoints
            host = host.replace(".dfs.", ".blob.")
        address = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port not in {None, 443} else ""
        account_url = f"{parts.scheme.lower()}://{address}{port}"
        names = [unquote(name) for name in parts.path.split("/") if name]
        if not known and _is_path_style(host):
            if not names:
                raise _wrong(text, "it names neither an account nor a container")
            account_url = f"{account_url}/{quote(names.pop(0))}"
        if not names:
            raise _wrong(text, "it names no container")
        container, *folders = names
        if not CONTAINER.fullmatch(container):
            raise _wrong(text, f"{container!r} is no container's name")
        return cls(account_url, container, _prefix(text, folders))


def is_mirror(text: str) -> bool:
    """Tell whether a URL means a mirror: by its prefix, or by a host of a storage account."""
    plain = text.strip().lower()
    if plain.startswith("blob+"):
        return True
    try:
        host = urlsplit(plain).hostname or ""
    except ValueError:
        return False
    return ENDPOINT.fullmatch(host) is not None


def _parts(text: str) -> SplitResult:
    plain = text.strip()
    if plain.lower().startswith("blob+"):
        plain = plain[len("blob+") :]
    try:
        parts = urlsplit(plain)
        _ = parts.port
    except ValueError:
        raise _wrong(text, "its host or port cannot be read") from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise _wrong(text, "it is no http or https URL")
    if parts.fragment:
        raise _wrong(text, "it has a fragment")
    return parts


def _refuse_endpoint(text: str, scheme: str, known: re.Match[str]) -> None:
    """Refuse what an account's own hosts are not written to by."""
    if scheme.lower() == "http":
        raise SettingError(
            f"{without_credentials(text)} is not encrypted: a token sent there could be read.",
            code="destination-insecure",
            cure="Write https:// instead of http://.",
        )
    if known["service"] == "web":
        raise _website(known.string, known["account"])


def _is_path_style(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _prefix(text: str, folders: list[str]) -> str:
    for name in folders:
        if name in {".", ".."} or "\\" in name or "/" in name:
            raise _wrong(text, f"{name!r} is no folder's name")
        if name.endswith("."):
            # "no path segments that end with a dot" (Naming and referencing containers and blobs)
            raise _wrong(text, f"the folder {name!r} ends with a dot")
        if any(ord(sign) < ord(" ") or sign == "\x7f" for sign in name):
            raise _wrong(text, "a folder's name holds control characters")
    prefix = "".join(f"{name}/" for name in folders)
    if len(prefix) > LONGEST_PREFIX:
        raise _wrong(text, f"its folder is longer than {LONGEST_PREFIX} characters")
    return prefix


def _wrong(text: str, why: str) -> SettingError:
    return SettingError(
        f"{without_credentials(text)} names no blob mirror: {why}.",
        code="destination-unknown",
        cure=f"Write {RIGHT_FORM}; blob+https://HOST/CONTAINER for another host name; "
        "blob+http://127.0.0.1:10000/ACCOUNT/CONTAINER for the emulator.",
    )


def _website(host: str, account: str) -> SettingError:
    cloud = host.partition(".web.")[2]
    return SettingError(
        f"{host} is where an account's static website is read; nothing can be written there.",
        code="destination-unknown",
        cure=f"Write https://{account}.blob.{cloud}/$web in publish-to, and https://{host}/ as its "
        "serve-url.",
    )

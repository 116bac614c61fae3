"""Where the API of a GitHub is, from the address of one of its repositories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["RESIDENT", "github_api"]

DOT_COM: Final = frozenset({"github.com", "www.github.com", "ssh.github.com"})
OTHERS: Final = (
    "gitlab.com", "bitbucket.org", "codeberg.org", "dev.azure.com", ".visualstudio.com",
    ".googlesource.com",
)  # fmt: skip
"""Services that are no GitHub, whatever anybody says."""
RESIDENT: Final = ".ghe.com"
"""Enterprise Cloud with data residency: SUBDOMAIN.ghe.com, whose API is api.SUBDOMAIN.ghe.com."""


def github_api(
    scheme: str, netloc: str, environment: Mapping[str, str], *, outright: bool = False
) -> str | None:
    """Return the base of the REST API of the GitHub that serves a remote, without a final slash;
    None where it cannot be known to be a GitHub.

    GraphQL is beside it: /graphql, and /api/graphql on an Enterprise Server.

    Args:
        scheme: Of the remote's URL.
        netloc: Host and port of it.
        environment: This process's: a job on GitHub names its server, which may be an Enterprise
            Server, in GITHUB_SERVER_URL, and that one's API in GITHUB_API_URL. A token is sent
            there: an API that is at another host than the server, or below it, is not heeded.
        outright: The user says that it is a GitHub: a host that is not known is an Enterprise
            Server then.
    """
    host = netloc.lower()
    if host in DOT_COM:
        return "https://api.github.com"
    if host.endswith(RESIDENT):
        return f"https://api.{host.removeprefix('api.')}"
    server = urlsplit(environment.get("GITHUB_SERVER_URL", ""))
    if (scheme, host) == (server.scheme, server.netloc.lower()):
        named = environment.get("GITHUB_API_URL", "").rstrip("/")
        return named if _is_of(named, server) else f"{scheme}://{netloc}/api/v3"
    if outright and host and not host.endswith(OTHERS):
        return f"{scheme}://{netloc}/api/v3"
    return None


def _is_of(api: str, server: SplitResult) -> bool:
    """Tell whether an API is the server's own: by its scheme, and at its host or one below it."""
    try:
        parts = urlsplit(api)
    except ValueError:
        return False
    host, own = parts.hostname or "", server.hostname or ""
    return bool(own) and parts.scheme == server.scheme and f".{host}".endswith(f".{own}")

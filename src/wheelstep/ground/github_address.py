"""Where the API of a GitHub is, from the address of one of its repositories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

__all__ = ["github_api"]

DOT_COM: Final = frozenset({"github.com", "www.github.com", "ssh.github.com"})
RESIDENT: Final = ".ghe.com"
"""Enterprise Cloud with data residency: SUBDOMAIN.ghe.com, whose API is api.SUBDOMAIN.ghe.com."""


def github_api(scheme: str, netloc: str, environment: Mapping[str, str]) -> str | None:
    """Return the base of the REST API of the GitHub that serves a remote, without a final slash;
    None where it cannot be known to be a GitHub.

    Args:
        scheme: Of the remote's URL.
        netloc: Host and port of it.
        environment: This process's: a job on GitHub names its server, which may be an Enterprise
            Server, in GITHUB_SERVER_URL, and that one's API in GITHUB_API_URL.
    """
    host = netloc.lower()
    server = urlsplit(environment.get("GITHUB_SERVER_URL", ""))
    if (scheme, host) == (server.scheme, server.netloc.lower()):
        named = environment.get("GITHUB_API_URL", "").rstrip("/")
        if named:
            return named
        if host not in DOT_COM and not host.endswith(RESIDENT):
            return f"{scheme}://{netloc}/api/v3"
    if host in DOT_COM:
        return "https://api.github.com"
    if host.endswith(RESIDENT):
        return f"https://api.{host.removeprefix('api.')}"
    return None

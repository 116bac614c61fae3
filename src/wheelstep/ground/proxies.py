"""How to reach a URL: proxies and certificate authorities from the environment, by our own hand.

requests can read the process's environment itself, but then it reads ~/.netrc too, and it asks
the process's environment where ours comes in as a parameter.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret

__all__ = ["authorities_for", "is_below", "port_of", "proxy_for"]

PORTS = {"http": 80, "https": 443}
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""In this order, as requests has it, and OpenSSL's own name last."""


def _variable(environment: Mapping[str, str], name: str) -> str:
    """Return a proxy variable; the lower-case spelling wins, as everywhere."""
    return environment.get(name.lower()) or environment.get(name.upper()) or ""


def port_of(parts: SplitResult) -> int | None:
    """Return the port, the scheme's own where none is written.

    Raises:
        ValueError: When it is no port number.
    """
    return parts.port or PORTS.get(parts.scheme.lower())


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the proxy to use for a URL, or None to go there directly.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (in either case). NO_PROXY is a list of
    `*`, host names (with or without a leading dot, each meaning its sub-domains too), addresses,
    networks like `10.0.0.0/8`, each with an optional port.

    Args:
        url: Absolute, http or https.
        environment: This process's.

    Raises:
        SettingError: The proxy is not a URL.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    proxy = _variable(environment, f"{scheme}_proxy") or _variable(environment, "all_proxy")
    if not proxy or _goes_direct(parts, _variable(environment, "no_proxy")):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        written = urlsplit(proxy)
        port_of(written)
    except ValueError:
        written = urlsplit("")
    if not written.hostname:
        raise SettingError(
            f"The proxy for {scheme} URLs, set by {scheme.upper()}_PROXY or ALL_PROXY, is no URL.",
            code="proxy-invalid",
            cure="Write it as http://HOST:PORT.",
        )
    if written.password:
        Secret(unquote(written.password))  # known for masking from here on
    return proxy


def _goes_direct(parts: SplitResult, no_proxy: str) -> bool:
    host = (parts.hostname or "").rstrip(".")
    port = port_of(parts)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for item in re.split(r"[\s,]+", no_proxy.lower()):
        entry = item
        if entry == "*":
            return True
        if address and entry:
            try:
                if address in ipaddress.ip_network(entry.strip("[]"), strict=False):
                    return True
            except ValueError:
                pass  # a name, or an address with a port: compared as such below
        name, colon, wanted_port = entry.rpartition(":")
        if colon and wanted_port.isdecimal() and (name.count(":") == 0 or name.endswith("]")):
            if int(wanted_port) != port:
                continue
            entry = name
        entry = entry.strip("[]").removeprefix("*").strip(".")
        if entry and (host == entry or (not address and host.endswith(f".{entry}"))):
            return True
    return False


def authorities_for(environment: Mapping[str, str]) -> str | bool:
    """Return the file or folder of certificate authorities, or True for the built-in ones.

    Raises:
        SettingError: The environment names a file that is not there.
    """
    for variable in CA_VARIABLES:
        if path := environment.get(variable):
            if not Path(path).exists():
                raise SettingError(
                    f"{variable} names the certificate bundle {path}, which does not exist.",
                    code="certificates-missing",
                    cure=f"Correct {variable}, or remove it.",
                )
            return path
    return True


def is_below(url: str, prefix: str) -> bool:
    """Say whether a URL lies at or below a prefix: same scheme, host and port, whole path parts.

    A URL with `.` or `..` among its parts, in any spelling, is below nothing: what the server
    makes of it cannot be told. Nor is one with a backslash: some clients end the host there.
    """
    try:
        inner, outer = urlsplit(url), urlsplit(prefix)
        same_place = (
            inner.scheme.lower() == outer.scheme.lower()
            and (inner.hostname or "") == (outer.hostname or "")
            and port_of(inner) == port_of(outer)
        )
    except ValueError:
        return False
    if not same_place or not inner.hostname or "\\" in url:
        return False
    path = [unquote(part) for part in inner.path.split("/")]
    # an encoded slash is one for many a server
    if any(each in {".", ".."} for part in path for each in re.split(r"[/\\]", part)):
        return False
    if any("\\" in part for part in path):
        return False
    wanted = [unquote(part) for part in outer.path.rstrip("/").split("/")]
    return path[: len(wanted)] == wanted or wanted == [""]

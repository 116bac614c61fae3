"""When two URLs name one index."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

__all__ = ["same_index"]

_PORTS = {"https": 443, "http": 80}


def same_index(one: str, other: str) -> bool:
    """Tell whether two URLs name one index: case of the host, user, port, last slash aside."""
    return _key(one) == _key(other)


def _key(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return "", url, None, ""
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").lower()
    return scheme, host, port or _PORTS.get(scheme), unquote(parts.path).rstrip("/")

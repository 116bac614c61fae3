"""When two URLs name one index."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from wheelstep.ground.feed_names import feed_name

__all__ = ["same_index"]

_PORTS = {"https": 443, "http": 80}


def same_index(one: str, other: str) -> bool:
    """Tell whether two URLs name one index: case of the host, user, port, last slash aside; of a
    feed of Azure Artifacts its two hosts and the case of all names, too."""
    return _key(one) == _key(other)


def _key(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return "", url, None, ""
    feed = feed_name(url)
    if feed is not None and feed.is_index:
        return "feed", feed.place, None, (feed.view or "").lower()
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").lower()
    return scheme, host, port or _PORTS.get(scheme), unquote(parts.path).rstrip("/")

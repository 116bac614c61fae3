"""Host names that mean something inside a network only; pure."""

from __future__ import annotations

import ipaddress
from typing import Final

__all__ = ["is_inside"]

INSIDE: Final = (".local", ".localhost", ".internal", ".intranet", ".lan", ".corp", ".home.arpa",
                 ".test")  # fmt: skip
"""How names end that no resolver of the internet knows."""


def is_inside(host: str) -> bool:
    """Tell whether a host name means something inside a network only: a private address, or a name
    that no resolver of the internet knows."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.lower().endswith(INSIDE)

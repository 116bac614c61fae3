"""What an access token says of itself: for people to read, never to decide by."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping

from wheelstep.ground.secret import Secret

__all__ = ["claims_of", "expiry_of", "lifetime"]


def claims_of(token: Secret) -> Mapping[str, object] | None:
    """Return a token's payload, which is not verified (RFC 7519); None where it is no JWT, as a
    personal access token is none."""
    parts = token.reveal().split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def expiry_of(token: Secret) -> dt.datetime | None:
    """Return when a token expires (`exp`, RFC 7519 4.1.4), UTC; None where it does not say."""
    seconds = (claims_of(token) or {}).get("exp")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def lifetime(token: Secret, now: float) -> str:
    """Return when a token expires or expired, as the end of a sentence: ", which expired at ...".

    "" where it does not say.

    Args:
        token: Any.
        now: Seconds since 1970.
    """
    expiry = expiry_of(token)
    if expiry is None:
        return ""
    verb = "expired" if expiry.timestamp() <= now else "expires"
    return f", which {verb} at {expiry:%Y-%m-%d %H:%M} UTC"

"""One page of a simple index, asked for over the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wheelstep.ground.simple_index import ACCEPT, parse
from wheelstep.ground.transport import Credentials, Response, Transport
from wheelstep.model import Listed

__all__ = ["SEEN", "SUPPRESS_SIGN_IN", "ask", "files_on"]

SEEN: Final = (301, 302, 303, 307, 308, 401, 403, 404, 405, 409, 410, 501)
"""Statuses that whoever asks words itself."""
SUPPRESS_SIGN_IN: Final = {"X-TFS-FedAuthRedirect": "Suppress"}
"""A wrong token is to get a 401 from Azure DevOps, not a sign-in page (as its own client does)."""


def ask(
    transport: Transport,
    url: str,
    *,
    credentials: Credentials | None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Ask for a page.

    Args:
        transport: The HTTP policy.
        url: The page's, with a final slash.
        credentials: Sent only below their prefix.
        headers: In place of the usual ones.

    Returns:
        A page, or an answer with one of the statuses of `SEEN`.

    Raises:
        ServiceRefused, ServiceUnavailable, SettingError: As `Transport.request`.
    """
    return transport.request(
        "GET",
        url,
        headers=headers or {"Accept": ACCEPT},
        credentials=credentials,
        accept_statuses=SEEN,
    )


def files_on(response: Response) -> list[Listed]:
    """Return the files that a page lists.

    Raises:
        ServiceRefused: It is no page of an index.
    """
    return parse(response.body, response.headers.get("Content-Type", ""), response.url)

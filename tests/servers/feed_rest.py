"""The REST half of the Azure-Artifacts-shaped stand-in.

Paths, bodies and answers are those of the published descriptions; what a description leaves open
(who may do what, which error) is said by the REST reference's scopes and roles, and by public
threads.
"""

from __future__ import annotations

import re

from tests.servers.feed_access import Asked, Call, RestAnswer, no, not_allowed, unknown
from tests.servers.feed_calls import ROUTES
from tests.servers.feed_locations import AREAS, locations
from tests.servers.feed_state import FeedServer

__all__ = ["rest_answer"]

HOST_PATH = re.compile(r"/([^/]+)/_apis(?P<rest>/resourceareas|/connectiondata|)/?", re.IGNORECASE)


def rest_answer(state: FeedServer, asked: Asked) -> RestAnswer:
    """Answer a REST call."""
    if match := asked.feed_path:
        return _feed_call(state, asked, match)
    host = HOST_PATH.fullmatch(asked.path)
    if host is None:
        return no(404, "PathNotFound", f"Nothing is at {asked.path}.")
    if host[1].lower() != state.organization:
        return no(404, "HostNotFoundException", "The organization does not exist.")
    if host["rest"].lower() == "/connectiondata":
        return _connection_data(state, asked.token)
    if host["rest"]:
        # an empty list tells the client to use the base URL for every area, as a server does
        split = bool(state.feeds_base)
        areas = [
            {"id": AREAS[name], "name": name, "locationUrl": f"{base}/{state.organization}/"}
            for name, base in (("Packaging", state.feeds_base), ("pypi", state.base))
            if split
        ]
        return RestAnswer(value={"count": len(areas), "value": areas})
    listed = locations(asked.areas)
    return RestAnswer(value={"count": len(listed), "value": listed})


def _connection_data(state: FeedServer, token: str | None) -> RestAnswer:
    who = state.access(token)
    if who is None:
        return no(*unknown(state, token))
    user = {"id": who.identity, "providerDisplayName": who.name, "isActive": True}
    return RestAnswer(value={"authenticatedUser": user, "authorizedUser": user})


def _feed_call(state: FeedServer, asked: Asked, match: re.Match[str]) -> RestAnswer:
    rest = (match["rest"] or "").rstrip("/")
    found = [(r, m) for r in ROUTES if r.area in asked.areas and (m := r.path.fullmatch(rest))]
    route, parts = next(((r, m) for r, m in found if r.method == asked.method), (None, None))
    if route is None or parts is None:
        status = 405 if found else 404
        return no(status, "VssResourceNotFoundException", f"Nothing is at {asked.path}.")
    place = (match["organization"], match["project"], match["feed"])
    if refused := not_allowed(state, asked.token, place, route.right, route.scope):
        return no(*refused)
    if asked.method != "GET" and not asked.has_version:
        return no(
            400,
            "VssVersionNotSpecifiedException",
            f'No api-version was supplied for the "{asked.method}" request.',
        )
    with state.lock:
        return route.do(Call(state, asked, tuple(part or "" for part in parts.groups())))

"""Holds REST calls of the GitHub stand-in against GitHub's own description, where that lies beside
the clone; routes that the slice of it has not are held against rules of the stand-in's own.

The description's paths take one part for each name, and GitHub takes slashes in a ref: what is sent
is spelled the description's way before it is compared.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

from tests.servers.arm_specs import SPECS, as_described, reason

__all__ = ["violations"]

FILE = SPECS / "api.github.com.slice.json"
HOST = "https://api.github.com"
OWN: Mapping[str, Mapping[str, type]] = {
    r"GET /repos/[^/]+/[^/]+/releases": {},
    r"POST /repos/[^/]+/[^/]+/releases": {"tag_name": str, "name": str, "body": str},
    r"POST /repos/[^/]+/[^/]+/issues/\d+/labels": {"labels": list},
    r"POST /repos/[^/]+/[^/]+/issues/\d+/comments": {"body": str},
    r"GET /repos/[^/]+/[^/]+/issues/\d+/comments": {},
    r"POST /repos/[^/]+/[^/]+/pulls/\d+/requested_reviewers": {
        "reviewers": list, "team_reviewers": list,
    },
    r"GET /repos/[^/]+/[^/]+/pulls/\d+/reviews": {},
}  # fmt: skip
"""Routes that the slice has not -> what their bodies have."""


def violations(method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What a request has that is not described.

    Args:
        method: Of the request.
        target: Path with query, below /api/v3.
        headers: As sent.
        body: As sent.
    """
    path, _, query = target.removeprefix("/api").removeprefix("/v3").partition("?")
    for route, fields in OWN.items():
        if re.fullmatch(route, f"{method} {path}"):
            document = json.loads(body) if body else {}
            wrong = [name for name, kind in fields.items()
                     if not isinstance(document.get(name), kind)]  # fmt: skip
            return [f"{name} is missing or of another kind" for name in wrong]
    if not FILE.is_file():
        return []
    api, templates = _loaded()
    ref = re.fullmatch(r"(/repos/[^/]+/[^/]+/git/(?:ref|refs|matching-refs)/)(.+)", path)
    spelled = f"{ref[1]}{quote(unquote(ref[2]), safe='')}" if ref else path
    known = next((c for t in templates if (c := as_described(t, spelled))), None)
    if known is None:
        return ["no such route"]
    kind = next((v for n, v in headers.items() if n.lower() == "content-type"), "application/json")
    request = MockRequest(
        HOST, method, known, args=dict(parse_qsl(query, keep_blank_values=True)),
        headers=dict(headers), data=body, content_type=kind,
    )  # fmt: skip
    return [reason(error) for error in api.iter_request_errors(request)]


@functools.cache
def _loaded() -> tuple[OpenAPI, list[str]]:
    document = json.loads(FILE.read_text(encoding="utf-8-sig"))
    return OpenAPI.from_dict(document), list(document["paths"])

"""Holds REST calls of the Azure Repos stand-in against the published description, where that lies
beside the clone.

It differs from what goes over the wire: the version rides in the Accept header, `item` of a change
is a document, and the kinds of content are spelled with small letters in front.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

from tests.servers.arm_specs import SPECS, as_described, reason

__all__ = ["ARE_THERE", "violations"]

FILE = SPECS / "openapi3-git.json"
ARE_THERE = FILE.is_file()
HOST = "https://dev.azure.com"
OTHERS = re.compile(r"/_apis/(connectiondata|identities)\b|/_apis$", re.IGNORECASE)
"""Of other descriptions."""


def violations(method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What a request has that its description does not allow."""
    path, _, query = target.partition("?")
    if not ARE_THERE or method == "OPTIONS" or OTHERS.search(path):
        return []
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if version := re.search(r"api-version=([\w.-]+)", headers.get("Accept", "")):
        asked["api-version"] = version[1]
    api, templates = _loaded()
    spelled = next((c for t in templates if (c := as_described(t, path))), None)
    if spelled is None:
        return ["no such route"]
    kind = headers.get("Content-Type", "application/json").partition(";")[0]
    request = MockRequest(
        HOST, method, spelled, args=asked, headers=dict(headers), data=body, content_type=kind
    )
    return [reason(error) for error in api.iter_request_errors(request)]


@functools.cache
def _loaded() -> tuple[OpenAPI, list[str]]:
    document = json.loads(FILE.read_text(encoding="utf-8-sig"))
    for item in document["paths"].values():
        for operation in item.values():
            # tokens and what they are made for are checked by the stand-in: this library cannot
            operation.pop("security", None)
    return OpenAPI.from_dict(document), list(document["paths"])

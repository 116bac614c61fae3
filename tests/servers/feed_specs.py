"""Holds REST calls of a feed against the published descriptions, where those lie beside the clone.

They differ from what goes over the wire in three ways: the version may ride in the Accept header,
lists come in a document with their count, and `value` of a JSON patch may be a text, as its own
description says.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from tests.servers.arm_specs import SPECS, as_described, reason

__all__ = ["ARE_THERE", "answer_violations", "violations"]

FILES = {
    "https://pkgs.dev.azure.com": "openapi3-pyPiApi.json",
    "https://feeds.dev.azure.com": "openapi3-feed.json",
}
ARE_THERE = all((SPECS / file).is_file() for file in FILES.values())


def violations(
    method: str, target: str, headers: Mapping[str, str], body: bytes
) -> list[str] | None:
    """What a request has that its description does not allow; None: nothing describes it."""
    found = _request(method, target, headers, body)
    return None if found is None else [reason(e) for e in found[0].iter_request_errors(found[1])]


def answer_violations(
    asked: tuple[str, str, Mapping[str, str], bytes], status: int, value: object
) -> list[str]:
    """What an answer has that the description does not allow.

    Args:
        asked: Method, target, headers and body of the request; it is described.
        status: Of the answer.
        value: What is sent as JSON; None: nothing is.
    """
    found = _request(*asked)
    assert found is not None
    api, request = found
    if isinstance(value, dict) and set(value) == {"count", "value"}:
        value = value["value"]
    answer = MockResponse(json.dumps(value).encode(), status, content_type="application/json")
    return [reason(error) for error in api.iter_response_errors(request, answer)]


def _request(
    method: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[OpenAPI, MockRequest] | None:
    path, _, query = target.partition("?")
    if "/_apis/" in path and path.count("/", 0, path.index("/_apis/")) == 1:
        # a feed of the organization: the descriptions name a project, and say to leave it out
        path = path.replace("/_apis/", "/any/_apis/", 1)
    asked = dict(parse_qsl(query, keep_blank_values=True))
    version = re.search(r"api-version=([\w.-]+)", headers.get("Accept", ""))
    if version:
        asked["api-version"] = version[1]
    for host, file in FILES.items():
        api, templates = _loaded(SPECS / file)
        spelled = next((c for t in templates if (c := as_described(t, path))), None)
        if spelled is not None:
            content = headers.get("Content-Type", "application/json").partition(";")[0]
            return api, MockRequest(
                host, method, spelled, args=asked, headers=dict(headers), data=body,
                content_type=content,
            )  # fmt: skip
    return None


@functools.cache
def _loaded(path: Path) -> tuple[OpenAPI, list[str]]:
    document = json.loads(path.read_text(encoding="utf-8-sig"))
    document["components"]["schemas"]["JsonPatchOperation"]["properties"]["value"].pop("type")
    for item in document["paths"].values():
        for operation in item.values():
            # tokens and what they are made for are checked by the stand-in: this library cannot
            operation.pop("security", None)
    return OpenAPI.from_dict(document), list(document["paths"])

"""Holds requests and answers against the published descriptions, where those lie beside the clone.

The descriptions say what a PUT body is; what a resource has beyond that, read-only, is left out of
an answer before it is compared.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

SPECS = Path(__file__).resolve().parents[2].parent / "shared" / "specs"
HOST = "https://management.azure.com"

DESCRIBED: Mapping[str, Mapping[str, str]] = {
    "microsoft.machinelearningservices": {
        "2024-10-01": "openapi-ml-2024-10-01.json",
        "2025-06-01": "openapi-ml-2025-06-01.json",
    },
    "microsoft.storage": {"2025-06-01": "openapi-storage-2025-06-01.json"},
    "microsoft.containerregistry": {"2023-07-01": "openapi-acr-2023-07-01.json"},
}

VERSIONS: Mapping[str, tuple[str, ...]] = {
    "microsoft.machinelearningservices": (
        "2022-05-01", "2022-10-01", "2023-02-01-preview", "2023-04-01", "2023-04-01-preview",
        "2023-06-01-preview", "2023-08-01-preview", "2023-10-01", "2024-01-01-preview",
        "2024-04-01", "2024-04-01-preview", "2024-10-01", "2024-10-01-preview",
        "2025-01-01-preview", "2025-06-01", "2025-09-01", "2025-12-01", "2026-03-01",
    ),
    "microsoft.storage": ("2023-05-01", "2024-01-01", "2025-01-01", "2025-06-01"),
    "microsoft.containerregistry": ("2023-07-01", "2025-04-01"),
    "microsoft.network": ("2024-05-01", "2024-07-01", "2025-01-01"),
    "microsoft.authorization": ("2015-07-01", "2018-07-01", "2022-04-01"),
    "microsoft.resources": ("2021-04-01", "2022-09-01", "2022-12-01", "2025-04-01"),
}  # fmt: skip
"""The api-versions that the stand-in knows, by namespace. One that has no description of its own
is held against the newest older one, or else the oldest."""

READ_ONLY = {"group", "createdByWorkspaceArmId", "isDefault"}
"""Of a connection: what the service adds to the properties, which the descriptions close."""


class Descriptions:
    """The published descriptions of one folder; none of them when it is not there."""

    def __init__(self, folder: Path = SPECS) -> None:
        self.folder = folder

    @property
    def are_there(self) -> bool:
        return (self.folder / "openapi-ml-2024-10-01.json").is_file()

    def violations(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> list[str]:
        """What a request has that its description does not allow.

        Args:
            method: Of the request.
            target: Path with query.
            headers: With Authorization.
            body: As sent.
        """
        found = self._request(method, target, headers, body)
        if found is None:
            return []
        api, request = found
        return [reason(error) for error in api.iter_request_errors(request)]

    def answer_violations(
        self, asked: tuple[str, str, Mapping[str, str], bytes], status: int, body: bytes
    ) -> list[str]:
        """What the stand-in's own answer has that the description does not allow.

        Args:
            asked: Method, target, headers and body of the request.
            status: Of the answer.
            body: Of the answer.
        """
        found = self._request(*asked)
        if found is None:
            return []
        api, request = found
        response = MockResponse(_settable(body), status, content_type="application/json")
        return [reason(error) for error in api.iter_response_errors(request, response)]

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[OpenAPI, MockRequest] | None:
        path, _, query = target.partition("?")
        named = re.search(r"/providers/([^/]+)", path)
        space = named[1].lower() if named else ""
        if not self.are_there or space not in DESCRIBED:
            return None
        asked = dict(parse_qsl(query, keep_blank_values=True))
        version = asked.get("api-version", "")
        described = _nearest(space, version)
        api, templates = _loaded(self.folder / DESCRIBED[space][described])
        canonical = next((c for t in templates if (c := as_described(t, path))), None)
        if canonical is None:
            return None
        if version in VERSIONS[space]:
            asked["api-version"] = described
        content = next((v for n, v in headers.items() if n.lower() == "content-type"), "")
        return api, MockRequest(
            HOST, method, canonical, args=asked, headers=dict(headers), data=body,
            content_type=content or "application/json",
        )  # fmt: skip


@functools.cache
def _loaded(path: Path) -> tuple[OpenAPI, list[str]]:
    document = json.loads(path.read_text(encoding="utf-8-sig"))
    for item in document["paths"].values():
        for parameter in item.get("parameters", ()):
            # a template's name has its parents' in front ("account/default"), a path's part has not
            if "/" in parameter["schema"].get("pattern", ""):
                del parameter["schema"]["pattern"]
    return OpenAPI.from_dict(document), list(document["paths"])


def _nearest(space: str, version: str) -> str:
    versions = sorted(DESCRIBED[space])
    return max((one for one in versions if one <= version), default=versions[0])


def as_described(template: str, path: str) -> str | None:
    """The path with the template's own spelling (ARM compares without case), None: another."""
    ours, theirs = template.split("/"), path.rstrip("/").split("/")
    if len(ours) != len(theirs):
        return None
    spelled = []
    for wanted, given in zip(ours, theirs, strict=True):
        if not wanted.startswith("{") and wanted.lower() != given.lower():
            return None
        spelled.append(given if wanted.startswith("{") else wanted)
    return "/".join(spelled)


def _settable(body: bytes) -> bytes:
    try:
        document: Any = json.loads(body)
    except ValueError:
        return body
    if isinstance(document, dict) and isinstance(document.get("properties"), dict):
        inner = document["properties"]
        document["properties"] = {k: v for k, v in inner.items() if k not in READ_ONLY}
    return json.dumps(document).encode()


NAMING = {"required", "unevaluatedProperties", "additionalProperties"}
"""Of these the message names keys; of the others it repeats the value, which may be a secret."""


def reason(error: BaseException) -> str:
    """What an error says, without the values that were sent."""
    return " / ".join(dict.fromkeys(_told(error)))


def _told(error: BaseException) -> Iterator[str]:
    schema_errors = getattr(error, "schema_errors", None)
    if not schema_errors:
        yield str(error).partition(": Value {")[0]
    for one in schema_errors or ():
        where = "/".join(str(part) for part in one.absolute_path) or "the value"
        yield one.message if one.validator in NAMING else f"{where} breaks {one.validator!r}"
    if error.__cause__ is not None and isinstance(error.__cause__, (OpenAPIError, ValueError)):
        yield from _told(error.__cause__)

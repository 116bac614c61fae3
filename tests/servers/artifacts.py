"""A stand-in of Azure ML's artifact service over TLS, with the routes that azureml-core sends, in
front of a real store.

    with artifact_service(authority, store, host) as service:
        service.url                  # what a workspace's discoveryUrl begins with
        service.denied = True        # whoever signs in has no right at the workspace
        service.reads_only = True    # or the role Reader there
        service.loses = "write/"     # works on the next request of this route, and hangs up
        service.registered           # file names, uploaded or not
        service.asked                # "POST .../batch/metadata/..." of each request
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from tests.ground.web import Answer, Asked, Web
from tests.servers.authority import secure
from tests.servers.azurite import ACCOUNT, KEY, Azurite

__all__ = ["Artifacts", "artifact_service"]

CONTAINER = "azureml"
FOLDER = "Environment/azureml-private-packages"
BASE = "/artifact/v2.0/subscriptions/"
JSON = {"Content-Type": "application/json; charset=utf-8"}
PAGE = 2


@dataclass
class Artifacts:
    """What it holds."""

    store: Azurite
    host: str
    """The name of the storage account's host, as URLs name it."""
    url: str = ""
    registered: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    denied: bool = False
    reads_only: bool = False
    loses: str = ""
    """A route begins like this; it is done once, and hung up on without a reply."""
    tokens: set[str] = field(default_factory=set)

    def answer(self, asked: Asked) -> Answer:
        path, _, query = asked.path.partition("?")
        self.asked.append(f"{asked.method} {path}")
        header = asked.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            return _error(401, "UserError", "No authorization")
        self.tokens.add(header.removeprefix("Bearer "))
        if self.denied:
            return _error(403, "UserError", "The user does not have permissions for operation.")
        parts = path.partition(BASE)[2].split("/artifacts/")
        if len(parts) != 2 or "/workspaces/" not in parts[0]:
            return _error(404, "UserError", "No such route")
        values = {name: found[0] for name, found in parse_qs(query).items()}
        route = unquote(parts[1])
        if self.reads_only and route.startswith(("batch/", "write/")):
            return _error(403, "UserError", "The user does not have permissions for operation.")
        answer = self._route(asked, route, values)
        if self.loses and route.startswith(self.loses):
            self.loses = ""
            answer.drop = True
        return answer

    def _route(self, asked: Asked, route: str, values: dict[str, str]) -> Answer:
        match asked.method, route:
            case "POST", route if route == f"batch/metadata/{FOLDER}":
                assert asked.headers["Content-Type"] == "application/json-patch+json"
                return self._created([one["path"] for one in json.loads(asked.body)["paths"]])
            case "GET", route if route.startswith(f"contentinfo/{FOLDER}/"):
                return self._information(route.rpartition("/")[2], write=False)
            case "GET", route if route.startswith(f"write/{FOLDER}/"):
                return self._information(route.rpartition("/")[2], write=True)
            case "GET", route if route == FOLDER:
                return self._listed(int(values.get("continuationToken", "0")))
            case _:
                return _error(404, "UserError", f"No such route: {route}")

    def _created(self, files: list[str]) -> Answer:
        errors, content = {}, {}
        for file in files:
            if file in self.registered:
                message = f"Resource Conflict: ArtifactId {FOLDER}/{file} already exists."
                errors[file] = {"error": {"code": "UserError", "message": message}}
            else:
                self.registered.append(file)
                content[file] = self.content(file, write=True)
        artifacts = {file: _artifact(file) for file in content}
        return _json({"artifacts": artifacts, "artifactContentInformation": content,
                      "errors": errors})  # fmt: skip

    def _information(self, file: str, *, write: bool) -> Answer:
        if file not in self.registered:
            return _error(404, "UserError", f"Artifact {FOLDER}/{file} was not found.")
        return _json(self.content(file, write=write))

    def _listed(self, start: int) -> Answer:
        page = self.registered[start : start + PAGE]
        more = start + PAGE < len(self.registered)
        return _json({"value": [_artifact(file) for file in page], "nextLink": None,
                      "continuationToken": str(start + PAGE) if more else None})  # fmt: skip

    def content(self, file: str, *, write: bool) -> dict[str, str]:
        """What is told of where a file is, with a signature."""
        name = f"{FOLDER}/{file}"
        letters = BlobSasPermissions(read=True, create=write, write=write)
        ends = datetime.now(UTC) + timedelta(hours=1)
        signed = generate_blob_sas(
            ACCOUNT, CONTAINER, name, account_key=KEY, permission=letters, expiry=ends
        )
        uri = f"https://{self.host}/{CONTAINER}/{quote(name)}?{signed}"
        return {**_artifact(file), "contentUri": uri}


def _artifact(file: str) -> dict[str, str]:
    origin, container = FOLDER.split("/")
    return {"artifactId": f"{FOLDER}/{file}", "origin": origin, "container": container,
            "path": file}  # fmt: skip


def _json(document: Any) -> Answer:
    return Answer(200, JSON, json.dumps(document).encode())


def _error(status: int, code: str, message: str) -> Answer:
    document = {"error": {"code": code, "message": message}}
    return Answer(status, JSON, json.dumps(document).encode())


@contextmanager
def artifact_service(authority: Path, store: Azurite, host: str) -> Iterator[Artifacts]:
    """Serve it.

    Args:
        authority: A certificate for 127.0.0.1 with its key.
        store: Where wheels are.
        host: The name of the storage account's host.
    """
    held = Artifacts(store, host)
    with Web(answer=held.answer, tls=secure(authority)) as web:
        held.url = web.url
        yield held

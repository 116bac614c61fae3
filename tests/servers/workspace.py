"""A workspace's environments in Azure Resource Manager's shapes, and who signs in there."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

from tests.ground.web import Answer, Asked

TOKEN = "entra-token-of-the-test"
PAGE = 3


class Workspace:
    """A workspace with environments, three versions a page; it takes one token only."""

    def __init__(self, workspace: str) -> None:
        self.id = workspace
        self.environments: dict[str, list[str]] = {}
        self.base = ""
        """Where it is served."""
        self.trouble: list[Answer] = []
        """Given in place of the answers to the next requests."""

    def answer(self, asked: Asked) -> Answer:
        if asked.headers["Authorization"] != f"Bearer {TOKEN}":
            return refused(401, "AuthenticationFailed", "Authentication failed.")
        if self.trouble:
            return self.trouble.pop(0)
        parts = urlsplit(asked.path)
        query = parse_qs(parts.query)
        assert query["api-version"] == ["2024-10-01"]
        folder, _, rest = parts.path.partition("/environments/")
        name, _, kind = rest.partition("/")
        assert (folder, kind) == (self.id, "versions")
        if name not in self.environments:
            return refused(404, "UserError", f"Environment {name} not found.")
        assert query["listViewType"] == ["All"]
        skip = int(query.get("$skip", ["0"])[0])
        versions = self.environments[name][skip : skip + PAGE]
        page: dict[str, object] = {
            "value": [{"id": f"{parts.path}/{one}", "name": one} for one in versions]
        }
        if skip + PAGE < len(self.environments[name]):
            following = f"{asked.path.partition('&$skip')[0]}&$skip={skip + PAGE}"
            page["nextLink"] = self.base + following
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(page).encode())


def refused(status: int, code: str, message: str) -> Answer:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Answer(status, {"Content-Type": "application/json"}, body)


def managed_identity(asked: Asked) -> Answer:
    """Answer as App Service's endpoint for managed identities does (azure-identity asks it)."""
    if asked.headers["X-IDENTITY-HEADER"] != "secret-of-the-host":
        return Answer(401)
    body = {
        "access_token": TOKEN,
        "expires_on": str(int(time.time()) + 3600),
        "resource": parse_qs(urlsplit(asked.path).query)["resource"][0],
        "token_type": "Bearer",
    }
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

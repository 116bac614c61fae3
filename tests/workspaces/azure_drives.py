"""Run by the Python that has azure-ai-ml: drives a service with Microsoft's own client.

Standard input: JSON, {"subscription", "group", "workspace", "token", "steps": [[name, arguments]]}.
Standard output: JSON, for each step what came of it, or {"error": class, "message"}.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

logging.disable(logging.CRITICAL)


class Credential:
    """Has one token."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_token(self, *_: str, **__: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken(self.text, int(time.time()) + 3600)


def plain(connection: Any) -> dict[str, Any]:
    credentials = connection.credentials
    return {
        "name": connection.name,
        "type": connection.type,
        "target": connection.target,
        "authentication": credentials and getattr(credentials.type, "value", credentials.type),
        "credentials": credentials
        and {k: getattr(credentials, k, None) for k in ("pat", "username", "password")},
        "metadata": dict(connection.metadata or {}),
        "shared": connection.is_shared,
    }


def connect(client: Any, credentials: Mapping[str, str], **given: Any) -> Any:
    from azure.ai.ml import entities

    kinds = {
        "pat": entities.PatTokenConfiguration,
        "password": entities.UsernamePasswordConfiguration,
    }
    fitting = next((one for key, one in kinds.items() if key in credentials), None)
    made = fitting(**credentials) if fitting else None
    entity = entities.WorkspaceConnection(**given, credentials=made)
    return plain(client.connections.create_or_update(entity))


def register(client: Any, **given: Any) -> Any:
    from azure.ai.ml.entities import Environment

    made = client.environments.create_or_update(Environment(**given))
    return {"name": made.name, "version": made.version}


def environment(client: Any, **asked: Any) -> Any:
    found = client.environments.get(**asked)
    return {"version": found.version, "image": found.image, "conda": found.conda_file}


def workspace(client: Any) -> Any:
    found = client.workspaces.get(client.workspace_name)
    return [found.name, found.image_build_compute, found.public_network_access]


def compute(client: Any, name: str) -> Any:
    found = client.compute.get(name)
    return [found.type, found.size, found.network_settings.subnet]


STEPS: Mapping[str, Callable[..., Any]] = {
    "connect": connect,
    "get": lambda client, **asked: plain(client.connections.get(**asked)),
    "list": lambda client, **asked: [plain(one) for one in client.connections.list(**asked)],
    "delete": lambda client, **asked: client.connections.delete(**asked),
    "register": register,
    "environment": environment,
    "versions": lambda client, **asked: [v.version for v in client.environments.list(**asked)],
    "workspace": workspace,
    "compute": compute,
}


def main() -> None:
    from azure.ai.ml import MLClient

    asked = json.load(sys.stdin)
    place = (asked["subscription"], asked["group"], asked["workspace"])
    client = MLClient(Credential(asked["token"]), *place, cloud="LocalCloud")
    results = []
    for name, arguments in asked["steps"]:
        try:
            results.append(STEPS[name](client, **arguments))
        except Exception as error:  # noqa: BLE001 - what the client raises is the result
            results.append({"error": type(error).__name__, "message": str(error)})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()

"""What a workspace answers: connections, environments, computes.

Sources: the REST reference of Microsoft.MachineLearningServices (Workspace Connections, Environment
Containers, Environment Versions, Compute).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.servers.arm_answers import Reply, of_the_workspace
from tests.servers.arm_state import MADE, Document, Workspace

SPACE = "Microsoft.MachineLearningServices"
CREDENTIALS: Mapping[str, set[str]] = {
    "PAT": {"pat"},
    "UsernamePassword": {"username", "password"},
    "None": set(),
    "SAS": {"sas"},
    "ApiKey": {"key"},
}
"""Which credentials go with which authType: the published description does not say."""
IMMUTABLE = ("image", "condaFile", "build", "osType", "inferenceConfig")
"""Of an environment's version: description and tags may change ("Environments are versioned",
how-to-manage-environments-v2)."""


@dataclass(frozen=True)
class Call:
    """One request to something below a workspace."""

    workspace: Workspace
    method: str
    names: tuple[str, ...]
    """Of the things below the workspace, outermost first; the last one is missing for a list."""
    query: Mapping[str, str]
    body: Any
    url: str
    """Absolute, with query: what a nextLink is made from."""
    page: int
    """Items of a list that are given at once."""


def _paged(call: Call, items: Sequence[Document]) -> Reply:
    skip = int(call.query.get("$skip", "0"))
    top = int(call.query.get("$top", len(items) or 1))
    page: Document = {"value": list(items[skip : min(skip + call.page, top)])}
    if skip + call.page < min(len(items), top):
        page["nextLink"] = f"{re.sub(r'&[$]skip=[0-9]+', '', call.url)}&$skip={skip + call.page}"
    return Reply(200, page)


def _named(found: Mapping[str, Any], name: str) -> str | None:
    """The key as it is held (ARM compares names without case)."""
    return next((key for key in found if key.lower() == name.lower()), None)


# ------------------------------------------------------------------------------- connections


def _connection(call: Call, name: str, *, secrets: bool) -> Document:
    held = copy.deepcopy(call.workspace.connections[name])
    if not secrets:
        held["properties"].pop("credentials", None)
        held["properties"].pop("value", None)
    held["properties"]["group"] = "ServicesAndApps"
    held["properties"]["createdByWorkspaceArmId"] = call.workspace.id
    return {
        "id": f"{call.workspace.id}/connections/{name}",
        "name": name,
        "type": f"{SPACE}/workspaces/connections",
        **held,
    }


def _no_connection(name: str) -> Reply:
    text = f"Connection {name} can't be found in this workspace"
    return of_the_workspace(404, "UserError", text)


def list_connections(call: Call) -> Reply:
    wanted = {k: v for k, v in call.query.items() if k in {"category", "target"}}
    items = [
        _connection(call, name, secrets=False)
        for name, held in sorted(call.workspace.connections.items())
        if all(held["properties"].get(k) == v for k, v in wanted.items())
    ]
    return _paged(call, items)


def get_connection(call: Call) -> Reply:
    if (name := _named(call.workspace.connections, call.names[0])) is None:
        return _no_connection(call.names[0])
    return Reply(200, _connection(call, name, secrets=False))


def list_secrets(call: Call) -> Reply:
    if (name := _named(call.workspace.connections, call.names[0])) is None:
        return _no_connection(call.names[0])
    return Reply(200, _connection(call, name, secrets=True))


def delete_connection(call: Call) -> Reply:
    if (name := _named(call.workspace.connections, call.names[0])) is None:
        return Reply(204)
    del call.workspace.connections[name]
    return Reply(200)


def put_connection(call: Call) -> Reply:
    properties = call.body.get("properties") if isinstance(call.body, dict) else None
    if not isinstance(properties, dict):
        return of_the_workspace(400, "ValidationError", "The property 'properties' is required.")
    if (trouble := _unfitting(call.names[0], properties)) is not None:
        return of_the_workspace(400, "ValidationError", trouble)
    held = {"isSharedToAll": False, "metadata": {}, **copy.deepcopy(properties)}
    if "expiryTime" in held:  # an instant comes back in the service's own spelling
        held["expiryTime"] = _instant(held["expiryTime"])
    name = _named(call.workspace.connections, call.names[0]) or call.names[0]
    made = call.workspace.connections.get(name, {}).get("systemData", MADE)
    changed = {"lastModifiedAt": "2026-11-22T10:11:12.1314151Z", "lastModifiedBy": "wheelstep"}
    call.workspace.connections[name] = {"properties": held, "systemData": {**made, **changed}}
    return Reply(200, _connection(call, name, secrets=False))


def _unfitting(name: str, properties: Document) -> str | None:
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}", name):
        return f"The connection name '{name}' is not valid."
    kind = properties.get("authType")
    wanted = CREDENTIALS.get(str(kind))
    if wanted is None:
        return f"The authType '{kind}' is not supported."
    if not properties.get("target") or not properties.get("category"):
        return "The properties 'target' and 'category' are required."
    given = properties.get("credentials") or {}
    if set(given) != wanted or not all(isinstance(one, str) and one for one in given.values()):
        return f"The credentials do not fit the authType '{kind}'."
    if "expiryTime" in properties and _instant(properties["expiryTime"]) is None:
        return "The property 'expiryTime' is no date and time."
    return None


def _instant(text: str) -> str | None:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return None
    if given.tzinfo is None:
        return None
    return given.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


# ------------------------------------------------------------------------------ environments


def _numbers(versions: Mapping[str, Document]) -> list[int]:
    return [int(one) for one in versions if one.isdecimal()]


def _container(call: Call, name: str) -> Document:
    versions = call.workspace.environments[name]
    return {
        "id": f"{call.workspace.id}/environments/{name}",
        "name": name,
        "type": f"{SPACE}/workspaces/environments",
        "properties": {
            "isArchived": False,
            "latestVersion": next(reversed(versions), None),
            "nextVersion": str(max(_numbers(versions), default=0) + 1),
            "provisioningState": "Succeeded",
            "tags": {},
            "properties": {},
        },
        "systemData": dict(MADE),
    }


def _version(call: Call, name: str, version: str) -> Document:
    return {
        "id": f"{call.workspace.id}/environments/{name}/versions/{version}",
        "name": version,
        "type": f"{SPACE}/workspaces/environments/versions",
        "properties": {
            "osType": "Linux",
            "environmentType": "UserCreated",
            "provisioningState": "Succeeded",
            "isAnonymous": False,
            "isArchived": False,
            "tags": {},
            **copy.deepcopy(call.workspace.environments[name][version]),
        },
        "systemData": dict(MADE),
    }


def _no_environment(call: Call) -> Reply:
    said = " version ".join(call.names)
    return of_the_workspace(404, "UserError", f"Environment {said} not found.")


def list_environments(call: Call) -> Reply:
    return _paged(call, [_container(call, name) for name in sorted(call.workspace.environments)])


def get_environment(call: Call) -> Reply:
    if call.names[0] not in call.workspace.environments:
        return _no_environment(call)
    return Reply(200, _container(call, call.names[0]))


def list_versions(call: Call) -> Reply:
    name = call.names[0]
    if name not in call.workspace.environments:
        return _no_environment(call)
    view = call.query.get("listViewType", "ActiveOnly")
    shown = {"All": {True, False}, "ActiveOnly": {False}, "ArchivedOnly": {True}}[view]
    found = [_version(call, name, one) for one in reversed(call.workspace.environments[name])]
    return _paged(call, [one for one in found if one["properties"]["isArchived"] in shown])


def get_version(call: Call) -> Reply:
    name, version = call.names
    if version not in call.workspace.environments.get(name, {}):
        return _no_environment(call)
    return Reply(200, _version(call, name, version))


def put_version(call: Call) -> Reply:
    name, version = call.names
    properties = call.body.get("properties") if isinstance(call.body, dict) else None
    if not isinstance(properties, dict) or ("image" in properties) == ("build" in properties):
        text = "Exactly one of image and build must be given."
        return of_the_workspace(400, "ValidationError", text)
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}", name):
        return of_the_workspace(400, "UserError", f"Environment name {name} is not valid.")
    if name.lower().startswith(("azureml", "microsoft")):
        text = f"Environment name can not start with the prefix {name[:9]}."
        return of_the_workspace(400, "UserError", text)
    versions = call.workspace.environments.setdefault(name, {})
    held = versions.get(version)
    defaults = {"osType": "Linux"}
    if held is not None and any(
        held.get(key, defaults.get(key)) != properties.get(key, defaults.get(key))
        for key in IMMUTABLE
    ):
        said = f"Environment {name} with version {version} is already registered"
        return of_the_workspace(409, "UserError", f"{said} and cannot be changed.")
    versions[version] = {**(held or {}), **copy.deepcopy(properties)}
    return Reply(201 if held is None else 200, _version(call, name, version))


# ---------------------------------------------------------------------------------- computes


def _compute(call: Call, name: str) -> Document:
    return {
        "id": f"{call.workspace.id}/computes/{name}",
        "name": name,
        "type": f"{SPACE}/workspaces/computes",
        "location": call.workspace.document["location"],
        "tags": {},
        "properties": copy.deepcopy(call.workspace.computes[name]),
    }


def list_computes(call: Call) -> Reply:
    return _paged(call, [_compute(call, name) for name in sorted(call.workspace.computes)])


def get_compute(call: Call) -> Reply:
    if (name := _named(call.workspace.computes, call.names[0])) is None:
        text = f"The specified resource was not found: compute {call.names[0]}."
        return of_the_workspace(404, "ResourceNotFound", text)
    return Reply(200, _compute(call, name))


ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("GET", "connections"): list_connections,
    ("GET", "connections/*"): get_connection,
    ("PUT", "connections/*"): put_connection,
    ("DELETE", "connections/*"): delete_connection,
    ("POST", "connections/*/listsecrets"): list_secrets,
    ("GET", "environments"): list_environments,
    ("GET", "environments/*"): get_environment,
    ("GET", "environments/*/versions"): list_versions,
    ("GET", "environments/*/versions/*"): get_version,
    ("PUT", "environments/*/versions/*"): put_version,
    ("GET", "computes"): list_computes,
    ("GET", "computes/*"): get_compute,
}
"""By method and form: types in lower case, `*` for each name."""

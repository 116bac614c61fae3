"""The JSON schema of the settings: what [tool.wheelstep] and wheelstep.toml may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wheelstep.options import OPTIONS, Kind, Option

__all__ = [
    "ALLOW_KEYS",
    "CONNECTION_KEYS",
    "DESTINATION_KEYS",
    "settings_schema",
    "validate_pyproject_schema",
]

TEXTS: Final = {"type": "array", "items": {"type": "string"}}

DESTINATION_KEYS: Final = {
    "url": "The destination: a URL or a folder.",
    "name": "What messages call it.",
    "serve-url": "The base URL at which consumers read it, when it is not where it is written.",
    "view": "The feed view to promote to, last of the publishing.",
    "user": "The user name to publish with.",
    "token-env": "The environment variable that holds the token or password.",
}

CONNECTION_KEYS: Final = {
    "name": "The connection's name in the workspace.",
    "target": "The base URL that Azure ML matches index URLs against.",
    "category": "PythonFeed, or Git.",
    "auth-type": "pat, username_password or none.",
    "user": "The user name that goes with a password.",
    "token-env": "The environment variable that holds the token or password.",
    "expires": "The day on which the token expires: YYYY-MM-DD.",
    "shared": "Whether all members of the workspace may use it: true or false.",
}

ALLOW_KEYS: Final = {
    "code": "The code of the finding, e.g. dependency-confusion.",
    "name": "The package it is excused for; * for all.",
    "reason": "Why; the report repeats it.",
}


OTHER_TYPES: Final[dict[str, dict[str, Any]]] = {"shared": {"type": "boolean"}}
"""Keys of tables that hold something else than a text."""


def _table(keys: Mapping[str, str], required: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            key: OTHER_TYPES.get(key, {"type": "string", "minLength": 1}) | {"description": meaning}
            for key, meaning in keys.items()
        },
        "required": [*required],
        "additionalProperties": False,
    }


def _tables(keys: Mapping[str, str], required: Sequence[str], text: str) -> dict[str, Any]:
    items = {"oneOf": [{"type": "string"}, _table(keys, required)]}
    return {"oneOf": [{"type": "array", "items": items}, {"type": "string", "description": text}]}


FORMS: Final[dict[Kind, dict[str, Any]]] = {
    "text": {"type": "string"},
    "list": {"oneOf": [TEXTS, {"type": "string", "description": "One a line."}]},
    "definitions": {
        "oneOf": [
            TEXTS,
            {"type": "string", "description": "One a line."},
            {
                "type": "object",
                "description": "Files or globs, each with the workspaces that read it.",
                "additionalProperties": TEXTS,
            },
        ]
    },
    "switch": {"type": "boolean"},
    "number": {"type": "integer", "minimum": 1, "maximum": 1000},
    "destinations": _tables(DESTINATION_KEYS, ["url"], "One a line."),
    "connections": {
        "oneOf": [
            {"type": "array", "items": _table(CONNECTION_KEYS, ["target"])},
            {"type": "string", "description": "The name of the one connection."},
        ]
    },
    "allow": _tables(ALLOW_KEYS, [*ALLOW_KEYS], "One a line."),
}
"""The form of a value; a choice has its own, and a secret is never in a file."""


def settings_schema() -> dict[str, Any]:
    """Return the JSON schema (draft-07) of the settings' table."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:wheelstep:settings:1",
        "title": "wheelstep",
        "description": "The settings of wheelstep: [tool.wheelstep] in pyproject.toml, or "
        "wheelstep.toml.",
        "type": "object",
        "properties": {row.name: _property(row) for row in OPTIONS if row.in_file},
        "additionalProperties": False,
    }


def _property(row: Option) -> dict[str, Any]:
    text = f"{row.meaning} Default: {row.default}."
    if row.kind == "choice":
        return {"enum": [*row.choices], "description": text}
    return FORMS[row.kind] | {"description": text}


def validate_pyproject_schema(tool_name: str) -> dict[str, Any]:
    """Return the schema of [tool.wheelstep], as validate-pyproject asks its plug-ins for it.

    Args:
        tool_name: The table's name below `tool`.

    Raises:
        ValueError: It is not ours.
    """
    if tool_name != "wheelstep":
        raise ValueError(f"wheelstep has no schema for the table {tool_name}")
    return settings_schema()

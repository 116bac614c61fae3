"""A connection for whoever may make it: the YAML of `az ml connection create --file`, without its
secret.

Source: the YAML reference of Azure ML connections ("Python feed", "Git"), and `az ml connection
create --set credentials.pat=...`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import yaml

from wheelstep.ground.connections import Connection
from wheelstep.model import Workspace
from wheelstep.workspaces.commands import place_options
from wheelstep.workspaces.connection import login_of

__all__ = ["printed"]

TYPES: Final = {"PythonFeed": "python_feed", "Git": "git"}
LATER: Final = "SET_WHEN_CREATING"
"""Stands in the file where the secret belongs."""


def printed(connection: Connection, workspaces: Sequence[Workspace]) -> str:
    """Return a file for one connection, with the command that makes it as a comment.

    Args:
        connection: With a name and a target.
        workspaces: Where it belongs.
    """
    body: dict[str, Any] = {
        "name": connection.name,
        "type": TYPES[connection.category],
        "target": connection.target,
        "is_shared": connection.shared,
    }
    fill = ""
    if connection.auth_type == "PAT":
        body["credentials"] = {"type": "pat", "pat": LATER}
        fill = ' --set credentials.pat="$CONNECTION_TOKEN"'
    elif connection.auth_type == "UsernamePassword":
        user = login_of(connection).user
        body["credentials"] = {
            "type": "username_password",
            "username": user or LATER,
            "password": LATER,
        }
        # Azure ML puts it into a URL as it is
        fill = ' --set credentials.password="$CONNECTION_PASSWORD_URL_ENCODED"'
    lines = [
        f"# {connection.name}.yml; for each workspace, with the secret in the variable:",
        *(
            f"#   az ml connection create --file {connection.name}.yml{fill} {place_options(one)}"
            for one in workspaces or [Workspace("SUBSCRIPTION", "GROUP", "NAME")]
        ),
    ]
    if connection.expires is not None:
        lines.append(
            f"# its token expires on {connection.expires:%Y-%m-%d}: `az ml` does not keep it"
        )
    return "\n".join(lines) + "\n" + yaml.safe_dump(body, sort_keys=False)

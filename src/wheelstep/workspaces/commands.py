"""Commands of `az ml` for people to copy: with all that they need, quoted for a shell."""

from __future__ import annotations

import shlex

from wheelstep.model import Workspace

__all__ = ["delete_connection", "of_workspace", "place_options"]


def place_options(workspace: Workspace) -> str:
    """Return how `az ml` is told in which workspace something is."""
    return (
        f"--resource-group {shlex.quote(workspace.group)} "
        f"--workspace-name {shlex.quote(workspace.name)} --subscription {workspace.subscription}"
    )


def of_workspace(workspace: Workspace, verb: str, *options: str) -> str:
    """Return the command that does something to a workspace itself.

    Args:
        workspace: Which.
        verb: "update", "provision-network".
        options: Further words, as they shall stand there.
    """
    words = (
        f"az ml workspace {verb} --name {shlex.quote(workspace.name)}",
        f"--resource-group {shlex.quote(workspace.group)}",
        f"--subscription {workspace.subscription}",
        *options,
    )
    return " ".join(words)


def delete_connection(workspace: Workspace, name: str) -> str:
    """Return the command that deletes a connection."""
    return f"az ml connection delete --name {shlex.quote(name)} {place_options(workspace)}"

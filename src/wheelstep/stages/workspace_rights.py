"""Rights that a run will need in a workspace, looked at before anything is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wheelstep.errors import ServiceRefused, StepError
from wheelstep.model import Workspace
from wheelstep.stages.run import Run

if TYPE_CHECKING:
    from wheelstep.ground.identity import Identity

__all__ = ["CONNECT", "REGISTER", "SEE_CONNECTIONS", "SEE_VERSIONS", "lacking"]

# what a release does in a workspace, as Azure names it
SPACE: Final = "Microsoft.MachineLearningServices/workspaces"
SEE_CONNECTIONS: Final = f"{SPACE}/connections/read"
CONNECT: Final = f"{SPACE}/connections/write"
SEE_VERSIONS: Final = f"{SPACE}/environments/versions/read"
REGISTER: Final = f"{SPACE}/environments/versions/write"


def lacking(run: Run, workspace: Workspace, action: str, purpose: str) -> ServiceRefused | None:
    """Return the error for a right that is certainly not there; None where it is, or where Azure
    does not say: then the service has the last word.

    Args:
        run: The run; each workspace is asked once.
        workspace: Where.
        action: As Azure names it.
        purpose: What it is needed for, to go on after "to".
    """
    from wheelstep.workspaces.facts import Unread, read_permissions
    from wheelstep.workspaces.refusals import assignment, role_for
    from wheelstep.workspaces.rights import allowed

    if run.trigger.pull_request:
        return None  # it writes nothing, and has an identity of its own
    key = str(workspace).lower()
    if key not in run.permissions:
        run.permissions[key] = read_permissions(run.resource_manager, workspace)
    found = run.permissions[key]
    if isinstance(found, Unread) or allowed(found, action) is not False:
        return None
    who = _identity(run)
    role = role_for(action)
    command = assignment(who.object_id, role, workspace.id) if who and who.object_id else ""
    return ServiceRefused(
        f"The identity that runs this{f', {who},' if who else ''} may not do {action} in the "
        f"workspace {workspace}, which is needed to {purpose}. Nothing was published.",
        code="right-missing",
        cure=f"Give it the role {role!r}, or another with that action"
        + (f":\n  {command}\n" if command else ". ")
        + "A new assignment takes effect within minutes.",
    )


def _identity(run: Run) -> Identity | None:
    try:
        return run.resource_manager.identity()
    except StepError:  # who it is helps, and is not what this is about
        return None

"""What an identity may do in a workspace, from the permissions that Azure lists for it: pure.

Source: REST reference, "Permissions - List For Resource": each entry grants its `actions` less its
`notActions`, `*` stands for any text, and case does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wheelstep.ground.checks import Group
from wheelstep.model import Check
from wheelstep.workspaces.facts import Document, Unread, part

__all__ = ["Right", "allowed", "rights"]

WORKSPACES = Group("workspaces")


@dataclass(frozen=True, slots=True)
class Right:
    """An action that a release takes in a workspace."""

    action: str
    """As Azure names it: "Microsoft.MachineLearningServices/workspaces/connections/write"."""
    purpose: str
    """What it is needed for, to go on after "to"."""
    exit_code: int
    """What a release ends with that may not; 0 where it only warns."""


def allowed(permissions: Sequence[Document], action: str) -> bool | None:
    """Tell whether an action is granted; None where an entry cannot be read.

    Args:
        permissions: As Azure lists them.
        action: As Azure names it.
    """
    unclear = False
    for one in permissions:
        granted, withheld = _texts(one, "actions"), _texts(one, "notActions")
        if granted is None:
            unclear = True
        elif _matches(granted, action):
            if withheld is None:
                unclear = True
            elif not _matches(withheld, action):
                return True
    return None if unclear else False


def _texts(entry: Document, key: str) -> list[str] | None:
    found = part(entry, key)
    if found is None and key in entry:
        return []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return None
    return found


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(
        re.fullmatch(
            ".*".join(map(re.escape, pattern.split("*"))), action, re.IGNORECASE | re.DOTALL
        )
        for pattern in patterns
    )


def rights(
    subject: str, permissions: Sequence[Document] | Unread, wanted: Sequence[Right]
) -> list[Check]:
    """Say whether whoever runs this may do what the settings need.

    Args:
        subject: For people.
        permissions: In the workspace.
        wanted: What a release with these settings does there.
    """
    if not wanted:
        return []
    breaks = f"A release would be refused when it wants to {_joined([r.purpose for r in wanted])}."
    cure = (
        "Give the identity the role AzureML Data Scientist on the workspace: Azure portal, the "
        "workspace, Access control (IAM), Add role assignment."
    )
    if isinstance(permissions, Unread):
        return [WORKSPACES.unknown(subject, permissions.why, breaks, cure)]
    checks, granted = [], []
    for right in wanted:
        match allowed(permissions, right.action):
            case True:
                granted.append(right.purpose)
            case False:
                checks.append(
                    WORKSPACES.fault(
                        subject,
                        f"The identity that runs this lacks the right {right.action}.",
                        code="right-missing",
                        breaks=f"A release would {'end' if right.exit_code else 'warn'} when it "
                        f"wants to {right.purpose}.",
                        cure=cure,
                        exit_code=right.exit_code,
                    )
                )
            case None:
                checks.append(
                    WORKSPACES.unknown(
                        subject,
                        "The permissions that Azure lists cannot be read as such, so that it is "
                        f"not known whether {right.action} is among them.",
                        breaks,
                        cure,
                    )
                )
    if granted:
        checks.insert(0, WORKSPACES.ok(subject, f"It may {_joined(granted)}."))
    return checks


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

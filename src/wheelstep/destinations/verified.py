"""What is fetched has to be what is listed."""

from __future__ import annotations

from pathlib import Path

from wheelstep.errors import Refused
from wheelstep.ground.secret import without_credentials
from wheelstep.model import Listed

__all__ = ["verified"]


def verified(found: str, listed: Listed, target: Path | None, *, says: str, cure: str) -> str:
    """Return the SHA-256 of what was fetched; where another one is listed, nothing of it stays.

    Args:
        found: Hex.
        listed: What was asked for; without a hash anything is right.
        target: Where it was written.
        says: Who lists it: "the mirror".
        cure: What to do once it is known who changed it.

    Raises:
        Refused: It has another hash than is listed.
    """
    if listed.sha256 in {None, found}:
        return found
    if target is not None:
        target.unlink(missing_ok=True)
    raise Refused(
        f"{listed.file} at {without_credentials(listed.url)} has the SHA-256 {found}, and {says} "
        f"says {listed.sha256}: one of them was changed.",
        code="hash-mismatch",
        cure=f"Find out who changed it; then {cure}.",
    )

"""What in a commit's message lets the hosts start no pipeline.

Sources: GitHub's docs, "Skipping workflow runs" (of a push, and of a pull request by its head
commit); Microsoft Learn, "Build Azure Repos Git repositories", "Skipping CI for individual pushes".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["SKIP", "broken", "without_skips"]

SKIP: Final = "[skip ci]"
"""The one token that both GitHub Actions and Azure Pipelines obey in a commit message."""
ONE: Final = (
    r"(?:\[(?:skip[ ]ci|ci[ ]skip|no[ ]ci|skip[ ]actions|actions[ ]skip"
    r"|skip[ ]az(?:ure)?p(?:ipelines)?|az(?:ure)?p(?:ipelines)?[ ]skip)\]"
    r"|\*\*\*no_ci\*\*\*|skip-checks:[ \t]*true\b)"
)
ANY: Final = re.compile(ONE, re.IGNORECASE)
LEFT_OUT: Final = re.compile(
    rf"^[ \t]*{ONE}[ \t]*(?:\n|\Z)|(?<![ \t])[ \t]*{ONE}", re.IGNORECASE | re.MULTILINE
)
"""With the line that it has for itself, or the blanks before it, looked at once."""


def without_skips(message: str) -> str:
    """Return a commit message without any of them, nor one that is whole without another."""
    while (calm := LEFT_OUT.sub("", message)) != message:
        message = calm
    return message


def broken(text: str, change: Callable[[str], str]) -> str:
    """Return a text in which each of them is changed.

    Args:
        text: Any.
        change: Gets a token.
    """
    return ANY.sub(lambda found: change(found[0]), text)

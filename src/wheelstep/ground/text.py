"""Text that can be written: in UTF-8, which every file, page and API of ours is in."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["writable"]

HALVES: Final = re.compile("[\ud800-\udfff]")
"""Half characters: what Python makes of a byte of a path that is no UTF-8 (PEP 383), and what JSON
and YAML can spell by a number."""


def writable(text: str) -> str:
    """Return a text that UTF-8 can hold: U+FFFD stands for each half character.

    Args:
        text: Any; git takes any bytes for a path.
    """
    return HALVES.sub("\ufffd", text)

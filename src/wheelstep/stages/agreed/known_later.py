"""What of an edit is known after building only: it is taken out before two edits are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["without_what_is_built"]

_DIGEST = r"(?:known-after-build|[0-9a-f]{64})"


def without_what_is_built(text: str, versions: Iterable[tuple[str, str]], *, hashes: bool) -> str:
    """Return a text in which the wheels of some versions read the same wherever they are, whatever
    they are built for, and whatever their hash: before they are built, and after.

    Args:
        text: A requirement, a path, or a diff.
        versions: Normalised name and version of each package that is to be built.
        hashes: Whether the sums of `--hash` options are not known, either, nor how many there are.
    """
    plain = re.sub(r"[-_.]+", "-", text).lower()
    for name, version in versions:
        if name not in plain:
            continue  # a pattern for each of many packages is slow, and few are in one text
        base = "[-_.]+".join(map(re.escape, name.split("-")))
        # a local version in a file name, and in a URL (PEP 427, RFC 3986)
        number = re.escape(version).replace(r"\+", r"(?:[+_]|%2[Bb])")
        text = re.sub(
            rf"(?:https?://[^\s\"'<>]*/|(?<![\w.-])){base}-{number}"
            rf"(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl(?:#sha256={_DIGEST})?",
            f"<the wheel of {name} {version}>",
            text,
            flags=re.IGNORECASE,
        )
    if not hashes:
        return text
    lines = [
        re.sub(rf"\s*--hash[= ]sha256:{_DIGEST}", "", line, flags=re.IGNORECASE)
        for line in text.split("\n")
        # it counts the lines, which are as many as there are hashes
        if not line.startswith("@@ ")
    ]
    lines = [re.sub(r"\s*\\?$", "", line) for line in lines]
    return "\n".join(line for line in lines if line not in {"", "+", "-"})

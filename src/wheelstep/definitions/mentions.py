"""Where the names of released packages stand in a file, before anything in it is read."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from wheelstep.definitions.forms import UTF_16, is_code, is_json, is_toml, is_yaml
from wheelstep.definitions.python_source import may_install

__all__ = ["Mentions"]

_PARTS: Final = bytes(
    ord(chr(byte).lower()) if byte < 128 and chr(byte).isalnum() else ord(" ")  # noqa: PLR2004
    for byte in range(256)
)
"""Makes every byte that no part of a name has a space, and letters small."""


@dataclass(frozen=True)
class Mentions:
    """The names that are looked for, in every spelling that PEP 503 takes for them."""

    names: Collection[str]
    """Normalised."""
    needed: dict[str, frozenset[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        needed = {name: frozenset(name.encode().translate(_PARTS).split()) for name in self.names}
        object.__setattr__(self, "needed", needed)

    def may_be_in(self, path: str, data: bytes) -> bool:
        """Tell whether a file may name one of them; quick, and wrong only in saying yes."""
        if is_code(path) and not may_install(data):
            return False
        if encoding := UTF_16.get(data[:2]):
            data = data.decode(encoding, errors="replace").encode()
        # the parts of a name are all in the file: much faster than searching for each name
        parts = set(data.translate(_PARTS).split())
        likely = tuple(name for name, needed in self.needed.items() if needed <= parts)
        return bool(likely) and _spellings(likely).search(data) is not None

    def begins(self, line: str) -> bool:
        """Tell whether a line begins with one of them, readable as a requirement or not."""
        return re.match(_one_of(self.names) + r"(?![A-Za-z0-9._-])", line) is not None

    def plainly_in(self, path: str, data: bytes) -> bool:
        """Tell whether a broken file is a definition of ours all the same: a list item or line
        that is a requirement of our package, in what has a pip section. A template that makes YAML
        (Helm, Jinja) is broken as YAML and may list our package's name for a reason of its own. In
        JSON and TOML it is a quoted item of a list. Code is never plainly one."""
        if is_code(path):
            return False
        encoding = UTF_16.get(data[:2])
        text = data.decode(encoding or "latin-1", errors="replace")
        ours = _one_of(self.names)
        if is_json(path) or is_toml(path):
            quoted = rf"(?:[\[,]|^)\s*['\"]{ours}\s*(?:[\[=<>~!@;(]|['\"](?!\s*[:=]))"
            telling = r"\"pip\"\s*:" if is_json(path) else r"^\s*\[project\]"
            return all(re.search(one, text, re.MULTILINE) for one in (telling, quoted))
        item = rf"^[\s\ufeff]*(?:-\s+)?['\"]?{ours}\s*(?:[\[=<>~!@'\"#;]|$)"
        section = re.search(r"^\s*-?\s*pip\s*:", text, re.MULTILINE)
        outer = re.search(r"^\s*(?:dependencies|conda_file)\s*:", text, re.MULTILINE)
        if re.search(item, text, re.MULTILINE) is None:
            return False
        if is_yaml(path):
            return section is not None and outer is not None
        return section is not None or outer is None


def _one_of(names: Collection[str]) -> str:
    spelled = (
        "[-_.]+".join(re.escape(part) for part in name.split("-"))
        for name in sorted(names, key=len, reverse=True)
    )
    return f"(?i:{'|'.join(spelled)})"


@lru_cache(maxsize=64)
def _spellings(names: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(_one_of(names).encode())

"""File patterns from the repository's root: `*`, `**`, `?`, `[...]`, and `!` to leave out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import SettingError

__all__ = ["Chosen", "choose_paths"]

_MAGIC: Final = re.compile(r"[*?\[]")
_PART: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the patterns name."""

    named: tuple[str, ...]
    """Files written out in full."""
    matched: tuple[tuple[str, tuple[str, ...]], ...]
    """(glob or folder, the files it names)."""
    left_out: frozenset[str]
    """All tracked files that a `!` pattern names."""


def choose_paths(paths: Sequence[str], patterns: Sequence[str]) -> Chosen:
    """Apply the patterns to all tracked files.

    Args:
        paths: Relative to the root, with forward slashes.
        patterns: As the option `definitions` has them; a folder stands for all below it.

    Raises:
        SettingError: A pattern names nothing; with the nearest paths.
    """
    tracked = set(paths)
    left_out: set[str] = set()
    for pattern in patterns:
        if pattern.startswith("!"):
            left_out.update(_match(_plain(pattern[1:]), paths))
    named: list[str] = []
    matched: list[tuple[str, tuple[str, ...]]] = []
    for pattern in patterns:
        plain = _plain(pattern)
        if pattern.startswith("!") or not plain:
            continue
        if plain in tracked:
            named += [plain] if plain not in left_out else []
            continue
        found = _match(plain, paths)
        if not found:
            raise _nothing(pattern, plain, paths)
        matched.append((pattern, tuple(path for path in found if path not in left_out)))
    return Chosen(tuple(dict.fromkeys(named)), tuple(matched), frozenset(left_out))


def _plain(pattern: str) -> str:
    plain = pattern.strip().replace("\\", "/")
    while plain.startswith("./"):
        plain = plain[2:]
    return plain


def _match(pattern: str, paths: Sequence[str]) -> list[str]:
    if not _MAGIC.search(pattern):
        folder = pattern.rstrip("/") + "/"
        return [path for path in paths if path == pattern or path.startswith(folder)]
    wanted = re.compile("".join(_translate(part[0]) for part in _PART.finditer(pattern)))
    return [path for path in paths if wanted.fullmatch(path)]


def _translate(part: str) -> str:
    match part:
        case "**/":
            return "(?:[^/]+/)*"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if part.startswith("[") and len(part) > 1:
        negated = "^" if part[1] == "!" else ""
        inside = part[1 + len(negated) : -1].replace("\\", "\\\\").replace("^", "\\^")
        return f"[{negated}{inside}]"
    return re.escape(part)


def _nothing(pattern: str, plain: str, paths: Sequence[str]) -> SettingError:
    near = difflib.get_close_matches(plain, paths, n=3, cutoff=0.6)
    name = plain.rpartition("/")[2]
    near = near or [path for path in paths if path.rpartition("/")[2] == name][:3]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return SettingError(
        f"The option `definitions` names `{pattern}`, and no tracked file is that.{hint}",
        code="definition-not-found",
        cure="Paths are relative to the repository's root; `git ls-files` lists what is tracked. Of"
        " a symbolic link name what it leads to; files of a submodule are another repository's.",
    )

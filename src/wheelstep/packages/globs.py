"""The two kinds of globs that settings have: folders to take (`packages`), files to leave out
(`exclude`).

Both are written with the signs of gitignore(5): `*` and `?` stay within one part of a path, `**` as
a whole part stands for any number of parts, `[abc]` and `[!abc]` for one sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from wheelstep.errors import SettingError

__all__ = ["ExcludeGlobs", "FolderGlobs"]

SPECIAL = re.compile(r"([*?\[\]\\])")


def literal(path: str) -> str:
    """Return a path as a glob that matches it alone."""
    return SPECIAL.sub(r"\\\1", path)


def translate(glob: str, *, option: str) -> str:
    """Return the regular expression of a glob, as git's wildmatch with WM_PATHNAME has it.

    Args:
        glob: Without slashes at its ends.
        option: The setting it stands in, for the error.

    Raises:
        SettingError: When a bracket is not closed, or holds a named class.
    """
    parts = glob.split("/")
    pieces: list[str] = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            pieces.append(".*" if last and index == 0 else ".+" if last else "(?:.*/)?")
        else:
            pieces.append(_part(part, glob, option) + ("" if last else "/"))
    return "".join(pieces)


def _part(part: str, glob: str, option: str) -> str:
    out, position = "", 0
    while position < len(part):
        sign = part[position]
        position += 1
        if sign == "*":
            out += "[^/]*"
        elif sign == "?":
            out += "[^/]"
        elif sign == "\\" and position < len(part):
            out += re.escape(part[position])
            position += 1
        elif sign == "[":
            end = part.find("]", position + (2 if part[position : position + 1] in "!^" else 1))
            inside = part[position:end]
            if end < 0 or "[:" in inside or "\\" in inside:
                raise _bad(option, glob, "its [...] is not closed, or holds what is not supported")
            negated = inside[:1] in {"!", "^"}
            body = inside[negated:].replace("[", "\\[").replace("^", "\\^")
            body = body.replace("]", "\\]").replace("&", "\\&").replace("~", "\\~")
            body = body.replace("||", "\\|\\|")
            out += f"(?!/)[{'^' if negated else ''}{body}]"
            position = end + 1
        else:
            out += re.escape(sign)
    return out


def bytewise(text: str) -> str:
    """Return one sign for each byte: git's globs know bytes only, and both must find the same."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _bad(option: str, glob: str, reason: str) -> SettingError:
    return SettingError(
        f"`{option}` has the glob {glob!r}: {reason}.",
        code="bad-glob",
        cure="Write it as in a .gitignore file: `*` and `?` within a folder, `**` across folders.",
    )


def _compiled(expression: str, glob: str, option: str) -> re.Pattern[str]:
    try:
        return re.compile(expression, re.DOTALL)
    except re.error as error:
        raise _bad(option, glob, f"it cannot be read ({error})") from error


@dataclass(frozen=True)
class FolderGlobs:
    """The setting `packages`: which folders are taken.

    A pattern is relative to the repository's root and means folders: `packages/*` each folder right
    below `packages`; `libs/**` the folder `libs` and every folder below it; `.` the root alone.
    `!glob` leaves out the folders it matches and all below them (`!.` the root alone), wherever it
    stands in the list.
    """

    patterns: tuple[str, ...]

    @cached_property
    def _rules(self) -> tuple[list[tuple[str, re.Pattern[str]]], list[re.Pattern[str]]]:
        takes, leaves = [], []
        for pattern in self.patterns:
            glob = _within(pattern.removeprefix("!"), "packages", pattern)
            expression = translate(glob, option="packages")
            if glob.endswith("/**"):
                expression = translate(glob.removesuffix("/**"), option="packages") + "(?:/.*)?"
            if pattern.startswith("!"):
                below = "(?:/.*)?" if glob else ""
                leaves.append(_compiled(expression + below, pattern, "packages"))
            else:
                takes.append((glob, _compiled(expression, pattern, "packages")))
        return takes, leaves

    def takes(self, folder: str) -> bool:
        """Tell whether some pattern takes this folder and none leaves it out.

        Args:
            folder: Relative to the root with forward slashes; "." for the root.
        """
        path = "" if folder == "." else folder
        return not self.leaves_out(folder) and any(
            expression.fullmatch(path) for _, expression in self._rules[0]
        )

    def leaves_out(self, folder: str) -> bool:
        """Tell whether a `!` pattern leaves this folder out."""
        path = "" if folder == "." else folder
        return any(expression.fullmatch(path) for expression in self._rules[1])

    def literals(self) -> list[str]:
        """Return the folders that are named outright, without any glob sign."""
        return [glob or "." for glob, _ in self._rules[0] if not SPECIAL.search(glob)]


def _within(pattern: str, option: str, shown: str) -> str:
    """Return a folder pattern without what only decorates it."""
    cleaned = pattern.strip().replace("\\", "/")
    parts = [part for part in cleaned.split("/") if part not in {"", "."}]
    if ".." in parts or re.match(r"[A-Za-z]:", cleaned):
        raise _bad(option, shown, "it leads out of the repository")
    if not cleaned:
        raise _bad(option, shown, "it is empty")
    return "/".join(parts)


@dataclass(frozen=True)
class ExcludeGlobs:
    """The setting `exclude`: files of a package whose change makes no new release.

    A glob is relative to each package's folder and read as a line of a .gitignore file there:
    without a slash inside it matches at any depth (`*.md`, `docs`), with one it starts at the
    package's folder (`src/docs`, `/docs`); a slash at its end means folders only; a folder that
    matches covers all below it. Taking back with `!` is not supported.
    """

    globs: tuple[str, ...] = ()

    @cached_property
    def _rules(self) -> list[tuple[str, bool, re.Pattern[str]]]:
        rules = []
        for glob in self.globs:
            cleaned = glob.strip()
            if cleaned.startswith("!"):
                raise _bad("exclude", glob, "taking back with `!` is not supported")
            folders_only = cleaned.endswith("/")
            anchored = "/" in cleaned.rstrip("/")
            core = "/".join(part for part in cleaned.split("/") if part not in {"", "."})
            if not core:
                raise _bad("exclude", glob, "it names nothing")
            if ".." in core.split("/"):
                raise _bad("exclude", glob, "it leads out of the package")
            if not anchored and core != "**":
                core = f"**/{core}"
            below = "/.+" if folders_only else "(?:/.+)?"
            expression = translate(bytewise(core), option="exclude") + below
            rules.append((core, folders_only, _compiled(expression, glob, "exclude")))
        return rules

    def matches(self, path: str) -> bool:
        """Tell whether a file is left out.

        Args:
            path: Relative to the package's folder, with forward slashes.

        Raises:
            SettingError: When a glob cannot be read.
        """
        name = bytewise(path)
        return any(expression.fullmatch(name) for _, _, expression in self._rules)

    def pathspecs(self, folder: str) -> Sequence[str]:
        """Return the same as git pathspecs that exclude (gitglossary(7), "pathspec").

        Args:
            folder: The package's; "." for the root.
        """
        prefix = "" if folder == "." else literal(folder) + "/"
        found = []
        for core, folders_only, _ in self._rules:
            if not folders_only:
                found.append(f":(exclude,top,glob){prefix}{core}")
            found.append(f":(exclude,top,glob){prefix}{core}/**")
        return found

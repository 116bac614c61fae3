"""The settings file: wheelstep.toml, or [tool.wheelstep] of pyproject.toml."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheelstep.errors import CannotHere, SettingError
from wheelstep.options import OPTIONS, option

__all__ = ["Value", "from_file", "root_of", "text_of"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value with where it came from, for errors."""

    raw: Any
    origin: str
    file: str | None = None
    line: int | None = None

    def error(self, message: str, cure: str, code: str = "bad-setting") -> SettingError:
        """Return an error that says where the value came from."""
        return SettingError(
            f"{self.origin}: {message}", code=code, cure=cure, file=self.file, line=self.line
        )


def text_of(value: Value | None, default: str, *, lines: bool = False) -> str:
    """Return a text, the default where there is none.

    Args:
        value: As it is given.
        default: Where it is not.
        lines: It may have more than one.

    Raises:
        SettingError: It is something else.
    """
    if value is None:
        return default
    if not isinstance(value.raw, str):
        raise value.error("a text is wanted here.", "Put it in quotes.")
    text = value.raw.strip()
    if "\0" in text or ("\n" in text and not lines):
        raise value.error("one line is wanted here.", "Remove the line end.")
    return text or default


def root_of(folder: Path) -> Path:
    """Return the repository's root for a folder in it (where `.git` is, a folder or a file)."""
    here = folder.absolute()
    return next((one for one in (here, *here.parents) if (one / ".git").exists()), folder)


def from_file(repository: Path) -> dict[str, Value]:
    """Read the settings file of a repository.

    Args:
        repository: Its root.

    Returns:
        The values by option; none where there is no file.

    Raises:
        SettingError: It is not UTF-8, no TOML, names an option that does not exist or a secret; or
            settings lie in two files.
        CannotHere: It cannot be read.
    """
    found: dict[str, Value] = {}
    seen: list[str] = []
    for name, table in (("wheelstep.toml", None), ("pyproject.toml", "wheelstep")):
        path = repository / name
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise CannotHere.from_os_error(error, "reading the settings", file=name) from error
        parsed = _parse_toml(name, data)
        if table is not None:
            tool = parsed.get("tool", {})
            parsed = tool.get(table, {}) if isinstance(tool, dict) else {}
            if not isinstance(parsed, dict):
                raise SettingError("[tool.wheelstep] is no table.", code="bad-setting", file=name)
        if not parsed:
            continue
        seen.append(name)
        text = data.decode("utf-8")
        for key, raw in parsed.items():
            found[key] = _file_value(name, text, key, raw)
    if len(seen) > 1:
        raise SettingError(
            "Settings lie in two files, wheelstep.toml and [tool.wheelstep] of pyproject.toml.",
            code="two-settings-files",
            cure="Keep one of them.",
            file=seen[0],
        )
    return found


def _parse_toml(name: str, data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingError(
            f"{name} is not UTF-8 (byte {error.start}).",
            code="bad-settings-file",
            cure="Save it as UTF-8.",
            file=name,
        ) from error
    except RecursionError:
        raise SettingError(
            f"{name} is nested too deeply to be read.",
            code="bad-settings-file",
            cure="Mend the file.",
            file=name,
        ) from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        raise SettingError(
            f"{name} is not valid TOML: {error}.",
            code="bad-settings-file",
            cure="Mend the file.",
            file=name,
            line=int(at[1]) if at else None,
        ) from error


def _file_value(name: str, text: str, key: str, raw: Any) -> Value:
    at = re.search(
        rf"^[ \t]*(?:\[\[?(?:tool\.wheelstep\.)?)?[\"']?{re.escape(key)}\b", text, re.MULTILINE
    )
    line = text.count("\n", 0, at.start()) + 1 if at else None
    value = Value(raw, f"{key} in {name}", name, line)
    names = [row.name for row in OPTIONS if row.in_file]
    if key in names:
        return value
    if key in {row.name for row in OPTIONS if row.kind == "secret"}:
        raise value.error(
            "a secret does not belong into a file.",
            f"Set it as {option(key).variable} or as the step's input, and revoke this one.",
            "secret-in-settings",
        )
    near = difflib.get_close_matches(key, names, 1, 0.6)
    raise value.error(
        "there is no such setting.",
        f"Perhaps you meant {near[0]}." if near else "Remove it; see docs/options.md.",
        "unknown-setting",
    )

"""What a project's own files state literally: its name, its version, what builds it.

Nothing is executed here: setup.py is read as a syntax tree.
"""

from __future__ import annotations

import ast
import codecs
import configparser
import posixpath
import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wheelstep.errors import SettingError

__all__ = ["FILES", "Stated", "read_stated"]

FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py")
"""What can make a folder a project, the strongest first."""

DEFAULT_REQUIRES: Final = ("setuptools >= 40.8.0",)
"""Where there is no `[build-system]` (PEP 518 names setuptools; the floor is the one that the
`build` library has)."""

HISTORY_READERS: Final = frozenset(
    {
        "dunamai",
        "flit-scm",
        "hatch-vcs",
        "pbr",
        "poetry-dynamic-versioning",
        "setuptools-git-versioning",
        "setuptools-scm",
        "uv-dynamic-versioning",
        "vcs-versioning",
        "versioneer",
        "versioningit",
    }
)
"""Build requirements that read the version from git."""

HISTORY_IN_SETUP: Final = re.compile(
    rb"use_scm_version|setuptools[_-]scm|versioneer|versioningit|dunamai|"
    rb"setuptools[_-]git[_-]versioning|\bpbr\b"
)

TOML_PLACE: Final = re.compile(
    r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.MULTILINE
)
"""What `tomllib` puts at the end of its messages."""

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stated:
    """What the files of one folder say."""

    file: str
    """The file that makes it a project, relative to the root."""
    name: str | None
    version: str | None
    requires: tuple[str, ...]
    needs_history: bool


def read_stated(folder: str, files: Mapping[str, bytes]) -> Stated | str:
    """Read a folder's project files.

    Args:
        folder: Relative to the repository's root; "." for the root.
        files: Bytes of those of `FILES` that are there.

    Returns:
        What they state, or why the folder is no Python project.

    Raises:
        SettingError: A file is broken, or states something impossible.
    """
    places = {name: name if folder == "." else f"{folder}/{name}" for name in FILES}
    pyproject = _toml(files.get("pyproject.toml"), places["pyproject.toml"])
    tool = _table(pyproject, "tool")
    why_not = _virtual(pyproject, tool)
    if why_not:
        return why_not
    poetry, flit = _table(tool, "poetry"), _table(_table(tool, "flit"), "metadata")
    config = _config(files.get("setup.cfg"), places["setup.cfg"])
    setup = files.get("setup.py")
    calls = _setup(setup, places["setup.py"]) if setup is not None else None
    if "project" in pyproject or "build-system" in pyproject or poetry or flit:
        file = places["pyproject.toml"]
    elif config.get("metadata"):
        file = places["setup.cfg"]
    elif calls is not None:
        file = places["setup.py"]
    else:
        return "none of its files describes a package"
    text = (files.get("pyproject.toml") or b"").decode("utf-8", "replace")
    requires = _requires(pyproject, places["pyproject.toml"], text)
    history = _history(pyproject, requires, config, setup or b"")
    name: str | None
    version: str | None
    if "project" in pyproject:
        name, version = _project(pyproject, file, text)
        if version is None and not history and "version" in _dynamic(pyproject):
            version = _literal(poetry.get("version"))
    elif poetry.get("name") or flit:
        name = _literal(poetry.get("name") or flit.get("dist-name") or flit.get("module"))
        version = _literal(poetry.get("version"))
    else:
        metadata, calls = config.get("metadata", {}), calls or {}
        name = calls.get("name") or _plain(metadata.get("name"))
        version = calls.get("version") or _plain(metadata.get("version"))
    if "project" not in pyproject and history:
        version = None  # a literal beside such a plugin is a place holder that it replaces
    if name is not None and not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise SettingError(
            f"{name!r} is no valid package name.",
            code="bad-name",
            cure="Use letters, digits, `.`, `-` and `_`, with a letter or digit at both ends.",
            file=file,
            line=_line(
                (files.get(posixpath.basename(file)) or b"").decode("utf-8", "replace"), "name"
            ),
        )
    return Stated(file, name, version, requires, history)


def _toml(data: bytes | None, path: str) -> Table:
    if data is None:
        return {}
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingError(
            "The file is not UTF-8.",
            code="bad-toml",
            cure="Save the file as UTF-8.",
            file=path,
            line=line,
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # "... (at line 3, column 5)" or "... (at end of document)", where it is the last line
        found = TOML_PLACE.search(str(error))
        line = None
        if found:
            line = int(found["line"] or data.rstrip().count(b"\n") + 1)
        reason = TOML_PLACE.sub("", str(error))
        raise SettingError(
            f"The file is not valid TOML: {reason}.",
            code="bad-toml",
            cure="Save the file without a byte order mark."
            if data.startswith(codecs.BOM_UTF8)
            else "Mend the file at that line.",
            file=path,
            line=line,
        ) from error


def _table(table: Table, key: str) -> Table:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _virtual(pyproject: Table, tool: Table) -> str:
    """Say why a project that its own tool does not package is passed over, else nothing."""
    if _table(tool, "poetry").get("package-mode") is False:
        return "tool.poetry.package-mode is false"
    uv = _table(tool, "uv")
    if uv.get("package") is False:
        return "tool.uv.package is false"
    # uv: without a build system a workspace's root is "virtual"
    if "workspace" in uv and "build-system" not in pyproject and "package" not in uv:
        return "it is a uv workspace's root without a build system"
    return ""


def _requires(pyproject: Table, path: str, text: str) -> tuple[str, ...]:
    if "build-system" not in pyproject:
        return DEFAULT_REQUIRES
    system = pyproject["build-system"]
    requires = system.get("requires") if isinstance(system, dict) else None
    if requires is None and isinstance(system, dict):
        problem = "has no `requires`, which PEP 518 demands"
    elif not isinstance(requires, list) or not all(isinstance(item, str) for item in requires):
        problem = "must be a table whose `requires` is a list of strings"
    else:
        return tuple(sorted(requires))
    raise SettingError(
        f"`[build-system]` {problem}.",
        code="bad-build-system",
        cure='Write, for example, `requires = ["setuptools>=77"]`.',
        file=path,
        line=_line(text, r"\[build-system\]"),
    )


def _history(pyproject: Table, requires: tuple[str, ...], config: Table, setup: bytes) -> bool:
    for requirement in requires:
        try:
            if canonicalize_name(Requirement(requirement).name) in HISTORY_READERS:
                return True
        except InvalidRequirement:
            continue  # the installer says so, with the whole line
    tool = _table(pyproject, "tool")
    sources = (_table(_table(tool, "hatch"), "version"), _table(_table(tool, "pdm"), "version"))
    if sources[0].get("source") in {"vcs", "versioningit", "uv-dynamic-versioning"}:
        return True
    if sources[1].get("source") == "scm":
        return True
    if "pbr" in config or "versioneer" in config or "versioneer" in tool:
        return True
    return HISTORY_IN_SETUP.search(setup) is not None


def _dynamic(pyproject: Table) -> list[Any]:
    dynamic = _table(pyproject, "project").get("dynamic")
    return dynamic if isinstance(dynamic, list) else []


def _project(pyproject: Table, path: str, text: str) -> tuple[str, str | None]:
    project = pyproject["project"]
    name = project.get("name") if isinstance(project, dict) else None
    if not isinstance(name, str):
        raise SettingError(
            "`[project]` has no `name`, which PEP 621 demands.",
            code="bad-name",
            cure='Write `name = "..."` into `[project]`.',
            file=path,
            line=_line(text, r"\[project\]"),
        )
    version = project.get("version")
    if version is not None and not isinstance(version, str):
        raise SettingError(
            "`[project]` has a `version` that is no string.",
            code="bad-version",
            cure="Write it in quotes.",
            file=path,
            line=_line(text, "version"),
        )
    return name, version


def _line(text: str, start: str) -> int | None:
    found = re.search(rf"^[ \t]*{start}", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None


def _literal(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _plain(value: str | None) -> str | None:
    """Return a value of setup.cfg unless it says to look elsewhere (`attr:`, `file:`)."""
    if not value or re.match(r"(attr|file)\s*:", value):
        return None
    return value.strip()


def _config(data: bytes | None, path: str) -> dict[str, dict[str, str]]:
    if data is None:
        return {}
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line: int | None = data.count(b"\n", 0, error.start) + 1
        reason = "it is not UTF-8"
    except configparser.Error as error:
        line = getattr(error, "lineno", None)
        reason = str(error).splitlines()[0].rstrip(".")
        # its subclasses lack the list, and its own words name the file only
        if errors := getattr(error, "errors", None):
            line, found = errors[0]
            reason = f"{found} is neither a section nor a setting"
    else:
        return {section: dict(parser.items(section)) for section in parser.sections()}
    raise SettingError(
        f"The file cannot be read: {reason}.",
        code="bad-setup-cfg",
        cure="Mend the file: sections in brackets, then `key = value` lines.",
        file=path,
        line=line,
    )


def _setup(data: bytes, path: str) -> dict[str, str] | None:
    """Return the literal `name` and `version` of the one `setup()` call; None where the file
    neither calls `setup` nor imports what does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in their file is their business
            tree = ast.parse(data, filename=path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SettingError(
            f"The file is not valid Python: {getattr(error, 'msg', error)}.",
            code="bad-setup-py",
            cure="Mend the file.",
            file=path,
            line=getattr(error, "lineno", None),
        ) from error
    calls, imports = [], False
    for child in ast.walk(tree):
        if isinstance(child, ast.Call) and _called(child.func) == "setup":
            calls.append(child)
        elif isinstance(child, ast.Import):
            imports |= any(alias.name.split(".")[0] in BUILDERS for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            imports |= (child.module or "").split(".")[0] in BUILDERS
    if not calls:
        return {} if imports else None
    if len(calls) > 1:
        return {}  # which one runs, only running it tells
    return _keywords(calls[0], _constants(tree))


BUILDERS: Final = frozenset({"setuptools", "distutils", "skbuild", "numpy"})


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _keywords(call: ast.Call, constants: Mapping[str, ast.expr]) -> dict[str, str]:
    """Return the call's literal name and version, through module constants and `**` of a dict."""
    given: dict[str, ast.expr] = {}
    for keyword in call.keywords:
        value = _constant(keyword.value, constants)
        if keyword.arg is not None:
            given[keyword.arg] = value
        elif isinstance(value, ast.Dict):
            for key, item in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    given[key.value] = _constant(item, constants)
    return {
        key: value.value
        for key, value in given.items()
        if key in {"name", "version"}
        and isinstance(value, ast.Constant)
        and isinstance(value.value, str)
    }


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the names that are set once in the whole file, at its top level; dicts only when they
    are read once, so that nothing can have changed them in between."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = Counter(node.id for node in names if not isinstance(node.ctx, ast.Load))
    loaded = Counter(node.id for node in names if isinstance(node.ctx, ast.Load))
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
        and stored[target.id] == 1
        and (loaded[target.id] == 1 or not isinstance(node.value, ast.Dict))
    }


def _constant(value: ast.expr, constants: Mapping[str, ast.expr]) -> ast.expr:
    return constants.get(value.id, value) if isinstance(value, ast.Name) else value

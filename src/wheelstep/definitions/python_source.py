"""Python scripts that make environments, as Microsoft's article on private packages teaches it.

Only text constants are edited, and nothing is run: what a script computes is found and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from wheelstep.definitions.interface import Edited, Reading, Wanted
from wheelstep.definitions.python_edit import decide_edits, finished, reading_of
from wheelstep.definitions.python_scan import Scan, scan
from wheelstep.definitions.python_text import (
    Literal,
    NotPython,
    Unit,
    parse_python,
    refuse_other_encoding,
)
from wheelstep.definitions.source import Source, decode, leave_out
from wheelstep.definitions.splice import EditNotProven
from wheelstep.errors import DefinitionUnresolvable, StepError

__all__ = [
    "PythonSource",
    "may_be_read",
    "may_install",
    "module_folders",
    "not_python",
    "source_module",
]

_LARGEST: Final = 5_000_000
"""Bytes. What is larger is made by a program, and takes seconds to parse."""
_TELLING: Final = re.compile(
    rb"pip_package|set_pip_option|private_pip_wheel|conda_file|[\"']pip\\?[\"']|pip_requirements"
    rb"|pip[0-9.]* install"
)
_NOT_RELEASED: Final = re.compile(r"(?:^|/)(?:src|tests?)/|(?:^|/)(?:setup|conftest|noxfile)\.py$")
_TESTS: Final = re.compile(r"(?:^|/)tests?/")


def may_install(data: bytes) -> bool:
    """Tell whether a script or notebook may say what an environment installs; at a glance."""
    return may_be_read(data) and _TELLING.search(data) is not None


def may_be_read(data: bytes) -> bool:
    """Tell whether a script or notebook is small enough to be looked at."""
    return len(data) <= _LARGEST


def module_folders(paths: Sequence[str]) -> frozenset[str]:
    """Return the folders that are importable packages, "" for the root, of all tracked paths."""
    return frozenset(
        path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] == "__init__.py"
    )


def source_module(path: str, folders: frozenset[str]) -> bool:
    """Tell whether a script or notebook looks like the source of a package, or its tests.

    A definition is no part of a package's sources: were its own modules taken for definitions, a
    change of them would never be released.

    Args:
        path: The file's.
        folders: As `module_folders` returns them.
    """
    plain = path.lower()
    if (_NOT_RELEASED if plain.endswith(".py") else _TESTS).search(plain):
        return True
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in folders:
            return True
    return False


class PythonSource:
    """`.py` files that name pip packages for an environment."""

    name = "python"
    suffixes: tuple[str, ...] = (".py",)

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether it says anything about environments, or may and cannot be parsed."""
        if not path.lower().endswith(self.suffixes) or not may_install(data):
            return False
        try:
            _, found = _looked(decode(path, data))
        except StepError:
            return True  # `read` tells
        return bool(found.sections or found.left)

    def read(self, path: str, data: bytes) -> Reading:
        """Read it.

        Raises:
            DefinitionUnresolvable: Not UTF-8, or no Python that the running one parses.
        """
        return reading_of(_looked(decode(path, data))[1])

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what literals say; raises as the interface says. No index option is added: a note
        says which call to write."""
        del changed  # it has no version to raise
        source = decode(path, data)
        unit, found = _looked(source)
        decided = decide_edits(source, found, wanted)
        edits = [(one, new) for one, new in decided.edits.values() if isinstance(one, Literal)]
        after = data
        if edits:
            try:
                after = source.encode(unit.rewritten(edits))
            except EditNotProven as error:
                raise EditNotProven(f"{path}: {error}") from error
        return finished(after, self.read(path, after), decided, found.left, wanted)


@lru_cache(maxsize=8)
def _looked(source: Source) -> tuple[Unit, Scan]:
    refuse_other_encoding(source)
    try:
        unit = parse_python(source.text, source.line)
    except NotPython as error:
        raise not_python(source.path, error, error.line) from None
    return unit, scan([unit])


def not_python(path: str, error: NotPython, line: int | None) -> DefinitionUnresolvable:
    """Say that a script cannot be parsed here."""
    return DefinitionUnresolvable(
        f"This cannot be parsed as Python: {error}. It may be of another version than the Python "
        "that runs here.",
        code="definition-not-python",
        cure=f"Mend the script. If it is no definition, {leave_out(path)}.",
        file=path,
        line=line,
    )

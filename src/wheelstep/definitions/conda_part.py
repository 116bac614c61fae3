"""What conda itself is asked for beside a pip section, in YAML and in JSON alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from packaging.utils import canonicalize_name

from wheelstep.definitions.includes import includes_in
from wheelstep.definitions.interface import CondaPart, Wanted
from wheelstep.definitions.pinning import note
from wheelstep.definitions.slots import Slot
from wheelstep.model import Problem

__all__ = ["conda_names", "files_included", "packages_left_alone", "python_of"]

_PYTHON: Final = re.compile(
    r"(?:\S+::)?python\s*(?P<operator>~=|={1,2}|\s)\s*"
    r"(?P<version>\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)(?:\.?\*)?\s*(?:=.*)?"
)
_PYTHON_BETWEEN: Final = re.compile(
    r"(?:\S+::)?python\s*>=\s*3\.(?P<low>\d{1,3})(?:\.\d+)?\s*,\s*<\s*3\.(?P<high>\d{1,3})(?:\.0)?(?:a0)?"
)
_CONDA_NAME: Final = re.compile(r"(?:\S+::)?([A-Za-z0-9][A-Za-z0-9._-]*)")


def python_of(texts: Sequence[str]) -> str | None:
    """Return the Python that the conda dependencies name, where they fix its minor version."""
    for text in texts:
        if found := _PYTHON.fullmatch(text.strip()):
            version = found["version"]
            # `~=3.10` allows every later 3.x, `~=3.10.4` later patches only
            if found["operator"] != "~=":
                return version
            if version.count(".") > 1:
                return version.rpartition(".")[0]
        elif (found := _PYTHON_BETWEEN.fullmatch(text.strip())) and (
            int(found["high"]) == int(found["low"]) + 1
        ):
            return f"3.{found['low']}"
    return None


def conda_names(conda: CondaPart) -> Iterator[tuple[str, int]]:
    """Yield (normalised name, line) of what conda is asked for."""
    for text, line in conda.packages:
        if found := _CONDA_NAME.match(text):
            yield canonicalize_name(found[1]), line


def packages_left_alone(path: str, conda: CondaPart, wanted: Wanted) -> Iterator[Problem]:
    """Say which of the wanted packages are named as conda packages, which no pin reaches."""
    names = {pin.name for pin in wanted.pins}
    for name, line in conda_names(conda):
        if name in names:
            yield note(
                path,
                line,
                "conda-package-left-alone",
                f"{name} is named as a conda package here; only the pip section is pinned.",
                "Move it to the pip section, so that the released wheel is what is installed.",
            )


def files_included(
    path: str, slots: Sequence[Slot], wanted: Wanted, names: Collection[str]
) -> Iterator[Problem]:
    """Warn of files that are not there when the image is built, where a released package is.

    Args:
        path: The definition's.
        slots: The pip section's texts.
        wanted: The pins, and what the files that are included require.
        names: Which of the wanted packages the section names itself.
    """
    included = includes_in(path, slots)
    reached = {name for one in included for name in wanted.included.get(one.path or "", ())}
    if names or not reached.isdisjoint(pin.name for pin in wanted.pins):
        for one in included:
            yield note(
                path,
                one.line,
                "conda-includes-file",
                f"The pip section names another file (`{'-c' if one.constraint else '-r'} "
                f"{one.text}`), which Azure Machine Learning does not send along with the conda "
                "file.",
                "Write its requirements into the pip section.",
                severity="warning",
            )

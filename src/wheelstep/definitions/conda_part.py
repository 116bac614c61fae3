"""What conda itself is asked for beside a pip section, in YAML and in JSON alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from packaging.utils import canonicalize_name

from wheelstep.definitions.interface import CondaPart, Wanted
from wheelstep.definitions.pinning import Slot, note
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.model import Problem

__all__ = ["files_included", "packages_left_alone", "python_of"]

_PYTHON: Final = re.compile(
    r"(?:\S+::)?python\s*(?P<operator>~=|={1,2}|\s)\s*"
    r"(?P<version>\d+\.\d+(?:\.\d+)?)(?:\.?\*)?\s*(?:=.*)?"
)
_PYTHON_BETWEEN: Final = re.compile(
    r"(?:\S+::)?python\s*>=\s*3\.(?P<low>\d+)(?:\.\d+)?\s*,\s*<\s*3\.(?P<high>\d+)(?:\.0)?(?:a0)?"
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


def packages_left_alone(path: str, conda: CondaPart, wanted: Wanted) -> Iterator[Problem]:
    """Say which of the wanted packages are named as conda packages, which no pin reaches."""
    names = {pin.name for pin in wanted.pins}
    for text, line in conda.packages:
        found = _CONDA_NAME.match(text)
        if found and (name := canonicalize_name(found[1])) in names:
            yield note(
                path,
                line,
                "conda-package-left-alone",
                f"{name} is named as a conda package here; only the pip section is pinned.",
                "Move it to the pip section, so that the released wheel is what is installed.",
            )


def files_included(path: str, slots: Sequence[Slot]) -> Iterator[Problem]:
    """Say which other files a pip section names, which the image build does not get."""
    for slot in slots:
        for line in logical_lines(slot.text):
            if re.match(r"(-r|-c|--requirement|--constraint)\b", line.text):
                yield note(
                    path,
                    slot.line_of(line.first),
                    "conda-includes-file",
                    f"The pip section names another file (`{line.text.split()[0]}`), which Azure "
                    "Machine Learning does not send along with the conda file.",
                    "Write its requirements into the pip section.",
                )

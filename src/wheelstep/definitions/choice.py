"""Which of a version's wheels an image installs, when the definition names a file and no version.

Sources: PEP 425 (tags), PEP 600 (manylinux_X_Y), and pip's order of preference by packaging.tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.definitions.interface import Choose
from wheelstep.errors import SettingError

__all__ = ["choose_for"]


def choose_for(platform: str) -> Choose:
    """Return a choice of wheels for images of one platform.

    Args:
        platform: As the option `platform` has it: `x86_64-manylinux_2_28`,
            `x86_64-manylinux2014`, `x86_64-unknown-linux-gnu` or another platform tag.

    Raises:
        SettingError: When it is empty.
    """
    platforms = list(_platform_tags(platform))

    def choose(files: Sequence[str], python: str | None) -> str | None:
        found = {file: _tags_of(file) for file in files}
        if python is None:
            # without the Python only a wheel that fits every Python 3 is certain
            wanted: Iterator[Tag] = iter(
                Tag("py3", abi, system) for system in [*platforms, "any"] for abi in ("none",)
            )
        else:
            major, minor = (int(part) for part in python.split(".")[:2])
            wanted = chain(
                cpython_tags((major, minor), platforms=platforms),
                compatible_tags((major, minor), f"cp{major}{minor}", platforms),
            )
        for tag in wanted:
            for file in sorted(found):
                if tag in found[file]:
                    return file
        return None

    return choose


def _tags_of(file: str) -> frozenset[Tag]:
    """Return what a wheel is for; nothing where its name, from a record, is no wheel's."""
    try:
        return parse_wheel_filename(file)[3]
    except InvalidWheelFilename:
        return frozenset()


_GLIBC_NAMES = {"manylinux2014": (2, 17), "manylinux2010": (2, 12), "manylinux1": (2, 5)}


def _platform_tags(platform: str) -> Iterator[str]:
    if not platform.strip():
        raise SettingError(
            "The option `platform` is empty.",
            code="platform-unknown",
            cure="Leave it out, or name one such as x86_64-manylinux_2_28.",
        )
    machine, _, system = platform.strip().partition("-")
    version = re.fullmatch(r"manylinux_(\d+)_(\d+)", system)
    if version:
        glibc = int(version[1]), int(version[2])
    elif system in _GLIBC_NAMES:
        glibc = _GLIBC_NAMES[system]
    elif system in {"unknown-linux-gnu", "linux"}:
        glibc = 2, 28
    else:
        yield platform.strip()
        return
    names = {older: name for name, older in _GLIBC_NAMES.items()}
    for minor in range(glibc[1], 4, -1):
        yield f"manylinux_{glibc[0]}_{minor}_{machine}"
        if (glibc[0], minor) in names:
            yield f"{names[glibc[0], minor]}_{machine}"
    yield f"linux_{machine}"

"""Which of a version's wheels an image would install: pip's order of tags, for another machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.ground.uv import SolvedFile

__all__ = ["chosen", "tag_order"]

LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""glibc minor version -> the name it had before PEP 600."""


def platform_tags(platform: str) -> list[str]:
    """Return the platform tags that an image of this platform takes, best first; [] where that is
    not known: uv's other platforms than Linux with glibc, and Windows."""
    found = re.fullmatch(r"(x86_64|aarch64)-(?:manylinux_2_(\d+)|manylinux2014)", platform)
    if found:
        machine, newest = found[1], int(found[2] or 17)
    elif platform in {"linux", "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"}:
        machine, newest = "aarch64" if platform.startswith("aarch64") else "x86_64", 28
    else:
        return ["win_amd64"] if platform in {"windows", "x86_64-pc-windows-msvc"} else []
    tags: list[str] = []
    for minor in range(newest, 4, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        tags += [f"{LEGACY[minor]}_{machine}"] if minor in LEGACY else []
    return [*tags, f"linux_{machine}"]


def tag_order(python: str, platform: str) -> dict[Tag, int]:
    """Return the tags that a CPython of this version takes, each with its rank (0 is best)."""
    platforms = platform_tags(platform)
    if not platforms:
        return {}
    version = tuple(int(part) for part in python.split(".")[:2])
    interpreter = f"cp{version[0]}{version[1]}"
    tags = [
        *cpython_tags(version, platforms=platforms),
        *compatible_tags(version, interpreter, platforms),
    ]
    return {tag: rank for rank, tag in enumerate(dict.fromkeys(tags))}


def chosen(files: Sequence[SolvedFile], order: dict[Tag, int]) -> SolvedFile | None:
    """Return the file that pip would install.

    Args:
        files: The wheels of one version.
        order: From `tag_order`.

    Returns:
        None where there is none, or where several cannot be told apart.
    """
    if len(files) <= 1:
        return files[0] if files else None
    ranked: list[tuple[int, tuple[int, str], int, SolvedFile]] = []
    for place, file in enumerate(files):
        try:
            _, _, build, tags = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        ranks = [order[tag] for tag in tags if tag in order]
        if ranks:
            # of equal tags the higher build number wins; of equal files the one of an index, which
            # uv lists after those of find-links
            ranked.append((-min(ranks), build or (-1, ""), place, file))
    return max(ranked, key=lambda each: each[:3])[3] if ranked else None

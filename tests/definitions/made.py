"""Pins, plans and a foreign YAML parser for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from wheelstep.definitions.choice import choose_for
from wheelstep.definitions.interface import PinStyle, Wanted
from wheelstep.definitions.plan import Edits, PlannedEdit, plan_edits
from wheelstep.model import Index, Pin, Wheel

FEED = "https://pkgs.dev.azure.com/org/_packaging/feed/pypi/simple/"
INDEX = Index(FEED)
ALONE = Index(FEED, public_upstream=True)
PURE = "my_pkg-1.1-py3-none-any.whl"
NATIVE = "my_pkg-1.1-cp310-cp310-manylinux_2_28_x86_64.whl"
CHOOSE = choose_for("x86_64-manylinux_2_28")
SCHEMA = "https://azuremlschemas.azureedge.net/latest/environment.schema.json"


def url_of(file: str) -> str:
    return f"https://wheels.example.org/{file}"


def pin(*files: str, name: str = "my-pkg", version: str = "1.1") -> Pin:
    """A pin whose wheels' hashes are 000..., 111... in order."""
    files = files or (PURE,)
    wheels = tuple(
        Wheel(file, name, version, str(number) * 64, "", 1) for number, file in enumerate(files)
    )
    return Pin(name, version, "c" * 40, wheels, tuple((file, url_of(file)) for file in files))


def wanted(*pins: Pin, style: PinStyle = "version", index: Index | None = None) -> Wanted:
    return Wanted(pins or (pin(),), style, index, CHOOSE)


def plan(
    files: Mapping[str, bytes],
    *pins: Pin,
    patterns: Sequence[str] | None = None,
    style: PinStyle = "version",
    index: Index | None = None,
    keep_ranges: bool = False,
    closure: bool = False,
) -> Edits:
    wanted = Wanted(
        pins or (pin(),), style, index, CHOOSE, keep_ranges=keep_ranges, closure=closure
    )
    return plan_edits(files.get, sorted(files), wanted, patterns=patterns)


def only(edits: Edits) -> PlannedEdit:
    (edit,) = edits.edits
    return edit


def after(files: Mapping[str, bytes], edits: Edits) -> dict[str, bytes]:
    return dict(files) | {edit.path: edit.after for edit in edits.edits}


def foreign(data: bytes) -> list[Any]:
    """Every document, as ruamel reads it."""
    parser = YAML(typ="safe", pure=True)
    return list(parser.load_all(data.removeprefix(b"\xef\xbb\xbf").decode()))

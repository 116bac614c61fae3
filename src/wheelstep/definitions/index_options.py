"""Where pip looks: which index a definition names already, and where ours has to go.

Observed with pip 21.3, 24.0 and 26.3: an `--index-url` line discards every index listed before
it, `--extra-index-url` lines included; of equal versions the last listed index wins.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wheelstep.definitions.pip_lines import LogicalLine
from wheelstep.ground.index_url import same_index

__all__ = ["Addition", "IndexOption", "Remark", "decide", "index_options"]

_INDEX: Final = ("--index-url", "--pypi-url")
_EXTRA: Final = "--extra-index-url"


@dataclass(frozen=True, slots=True)
class IndexOption:
    """One index that a line names."""

    kind: Literal["index", "extra", "no-index", "links", "include"]
    url: str
    """Empty for `--no-index`; a path for an included file."""
    line: int
    """The number of the logical line, counted from 0."""
    equals: bool = False
    """Written `--option=value`."""


@dataclass(frozen=True, slots=True)
class Addition:
    """An option line to add, beside a logical line."""

    text: str
    line: int
    where: Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the index options that the reader should know."""

    code: str
    severity: Literal["warning", "notice"]
    message: str
    cure: str
    line: int | None
    """The number of the logical line, counted from 0."""


def index_options(lines: Sequence[LogicalLine]) -> list[IndexOption]:
    """Return the index options of all lines, in order."""
    found: list[IndexOption] = []
    for number, line in enumerate(lines):
        if not line.text.startswith("-"):
            continue
        try:
            words = shlex.split(line.text)
        except ValueError:  # an open quote: pip will say so
            words = line.text.split()
        while words:
            word = words.pop(0)
            flag, equals, value = word.partition("=")
            if not flag.startswith("--") and len(flag) > 2:  # noqa: PLR2004 - `-iURL`
                flag, equals, value = word[:2], "", word[2:]
            kind = _kind(flag)
            if kind is None:
                continue
            if kind != "no-index" and not value and not equals and words:
                value = words.pop(0)
            found.append(IndexOption(kind, value, number, equals=bool(equals)))
    return found


def _kind(flag: str) -> Literal["index", "extra", "no-index", "links", "include"] | None:
    if flag == "-i" or (len(flag) > 4 and any(option.startswith(flag) for option in _INDEX)):  # noqa: PLR2004 - pip takes unique beginnings
        return "index"
    if len(flag) > 3 and _EXTRA.startswith(flag):  # noqa: PLR2004
        return "extra"
    if flag == "--no-index":
        return "no-index"
    if flag in {"-f", "--find-links"}:
        return "links"
    if flag in {"-r", "--requirement", "-c", "--constraint"}:
        return "include"
    return None


def decide(
    lines: Sequence[LogicalLine], url: str, *, stands_alone: bool, also: Sequence[str] = ()
) -> tuple[Addition | None, list[Remark]]:
    """Decide whether and where the index is added.

    Args:
        lines: The logical lines of one pip section; at least one.
        url: The index, without credentials.
        stands_alone: It serves the public packages too, so that it may be the only index.
        also: Other URLs that list the same wheels: with one of them no other is added.
    """
    options = index_options(lines)
    remarks = [
        Remark(
            "index-ignored",
            "warning",
            "pip ignores this --extra-index-url: an --index-url on a later line takes the place "
            "of every index named before it.",
            "Move the --index-url line above it.",
            option.line,
        )
        for option in _discarded(options)
    ]
    if any(option.kind == "no-index" for option in options):
        remarks.append(
            Remark(
                "index-switched-off",
                "warning",
                "--no-index makes pip ignore every index, so none was added.",
                "Remove --no-index, unless --find-links names all that is needed.",
                next(option.line for option in options if option.kind == "no-index"),
            )
        )
        return None, remarks
    effective = _effective(options)
    ours = [
        option for option in effective if any(same_index(option.url, each) for each in (url, *also))
    ]
    if ours:
        return None, remarks + ([_not_last(effective[-1])] if effective[-1] not in ours else [])
    equals = "=" if any(option.equals for option in options) else " "
    if stands_alone and not any(option.kind == "index" for option in options):
        extras = [option for option in options if option.kind == "extra"]
        first = extras[0].line if extras else 0
        remarks += [_not_last(extras[-1])] if extras else []
        return Addition(f"--index-url{equals}{url}", first, "before"), remarks
    if stands_alone:
        remarks.append(
            Remark(
                "index-beside-another",
                "notice",
                "The definition names another --index-url, so our index was added as an extra one "
                "although it could stand alone.",
                "Make it the only --index-url, so that no public package can take the place of a "
                "private one.",
                next(option.line for option in options if option.kind == "index"),
            )
        )
    text = f"{_EXTRA}{equals}{url}"
    if options:
        return Addition(text, max(option.line for option in options), "after"), remarks
    return Addition(text, 0, "before"), remarks


def _not_last(last: IndexOption) -> Remark:
    return Remark(
        "index-not-last",
        "warning",
        "Another index is listed after ours, and pip takes the last listed one where both have "
        "the version.",
        "List the private index last, or name no other where it serves public packages too.",
        last.line,
    )


def _effective(options: Sequence[IndexOption]) -> list[IndexOption]:
    """Return the indexes that pip asks, in its order."""
    found: list[IndexOption] = []
    for number in sorted({option.line for option in options}):
        here = [option for option in options if option.line == number]
        indexes = [option for option in here if option.kind == "index"]
        if indexes:
            found = indexes[-1:]
        found += [option for option in here if option.kind == "extra"]
    return found


def _discarded(options: Sequence[IndexOption]) -> list[IndexOption]:
    last = max((option.line for option in options if option.kind == "index"), default=-1)
    return [option for option in options if option.kind == "extra" and option.line < last]

"""The version that follows an environment's version, in the form that it has.

A registered version of an Azure ML environment never changes, so that changed content needs another
one (source: Azure ML, how-to-manage-environments-v2). Nothing here reads a clock.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, TypeGuard

__all__ = ["plain_is_read_back", "raised", "reached"]

_DATE: Final = re.compile(
    r"(?P<prefix>[vV]?)(?P<year>(?:19|20)[0-9]{2})(?P<between>[-.]?)(?P<month>[0-9]{2})"
    r"(?P=between)(?P<day>[0-9]{2})(?:\.(?P<counter>[0-9]{1,9}))?"
)
# longer numbers than any counter are ids of commits and builds; int() refuses the longest
_NUMBERS: Final = re.compile(
    r"(?P<prefix>[vV]?)(?P<numbers>[0-9]{1,18}(?:\.[0-9]{1,18}){0,9})", re.ASCII
)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FLOAT: Final = re.compile(r"[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class _Dated:
    prefix: str
    between: str
    date: dt.date
    counter: int
    """0 where there is none."""

    @property
    def key(self) -> tuple[int, ...]:
        """What is compared."""
        return (self.date.toordinal(), self.counter)

    def comparable(self, other: _Dated | _Numbered | None) -> TypeGuard[_Dated]:
        """Tell whether another version is of this form."""
        return isinstance(other, _Dated) and other.prefix == self.prefix

    def above(self, others: Sequence[_Dated], day: dt.date | None) -> str:
        last = max((one.date, one.counter) for one in (self, *others))
        date, counter = (day, 0) if day is not None and day > last[0] else (last[0], last[1] + 1)
        written = self.between.join((f"{date.year:04}", f"{date.month:02}", f"{date.day:02}"))
        return f"{self.prefix}{written}" + (f".{counter}" if counter else "")


@dataclass(frozen=True, slots=True)
class _Numbered:
    prefix: str
    numbers: tuple[str, ...]

    @property
    def key(self) -> tuple[int, ...]:
        """What is compared, without the zeros at the end: 1.2 is 1.2.0."""
        values = [int(number) for number in self.numbers]
        while values and values[-1] == 0:
            values.pop()
        return tuple(values)

    def comparable(self, other: _Dated | _Numbered | None) -> TypeGuard[_Numbered]:
        """Tell whether another version is of this form: a counter, or several numbers."""
        return (
            isinstance(other, _Numbered)
            and other.prefix == self.prefix
            and (len(other.numbers) == 1) == (len(self.numbers) == 1)
        )

    def above(self, others: Sequence[_Numbered]) -> str:
        highest = max((one.key for one in (self, *others)), default=())
        fitted = [
            value
            for value, _ in zip_longest(highest[: len(self.numbers)], self.numbers, fillvalue=0)
        ]
        fitted = [int(value) for value in fitted]
        fitted[-1] += 1
        written = [
            # 007 is followed by 008, and 2026.01 by 2026.02
            str(value).zfill(len(before) if before.startswith("0") else 1)
            for before, value in zip(self.numbers, fitted, strict=True)
        ]
        return self.prefix + ".".join(written)


def raised(version: str, *, day: dt.date | None = None, taken: Sequence[str] = ()) -> str | None:
    """Return the first version of the same form above this one and above all comparable ones.

    >>> raised("7"), raised("007"), raised("v1.9"), raised("2026-11-20")
    ('8', '008', 'v1.10', '2026-11-20.1')

    Args:
        version: As written, without quotes.
        day: What is released, for versions that are dates; None where it is not known.
        taken: Versions that exist already, of any form.

    Returns:
        None where the version has no form that can be counted up: a word, the id of a commit.
    """
    own = _read(version)
    others = [one for text in taken if (one := _read(text))]
    match own:
        case _Dated():
            return own.above([one for one in others if own.comparable(one)], day)
        case _Numbered():
            return own.above([one for one in others if own.comparable(one)])
        case None:
            return None


def reached(version: str, *, same: Collection[str], other: Collection[str]) -> str | None:
    """Return the highest existing version with the same content, where no new one is needed: it is
    above this version, and above all that have other content.

    >>> reached("7", same=["8", "9"], other=["3"]), reached("7", same=["8"], other=["9"])
    ('9', None)

    Args:
        version: As written, without quotes.
        same: Versions that exist with the content that is wanted.
        other: Versions that exist with other content, in one place at least.
    """
    own = _read(version)
    if own is None:
        return None
    lowest = max((one.key for text in other if own.comparable(one := _read(text))), default=own.key)
    lowest = max(lowest, own.key)
    above = [
        (one.key, text) for text in same if own.comparable(one := _read(text)) and one.key > lowest
    ]
    return max(above)[1] if above else None


def _read(version: str) -> _Dated | _Numbered | None:
    if found := _DATE.fullmatch(version):
        try:
            date = dt.date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            pass  # 20261399 is a number
        else:
            return _Dated(found["prefix"], found["between"], date, int(found["counter"] or 0))
    if found := _NUMBERS.fullmatch(version):
        return _Numbered(found["prefix"], tuple(found["numbers"].split(".")))
    return None


def plain_is_read_back(version: str) -> bool:
    """Tell whether Azure ML reads a version as it is written in YAML without quotes, and readers
    of YAML 1.2 too: 1.10 is the number 1.1, 010 is 8 (YAML 1.1) or 10 (YAML 1.2), and a date with
    hyphens is refused (observed: azure-ai-ml 1.35).

    >>> plain_is_read_back("1.9"), plain_is_read_back("1.10"), plain_is_read_back("1.2.10")
    (True, False, True)
    """
    if _DAY.fullmatch(version):
        return False
    if version.isdecimal():
        return version == str(int(version))
    if _FLOAT.fullmatch(version):
        return version == str(float(version))
    return True

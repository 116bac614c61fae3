"""A page of Markdown that fits itself to its room: pure.

A page is made of sections, a section of items, an item of rows. Where the room is too small, rows
and items are left out from the end, in an order that whoever makes the page gives; what stays is
whole: no half row of a table, and every code block that is opened is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, Literal

__all__ = ["Item", "Room", "Section", "Step", "fitted", "shortened", "utf16_units"]

COUNT: Final = "{count}"


@dataclass(frozen=True, slots=True)
class Room:
    """How much text a host takes."""

    limit: int
    """The most, as `count` counts."""
    count: Callable[[str], int] = len
    """What one text takes; of two texts together it is the sum. `len` counts characters."""


def utf16_units(text: str) -> int:
    """Return the length as .NET and JavaScript count: a character beyond U+FFFF counts twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shortened(text: str, room: Room, end: str = "\u2026") -> str:
    """Return a text of one line that fits, with `end` where something is left out; a character is
    never split.

    Args:
        text: Any.
        room: More than `end` takes.
        end: What stands for the rest.
    """
    if room.count(text) <= room.limit:
        return text
    left = room.limit - room.count(end)
    kept = list(accumulate(map(room.count, text[: left + 1])))
    return f"{text[: sum(size <= left for size in kept)].rstrip()}{end}"


@dataclass(frozen=True, slots=True)
class Item:
    """Lines that belong together."""

    head: Sequence[str] = ()
    """Shown where the item is."""
    rows: Sequence[str] = ()
    """One line each; left out from the end."""
    tail: Sequence[str] = ()
    """Shown where the item is: what closes it."""
    more: str = "- ... and {count} more"
    """The line in the place of the rows that are left out; `{count}` is their number."""
    left: int = 0
    """Rows that whoever made the page has left out."""

    def lines(self, rows: int) -> list[str]:
        """Return it with so many rows."""
        kept = self.rows[:rows]
        return [*self.head, *kept, *self.rest(len(kept)), *self.tail]

    def rest(self, rows: int) -> list[str]:
        """Return what stands in the place of all rows behind the first ones."""
        return _rest(self.more, self.left + len(self.rows) - rows)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. It is not shown where it has neither an item nor `always`."""

    key: str
    """By which the order of shortening names it."""
    head: Sequence[str] = ()
    items: Sequence[Item] = ()
    tail: Sequence[str] = ("",)
    more: str = "... and {count} more"
    """The line in the place of the items that are left out."""
    left: int = 0
    """Items that whoever made the page has left out."""
    always: bool = False
    """Its head is shown without any item, too."""

    def lines(self, items: int, rows: int) -> list[str]:
        """Return it with so many items, and so many rows of each."""
        kept = self.items[:items]
        if not kept and not self.always:
            return []
        shown = [line for item in kept for line in item.lines(rows)]
        return [*self.head, *shown, *self.rest(len(kept)), *self.tail]

    def rest(self, items: int) -> list[str]:
        """Return what stands in the place of all items behind the first ones."""
        return _rest(self.more, self.left + len(self.items) - items)


def _rest(more: str, count: int) -> list[str]:
    return [more.replace(COUNT, str(count))] if count else []


@dataclass(frozen=True, slots=True)
class Step:
    """One way to make a page shorter."""

    key: str
    """Of the section."""
    what: Literal["items", "rows"]
    least: int
    """So many stay in this step."""


def fitted(sections: Sequence[Section], room: Room, steps: Sequence[Step], closing: str) -> str:
    """Return a page that fits: whole, or shortened as little as need be.

    Args:
        sections: In the order of the page; the heads of those that are always shown, and `closing`,
            have to fit.
        room: What it has to fit in.
        steps: How it becomes shorter: the first before the second, each as far as it goes.
        closing: The last line of a page that was shortened.
    """
    whole = _Fitting(sections, room, ())
    if whole.fits():
        return whole.text()
    short = _Fitting(sections, room, (closing,))
    done: list[Step] = []
    for step in steps:
        done.append(step)
        short.let(step, low=step.least, high=short.limit(step))
        if short.fits():
            break
    # the last step may have made more room than was needed
    for step in reversed(done):
        short.let(step, low=short.limit(step), high=whole.limit(step))
    return short.text()


class _Fitting:
    """A page with the numbers of items and rows that it is shown with."""

    def __init__(self, sections: Sequence[Section], room: Room, end: Sequence[str]) -> None:
        self.sections = {one.key: one for one in sections}
        self.room = room
        self.end = end
        self.limits = {
            one.key: _Limit(len(one.items), max((len(item.rows) for item in one.items), default=0))
            for one in sections
        }
        # a page may have a hundred thousand rows: their lengths are counted once
        self.sizes: Mapping[str, list[_Size]] = {
            one.key: [_Size(item, room) for item in one.items] for one in sections
        }

    def limit(self, step: Step) -> int:
        """Return how many are shown now."""
        found = self.limits.get(step.key)
        return 0 if found is None else found.items if step.what == "items" else found.rows

    def let(self, step: Step, *, low: int, high: int) -> None:
        """Show as many as fit, at least `low` and at most `high`."""
        if step.key not in self.sections:
            return
        low = min(low, high)
        while low < high:
            self._set(step, middle := (low + high + 1) // 2)
            if self.fits():
                low = middle
            else:
                high = middle - 1
        self._set(step, low)

    def _set(self, step: Step, count: int) -> None:
        now = self.limits[step.key]
        self.limits[step.key] = (
            replace(now, items=count) if step.what == "items" else replace(now, rows=count)
        )

    def fits(self) -> bool:
        """Tell whether it does now."""
        used = sum(self._size(key) for key in self.sections) + self._lines(self.end)
        return used - 1 <= self.room.limit

    def text(self) -> str:
        """Return the page as it is now."""
        lines = [
            line
            for key, one in self.sections.items()
            for line in one.lines(self.limits[key].items, self.limits[key].rows)
        ]
        return "\n".join([*lines, *self.end])

    def _size(self, key: str) -> int:
        section, now = self.sections[key], self.limits[key]
        kept = self.sizes[key][: now.items]
        if not kept and not section.always:
            return 0
        around = [*section.head, *section.rest(len(kept)), *section.tail]
        return sum(item.of(now.rows) for item in kept) + self._lines(around)

    def _lines(self, lines: Sequence[str]) -> int:
        return sum(self.room.count(line) + 1 for line in lines)


@dataclass(frozen=True, slots=True)
class _Limit:
    items: int
    rows: int


class _Size:
    """How much room an item takes, line ends included."""

    def __init__(self, item: Item, room: Room) -> None:
        self.item = item
        self.count = room.count
        self.around = sum(room.count(line) + 1 for line in (*item.head, *item.tail))
        self.rows = list(accumulate((room.count(row) + 1 for row in item.rows), initial=0))

    def of(self, rows: int) -> int:
        """Return it for so many rows."""
        rows = min(rows, len(self.item.rows))
        rest = sum(self.count(line) + 1 for line in self.item.rest(rows))
        return self.around + self.rows[rows] + rest

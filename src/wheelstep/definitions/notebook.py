"""Jupyter notebooks whose cells make environments, as scripts do, or install with pip.

Source: nbformat 4 (`cells`, `cell_type`, `source` as one text or a list of lines). Outputs are
never touched.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from wheelstep.definitions.interface import Edited, Reading, Wanted
from wheelstep.definitions.json_text import JsonNode, compose_json, rewrite_json
from wheelstep.definitions.python_edit import decide_edits, finished, reading_of
from wheelstep.definitions.python_found import Left, left_in
from wheelstep.definitions.python_scan import Scan, scan
from wheelstep.definitions.python_source import may_install
from wheelstep.definitions.python_text import Literal, NotPython, Unit, parse_python
from wheelstep.definitions.shell_line import Install, ShellWord, gather, installs, rewritten
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import DefinitionUnresolvable, StepError

__all__ = ["Cell", "Notebook", "cells_of", "with_cells"]

_FORMAT: Final = 4
_PYTHON_CELL: Final = re.compile(r"\s*%%(?:time|timeit|capture|prun)\b")
# of a whole line, and of what an assignment has on its right
_MAGIC: Final = re.compile(
    r"^(?P<before>[ \t]*(?:[A-Za-z_][\w., \t]*=[ \t]*)?)"
    r"(?P<magic>[%!?](?:[^\r\n]*\\\r?\n)*[^\r\n]*)",
    re.MULTILINE,
)
_HELP: Final = re.compile(r"^(?P<before>[ \t]*)(?P<magic>[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)
_WORD: Final = re.compile(r"[^\s'\"]+")
_LINE: Final = re.compile(r"[ \t]*(?:-[ \t]+)?['\"]?(?P<text>[^\s'\"#][^'\"\r\n]*)")


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A cell with code."""

    text: str
    nodes: tuple[JsonNode, ...]
    """The texts of the JSON that it is made of."""
    line_of: Callable[[int], int]
    """The line in the file of a character of `text`."""
    unit: Unit | None
    """None where the cell holds something else than Python."""


@dataclass(frozen=True, slots=True)
class _Looked:
    root: JsonNode
    cells: tuple[Cell, ...]
    scan: Scan


class Notebook:
    """`.ipynb` files."""

    name = "notebook"
    suffixes: tuple[str, ...] = (".ipynb",)

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether its cells say anything about environments, or may and cannot be read."""
        if not path.lower().endswith(self.suffixes) or not may_install(data):
            return False
        try:
            found = _looked(decode(path, data)).scan
        except StepError:
            return True  # `read` tells
        return bool(found.sections or found.left)

    def read(self, path: str, data: bytes) -> Reading:
        """Read it.

        Raises:
            DefinitionUnresolvable: Not UTF-8, not JSON, no notebook of format 4.
        """
        return reading_of(_looked(decode(path, data)).scan)

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what literals and `pip install` lines say; raises as the interface says."""
        del changed  # it has no version to raise
        source = decode(path, data)
        looked = _looked(source)
        decided = decide_edits(source, looked.scan, wanted)
        texts: dict[int, str] = {}
        for number, cell in enumerate(looked.cells):
            words = [
                (one, new)
                for one, new in decided.edits.values()
                if isinstance(one, ShellWord) and one.unit == number
            ]
            literals = [
                (one, new)
                for one, new in decided.edits.values()
                if isinstance(one, Literal) and one.unit is cell.unit
            ]
            if words or literals:
                texts[number] = _new_text(path, number, cell, words, literals)
        after = with_cells(source, looked.root, looked.cells, texts) if texts else data
        return finished(after, self.read(path, after), decided, looked.scan.left, wanted)


def _new_text(
    path: str,
    number: int,
    cell: Cell,
    words: list[tuple[ShellWord, str]],
    literals: list[tuple[Literal, str]],
) -> str:
    splices = []
    try:
        if words:
            rewritten(cell.text, number, words)  # proves it
            splices += [one.splice(new) for one, new in words]
        if literals and cell.unit is not None:
            cell.unit.rewritten(literals)
            splices += [one.splice(new) for one, new in literals]
    except EditNotProven as error:
        raise EditNotProven(f"{path}: {error}") from error
    return apply(cell.text, splices)


def with_cells(
    source: Source, root: JsonNode, cells: tuple[Cell, ...], texts: dict[int, str]
) -> bytes:
    """Return the notebook with new texts of some cells, every other byte as it was.

    Args:
        source: The notebook.
        root: Its JSON.
        cells: As `cells_of` returned them.
        texts: By the cell's place among them; with as many lines as before.

    Raises:
        EditNotProven: Reading it again shows anything but the wanted change.
    """
    replacements = []
    for number, new in texts.items():
        lines = new.split("\n")
        for node in cells[number].nodes:
            count = (node.text or "").count("\n")
            here, lines = lines[: count + 1], lines[count:]
            # what follows the last line end belongs to the next text
            text = "\n".join([*here[:-1], ""]) if _ends_line(node) else "\n".join(here)
            replacements += [(node, text)] if text != node.text else []
    return rewrite_json(source, root, replacements)


def _ends_line(node: JsonNode) -> bool:
    return (node.text or "").endswith("\n")


@lru_cache(maxsize=8)
def _looked(source: Source) -> _Looked:
    root = compose_json(source)
    cells = tuple(cells_of(source, root))
    units = [cell.unit for cell in cells if cell.unit is not None]
    found = scan(units)
    lines = [each for number, cell in enumerate(cells) for each in _installs(number, cell)]
    section, left = gather(lines)
    found.left += [*left, *(one for cell in cells for one in _foreign(cell))]
    if section:
        found.sections.append(section)
    return _Looked(root, cells, found)


def cells_of(source: Source, root: JsonNode) -> Iterator[Cell]:
    """Yield the cells with code.

    Raises:
        DefinitionUnresolvable: It is no notebook of format 4; none at all where its kernel is of
            another language.
    """
    cells = root.get("cells")
    version = root.get("nbformat")
    if cells is None or version is None or version.value != _FORMAT:
        raise DefinitionUnresolvable(
            "This notebook is not of format 4, as Jupyter has written them since 2014.",
            code="notebook-format",
            cure="Convert it with `jupyter nbconvert --to notebook --nbformat 4`.",
            file=source.path,
        )
    for place in (("kernelspec", "language"), ("language_info", "name")):
        language = root.get("metadata", *place)
        if language is not None and language.text and language.text.lower() != "python":
            return
    for _, node in cells.entries():
        kind, text = node.get("cell_type"), node.get("source")
        if kind is not None and kind.text == "code" and text is not None:
            cell = _cell(source, text)
            if cell is not None:
                yield cell


def _cell(source: Source, node: JsonNode) -> Cell | None:
    nodes = (node,) if node.text is not None else tuple(inside for _, inside in node.entries())
    texts = [each.text for each in nodes]
    if not nodes or any(
        text is None or (number < len(nodes) - 1 and not text.endswith("\n"))
        for number, text in enumerate(texts)
    ):
        return None  # not as Jupyter writes it
    parts = [text or "" for text in texts]
    starts = [0, *accumulate(len(part) for part in parts[:-1])]

    def line_of(index: int) -> int:
        return source.line(nodes[bisect_right(starts, index) - 1].start)

    text = "".join(parts)
    return Cell(text, nodes, line_of, _unit(text, line_of))


def _unit(text: str, line_of: Callable[[int], int]) -> Unit | None:
    """Return a cell's Python, with magic lines blanked out, so that all stays in its place."""
    first, _, _ = text.lstrip().partition("\n")
    if first.startswith("%%") and not _PYTHON_CELL.match(first):
        return None
    for parsed in (text, _blanked(text)):
        try:
            return parse_python(text, line_of, parsed)
        except NotPython:
            continue
    return None


def _blanked(text: str) -> str:
    def blank(found: re.Match[str]) -> str:
        # `0` is a statement, as the body of an `if` needs one
        return f"{found['before']}0" + re.sub(r"[^\r\n]", " ", found["magic"][1:])

    return _HELP.sub(blank, _MAGIC.sub(blank, text))


def _installs(number: int, cell: Cell) -> Iterator[Install]:
    """Yield the `pip install` lines of a cell: what only looks like one stands in a text."""
    if cell.unit is None:
        return
    statements = {
        cell.unit.at(each.lineno, 0)
        for each in ast.walk(cell.unit.tree)
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Constant)
        and each.value.value == 0
    }
    for install in installs(cell.text, number, cell.line_of):
        if install.start in statements:
            yield install


def _foreign(cell: Cell) -> Iterator[Left]:
    """Yield what a cell pins that is no Python: `%%writefile conda.yml`, `%%bash`, or broken."""
    if cell.unit is not None:
        return
    why = "The cell cannot be parsed as Python."
    if cell.text.lstrip().startswith("%%"):
        why = "The cell is no Python: its first line hands it to something else."
    position = 0
    for line in cell.text.splitlines(keepends=True):
        item = _LINE.match(line)
        texts = [item["text"].rstrip()] if item else []
        for text in dict.fromkeys([*texts, *_WORD.findall(line)]):
            yield from left_in(text, cell.line_of(position), why, pinned_only=True)
        position += len(line)

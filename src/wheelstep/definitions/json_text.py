"""JSON as a tree of nodes that know where they stand in the text; values are replaced in place.

A dump would lose indentation, the order of escapes and line ends. Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.source import Source, leave_out
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import DefinitionUnresolvable

__all__ = ["JsonNode", "compose_json", "rewrite_json"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DEEPEST: Final = 200
# one character of a text's value: as a pair of surrogates, escaped, or as it is
_CHARACTER: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.",
    re.DOTALL,
)
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True, eq=False)
class JsonNode:
    """A value with its place in the text."""

    value: object
    """A text, number, boolean or None; of a list its nodes; of an object (key, node) pairs."""
    start: int
    end: int

    def get(self, *path: str | int) -> JsonNode | None:
        """Return what stands at a path of keys and positions, None where there is nothing; of a
        key that stands there twice the last, as every reader takes it."""
        node = self
        for step in path:
            found = [inside for key, inside in node.entries() if key == step]
            if not found:
                return None
            node = found[-1]
        return node

    def entries(self) -> Iterator[tuple[str | int, JsonNode]]:
        """Yield (key, node) of an object, (position, node) of a list, nothing of another value."""
        if isinstance(self.value, tuple):
            yield from self.value
        elif isinstance(self.value, list):
            yield from enumerate(self.value)

    @property
    def text(self) -> str | None:
        """The text, None where it is none."""
        return self.value if isinstance(self.value, str) else None

    @property
    def plain(self) -> object:
        """The value as the json module gives it."""
        match self.value:
            case tuple():
                return {key: node.plain for key, node in self.value}
            case list():
                return [node.plain for node in self.value]
            case _:
                return self.value


def compose_json(source: Source) -> JsonNode:
    """Return the root node; places count characters of `source.text`.

    Raises:
        DefinitionUnresolvable: Not JSON; with the line.
    """
    try:
        json.loads(source.text)
        node, _ = _value(source.text, _skip(source.text, 0), 0)
    except json.JSONDecodeError as error:
        raise DefinitionUnresolvable(
            f"The file is not valid JSON: {error.msg}.",
            code="definition-not-json",
            cure=f"Mend the JSON. If it is no definition, {leave_out(source.path)}.",
            file=source.path,
            line=source.line(error.pos),
        ) from None
    except (RecursionError, ValueError):  # a number of too many digits is a ValueError
        raise DefinitionUnresolvable(
            f"The JSON is nested more than {_DEEPEST} levels deep, or has a number that is too "
            "long to be read.",
            code="definition-not-json",
            cure=f"Check what wrote this file. If it is no definition, {leave_out(source.path)}.",
            file=source.path,
        ) from None
    return node


def _skip(text: str, index: int) -> int:
    found = _SPACE.match(text, index)
    return found.end() if found else index


def _value(text: str, start: int, depth: int) -> tuple[JsonNode, int]:
    """Read the value at `start` of a text that is known to be JSON."""
    if depth > _DEEPEST:
        raise RecursionError
    match text[start]:
        case "[":
            items: list[JsonNode] = []
            at = _skip(text, start + 1)
            while text[at] != "]":
                node, at = _value(text, at, depth + 1)
                items.append(node)
                at = _skip(text, at)
                at = _skip(text, at + 1) if text[at] == "," else at
            return JsonNode(items, start, at + 1), at + 1
        case "{":
            pairs: list[tuple[str, JsonNode]] = []
            at = _skip(text, start + 1)
            while text[at] != "}":
                key, at = _DECODER.raw_decode(text, at)
                at = _skip(text, _skip(text, at) + 1)
                node, at = _value(text, at, depth + 1)
                pairs.append((key, node))
                at = _skip(text, at)
                at = _skip(text, at + 1) if text[at] == "," else at
            return JsonNode(tuple(pairs), start, at + 1), at + 1
        case _:
            found, end = _DECODER.raw_decode(text, start)
            return JsonNode(found, start, end), end


def rewrite_json(
    source: Source,
    root: JsonNode,
    replacements: Sequence[tuple[JsonNode, str]],
    insertions: Sequence[tuple[JsonNode, int, str]] = (),
) -> bytes:
    """Return the definition with these texts, every other byte as it was.

    Args:
        source: What the nodes were read from.
        root: The root of those nodes.
        replacements: (a text's node, the text that it shall be).
        insertions: (a list that is not empty, position among its items as they are, new text).

    Raises:
        EditNotProven: Parsing again shows anything but the wanted change.
    """
    text = source.text
    splices = [(node.start, node.end, _written(text, node, new)) for node, new in replacements]
    splices += [_inserted(text, *wanted) for wanted in insertions]
    after = apply(text, splices)
    values = {id(node): new for node, new in replacements}
    added = {(id(node), position): new for node, position, new in insertions}
    try:
        result = compose_json(Source(source.path, after))
    except DefinitionUnresolvable as error:
        raise EditNotProven(f"{source.path}: after the edit: {error.message}") from error
    if _said(root, values, added) != _said(result, {}, {}):
        raise EditNotProven(f"{source.path}: after the edit other values would have changed.")
    return source.encode(after)


def _written(text: str, node: JsonNode, new: str) -> str:
    """Write a text anew: what it has in common with the old one stays as it is written, since one
    character may be written in several ways."""
    written = text[node.start + 1 : node.end - 1]
    old = node.text or ""
    units = [found.span() for found in _CHARACTER.finditer(written)]
    lead = trail = 0
    if len(units) == len(old):
        shorter = min(len(old), len(new))
        lead = next((at for at in range(shorter) if old[at] != new[at]), shorter)
        most = shorter - lead
        trail = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    start = units[lead][0] if lead < len(units) else len(written)
    end = units[len(units) - trail][0] if trail else len(written)
    middle = json.dumps(new[lead : len(new) - trail], ensure_ascii=written.isascii())[1:-1]
    # `\/` is how some writers have a slash, everywhere or not at all
    middle = middle.replace("/", r"\/") if r"\/" in written else middle
    return f'"{written[:start]}{middle}{written[end:]}"'


def _inserted(text: str, node: JsonNode, position: int, new: str) -> tuple[int, int, str]:
    items = [inside for _, inside in node.entries()]
    neighbor = items[min(position, len(items) - 1)]
    beside = text[neighbor.start : neighbor.end]
    written = json.dumps(new, ensure_ascii=beside.isascii())
    written = written.replace("/", r"\/") if r"\/" in beside else written
    before = text[: neighbor.start]
    space = before[len(before.rstrip(" \t\r\n")) :]
    gap = space if "\n" in space or "\r" in space else " "
    if position < len(items):
        return neighbor.start, neighbor.start, f"{written},{gap}"
    return neighbor.end, neighbor.end, f",{gap}{written}"


def _said(node: JsonNode, values: dict[int, str], added: dict[tuple[int, int], str]) -> object:
    """Return everything that a tree says, with the wanted changes."""
    if id(node) in values:
        return "str", values[id(node)]
    match node.value:
        case tuple():
            return tuple((key, _said(inside, values, added)) for key, inside in node.entries())
        case list():
            said: list[object] = []
            for position, inside in enumerate([*node.value, None]):
                if (new := added.get((id(node), position))) is not None:
                    said.append(("str", new))
                if inside is not None:
                    said.append(_said(inside, values, added))
            return said
        case _:
            # 1, 1.0 and True are one to Python, and not to JSON
            return type(node.value).__name__, node.value

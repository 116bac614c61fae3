"""JSON as a tree of nodes that know where they stand in the text; values are replaced in place.

A dump would lose indentation, the order of escapes and line ends. Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from wheelstep.definitions.source import Source, leave_out
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import DefinitionUnresolvable

__all__ = ["JsonNode", "compose_json", "member", "rewrite_json"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DEEPEST: Final = 200
_DECODER: Final = json.JSONDecoder()
# each of these is one character of the value; an escaped pair of surrogates is one, too
_PIECE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|."
)
_ESCAPED_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\/")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, eq=False)
class JsonNode:
    """A value with its place in the text."""

    value: object
    """A text, number, boolean or None; of a list its nodes; of an object (key, node) pairs."""
    start: int
    end: int

    def get(self, *path: str | int) -> JsonNode | None:
        """Return what stands at a path of keys and positions, None where there is nothing; of a
        key that stands there twice the last, as the json module takes it (see `member`)."""
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

    The nodes are shared between calls: they are not to be changed.

    Raises:
        DefinitionUnresolvable: Not JSON; with the line.
    """
    try:
        return _compose(source.text)
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


@lru_cache(maxsize=8)
def _compose(text: str) -> JsonNode:
    json.loads(text)
    return _value(text, _skip(text, 0), 0)[0]


def member(source: Source, node: JsonNode | None, key: str) -> JsonNode | None:
    """Return what an object has under a key, None where it has nothing or is no object.

    Raises:
        DefinitionUnresolvable: The key stands there twice.
    """
    found = [inside for name, inside in node.entries() if name == key] if node else []
    if len(found) > 1:
        lines = [source.line(inside.start) for inside in found]
        raise DefinitionUnresolvable(
            f"The key `{key}` stands twice in one object, on lines {lines[0]} and {lines[1]}; "
            "readers differ in which one they take.",
            code="definition-key-twice",
            cure="Join the two, or remove one.",
            file=source.path,
            line=lines[1],
        )
    return found[0] if found else None


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
    replacements: Sequence[tuple[JsonNode, str | int]],
    insertions: Sequence[tuple[JsonNode, int, str]] = (),
) -> bytes:
    """Return the definition with these texts, every other byte as it was.

    Args:
        source: What the nodes were read from.
        root: The root of those nodes.
        replacements: (a text's or number's node, what it shall be).
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


def _written(text: str, node: JsonNode, new: str | int) -> str:
    """Write a value in place of another: of a text only what differs, the rest as it stands."""
    if not isinstance(new, str) or node.text is None:
        return _fresh(text, new)
    pieces = _PIECE.findall(text, node.start + 1, node.end - 1)
    start = 0
    limit = min(len(pieces), len(new))
    while start < limit and node.text[start] == new[start]:
        start += 1
    end = 0
    while end < limit - start and node.text[-1 - end] == new[-1 - end]:
        end += 1
    middle = _fresh(text, new[start : len(new) - end])[1:-1]
    return f'"{"".join(pieces[:start])}{middle}{"".join(pieces[len(pieces) - end :])}"'


def _fresh(text: str, new: str | int) -> str:
    """Write a new value in the manner of the file."""
    written = json.dumps(
        new, ensure_ascii=text.isascii() or _SURROGATE.search(str(new)) is not None
    )
    # `\/` is how some writers have a slash, everywhere or not at all
    return written.replace("/", r"\/") if _ESCAPED_SLASH.search(text) else written


def _inserted(text: str, node: JsonNode, position: int, new: str) -> tuple[int, int, str]:
    items = [inside for _, inside in node.entries()]
    written = _fresh(text, new)
    if position < len(items):
        at = items[position].start
        return at, at, f"{written},{_gap(text, node, items)}"
    at = items[-1].end
    return at, at, f",{_gap(text, node, items)}{written}"


def _gap(text: str, node: JsonNode, items: Sequence[JsonNode]) -> str:
    """Return what stands between a comma and the next item of a list."""
    if len(items) > 1:
        between = text[items[0].end : items[1].start]
        return between.partition(",")[2]
    before = text[node.start + 1 : items[0].start]
    return before if "\n" in before or "\r" in before else " "


def _said(
    node: JsonNode, values: dict[int, str | int], added: dict[tuple[int, int], str]
) -> object:
    """Return everything that a tree says, with the wanted changes."""
    if (wanted := values.get(id(node))) is not None:
        return _plain_said(wanted)
    match node.value:
        case tuple():
            return tuple((key, _said(inside, values, added)) for key, inside in node.entries())
        case list():
            said: list[object] = []
            for position, inside in enumerate([*node.value, None]):
                if (new := added.get((id(node), position))) is not None:
                    said.append(_plain_said(new))
                if inside is not None:
                    said.append(_said(inside, values, added))
            return said
        case value:
            return _plain_said(value)


def _plain_said(value: object) -> tuple[str, str]:
    # 1, 1.0 and True are one to Python, and not to JSON; NaN is not even itself
    return type(value).__name__, value if isinstance(value, str) else repr(value)

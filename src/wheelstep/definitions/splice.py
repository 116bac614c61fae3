"""Change single values of a YAML text, and prove that nothing else changed.

A dump would lose comments, quoting and line ends. So the values are replaced in the text, at the
places that the parser's marks name, the result is parsed again, and both trees are compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from wheelstep.definitions.source import Source
from wheelstep.definitions.tree import children, compose
from wheelstep.errors import DefinitionUnresolvable, StepError

__all__ = ["EditNotProven", "Insertion", "Replacement", "rewrite"]

_TEXT: Final = "tag:yaml.org,2002:str"
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class EditNotProven(Exception):
    """A defect in wheelstep: the edited text does not say what it was meant to say."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A scalar and the value it shall have."""

    node: yaml.ScalarNode
    value: str


@dataclass(frozen=True, slots=True)
class Insertion:
    """A new scalar in a list that is not empty."""

    sequence: yaml.SequenceNode
    position: int
    """Among the items as they are: 0 is before the first."""
    value: str


Splice = tuple[int, int, str]


def rewrite(
    source: Source, replacements: Sequence[Replacement], insertions: Sequence[Insertion] = ()
) -> bytes:
    """Return the definition with these values, every other byte as it was.

    Raises:
        DefinitionUnresolvable: A list whose items are all aliases cannot be added to.
        EditNotProven: Parsing again shows anything but the wanted change.
    """
    roots = compose(source)
    flow = _in_flow(roots)
    splices = [
        _replaced(source.text, wanted.node, wanted.value, flow=id(wanted.node) in flow)
        for wanted in replacements
    ]
    splices += [_inserted(source, wanted) for wanted in insertions]
    after = apply(source.text, splices)
    try:
        result = compose(Source(source.path, after))
    except StepError as error:
        raise EditNotProven(f"{source.path}: after the edit: {error.message}") from error
    values = {id(wanted.node): wanted.value for wanted in replacements}
    added = {(id(wanted.sequence), wanted.position): wanted.value for wanted in insertions}
    if _outline(roots, values, added) != _outline(result, {}, {}):
        raise EditNotProven(f"{source.path}: after the edit other values would have changed.")
    return source.encode(after)


def apply(text: str, splices: Sequence[Splice]) -> str:
    """Return `text` with each (start, end) replaced; the parts do not overlap."""
    for start, end, new in sorted(splices, key=lambda splice: splice[:2], reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _outline(
    roots: Sequence[yaml.Node], values: dict[int, str], added: dict[tuple[int, int], str]
) -> list[object]:
    """Return everything that the documents say, aliases as the number of the node they name."""
    numbers: dict[int, int] = {}
    said: list[object] = []

    def number(key: int) -> None:
        numbers[key] = len(numbers)

    def visit(node: yaml.Node) -> None:
        if id(node) in numbers:
            said.append(("alias", numbers[id(node)]))
            return
        number(id(node))
        if isinstance(node, yaml.ScalarNode):
            said.append((node.tag, values.get(id(node), node.value)))
            return
        said.append((node.tag, "begin", isinstance(node, yaml.SequenceNode)))
        for position, child in enumerate([*children(node), None]):
            new = added.get((id(node), position))
            if new is not None:
                number(-len(numbers) - 1)  # no id is negative: a node of its own
                said.append((_TEXT, new))
            if child is not None:
                visit(child)
        said.append("end")

    for root in roots:
        said.append("document")
        visit(root)
    return said


def _in_flow(roots: Sequence[yaml.Node]) -> set[int]:
    """Return the ids of scalars that stand inside brackets or braces."""
    inside: set[int] = set()
    seen: set[tuple[int, bool]] = set()
    waiting = [(root, False) for root in roots]
    while waiting:
        node, flow = waiting.pop()
        if (id(node), flow) in seen:
            continue
        seen.add((id(node), flow))
        if isinstance(node, yaml.ScalarNode):
            if flow:
                inside.add(id(node))
        elif isinstance(node, yaml.CollectionNode):
            flow = flow or bool(node.flow_style)
            waiting += [(child, flow) for child in children(node)]
    return inside


def _replaced(text: str, node: yaml.ScalarNode, value: str, *, flow: bool) -> Splice:
    start, end = _extent(text, node)
    written = text[start:end]
    readable = _reader(flow=flow)
    for candidate in _candidates(written, node, value):
        if readable(candidate) == value:
            return start, end, candidate
    raise EditNotProven(f"No way was found to write {value!r} in YAML.")


def _extent(text: str, node: yaml.Node) -> tuple[int, int]:
    """Return where a node's own text begins and ends, its anchor and tag left out."""
    start, end = node.start_mark.index, node.end_mark.index
    properties = _PROPERTIES.match(text, start, end)
    start = properties.end() if properties else start
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        end = start + len(text[start:end].rstrip())
    return start, end


def _candidates(written: str, node: yaml.ScalarNode, value: str) -> Iterator[str]:
    """Yield ways to write the value, the one that changes least first."""
    encode = _encoder(node.style)
    old, new = _difference(node.value, value)
    old, new = encode(old), encode(new)
    if old and written.count(old) == 1:
        yield written.replace(old, new)
    match node.style:
        case None:
            yield value
        case "|" | ">":
            yield _block(written, value)
        case quote:
            yield quote + encode(value) + quote
    if "\n" not in value:
        yield "'" + _encoder("'")(value) + "'"
    yield '"' + _encoder('"')(value) + '"'


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the parts that differ, widened to whole words."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    limit = min(len(before), len(after)) - start
    while end < limit and before[-1 - end] == after[-1 - end]:
        end += 1
    while start > 0 and not before[start - 1].isspace():
        start -= 1
    while end > 0 and not before[len(before) - end].isspace():
        end -= 1
    return before[start : len(before) - end], after[start : len(after) - end]


def _encoder(style: str | None) -> Callable[[str], str]:
    if style == "'":
        return lambda value: value.replace("'", "''")
    if style == '"':
        return lambda value: "".join(_ESCAPES.get(letter, letter) for letter in value)
    return lambda value: value


def _block(written: str, value: str) -> str:
    """Write a literal or folded block anew: its header, its indentation, its line ends."""
    header, *others = written.splitlines(keepends=True)
    bare = header.rstrip("\r\n")
    header, line_end, rest = bare, header[len(bare) :], "".join(others)
    first = re.search(r"^( *)\S", rest, re.MULTILINE)
    indentation = first[1] if first else "  "
    ending = rest[len(rest.rstrip()) :]
    lines = [indentation + line if line else "" for line in value.rstrip("\n").split("\n")]
    return header + line_end + line_end.join(lines) + ending


def _reader(*, flow: bool) -> Callable[[str], str | None]:
    """Return what a written scalar says where it stands; None where it is no single scalar."""

    def read(written: str) -> str | None:
        small = f"[{written}]\n" if flow else f"- {written}"
        try:
            roots = compose(Source("", small))
        except DefinitionUnresolvable:
            return None
        match roots:
            case [yaml.SequenceNode(value=[yaml.ScalarNode(value=str(value))])]:
                return value
            case _:
                return None

    return read


def _inserted(source: Source, wanted: Insertion) -> Splice:
    """Write a new item in the manner of the list: flow or block, its indentation, line ends."""
    neighbor, after = _neighbor(source, wanted)
    flow = bool(wanted.sequence.flow_style)
    value = _new_scalar(wanted.value, flow=flow)
    if flow:
        return _inserted_in_brackets(source.text, neighbor, value, after=after)
    return _inserted_in_lines(source, neighbor, value, after=after)


def _inserted_in_brackets(text: str, neighbor: yaml.Node, value: str, *, after: bool) -> Splice:
    start = neighbor.start_mark.index  # an anchor or tag belongs to the item
    gap = re.search(r"[\[,](\s*)$", text[:start])
    space = gap[1] if gap and ("\n" in gap[1] or "\r" in gap[1]) else " "
    if after:
        _, end = _extent(text, neighbor)
        return end, end, "," + space + value
    return start, start, value + "," + space


def _inserted_in_lines(source: Source, neighbor: yaml.Node, value: str, *, after: bool) -> Splice:
    text = source.text
    start = neighbor.start_mark.index
    dash = text.rfind("-", 0, start)
    column = dash - max(text.rfind("\n", 0, dash), text.rfind("\r", 0, dash)) - 1
    spaces = text[dash + 1 : start]
    marker = "-" + (spaces if spaces and not spaces.strip(" ") else " ")
    if not after:
        return dash, dash, marker + value + source.line_end_at(dash) + " " * column
    line, line_end = " " * column + marker + value, source.line_end_at(start)
    _, end = _extent(text, neighbor)
    if text[end - 1] not in "\r\n":  # the end of a block scalar is at the start of a line
        rest = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?").match(text, end)
        end = rest.end() if rest else end
    if text[end - 1] in "\r\n":
        return end, end, line + line_end
    return end, end, line_end + line


def _neighbor(source: Source, wanted: Insertion) -> tuple[yaml.Node, bool]:
    """Return the item that stands in the text beside the new one, and whether it is before it."""
    sequence = wanted.sequence
    first, last = sequence.start_mark.index, sequence.end_mark.index

    def stands_here(place: int) -> bool:
        node = sequence.value[place]
        # an alias is the node it names, with that node's marks
        return first <= node.start_mark.index < last and node not in sequence.value[:place]

    if wanted.position > 0 and stands_here(wanted.position - 1):
        return sequence.value[wanted.position - 1], True
    if wanted.position < len(sequence.value) and stands_here(wanted.position):
        return sequence.value[wanted.position], False
    raise DefinitionUnresolvable(
        "The index option cannot be added here: the items beside it are YAML aliases.",
        code="definition-only-aliases",
        cure=f"Add `{wanted.value}` to the pip section by hand.",
        file=source.path,
        line=source.line(first),
    )


def _new_scalar(value: str, *, flow: bool) -> str:
    read = _reader(flow=flow)
    return next(
        written
        for written in (value, "'" + value.replace("'", "''") + "'")
        if read(written) == value
    )

"""Change single values of a YAML text, and prove that nothing else changed.

A dump would lose comments, quoting and line ends. So the values are replaced in the text, at the
places that the parser's marks name, the result is parsed again, and both trees are compared.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
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
    as_text: bool = False
    """Whether it is quoted, so that every reader takes it as text and not as a number."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A new scalar in a list that is not empty."""

    sequence: yaml.SequenceNode
    position: int
    """Among the items as they are: 0 is before the first."""
    value: str
    comment: str = ""
    """What stands behind it, without `#`; in a list in brackets there is no place for it."""


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
    flow = _flows(roots)
    splices = [
        _replaced(source.text, wanted, flow=_inside(wanted.node, flow)) for wanted in replacements
    ]
    splices += [_inserted(source, wanted) for wanted in insertions]
    after = apply(source.text, splices)
    try:
        result = compose(Source(source.path, after))
    except StepError as error:
        raise EditNotProven(f"{source.path}: after the edit: {error.message}") from error
    values = {
        id(wanted.node): (_TEXT if wanted.as_text else wanted.node.tag, wanted.value)
        for wanted in replacements
    }
    added: dict[int, dict[int, list[str]]] = {}
    for new in insertions:
        added.setdefault(id(new.sequence), {}).setdefault(new.position, []).append(new.value)
    if _outline(roots, values, added) != _outline(result, {}, {}):
        raise EditNotProven(f"{source.path}: after the edit other values would have changed.")
    return source.encode(after)


def apply(text: str, splices: Sequence[Splice]) -> str:
    """Return `text` with each (start, end) replaced; the parts do not overlap.

    What is put in at one place comes in the order given.
    """
    ordered = sorted(splices, key=lambda splice: splice[:2])
    for start, end, new in reversed(ordered):
        text = text[:start] + new + text[end:]
    return text


def _outline(
    roots: Sequence[yaml.Node],
    values: dict[int, tuple[str, str]],
    added: dict[int, dict[int, list[str]]],
) -> list[object]:
    """Return everything that the documents say, aliases as the number of the node they name."""
    numbers: dict[int, int] = {}
    said: list[object] = []

    def visit(node: yaml.Node) -> None:
        key = id(node)
        if key in numbers:
            said.append(("alias", numbers[key]))
            return
        numbers[key] = len(numbers)
        if isinstance(node, yaml.ScalarNode):
            said.append(values.get(key, (node.tag, node.value)))
            return
        said.append((node.tag, "begin", isinstance(node, yaml.SequenceNode)))
        more = added.get(key, {})
        for position, child in enumerate(children(node)):
            if position in more:
                insert(more[position])
            if type(child) is yaml.ScalarNode and id(child) not in numbers:  # without a call
                numbers[id(child)] = len(numbers)
                said.append(values.get(id(child)) or (child.tag, child.value))
            else:
                visit(child)
        insert(more.get(len(node.value), ()))
        said.append("end")

    def insert(texts: Sequence[str]) -> None:
        for new in texts:
            numbers[-len(numbers) - 1] = len(numbers)  # no id is negative: a node of its own
            said.append((_TEXT, new))

    for root in roots:
        said.append("document")
        visit(root)
    return said


def _flows(roots: Sequence[yaml.Node]) -> list[tuple[int, int]]:
    """Return where brackets or braces begin and end, those inside others left out."""
    found: set[tuple[int, int]] = set()
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if node.flow_style:
            found.add((node.start_mark.index, node.end_mark.index))
        waiting += [one for one in children(node) if isinstance(one, yaml.CollectionNode)]
    outer: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if not outer or start >= outer[-1][1]:
            outer.append((start, end))
    return outer


def _inside(node: yaml.Node, flows: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a node stands inside brackets or braces."""
    start = node.start_mark.index
    before = bisect_right(flows, start, key=itemgetter(0)) - 1
    return before >= 0 and start < flows[before][1]


def _replaced(text: str, wanted: Replacement, *, flow: bool) -> Splice:
    node, value = wanted.node, wanted.value
    start, end = _extent(text, node)
    written = text[start:end]
    readable = _reader(flow=flow, column=_column_above(written, node))
    for candidate in _candidates(written, node, value):
        if wanted.as_text and candidate[:1] not in {"'", '"'}:
            continue
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
        case "|":
            yield _lines_of_block(written, node.value, value)
            yield _block(written, value)
        case ">":
            yield _block(written, value)
        case quote:
            yield quote + encode(value) + quote
    # a block ends with its last line, and what stands in its place leaves the line end there
    ending = written[len(written.rstrip()) :] if node.style in {"|", ">"} else ""
    if "\n" not in value:
        yield "'" + _encoder("'")(value) + "'" + ending
    yield '"' + _encoder('"')(value) + '"' + ending


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


def _lines_of_block(written: str, before: str, after: str) -> str:
    """Write anew only those lines of a literal block that differ: each line of its value is a line
    of its text, below the header."""
    header, *raw = _ends_kept(written)
    line_end = header[len(header.rstrip("\r\n")) :]
    old, new = before.removesuffix("\n").split("\n"), after.removesuffix("\n").split("\n")
    unended = not raw or raw[-1] == raw[-1].rstrip("\r\n")
    if unended and raw:
        raw[-1] += line_end
    indentation = " " * _indentation(raw, old)
    result = [header]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind == "equal":
            result += raw[first:last]
        else:
            result += [(indentation + text if text else "") + line_end for text in new[begin:end]]
    # blank lines at the end may be no part of the value
    joined = "".join(result + raw[len(old) :])
    return joined.removesuffix(line_end) if unended else joined


def _ends_kept(text: str) -> list[str]:
    """Return the lines as YAML has them, unlike str.splitlines, which knows more line ends."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)


def _indentation(raw: Sequence[str], lines: Sequence[str]) -> int:
    """Return how far the lines of a block are indented more than those of its value."""
    for written, line in zip(raw, lines, strict=False):
        if line.strip():
            return len(written) - len(written.lstrip(" ")) - (len(line) - len(line.lstrip(" ")))
    return 2


def _column_above(written: str, node: yaml.ScalarNode) -> int:
    """Return the column that the indentation in a block's header (`|2`) counts from."""
    header, *raw = _ends_kept(written) or [""]
    stated = re.match(r"[|>][+-]?([1-9])", header) if node.style in {"|", ">"} else None
    return max(_indentation(raw, node.value.split("\n")) - int(stated[1]), 0) if stated else 0


def _reader(*, flow: bool, column: int = 0) -> Callable[[str], str | None]:
    """Return what a written scalar says where it stands; None where it is no single scalar."""

    def read(written: str) -> str | None:
        small = f"[{written}]\n" if flow else f"{' ' * column}- {written}"
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
    comment = f"  # {wanted.comment}" if wanted.comment else ""
    return _inserted_in_lines(source, neighbor, value + comment, after=after)


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
        "A line has to be added here, and cannot be: the items beside it are YAML aliases.",
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

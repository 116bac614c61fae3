"""YAML as a tree of nodes that know where they stand in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import yaml

from wheelstep.definitions.source import Source, leave_out
from wheelstep.errors import DefinitionUnresolvable

__all__ = ["NULL", "alias_places", "aliased", "children", "compose", "entry", "item", "scalar"]

# the C loader is ten times faster; PyYAML built without libyaml has only the other
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 200
"""Levels of nesting. The C loader composes recursively in C: some ten thousand end the process."""
_BRACKET: Final = re.compile(r"[\[{](?<![A-Za-z0-9._].)")
_BEGINNING: Final = bytes.maketrans(b"-?:\t\xef\xbb\xbf", b" " * 7)
"""Makes all that stands before the text of a line in block style spaces, a BOM included."""
NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"


def compose(source: Source) -> tuple[yaml.Node, ...]:
    """Return the root node of each document; marks count characters of `source.text`.

    The nodes are shared between calls: they are not to be changed.

    Raises:
        DefinitionUnresolvable: Not YAML; with the line, and plain words about a tab.
    """
    try:
        return _compose(source.text)
    except yaml.YAMLError as error:
        raise _broken(source, error) from None
    except RecursionError:
        raise _too_deep(source) from None


@lru_cache(maxsize=16)
def _compose(text: str) -> tuple[yaml.Node, ...]:
    # a level of block style takes a column of indentation, or an indicator before the line's text,
    # and a list may share its column with its mapping; a bracket behind a letter opens none, and
    # one that opens a pair as well (`[a: b]`) counts once: twice the levels do no harm yet
    brackets = text.count("[") + text.count("{")
    if brackets > _DEEPEST // 4:  # of extras, mostly
        brackets = len(_BRACKET.findall(text))
    # so many characters in a row have to begin a line, for levels that are not brackets
    row = max(0, (_DEEPEST - brackets) // 2)
    if b" " * row in text.encode("utf-8", "surrogatepass").translate(_BEGINNING):
        _measure(text)
    return tuple(yaml.compose_all(text, Loader=_LOADER))


def _measure(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise RecursionError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(source: Source) -> DefinitionUnresolvable:
    return DefinitionUnresolvable(
        f"The YAML is nested more than {_DEEPEST} levels deep.",
        code="definition-not-yaml",
        cure="An environment needs four levels; check what wrote this file. If it is no "
        f"definition, {leave_out(source.path)}.",
        file=source.path,
    )


def _broken(source: Source, error: yaml.YAMLError) -> DefinitionUnresolvable:
    # str(error) quotes the text around the fault, and there may be a secret in it
    index = 0
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        index = mark.index if mark else 0
        said = ", ".join(part for part in (error.context, error.problem) if part)
    else:
        position = getattr(error, "position", 0)
        index = position if isinstance(position, int) else 0
        said = "it has a control character, which YAML does not allow"
    line = source.line(index)
    cure = "Mend the YAML; a linter such as yamllint shows the place."
    text_of_line = source.text.splitlines()[line - 1 : line]
    if "\t" in source.text[index : index + 1] or (
        text_of_line
        and "\t" in text_of_line[0][: len(text_of_line[0]) - len(text_of_line[0].lstrip())]
    ):
        said = "a tab is used for indentation, and YAML allows spaces only"
        cure = "Replace the tab by spaces."
    return DefinitionUnresolvable(
        f"The file is not valid YAML: {said}.",
        code="definition-not-yaml",
        cure=f"{cure} If it is no definition, {leave_out(source.path)}.",
        file=source.path,
        line=line,
    )


def item(source: Source, mapping: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the key and value of an entry, by way of `<<` where it is merged in.

    Raises:
        DefinitionUnresolvable: The key stands there twice.
    """
    if not isinstance(mapping, yaml.MappingNode):
        return None
    found = _named(mapping, key)
    if len(found) > 1:
        lines = [source.line(name.start_mark.index) for name, _ in found]
        raise DefinitionUnresolvable(
            f"The key `{key}` stands twice in one mapping, on lines {lines[0]} and {lines[1]}; "
            "readers differ in which one they take.",
            code="definition-key-twice",
            cure="Join the two, or remove one.",
            file=source.path,
            line=lines[1],
        )
    if found:
        return found[0]
    for name, value in mapping.value:
        if name.tag == _MERGE:
            # one level of merging is what is used; the first that has the key wins
            for other in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if entries := _named(other, key):
                    return entries[0]
    return None


def _named(node: yaml.Node, key: str) -> list[tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [
        (name, value)
        for name, value in node.value
        if isinstance(name, yaml.ScalarNode) and name.value == key and name.tag != _MERGE
    ]


def entry(source: Source, mapping: yaml.Node | None, key: str) -> yaml.Node | None:
    """Return the value of an entry, None where there is none; raises as `item` does."""
    found = item(source, mapping, key)
    return found[1] if found else None


def scalar(node: yaml.Node | None) -> str | None:
    """Return a scalar's text, None for anything else."""
    return node.value if isinstance(node, yaml.ScalarNode) else None


def aliased(source: Source) -> set[int]:
    """Return the `id` of each node that is named more than once by way of aliases, and of each node
    below one.

    Raises:
        DefinitionUnresolvable: As `compose`.
    """
    roots = compose(source)
    if "*" not in source.text or "&" not in source.text:
        return set()
    met: set[int] = set()
    twice: list[yaml.Node] = []
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if id(node) in met:
            twice.append(node)
        else:
            met.add(id(node))
            waiting += children(node)
    found: set[int] = set()
    while twice:
        node = twice.pop()
        if id(node) not in found:
            found.add(id(node))
            twice += children(node)
    return found


def alias_places(source: Source) -> dict[tuple[int, int], int]:
    """Return where each alias stands, which its node does not know: it has the marks of the node
    that it names.

    Returns:
        {(`id` of the list or mapping, place among its `children`): index of a character}.

    Raises:
        DefinitionUnresolvable: As `compose`.
    """
    roots = iter(compose(source))
    if "*" not in source.text or "&" not in source.text:
        return {}
    found: dict[tuple[int, int], int] = {}
    inside: list[tuple[yaml.Node, Iterator[tuple[int, yaml.Node]]]] = []
    # the events of a text come in the order of its nodes
    for event in yaml.parse(source.text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            inside.pop()
        elif isinstance(event, yaml.NodeEvent):
            if inside:
                place, node = next(inside[-1][1])
                if isinstance(event, yaml.AliasEvent) and event.start_mark:
                    found[id(inside[-1][0]), place] = event.start_mark.index
            else:
                node = next(roots)
            if isinstance(event, yaml.CollectionStartEvent):
                inside.append((node, enumerate(children(node))))
    return found


def children(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the nodes right below, in order, keys before their values."""
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value

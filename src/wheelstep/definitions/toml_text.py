"""TOML whose texts know where they stand; they are replaced in place.

The standard library reads TOML and tells no places. So every text that is a value is replaced by
its number, all at once, and what is read then says where each value came from. Source: TOML 1.1.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from wheelstep.definitions.source import Source, leave_out
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.errors import DefinitionUnresolvable

__all__ = ["Toml", "TomlText", "compose_toml", "rewrite_toml"]

_TOKEN: Final = re.compile(
    r"""
    (?P<comment>\#[^\r\n]*)
    | (?P<text>
        \"{3}(?:[^\\]|\\.)*?\"{3,5} | '{3}.*?'{3,5}
        | "(?:[^"\\\r\n]|\\.)*" | '[^'\r\n]*'
      )
    | (?P<open>[\[{]) | (?P<close>[\]}])
    | (?P<equals>=) | (?P<end>\n)
    """,
    re.VERBOSE | re.DOTALL,
)
_KEY_GOES_ON: Final = re.compile(r"[ \t]*[.=]")
# each of these is one character of a basic string's value
_PIECE: Final = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\.|.", re.DOTALL
)
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_DEEPEST: Final = 200


@dataclass(frozen=True, slots=True)
class TomlText:
    """A text that is a value, with its place, quotes included."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Toml:
    """A document."""

    data: Mapping[str, Any]
    """As tomllib gives it."""
    places: Mapping[str, Any]
    """The same, with a `TomlText` for each text."""


def compose_toml(source: Source) -> Toml:
    """Read a document; places count characters of `source.text`.

    What is returned is shared between calls: it is not to be changed.

    Raises:
        DefinitionUnresolvable: Not TOML; with the line.
    """
    try:
        return _compose(source.text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a ValueError
        deep = isinstance(error, RecursionError)
        said = f"it is nested more than {_DEEPEST} levels deep" if deep else str(error)
        place = _PLACE.search(said)
        raise DefinitionUnresolvable(
            f"The file is not valid TOML: {_PLACE.sub('', said)}.",
            code="definition-not-toml",
            cure=f"Mend the TOML. If it is no definition, {leave_out(source.path)}.",
            file=source.path,
            line=int(place[1]) if place and place[1] else None,
        ) from None


@lru_cache(maxsize=8)
def _compose(text: str) -> Toml:
    data = tomllib.loads(text)
    spans = list(_texts(text))
    numbered = _apply(text, [(*span, f'"{number}"') for number, span in enumerate(spans)])
    places = _placed(data, tomllib.loads(numbered), spans)
    return Toml(data, places)


def _apply(text: str, splices: Sequence[tuple[int, int, str]]) -> str:
    """Do what `splice.apply` does, for thousands of parts in order: in one pass."""
    parts: list[str] = []
    at = 0
    for start, end, new in splices:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def _texts(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each text that is a value stands, in a text that is known to be TOML."""
    depth = 0
    in_value = False
    for found in _TOKEN.finditer(text):
        match found.lastgroup:
            case "text":
                if in_value and not _KEY_GOES_ON.match(text, found.end()):
                    yield found.span()
            case "open" if in_value:
                depth += 1
            case "close" if in_value:
                depth -= 1
            case "equals":
                in_value = True
            case "end":
                in_value = depth > 0


def _placed(value: Any, numbered: Any, spans: Sequence[tuple[int, int]], depth: int = 0) -> Any:
    """Return the value with its texts' places, by what stands in their stead."""
    if depth > _DEEPEST:
        raise RecursionError
    match value:
        case str():
            return TomlText(value, *spans[int(numbered)])
        case dict():
            return {
                key: _placed(one, numbered[key], spans, depth + 1) for key, one in value.items()
            }
        case list():
            pairs = zip(value, numbered, strict=True)
            return [_placed(one, other, spans, depth + 1) for one, other in pairs]
        case _:
            return value


def rewrite_toml(source: Source, toml: Toml, replacements: Sequence[tuple[TomlText, str]]) -> bytes:
    """Return the document with these texts, every other byte as it was.

    Raises:
        EditNotProven: Parsing again shows anything but the wanted change.
    """
    text = source.text
    splices = [
        (place.start, place.end, _written(text[place.start : place.end], place.value, new))
        for place, new in replacements
    ]
    after = apply(text, splices)
    values = {place.start: new for place, new in replacements}
    try:
        result = compose_toml(Source(source.path, after))
    except DefinitionUnresolvable as error:
        raise EditNotProven(f"{source.path}: after the edit: {error.message}") from error
    if _said(toml.places, values) != _said(result.places, {}):
        raise EditNotProven(f"{source.path}: after the edit other values would have changed.")
    return source.encode(after)


def _written(written: str, old: str, new: str) -> str:
    """Write a text in place of another: only what differs, the rest as it stands."""
    quote = written[0]
    if written.startswith(quote * 3) and len(written) > 2:  # noqa: PLR2004 - `""` is empty
        return _basic(new)
    inner = written[1:-1]
    pieces = _PIECE.findall(inner) if quote == '"' else list(inner)
    start = 0
    limit = min(len(old), len(new))
    while start < limit and old[start] == new[start]:
        start += 1
    end = 0
    while end < limit - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = new[start : len(new) - end]
    if quote == '"':
        middle = _basic(middle)[1:-1]
    elif "'" in middle or not middle.isprintable():
        return _basic(new)
    return quote + "".join(pieces[:start]) + middle + "".join(pieces[len(pieces) - end :]) + quote


def _basic(new: str) -> str:
    # of JSON's escapes only that of DEL is wanting, and TOML has all of them
    return json.dumps(new, ensure_ascii=False).replace("\x7f", "\\u007f")


def _said(value: Any, values: Mapping[int, str]) -> object:
    match value:
        case TomlText():
            return "str", values.get(value.start, value.value)
        case dict():
            return {key: _said(one, values) for key, one in value.items()}
        case list():
            return [_said(one, values) for one in value]
        case _:
            return type(value).__name__, repr(value)  # NaN is not even itself

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelstep.definitions.json_text import JsonNode, compose_json, member, rewrite_json
from wheelstep.definitions.source import Source, decode
from wheelstep.errors import DefinitionUnresolvable

MARK = b"\xef\xbb\xbf"


def composed(text: str) -> tuple[Source, JsonNode]:
    source = Source("e.json", text)
    return source, compose_json(source)


def replaced(data: bytes, new: str | int, *path: str | int) -> bytes:
    source = decode("e.json", data)
    root = compose_json(source)
    node = root.get(*path)
    assert node is not None
    return rewrite_json(source, root, [(node, new)])


def inserted(text: str, position: int, new: str = "new") -> str:
    source, root = composed(text)
    return rewrite_json(source, root, [], [(root, position, new)]).decode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(st.text(), inside, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(VALUES, st.booleans(), st.sampled_from([None, 0, 1, 4, "\t"]), st.booleans())
def test_it_reads_as_the_json_module_does(
    value: Any, ascii_only: bool, indent: int | str | None, windows: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    text = text.replace("\n", "\r\n") if windows else text
    assert compose_json(Source("e.json", text)).plain == json.loads(text)


def texts_in(node: JsonNode) -> list[JsonNode]:
    return ([node] if node.text is not None else []) + [
        found for _, inside in node.entries() for found in texts_in(inside)
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(VALUES, st.text(st.characters(exclude_categories=["Cs"])), st.booleans(), st.data())
def test_any_text_becomes_any_other_and_nothing_else_does(
    value: Any, new: str, ascii_only: bool, data: st.DataObject
) -> None:
    value = {"before": [1, value], "text": "x/y", "after": [value, "x"]}
    text = json.dumps(value, ensure_ascii=ascii_only, indent=2)
    source, root = composed(text if ascii_only else text.encode(errors="ignore").decode())
    node = data.draw(st.sampled_from(texts_in(root)))
    after = rewrite_json(source, root, [(node, new)]).decode()
    assert after[: node.start] == source.text[: node.start]
    tail = source.text[node.end :]
    assert after.endswith(tail)
    assert json.loads(after[node.start : len(after) - len(tail)]) == new
    # and back again
    again = compose_json(Source("e.json", after))
    other = next(one for one in texts_in(again) if one.start == node.start)
    assert node.text is not None
    back = rewrite_json(Source("e.json", after), again, [(other, node.text)])
    assert json.loads(back) == json.loads(source.text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rb'["my\u002dpkg==1.0 \ud83d\ude00\n"]', rb'["my\u002dpkg==1.1 \ud83d\ude00\n"]'),
        (rb'["\/x\/my-pkg==1.0"]', rb'["\/x\/my-pkg==1.1"]'),
        ('["é my-pkg==1.0"]'.encode(), '["é my-pkg==1.1"]'.encode()),
        (MARK + b'[\r\n\t"my-pkg==1.0"\r\n]', MARK + b'[\r\n\t"my-pkg==1.1"\r\n]'),
        (rb'["\ud800 \\my-pkg==1.0 \\"]', rb'["\ud800 \\my-pkg==1.1 \\"]'),
    ],
)
def test_what_stays_the_same_stays_as_it_is_written(before: bytes, after: bytes) -> None:
    old = compose_json(decode("e.json", before)).get(0)
    assert old is not None
    assert old.text is not None
    assert replaced(before, old.text.replace("1.0", "1.1"), 0) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'["a", "x/y"]', b'["h/i", "x/y"]'),
        (rb'["a", "x\/y"]', rb'["h\/i", "x\/y"]'),
        (rb'["a", "x\\/y"]', rb'["h/i", "x\\/y"]'),
    ],
)
def test_slashes_are_written_as_the_file_has_them(before: bytes, after: bytes) -> None:
    assert replaced(before, "h/i", 0) == after


def test_new_letters_are_escaped_where_the_file_is_ascii() -> None:
    assert replaced(b'["a", "b"]', "é", 0) == rb'["\u00e9", "b"]'
    assert replaced('["a", "ü"]'.encode(), "é", 0) == '["é", "ü"]'.encode()


def test_a_number_becomes_another() -> None:
    assert replaced(b'{"a": 9, "b": 9.0}', 10, "a") == b'{"a": 10, "b": 9.0}'


@pytest.mark.parametrize(
    ("text", "position", "after"),
    [
        ('["a", "b"]', 0, '["new", "a", "b"]'),
        ('["a","b"]', 1, '["a","new","b"]'),
        ('["a"]', 1, '["a", "new"]'),
        ('[\n  "a"\n]', 0, '[\n  "new",\n  "a"\n]'),
        ('[\r\n\t"a",\r\n\t"b"\r\n]', 2, '[\r\n\t"a",\r\n\t"b",\r\n\t"new"\r\n]'),
        ('[\n  {"pip": 1} ,\n  [2]\n]', 1, '[\n  {"pip": 1} ,\n  "new",\n  [2]\n]'),
    ],
)
def test_a_new_item_is_written_like_its_neighbors(text: str, position: int, after: str) -> None:
    assert inserted(text, position) == after


def test_what_is_no_number_stays() -> None:
    data = b'{"a": [NaN, -Infinity, 1e999, -0.0, 12345678901234567890123, true], "b": "c"}'
    after = replaced(data, "d", "b")
    assert after == data.replace(b'"c"', b'"d"')
    assert math.isnan(json.loads(after)["a"][0])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ('{\n "a": 1,\n}', 3),
        ('{"a": "b\n"}', 1),
        ("[1] [2]", 1),
        ('[\r\n\r\n"a" "b"]', 3),
        ("[" * 300 + "]" * 300, None),
        ("[" * 100_000 + "]" * 100_000, None),
        ("[" + "1" * 5000 + "]", None),
        ('{"a": {}', 1),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text: str, line: int | None) -> None:
    with pytest.raises(DefinitionUnresolvable, match="JSON") as caught:
        composed(text)
    assert (caught.value.code, caught.value.line) == ("definition-not-json", line)


def test_a_key_that_stands_twice_is_an_error_where_it_matters() -> None:
    source, root = composed('{"a": 1,\n"b": 2,\n"a": [3]}')
    assert root.plain == {"a": [3], "b": 2}
    assert root.get("a", 0) is not None
    assert root.get("a", 1) is None
    assert member(source, root, "b") is root.get("b")
    assert member(source, root, "c") is None
    assert member(source, None, "c") is None
    with pytest.raises(DefinitionUnresolvable, match="lines 1 and 3") as caught:
        member(source, root, "a")
    assert caught.value.line == 3


def test_keys_and_text_that_look_like_structure_do_no_harm() -> None:
    text = '{"]": "}", "a\\"": ["[", "{\\"x\\": 1}", ","], "": {}, "e": []}'
    source, root = composed(text)
    node = root.get('a"', 1)
    assert node is not None
    assert rewrite_json(source, root, [(node, "y")]).decode() == text.replace('{\\"x\\": 1}', "y")

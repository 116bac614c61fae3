from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from tests.definitions.made import FEED, INDEX, foreign, only, plan
from wheelstep.definitions import splice, tree
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.splice import EditNotProven, Insertion, Replacement, rewrite
from wheelstep.errors import DefinitionUnresolvable

OURS = "my-pkg==1.0"


def scalars(node: yaml.Node) -> list[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        return [node]
    return [one for child in tree.children(node) for one in scalars(child)]


def replaced(text: str, old: str, new: str) -> str:
    source = decode("x.yml", text.encode())
    found = [one for root in tree.compose(source) for one in scalars(root) if one.value == old]
    return rewrite(source, [Replacement(found[0], new)]).decode()


@pytest.mark.parametrize(
    ("text", "old", "new", "result"),
    [
        ("- a==1.0 # c\n", "a==1.0", "a==1.1", "- a==1.1 # c\n"),
        ("- 'a==1.0'  # c\n", "a==1.0", "a==1.1", "- 'a==1.1'  # c\n"),
        ('- "a==1.0"\r\n- b', "a==1.0", "a==1.1", '- "a==1.1"\r\n- b'),
        ("- 'it''s 1'\n", "it's 1", "it's 2", "- 'it''s 2'\n"),
        ('- "\\x61==1.0"\n', "a==1.0", "a==1.1", '- "a==1.1"\n'),
        ("- |\n  a==1.0\n  b\n- c\n", "a==1.0\nb\n", "a==1.1\nb\n", "- |\n  a==1.1\n  b\n- c\n"),
        ("- >-\r\n   a==1.0\r\n\r\n- c", "a==1.0", "a==1.1", "- >-\r\n   a==1.1\r\n\r\n- c"),
        ("- |+\n  a==1.0\n\n\n- c", "a==1.0\n\n\n", "a==1.1\n\n\n", "- |+\n  a==1.1\n\n\n- c"),
        # the same word twice in one text: the whole text is written anew
        ("- |\n  1 b 1\n", "1 b 1\n", "1 b 2\n", "- |\n  1 b 2\n"),
        ("- a==1.0\n  --hash=x\n", "a==1.0 --hash=x", "a==1.1 --hash=x", "- a==1.1\n  --hash=x\n"),
        ("- !!str a==1.0\n", "a==1.0", "a==1.1", "- !!str a==1.1\n"),
        ("- &it a==1.0\n- *it\n", "a==1.0", "a==1.1", "- &it a==1.1\n- *it\n"),
        # what the style cannot hold is quoted
        ("- a\n", "a", "a: b", "- 'a: b'\n"),
        ("- a\n", "a", "a #b", "- 'a #b'\n"),
        ("[a, b]\n", "a", "a[x,y]==1", "['a[x,y]==1', b]\n"),
        ("[a, b]\n", "a", "a @ https://h/x.whl#sha256=0", "[a @ https://h/x.whl#sha256=0, b]\n"),
        ('["a", b]\n', "a", 'a; x=="3"', '["a; x==\\"3\\"", b]\n'),
        # beyond the basic plane, and the line ends that only YAML 1.1 knows
        (
            "- \U0001f600 # \U0001f600\n- a==1.0\n",
            "a==1.0",
            "a==1.1",
            "- \U0001f600 # \U0001f600\n- a==1.1\n",
        ),
        (
            "- x\x85- y\u2028- a==1.0\u2029- z\n",
            "a==1.0",
            "a==1.1",
            "- x\x85- y\u2028- a==1.1\u2029- z\n",
        ),
        (
            "%YAML 1.1\n---\n- a==1.0\n...\n---\n- b\n",
            "a==1.0",
            "a==1.1",
            "%YAML 1.1\n---\n- a==1.1\n...\n---\n- b\n",
        ),
    ],
)
def test_one_value_changes_in_its_own_style(
    text: str, old: str, new: str, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replaced(text, old, new) == result
    monkeypatch.setattr(tree, "_LOADER", yaml.SafeLoader)
    tree._compose.cache_clear()
    assert replaced(text, old, new) == result
    tree._compose.cache_clear()


def test_a_wrong_splice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splice, "_replaced", lambda *_, **__: (0, 6, "- b\n- a"))
    with pytest.raises(EditNotProven):
        replaced("- a==1\n", "a==1", "a==2")


def test_a_splice_that_breaks_the_file_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splice, "_replaced", lambda *_, **__: (0, 6, "- [a"))
    with pytest.raises(EditNotProven, match="valid YAML"):
        replaced("- a==1\n", "a==1", "a==2")


@pytest.mark.parametrize(
    ("text", "position", "result"),
    [
        ("- a\n- b\n", 0, "- N\n- a\n- b\n"),
        ("- a # c\n# d\n- b\n", 1, "- a # c\n- N\n# d\n- b\n"),
        ("- a\n- b", 2, "- a\n- b\n- N"),
        ("- a\r\n- b\r\n", 2, "- a\r\n- b\r\n- N\r\n"),
        ("x:\n    -   a\n    -   b\ny: 1\n", 2, "x:\n    -   a\n    -   b\n    -   N\ny: 1\n"),
        ("- |\n  a\n\n- b\n", 1, "- |\n  a\n\n- N\n- b\n"),
        ("- |+\n  a\n\n", 1, "- |+\n  a\n\n- N\n"),
        ("- |-\n  a", 1, "- |-\n  a\n- N"),
        ("[a, b]\n", 0, "[N, a, b]\n"),
        ("[a, b]\n", 2, "[a, b, N]\n"),
        ("[\n  a,\n  b,\n]\n", 2, "[\n  a,\n  b,\n  N,\n]\n"),
        ("[\n  a,\n  b,\n]\n", 0, "[\n  N,\n  a,\n  b,\n]\n"),
        ("- &x a\n- b\n", 0, "- N\n- &x a\n- b\n"),
        ("- 'a'\n- &x b\n- *x\n", 3, None),
    ],
)
def test_an_item_is_added_in_the_manner_of_the_list(
    text: str, position: int, result: str | None
) -> None:
    source = decode("x.yml", text.encode())
    root = tree.compose(source)[0]
    listed = root.value[0][1] if isinstance(root, yaml.MappingNode) else root
    assert isinstance(listed, yaml.SequenceNode)
    wanted = Insertion(listed, position, "N")
    if result is None:
        with pytest.raises(DefinitionUnresolvable, match="aliases"):
            rewrite(source, [], [wanted])
        return
    assert rewrite(source, [], [wanted]).decode() == result
    assert foreign(text.encode()) != foreign(result.encode())


def test_a_byte_order_mark_stays_and_moves_no_mark() -> None:
    data = b"\xef\xbb\xbfdependencies:\r\n- pip:\r\n  - my-pkg==1.0\r\n"
    edit = only(plan({"e.yml": data}))
    assert edit.after == data.replace(b"1.0", b"1.1")


MANY = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * MANY,
        "[" * MANY + "]" * MANY,
        "- " * MANY,
        "{a: " * MANY,
        "[a: " * MANY,
        "[b, " * MANY,
        "? " * MANY,
        "- ? " * MANY,
        "a:\n- " + "[" * MANY,
        "# a\n" * 300 + "- b[c]\n" * 300 + "-\n " + "[" * MANY,
        "".join(f"{' ' * number}-\n" for number in range(3_000)),
    ],
)
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(DefinitionUnresolvable):
        tree.compose(Source("x.yml", text))


def stairs(levels: int, *, line_end: str = "\n", begin: str = "") -> str:
    return "".join(f"{begin}{' ' * at}a:{line_end}" for at in range(levels))


@pytest.mark.parametrize(
    "made",
    [
        lambda n: "[" * n + "]" * n,
        lambda n: "{a: " * n + "b" + "}" * n,
        lambda n: "- " * n + "b",
        lambda n: "-   " * n + "b",
        lambda n: "? " * n + "b",
        lambda n: "- ? " * (n // 2) + "- " * (n % 2) + "b",
        lambda n: stairs(n - 1) + " " * n + "b: c",
        lambda n: stairs(n - 1, line_end="\r") + " " * n + "b: c",
        lambda n: stairs(n - 1, line_end="\x85") + " " * n + "b: c",
        lambda n: stairs(n - 1, line_end="\u2028") + " " * n + "b: c",
        lambda n: stairs(n - 1, begin="\ufeff") + " " * n + "b: c",
        # a list in the column of its mapping: two levels a column
        lambda n: (
            "".join(f"{' ' * at}a:\n{' ' * at}-\n" for at in range(n // 2))
            + " " * n
            + "- " * (n % 2)
        ),
        lambda n: stairs(n // 2) + " " * n + "[" * (n - n // 2) + "]" * (n - n // 2),
        lambda n: "- " * (n // 3) + "{a: " * (n - n // 3) + "b" + "}" * (n - n // 3),
        lambda n: "".join(f"- b{at}[c]\n" for at in range(300)) + "- " * n + "b",
    ],
)
def test_two_hundred_levels_are_read_and_no_more(made: Callable[[int], str]) -> None:
    composed = tree.compose(Source("x.yml", made(200)))
    assert max(depth(node) for node in composed) == 200
    with pytest.raises(DefinitionUnresolvable, match="nested more than 200 levels deep"):
        tree.compose(Source("x.yml", made(201)))


def depth(node: yaml.Node) -> int:
    below = [depth(one) for one in tree.children(node)]
    return max(below, default=0) + isinstance(node, yaml.CollectionNode)


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"a:\n\t- b\n", 2, "tab"),
        (b"a: [\n", 2, "valid YAML"),
        (b"a: b\nc: \x01\n", 2, "control character"),
        (b"a: b\nc: \xff\n", 2, "offset 8"),
        (b"\xef\xbb\xbfa\xff", 1, "offset 4"),
        ("a: b".encode("utf-16"), 1, "PowerShell"),
        (b"a: *nothing\n", 1, "undefined alias"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(data: bytes, line: int, said: str) -> None:
    with pytest.raises(DefinitionUnresolvable, match=said) as caught:
        tree.compose(decode("dir/e.yml", data))
    assert (caught.value.file, caught.value.line) == ("dir/e.yml", line)
    assert caught.value.cure


def test_an_aliased_list_is_edited_once_and_that_is_told() -> None:
    data = b"x: &shared\n  - my-pkg==1.0\ndependencies:\n  - pip: *shared\n"
    edit = only(plan({"e.yml": data}, index=INDEX))
    assert edit.after == (
        b"x: &shared\n  - --extra-index-url " + FEED.encode() + b"\n  - my-pkg==1.1\n"
        b"dependencies:\n  - pip: *shared\n"
    )
    assert [one.code for one in edit.notes] == ["definition-shared"]

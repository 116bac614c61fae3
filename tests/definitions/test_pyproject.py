from __future__ import annotations

import tomllib
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from tests.definitions.made import FEED, INDEX, PURE, only, pin, plan, url_of
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.pyproject import Pyproject
from wheelstep.errors import DefinitionUnresolvable, Refused, SettingError

MARK = b"\xef\xbb\xbf"
PROJECT = b"""\
# an application that is not released
[build-system]
requires = ["setuptools"]  # not "my-pkg"

[project]
name = "app"
version = "1"
requires-python = "~=3.10.4"
dependencies = [
    "numpy",  # "my-pkg==1.0" stands elsewhere
    'My_Pkg[fast] >=1.0,<2 ; python_version > "3"', # keep me
    # "my-pkg==1.0",
]

[project.optional-dependencies]
gpu = ["my-pkg-gpu", "my-pkg==1.0"]
none = []
all = ["app[gpu]"]

[dependency-groups]
test = ["pytest", "my-pkg==1.0"]
dev = [{include-group = "Test"}, "ruff"]
"""
HEAD = b'[project]\nname = "app"\n'


def dependencies(*literals: str) -> bytes:
    return HEAD + f"dependencies = [{', '.join(literals)}]\n".encode()


def test_each_list_is_edited_in_place() -> None:
    edit = only(plan({"pyproject.toml": PROJECT}))
    assert edit.form == "pyproject"
    assert edit.after == (
        PROJECT.replace(b">=1.0,<2 ;", b"==1.1 ;")
        .replace(b'gpu", "my-pkg==1.0"', b'gpu", "my-pkg==1.1"')
        .replace(b'pytest", "my-pkg==1.0"', b'pytest", "my-pkg==1.1"')
    )
    assert [(change.before, change.line) for change in edit.pins] == [
        ('My_Pkg[fast] >=1.0,<2 ; python_version > "3"', 11),
        ("my-pkg==1.0", 16),
        ("my-pkg==1.0", 21),
    ]
    again = only(plan({"pyproject.toml": edit.after}))
    assert (again.status, again.pins, again.notes) == ("unchanged", (), ())


def test_each_extra_and_group_is_a_section_with_all_that_it_installs() -> None:
    sections = Pyproject().read("pyproject.toml", PROJECT).sections
    base = ("numpy", 'My_Pkg[fast] >=1.0,<2 ; python_version > "3"')
    gpu = ("my-pkg-gpu", "my-pkg==1.0")
    assert [(one.place, one.pip_lines, one.line, one.python) for one in sections] == [
        ("project.dependencies", base, 10, "3.10"),
        ("project.optional-dependencies.gpu", (*base, *gpu), 16, "3.10"),
        ("project.optional-dependencies.all", (*base, *gpu), 18, "3.10"),
        ("dependency-groups.test", ("pytest", "my-pkg==1.0"), 21, "3.10"),
        ("dependency-groups.dev", ("ruff", "pytest", "my-pkg==1.0"), 22, "3.10"),
    ]


def test_groups_that_include_each_other_or_nothing_end() -> None:
    data = HEAD + (
        b"[dependency-groups]\na = [{include-group = 'b'}, 'my-pkg']\n"
        b"b = [{include-group = 'a'}, {include-group = 'none'}, {other = 1}, 'app', 5]\n"
        b"c = 'my-pkg'\n"
    )
    sections = Pyproject().read("pyproject.toml", data).sections
    assert [(one.place, one.pip_lines) for one in sections] == [
        ("dependency-groups.a", ("my-pkg",)),
        ("dependency-groups.b", ("my-pkg",)),
    ]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ('"my-pkg"', '"my-pkg==1.1"'),
        ("'my-pkg'", "'my-pkg==1.1'"),
        (r'"my\u002dpkg == 1.0"', r'"my\u002dpkg == 1.1"'),
        (r'"my-pkg~=1.0; os_name != \"nt\""', r'"my-pkg==1.1; os_name != \"nt\""'),
        ("""'my-pkg (>=1) ; os_name != "nt"'""", """'my-pkg (==1.1) ; os_name != "nt"'"""),
        ('"""my-pkg"""', '"my-pkg==1.1"'),
        ("'''my-pkg==1.0'''", '"my-pkg==1.1"'),
        ('"""my-pkg\\\n   ==1.0"""', '"my-pkg==1.1"'),
        (f'"my-pkg @ {url_of(PURE).replace("1.1", "1.0")}"', '"my-pkg==1.1"'),
        ('"my-pkg[a,b]===1.0"', '"my-pkg[a,b]===1.1"'),
    ],
)
def test_literals_keep_their_manner(before: str, now: str) -> None:
    data = dependencies('"a"', before, "'b'")
    edit = only(plan({"app/pyproject.toml": data}, patterns=["app"]))
    assert edit.after == dependencies('"a"', now, "'b'")


def test_by_url_each_has_its_name() -> None:
    data = dependencies("\"my-pkg[x]>=1 ; os_name != 'nt'\"", '"numpy"')
    url = f"{url_of(PURE)}#sha256={'0' * 64}"
    expected = data.replace(b">=1 ;", f" @ {url} ;".encode())
    edit = only(plan({"pyproject.toml": data}, style="url"))
    assert (edit.after, edit.notes) == (expected, ())
    edit = only(plan({"pyproject.toml": data}, style="bare-url"))
    assert edit.after == expected
    assert [(one.code, one.line) for one in edit.notes] == [("pin-form-kept", 3)]
    again = only(plan({"pyproject.toml": edit.after}, style="bare-url"))
    assert (again.after, again.notes) == (edit.after, ())


def test_no_index_is_added_and_a_note_says_so() -> None:
    edit = only(plan({"pyproject.toml": PROJECT}, index=INDEX))
    assert b"index" not in edit.after
    assert edit.index_added is None
    assert [one.code for one in edit.notes] == ["index-not-in-pyproject"]
    assert FEED in edit.notes[0].cure
    for uv in (
        f'[[tool.uv.index]]\nurl = "{FEED.rstrip("/")}"\n',
        f'[tool.uv]\nextra-index-url = ["{FEED}"]\n',
        f'[tool.uv]\nindex-url = "{FEED}"\n',
    ):
        data = PROJECT + uv.encode()
        assert only(plan({"pyproject.toml": data}, index=INDEX)).notes == ()


def test_tables_of_tools_are_left_alone_with_a_note() -> None:
    tables = (
        b'[tool.uv.sources]\nMy_Pkg = { path = "../my-pkg" }\nother = { workspace = true }\n'
        b'[tool.poetry.dependencies]\nmy-pkg = "^1.0"\n'
        b'[tool.poetry.group.dev.dependencies]\n"my.pkg" = "^1.0"\n'
    )
    edit = only(plan({"pyproject.toml": PROJECT + tables}))
    assert edit.after.endswith(tables)
    assert [(one.code, one.line) for one in edit.notes] == [
        ("tool-table-left-alone", 24),
        ("tool-table-left-alone", 27),
        ("tool-table-left-alone", 29),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b'[tool.poetry.dependencies]\nmy-pkg = "1.0"\n',
        b'[dependency-groups]\ndev = ["my-pkg"]\n',
        b'[project]\ndependencies = ["my-pkg"]\n',
        b'[project]\nname = 5\ndependencies = ["my-pkg"]\n',
        b'[build-system]\nrequires = ["my-pkg"]\n[project]\nname = "app"\n',
        HEAD + b'dependencies = ["other"] # my-pkg\n',
        HEAD + b'description = "about my-pkg"\ndependencies = "my-pkg"\n',
        b'project = "my-pkg"\n',
    ],
)
def test_what_names_none_of_ours_is_none_of_ours(data: bytes) -> None:
    edits = plan({"pyproject.toml": data})
    assert (edits.edits, edits.notes) == ((), ())
    assert plan({"my-pyproject.toml": PROJECT, "x.toml": PROJECT}).edits == ()


RELEASED = b'[project]\nname = "Acme.Core"\ndependencies = ["my-pkg==1.0"]\n'


def test_the_file_of_a_released_package_is_never_a_definition() -> None:
    files = {"a/pyproject.toml": RELEASED, "b/pyproject.toml": PROJECT}

    def found(*patterns: str, released: tuple[str, ...] = ("acme-core",)) -> list[str]:
        kinds = definitions_in(
            files.get,
            sorted(files),
            patterns=patterns or None,
            names=["my-pkg"],
            released=released,
        ).kinds
        return [kind.path for kind in kinds]

    assert found() == ["b/pyproject.toml"]
    assert found("**/pyproject.toml") == ["b/pyproject.toml"]
    assert found("a", "b") == ["b/pyproject.toml"]
    assert found(released=()) == ["a/pyproject.toml", "b/pyproject.toml"]
    with pytest.raises(SettingError, match="is the package acme-core") as caught:
        found("a/pyproject.toml")
    assert (caught.value.code, caught.value.exit_code) == ("definition-is-package", 2)
    # what is pinned is released, too
    itself = RELEASED.replace(b"Acme.Core", b"my_pkg")
    assert plan({"pyproject.toml": itself}).edits == ()


def test_one_package_twice_in_a_list_is_an_error_and_in_two_lists_is_not() -> None:
    with pytest.raises(DefinitionUnresolvable, match="twice") as caught:
        plan({"pyproject.toml": dependencies('"my-pkg"', '\n"My.Pkg==1.0"')})
    assert caught.value.line == 4
    data = dependencies('"my-pkg"') + b'optional-dependencies = {a = ["my-pkg"]}\n'
    edit = only(plan({"pyproject.toml": data}))
    assert edit.after.count(b'"my-pkg==1.1"') == 2


def test_what_is_wrong_is_told_with_its_line() -> None:
    broken = dependencies('"my-pkg"').replace(b"]\n", b"\n")
    broken = HEAD + b'dependencies = ["my-pkg",\n"a" "b"]\n'
    with pytest.raises(DefinitionUnresolvable, match="not valid TOML") as caught:
        plan({"pyproject.toml": broken})
    assert (caught.value.line, caught.value.code) == (4, "definition-not-toml")
    for data in (b'[project\nabout = "my-pkg"\n', b'[project]\nname = "my-pkg\n'):
        edits = plan({"pyproject.toml": data})
        assert [one.code for one in edits.notes] == ["definition-left-alone"]
    with pytest.raises(DefinitionUnresolvable, match="cannot be read") as caught:
        plan({"pyproject.toml": dependencies('"my-pkg=1.0"')})
    assert caught.value.line == 3
    with pytest.raises(DefinitionUnresolvable, match="not UTF-8"):
        plan({"pyproject.toml": PROJECT + b"# \xff\n"}, patterns=["pyproject.toml"])
    deep = PROJECT + b"x = " + b"[" * 250 + b"]" * 250
    with pytest.raises(DefinitionUnresolvable, match="nested more than 200"):
        plan({"pyproject.toml": deep}, patterns=["pyproject.toml"])
    with pytest.raises(SettingError, match="no environment definition"):
        plan({"pyproject.toml": HEAD}, patterns=["pyproject.toml"])


def test_a_token_in_a_url_is_refused() -> None:
    data = dependencies('"my-pkg"', '"x @ https://user:s3cret@h/x-1-py3-none-any.whl"')
    with pytest.raises(Refused) as caught:
        plan({"pyproject.toml": data})
    assert "s3cret" not in str(caught.value)


def test_ten_thousand_requirements_are_quick() -> None:
    lines = "".join(f'    "package-{number}==1.0",  # why\n' for number in range(10_000))
    data = HEAD + f'dependencies = [\n{lines}    "my-pkg==1.0",\n]\n'.encode()
    start = process_time()
    edit = only(plan({"pyproject.toml": data}))
    took = process_time() - start
    assert edit.after == data.replace(b'"my-pkg==1.0"', b'"my-pkg==1.1"')
    # one parse for each literal would take minutes; the bound leaves room for a slow machine
    assert took < 20


COMMENTS = st.sampled_from(["", " # my-pkg ['\"]", '  # = ["my-pkg==1.0"]', "#"])
OTHERS = st.lists(
    st.sampled_from(["numpy", "pandas==2.0", "x[y]", "my-pkg-x==1.0", "z; os_name != 'nt'"]),
    max_size=3,
    unique=True,
)
OURS = st.sampled_from(["my-pkg", "My_Pkg[a] >=1", "my.pkg==1.0; os_name != 'nt'", "MY-PKG==1.1"])
NOISE = st.sampled_from(
    [
        "",
        'text = """\nmy-pkg = [ " \\" \n"""\n',
        "text = '''\n]my-pkg\"'''\n",
        '"a.b" . "c=d" = {"k" = "my-pkg==1.0", j = ["my-pkg"]}\n',
        "d = 1979-05-27T07:32:00Z\nf = [nan, inf, 1e3, 0x1F, true]\n",
        'e = [\'\', "", \'\'\'\'\'\', """""", """a"""""]\n',
        'n = [["my-pkg==1.0"], [\n["]"]\n]]\n',
        '[["tool".\'x=["\']]\ny = "my-pkg"\n[ "tool" . z ]\n',
    ]
)


@st.composite
def written(draw: st.DrawFn, texts: list[str]) -> str:
    """An array of these texts."""
    parts = []
    for text in texts:
        quote = draw(st.sampled_from("'\"")) if "'" not in text else '"'
        line_end = draw(st.sampled_from([" ", COMMENTS_END]))
        comment = draw(COMMENTS) if line_end == COMMENTS_END else ""
        parts.append(f"{quote}{text}{quote},{comment}{line_end}")
    return "[" + draw(st.sampled_from(["", "\n  ", " # [\n"])) + "".join(parts) + "]"


COMMENTS_END = "\n    "


@st.composite
def projects(draw: st.DrawFn) -> tuple[bytes, dict[str, int]]:
    """A pyproject.toml, and for each list of it the position of our requirement."""
    places: dict[str, int] = {}
    lists: dict[str, str] = {}
    for name in ("dependencies", "extra", "group"):
        texts = draw(OTHERS)
        places[name] = draw(st.integers(0, len(texts)))
        texts.insert(places[name], draw(OURS))
        lists[name] = draw(written(texts))
    noise = draw(NOISE)
    tables = noise.startswith("[")
    text = (
        f"{'' if tables else noise}"
        f"[project] # [\nname = 'app'\ndependencies = {lists['dependencies']}{draw(COMMENTS)}\n"
        f"[project.'optional-dependencies']\n\"ex.tra\" = {lists['extra']}\n"
        f"[tool.a]\n{draw(NOISE.filter(lambda one: not one.startswith('[')))}"
        f"[dependency-groups]\ndev = {lists['group']}\n[tool.b]\n{noise if tables else ''}"
    )
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return (MARK if draw(st.booleans()) else b"") + text.encode(), places


def lists_of(document: dict[str, Any]) -> dict[str, list[str]]:
    return {
        "dependencies": document["project"]["dependencies"],
        "extra": document["project"]["optional-dependencies"]["ex.tra"],
        "group": document["dependency-groups"]["dev"],
    }


@settings(max_examples=250, deadline=None, derandomize=True)
@given(projects(), st.booleans())
def test_only_the_wanted_requirements_differ(
    made: tuple[bytes, dict[str, int]], by_url: bool
) -> None:
    data, places = made
    edit = only(plan({"pyproject.toml": data}, style="url" if by_url else "version"))
    old = tomllib.loads(data.removeprefix(MARK).decode())
    new = tomllib.loads(edit.after.removeprefix(MARK).decode())
    for name, position in places.items():
        before = lists_of(old)[name][position]
        was, now = Requirement(before), Requirement(lists_of(new)[name][position])
        assert (now.name, now.extras, now.marker) == (was.name, was.extras, was.marker)
        assert (now.url is not None, str(now.specifier)) == (by_url, "" if by_url else "==1.1")
        lists_of(new)[name][position] = before
    assert repr(new) == repr(old)  # NaN is not even itself
    # every other byte: with the pins put back, it is what it was
    back = edit.after.decode()
    shift = {change.after: change.before for change in edit.pins}
    assert back.count("\r\n") == data.count(b"\r\n")
    assert back.count("\n") == data.count(b"\n")
    assert edit.after.startswith(MARK) == data.startswith(MARK)
    same = [
        one == other or any(text in other for text in shift)
        for one, other in zip(data.decode().split("\n"), back.split("\n"), strict=True)
    ]
    assert all(same)
    assert only(plan({"pyproject.toml": edit.after}, style="url" if by_url else "version")).after \
        == edit.after  # fmt: skip


def test_a_pin_of_another_version_has_its_own_line() -> None:
    data = dependencies('"a"', '\n"my-pkg"', '\n"b-pkg==2"')
    edit = only(plan({"pyproject.toml": data}, pin(), pin(name="b-pkg", version="3")))
    assert [(one.name, one.after, one.line) for one in edit.pins] == [
        ("my-pkg", "my-pkg==1.1", 4),
        ("b-pkg", "b-pkg==3", 5),
    ]

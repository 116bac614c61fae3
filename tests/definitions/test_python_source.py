from __future__ import annotations

import ast
import time

import pytest

from tests.definitions.made import FEED, INDEX, NATIVE, PURE, only, pin, plan, url_of, wanted
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.forms import worth_reading
from wheelstep.definitions.interface import Edited, PinStyle, Wanted
from wheelstep.definitions.python_references import follow_references
from wheelstep.definitions.python_source import PythonSource
from wheelstep.errors import DefinitionUnresolvable, Refused, SettingError

FORM = PythonSource()
URL = f"{url_of(PURE)}#sha256={'0' * 64}"
OLD = "https://acct.blob.core.windows.net/c/Environment/my_pkg-1.0-py3-none-any.whl"

# of the shape of the article "Use private Python packages with Azure Machine Learning"
ARTICLE = f'''\
"""Registers two environments that use my-pkg==1.0."""
from azureml.core import Environment, Workspace
from azureml.core.conda_dependencies import CondaDependencies

ws = Workspace.from_config()

# a few packages: wheels in the workspace's storage (my-pkg==1.0)
whl_url = Environment.add_private_pip_wheel(
    workspace=ws, file_path="dist/my_pkg-1.0-py3-none-any.whl", exist_ok=True
)
myenv = Environment(name="myenv")
conda_dep = CondaDependencies()
conda_dep.add_pip_package(whl_url)
myenv.python.conda_dependencies = conda_dep

# a feed
ws.set_connection(
    name="connection-1",
    category="PythonFeed",
    target="https://pkgs.dev.azure.com/org",
    authType="PAT",
    value="<MY-ACCESS-TOKEN>",
)
env = Environment(name="other")
cd = CondaDependencies()
cd.add_pip_package("My_Pkg[train]==1.0")
cd.add_pip_package("numpy==1.26")
cd.set_pip_option("--extra-index-url {FEED}")
env.python.conda_dependencies = cd
'''


def edit(
    text: str | bytes, *, path: str = "a.py", style: PinStyle = "version", to: Wanted | None = None
) -> Edited:
    """Edit, and see that every constant but those pinned is as it was, and that twice is once."""
    data = text if isinstance(text, bytes) else text.encode()
    asked = to or wanted(style=style)
    edited = FORM.edit(path, data, asked)
    again = FORM.edit(path, edited.data, asked)
    assert (again.data, again.pins) == (edited.data, ())
    return edited


def constants(data: bytes) -> list[str]:
    tree = ast.parse(data)
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_the_script_of_the_article() -> None:
    edited = edit(ARTICLE, to=wanted(index=INDEX))
    expected = ARTICLE.replace("dist/my_pkg-1.0-py3", "dist/my_pkg-1.1-py3").replace(
        "[train]==1.0", "[train]==1.1"
    )
    assert edited.data.decode() == expected
    assert [(one.before, one.after, one.line) for one in edited.pins] == [
        ("dist/my_pkg-1.0-py3-none-any.whl", "dist/my_pkg-1.1-py3-none-any.whl", 9),
        ("My_Pkg[train]==1.0", "My_Pkg[train]==1.1", 26),
    ]
    assert [(one.code, one.line) for one in edited.notes] == [("wheel-file-named", 9)]
    assert edited.unedited == ()
    sections = FORM.read("a.py", edited.data).sections
    assert [(one.place, one.line, one.pip_lines, one.unknown) for one in sections] == [
        ("conda_dep", 13, ("dist/my_pkg-1.1-py3-none-any.whl",), ()),
        ("cd", 26, ("My_Pkg[train]==1.1", "numpy==1.26", f"--extra-index-url {FEED}"), ()),
    ]


FORMS = [
    ('c.add_pip_package("my-pkg==1.0")', 'c.add_pip_package("my-pkg==1.1")'),
    (
        "c.add_pip_package(pip_package='My.Pkg>=0.9')",
        "c.add_pip_package(pip_package='My.Pkg==1.1')",
    ),
    ('c.add_pip_package(r"my-pkg")', 'c.add_pip_package(r"my-pkg==1.1")'),
    ('c.add_pip_package(u"""my-pkg==1.0""")', 'c.add_pip_package(u"""my-pkg==1.1""")'),
    ("c.add_pip_package(('my-pkg==1.0'))", "c.add_pip_package(('my-pkg==1.1'))"),
    (f'c.add_pip_package("{OLD}")', 'c.add_pip_package("my-pkg==1.1")'),
    (
        "env.python.conda_dependencies.add_pip_package('my-pkg')",
        "env.python.conda_dependencies.add_pip_package('my-pkg==1.1')",
    ),
    (
        'CondaDependencies.create(pip_packages=["a", "my-pkg==1.0"])',
        'CondaDependencies.create(pip_packages=["a", "my-pkg==1.1"])',
    ),
    ("c.set_pip_requirements(['my-pkg'])", "c.set_pip_requirements(['my-pkg==1.1'])"),
    ("Estimator('.', pip_packages=('my-pkg',))", "Estimator('.', pip_packages=('my-pkg==1.1',))"),
    ("log_model(pip_requirements=['my-pkg'])", "log_model(pip_requirements=['my-pkg==1.1'])"),
    (
        'x = {"dependencies": ["python=3.10", {"pip": ["my-pkg==1.0"]}]}',
        'x = {"dependencies": ["python=3.10", {"pip": ["my-pkg==1.1"]}]}',
    ),
    ("f({'pip': ['my-pkg']})", "f({'pip': ['my-pkg==1.1']})"),
    ('P = ["my-pkg==1.0"]\nmake(pip_packages=P)', 'P = ["my-pkg==1.1"]\nmake(pip_packages=P)'),
    (
        'P = []\nP.append("my-pkg")\nP += ["b"]\nmake(pip_packages=P)',
        'P = []\nP.append("my-pkg==1.1")\nP += ["b"]\nmake(pip_packages=P)',
    ),
    (
        'A: str = "my-pkg==1.0"\nB = A\ndef f():\n    c.add_pip_package(B)\n',
        'A: str = "my-pkg==1.1"\nB = A\ndef f():\n    c.add_pip_package(B)\n',
    ),
    (
        'P = ["my-pkg"]\nmake(pip_packages=["a", *P])',
        'P = ["my-pkg==1.1"]\nmake(pip_packages=["a", *P])',
    ),
    (
        'P = ["a"]\nmake(pip_packages=P + ["my-pkg"])',
        'P = ["a"]\nmake(pip_packages=P + ["my-pkg==1.1"])',
    ),
    ('c.add_pip_package("my-\\x70kg=\\u003d1.0")', 'c.add_pip_package("my-\\x70kg=\\u003d1.1")'),
    ('c.add_pip_package("my-pkg==\\\n1.0")', 'c.add_pip_package("my-pkg==\\\n1.1")'),
    (
        'c.add_pip_package("my-pkg==1.0; python_version>\'3\' and os_name!=\\"nt\\"")',
        'c.add_pip_package("my-pkg==1.1; python_version>\'3\' and os_name!=\\"nt\\"")',
    ),
    ('c.add_pip_package("my-pkg==1.0"\n   "")', 'c.add_pip_package("my-pkg==1.1"\n   "")'),
    (
        'class E:\n\tdef make(self):\n\t\tself.c.add_pip_package("my-pkg==1.0")\n',
        'class E:\n\tdef make(self):\n\t\tself.c.add_pip_package("my-pkg==1.1")\n',
    ),
    (
        'x = "\u00e9\U0001f600"; c.add_pip_package("my-pkg==1.0") # \u00e9',
        'x = "\u00e9\U0001f600"; c.add_pip_package("my-pkg==1.1") # \u00e9',
    ),
    (
        '@decorated("my-pkg==1.0", pip_packages=["my-pkg==1.0"])\ndef f(): "my-pkg==1.0"',
        '@decorated("my-pkg==1.0", pip_packages=["my-pkg==1.1"])\ndef f(): "my-pkg==1.0"',
    ),
    (
        'async def f():\n  async with x as c:\n    c.add_pip_package("my-pkg")',
        'async def f():\n  async with x as c:\n    c.add_pip_package("my-pkg==1.1")',
    ),
    (
        'x = "\x0c"\n\x0cc.add_pip_package("my-pkg")',
        'x = "\x0c"\n\x0cc.add_pip_package("my-pkg==1.1")',
    ),
]


@pytest.mark.parametrize(("before", "after"), FORMS)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_literals_are_edited_in_place(before: str, after: str, ends: str, mark: bytes) -> None:
    data = mark + before.replace("\n", ends).encode()
    edited = edit(data)
    assert edited.data == mark + after.replace("\n", ends).encode()
    assert len(edited.pins) == 1
    assert edited.unedited == ()
    changed = [
        (one, other)
        for one, other in zip(constants(data), constants(edited.data), strict=True)
        if one != other
    ]
    assert len(changed) == 1


@pytest.mark.parametrize("quote", ["'", '"', "'''", '"""'])
@pytest.mark.parametrize("style", ["url", "bare-url"])
def test_by_url(quote: str, style: PinStyle) -> None:
    marker = " ; os_name != 'nt'" if quote == '"' else ""
    edited = edit(f"c.add_pip_package({quote}my-pkg==1.0{marker}{quote})", style=style)
    new = f"my-pkg @ {URL}" if style == "url" else url_of(PURE)
    assert edited.data.decode() == f"c.add_pip_package({quote}{new}{marker}{quote})"


COMPUTED = [
    ('c.add_pip_package(f"my-pkg=={v}")', 1, "f-string"),
    ('c.add_pip_package("my-pkg==" + v)', 1, "operator"),
    ('c.add_pip_package("my-pkg==%s" % v)', 1, "operator"),
    ('c.add_pip_package("my-pkg=={}".format(v))', 1, "format"),
    ('c.add_pip_package("my-pkg=="\n"1.0")', 1, "side by side"),
    ('P = ["a", "my-pkg==1.0"]\nfor p in P:\n  c.add_pip_package(p)', 1, "loop"),
    ('for n, p in [("a", "my-pkg==1.0")]:\n  c.add_pip_package(p)', 1, "loop"),
    ('make(pip_packages=[p for p in\n ["my-pkg==1.0"]])', 2, "computed"),
    ('make(pip_packages=sorted(["my-pkg"]))', 1, "call"),
    ('if x: p = "my-pkg==1.0"\nelse: p = "my-pkg==0.9"\nc.add_pip_package(p)', 1, "one place"),
    ('v = 1\nP = f"my-pkg=={v}"\nc.add_pip_package(P)', 2, "f-string"),
    ('REQS = [\n  "my-pkg==1.0",\n  "my-pkg"]\nset_pip_option', 2, "nothing that is known"),
    ('run(["pip", "install", "my-pkg==1.0"])', 1, "nothing that is known"),
]


@pytest.mark.parametrize(("text", "line", "why"), COMPUTED)
def test_what_is_computed_is_found_and_left_alone(text: str, line: int, why: str) -> None:
    edited = edit(text)
    assert edited.data == text.encode()
    assert {one.name for one in edited.unedited} == {"my-pkg"}
    assert edited.unedited[0].line == line
    assert why in edited.unedited[0].why
    result = only(plan({"env.py": text.encode()}))
    assert result.status == "found-not-edited"
    assert (result.notes[0].code, result.notes[0].line) == ("found-not-edited", line)


def test_a_script_with_both_is_changed_and_says_what_it_left() -> None:
    text = (
        'c = CondaDependencies()\nc.add_pip_package("my-pkg")\nc.add_pip_package(f"my-pkg=={v}")\n'
    )
    result = only(plan({"env.py": text.encode()}))
    assert result.status == "changed"
    assert [(one.code, one.severity, one.file, one.line) for one in result.notes] == [
        ("found-not-edited", "notice", "env.py", 3)
    ]
    (section,) = result.reading.sections
    assert section.unknown == ("Line 3: what is handed over is an f-string.",)


@pytest.mark.parametrize(
    "text",
    [
        'print("my-pkg==1.0")  # pip_packages',
        '"""add_pip_package("my-pkg==1.0")"""',
        '# c.add_pip_package("my-pkg==1.0")',
        'x = "my-pkg==1.0"\npip_packages = x',
        'c.add_pip_package(b"my-pkg==1.0")',
        'c.add_pip_package("my-pkg-extra==1.0")',
        'c.remove_pip_package("my-pkg==1.0")',
        "c.add_pip_package()",
        'f"{make(pip_packages=[1])}"',
        'log_model(pip_requirements="my-pkg.txt")',
        'P = ["my-pkg==1.1"]\nset_pip_option',
        'x = ["my-pkg", "numpy"]\nset_pip_option',
    ],
)
def test_a_name_elsewhere_is_none(text: str) -> None:
    edited = edit(text)
    assert (edited.data, edited.pins, edited.unedited) == (text.encode(), (), ())


def test_two_environments_may_each_have_it_and_one_list_may_not() -> None:
    two = 'a = f(pip_packages=["my-pkg"])\nb = f(pip_packages=["my-pkg==1.0"])\n'
    edited = edit(two)
    assert edited.data.count(b"my-pkg==1.1") == 2
    assert [one.place for one in FORM.read("a.py", edited.data).sections] == ["a", "b"]
    twice = 'f(pip_packages=[\n  "my-pkg",\n  "my_pkg==1.0"])\n'
    with pytest.raises(DefinitionUnresolvable, match="on lines 2 and 3") as caught:
        edit(twice)
    assert (caught.value.file, caught.value.line) == ("a.py", 3)
    # the later call takes the place of the earlier one
    calls = (
        'c = CondaDependencies()\nc.add_pip_package("my-pkg==0.9")\nc.add_pip_package("my-pkg")\n'
    )
    (section,) = FORM.read("a.py", edit(calls).data).sections
    assert section.pip_lines == ("my-pkg==1.1",)


def test_a_list_that_two_environments_share_changes_once() -> None:
    text = 'P = ["my-pkg"]\na = f(pip_packages=P)\nb = f(pip_packages=P)\n'
    edited = edit(text)
    assert edited.data.decode() == text.replace("my-pkg", "my-pkg==1.1")
    assert len(edited.pins) == 1
    assert len(FORM.read("a.py", edited.data).sections) == 2


def test_a_name_that_is_used_again_is_another_environment() -> None:
    text = (
        'P = ["my-pkg==1.0"]\nc = CondaDependencies.create(pip_packages=P)\n'
        'P = ["numpy"]\nc = CondaDependencies.create(pip_packages=P)\nc.add_pip_package("x")\n'
    )
    sections = FORM.read("a.py", text.encode()).sections
    assert [one.pip_lines for one in sections] == [("my-pkg==1.0",), ("numpy", "x")]
    assert [one.unknown for one in sections] == [(), ()]


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("c = f(conda_packages=['python=3.10', 'x'], pip_packages=['my-pkg'])", "3.10"),
        ("c = f(python_version='3.10.4', pip_packages=['my-pkg'])", "3.10.4"),
        (
            "c = CondaDependencies()\nc.set_python_version('3.10')\nc.add_pip_package('my-pkg')",
            "3.10",
        ),
        ("c.add_conda_package('python==3.10')\nc.add_pip_package('my-pkg')", "3.10"),
        ("V = '3.10'\nc = f(python_version=V, pip_packages=['my-pkg'])", "3.10"),
        ("x = {'dependencies': ['python=3.10', 'pip', {'pip': ['my-pkg']}]}", "3.10"),
        ("d = ['python=3.10', {'pip': ['my-pkg']}]\nx = {'dependencies': d}", "3.10"),
        ("c = f(python_version=v, pip_packages=['my-pkg'])", None),
    ],
)
def test_the_python_decides_which_wheel_is_named(text: str, python: str | None) -> None:
    (section,) = FORM.read("a.py", text.encode()).sections
    assert section.python == python
    both = wanted(pin(PURE, NATIVE), style="bare-url")
    file = NATIVE if python else PURE
    assert url_of(file) in edit(text, to=both).data.decode()


def test_a_missing_index_is_said_with_the_call_to_write() -> None:
    text = 'c = CondaDependencies()\nc.add_pip_package("my-pkg")\n'
    edited = edit(text, to=wanted(index=INDEX))
    (note,) = edited.notes
    assert (note.code, note.severity, note.line) == ("index-not-in-script", "notice", 2)
    assert note.cure == f'Write `c.set_pip_option("--extra-index-url {FEED}")`.'
    assert edited.index_added is None
    for has in (
        f'c.set_pip_option("--extra-index-url {FEED}")\n',
        f'O = "--index-url {FEED}"\nc.set_pip_option(pip_option=O)\n',
    ):
        assert edit(text + has, to=wanted(index=INDEX)).notes == ()
    create = f'f(pip_indexurl="{FEED}", pip_packages=["my-pkg"])\n'
    assert edit(create, to=wanted(index=INDEX)).notes == ()
    listed = f'x = {{"pip": ["my-pkg", "--extra-index-url {FEED}"]}}\n'
    assert edit(listed, to=wanted(index=INDEX)).notes == ()
    missing = edit('x = {"pip": ["my-pkg"]}\n', to=wanted(index=INDEX))
    assert "into the pip list" in missing.notes[0].cure


@pytest.mark.parametrize(
    "text",
    [
        'c.add_pip_package("my-pkg")\nc.set_pip_option(\n"--extra-index-url https://u:hunter2@h/s")',
        'c.add_pip_package("my-pkg")\nx = "https://:hunter2@h/s"\nc.set_pip_option(f"-i {x}")',
    ],
)
def test_a_token_in_what_an_environment_is_made_of_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        edit(text)
    assert "hunter2" not in str(caught.value) + caught.value.cure
    assert caught.value.line in {2, 3}


def test_a_token_that_is_put_in_when_the_script_runs_is_no_secret() -> None:
    text = 'c.add_pip_package("my-pkg")\nc.set_pip_option(f"-i https://u:{token}@h/s")\n'
    assert len(edit(text).pins) == 1


@pytest.mark.parametrize(
    ("files", "style", "expected"),
    [
        ((PURE,), "version", "my_pkg-1.1-py3-none-any.whl"),
        ((PURE, NATIVE), "url", "my_pkg-1.1-py3-none-any.whl"),
        ((NATIVE,), "version", None),
    ],
)
def test_a_wheel_file_that_is_uploaded(
    files: tuple[str, ...], style: PinStyle, expected: str | None
) -> None:
    text = 'Environment.add_private_pip_wheel(ws, r"dist\\my_pkg-1.0-py3-none-any.whl")\n'
    asked = wanted(pin(*files), style=style)
    if expected is None:
        with pytest.raises(DefinitionUnresolvable, match="can take the place of"):
            edit(text, to=asked)
    else:
        after = edit(text, to=asked).data.decode()
        assert after == text.replace("my_pkg-1.0-py3-none-any.whl", expected)
    assert edit(text.replace("my_pkg-1.0", "my-custom")).pins == ()


BROKEN = [
    (b'print "pip_packages my-pkg==1.0"\n', 1, "definition-not-python"),
    (b"# coding: latin-1\nc.add_pip_package('my-pkg')\n", 1, "definition-not-utf8"),
    (b"#!x\n# -*- coding: cp1252 -*-\nc.add_pip_package('my-pkg')\n", 2, "definition-not-utf8"),
    (b"x = 1\ny = '\xe9'; c.add_pip_package('my-pkg')\n", 2, "definition-not-utf8"),
    (b"c.add_pip_package('my-pkg')\x00\n", None, "definition-not-python"),
    (b"c.add_pip_package('my-pkg', " + b"(" * 5000 + b")" * 5000 + b")\n", None, None),
]


@pytest.mark.parametrize(("data", "line", "code"), BROKEN)
def test_what_cannot_be_read_is_left_with_a_notice_unless_it_was_asked_for(
    data: bytes, line: int | None, code: str | None
) -> None:
    edits = plan({"old.py": data})
    assert edits.edits == ()
    assert [(one.code, one.severity, one.file) for one in edits.notes] == [
        ("definition-left-alone", "notice", "old.py")
    ]
    with pytest.raises(DefinitionUnresolvable) as caught:
        plan({"old.py": data}, patterns=["old.py"])
    if code:
        assert (caught.value.code, caught.value.line) == (code, line)
    globbed = {"old.py": data, "new.py": b"c.add_pip_package('my-pkg')"}
    assert [one.path for one in plan(globbed, patterns=["*.py"]).edits] == ["new.py"]


def test_an_encoding_line_that_says_utf_8_is_fine() -> None:
    text = "#!/usr/bin/python\n# vim: set fileencoding=UTF8 :\nc.add_pip_package('my-pkg')\n"
    assert len(edit(text).pins) == 1
    later = "x = 1\n# coding: latin-1\nc.add_pip_package('my-pkg')\n"
    assert len(edit(later).pins) == 1


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("env.py", True),
        ("environments/make_env.py", True),
        ("packages/core/env.py", True),
        ("packages/core/acme/env.py", False),
        ("packages/core/acme/sub/env.py", False),
        ("packages/core/src/other/env.py", False),
        ("src/env.py", False),
        ("setup.py", False),
        ("a/noxfile.py", False),
        ("a/conftest.py", False),
        ("tests/env.py", False),
        ("a/Tests/env.py", False),
        ("packages/core/acme/demo.ipynb", False),
        ("tests/demo.ipynb", False),
        ("src/demo.ipynb", True),
    ],
)
def test_a_packages_own_modules_are_no_definitions(path: str, *, read: bool) -> None:
    paths = sorted({path, "packages/core/acme/__init__.py"})
    assert (path in worth_reading(paths)) is read
    if path.endswith(".py"):
        script = b"c.add_pip_package('my-pkg')\n"
        files = {path: script, "packages/core/acme/__init__.py": b""}
        assert bool(plan(files).edits) is read
        assert [one.path for one in plan(files, patterns=[path]).edits] == [path]
        if not read:
            with pytest.raises(SettingError, match="no environment definition"):
                plan(files, patterns=[path.replace(".py", ".[p]y")])


def test_a_script_that_says_nothing_about_environments_is_no_definition() -> None:
    for text in (b"import my_pkg\n", b"'''pip install my-pkg'''\nimport my_pkg\n"):
        assert plan({"run.py": text}).edits == ()
        with pytest.raises(SettingError, match="no environment definition"):
            plan({"run.py": text}, patterns=["run.py"])


def test_a_large_script_is_not_looked_at() -> None:
    script = b"c.add_pip_package('my-pkg')\n"
    assert plan({"a.py": script + b"#" * 5_000_000}).edits == ()
    assert len(plan({"a.py": script + b"#" * 1_000_000}).edits) == 1


def test_discovery_parses_no_script_that_does_not_look_like_it() -> None:
    # it would take seconds to parse them all
    body = b"".join(b"x%d = ['my-pkg', %d]\n" % (number, number) for number in range(2000))
    files = {f"a/m{number}.py": body for number in range(150)}
    before = time.process_time()
    assert definitions_in(files.get, sorted(files), patterns=None, names=["my-pkg"]).kinds == ()
    assert time.process_time() - before < 1.5


@pytest.mark.parametrize(
    ("version", "raised"),
    [('version="7"', 'version="8"'), ("version=V", "version=V"), ("", "")],
)
def test_the_version_of_an_environment_that_changed_rises(version: str, raised: str) -> None:
    text = (
        'V = "7"\nconda = {"dependencies": [{"pip": ["my-pkg==1.0"]}]}\n'
        f'Environment(name="train", conda_file=conda, image="x", {version})\n'
        'Environment(name="other", conda_file={"dependencies": [{"pip": ["a"]}]}, version="7")\n'
    )
    edited = edit(text)
    expected = text.replace("my-pkg==1.0", "my-pkg==1.1").replace(version, raised, 1)
    expected = expected.replace('V = "7"', 'V = "8"') if "V" in version else expected
    assert edited.data.decode() == expected
    (environment,) = edited.environments
    now = ("train", "7", "8") if version else ("train", None, None)
    assert (environment.name, environment.before, environment.after) == now
    assert edited.notes == ()


@pytest.mark.parametrize("version", ["7", '"blue"', "str(7)", '"1.2-rc"'])
def test_a_version_that_is_not_raised_is_said(version: str) -> None:
    pip = '{"dependencies": [{"pip": ["my-pkg==1.0"]}]}'
    edited = edit(f'Environment(name="train", conda_file={pip},\n version={version})\n')
    assert [(one.code, one.line) for one in edited.notes] == [("environment-version-not-raised", 2)]
    assert f"version={version})" in edited.data.decode()


def test_references_follow() -> None:
    text = (
        '"""azureml:train:7"""\nE = "azureml:train:7"  # azureml:train:7\n'
        'def f():\n  j = command(environment=E, command="azureml:train:7")\n'
        "  j.environment = r'azureml:train:7'\n"
        '  d = {"environment": "azureml:train:7", "x": "azureml:train:7"}\n'
        '  command(environment="azureml:train:6", e="azureml:train:7")\n'
        '  command(environment="azureml:train@latest")\n'
        '  command(environment="azureml://registries/r/environments/train/versions/7")\n'
        '  command(environment=f"azureml:train:{7}")\n'
    )
    data = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    after = follow_references("a.py", data, {("train", "7"): "8", ("other", "7"): "9"})
    lines = text.split("\n")
    for number in (1, 4):
        lines[number] = lines[number].replace("train:7", "train:8", 1)
    lines[5] = lines[5].replace("train:7", "train:8", 1)
    assert after == b"\xef\xbb\xbf" + "\r\n".join(lines).encode()
    assert follow_references("a.py", after, {("train", "7"): "8"}) == after
    for broken in (b"azureml:train:7 (", b"\xff azureml:", b"# coding: latin-1\n# azureml:"):
        assert follow_references("a.py", broken, {("train", "7"): "8"}) == broken


def test_the_running_python_does_not_matter_for_strings_in_f_strings() -> None:
    # what stands inside an f-string has a place of its own from 3.12 on only
    text = "x = f\"{make(pip_packages=['my-pkg==1.0'])}\"\n"
    assert edit(text).data == text.encode()


def test_a_script_that_says_nothing_of_conda_has_the_defaults_of_the_sdk() -> None:
    plain = b'c = CondaDependencies()\nc.add_pip_package("my-pkg==1.0")\n'
    (section,) = FORM.read("a.py", plain).sections
    assert section.conda is None
    named = plain.replace(b"()\n", b'()\nc.add_conda_package("numpy")\n', 1)
    (section,) = FORM.read("a.py", named).sections
    assert section.conda is not None
    assert [text for text, _ in section.conda.packages] == ["numpy"]

"""Literals in Python scripts: edited in place, and what is computed is left alone."""

from __future__ import annotations

import pytest

from tests.definitions.made import FEED, INDEX, NATIVE, PURE, only, pin, plan, url_of, wanted
from tests.definitions.python_kit import FORM, constants, edit
from wheelstep.definitions.interface import PinStyle
from wheelstep.errors import DefinitionUnresolvable, Refused

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

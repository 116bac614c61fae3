from __future__ import annotations

import json
from typing import Any

import pytest

from tests.definitions.made import FEED, INDEX, PURE, only, plan, url_of, wanted
from wheelstep.definitions.interface import Edited, Wanted
from wheelstep.definitions.notebook import Notebook
from wheelstep.definitions.python_references import follow_references
from wheelstep.errors import DefinitionUnresolvable, Refused

FORM = Notebook()
URL = f"{url_of(PURE)}#sha256={'0' * 64}"
OUTPUTS = [{"output_type": "stream", "name": "stdout", "text": ["my-pkg==1.0 pip install\n"]}]


def cell(*source: str, one: bool = False, kind: str = "code") -> dict[str, Any]:
    text = "".join(source)
    return {
        "cell_type": kind,
        "execution_count": None,
        "metadata": {"note": "my-pkg==1.0"},
        "outputs": OUTPUTS,
        "source": text if one else text.splitlines(keepends=True),
    }


def notebook(*cells: dict[str, Any], language: str = "python", **dumping: Any) -> bytes:
    document = {
        "cells": list(cells),
        "metadata": {"kernelspec": {"language": language}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(document, **({"indent": 1} | dumping)) + "\n").encode()


def edit(data: bytes, to: Wanted | None = None) -> Edited:
    """Edit, and see that nothing but the sources differs, and that twice is once."""
    asked = to or wanted()
    edited = FORM.edit("a.ipynb", data, asked)
    again = FORM.edit("a.ipynb", edited.data, asked)
    assert (again.data, again.pins) == (edited.data, ())
    before, after = json.loads(data), json.loads(edited.data)
    for old, new in zip(before["cells"], after["cells"], strict=True):
        assert isinstance(old["source"], type(new["source"]))
        old["source"] = new["source"]
    assert before == after
    return edited


def sources(data: bytes) -> list[str]:
    return ["".join(each["source"]) for each in json.loads(data)["cells"]]


def one_cell(text: str, **dumping: Any) -> str:
    (source,) = sources(edit(notebook(cell(text), **dumping)).data)
    return source


SCRIPT = (
    "# \u00e9\U0001f600 my-pkg==1.0\n",
    "cd = CondaDependencies()\n",
    "cd.add_pip_package('my-pkg==1.0')  # </b>",
)


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("indent", [None, 1, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_only_the_pin_differs_in_the_file(
    *, one: bool, indent: int | str | None, ascii_only: bool, ends: str, mark: bytes
) -> None:
    cells = cell("my-pkg==1.0", kind="markdown"), cell(*SCRIPT, one=one), cell("1\n")
    data = mark + notebook(*cells, indent=indent, ensure_ascii=ascii_only).replace(
        b"\n", ends.encode()
    )
    edited = edit_marked(data)
    assert edited.data == data.replace(b"('my-pkg==1.0')", b"('my-pkg==1.1')")
    text = edited.data.decode("utf-8-sig")
    assert text.split(ends)[edited.pins[0].line - 1].count("my-pkg==1.1") == 1


def edit_marked(data: bytes) -> Edited:
    edited = FORM.edit("a.ipynb", data, wanted())
    assert FORM.edit("a.ipynb", edited.data, wanted()).data == edited.data
    return edited


def test_letters_that_are_escaped_stay_so() -> None:
    plain = notebook(cell("x = '</b>é\U0001f600'; f(pip_packages=['my-pkg==1.0'])\n", one=True))
    odd = plain.replace(b"<", b"\\u003c").replace(b"/b", b"\\/b").replace(b"\\u00e9", "é".encode())
    assert edit(odd).data == odd.replace(b"['my-pkg==1.0']", b"['my-pkg==1.1']")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%pip install my-pkg==1.0", "%pip install my-pkg==1.1"),
        ("!pip install -q -U my-pkg", "!pip install -q -U my-pkg==1.1"),
        ("!pip3 install 'my-pkg>=1.0' numpy", "!pip3 install 'my-pkg==1.1' numpy"),
        ('%pip install "my-pkg[a]==1.0"', '%pip install "my-pkg[a]==1.1"'),
        ("%pip install my-pkg[a]", "%pip install my-pkg[a]==1.1"),
        ("!python -m pip install my-pkg", "!python -m pip install my-pkg==1.1"),
        (
            "if x:\n    !{sys.executable} -m pip install my-pkg\nelse:\n    pass",
            "if x:\n    !{sys.executable} -m pip install my-pkg==1.1\nelse:\n    pass",
        ),
        ("!pip install a \\\n   my-pkg # c", "!pip install a \\\n   my-pkg==1.1 # c"),
        ("!pip install my-pkg && ls", "!pip install my-pkg==1.1 && ls"),
        ("!pip install -t my-pkg my-pkg", "!pip install -t my-pkg my-pkg==1.1"),
        (
            "!ls\nx = !ls\nf?\n%pip install my-pkg\ny = 'é'\nf(pip_packages=['my-pkg'])",
            "!ls\nx = !ls\nf?\n%pip install my-pkg==1.1\ny = 'é'\nf(pip_packages=['my-pkg==1.1'])",
        ),
        ("%%time\nf(pip_packages=['my-pkg'])", "%%time\nf(pip_packages=['my-pkg==1.1'])"),
        (
            "%pip install my-pkg\nt = '''\n!pip install my-pkg\n'''",
            "%pip install my-pkg==1.1\nt = '''\n!pip install my-pkg\n'''",
        ),
    ],
)
def test_pip_install_lines_and_python_beside_them(before: str, after: str) -> None:
    assert one_cell(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%pip install my-pkg==1.0", f'%pip install "my-pkg @ {URL}"'),
        ("%pip install 'my-pkg'", f"%pip install 'my-pkg @ {URL}'"),
    ],
)
def test_a_pip_install_line_by_url_is_quoted(before: str, after: str) -> None:
    edited = edit(notebook(cell(before)), wanted(style="url"))
    assert sources(edited.data) == [after]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("!pip install my-pkg>=1.0", [10]),
        ("%pip install my-pkg=={version}", [10]),
        ('!pip install "my-pkg==$V"', [10]),
        ("%%bash\npip install my-pkg==1.0", [11]),
        ("%%writefile conda.yml\n- pip:\n  - 'my-pkg==1.0'", [12]),
        ("x = (\n['my-pkg==1.0'] pip install", [11]),
        ("c.add_pip_package(f'my-pkg=={v}')", [10]),
    ],
)
def test_what_cannot_be_edited_is_found(text: str, lines: list[int]) -> None:
    data = notebook(cell(text))
    offset = data.decode().splitlines().index('   "source": [')
    edited = edit(data)
    assert edited.data == data
    assert [one.line - offset + 8 for one in edited.unedited] == lines
    assert only(plan({"a.ipynb": data})).status == "found-not-edited"


@pytest.mark.parametrize(
    "text",
    [
        "print('!pip install my-pkg==1.0')",
        "'''\n!pip install my-pkg==1.0\n'''",
        "%pip uninstall my-pkg",
        "%pip install -e my-pkg",
        "# %pip install my-pkg",
        "%pip install # my-pkg",
    ],
)
def test_a_name_elsewhere_is_none(text: str) -> None:
    data = notebook(cell(text))
    edited = edit(data)
    assert (edited.data, edited.unedited) == (data, ())


def test_an_environment_may_be_made_in_several_cells() -> None:
    data = notebook(
        cell("cd = CondaDependencies()\nV = 'my-pkg==1.0'"),
        cell("this is no python ("),
        cell("cd.add_pip_package(V)\n"),
        cell(f'cd.set_pip_option("--extra-index-url {FEED}")'),
        cell(f"%pip install my-pkg -i {FEED}"),
    )
    edited = edit(data, wanted(index=INDEX))
    assert edited.notes == ()
    made, installed = FORM.read("a.ipynb", edited.data).sections
    assert (made.place, made.pip_lines, made.unknown) == (
        "cd",
        ("my-pkg==1.1", f"--extra-index-url {FEED}"),
        (),
    )
    assert (installed.place, installed.pip_lines) == ("pip install", ("my-pkg==1.1", f"-i {FEED}"))
    assert not installed.connected
    assert installed.unknown
    lone = edit(notebook(cell("%pip install my-pkg")), wanted(index=INDEX))
    assert "into the line" in lone.notes[0].cure


def test_one_line_may_not_name_it_twice_and_two_may() -> None:
    with pytest.raises(DefinitionUnresolvable, match="named twice"):
        edit(notebook(cell("%pip install my-pkg my_pkg==1.0")))
    assert one_cell("%pip install my-pkg\n%pip install my-pkg==1.0").count("my-pkg==1.1") == 2


def test_a_token_in_a_pip_install_line_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        edit(notebook(cell("%pip install my-pkg -i https://u:hunter2@h/s")))
    assert "hunter2" not in str(caught.value)
    assert caught.value.line


@pytest.mark.parametrize(
    "data",
    [
        notebook(cell("%pip install my-pkg")).replace(b'"nbformat": 4', b'"nbformat": 3'),
        b'{"worksheets": [{"cells": [{"input": "%pip install my-pkg"}]}], "nbformat": 3}',
        b'{"cells": [] pip install my-pkg',
        b'{"cells": "pip install my-pkg \xff"}',
        b'["pip install my-pkg"]',
    ],
)
def test_what_is_no_notebook_of_format_4_is_left_with_a_notice(data: bytes) -> None:
    edits = plan({"a.ipynb": data})
    assert edits.edits == ()
    assert [(one.code, one.severity) for one in edits.notes] == [
        ("definition-left-alone", "notice")
    ]
    with pytest.raises(DefinitionUnresolvable):
        plan({"a.ipynb": data}, patterns=["a.ipynb"])


def test_another_language_and_odd_cells_are_passed_over() -> None:
    assert plan({"a.ipynb": notebook(cell("!pip install my-pkg"), language="R")}).edits == ()
    odd = json.loads(notebook(cell("%pip install my-pkg")))
    odd["cells"] += [{"cell_type": "code"}, {"cell_type": "code", "source": []}, 3]
    odd["cells"] += [{"cell_type": "code", "source": ["f(pip_packages=", "['my-pkg'])"]}]
    odd["cells"] += [{"cell_type": "code", "source": [1]}, {"cell_type": "raw", "source": "x"}]
    result = only(plan({"a.ipynb": json.dumps(odd).encode()}))
    assert [one.after for one in result.pins] == ["my-pkg==1.1"]


def test_references_follow_in_notebooks_too() -> None:
    data = notebook(
        cell("%time\nE = 'azureml:train:7'\n"), cell("command(environment=E)\n", one=True)
    )
    after = follow_references("a.ipynb", data, {("train", "7"): "8"})
    assert after == data.replace(b"train:7", b"train:8")
    assert follow_references("a.ipynb", b"azureml: {", {("train", "7"): "8"}) == b"azureml: {"

from __future__ import annotations

import pytest

from tests.definitions.made import (
    FEED,
    INDEX,
    NATIVE,
    PURE,
    SCHEMA,
    after,
    foreign,
    only,
    pin,
    plan,
    url_of,
)
from wheelstep.definitions.azureml import AzureMl
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.includes import beside
from wheelstep.errors import DefinitionUnresolvable, Refused

CONDA = b"""\
# the environment
name: train
channels: [conda-forge]
dependencies:
  - python=3.10
  - pip=24.0
  - pip:
      - azureml-defaults  # keep me
      - "My_Pkg[fast] == 1.0"
variables: {A: b}
"""


def environment(version: str = "version: 3\n", conda: str = "conda_file: ./conda.yml\n") -> bytes:
    return f"$schema: {SCHEMA}\nname: train\n{version}image: mcr/x:1\n{conda}".encode()


def test_a_conda_file_changes_in_one_line() -> None:
    edit = only(plan({"env/any-name.yaml": CONDA}))
    assert edit.after == CONDA.replace(b"1.0", b"1.1")
    (change,) = edit.pins
    assert (change.before, change.after, change.line) == (
        "My_Pkg[fast] == 1.0",
        "My_Pkg[fast] == 1.1",
        9,
    )
    assert edit.diff == (
        "--- a/env/any-name.yaml\n+++ b/env/any-name.yaml\n@@ -6,5 +6,5 @@\n"
        "   - pip=24.0\n   - pip:\n       - azureml-defaults  # keep me\n"
        '-      - "My_Pkg[fast] == 1.0"\n+      - "My_Pkg[fast] == 1.1"\n variables: {A: b}\n'
    )
    assert edit.reading.sections[0].python == "3.10"
    assert edit.reading.sections[0].line == 7
    assert edit.reading.sections[0].pip_lines == ("azureml-defaults", "My_Pkg[fast] == 1.1")


def test_the_line_of_a_pin_counts_the_added_index() -> None:
    edit = only(plan({"e.yml": CONDA}, index=INDEX))
    assert foreign(edit.after)[0]["dependencies"][2]["pip"] == [
        f"--extra-index-url {FEED}",
        "azureml-defaults",
        "My_Pkg[fast] == 1.1",
    ]
    assert (edit.index_added, edit.pins[0].line) == (f"--extra-index-url {FEED}", 10)


@pytest.mark.parametrize(
    ("dependency", "python"),
    [
        ("python=3.10", "3.10"),
        ("python==3.10.4", "3.10.4"),
        ("python=3.10.*", "3.10"),
        ("python 3.10", "3.10"),
        ("conda-forge::python=3.10", "3.10"),
        ("python=3.10.4=h12debd9_0", "3.10.4"),
        ("python~=3.10.4", "3.10"),
        ("python>=3.10,<3.11", "3.10"),
        ("python~=3.10", None),
        ("python>=3.9", None),
        ("python>=3.9,<3.11", None),
        ("python=3", None),
        ("python", None),
        ("python-dateutil=2.8", None),
    ],
)
def test_the_python_where_it_is_fixed_to_its_minor(dependency: str, python: str | None) -> None:
    data = f"dependencies:\n- {dependency}\n- pip:\n  - my-pkg\n".encode()
    assert Conda().read("e.yml", data).sections[0].python == python


def test_the_wheel_of_the_definitions_python_is_chosen() -> None:
    files = {"e.yml": CONDA, "requirements.txt": b"my-pkg\n"}
    edits = plan(files, pin(PURE, NATIVE), style="url").edits
    assert url_of(NATIVE) in edits[0].after.decode()
    assert url_of(PURE) in edits[1].after.decode()
    with pytest.raises(DefinitionUnresolvable, match="does not say exactly which Python"):
        plan({"requirements.txt": b"my-pkg\n"}, pin(NATIVE), style="url")
    with pytest.raises(DefinitionUnresolvable, match=r"fits Python 3\.9"):
        plan({"e.yml": CONDA.replace(b"3.10", b"3.9")}, pin(NATIVE), style="url")


def test_lines_inside_a_block_are_lines_of_the_file() -> None:
    data = b"dependencies:\n- pip:\n  - |\n    numpy\n    my-pkg==1.0\n"
    edit = only(plan({"e.yml": data}))
    assert edit.after == data.replace(b"1.0", b"1.1")
    assert edit.pins[0].line == 5


@pytest.mark.parametrize("item", ["- {a: b}", "-", "- [a]"])
def test_an_item_that_is_no_text_is_an_error(item: str) -> None:
    data = f"dependencies:\n- pip:\n  - my-pkg\n  {item}\n".encode()
    with pytest.raises(DefinitionUnresolvable, match="no text") as caught:
        plan({"e.yml": data})
    assert caught.value.line == 4


def test_a_key_that_stands_twice_is_an_error() -> None:
    data = b"dependencies:\n- pip:\n  - my-pkg\ndependencies: []\n"
    with pytest.raises(DefinitionUnresolvable, match="lines 1 and 4"):
        plan({"e.yml": data})


def test_two_pip_lists_are_an_error_where_they_name_ours() -> None:
    data = b"dependencies:\n- pip:\n  - my-pkg==1.0\n- numpy\n- pip: [other]\n"
    with pytest.raises(DefinitionUnresolvable, match="lines 2 and 5") as caught:
        plan({"e.yml": data})
    assert (caught.value.code, caught.value.line) == ("pip-list-twice", 5)
    assert plan({"e.yml": data.replace(b"my-pkg", b"theirs")}).edits == ()


@pytest.mark.parametrize(
    ("data", "said", "line"),
    [
        (
            "dependencies:\n- pip:\n  - &ours my-pkg==1.0\n  - numpy\n  - *ours\n",
            "on lines 3 and 5 (line 5 is a YAML alias of line 3)",
            5,
        ),
        (
            "common: [&ours my-pkg]\ndependencies:\n- pip:\n  - *ours\n  - *ours\n",
            "on lines 4 and 5 (line 4 is a YAML alias of line 1, line 5 is a YAML alias of line 1)",
            5,
        ),
        (
            "dependencies:\n- pip: &list\n  - a\n  - my-pkg\n- pip: *list\n",
            "on lines 4 and 5 (line 5 is a YAML alias of line 4)",
            5,
        ),
        (
            "--- &x a\n---\ndependencies:\n- &map\n  pip:\n  - my-pkg\n- *map\n",
            "on lines 6 and 7 (line 7 is a YAML alias of line 6)",
            7,
        ),
        ("dependencies:\n- pip: [my-pkg, my-pkg]\n", "on line 2; pip", 2),
    ],
)
def test_named_twice_through_an_alias_says_where_the_alias_stands(
    data: str, said: str, line: int
) -> None:
    with pytest.raises(DefinitionUnresolvable) as caught:
        plan({"e.yml": data.encode()})
    assert said in caught.value.message
    assert (caught.value.code, caught.value.line) == ("requirement-twice", line)


def test_a_merged_key_counts() -> None:
    data = b"x: &base\n  dependencies:\n  - pip:\n    - my-pkg==1.0\n<<: *base\nname: e\n"
    assert only(plan({"e.yml": data})).after == data.replace(b"1.0", b"1.1")


def test_what_is_not_pinned_is_told() -> None:
    data = b"dependencies:\n- my-pkg=1.0\n- pip:\n  - -r more.txt\n  - my-pkg\n"
    edit = only(plan({"e.yml": data}))
    assert [(one.code, one.line) for one in edit.notes] == [
        ("conda-package-left-alone", 2),
        ("conda-includes-file", 4),
    ]


def test_an_environment_rises_with_its_conda_file_and_only_once() -> None:
    files = {"env/conda.yml": CONDA, "env/aml.yml": environment("version: 3 # now\n")}
    edits = plan(files)
    assert [edit.status for edit in edits.edits] == ["changed", "changed"]
    raised, conda = edits.edits
    assert raised.after == environment("version: 4 # now\n")
    assert raised.environments
    assert (
        raised.environments[0].name,
        raised.environments[0].before,
        raised.environments[0].after,
    ) == (
        "train",
        "3",
        "4",
    )
    assert (raised.followed, conda.followed) == (("env/conda.yml",), ("env/aml.yml",))
    again = plan(after(files, edits))
    assert {edit.status for edit in again.edits} == {"unchanged"}


@pytest.mark.parametrize("pattern", ["env/aml.yml", "env/conda.yml", "env/*.yml", "env"])
def test_a_pattern_for_one_brings_the_other(pattern: str) -> None:
    files = {
        "env/conda.yml": CONDA,
        "env/aml.yml": environment(),
        "other/aml.yml": environment(conda="conda_file: ../env/conda.yml\n"),
        "far/aml.yml": environment(),
        "far/conda.yml": CONDA,
    }
    edits = plan(files, patterns=[pattern])
    assert [edit.path for edit in edits.edits] == ["env/aml.yml", "env/conda.yml", "other/aml.yml"]
    assert {edit.status for edit in edits.edits} == {"changed"}


@pytest.mark.parametrize(
    ("version", "result", "notes"),
    [
        ("version: '3'\n", "version: '4'\n", []),
        ('version: "9"\n', 'version: "10"\n', []),
        ("", "", []),
        ("version:\n", "version:\n", []),
        ("version: 1.0\n", "version: 1.1\n", []),
        ("version: 2024-01-01\n", "version: '2024-01-01.1'\n", []),
        ("version: 010\n", "version: '011'\n", []),
        ("version: a1b2c3d\n", "version: a1b2c3d\n", ["environment-version-not-raised"]),
        ("x: &v 3\nversion: *v\n", "x: &v 4\nversion: *v\n", ["definition-shared"]),
    ],
)
def test_versions_rise_in_their_own_form(version: str, result: str, notes: list[str]) -> None:
    files = {"conda.yml": CONDA, "aml.yml": environment(version)}
    edit = plan(files).edits[0]
    assert edit.after == environment(result)
    assert [one.code for one in edit.notes] == notes


def test_a_conda_specification_inside() -> None:
    inside = "conda_file:\n  dependencies:\n  - python=3.11\n  - pip: [numpy, my-pkg==1.0]\n"
    data = environment(conda=inside)
    edit = only(plan({"aml.yml": data}, index=INDEX))
    before, now = foreign(data)[0], foreign(edit.after)[0]
    before["version"] = 4
    before["conda_file"]["dependencies"][1]["pip"] = [
        f"--extra-index-url {FEED}",
        "numpy",
        "my-pkg==1.1",
    ]
    assert now == before
    assert edit.reading.sections[0].python == "3.11"
    again = only(plan({"aml.yml": edit.after}, index=INDEX))
    assert again.status == "unchanged"
    assert not again.environments


def test_two_environments_in_one_file_rise_each_for_its_own_reason() -> None:
    inside = "conda_file:\n  dependencies:\n  - pip: [my-pkg==1.0]\n"
    both = environment() + b"---\n" + environment("version: 7\n", inside)
    files = {"conda.yml": CONDA, "aml.yml": both}
    edits = plan(files)
    raised = [one["version"] for one in foreign(edits.edits[0].after)]
    assert raised == [4, 8]
    assert b"my-pkg==1.1" in edits.edits[0].after
    assert {edit.status for edit in plan(after(files, edits)).edits} == {"unchanged"}


def test_a_secret_inside_is_refused() -> None:
    inside = "conda_file:\n  dependencies:\n  - pip: [my-pkg, -i https://a:b@h/simple]\n"
    with pytest.raises(Refused):
        plan({"aml.yml": environment(conda=inside)})


@pytest.mark.parametrize(
    "data",
    [
        b"name: a\nimage: b\nconda_file: c.yml\n",
        environment(),
        environment(conda=""),
        environment(conda="build: {path: .}\n"),
    ],
)
def test_an_environment_is_known_by_schema_or_keys(data: bytes) -> None:
    assert AzureMl().recognises("x.yml", data)


@pytest.mark.parametrize(
    "data",
    [
        environment().replace(b"environment.schema", b"commandJob.schema"),
        b"image: b\nconda_file: c.yml\n",
        b"conda_file: [\n",
        b"- conda_file\n",
    ],
)
def test_anything_else_is_no_environment(data: bytes) -> None:
    assert not AzureMl().recognises("x.yml", data)


def test_a_missing_conda_file_is_told() -> None:
    with pytest.raises(DefinitionUnresolvable, match=r"`\./conda\.yml`"):
        plan({"aml.yml": environment()}, patterns=["aml.yml"])


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("conda.yml", "env/conda.yml"),
        ("./sub\\conda.yml", "env/sub/conda.yml"),
        ("../conda.yml", "conda.yml"),
        ("../../conda.yml", None),
        ("/conda.yml", None),
        ("https://h/conda.yml", None),
    ],
)
def test_files_are_named_from_where_the_environment_lies(named: str, path: str | None) -> None:
    assert beside("env/aml.yml", named) == path


def test_a_pip_section_that_is_no_list_is_told() -> None:
    data = b"dependencies:\n- python=3.11\n- pip: my-pkg==1.0\n"
    with pytest.raises(DefinitionUnresolvable, match="no list") as caught:
        plan({"e.yml": data}, patterns=["e.yml"])
    assert (caught.value.file, caught.value.line) == ("e.yml", 3)
    (note,) = plan({"e.yml": data}).notes
    assert (note.code, note.line) == ("definition-left-alone", 3)
    assert plan({"e.yml": b"dependencies:\n- pip:\n# my-pkg\n"}).notes == ()


def test_a_version_that_is_null_is_none() -> None:
    files = {"conda.yml": CONDA, "aml.yml": environment("version: null\n")}
    (aml,) = [edit for edit in plan(files).edits if edit.path == "aml.yml"]
    assert (aml.status, [note.code for note in aml.notes]) == ("unchanged", [])

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definitions.made import FEED, INDEX, NATIVE, PURE, after, only, pin, plan, url_of, wanted
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.sdk_v1 import RunConfiguration, SdkV1
from wheelstep.errors import DefinitionUnresolvable, Refused, SettingError

MARK = b"\xef\xbb\xbf"
# what `Environment.save_to_directory` of azureml-core 1.61 writes, shortened in its other sections
SAVED = b"""\
{
    "name": "train",
    "version": "3",
    "environmentVariables": {
        "EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"
    },
    "python": {
        "userManagedDependencies": false,
        "interpreterPath": "python",
        "condaDependenciesFile": null,
        "baseCondaEnvironment": null
    },
    "docker": {
        "enabled": false,
        "baseImage": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1",
        "baseDockerfile": null,
        "shmSize": "2g",
        "arguments": [],
        "baseImageRegistry": {
            "address": null,
            "username": null,
            "password": null,
            "registryIdentity": null
        }
    },
    "inferencingStackVersion": null,
    "assetId": null
}"""
# its comments end in CR LF, its other lines do not
CONDA = b"""\
# Conda environment specification. The dependencies defined in this file will\r
# be automatically provisioned for runs with userManagedDependencies=False.\r

name: project_environment
dependencies:
  # The python interpreter version.\r
- python=3.10

- pip:
    # Required packages for AzureML execution, history, and data preparation.\r
  - --extra-index-url https://feed.example.org/simple/
  - numpy
  - my-pkg==1.0
channels:
- anaconda
"""
FOLDER = {
    "envs/train/azureml_environment.json": SAVED,
    "envs/train/conda_dependencies.yml": CONDA,
}


def inline(*pip: object, version: object = "7", **more: object) -> dict[str, Any]:
    return {
        "name": "train",
        "version": version,
        "python": {
            "userManagedDependencies": False,
            "condaDependenciesFile": None,
            "condaDependencies": {
                "name": "project_environment",
                "dependencies": ["python=3.10", {"pip": list(pip or ["numpy", "my-pkg==1.0"])}],
                "channels": ["anaconda", "conda-forge"],
            },
        },
        **more,
    }


def dumped(value: object, indent: int | None = 4) -> bytes:
    return json.dumps(value, indent=indent).encode()


def pip_of(document: Any) -> list[str]:
    listed = document["python"]["condaDependencies"]["dependencies"][1]["pip"]
    assert isinstance(listed, list)
    return listed


def test_the_conda_file_beside_it_belongs_to_it() -> None:
    edits = plan(FOLDER)
    saved, conda = edits.edits
    assert (saved.form, conda.form) == ("sdk-v1", "conda")
    assert conda.after == CONDA.replace(b"my-pkg==1.0", b"my-pkg==1.1")
    assert saved.after == SAVED.replace(b'"3"', b'"4"')
    (environment,) = saved.environments
    assert (environment.name, environment.before, environment.after) == ("train", "3", "4")
    assert saved.followed == ("envs/train/conda_dependencies.yml",)
    again = plan(after(FOLDER, edits))
    assert [edit.status for edit in again.edits] == ["unchanged"] * 2


def test_a_new_line_ends_as_those_around_it() -> None:
    _, conda = plan(FOLDER, index=INDEX).edits
    option = b"  - --extra-index-url https://feed.example.org/simple/\n"
    assert option in CONDA
    added = f"  - --extra-index-url {FEED}\n".encode()
    assert conda.after == CONDA.replace(option, option + added).replace(b"==1.0", b"==1.1")


@pytest.mark.parametrize("pattern", ["envs/train/azureml_environment.json", "envs/train", "**/*"])
def test_naming_the_json_takes_the_conda_file_along(pattern: str) -> None:
    edits = plan(FOLDER, patterns=[pattern])
    assert [edit.status for edit in edits.edits] == ["changed", "changed"]


def test_a_conda_file_by_its_usual_name_need_not_be_there() -> None:
    files = {"e/azureml_environment.json": SAVED}
    edit = only(plan(files, patterns=["e/azureml_environment.json"]))
    assert edit.status == "unchanged"
    assert plan(files).edits == ()


def test_a_conda_file_that_is_named_has_to_be_there() -> None:
    named = SAVED.replace(b'"condaDependenciesFile": null', b'"condaDependenciesFile": "c.yml"')
    files = {"e/azureml_environment.json": named, "e/c.yml": CONDA}
    assert [edit.status for edit in plan(files).edits] == ["changed", "changed"]
    with pytest.raises(DefinitionUnresolvable, match=r"c\.yml") as caught:
        plan({"e/azureml_environment.json": named}, patterns=["e"])
    assert caught.value.line == 10


def test_another_name_has_no_usual_conda_file() -> None:
    files = {"e/other.json": SAVED, "e/conda_dependencies.yml": CONDA}
    assert [edit.path for edit in plan(files).edits] == ["e/conda_dependencies.yml"]


def test_a_python_of_the_users_own_installs_nothing() -> None:
    files = dict(FOLDER)
    path = "envs/train/azureml_environment.json"
    files[path] = SAVED.replace(b'ies": false', b'ies": true')
    assert [edit.path for edit in plan(files).edits] == ["envs/train/conda_dependencies.yml"]
    value = inline()
    value["python"]["userManagedDependencies"] = True
    assert plan({"e.json": dumped(value)}).edits == ()


def test_what_is_written_inside_is_edited_in_place() -> None:
    data = dumped(inline("numpy", "My_Pkg[fast]>=1.0; python_version > '3'"))
    edit = only(plan({"e.json": data}))
    assert edit.after == data.replace(b">=1.0;", b"==1.1;").replace(b'"7"', b'"8"')
    (change,) = edit.pins
    assert (change.name, change.line) == ("my-pkg", 14)
    assert change.before == "My_Pkg[fast]>=1.0; python_version > '3'"
    (section,) = edit.reading.sections
    assert (section.python, section.place, section.line) == ("3.10", "", 12)
    assert section.conda is not None
    assert section.conda.packages == (("python=3.10", 10),)
    assert section.conda.channels == ("anaconda", "conda-forge")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"environment": inline(), "script": "train.py"}, "environment"),
        ([{"id": 1}, inline()], "1"),
        ({"value": [{"runconfig": {"environment": inline()}}]}, "value.0.runconfig.environment"),
    ],
)
def test_environments_inside_other_things(value: object, place: str) -> None:
    edit = only(plan({"run.json": dumped(value)}))
    assert edit.reading.sections[0].place == place
    assert edit.after == dumped(value).replace(b"==1.0", b"==1.1").replace(b'"7"', b'"8"')


def test_several_environments_are_each_their_own() -> None:
    data = dumped([inline("my-pkg"), inline("numpy", version="1"), inline("my-pkg", "my-pkg-x")])
    edit = only(plan({"e.json": data}))
    assert [one["version"] for one in json.loads(edit.after)] == ["8", "1", "8"]
    assert [pip_of(one) for one in json.loads(edit.after)] == [
        ["my-pkg==1.1"],
        ["numpy"],
        ["my-pkg==1.1", "my-pkg-x"],
    ]
    assert [change.line for change in edit.pins] == [14, 60]


def test_the_index_is_added_in_the_manner_of_the_list() -> None:
    for indent in (4, None):
        data = dumped(inline(), indent)
        edit = only(plan({"e.json": data}, index=INDEX))
        expected = inline(f"--extra-index-url {FEED}", "numpy", "my-pkg==1.1", version="8")
        assert edit.after == dumped(expected, indent)
        assert edit.index_added == f"--extra-index-url {FEED}"
        again = only(plan({"e.json": edit.after}, index=INDEX))
        assert (again.after, again.index_added, again.environments) == (edit.after, None, ())


def test_the_wheel_of_its_python_is_chosen() -> None:
    data = dumped(inline("my-pkg"))
    edit = only(plan({"e.json": data}, pin(PURE, NATIVE), style="bare-url"))
    assert pip_of(json.loads(edit.after)) == [url_of(NATIVE)]


@pytest.mark.parametrize(
    ("before", "higher", "noted"),
    [
        (b'"7"', b'"8"', False),
        (b"9", b"10", False),
        (b"null", b"null", False),
        (b'""', b'""', False),
        (b'"Autosave_2026-01-01"', b'"Autosave_2026-01-01"', True),
        (b"1.5", b"1.5", False),
        (b"true", b"true", False),
    ],
)
def test_the_version_rises_where_it_is_a_plain_integer(
    before: bytes, higher: bytes, noted: bool
) -> None:
    data = dumped(inline()).replace(b'"version": "7"', b'"version": ' + before)
    edit = only(plan({"e.json": data}))
    assert b'"version": ' + higher + b"," in edit.after
    assert [one.code for one in edit.notes] == ["environment-version-not-raised"] * noted
    assert [one.line for one in edit.notes] == [3] * noted
    assert len(edit.environments) == 1


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n\r\n"])
@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("windows", [True, False])
def test_every_other_byte_stays(end: bytes, mark: bytes, windows: bool) -> None:
    data = dumped(inline("numpy", "my-pkg==1.0"), 2).replace(b"numpy", rb"\u006eumpy \/ \ud83d")
    data = mark + (data.replace(b"\n", b"\r\n") if windows else data) + end
    edit = only(plan({"e.json": data}))
    assert edit.after == data.replace(b"==1.0", b"==1.1").replace(b'"7"', b'"8"')


ITEMS = st.lists(
    st.sampled_from(["numpy", "pandas == 2", "-f links", "x @ https://h/x.whl", "my-pkg-x==1.0"]),
    unique=True,
)
OURS = st.sampled_from(
    ["my-pkg", "My_Pkg [a,b] ~= 1.0", "my.pkg==1.0;os_name!='nt'", "my-pkg==1.1"]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.tuples(ITEMS, OURS, ITEMS),
    st.sampled_from([None, 0, 2, "\t"]),
    st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False)),
    st.booleans(),
)
def test_only_the_wanted_values_differ(
    pip: tuple[list[str], str, list[str]], indent: Any, more: Any, ascii_only: bool
) -> None:
    before, ours, behind = pip
    value = {"more": more, "e": inline(*before, ours, *behind), "again": more}
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    data = text.encode(errors="ignore")
    edit = only(plan({"e.json": data}))
    old, new = json.loads(data), json.loads(edit.after)
    pinned = pip_of(new["e"])[len(before)]
    assert "1.1" in pinned
    if ours != "my-pkg==1.1":
        pip_of(new["e"])[len(before)] = ours
        assert new["e"].pop("version") == "8"
        assert old["e"].pop("version") == "7"
    assert new == old
    assert only(plan({"e.json": edit.after})).after == edit.after


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (dumped(inline("my-pkg", "my-pkg")), 14, "named twice, on lines 13 and 14"),
        (dumped(inline("my-pkg", 5)), 14, "no text"),
        (dumped(inline("my-pkg", None)), 14, "no text"),
        (dumped(inline("my-pkg", ["numpy"])), 14, "no text"),
        (dumped(inline()).replace(b'"channels"', b'"dependencies"'), 18, "stands twice"),
        (dumped(inline()).replace(b'"name": "train"', b'"version": "1"'), 3, "stands twice"),
        (dumped(inline("my-pkg=1.0")), 13, "cannot be read"),
        (dumped(inline()).replace(b'"numpy",', b'"numpy"'), 14, "not valid JSON"),
        (dumped(inline()).replace(b"numpy", b"nump\xff"), 13, "not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(data: bytes, line: int, said: str) -> None:
    with pytest.raises(DefinitionUnresolvable, match=said) as caught:
        plan({"e.json": data})
    assert (caught.value.file, caught.value.line) == ("e.json", line)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"numpy", b"--index-url https://user:s3cret@h/simple"),
        (b"numpy", rb"--index-url https:\/\/user:s3cret@h\/simple"),
        (b"numpy", rb"x @ https://h/x.whl?a=b\u0026sig=s3cret"),
        (b'"assetId": 1', b'"docker": {"baseImageRegistry": {"password": "s3cret"}}'),
    ],
)
def test_a_secret_is_refused_and_not_printed(old: bytes, new: bytes) -> None:
    data = dumped(inline(assetId=1)).replace(old, new)
    assert new in data
    with pytest.raises(Refused) as caught:
        plan({"e.json": data})
    assert caught.value.code == "secret-in-definition"
    assert caught.value.line is not None
    assert "s3cret" not in str(caught.value) + caught.value.cure


def test_a_placeholder_for_a_password_is_none() -> None:
    data = dumped(inline(docker={"baseImageRegistry": {"password": "${REGISTRY}"}}))
    assert only(plan({"e.json": data})).status == "changed"


def test_what_conda_itself_installs_is_told() -> None:
    value = inline("my-pkg", "-r more.txt")
    value["python"]["condaDependencies"]["dependencies"].insert(0, "conda-forge::My_Pkg=1")
    edit = only(plan({"e.json": dumped(value)}))
    assert [(one.code, one.line) for one in edit.notes] == [
        ("conda-package-left-alone", 10),
        ("conda-includes-file", 15),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b'{"requires": "my-pkg"}',
        b'{"broken": my-pkg',
        b'{"condaDependencies": "my-pkg"}',
        b'{"python": {"condaDependencies": null}, "x": "my-pkg"}',
        b'{"python": {"condaDependencies": {"dependencies": ["my-pkg"]}}}',
        b'{"python": ["condaDependencies", "my-pkg"]}',
    ],
)
def test_other_json_is_none_of_ours(data: bytes) -> None:
    edits = plan({"package.json": data})
    assert (edits.edits, edits.notes) == ((), ())
    SdkV1().recognises("package.json", data)


def test_broken_json_that_only_mentions_it_is_left_with_a_note() -> None:
    edits = plan({"e.json": b'{"condaDependencies": {}, "about": "my-pkg" "x"}'})
    assert [(one.code, one.line) for one in edits.notes] == [("definition-left-alone", 1)]


def test_data_is_not_looked_at_unless_it_is_named() -> None:
    value = inline(rows=["x" * 100_000] * 60)
    files = {"data.json": dumped(value), "e/environment.yml": CONDA}
    assert [edit.path for edit in plan(files).edits] == ["e/environment.yml"]
    assert only(plan(files, patterns=["data.json"])).status == "changed"


def test_a_json_file_that_is_named_and_no_environment_is_an_error() -> None:
    for data in (b"{}", b'{"python": {"condaDependencies": []}}'):
        with pytest.raises(SettingError, match="no environment definition"):
            plan({"e.json": data}, patterns=["e.json"])
    with pytest.raises(DefinitionUnresolvable, match="no environment of the SDK"):
        SdkV1().read("e.json", b"[]")


RUN = b"""\
script: train.py
environment:
  name: train
  python:
    userManagedDependencies: false
    condaDependenciesFile: .azureml/conda_dependencies.yml  # ours
    baseCondaEnvironment:
"""


@pytest.mark.parametrize(
    ("path", "conda"),
    [
        ("app/.azureml/train.runconfig", "app/.azureml/conda_dependencies.yml"),
        (".azureml/train.runconfig", ".azureml/conda_dependencies.yml"),
        ("app/train.runconfig", "app/.azureml/conda_dependencies.yml"),
    ],
)
def test_a_run_configuration_names_its_conda_file(path: str, conda: str) -> None:
    files = {path: RUN, conda: CONDA}
    (named,) = RunConfiguration().read(path, RUN).named
    assert (named.path, named.line) == (conda, 6)
    for patterns in (None, [path]):
        edits = plan(files, patterns=patterns)
        assert {edit.path: edit.status for edit in edits.edits} == {
            path: "unchanged",
            conda: "changed",
        }


@pytest.mark.parametrize(
    "data",
    [
        b"environment: {python: {condaDependenciesFile: }}",
        b"environment: {python: {condaDependenciesFile: c.yml, userManagedDependencies: true}}",
        b"environment: condaDependenciesFile",
        b"condaDependenciesFile: [",
        b"\xff condaDependenciesFile",
    ],
)
def test_a_run_configuration_without_a_conda_file_is_none_of_ours(data: bytes) -> None:
    assert not RunConfiguration().recognises("x.runconfig", data)
    assert definitions_in({"x.runconfig": data}.get, ["x.runconfig"], patterns=None, names=["x"]) \
        .kinds == ()  # fmt: skip


def test_a_form_edits_alone() -> None:
    edited = SdkV1().edit("e/azureml_environment.json", SAVED, wanted(), ["e/x.yml"])
    assert (edited.data, edited.environments) == (SAVED, ())

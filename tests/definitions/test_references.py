"""`azureml:NAME:VERSION` follows the environment whose version rose, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definitions.made import SCHEMA, after, foreign, only, plan
from wheelstep.definitions.references import Risen, follow

HOST = "https://azuremlschemas.azureedge.net/latest/"
RISEN = Risen("train", "3", "4", "env/train.yml")

ENVIRONMENT = f"""\
$schema: {SCHEMA}
name: train
version: 3
image: mcr.microsoft.com/azureml/curated:1
conda_file:
  dependencies:
    - pip: [my-pkg==1.0]
""".encode()

PIPELINE = f"""\
$schema: {HOST}pipelineJob.schema.json
type: pipeline
settings:
  default_compute: azureml:cpu-cluster
  default_datastore: azureml:train
inputs:
  rows: {{type: mltable, path: 'azureml:train:3'}}
  words: azureml:train:3
jobs:
  prep:
    type: command
    component: azureml:train:3
    environment: azureml:train:3   # the one of the team
  fit:
    type: command
    command: echo azureml:train:3
    environment: "azureml:train:3"
  tune:
    type: sweep
    trial:
      environment: 'azureml:train:3'
  old:
    environment: azureml:train:2
  ahead:
    environment: azureml:train:4
  floating:
    environment: azureml:train@latest
  shared:
    environment: azureml://registries/azureml/environments/train/versions/3
  other:
    environment: azureml:train-gpu:3
""".encode()


def changed(before: Any, now: Any, path: str = "") -> dict[str, tuple[object, object]]:
    """What differs, by its dotted path."""
    if isinstance(before, dict) and isinstance(now, dict) and list(before) == list(now):
        return {
            key: value
            for name in before
            for key, value in changed(before[name], now[name], f"{path}.{name}").items()
        }
    return {} if before == now else {path.removeprefix("."): (before, now)}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_only_references_to_the_version_before_follow(end: bytes, mark: bytes) -> None:
    data = mark + PIPELINE.replace(b"\n", end)
    files = {"env/train.yml": ENVIRONMENT, "pipelines/weekly.yml": data}
    edits = plan(files)
    assert [edit.path for edit in edits.edits] == ["env/train.yml", "pipelines/weekly.yml"]
    edit = edits.edits[1]
    assert changed(foreign(data)[0], foreign(edit.after)[0]) == {
        f"jobs.{job}.environment": ("azureml:train:3", "azureml:train:4") for job in ("prep", "fit")
    } | {"jobs.tune.trial.environment": ("azureml:train:3", "azureml:train:4")}
    lines = zip(data.split(b"\n"), edit.after.split(b"\n"), strict=True)
    differing = [(old, new) for old, new in lines if old != new]
    assert len(differing) == 3
    assert all(old.replace(b"train:3", b"train:4") == new for old, new in differing)
    assert (edit.status, edit.pins, edit.environments) == ("changed", (), ())
    assert edit.followed == ("env/train.yml",)
    line = data.split(b"\n").index(b"    environment: azureml:train:2" + end[:-1]) + 1
    assert [(one.code, one.severity, one.file, one.line) for one in edit.notes] == [
        ("reference-to-other-version", "notice", "pipelines/weekly.yml", line)
    ]
    assert edit.change().after == edit.after
    assert {one.status for one in plan(after(files, edits)).edits} == {"unchanged"}


def test_a_file_that_is_edited_itself_follows_too() -> None:
    job = (
        b"type: pipeline\njobs:\n  a: {environment: 'azureml:train:3'}\n  b:\n    environment:\n"
        b"      image: i\n      conda_file: {dependencies: [pip: [my-pkg==1.0]]}\n"
    )
    edits = plan({"env.yml": ENVIRONMENT, "job.yml": job})
    edit = edits.edits[1]
    assert edit.after == job.replace(b"train:3", b"train:4").replace(b"==1.0", b"==1.1")
    assert [pin.line for pin in edit.pins] == [7]
    assert edit.followed == ("env.yml",)
    assert edit.reading.sections[0].requirements[0].pinned == "1.1"


def test_a_reference_beside_its_environment_in_one_file() -> None:
    both = ENVIRONMENT + b"---\ntype: command\nenvironment: azureml:train:3\n"
    assert only(plan({"all.yml": both})).after == both.replace(
        b"version: 3", b"version: 4"
    ).replace(b"train:3", b"train:4").replace(b"==1.0", b"==1.1")


def test_unless_the_version_rises_nothing_follows() -> None:
    job = b"type: command\nenvironment: azureml:train:blue\n"
    for version in (b"version: blue\n", b""):
        files = {"env.yml": ENVIRONMENT.replace(b"version: 3\n", version), "job.yml": job}
        assert [edit.path for edit in plan(files).edits] == ["env.yml"]


def test_an_environment_inside_of_a_job_is_nobodys_reference() -> None:
    job = (
        b"type: command\nenvironment:\n  name: train\n  version: 3\n  image: i\n"
        b"  conda_file: {dependencies: [pip: [my-pkg==1.0]]}\n"
    )
    other = b"type: command\nenvironment: azureml:train:3\n"
    edits = plan({"a.yml": job, "b.yml": other})
    assert [edit.path for edit in edits.edits] == ["a.yml"]
    assert edits.edits[0].environments == ()


def test_two_files_of_one_name_are_followed_each_from_its_own_version() -> None:
    files = {
        "new.yml": ENVIRONMENT.replace(b"version: 3", b"version: 7"),
        "old.yml": ENVIRONMENT,
        "job.yml": b"jobs: {a: {environment: 'azureml:train:3'}, b: {environment: "
        b"'azureml:train:7'}, c: {environment: 'azureml:train:5'}}\n",
    }
    edit = plan(files).edits[0]
    assert [one["environment"] for one in foreign(edit.after)[0]["jobs"].values()] == [
        "azureml:train:4",
        "azureml:train:8",
        "azureml:train:5",
    ]
    assert edit.followed == ("old.yml", "new.yml")
    (said,) = edit.notes
    assert said.code == "reference-to-other-version"
    assert "from 7 to 8, from 3 to 4" in said.message


def test_what_rises_by_its_conda_file_is_followed() -> None:
    files = {
        "conda.yml": b"dependencies: [pip: [my-pkg==1.0]]\n",
        "env.yml": b"name: train\nversion: '1.9'\nimage: i\nconda_file: conda.yml\n",
        "job.yaml": b"environment: azureml:train:1.9\n",
    }
    edits = plan(files, patterns=["env.yml"])
    assert {edit.path: edit.after for edit in edits.edits}["job.yaml"] == (
        b"environment: azureml:train:1.10\n"
    )


def test_files_left_out_and_vendored_files_stay() -> None:
    job = b"environment: azureml:train:3\n"
    files = {"env.yml": ENVIRONMENT, "old/job.yml": job, "vendor/job.yml": job, "job.txt": job}
    assert [edit.path for edit in plan(files, patterns=["!old/**"]).edits] == ["env.yml"]
    assert [edit.path for edit in plan(files).edits] == ["env.yml", "old/job.yml"]


def test_a_note_alone_is_no_edit() -> None:
    files = {"env.yml": ENVIRONMENT, "job.yml": b"environment: azureml:train:1\n"}
    edits = plan(files)
    assert [edit.path for edit in edits.edits] == ["env.yml"]
    assert [(one.code, one.file, one.line) for one in edits.notes] == [
        ("reference-to-other-version", "job.yml", 1)
    ]


def test_a_template_is_left_alone_and_told() -> None:
    data = b"# azureml:train:30\n{% if gpu %}\nenvironment: azureml:train:3\n{% endif %}\n"
    followed = follow("t.yml", data, [RISEN])
    assert followed.data == data
    assert [(one.code, one.severity, one.line) for one in followed.notes] == [
        ("reference-not-followed", "warning", 3)
    ]


def test_aliases_and_merged_keys() -> None:
    data = (
        b"x-env: &env {environment: azureml:train:3}\nx-ref: &ref azureml:train:3\n"
        b"jobs:\n  a: {<<: *env}\n  b: {environment: *ref}\n"
    )
    followed = follow("j.yml", data, [RISEN])
    assert followed.data == data.replace(b"train:3", b"train:4")
    assert [(one.code, one.line) for one in followed.notes] == [
        ("definition-shared", 1),
        ("definition-shared", 2),
    ]


TEXTS = st.sampled_from(
    [
        "azureml:train:3",
        "azureml:train:4",
        "azureml:train:30",
        "azureml:train@latest",
        "azureml:training:3",
        "AzureML:train:3",
        "azureml:train:3 ",
        "azureml://registries/r/environments/train/versions/3",
        "train:3",
        "3",
    ]
)
VALUES = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["environment", "jobs", "x", "azureml:train:3"]), inner)
    ),
    max_leaves=12,
)
QUOTES = st.sampled_from(["'", '"'])


def expected(value: Any) -> Any:
    match value:
        case dict():
            return {key: expected(one) for key, one in value.items()}
        case list():
            return [expected(one) for one in value]
        case _:
            return "azureml:train:4" if value == "azureml:train:3" else value


@settings(max_examples=200, deadline=None, derandomize=True)
@given(VALUES, st.data())
def test_whatever_the_file_only_exact_references_follow(value: Any, data: st.DataObject) -> None:
    def written(one: Any) -> str:
        match one:
            case dict():
                return "{" + ", ".join(f"'{key}': {written(x)}" for key, x in one.items()) + "}"
            case list():
                return "[" + ", ".join(map(written, one)) + "]"
            case _:
                quote = data.draw(QUOTES)
                return f"{quote}{one}{quote}"

    text = f"# azureml:train:3\nroot: {written(value)}"
    followed = follow("j.yml", text.encode(), [RISEN])
    assert foreign(followed.data)[0] == {"root": expected(value)}
    assert follow("j.yml", followed.data, [RISEN]).data == followed.data
    assert len(followed.data) == len(text.encode())

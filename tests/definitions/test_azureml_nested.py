"""Environments inside of jobs, components and deployments, each form as Azure ML users write it."""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definitions.azureml_samples import (
    COMMAND_JOB,
    CONDA,
    HOST,
    ONLINE,
    PIPELINE_JOB,
    SPARK,
    pinned,
)
from tests.definitions.made import FEED, INDEX, SCHEMA, after, foreign, only, plan, wanted
from wheelstep.definitions.azureml import AzureMl


@pytest.mark.parametrize(
    "job", [COMMAND_JOB, PIPELINE_JOB, SPARK], ids=["job", "pipeline", "spark"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_exactly_the_pins_change(job: str, end: str, mark: bytes) -> None:
    data = mark + job.replace("\n", end).encode()
    files = {"jobs/job.yml": data, "jobs/envs/tune.yml": CONDA}
    edits = plan(files)
    edit = next(one for one in edits.edits if one.path == "jobs/job.yml")
    assert foreign(edit.after) == [pinned(one) for one in foreign(data)]
    assert edit.environments == ()
    assert edit.notes == ()
    lines = zip(data.split(b"\n"), edit.after.split(b"\n"), strict=True)
    changed = [number for number, (old, new) in enumerate(lines, 1) if old != new]
    assert changed == [pin.line for pin in edit.pins]
    assert {one.status for one in plan(after(files, edits)).edits} == {"unchanged"}


def test_each_environment_is_a_section_with_its_place() -> None:
    reading = AzureMl().read("jobs/job.yml", PIPELINE_JOB.encode())
    assert [(one.place, one.python, len(one.requirements)) for one in reading.sections] == [
        ("jobs.train.component.environment", None, 2),
        ("jobs.score.task.environment", "3.9", 2),
        ("jobs.whole.component.jobs.inner.environment", None, 1),
    ]
    assert [(one.kind, one.path) for one in reading.named] == [("conda-file", "jobs/envs/tune.yml")]
    (spark,) = AzureMl().read("s.yml", SPARK.encode()).sections
    assert (spark.place, spark.python) == ("environment", "3.10")
    lines = SPARK.splitlines()
    assert [lines[one.line - 1].split()[1] for one in spark.requirements] == [
        "my-pkg==1.0",
        "azureml-fsspec",
    ]
    assert lines[spark.line - 1].strip() == "- pip:"
    (job,) = AzureMl().read("j.yml", COMMAND_JOB.encode()).sections
    assert job.place == "environment"


def test_a_conda_file_of_a_deployment_is_followed_from_where_it_lies() -> None:
    files = {"deploy/blue/online.yml": ONLINE.encode(), "deploy/envs/conda.yml": CONDA}
    edits = plan(files, patterns=["deploy/blue/*.yml"])
    assert [(one.path, one.status) for one in edits.edits] == [
        ("deploy/blue/online.yml", "unchanged"),
        ("deploy/envs/conda.yml", "changed"),
    ]
    assert edits.edits[0].followed == ("deploy/envs/conda.yml",)
    assert edits.edits[0].environments == ()
    assert edits.edits[1].followed == ("deploy/blue/online.yml",)


@pytest.mark.parametrize(
    "stem",
    [
        "commandJob",
        "commandComponent",
        "pipelineJob",
        "pipelineComponent",
        "parallelJob",
        "parallelComponent",
        "sparkJob",
        "sparkComponent",
        "sweepJob",
        "managedOnlineDeployment",
        "kubernetesOnlineDeployment",
        "batchDeployment",
        "modelBatchDeployment",
        "pipelineComponentBatchDeployment",
    ],
)
@pytest.mark.parametrize(
    "place", [HOST, "https://azuremlschemasprod.azureedge.net/latest/", "./schemas/", ""]
)
def test_known_by_schema(stem: str, place: str) -> None:
    data = f"$schema: {place}{stem}.schema.json\nenvironment: {{image: a, conda_file: b.yml}}\n"
    assert AzureMl().recognises("x.yml", data.encode())
    assert AzureMl().recognises("x.yml", data.replace(stem, stem.upper()).encode())
    other = data.replace(stem, "endpoint")
    assert not AzureMl().recognises("x.yml", other.encode())


@pytest.mark.parametrize(
    "data",
    [
        *(
            f"type: {kind}\nenvironment: {{image: a, conda_file: b.yml}}\n"
            for kind in ("command", "spark", "sweep", "parallel")
        ),
        "type: sweep\ntrial: {environment: {build: {path: ctx}}}\n",
        "jobs: {a: {environment: {image: a}}}\n",
        "endpoint_name: e\nenvironment: {conda_file: b.yml}\n",
        "base: &base {image: a, conda_file: b.yml}\ntype: command\nenvironment: {<<: *base}\n",
        "name: e\nbuild: {path: ctx}\n",
        "x: &jobs {a: {environment: {image: a}}}\njobs: {<<: *jobs}\n",
    ],
)
def test_known_by_telling_keys(data: str) -> None:
    assert AzureMl().recognises("x.yml", data.encode())


@pytest.mark.parametrize(
    "data",
    [
        "jobs: {deploy: {environment: {name: production, url: 'https://image.example'}}}\n",
        "jobs: {deploy: {environment: production, runs-on: image-builder}}\n",
        "services: {web: {build: ., environment: {image: a}}}\n",
        "type: command\nenvironment: azureml:train:3\nbuild: no\n",
        "type: service\nenvironment: {image: a, conda_file: b.yml}\n",
        "type: command\nenvironment: [image]\n",
        "name: ci\nbuild: {steps: [conda_file]}\n",
    ],
)
def test_a_workflow_or_a_reference_has_no_environment_inside(data: str) -> None:
    assert not AzureMl().recognises("x.yml", data.encode())


def test_an_unknown_schema_is_left_alone_with_a_note() -> None:
    job = COMMAND_JOB.replace("commandJob", "futureJob")
    edits = plan({"job.yml": job.encode()})
    assert edits.edits == ()
    (said,) = edits.notes
    assert (said.code, said.severity, said.file, said.line) == (
        "schema-unknown",
        "notice",
        "job.yml",
        1,
    )
    assert "my-pkg" in said.message
    # what only mentions our package elsewhere is nothing to speak of
    quiet = job.replace('"my-pkg[fast]==1.0"', "numpy").replace("# ours", "# my-pkg")
    assert plan({"job.yml": quiet.encode()}).notes == ()


def test_an_environment_with_an_unknown_schema_is_told_too() -> None:
    data = (
        "name: a\n$schema: https://example.org/other.json\nimage: i\nconda_file:\n"
        "  dependencies: [pip: [my-pkg]]\n"
    )
    edits = plan({"e.yml": data.encode()})
    assert edits.edits == ()
    assert [(one.code, one.line) for one in edits.notes] == [("schema-unknown", 2)]


SHARED = """\
x-env: &env
  image: mcr.microsoft.com/azureml/curated:1
  conda_file:
    dependencies:
      - pip:
          - my-pkg==1.0
type: pipeline
jobs:
  a: {type: command, environment: *env}
  b: {type: command, environment: *env}
  c:
    type: command
    environment:
      <<: *env
      image: mcr.microsoft.com/azureml/other:1
"""


def test_a_shared_environment_is_edited_once_and_said_to_be_shared() -> None:
    data = SHARED.encode()
    edit = only(plan({"p.yml": data}))
    assert edit.after == data.replace(b"1.0", b"1.1")
    assert [(one.code, one.line) for one in edit.notes] == [("definition-shared", 6)]
    assert [(one.name, one.line) for one in edit.pins] == [("my-pkg", 6)]
    assert [one.place for one in edit.reading.sections] == [
        "jobs.a.environment",
        "jobs.c.environment",
    ]
    with_index = only(plan({"p.yml": data}, index=INDEX))
    lists = [
        one["environment"]["conda_file"]["dependencies"][0]["pip"]
        for one in foreign(with_index.after)[0]["jobs"].values()
    ]
    assert lists == [[f"--extra-index-url {FEED}", "my-pkg==1.1"]] * 3


def test_a_block_that_an_alias_in_braces_names_is_no_text_in_braces() -> None:
    data = SHARED.replace("conda_file:", "conda_file: |+").encode() + b"\n"
    edit = only(plan({"p.yml": data}))
    assert edit.after == data.replace(b"1.0", b"1.1")
    assert [one.code for one in edit.notes] == ["definition-shared"]


def test_aliases_that_go_in_circles_end() -> None:
    data = b"type: pipeline\njobs: &j\n  a: &a\n    component: *a\n    jobs: *j\nenvironment: {}\n"
    assert not AzureMl().recognises("p.yml", data + b"image: conda_file\n")


def test_many_documents() -> None:
    environment = (
        f"---\n$schema: {SCHEMA}\nname: e\nversion: 3\nimage: i\n"
        "conda_file: {dependencies: [pip: [my-pkg==1.0]]}\n...\n"
    )
    data = (COMMAND_JOB + environment + "---\n" + SPARK).encode()
    edit = only(plan({"all.yml": data}))
    expected = [pinned(one) for one in foreign(data)]
    expected[1]["version"] = 4
    assert foreign(edit.after) == expected
    assert [one.place for one in edit.reading.sections] == ["environment", "", "environment"]
    assert [(one.name, one.after) for one in edit.environments] == [("e", "4")]


@pytest.mark.parametrize(
    ("version", "result"),
    [
        ("1.9", "'1.10'"),
        ("'1.9'", "'1.10'"),
        ('"007"', '"008"'),
        ("007", "'008'"),
        ("2026-11-20", "'2026-11-25'"),
        ('"2026-11-20"', '"2026-11-25"'),
        ("2026.11.20", "2026.11.25"),
        ("20261120", "20261125"),
        ("v7", "v8"),
        ("!!str 3", "!!str '4'"),
        ("&v 1.2.3  # the version", "&v 1.2.4  # the version"),
    ],
)
def test_a_version_is_written_so_that_it_reads_as_meant(version: str, result: str) -> None:
    data = f"name: e\nimage: i\nconda_file: c.yml\nversion: {version}\n".encode()
    edited = AzureMl().edit("e.yml", data, replace(wanted(), day=dt.date(2026, 11, 25)), ["c.yml"])
    assert edited.data == data.replace(version.encode(), result.encode())
    text = edited.environments[0].after
    assert str(foreign(edited.data)[0]["version"]) == text


def test_a_context_is_named_and_raises_its_environment() -> None:
    data = (
        f"$schema: {SCHEMA}\nname: e\nversion: 3\n"
        "build:\n  path: ./docker\n  dockerfile_path: Dockerfile.gpu\n"
    ).encode()
    (named,) = AzureMl().read("env/e.yml", data).named
    assert (named.kind, named.text, named.path, named.line, named.dockerfile) == (
        "build-context",
        "./docker",
        "env/docker",
        5,
        "Dockerfile.gpu",
    )

    def version(changed: list[str]) -> object:
        return foreign(AzureMl().edit("env/e.yml", data, wanted(), changed).data)[0]["version"]

    assert version(["env/docker/sub/requirements.txt"]) == 4
    assert version(["env/docker"]) == 4
    assert version(["env/docker-other/requirements.txt", "env/requirements.txt"]) == 3
    here = data.replace(b"./docker", b".")
    assert AzureMl().edit("e.yml", here, wanted(), ["a.txt"]).environments[0].after == "4"
    (default,) = AzureMl().read("e.yml", data.replace(b"dockerfile_path", b"x")).named
    assert default.dockerfile == "Dockerfile"


def test_a_context_elsewhere_is_nothing_to_follow() -> None:
    data = b"type: command\nenvironment: {build: {path: 'https://github.com/o/r.git#main'}}\n"
    (named,) = AzureMl().read("j.yml", data).named
    assert named.path is None
    assert AzureMl().edit("j.yml", data, wanted(), ["a"]).data == data


def test_floors_of_workspaces_are_respected() -> None:
    data = b"name: e\nimage: i\nconda_file: c.yml\nversion: 3\n"
    floors = {"e": ["4", "5"], "other": ["9"]}
    edited = AzureMl().edit("e.yml", data, replace(wanted(), floors=floors), ["c.yml"])
    assert edited.data == data.replace(b"3", b"6")


ITEMS = st.lists(
    st.sampled_from(["numpy", "pandas==2.0", "'quoted; python_version > \"3\"'", "-f links"]),
    max_size=3,
    unique=True,
)


@st.composite
def environments(draw: st.DrawFn, column: int) -> str:
    """The lines of an inline environment, as a mapping or in a block scalar."""
    items = draw(ITEMS)
    items.insert(draw(st.integers(0, len(items))), draw(st.sampled_from(["my-pkg==1.0", "my-pkg"])))
    pad = " " * column
    block = draw(st.sampled_from(["", " |", " |-", " |+"]))
    gap = draw(st.sampled_from(["", "\n", f"{pad}  # a line\n"]))
    listed = "".join(f"{pad}      - {item}\n" for item in items)
    image = f"{pad}image: i\n"
    conda = f"{pad}conda_file:{block}\n{gap}{pad}  dependencies:\n{pad}  - pip:\n{listed}{gap}"
    return draw(st.sampled_from([image + conda, conda + image]))


@st.composite
def jobs(draw: st.DrawFn) -> bytes:
    """A pipeline with some environments."""
    text = "type: pipeline\njobs:\n"
    for number in range(draw(st.integers(1, 3))):
        text += f"  job{number}:\n"
        match draw(st.sampled_from(["", "task", "component"])):
            case "":
                text += "    environment:\n" + draw(environments(6))
            case key:
                text += f"    {key}:\n      environment:\n" + draw(environments(8))
    if draw(st.booleans()):
        text = text.rstrip("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode()


def opened(value: Any) -> Any:
    """The same document with the text of block scalars read, too."""
    if isinstance(value, list):
        return [opened(one) for one in value]
    if isinstance(value, dict):
        return {
            key: foreign(one.encode()) if key == "conda_file" and isinstance(one, str) else one
            for key, one in ((key, opened(one)) for key, one in value.items())
        }
    return value


@settings(max_examples=150, deadline=None, derandomize=True)
@given(jobs())
def test_whatever_the_job_only_the_pins_change(data: bytes) -> None:
    edit = only(plan({"job.yml": data}))
    assert opened(foreign(edit.after)) == pinned(copy.deepcopy(opened(foreign(data))))
    old, new = data.split(b"\n"), edit.after.split(b"\n")
    assert len(old) == len(new)
    assert all(b"my-pkg" in one for one, other in zip(old, new, strict=True) if one != other)
    assert only(plan({"job.yml": edit.after})).status == "unchanged"

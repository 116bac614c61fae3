"""Environments inside of jobs, components and deployments, each form as Azure ML users write it."""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.definitions.made import FEED, INDEX, SCHEMA, after, foreign, only, plan, wanted
from wheelstep.definitions.azureml import AzureMl
from wheelstep.errors import DefinitionUnresolvable, Refused

HOST = "https://azuremlschemas.azureedge.net/latest/"

COMMAND_JOB = f"""\
$schema: {HOST}commandJob.schema.json
# trains the churn model
code: src
command: >-
  python train.py
  --folds ${{{{inputs.folds}}}}
inputs:
  folds: 5
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
  conda_file:
    channels: [conda-forge]
    dependencies:
      - python=3.10
      - pip:
          - "my-pkg[fast]==1.0"  # ours
          - mlflow
compute: azureml:cpu-cluster
experiment_name: churn
"""

PIPELINE_JOB = f"""\
$schema: {HOST}pipelineJob.schema.json
type: pipeline
settings: {{default_compute: azureml:cpu-cluster}}
jobs:
  prep:
    type: command
    component: azureml:prep:1
  train:
    type: command
    component:
      type: command
      command: python train.py
      environment:
        name: ignored
        version: 3
        image: mcr.microsoft.com/azureml/curated:1
        conda_file:
          dependencies:
            - pip: [numpy, my-pkg==1.0]
  score:
    type: parallel
    task:
      type: run_function
      entry_script: score.py
      environment:
        image: mcr.microsoft.com/azureml/curated:1
        conda_file: {{dependencies: [python=3.9, {{pip: ['my-pkg==1.0', tqdm]}}]}}
  tune:
    type: sweep
    trial:
      command: python tune.py
      environment:
        image: mcr.microsoft.com/azureml/curated:1
        conda_file: ./envs/tune.yml
  whole:
    type: pipeline
    component:
      type: pipeline
      jobs:
        inner:
          type: command
          environment:
            image: mcr.microsoft.com/azureml/curated:1
            conda_file:
              dependencies:
                - pip:
                    - my-pkg
"""

SPARK = f"""\
$schema: {HOST}sparkComponent.schema.json
name: wrangle
type: spark
version: 4
code: ./src
entry: {{file: wrangle.py}}
environment:
  image: mcr.microsoft.com/azureml/spark:1
  conda_file: |
    # as conda reads it

    name: spark
    dependencies:
      - python=3.10
      - pip:
        - my-pkg==1.0   # ours
        - azureml-fsspec

conf:
  spark.driver.cores: 1
"""

ONLINE = f"""\
$schema: {HOST}managedOnlineDeployment.schema.json
name: blue
endpoint_name: churn
model: {{path: ../model}}
code_configuration: {{code: ./, scoring_script: score.py}}
environment:
  conda_file: file:../envs/conda.yml
  image: mcr.microsoft.com/azureml/minimal:1
instance_type: Standard_DS3_v2
instance_count: 1
"""

CONDA = b"dependencies:\n- pip:\n  - my-pkg==1.0\n"


def pinned(value: Any) -> Any:
    """The same document with our package at 1.1."""
    match value:
        case dict():
            return {key: pinned(one) for key, one in value.items()}
        case list():
            return [pinned(one) for one in value]
        case "my-pkg":
            return "my-pkg==1.1"
        case str():
            return value.replace("my-pkg==1.0", "my-pkg==1.1").replace(
                "my-pkg[fast]==1.0", "my-pkg[fast]==1.1"
            )
        case _:
            return value


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


BLOCK = """\
environment:
  image: i
  conda_file: |{header}
{text}
{after}"""


@pytest.mark.parametrize("header", ["", "-", "+", "2", "2-", " # the conda part"])
@pytest.mark.parametrize("rest", ["conf: {a: b}\n", "\n\nconf: {a: b}\n", "# end\n", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_block_changes_in_its_own_lines_only(header: str, rest: str, end: str) -> None:
    text = (
        "    # odd   spaces\n\n   \n    dependencies:\n    - python=3.10\n      \n"
        "    - pip:\n        - my-pkg==1.0 # ours\n        - azure-core>=1"
    )
    job = "type: spark\n" + BLOCK.format(header=header, text=text, after=rest)
    data = (job if rest else job.removesuffix("\n")).replace("\n", end).encode()
    edit = only(plan({"s.yml": data}, index=INDEX))
    old, new = data.split(b"\n"), edit.after.split(b"\n")
    place = next(number for number, line in enumerate(old) if b"my-pkg" in line)
    option = f"        - --extra-index-url {FEED}".encode() + end.encode()[:-1]
    assert new == [*old[:place], option, old[place].replace(b"1.0", b"1.1"), *old[place + 1 :]]
    assert edit.pins[0].line == place + 2
    before, now = foreign(data)[0], foreign(edit.after)[0]
    inner = [foreign(one["environment"]["conda_file"].encode())[0] for one in (before, now)]
    inner[0]["dependencies"][1]["pip"] = [
        f"--extra-index-url {FEED}",
        "my-pkg==1.1",
        "azure-core>=1",
    ]
    assert inner[0] == inner[1]
    now["environment"]["conda_file"] = before["environment"]["conda_file"]
    assert now == before
    assert only(plan({"s.yml": edit.after}, index=INDEX)).status == "unchanged"


def test_a_block_of_a_plain_environment_raises_its_version() -> None:
    data = (
        f"$schema: {SCHEMA}\nname: e\nversion: 1.9\nimage: i\nconda_file: |\n  dependencies:\n"
        "  - pip:\n    - my-pkg==1.0\n"
    )
    edit = only(plan({"e.yml": data.encode()}))
    assert edit.after.decode() == data.replace("1.9", "'1.10'").replace("==1.0", "==1.1")


def test_a_quoted_conda_text_is_edited_too() -> None:
    text = r'"dependencies:\n- pip:\n  - my-pkg==1.0\n  - numpy\n"'
    data = f"type: spark\nenvironment:\n  image: i\n  conda_file: {text}\n".encode()
    edit = only(plan({"s.yml": data}))
    assert edit.after == data.replace(b"==1.0", b"==1.1")
    assert edit.pins[0].line == edit.reading.sections[0].line == 4


def test_a_folded_text_that_cannot_stay_folded_is_quoted() -> None:
    data = (
        b"type: spark\nenvironment:\n  conda_file: >\n    dependencies:\n\n    - pip:\n\n"
        b"      - my-pkg==1.0\n\nconf: {a: b}\n"
    )
    edit = only(plan({"s.yml": data}))
    assert edit.after == data.replace(b"==1.0", b"==1.1")
    with_index = only(plan({"s.yml": data}, index=INDEX)).after
    assert with_index.endswith(b'"\n\nconf: {a: b}\n')
    (text,) = (one["environment"]["conda_file"] for one in foreign(with_index))
    assert foreign(text.encode())[0]["dependencies"] == [
        {"pip": [f"--extra-index-url {FEED}", "my-pkg==1.1"]}
    ]


@pytest.mark.parametrize("named", [">-\n    ./conda.yml", "|\n    ./conda.yml", "'file:conda.yml'"])
def test_a_path_in_a_block_is_a_path(named: str) -> None:
    data = f"type: spark\nenvironment:\n  image: i\n  conda_file: {named}\n".encode()
    (found,) = AzureMl().read("s.yml", data).named
    assert (found.kind, found.path) == ("conda-file", "conda.yml")


def test_a_text_in_one_line_is_no_path() -> None:
    data = b"type: spark\nenvironment:\n  conda_file: |\n    {dependencies: [pip: [my-pkg]]}\n"
    assert only(plan({"s.yml": data})).after == data.replace(b"my-pkg", b"my-pkg==1.1")


def test_faults_inside_a_block_name_the_line_in_the_file() -> None:
    lines = SPARK.replace("        - azureml-fsspec", "        - my_pkg").splitlines()
    with pytest.raises(DefinitionUnresolvable, match="named twice") as caught:
        plan({"s.yml": "\n".join(lines).encode()})
    line = caught.value.line
    assert line is not None
    assert lines[line - 1].strip() == "- my_pkg"
    secret = SPARK.replace("azureml-fsspec", "-i https://u:p@h/simple")
    with pytest.raises(Refused) as refused:
        plan({"s.yml": secret.encode()})
    line = refused.value.line
    assert line is not None
    assert "@h/simple" in secret.splitlines()[line - 1]
    broken = SPARK.replace("name: spark", "name: [spark")
    with pytest.raises(DefinitionUnresolvable, match="not valid YAML"):
        plan({"s.yml": broken.encode()})


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

"""What an environment is created with: the very body that Azure ML's own client sends."""

from __future__ import annotations

import json
import posixpath
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracles import python_of
from wheelstep.workspaces.environment_body import (
    Unregistrable,
    body_of,
    differences,
    is_same,
    refused_name,
)

CORPUS = Path(__file__).parent.parent / "definitions" / "corpus"
OF_THE_CORPUS = ["environments/train/environment.yml", "environments/inline/environment.yml"]
BUILT = "serve/environment.yml"

CONDA = """\
# ours
name: e
channels: &ours [conda-forge]
again: *ours
dependencies:
  - python=3.10
  - pip=24.0
  - pip:
      - acme-core==1.0  # pinned
      - a-very-long-name-of-a-requirement[with, extras]==1.0 ; python_version >= "3.8" and platform
numbers: [3.10, 0o17, 017, 1_000, 1e3, yes, "yes", 12:30:45, 2026-01-01, ~]
text: "\\u00e4 \\u4e2d"
"""
HEAD = "name: n\nversion: 3\nimage: base\n"
FINE = {
    "image alone": HEAD,
    "a conda file": f"{HEAD}conda_file: conda.yml\n",
    "by a way round": f"{HEAD}conda_file: ./sub/../conda.yml\n",
    "above": f"{HEAD}conda_file: ../above.yml\n",
    "in a folder": f"{HEAD}conda_file: sub/conda.yaml\n",
    "inline": f"{HEAD}conda_file:\n  name: i\n  dependencies: [python=3.10, pip: [b, a==1]]\n",
    "inline and empty": f"{HEAD}conda_file: {{}}\ntags: {{}}\n",
    "an empty path": f"{HEAD}conda_file: ''\ndescription: ''\n",
    "an empty conda file": f"{HEAD}conda_file: empty.yml\n",
    "a conda file that is a list": f"{HEAD}conda_file: list.yml\n",
    "tags": f"{HEAD}tags: {{a: 1, b: true, c: 1.50, d: 2026-01-01, e: null, f: text, g: 010}}\n",
    "description": f"{HEAD}description: >\n  folded\n  text\n",
    "windows": f"{HEAD}os_type: Windows\n",
    "linux": f"{HEAD}os_type: linux\n",
    "routes": f"{HEAD}inference_config:\n  liveness_route: {{port: '8080', path: /x}}\n"
    "  readiness_route: {port: 8080.7, path: /y}\n  scoring_route: {path: /z, port: 8080}\n",
    "all keys": f"{HEAD}$schema: s\ndatastore: azureml:d\nid: azureml:x\nlatest_version: '9'\n"
    "creation_context: {x: y}\nauto_delete_setting: "
    "{condition: created_greater_than, value: 30d}\n",
    "merged": "<<: {image: other, description: d}\n" + HEAD,
    "with a mark": "\ufeff" + HEAD,
    "unicode": f"{HEAD}description: Umgebung für 中文\n",
    "a float": "name: n\nversion: 1.5\nimage: base\n",
    "no version": "name: n\nimage: base\n",
}
REFUSED = {
    "a text": f"{HEAD}conda_file: |\n  dependencies: [pip]\n",
    "missing": f"{HEAD}conda_file: nowhere.yml\n",
    "a file URL": f"{HEAD}conda_file: file:conda.yml\n",
    "broken": f"{HEAD}conda_file: broken.yml\n",
    "a date that is none": f"{HEAD}conda_file: date.yml\n",
    "two": f"{HEAD}conda_file: two.yml\n",
    "a list": f"{HEAD}conda_file: [a]\n",
    "no value": f"{HEAD}description:\n",
    "no value of a key that is passed over": f"{HEAD}latest_version:\n",
    "a version that is a date": "name: n\nversion: 2026-01-01\nimage: base\n",
    "a number for an id": f"{HEAD}id: 1\n",
    "documents": f"{HEAD}---\na: b\n",
    "keys of tags": f"{HEAD}tags: {{1: a}}\n",
    "tags of a list": f"{HEAD}tags: [a]\n",
    "image and build": f"{HEAD}build: {{path: .}}\n",
    "neither": "name: n\nversion: 3\nconda_file: conda.yml\n",
    "labels": f"{HEAD}labels: [latest]\n",
    "properties": f"{HEAD}properties: {{a: b}}\n",
    "dependencies": f"{HEAD}dependencies: [pip]\n",
    "a route is missing": f"{HEAD}inference_config: {{scoring_route: {{port: 1, path: /}}}}\n",
    "a route of another kind": f"{HEAD}inference_config:\n"
    "  liveness_route: {port: x, path: /x}\n  readiness_route: {port: 1, path: /y}\n"
    "  scoring_route: {path: /z, port: 1}\n",
    "a port that is true": f"{HEAD}inference_config:\n"
    "  liveness_route: {port: true, path: /x}\n  readiness_route: {port: 1, path: /y}\n"
    "  scoring_route: {path: /z, port: 1}\n",
    "another system": f"{HEAD}os_type: plan9\n",
    "a number for an image": "name: n\nversion: 3\nimage: 1.0\n",
    "a number for a name": "name: 3\nversion: 3\nimage: base\n",
    "a list at the top": "- a\n",
    "no name": "version: 3\nimage: base\n",
}
BESIDE = {
    "conda.yml": CONDA,
    "sub/conda.yaml": "dependencies: [python=3.11]\n",
    "empty.yml": "# nothing\n",
    "list.yml": "- a\n",
    "broken.yml": "a: [b\n",
    "date.yml": "a: 2026-99-99\n",
    "two.yml": "a: b\n---\nc: d\n",
}


def reader(folder: Path) -> Callable[[str], bytes | None]:
    def read(named: str) -> bytes | None:
        path = Path(posixpath.normpath(folder / named))
        return path.read_bytes() if path.is_file() else None

    return read


def sent_by_azure(paths: list[Path]) -> list[Any]:
    done = subprocess.run(
        [python_of("azure-ai-ml"), str(Path(__file__).with_name("environment_reads.py"))],
        input=json.dumps([str(path) for path in paths]),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def ours(path: Path) -> Any:
    return body_of(path.read_bytes(), reader(path.parent))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("made")
    (folder / "above.yml").write_text("dependencies: [above]\n")
    inside = folder / "inside"
    (inside / "sub").mkdir(parents=True)
    for name, text in BESIDE.items():
        (inside / name).write_text(text, encoding="utf-8")
    paths = {}
    for number, (name, text) in enumerate({**FINE, **REFUSED}.items()):
        paths[name] = inside / f"environment-{number}.yml"
        paths[name].write_text(text, encoding="utf-8")
    return paths | {name: CORPUS / name for name in (*OF_THE_CORPUS, BUILT)}


@pytest.fixture(scope="module")
def azures(made: dict[str, Path]) -> dict[str, Any]:
    return dict(zip(made, sent_by_azure(list(made.values())), strict=True))


@pytest.mark.parametrize("name", [*FINE, *OF_THE_CORPUS])
def test_the_body_is_what_azures_own_client_sends(
    name: str, made: dict[str, Path], azures: dict[str, Any]
) -> None:
    body = ours(made[name])
    assert "properties" in azures[name], azures[name]
    assert json.loads(json.dumps(body)) == azures[name]["properties"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_azures_own_client_refuses_is_not_sent(
    name: str, made: dict[str, Path], azures: dict[str, Any]
) -> None:
    body = ours(made[name])
    assert "error" in azures[name], azures[name]
    assert isinstance(body, Unregistrable)
    assert body.why.endswith(".")


def test_a_build_context_is_not_sent(made: dict[str, Path], azures: dict[str, Any]) -> None:
    body = ours(made[BUILT])
    assert "build" in azures[BUILT]["properties"]
    assert isinstance(body, Unregistrable)
    assert "uploaded" in body.why


@pytest.mark.parametrize(
    "conda",
    [
        "a: !!int x",
        "a: !!bool x",
        "a: !!timestamp x",
        "a: !!float ''",
        "[" * 5000,
        "a: 9" + "9" * 5000,
        "? [a]\n: b",
        "a: \x07",
        "%YAML 9",
        "a: !unknown b",
    ],
)
def test_yaml_that_cannot_be_read_crashes_nothing(conda: str) -> None:
    data = f"{HEAD}conda_file: c\n".encode()
    assert isinstance(body_of(data, lambda _: conda.encode()), Unregistrable)
    assert isinstance(body_of(conda.encode(), lambda _: None), Unregistrable)
    theirs = {"image": "base", "condaFile": conda}
    assert not is_same({"image": "base", "condaFile": "a: b\n"}, theirs)
    assert is_same(dict(theirs), theirs)


@pytest.mark.parametrize("value", ["[1, 2]", "{a: b}", ".inf", "2026-01-01 10:00:00"])
def test_a_tag_that_is_no_text_is_not_sent(value: str) -> None:
    body = body_of(f"{HEAD}tags: {{a: {value}}}\n".encode(), lambda _: None)
    assert isinstance(body, Unregistrable)


# --- what a workspace has -------------------------------------------------------------------------

STATED = {
    "condaFile": "dependencies:\n- python=3.10\nname: e\n",
    "image": "base",
    "isAnonymous": False,
    "isArchived": False,
    "description": "d",
    "tags": {"a": 1, "b": True, "c": "x"},
}
RETURNED = {
    "condaFile": "{name: e, dependencies: [python=3.10]}",
    "image": "base",
    "isAnonymous": False,
    "isArchived": True,
    "description": "d",
    "tags": {"a": "1", "b": "true", "c": "x", "by": "someone"},
    "properties": {},
    "osType": "Linux",
    "environmentType": "UserCreated",
    "provisioningState": "Succeeded",
    "autoRebuild": "Disabled",
    "stage": None,
    "build": None,
    "inferenceConfig": {"livenessRoute": None, "readinessRoute": None, "scoringRoute": None},
    "imageDetails": {"exists": True},
}


def test_what_the_service_adds_is_passed_over() -> None:
    assert is_same(STATED, RETURNED)
    assert not is_same(RETURNED, {**RETURNED, "tags": {}})


@pytest.mark.parametrize(
    "other",
    [
        {"image": "another"},
        {"image": None},
        {"condaFile": "{name: e, dependencies: [python=3.1]}"},
        {"condaFile": None},
        {"osType": "Windows"},
        {"build": {"contextUri": "u", "dockerfilePath": None}},
        {"inferenceConfig": {"scoringRoute": {"port": 1, "path": "/"}}},
        {"description": "another"},
        {"tags": None},
        {"tags": {"a": "2", "b": "true", "c": "x"}},
    ],
)
def test_what_differs_is_another_environment(other: dict[str, Any]) -> None:
    assert not is_same(STATED, {**RETURNED, **other})
    assert differences(STATED, {**RETURNED, **other}) == list(other)


@pytest.mark.parametrize(("one", "other"), [("3.10", "'3.10'"), ("1", "1.0"), ("yes", "'yes'")])
def test_values_of_other_types_are_other_values(one: str, other: str) -> None:
    assert not is_same({"condaFile": f"a: {one}"}, {"condaFile": f"a: {other}"})


def test_aliases_within_aliases_are_compared_at_once() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    text = "\n".join(lines) + "\n"
    assert is_same({"condaFile": text}, {"condaFile": f"# other text\n{text}"})


@pytest.mark.parametrize("name", ["a", "acme-train", "Acme_1", "9x", "a" * 255, "my-AzureML"])
def test_names_that_are_fine(name: str) -> None:
    assert refused_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["acme.train", "-a", "_a", "a b", "a/b", "ä", "a" * 256, "AzureML-x", "Microsoft", "a\n"],
)
def test_names_that_azure_ml_refuses(name: str) -> None:
    assert refused_name(name)


def test_the_conda_file_is_one_that_yaml_reads_back() -> None:
    body = body_of(f"{HEAD}conda_file: c\n".encode(), lambda _: CONDA.encode())
    assert not isinstance(body, Unregistrable)
    assert yaml.safe_load(body["condaFile"]) == yaml.safe_load(CONDA)


@pytest.mark.parametrize("depth", [100, 250, 300, 330, 400, 5000])
def test_what_is_nested_deeply_is_no_traceback(depth: int) -> None:
    nested = "{a: " * depth + "1" + "}" * depth
    data = f"name: acme\nimage: base\nconda_file: {nested}\n".encode()
    found = body_of(data, lambda _: None)
    assert isinstance(found, Unregistrable) or is_same(found, found)

"""A repository with every form: only the wanted values change, whoever reads it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.definitions.made import foreign
from tests.fuzz.definitions import CHOOSE, CORPUS, PINS
from tests.oracles import python_of
from wheelstep.definitions.interface import PinStyle, Wanted
from wheelstep.definitions.plan import Edits, plan_edits
from wheelstep.model import Index

INDEX = Index("https://feed.example.org/simple/")
FILES = {
    path.relative_to(CORPUS).as_posix(): path.read_bytes()
    for path in sorted(CORPUS.rglob("*"))
    if path.is_file()
}
LOADED = {
    "environments/train/environment.yml": "environment",
    "environments/inline/environment.yml": "environment",
    "serve/environment.yml": "environment",
    "jobs/train.yml": "job",
    "jobs/inline.yml": "job",
    "jobs/sweep.yml": "job",
    "pipelines/pipeline.yml": "job",
    "components/train.yml": "component",
    "deployments/online.yml": "online_deployment",
    "deployments/batch.yml": "batch_deployment",
}
EDITED = {
    "app/pyproject.toml",
    "components/train.yml",
    "deployments/batch.yml",
    "environments/inline/environment.yml",
    "environments/train/conda.yml",
    "environments/train/environment.yml",
    "environments/train/flow.yml",
    "jobs/sweep.yml",
    "jobs/train.yml",
    "notebooks/train.ipynb",
    "pipelines/pipeline.yml",
    "scripts/register.py",
    "serve/Dockerfile",
    "serve/environment.yml",
    "serve/requirements.txt",
    "spark/job.yml",
    "tree/base.txt",
    "tree/constraints.txt",
    "tree/requirements.txt",
    "v1/azureml_environment.json",
    "v1/conda_dependencies.yml",
    "v1/registered.json",
}


def plan(files: Mapping[str, bytes], style: PinStyle = "version") -> Edits:
    return plan_edits(files.get, sorted(files), Wanted(PINS, style, None, CHOOSE))


def edited(files: Mapping[str, bytes], style: PinStyle = "version") -> dict[str, bytes]:
    return dict(files) | {edit.path: edit.after for edit in plan(files, style).edits}


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from leaves(inside, f"{at}/{key}")
    elif isinstance(value, list):
        for place, inside in enumerate(value):
            yield from leaves(inside, f"{at}/{place}")
    else:
        yield at, value


def differing(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    old, new = dict(leaves(before)), dict(leaves(now))
    assert old.keys() == new.keys()
    return {at: (old[at], new[at]) for at in old if old[at] != new[at]}


def wanted(before: Any, now: Any) -> bool:
    """Whether a changed value is one that a release may change."""
    if str(now) in {"8", "5", "13", "2026-11-20.1", "1.10"}:
        return True
    if now in {"azureml:acme-train:8", "azureml:acme-score:2026-11-20.1"}:
        return before in {"azureml:acme-train:7", "azureml:acme-score:2026-11-20"}
    return "acme" in str(before).lower() and ("1.3.0" in str(now) or "0.9.2" in str(now))


def test_what_is_edited_is_what_names_a_package() -> None:
    edits = plan(FILES)
    changed = {edit.path for edit in edits.edits if edit.status == "changed"}
    assert changed == EDITED


@pytest.mark.parametrize("style", ["version", "url", "bare-url"])
def test_another_yaml_parser_sees_only_what_was_wanted(style: PinStyle) -> None:
    after = edited(FILES, style)
    seen = 0
    for path, data in FILES.items():
        if not path.endswith((".yml", ".json")) or path == "spark/job.yml":
            continue
        for before, now in zip(foreign(data), foreign(after[path]), strict=True):
            for old, new in differing(before, now).values():
                assert wanted(old, new), (path, old, new)
                seen += 1
    assert seen > 15


@pytest.mark.parametrize("style", ["version", "url"])
def test_azure_ml_loads_exactly_the_wanted_environments(style: PinStyle, tmp_path: Path) -> None:
    for name, files in (("before", FILES), ("after", edited(FILES, style))):
        for path, data in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(data)
    before, now = (_loaded(tmp_path / name) for name in ("before", "after"))
    for path in LOADED:
        assert "error" not in before[path], before[path]
        changes = differing(before[path], now[path])
        hashes = {at for at, (old, _) in changes.items() if len(str(old)) == 64}  # anonymous
        assert changes.keys() - hashes, path
        for at in changes.keys() - hashes:
            assert wanted(*changes[at]), (path, at, changes[at])


def _loaded(folder: Path) -> dict[str, Any]:
    asked = [[kind, path] for path, kind in LOADED.items()]
    done = subprocess.run(
        [python_of("azure-ai-ml"), str(Path(__file__).with_name("azure_reads.py"))],
        input=json.dumps(asked),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    text = done.stdout.replace(str(folder), "")
    return dict(zip(LOADED, json.loads(text), strict=True))


@pytest.mark.parametrize(
    "how", ["plain", "carriage returns", "byte order mark", "no last line end"]
)
def test_every_other_byte_stays(how: str) -> None:
    files = {path: _as(how, data) for path, data in FILES.items()}
    plain = edited(FILES)
    for path, data in edited(files).items():
        assert data == _as(how, plain[path]), path


def _as(how: str, data: bytes) -> bytes:
    match how:
        case "carriage returns":
            return data.replace(b"\n", b"\r\n")
        case "byte order mark":
            return b"\xef\xbb\xbf" + data
        case "no last line end":
            return data.rstrip(b"\n")
        case _:
            return data


@pytest.mark.parametrize("style", ["version", "url", "bare-url"])
def test_twice_is_once(style: PinStyle) -> None:
    after = edited(FILES, style)
    assert edited(after, style) == after


def test_what_is_computed_is_told_with_its_line() -> None:
    edits = {edit.path: edit for edit in plan(FILES).edits}
    script = edits["scripts/register.py"]
    (note,) = [one for one in script.notes if one.code == "found-not-edited"]
    assert note.line == FILES["scripts/register.py"].split(b'f"acme-core')[0].count(b"\n") + 1

"""What is generated is what is committed, and the published schemas accept it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from tests.step.support import ROOT
from wheelstep.commands import generate
from wheelstep.options import OPTIONS, OUTPUTS
from wheelstep.schema import DESTINATION_KEYS, settings_schema, validate_pyproject_schema
from wheelstep.settings_destinations import TABLE_KEYS

SPECS = ROOT.parent / "shared" / "specs"


@pytest.mark.parametrize("name", sorted(generate.FILES))
def test_the_committed_file_is_the_generated_one(name: str) -> None:
    path = ROOT / name
    before, after = generate.generated(ROOT)[path]
    assert before == after, "run: python -m wheelstep.commands.generate"
    assert after == generate.FILES[name](after), "generating again must change nothing"


def test_check_says_which_file_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in generate.FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert generate.main(["--check"]) == 0
    action = tmp_path / "action.yml"
    text = action.read_text(encoding="utf-8")
    action.write_text(text.replace("INPUT_BRANCH", "INPUT_BRUNCH"), encoding="utf-8")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert action.read_text(encoding="utf-8") == text
    action.write_text(text.replace("# inputs: end", ""), encoding="utf-8")
    with pytest.raises(ValueError, match="inputs: end"):
        generate.main([])


def checked(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_accepts_the_action() -> None:
    checked("--builtin-schema", "vendor.github-actions", "action.yml")


def test_azure_accepts_the_task() -> None:
    schema = SPECS / "tasks.schema.json"
    if not schema.exists():
        pytest.skip("the published schema of task.json is not beside this repository")
    task = "azure-pipelines-task/task.json"
    checked("--regex-variant", "python", "--schemafile", schema, task)


def test_zizmor_finds_nothing() -> None:
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", "action.yml", ".github/workflows"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stderr


def test_no_script_of_the_action_holds_an_expression() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
    for script in (ROOT / "action").iterdir():
        if script.is_file():
            assert "${{" not in script.read_text(encoding="utf-8")


def test_no_input_has_a_default() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    task = json.loads((ROOT / "azure-pipelines-task" / "task.json").read_text(encoding="utf-8"))
    names = ["command", *(row.name for row in OPTIONS if row.as_input and row.in_action)]
    assert list(action["inputs"]) == names
    assert not any("default" in row or row["required"] for row in action["inputs"].values())
    camels = ["command", *(row.camel for row in OPTIONS if row.as_input)]
    assert [row["name"] for row in task["inputs"]] == camels
    assert not any("defaultValue" in row for row in task["inputs"])
    assert list(action["outputs"]) == [row.name for row in OUTPUTS]
    allowed = task["restrictions"]["settableVariables"]["allowed"]
    assert allowed == [row.camel for row in OUTPUTS]


GOOD: list[dict[str, Any]] = [
    {},
    {"packages": ["a", "b/*"], "prebuilt": True, "parallel": 4, "pin": "url"},
    {"packages": "a\nb", "publish-to": "wheel-index"},
    {"publish-to": ["x", {"url": "https://example.com", "token-env": "T"}]},
]
BAD: list[dict[str, Any]] = [
    {"packges": ["a"]},
    {"feed-token": "x"},
    {"parallel": 0},
    {"pin": "hash"},
    {"prebuilt": "yes"},
    {"publish-to": [{"name": "no url"}]},
    {"publish-to": [{"url": "x", "token": "secret"}]},
]


def test_the_schema_of_the_settings() -> None:
    validator = jsonschema.Draft7Validator(settings_schema())
    jsonschema.Draft7Validator.check_schema(settings_schema())
    assert [list(validator.iter_errors(value)) for value in GOOD] == [[]] * len(GOOD)
    assert all(not validator.is_valid(value) for value in BAD)
    assert set(DESTINATION_KEYS) == set(TABLE_KEYS)
    assert validate_pyproject_schema("wheelstep") == settings_schema()
    with pytest.raises(ValueError, match="other"):
        validate_pyproject_schema("other")


def test_the_interpreters_that_are_looked_for_are_those_that_are_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = (re.search(r":: 3\.(\d+)$", row) for row in project["classifiers"])
    supported = sorted(int(row[1]) for row in found if row)
    script = (ROOT / "action" / "run.sh").read_text(encoding="utf-8")
    shim = (ROOT / "azure-pipelines-task" / "shim.js").read_text(encoding="utf-8")
    in_script = re.search(r'minors="([\d ]+)"', script)
    in_shim = re.search(r"MINORS = \[([\d, ]+)\]", shim)
    assert in_script
    assert in_shim
    assert sorted(map(int, in_script[1].split())) == supported
    assert sorted(map(int, in_shim[1].split(","))) == supported
    assert in_script[1].split() == in_shim[1].split(", ")
    assert project["requires-python"] == f">=3.{supported[0]}"


def test_locks_name_no_host_and_hold_a_hash_for_everything() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        entries = re.split(r"\n(?=[a-zA-Z])", text)[1:]
        assert entries
        for entry in entries:
            assert re.match(r"[\w.-]+==\S", entry)
            assert entry.count("--hash=sha256:") >= 1


def test_the_action_is_locked_to_what_the_project_asks_for() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "requirements" / "action.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", text))
    for line in project["dependencies"]:
        wanted = Requirement(line)
        assert locked[canonicalize_name(wanted.name)] in wanted.specifier
    uv = (ROOT / "requirements" / "uv.txt").read_text(encoding="utf-8")
    assert f"uv=={locked['uv']} " in uv

"""The README's words: its commands run, its YAML and the examples name options that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from wheelstep.options import OPTIONS, OUTPUTS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```bash\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block {marker}"
    return found[1]


def fenced(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text("utf-8"), re.DOTALL)


def test_ci_runs_the_readmes_second_command() -> None:
    assert block("tests") in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_first_command_shows_a_whole_release(tmp_path: Path) -> None:
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WHEELSTEP_", "GITHUB_", "TF_BUILD", "VIRTUAL_ENV", "PYTHON"))
    }
    # the machine's pip settings and package caches stay: they say where the public index is
    kept = {"PIP_CONFIG_FILE", "UV_CACHE_DIR"}
    environment |= {"HOME": str(home), "USERPROFILE": str(home)}
    environment |= {name: os.environ[name] for name in kept if name in os.environ}
    environment["PATH"] = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("demo")],
        cwd=clone,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "acme_demo_core-1.1.0-py3-none-any.whl  uploaded to ../index" in said
    assert "+      - acme-demo-core==1.1.0    # ours: the version before" in said
    assert "+version: 8" in said
    assert "Pin acme-demo-core 1.1.0, acme-demo-features 0.2.0" in said
    assert "{'mean': 0.4444444444444444}" in said
    assert "Nothing to do" in said
    assert said.index("uploaded to") < said.index("Pin acme-demo-core") < said.index("mean")


def steps(node: Any) -> list[dict[str, Any]]:
    match node:
        case {"steps": list(found), **rest}:
            return [step for step in found if isinstance(step, dict)] + steps(rest)
        case dict():
            return [step for item in node.values() for step in steps(item)]
        case list():
            return [step for item in node for step in steps(item)]
        case _:
            return []


def workflows() -> list[tuple[str, Any]]:
    found = [(path.name, text) for path in DOCUMENTS for text in fenced(path, "yaml")]
    found += [
        (str(path.relative_to(ROOT)), path.read_text("utf-8"))
        for path in sorted((ROOT / "examples").rglob("*.yml"))
    ]
    return [(name, yaml.safe_load(text)) for name, text in found]


@pytest.mark.parametrize(("name", "workflow"), workflows(), ids=lambda value: str(value)[:30])
def test_yaml_names_inputs_and_outputs_that_exist(name: str, workflow: Any) -> None:
    kebab = {"command", *(row.name for row in OPTIONS if row.as_input)}
    camel = {"command", *(row.camel for row in OPTIONS if row.as_input)}
    ours = 0
    for step in steps(workflow):
        if str(step.get("uses", "")).startswith("wheelstep/"):
            assert set(step["with"]) <= kebab
            ours += 1
        if str(step.get("task", "")).startswith("Wheelstep@"):
            assert set(step["inputs"]) <= camel
            ours += 1
    if "jobs" in workflow or "steps" in workflow:
        assert ours, f"{name} shows no step of ours"
    names = {row.name for row in OUTPUTS}
    assert set(re.findall(r"\b(?:wheels|plan)\.outputs\.([a-z-]+)", str(workflow))) <= names
    variables = {row.camel for row in OUTPUTS}
    assert set(re.findall(r"(?:\$\(wheels|plan\.plan)\.([A-Za-z]+)", str(workflow))) <= variables


def test_toml_examples_name_settings_that_exist() -> None:
    texts = [(ROOT / "examples" / "wheelstep.toml").read_text("utf-8")]
    texts += [text for path in DOCUMENTS for text in fenced(path, "toml")]
    known = {row.name for row in OPTIONS if row.in_file}
    for text in texts:
        table = tomllib.loads(text)
        assert set(table.get("tool", {}).get("wheelstep", table)) <= known


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_no_conflict_is_left_in_a_document(path: Path) -> None:
    assert not re.search("^(<{7}|>{7}|={7}$)", path.read_text("utf-8"), re.MULTILINE)

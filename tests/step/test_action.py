"""The GitHub Action, run from the real action.yml by act."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.step.support import SECRET, copy_product, git, host_environment, sample_repository

SERVED = "https://wheels.example.com/acme"

WORKFLOW = """\
on: [push]
permissions:
  contents: write
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
      # act puts its own copy of the work tree in the place of this
      - uses: actions/checkout@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0 # v7.0.0
      - id: first
        uses: ./the-action
        with:
          packages: packages/*
          publish-to: |
            {index}
          serve-url: {served}
          read-back: write
          commit: push
          feed-token: ${{{{ secrets.FEED_TOKEN }}}}
      - id: second
        uses: ./the-action
        with:
          packages: packages/*
          publish-to: {index}
          serve-url: {served}
          read-back: write
          feed-token: ${{{{ secrets.FEED_TOKEN }}}}
      - id: wrong
        continue-on-error: true
        uses: ./the-action
        with:
          pin: nonsense
      - id: after
        shell: bash
        env:
          OUTPUTS: ${{{{ toJSON(steps) }}}}
          TO: {seen}
        run: |
          printf '%s' "$OUTPUTS" > "$TO/steps.json"
          git status --porcelain --ignored > "$TO/status"
          find the-action -newer the-action/LICENSE -name '*.pyc' > "$TO/pyc"
      - uses: ./the-action
        with:
          definitions: environments/*/nothing.yml
          commit: nonsense
"""


@dataclass
class Run:
    """What one job left."""

    code: int
    log: str
    outcomes: dict[str, str]
    outputs: dict[str, dict[str, str]]
    index: Path
    origin: Path
    seen: Path


@pytest.fixture(scope="module")
def run(caches: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("github")
    repository = sample_repository(folder / "repository")
    copy_product(repository / "the-action")
    seen = folder / "seen"
    seen.mkdir()
    workflow = repository / ".github" / "workflows" / "release.yml"
    workflow.parent.mkdir(parents=True)
    text = WORKFLOW.format(index=folder / "index", served=SERVED, seen=seen)
    workflow.write_text(text, encoding="utf-8")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "A workflow")
    git(repository, "push", "--quiet")
    done = subprocess.run(
        ["act", "push", "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server",
         "--action-cache-path", folder / "act", "--secret", "FEED_TOKEN"],
        cwd=repository,
        env=host_environment(folder / "home", caches, {"FEED_TOKEN": SECRET}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert (seen / "steps.json").exists(), done.stdout
    steps = json.loads((seen / "steps.json").read_text(encoding="utf-8"))
    origin = repository.with_name("repository.git")
    outcomes = {name: step["outcome"] for name, step in steps.items()}
    outputs = {name: step["outputs"] for name, step in steps.items()}
    return Run(done.returncode, done.stdout, outcomes, outputs, folder / "index", origin, seen)


def test_a_release(run: Run) -> None:
    assert run.outcomes["first"] == "success", run.log
    outputs = run.outputs["first"]
    assert outputs["changed"] == "true"
    assert outputs["exit-code"] == "0"
    assert outputs["commit"] == git(run.origin, "rev-parse", "main")
    assert json.loads(outputs["environments"])[0]["name"] == "acme-train"
    assert sorted(path.name for path in run.index.rglob("*.whl")) == [
        "acme_demo_core-1.1.0-py3-none-any.whl",
        "acme_demo_features-0.2.0-py3-none-any.whl",
    ]
    conda = git(run.origin, "show", "main:environments/train/conda.yml")
    assert "acme-demo-core==1.1.0    # ours" in conda
    assert SERVED in conda


def test_the_second_step_has_nothing_to_do_and_sets_nothing_up(run: Run) -> None:
    assert run.outcomes["second"] == "success", run.log
    assert run.outputs["second"]["changed"] == "false"
    assert run.log.count("Set up wheelstep") == 1


def test_a_wrong_input_fails_the_step_with_its_exit_code(run: Run) -> None:
    assert run.outcomes["wrong"] == "failure"
    assert run.outputs["wrong"]["exit-code"] == "2"
    assert run.outputs["wrong"]["problem-codes"] == "bad-setting"
    assert "exit status 2" in run.log
    assert "::error title=bad-setting::" in run.log
    assert run.code == 1, "a failing step fails the job"


def test_no_secret_is_shown(run: Run) -> None:
    assert SECRET not in run.log
    for text in (SECRET, f":{SECRET}", f"x:{SECRET}", f"xx:{SECRET}"):
        encoded = base64.b64encode(text.encode()).decode()
        assert encoded[4:-4] not in run.log.replace("add-mask::", "")
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in run.index.rglob("*") if path.is_file()
    )


def test_nothing_is_written_beside_the_action(run: Run) -> None:
    assert (run.seen / "pyc").read_text() == ""
    status = (run.seen / "status").read_text().splitlines()
    assert not [line for line in status if "the-action" in line]


def test_the_summary_is_written(run: Run) -> None:
    assert re.search(r"Summary - ## wheelstep release: done", run.log)

"""The same release where a pipeline runs it: what triggers it, outputs, summary, push."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.release.kit import Ran, Repo, contents, everything, served
from tests.release.samples import AZUREML, CONDA, root_package

OUTPUT = re.compile(
    r"^(?P<name>[a-z-]+)<<(?P<end>\S+)\n(?P<value>.*?)\n(?P=end)$", re.DOTALL | re.MULTILINE
)
TOKEN = "made-up-job-token-12345"


class Runner:
    """A GitHub runner, as far as a step sees it: the variables and the files of one step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = 0

    def step(self, ref: str, event: str = "push") -> dict[str, str]:
        self.steps += 1
        files = {}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            path = self.folder / f"{name.lower()}-{self.steps}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            files[name] = str(path)
        return {
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_REF": ref,
            "GITHUB_SERVER_URL": "https://github.com",
            "RUNNER_TEMP": str(self.folder),
            "INPUT_JOB_TOKEN": TOKEN,
            **files,
        }

    def outputs(self) -> dict[str, str]:
        text = (self.folder / f"github_output-{self.steps}").read_text(encoding="utf-8")
        return {match["name"]: match["value"] for match in OUTPUT.finditer(text)}

    @property
    def summary(self) -> str:
        return (self.folder / f"github_step_summary-{self.steps}").read_text(encoding="utf-8")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "runner")


@pytest.fixture
def checkout(monorepo: Repo) -> Repo:
    """A checkout of the released monorepo with one new version, its origin a bare repository."""
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    monorepo.clone("origin.git", "--bare")
    origin = replace(monorepo, name="origin.git")
    checkout = origin.clone("checkout")
    # settings of the file that a runner has otherwise by its inputs
    text = checkout.read("wheelstep.toml").replace('commit = "local"\n', "")
    checkout.commit({"wheelstep.toml": text.encode()})
    checkout.git("push", "--quiet", "origin", "main")
    return checkout


@pytest.fixture
def url(checkout: Repo) -> Iterator[str]:
    with served(checkout.index) as base:
        yield base


def origin_head(repo: Repo) -> str:
    return repo.git("ls-remote", "origin", "refs/heads/main").split()[0]


def test_a_push_to_a_branch(checkout: Repo, url: str, runner: Runner) -> None:
    head = checkout.head
    extra = runner.step("refs/heads/main") | {"INPUT_SERVE_URL": url}
    ran = checkout.release(extra=extra)
    assert ran.status == "done"
    commit = origin_head(checkout)
    assert ran.report["commit"] == {
        "status": "pushed", "sha": commit, "branch": "main", "url": ran.report["commit"]["url"],
    }  # fmt: skip
    checkout.git("fetch", "--quiet", "origin")
    assert checkout.git("rev-parse", f"{commit}^") == head
    assert "Acme.Core[fast]==1.1.0" in checkout.git("show", f"{commit}:{CONDA}")

    outputs = runner.outputs()
    assert (outputs["changed"], outputs["status"]) == ("true", "done")
    assert outputs["commit"] == commit
    assert outputs["exit-code"] == "0"
    assert outputs["problem-codes"].split() == sorted(set(ran.codes), key=ran.codes.index)
    assert json.loads(outputs["environments"]) == [
        {"name": "acme-train", "version": "9", "path": AZUREML, "registered": []}
    ]
    assert json.loads(Path(outputs["report"]).read_text(encoding="utf-8")) == ran.report
    packages = json.loads(Path(outputs["packages"]).read_text(encoding="utf-8"))
    assert packages == ran.report["packages"]
    wheels = Path(outputs["wheels"]).read_text(encoding="utf-8").splitlines()
    assert wheels == [wheel["file"] for row in packages for wheel in row["wheels"]]
    assert "acme_core-1.1.0-py3-none-any.whl" in wheels
    assert "| acme-core | 1.1.0 | built |" in runner.summary
    assert "acme_core-1.1.0-py3-none-any.whl" in runner.summary
    assert commit in runner.summary
    assert "+version: 9" in runner.summary
    # masked before anything else is said, and in no file
    lines = ran.said.splitlines()
    masks = [line for line in lines if line.startswith("::add-mask::")]
    assert f"::add-mask::{TOKEN}" in masks
    assert lines[: len(masks)] == masks
    assert ran.said.count(TOKEN) == 1
    for path in runner.folder.rglob("*"):
        assert path.is_dir() or TOKEN not in path.read_text(encoding="utf-8")
    assert "::group::Build acme-core 1.1.0" in ran.said

    # once more, on the checkout of before: what it would do is done
    index = contents(checkout.index)
    again = checkout.release(extra=runner.step("refs/heads/main") | {"INPUT_SERVE_URL": url})
    assert again.status == "nothing-to-do"
    assert runner.outputs()["changed"] == "false"
    assert runner.outputs()["commit"] == ""
    assert origin_head(checkout) == commit
    assert contents(checkout.index) == index


def test_a_tag_has_no_branch(checkout: Repo, url: str, runner: Runner) -> None:
    head, index = origin_head(checkout), contents(checkout.index)
    checkout.git("checkout", "--quiet", "--detach")
    extra = runner.step("refs/tags/v1.1.0") | {"WHEELSTEP_SERVE_URL": url}
    ran = checkout.wheelstep("release", extra=extra)
    assert ran.code == 2
    assert "v1.1.0" in ran.problem("no-branch")["message"]
    assert "`branch`" in ran.problem("no-branch")["cure"]
    assert runner.outputs()["exit-code"] == "2"
    assert runner.outputs()["problem-codes"] == "no-branch"
    assert "::error" in ran.said
    assert (origin_head(checkout), contents(checkout.index)) == (head, index)
    extra = runner.step("refs/tags/v1.1.0") | {"WHEELSTEP_SERVE_URL": url, "INPUT_BRANCH": "main"}
    assert checkout.release(extra=extra).report["commit"]["branch"] == "main"
    assert origin_head(checkout) != head


def test_a_pull_request_only_plans(checkout: Repo, url: str, runner: Runner) -> None:
    checkout.git("checkout", "--quiet", "--detach")
    before, head = everything_but_branch(checkout), origin_head(checkout)
    extra = runner.step("refs/pull/7/merge", "pull_request") | {"WHEELSTEP_SERVE_URL": url}
    ran = checkout.wheelstep("release", extra=extra)
    assert ran.code == 0, ran.said
    assert ran.status == "planned"
    assert ran.problem("pull-request")["severity"] == "notice"
    assert ran.packages["acme-core"] == "planned"
    assert (everything_but_branch(checkout), origin_head(checkout)) == (before, head)
    outputs = runner.outputs()
    assert (outputs["changed"], outputs["status"]) == ("false", "planned")
    assert "## wheelstep release: planned" in runner.summary
    assert "Nothing was changed." in runner.summary


def everything_but_branch(repo: Repo) -> object:
    return repo.head, repo.git("status", "--porcelain", "--ignored"), contents(repo.index)


def test_a_folder_that_nobody_serves(checkout: Repo, runner: Runner) -> None:
    before = everything(checkout)
    ran = checkout.wheelstep("release", extra=runner.step("refs/heads/main"))
    assert ran.code == 2
    assert "serve-url" in ran.problem("folder-not-served")["cure"]
    assert everything(checkout) == before
    # where nothing is committed, a folder is as good as any place
    ran = checkout.release("--commit", "none", extra=runner.step("refs/heads/main"))
    assert ran.report["commit"]["status"] == "none"
    assert ran.published["acme_core-1.1.0-py3-none-any.whl"] == ["uploaded"]


def test_no_destination_by_default(tmp_path: Path, runner: Runner) -> None:
    files = root_package()
    files["pyproject.toml"] = files["pyproject.toml"].partition("[tool.wheelstep]")[0].rstrip(" ")
    repo = Repo.create(tmp_path / "place", files)
    ran = repo.wheelstep("release", extra=runner.step("refs/heads/main"))
    assert ran.code == 2
    assert "`publish-to`" in ran.problem("no-destination")["cure"]


def test_azure_pipelines(checkout: Repo, url: str, tmp_path: Path) -> None:
    extra = {
        "TF_BUILD": "True",
        "BUILD_REASON": "IndividualCI",
        "BUILD_SOURCEBRANCH": "refs/heads/main",
        "AGENT_TEMPDIRECTORY": str(tmp_path),
        "SYSTEM_ACCESSTOKEN": TOKEN,
        "WHEELSTEP_SERVE_URL": url,
    }
    ran: Ran = checkout.release(extra=extra)
    commit = origin_head(checkout)
    assert ran.report["commit"]["sha"] == commit
    found = dict(re.findall(r"##vso\[task\.setvariable variable=(\w+)[^\]]*\](.*)", ran.said))
    assert (found["changed"], found["status"]) == ("true", "done")
    assert found["commit"] == commit
    assert found["exitCode"] == "0"
    assert json.loads(Path(found["report"]).read_text(encoding="utf-8")) == ran.report
    assert "##[group]Build acme-core 1.1.0" in ran.said


def test_a_run_that_its_own_commit_started_ends_at_once(
    checkout: Repo, url: str, runner: Runner
) -> None:
    extra = runner.step("refs/heads/main") | {
        "WHEELSTEP_SERVE_URL": url, "WHEELSTEP_SKIP_CI": "false"
    }  # fmt: skip
    checkout.release(extra=extra)
    checkout.git("pull", "--quiet")
    assert "[skip ci]" not in checkout.git("log", "-1", "--format=%B")
    # what a destination has lost is not looked for, as long as nobody asks
    next(checkout.index.glob("simple/*/*.whl")).unlink()
    again = checkout.release(extra=extra | runner.step("refs/heads/main"))
    assert (again.status, again.codes) == ("nothing-to-do", ["own-commit"]), again.said
    by_hand = runner.step("refs/heads/main", "workflow_dispatch")
    asked = checkout.release(extra=extra | by_hand)
    assert "own-commit" not in asked.codes
    # a colleague's change that came with it is released
    checkout.replace("packages/core/pyproject.toml", '"1.1.0"', '"1.2.0"')
    checkout.commit()
    checkout.git("push", "--quiet")
    with_it = checkout.release(extra=extra | runner.step("refs/heads/main"))
    assert with_it.packages["acme-core"] == "built"


def test_a_run_on_the_branch_of_a_proposal_ends_at_once(checkout: Repo, runner: Runner) -> None:
    extra = runner.step("refs/heads/wheelstep/main") | {"WHEELSTEP_COMMIT": "pull-request"}
    ran = checkout.release(extra=extra)
    assert (ran.status, ran.codes) == ("nothing-to-do", ["own-proposal"])
    # where a host makes the commit first, which is gone a moment later
    extra |= {"GITHUB_REF": "refs/heads/wheelstep-next/20261127T100000Z-0123456789ab"}
    ran = checkout.release(extra=extra)
    assert (ran.status, ran.codes) == ("nothing-to-do", ["own-proposal"])

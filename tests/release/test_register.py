"""With `register`, raised environments are in the workspaces before a commit refers to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.release.kit import Repo, contents, everything
from tests.release.register_kit import IMAGE, before_each, planned, puts, release
from tests.release.samples import AZUREML, CONDA
from tests.release.test_on_hosts import Runner
from tests.robustness.kit import killed_at
from tests.servers.arm import Arm, Seen
from tests.servers.arm_answers import Reply
from tests.servers.arm_state import Workspace

NAME = "acme-train"
JOB = "jobs/train.yml"
WRITE = "Microsoft.MachineLearningServices/workspaces/environments/versions/write"


@pytest.fixture
def workspace(arm: Arm) -> Workspace:
    return arm.workspace("train")


@pytest.fixture
def repo(monorepo: Repo) -> Repo:
    """Released with version 8 of the environment, and then raised: a release makes it 9."""
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit(
        {
            JOB: f"""\
                $schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
                command: python train.py
                environment: azureml:{NAME}:8
                """
        }
    )
    return monorepo


def test_a_raised_version_is_created_and_then_committed(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    held = workspace.environments[NAME]
    assert held == {
        "9": {
            "condaFile": yaml.dump(yaml.safe_load(repo.read(CONDA)), sort_keys=True),
            "image": IMAGE,
            "isAnonymous": False,
            "isArchived": False,
        }
    }
    assert "acme.core[fast]==1.1.0" in held["9"]["condaFile"].lower()
    assert "version: 9\n" in repo.read(AZUREML)
    assert f"azureml:{NAME}:9\n" in repo.read(JOB)
    (row,) = ran.definition(AZUREML)["environments"]
    assert row == {"name": NAME, "from": "8", "to": "9", "registered": [workspace.option]}
    assert f"{NAME} 8 -> 9, registered in {workspace.option}" in ran.said
    assert "register-next" not in ran.codes
    (put,) = puts(arm)
    assert put.path.endswith(f"/environments/{NAME}/versions/9")
    again = release(repo, arm, workspace)
    assert (again.status, len(puts(arm))) == ("nothing-to-do", 1)


def test_a_version_that_is_there_with_the_same_content_is_used(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    workspace.register(NAME, "8")
    workspace.register(NAME, "12", **planned(repo), isArchived=True)
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    assert puts(arm) == []
    assert "version: 12\n" in repo.read(AZUREML)
    assert f"azureml:{NAME}:12\n" in repo.read(JOB)
    assert ran.definition(AZUREML)["environments"][0]["registered"] == [workspace.option]


def test_a_version_that_is_there_with_other_content_is_left_alone(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    workspace.register(NAME, "9", **planned(repo))
    workspace.register(NAME, "10")
    before = dict(workspace.environments[NAME])
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    assert "version: 11\n" in repo.read(AZUREML)
    held = workspace.environments[NAME]
    assert held.pop("11")["condaFile"] == planned(repo)["condaFile"]
    assert held == before


def test_of_two_branches_the_later_one_gets_the_next_number(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    other = repo.clone("other")
    other.git("checkout", "--quiet", "-b", "topic")
    other.replace("packages/features/pyproject.toml", '"2.0.0"', '"2.1.0"')
    other.commit()
    assert release(other, arm, workspace).code == 0
    first = dict(workspace.environments[NAME])
    assert list(first) == ["9"]
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    assert "version: 9\n" in other.read(AZUREML)
    assert "version: 10\n" in repo.read(AZUREML)
    held = workspace.environments[NAME]
    assert list(held) == ["9", "10"]
    assert held["9"] == first["9"]


@pytest.mark.parametrize("refuses", [True, False], ids=["409", "written over"])
def test_a_race_for_the_number_is_lost_to_whoever_was_first(
    repo: Repo, arm: Arm, workspace: Workspace, *, refuses: bool
) -> None:
    def faster(seen: Seen) -> None:
        if seen.path.endswith("/9"):
            workspace.register(NAME, "9", condaFile="name: others\n")
            if not refuses:  # a service that answers as if all were well
                arm.fail("PUT", "*/versions/9", Reply(200, {}))

    before_each(arm, "PUT", faster)
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    assert "version: 10\n" in repo.read(AZUREML)
    assert f"azureml:{NAME}:10\n" in repo.read(JOB)
    held = workspace.environments[NAME]
    assert held["9"]["condaFile"] == "name: others\n"
    assert f"{NAME} 9 exists in {workspace.option} by now, with another condaFile" in ran.said
    assert held["10"]["condaFile"] == planned(repo)["condaFile"]
    assert [one.path.rpartition("/")[2] for one in puts(arm)] == ["9", "10"]
    assert ran.definition(AZUREML)["environments"][0]["to"] == "10"


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_reply_is_no_conflict(
    repo: Repo, arm: Arm, workspace: Workspace, *, after: bool
) -> None:
    arm.lose("PUT", "*/versions/9", after=after)
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    assert list(workspace.environments[NAME]) == ["9"]
    assert "version: 9\n" in repo.read(AZUREML)
    assert len(puts(arm)) == 2


def test_killed_before_the_commit_and_run_again(
    repo: Repo, arm: Arm, workspace: Workspace, tmp_path: Path
) -> None:
    settings = repo.read("wheelstep.toml")
    options = f'{settings}register = true\nworkspace = ["{workspace.option}"]\n'
    repo.commit({"wheelstep.toml": options.encode()})
    head = repo.head
    commit = "Popen .*'update-ref', '-m'"
    killed_at(repo, 1, tmp_path / "deeds", match=commit, extra=arm.environment())
    assert list(workspace.environments[NAME]) == ["9"]
    assert repo.head == head
    ran = repo.wheelstep("release", extra=arm.environment())
    assert ran.code == 0, ran.said
    assert list(workspace.environments[NAME]) == ["9"]
    assert "version: 9\n" in repo.read(AZUREML)
    assert len(puts(arm)) == 1


def test_a_commit_that_loses_its_race_registers_nothing_twice(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    def commits(seen: Seen) -> None:
        del seen
        repo.git("commit", "--quiet", "--allow-empty", "--message", "Of someone else")

    before_each(arm, "PUT", commits)
    ran = release(repo, arm, workspace)
    assert ran.code == 0, ran.said
    assert repo.git("log", "-2", "--format=%s").splitlines()[1] == "Of someone else"
    assert len(puts(arm)) == 1
    assert len(arm.seen("GET", "*/versions")) == 2
    assert ran.definition(AZUREML)["environments"][0]["registered"] == [workspace.option]


def test_of_three_workspaces_one_fails_and_the_next_run_goes_on(repo: Repo, arm: Arm) -> None:
    first, second, third = (arm.workspace(name) for name in ("first", "second", "third"))
    first.register(NAME, "9", **planned(repo))
    arm.deny(WRITE, f"{second.id}*")
    # nor is it told what the identity may do: the service has the last word
    arm.fail("GET", "*/permissions", Reply(200, {"value": []}), times=None)
    head = repo.head
    ran = release(repo, arm, first, second, third)
    assert ran.code == 5, ran.said
    problem = ran.problem("not-authorized")
    assert WRITE in problem["message"]
    assert f"could not be created in the workspace {second.option}" in problem["message"]
    assert f"It is registered in {first.option} and {third.option}." in problem["message"]
    assert repo.head == head
    assert ran.report["commit"]["status"] == "none"
    assert list(third.environments[NAME]) == ["9"]
    (row,) = ran.definition(AZUREML)["environments"]
    assert row["registered"] == [first.option, third.option]
    arm.denied.clear()
    ran = release(repo, arm, first, second, third)
    assert ran.code == 0, ran.said
    assert "version: 9\n" in repo.read(AZUREML)
    assert all(list(one.environments[NAME]) == ["9"] for one in (first, second, third))
    # each once, and the one that was refused
    assert len(puts(arm)) == 3


@pytest.mark.parametrize("command", ["release", "plan"])
def test_without_the_right_to_create_nothing_is_published(
    repo: Repo, arm: Arm, workspace: Workspace, command: str
) -> None:
    arm.deny(WRITE)
    head = repo.head
    settings = {"WHEELSTEP_WORKSPACE": workspace.option, "WHEELSTEP_REGISTER": "true"}
    ran = repo.wheelstep(command, extra=arm.environment() | settings)
    assert ran.code == 5, ran.said
    problem = ran.problem("right-missing")
    assert WRITE in problem["message"]
    assert "create acme-train 9" in problem["message"]
    assert repo.head == head
    assert not any("uploaded" in found for found in ran.published.values())
    # what is there already needs no right
    workspace.register(NAME, "9", **planned(repo))
    assert repo.wheelstep(command, extra=arm.environment() | settings).code == 0


def test_a_version_that_one_workspace_has_otherwise_is_taken_in_none(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    other = arm.workspace("other", group="elsewhere")
    workspace.register(NAME, "9", **planned(repo))
    other.register(NAME, "9")
    ran = release(repo, arm, workspace, other)
    assert ran.code == 0, ran.said
    assert "version: 10\n" in repo.read(AZUREML)
    assert "10" in workspace.environments[NAME]
    assert "10" in other.environments[NAME]


def test_without_the_right_to_look_nothing_is_published(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    arm.deny("*/environments/versions/read")
    before = everything(repo)
    ran = release(repo, arm, workspace)
    assert ran.code == 5, ran.said
    assert "environments/versions/read" in ran.said
    assert workspace.option in ran.said
    assert everything(repo)[:2] == before[:2]  # type: ignore[index]
    assert contents(repo.index) == before[4]  # type: ignore[index]


def test_a_service_that_refuses_the_version_is_no_reason_to_commit(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    arm.fail("PUT", "*", Reply(400, {"error": {"code": "UserError", "message": "Not this one."}}))
    head = repo.head
    ran = release(repo, arm, workspace)
    assert ran.code == 5, ran.said
    assert "Not this one." in ran.said
    assert repo.head == head


@pytest.mark.parametrize("how", ["plan", "dry-run", "pull-request"])
def test_nothing_is_created_by_a_plan(
    repo: Repo, arm: Arm, workspace: Workspace, how: str, tmp_path: Path
) -> None:
    other = arm.workspace("other")
    other.register(NAME, "9", **planned(repo))
    options = ["--workspace", workspace.option, "--workspace", other.option, "--register"]
    extra = arm.environment()
    if how == "pull-request":
        extra |= {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request",
                  "GITHUB_REF": "refs/pull/1/merge", "RUNNER_TEMP": str(tmp_path)}  # fmt: skip
    command = ["plan"] if how == "plan" else ["release"] + ["--dry-run"] * (how == "dry-run")
    before = everything(repo)
    ran = repo.wheelstep(*command, *options, extra=extra)
    assert ran.code == 0, ran.said
    assert everything(repo) == before
    assert {one.method for one in arm.requests} == {"GET"}
    assert ran.problem("would-register")["message"] == (
        f"{NAME} 9 exists in {other.option}, and would be created in {workspace.option}."
    )
    assert ran.definition(AZUREML)["environments"][0]["registered"] == []


def test_pinning_registers_too(repo: Repo, arm: Arm, workspace: Workspace) -> None:
    repo.release("--commit", "none")  # published, and the definitions as they were
    repo.git("checkout", "--quiet", ".")
    options = ["--workspace", workspace.option, "--register"]
    ran = repo.wheelstep("pin", "acme-core==1.1.0", *options, extra=arm.environment())
    assert ran.code == 0, ran.said
    assert list(workspace.environments[NAME]) == ["9"]
    assert "version: 9\n" in repo.read(AZUREML)
    assert ran.definition(AZUREML)["environments"][0]["registered"] == [workspace.option]


def test_what_cannot_be_registered_is_said_with_the_next_step(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    head = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
    repo.commit(
        {
            "built/environment.yml": f"{head}name: built\nversion: 3\nbuild: {{path: .}}\n",
            "built/Dockerfile": "FROM base\nCOPY requirements.txt .\n"
            "RUN pip install -r requirements.txt\n",
            "built/requirements.txt": "acme-core==1.0.0\n",
            "plain/environment.yml": f"{head}name: plain\nimage: base\nconda_file: conda.yml\n",
            "plain/conda.yml": "dependencies: [python=3.11, {pip: [acme-core==1.0.0]}]\n",
            "jobs/inline.yml": "type: command\ncommand: x\nenvironment:\n  image: base\n"
            "  conda_file: {dependencies: [python=3.11, {pip: [acme-core==1.0.0]}]}\n",
        }
    )
    ran = release(repo, arm, workspace, more=("--rehearse", "off"))
    assert ran.code == 0, ran.said
    assert list(workspace.environments) == [NAME]
    said = {
        one["file"]: one for one in ran.report["problems"]
        if one["code"] == "environment-not-registered"
    }  # fmt: skip
    assert said.keys() == {"built/environment.yml", "plain/environment.yml"}
    assert "has to be uploaded" in said["built/environment.yml"]["message"]
    assert "states no version" in said["plain/environment.yml"]["message"]
    subscription, group, name = workspace.option.split("/")
    assert said["built/environment.yml"]["cure"] == (
        "After the commit: `az ml environment create --file built/environment.yml "
        f"--resource-group {group} --workspace-name {name} --subscription {subscription}`."
    )


def test_each_file_is_registered_where_it_is_read(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    other = arm.workspace("other")
    text = repo.read(AZUREML)
    repo.commit({
        "other/environment.yml": text.replace("image: ", "image: other-").encode(),
        "other/conda.yml": repo.read(CONDA).encode(),
        "wheelstep.toml": (
            f"{repo.read('wheelstep.toml')}register = true\n[definitions]\n"
            f'"environments/train/*.yml" = ["{workspace.option}"]\n'
            f'"other/*.yml" = ["{other.option}"]\n'
        ).encode(),
    })  # fmt: skip
    ran = repo.wheelstep("release", extra=arm.environment())
    assert ran.code == 0, ran.said
    assert workspace.environments[NAME]["9"]["image"] == IMAGE
    assert other.environments[NAME]["9"]["image"] == f"other-{IMAGE}"
    assert len(puts(arm)) == 2
    registered = ran.definition("other/environment.yml")["environments"][0]["registered"]
    assert registered == [other.option]


def test_two_files_that_describe_one_version_are_refused(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    text = repo.read(AZUREML)
    repo.commit({
        "other/environment.yml": text.replace("image: ", "image: other-").encode(),
        "other/conda.yml": repo.read(CONDA).encode(),
    })  # fmt: skip
    before = contents(repo.index)
    ran = release(repo, arm, workspace)
    assert ran.code == 7, ran.said
    assert "other/environment.yml" in ran.problem("environment-twice")["message"]
    assert contents(repo.index) == before
    assert puts(arm) == []


def test_a_name_that_azure_ml_refuses_is_told_before_anything_is_published(
    repo: Repo, arm: Arm, workspace: Workspace
) -> None:
    repo.replace(AZUREML, f"name: {NAME}", "name: AzureML-train")
    repo.commit()
    before = contents(repo.index)
    ran = release(repo, arm, workspace)
    assert ran.code == 7, ran.said
    problem = ran.problem("environment-name-refused")
    assert (problem["file"], problem["line"]) == (AZUREML, 2)
    assert contents(repo.index) == before


def test_registering_needs_a_workspace(repo: Repo) -> None:
    for command in ("release", "plan", "pin"):
        ran = repo.wheelstep(command, "--register")
        assert ran.code == 2, ran.said
        assert ran.codes == ["register-without-workspace"]


def test_without_it_the_next_step_is_said_once(repo: Repo, arm: Arm, workspace: Workspace) -> None:
    options = ["--workspace", workspace.option]
    ran = repo.wheelstep("release", *options, extra=arm.environment())
    assert ran.code == 0, ran.said
    problem = ran.problem("register-next")
    subscription, group, name = workspace.option.split("/")
    assert (
        f"`az ml environment create --file {AZUREML} --resource-group {group} "
        f"--workspace-name {name} --subscription {subscription}`" in problem["cure"]
    )
    assert "@latest" in problem["message"]
    assert problem["severity"] == "notice"
    assert puts(arm) == []
    again = repo.wheelstep("release", *options, extra=arm.environment())
    assert "register-next" not in again.codes


def test_the_host_is_told_where_the_environment_is(
    repo: Repo, arm: Arm, workspace: Workspace, tmp_path: Path
) -> None:
    runner = Runner(tmp_path / "runner")
    extra = arm.environment() | runner.step("refs/heads/main")
    options = ["--workspace", workspace.option, "--register", "--commit", "none"]
    ran = repo.wheelstep("release", *options, extra=extra)
    assert ran.code == 0, ran.said
    outputs = runner.outputs()
    assert json.loads(outputs["environments"]) == [
        {"name": NAME, "version": "9", "path": AZUREML, "registered": [workspace.option]}
    ]
    assert outputs["changed"] == "true"
    assert f"| {NAME} | 9 | {workspace.option} |" in runner.summary


def test_without_a_workspace_nothing_is_said_of_registering(repo: Repo) -> None:
    ran = repo.wheelstep("release")
    assert ran.code == 0, ran.said
    assert "regist" not in ran.said

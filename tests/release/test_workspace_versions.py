"""A raised version is above those that the workspaces have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.release.kit import Ran, Repo
from tests.release.samples import AZUREML
from tests.servers.arm import Arm
from tests.servers.arm_state import Workspace


@pytest.fixture
def workspace(arm: Arm) -> Workspace:
    return arm.workspace("train")


def raised(repo: Repo) -> Repo:
    repo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    repo.commit()
    return repo


def not_read(ran: Ran) -> dict[str, Any]:
    """What is said of versions; that connections cannot be read either is said beside it."""
    problems = [one for one in ran.report["problems"] if one["code"] == "workspace-not-read"]
    (found,) = (one for one in problems if one["message"].startswith("Which versions"))
    return dict(found)


def test_the_version_is_above_what_the_workspace_has(
    monorepo: Repo, arm: Arm, workspace: Workspace
) -> None:
    workspace.register("acme-train", "3", "7", "blue", "20", "8", "21")
    repo = raised(monorepo)
    ran = repo.wheelstep("release", "--workspace", workspace.option, extra=arm.environment())
    assert ran.code == 0, ran.said
    assert "version: 22\n" in repo.read(AZUREML)
    (row,) = ran.definition(AZUREML)["environments"]
    assert (row["from"], row["to"]) == ("8", "22")


def test_a_workspace_without_the_environment_changes_nothing(
    monorepo: Repo, arm: Arm, workspace: Workspace
) -> None:
    repo = raised(monorepo)
    ran = repo.wheelstep("release", "--workspace", workspace.option, extra=arm.environment())
    assert ran.code == 0, ran.said
    assert "version: 9\n" in repo.read(AZUREML)
    assert "workspace-not-read" not in ran.codes


def test_what_cannot_be_read_is_said(monorepo: Repo, arm: Arm, workspace: Workspace) -> None:
    arm.deny("*/environments/versions/read")
    repo = raised(monorepo)
    ran = repo.wheelstep("release", "--workspace", workspace.option, extra=arm.environment())
    assert ran.code == 0, ran.said
    problem = not_read(ran)
    assert "environments/versions/read" in problem["message"]
    assert "version: 9\n" in repo.read(AZUREML)


def test_a_token_for_another_cloud_is_said(monorepo: Repo, arm: Arm, workspace: Workspace) -> None:
    arm.identity["aud"] = "https://management.chinacloudapi.cn/"
    repo = raised(monorepo)
    ran = repo.wheelstep("release", "--workspace", workspace.option, extra=arm.environment())
    assert ran.code == 0, ran.said
    problem = not_read(ran)
    assert "management.chinacloudapi.cn" in problem["message"]
    assert "AZURE_CLOUD" in problem["cure"]


def test_a_workspace_that_is_not_there_is_said(monorepo: Repo, arm: Arm) -> None:
    named = arm.workspace("train").option.replace("train", "trian")
    repo = raised(monorepo)
    ran = repo.wheelstep("release", "--workspace", named, extra=arm.environment())
    assert ran.code == 0, ran.said
    assert "no workspace trian in the resource group ml" in not_read(ran)["message"]

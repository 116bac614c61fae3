"""A raised version is above those that the workspaces have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ground.web import Web
from tests.release.kit import Repo
from tests.release.samples import AZUREML
from tests.servers.authority import made_authority, secure
from tests.servers.workspace import Workspace, managed_identity, refused

SUBSCRIPTION = "5f3b6a0e-0000-4000-8000-000000000001"
ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/"
    "Microsoft.MachineLearningServices/workspaces/train"
)
NAMED = f"{SUBSCRIPTION}/ml/train"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def served(workspace: Workspace, authority: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which a run reaches the workspace, as a managed identity."""
    with (
        Web(answer=workspace.answer, tls=secure(authority)) as web,
        Web(answer=managed_identity) as identity,
    ):
        workspace.base = web.url
        yield {
            "WHEELSTEP_RESOURCE_MANAGER": web.url,
            "REQUESTS_CA_BUNDLE": str(authority),
            "IDENTITY_ENDPOINT": f"{identity.url}/token",
            "IDENTITY_HEADER": "secret-of-the-host",
        }


def raised(repo: Repo) -> Repo:
    repo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    repo.commit()
    return repo


def test_the_version_is_above_what_the_workspace_has(monorepo: Repo, authority: Path) -> None:
    workspace = Workspace(ID)
    workspace.environments["acme-train"] = ["21", "8", "20", "blue", "7", "3"]
    repo = raised(monorepo)
    with served(workspace, authority) as environment:
        ran = repo.wheelstep("release", "--workspace", NAMED, extra=environment)
    assert ran.code == 0, ran.said
    assert "version: 22\n" in repo.read(AZUREML)
    (row,) = ran.definition(AZUREML)["environments"]
    assert (row["from"], row["to"]) == ("8", "22")


def test_a_workspace_without_the_environment_changes_nothing(
    monorepo: Repo, authority: Path
) -> None:
    repo = raised(monorepo)
    with served(Workspace(ID), authority) as environment:
        ran = repo.wheelstep("release", "--workspace", NAMED, extra=environment)
    assert ran.code == 0, ran.said
    assert "version: 9\n" in repo.read(AZUREML)
    assert "workspace-not-read" not in ran.codes


def test_what_cannot_be_read_is_said(monorepo: Repo, authority: Path) -> None:
    workspace = Workspace(ID)
    workspace.trouble = [refused(403, "AuthorizationFailed", "no versions/read for you")] * 9
    repo = raised(monorepo)
    with served(workspace, authority) as environment:
        ran = repo.wheelstep("release", "--workspace", NAMED, extra=environment)
    assert ran.code == 0, ran.said
    problem = ran.problem("workspace-not-read")
    assert "versions/read for you" in problem["message"]
    assert "version: 9\n" in repo.read(AZUREML)

"""A job may have checked out another repository than the one whose branch started it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.settings_kit import host, read
from wheelstep.errors import SettingError
from wheelstep.hosts import Trigger
from wheelstep.report import Report
from wheelstep.repositories.same_repository import may_be_one
from wheelstep.stages.committing import repository
from wheelstep.stages.run import Run, open_run

SELF = "https://acme@dev.azure.com/acme/Our%20Train/_git/pipelines"


@pytest.mark.parametrize(
    ("other", "one"),
    [
        (SELF, True),
        ("https://acme.visualstudio.com/DefaultCollection/our%20train/_git/Pipelines/", True),
        ("git@ssh.dev.azure.com:v3/acme/Our%20Train/pipelines", True),
        ("https://acme@dev.azure.com/acme/Our%20Train/_git/library", False),
        ("https://acme@dev.azure.com/acme/Another/_git/pipelines", False),
        ("https://other@dev.azure.com/other/Our%20Train/_git/pipelines", False),
        ("ssh://acme@vs-ssh.visualstudio.com:22/Our%20Train/_ssh/Pipelines", True),
        ("https://github.com/acme/pipelines", False),
    ],
)
def test_one_repository_has_many_addresses(other: str, one: bool) -> None:
    assert may_be_one(SELF, other) == may_be_one(other, SELF) == one


def test_elsewhere_the_name_is_all_that_counts() -> None:
    assert may_be_one("https://github.com/acme/tools", "git@github.com:Acme/Tools.git")
    assert may_be_one("https://mirror.example/x/tools.git/", "https://github.com/acme/tools")
    assert may_be_one("https://tfs.example/C/P/_git/tools", "ssh://tfs.example:22/C/P/_git/tools")
    assert may_be_one("https://tfs.example/C/P/_git/tools", "https://tfs/C/P/_git/tools")
    assert not may_be_one("https://github.com/acme/tools", "https://github.com/acme/library")
    fork = "git@github.com:stranger/tools.git"
    assert not may_be_one("https://github.com/acme/tools", fork)


def on_azure(ref: str, uri: str) -> dict[str, str]:
    return {"TF_BUILD": "True", "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": ref,
            "BUILD_REPOSITORY_URI": uri}  # fmt: skip


def on_github(ref: str, name: str) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": ref,
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": name}  # fmt: skip


def opened(place: Repo, variables: dict[str, str]) -> Run:
    environment = {**place.environment, **variables}
    settings = read(place.root, flags={"publish-to": ["x"]}, environment=environment)
    return open_run(settings, host(environment), environment, Report("release"))


@pytest.mark.parametrize(
    ("remote", "mine", "other"),
    [
        (SELF, on_azure("{}", SELF.replace("acme@", "")),
         on_azure("{}", SELF.replace("pipelines", "library"))),
        ("git@github.com:acme/tools.git", on_github("{}", "acme/tools"),
         on_github("{}", "acme/deployment")),
        ("https://github.com/Acme/tools", on_github("{}", "acme/tools"),
         on_github("{}", "stranger/tools")),
    ],
)  # fmt: skip
def test_a_branch_of_another_repository_is_not_committed_to(
    remote: str, mine: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    place = Repo.create(tmp_path / "place", {})
    place.git("remote", "add", "origin", remote)

    def of(variables: dict[str, str], ref: str) -> Run:
        return opened(place, {name: value.replace("{}", ref) for name, value in variables.items()})

    assert of(mine, "refs/heads/main").trigger == Trigger("main", pushed=True)
    assert of(mine, "refs/tags/v1").trigger == Trigger(None, tag="v1")
    for ref in ("refs/heads/main", "refs/tags/v1"):
        others = of(other, ref)
        with pytest.raises(SettingError, match="by another repository, https://") as error:
            repository(others)
        assert (error.value.code, others.trigger.branch) == ("no-branch", None)

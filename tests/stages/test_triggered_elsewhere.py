"""A pipeline that several repositories trigger: the branch may be of another one than is here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.settings_kit import host, read
from wheelstep.errors import SettingError
from wheelstep.hosts import Trigger
from wheelstep.report import Report
from wheelstep.repositories.azure_repository import may_be_one
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


def opened(place: Repo, ref: str, uri: str) -> Run:
    environment = {
        **place.environment, "TF_BUILD": "True", "BUILD_REASON": "IndividualCI",
        "BUILD_SOURCEBRANCH": ref, "BUILD_REPOSITORY_URI": uri,
    }  # fmt: skip
    settings = read(place.root, flags={"publish-to": ["x"]}, environment=environment)
    return open_run(settings, host(environment), environment, Report("release"))


def test_a_branch_of_another_repository_is_not_committed_to(tmp_path: Path) -> None:
    place = Repo.create(tmp_path / "place", {})
    place.git("remote", "add", "origin", SELF)
    mine = opened(place, "refs/heads/main", SELF.replace("acme@", ""))
    assert mine.trigger == Trigger("main", pushed=True)
    for ref in ("refs/heads/main", "refs/tags/v1"):
        others = opened(place, ref, SELF.replace("pipelines", "library"))
        with pytest.raises(SettingError, match="by another repository, https://dev") as error:
            repository(others)
        assert (error.value.code, others.trigger.branch) == ("no-branch", None)

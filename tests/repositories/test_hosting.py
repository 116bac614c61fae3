"""Which way a commit takes, by the remote, the token and the settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.repositories.conftest import ME
from tests.repositories.support import NoWait
from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret
from wheelstep.repositories.hosting import Hosting, WayName

GITHUB = "https://github.com/acme/tools"
AZURE = "https://dev.azure.com/acme/Train/_git/tools"
SERVER = "https://code.example/acme/tools"


def hosting(url: str, choice: WayName, *, token: bool = True, own_author: bool = False) -> Hosting:
    return Hosting(
        cast("Any", None),
        cast("Any", SimpleNamespace(url=url, shown=url)),
        choice=choice,
        token=Secret("ci-pass-22") if token else None,
        identity=ME,
        own_author=own_author,
        environment={},
        clock=NoWait(),
    )


@pytest.mark.parametrize(
    ("url", "choice", "more", "name"),
    [
        (GITHUB, "auto", {}, "github"),
        ("git@github.com:acme/tools.git", "auto", {}, "github"),
        (AZURE, "auto", {}, "azure-repos"),
        ("https://gitlab.com/acme/tools", "auto", {}, "git"),
        # a GitHub Enterprise Server is never guessed
        (SERVER, "auto", {}, "git"),
        (SERVER, "github", {}, "github"),
        # git's own credentials ask no API
        (GITHUB, "auto", {"token": False}, "git"),
        (AZURE, "auto", {"token": False}, "git"),
        # GitHub takes an author from nobody
        (GITHUB, "auto", {"own_author": True}, "git"),
        (AZURE, "auto", {"own_author": True}, "azure-repos"),
        (GITHUB, "git", {}, "git"),
        (AZURE, "azure-repos", {}, "azure-repos"),
    ],
)
def test_the_way(url: str, choice: WayName, more: dict[str, bool], name: str) -> None:
    assert hosting(url, choice, **more).way().name == name


@pytest.mark.parametrize(
    ("url", "choice", "more", "code"),
    [
        (AZURE, "github", {}, "bad-setting"),
        ("https://gitlab.com/acme/tools", "github", {}, "bad-setting"),
        (GITHUB, "azure-repos", {}, "bad-setting"),
        (GITHUB, "github", {"token": False}, "no-token"),
        (GITHUB, "github", {"own_author": True}, "bad-setting"),
    ],
)
def test_a_way_that_there_is_not(
    url: str, choice: WayName, more: dict[str, bool], code: str
) -> None:
    with pytest.raises(SettingError) as caught:
        hosting(url, choice, **more).way()
    assert caught.value.code == code
    assert "`commit-with` is" in caught.value.message or "`commit-author`" in caught.value.message

"""Where an Azure Repos is, and what an older server of it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.azure_kit import NAME, azure
from wheelstep.errors import ServiceRefused
from wheelstep.repositories.azure_repository import AzureAddress
from wheelstep.repositories.pulls import PullWish

STABLE = "wheelstep/main"


@pytest.mark.parametrize("version", [5.1, 7.0, 7.1])
def test_an_older_server_is_asked_what_it_knows(tmp_path: Path, seed: Path, version: float) -> None:
    with azure(tmp_path, seed) as there:
        there.server.version = version
        clone = there.clone("clone", "--depth=1")
        way = there.way(clone)
        first = way.replace(STABLE, None, there.draft(clone, {"conda.yml": b"1"}), print)
        way.replace(STABLE, first, there.draft(clone, {"conda.yml": b"2"}), print)
        wish = PullWish("Pin", "Body", labels=("pins",), merge="squash")
        made, notes = there.pulls().create(STABLE, "main", wish)
        assert (made.state, made.head, notes) == ("open", there.at(STABLE), [])
        assert there.server.branches(NAME) == ["main", STABLE]


@pytest.mark.parametrize(
    ("leads_to", "code", "said"),
    [("/acme/Trains/_apis/git", "remote-moved", r"leads to http://127\.0\.0\.1:\d+/acme/Trains/_apis"),
     ("https://sps.invalid/_signin?realm=dev.azure.com", "not-authenticated", "people to sign in"),
     ("https://login.invalid/common/oauth2/authorize?x=y", "not-authenticated", "to sign in")],
)  # fmt: skip
def test_where_a_redirect_leads_is_told_and_not_followed(
    tmp_path: Path, seed: Path, leads_to: str, code: str, said: str
) -> None:
    with azure(tmp_path, seed) as there:
        clone = there.clone("clone", "--depth=1")
        draft = there.draft(clone, {"conda.yml": b"1"})
        there.server.leads_to = leads_to
        for part in ("pushes", "pullRequests"):
            there.server.trouble("moved", part)
        with pytest.raises(ServiceRefused, match=said) as caught:
            there.way(clone).commit("main", draft, print)
        assert caught.value.code == code
        with pytest.raises(ServiceRefused, match=said) as caught:
            there.pulls().latest(STABLE, "main")
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "base", "project", "repository"),
    [
        ("https://dev.azure.com/acme/Train/_git/tools", "https://dev.azure.com/acme", "Train",
         "tools"),
        ("https://acme@dev.azure.com/acme/My%20Train/_git/t%20s", "https://dev.azure.com/acme",
         "My Train", "t s"),
        ("https://dev.azure.com/acme/_git/tools", "https://dev.azure.com/acme", "tools", "tools"),
        ("https://acme.visualstudio.com/Train/_git/tools", "https://acme.visualstudio.com", "Train",
         "tools"),
        ("https://acme.visualstudio.com/DefaultCollection/Train/_git/tools",
         "https://acme.visualstudio.com/DefaultCollection", "Train", "tools"),
        ("https://acme.visualstudio.com/_git/tools", "https://acme.visualstudio.com", "tools",
         "tools"),
        ("git@ssh.dev.azure.com:v3/acme/Train/tools", "https://dev.azure.com/acme", "Train",
         "tools"),
        ("https://tfs.acme.example/tfs/Main/Train/_git/tools", "https://tfs.acme.example/tfs/Main",
         "Train", "tools"),
        ("https://tfs.acme.example/tfs/Main/_git/tools", "https://tfs.acme.example/tfs/Main",
         "tools", "tools"),
        ("https://tfs.acme.example/TFS/Main/Train/_git/tools/", "https://tfs.acme.example/TFS/Main",
         "Train", "tools"),
        ("https://ados.acme.example/Main/_git/tools", "https://ados.acme.example/Main", "tools",
         "tools"),
    ],
)  # fmt: skip
def test_addresses(url: str, base: str, project: str, repository: str) -> None:
    assert AzureAddress.of(url) == AzureAddress(base, project, repository)


@pytest.mark.parametrize("url", ["https://github.com/acme/tools", "../tools", "git@x:y/z"])
def test_other_addresses(url: str) -> None:
    assert AzureAddress.of(url) is None


def test_where_people_are_known() -> None:
    def people(url: str) -> str:
        address = AzureAddress.of(url)
        assert address is not None
        return address.people

    assert people("https://dev.azure.com/acme/T/_git/t") == "https://vssps.dev.azure.com/acme"
    assert people("https://acme.visualstudio.com/T/_git/t") == "https://acme.vssps.visualstudio.com"
    assert people("https://tfs.acme.example/Main/T/_git/t") == "https://tfs.acme.example/Main"

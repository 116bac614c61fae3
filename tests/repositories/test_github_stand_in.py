"""The GitHub stand-in is held against GitHub's descriptions, and git sees what its API does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.repositories.github_kit import CI, NAME, AtGitHub
from tests.servers.github_specs import FILE
from wheelstep.ground.github import SaysNo
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.protection import NotTold, Protected, Unprotected, protection_of


def nothing(_: str) -> None:
    """Nobody wants to know."""


def violation(github: AtGitHub) -> str:
    (found,) = github.server.violations
    github.server.violations.clear()
    return found


def test_a_field_that_github_has_not_is_noted(github: AtGitHub) -> None:
    with pytest.raises(SaysNo, match="Cannot query field 'headOid'"):
        github.repository().ask(
            "query Q($owner: String!, $name: String!)"
            " { repository(owner: $owner, name: $name) { headOid } }"
        )
    assert "Cannot query field 'headOid' on type 'Repository'" in violation(github)


def test_an_input_without_a_part_that_github_needs_is_noted(github: AtGitHub) -> None:
    given = {"branch": {"repositoryNameWithOwner": NAME, "branchName": "main"},
             "message": {"headline": "x"}}  # fmt: skip
    with pytest.raises(SaysNo, match="expectedHeadOid"):
        github.repository().calls.mutation("createCommitOnBranch", given, "commit { oid }")
    assert "expectedHeadOid" in violation(github)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "pulls", {"title": "x", "head": "main"}),
        ("PATCH", "git/refs/heads/a/b", {"sha": 7}),
        ("POST", "issues/1/labels", {"labels": "one"}),
        ("PUT", "pulls/1/merge", {"merge_method": "octopus"}),
        ("GET", "no/such/route", None),
    ],
)
def test_a_call_that_github_does_not_describe_is_noted(
    github: AtGitHub, method: str, path: str, body: Any
) -> None:
    if not FILE.is_file() and "labels" not in path:
        pytest.skip("GitHub's description does not lie beside this clone")
    with pytest.raises(SaysNo):
        github.repository().rest(method, path, body)
    assert violation(github).startswith(f"{method} /api/v3/repos/{NAME}/")


def test_git_and_the_api_see_the_same_repository(github: AtGitHub) -> None:
    made = github.way().commit("main", github.draft(), nothing)
    assert made
    clone = github.cloned("clone")
    (clone / "more.txt").write_text("more\n")
    github.world.git(clone, "add", "more.txt")
    github.world.git(clone, "commit", "--quiet", "-m", "More")
    github.world.git(clone, "push", "--quiet", "origin", "HEAD:main")
    theirs = github.world.git(clone, "rev-parse", "HEAD")
    found = github.repository()
    assert found.rest("GET", "git/ref/heads/main")["object"]["sha"] == theirs
    signed = [
        found.rest("GET", f"git/commits/{each}")["verification"]["verified"]
        for each in (made, theirs)
    ]
    assert signed == [True, False]


def test_a_file_that_the_api_writes_loses_its_mode_as_on_github(github: AtGitHub) -> None:
    head = github.head()
    given = {
        "branch": {"repositoryNameWithOwner": NAME, "branchName": "main"},
        "expectedHeadOid": head,
        "message": {"headline": "x"},
        "fileChanges": {"additions": [{"path": "tool.sh", "contents": "eA=="}]},
    }
    github.repository().calls.mutation("createCommitOnBranch", given, "commit { oid }")
    assert github.git("ls-tree", f"{head}", "tool.sh").startswith("100755")
    assert github.git("ls-tree", "main", "tool.sh").startswith("100644")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (None, Unprotected()),
        ("rule", Protected("a branch protection rule")),
        ("ruleset", Protected("the rules pull_request")),
    ],
)
def test_its_protection_is_seen_as_the_doctor_looks(
    github: AtGitHub, how: Any, expected: object
) -> None:
    if how:
        github.server.protected[NAME, "main"] = how
    found = protection_of(
        github.url,
        "main",
        transport=Transport({}),
        token=Secret(CI),
        environment=github.server.environment,
    )
    assert found == expected


@pytest.mark.parametrize(("outright", "expected"), [(True, Unprotected), (False, NotTold)])
def test_the_protection_of_a_server_that_nothing_names_is_seen_where_it_is_said_what_it_is(
    github: AtGitHub, outright: bool, expected: type
) -> None:
    found = protection_of(
        github.url, "main", transport=Transport({}), token=Secret(CI), environment={},
        outright=outright,
    )  # fmt: skip
    assert isinstance(found, expected)

"""Whether a branch is protected, asked of GitHub and of Azure Repos."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.ground.web import Answer, Asked, InstantClock, Web
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.protection import (
    NotTold,
    Protected,
    Protection,
    Unprotected,
    protection_of,
)

ID = "2f3d611a-f012-4b39-b157-8db63f380226"


def asked(
    answers: dict[str, Any], url: str, branch: str = "main", *, api: bool = True
) -> tuple[Protection, Web]:
    """Ask about a branch; `{server}` in the URL is the stand-in."""

    def answer(request: Asked) -> Answer:
        found = answers.get(request.path.partition("?")[0])
        if found is None:
            return Answer(404, {"Content-Type": "application/json"}, b"{}")
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(found).encode())

    with Web(answer=answer) as web:
        environment = {"GITHUB_SERVER_URL": web.url}
        if api:
            environment["GITHUB_API_URL"] = f"{web.url}/api"
        clock = InstantClock()
        with Transport({}, clock=clock, budget=RetryBudget(0)) as transport:
            found = protection_of(
                url.format(server=web.url),
                branch,
                transport=transport,
                token=Secret("token-of-the-job-123"),
                environment=environment,
            )
    return found, web


def test_a_branch_of_github_without_rules_is_open() -> None:
    found, web = asked(
        {"/api/repos/o/r/branches/main": {"protected": False},
         "/api/repos/o/r/rules/branches/main": []},
        "{server}/o/r.git",
    )  # fmt: skip
    assert found == Unprotected()
    header = web.asked[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(header) == b"x-access-token:token-of-the-job-123"


def test_an_old_protection_rule_of_github_is_told() -> None:
    found, _ = asked({"/api/repos/o/r/branches/main": {"protected": True}}, "{server}/o/r")
    assert isinstance(found, Protected)


def test_the_rules_of_a_ruleset_are_named() -> None:
    found, _ = asked(
        {"/api/repos/o/r/branches/release%2F1": {"protected": False},
         "/api/repos/o/r/rules/branches/release%2F1": [
             {"type": "pull_request"}, {"type": "deletion"}, {"type": "update"}]},
        "{server}/o/r", "release/1",
    )  # fmt: skip
    assert found == Protected("the rules pull_request, update")


def test_a_rule_that_no_push_breaks_protects_nothing() -> None:
    found, _ = asked(
        {"/api/repos/o/r/branches/main": {"protected": False},
         "/api/repos/o/r/rules/branches/main": [{"type": "deletion"}]},
        "{server}/o/r",
    )  # fmt: skip
    assert found == Unprotected()


def test_a_server_of_github_without_an_api_variable_has_it_below_itself() -> None:
    found, _ = asked(
        {"/api/v3/repos/o/r/branches/main": {"protected": False}}, "{server}/o/r", api=False
    )
    assert found == Unprotected()


@pytest.mark.parametrize("answer", [{}, {"protected": "yes"}, []])
def test_an_answer_of_another_shape_tells_nothing(answer: Any) -> None:
    found, _ = asked({"/api/repos/o/r/branches/main": answer}, "{server}/o/r")
    assert isinstance(found, NotTold)


@pytest.mark.parametrize("url", ["/srv/git/r.git", "git@elsewhere.example:o/r.git",
                                 "https://git.example.invalid/o/r"])  # fmt: skip
def test_another_host_is_not_asked(url: str) -> None:
    found, web = asked({}, url)
    assert isinstance(found, NotTold)
    assert web.asked == []


def policy(**scope: Any) -> dict[str, Any]:
    return {
        "isEnabled": True,
        "isBlocking": True,
        "isDeleted": False,
        "type": {"displayName": "Minimum number of reviewers"},
        "settings": {"scope": [{"repositoryId": ID, "matchKind": "Exact", **scope}]},
    }


MAIN = "refs/heads/main"


@pytest.mark.parametrize(
    ("found", "protected"),
    [
        ([], False),
        ([policy(refName=MAIN)], True),
        ([policy(refName="refs/heads/other")], False),
        ([policy(refName="refs/heads/m", matchKind="Prefix")], True),
        ([policy(refName="refs/heads/m")], False),
        ([policy(refName=MAIN, repositoryId=None)], True),
        ([policy(refName=MAIN, repositoryId="another")], False),
        ([policy(matchKind="DefaultBranch")], True),
        ([policy(refName=None, matchKind=None)], False),
        ([policy(refName=MAIN) | {"isEnabled": False}], False),
        ([policy(refName=MAIN) | {"isBlocking": False}], False),
        ([policy(refName=MAIN) | {"isDeleted": True}], False),
        ([{"isEnabled": True, "isBlocking": True, "settings": None}], False),
    ],
)
def test_a_blocking_policy_of_azure_repos_protects_its_branch(
    found: list[dict[str, Any]], protected: bool
) -> None:
    told, _ = asked(
        {"/org/project/_apis/git/repositories/repo": {"id": ID, "defaultBranch": MAIN},
         "/org/project/_apis/policy/configurations": {"value": found}},
        "{server}/org/project/_git/repo",
    )  # fmt: skip
    assert isinstance(told, Protected if protected else Unprotected)


@pytest.mark.parametrize(
    ("place", "before"),
    [("/org/_git/repo", "/org/repo"), ("/tfs/Main/_git/repo", "/tfs/Main/repo"),
     ("/tfs/Main/Train/_git/repo", "/tfs/Main/Train")],
)  # fmt: skip
def test_a_short_address_and_a_server_are_asked_in_a_version_that_each_has(
    place: str, before: str
) -> None:
    told, web = asked(
        {f"{before}/_apis/git/repositories/repo": {"id": ID},
         f"{before}/_apis/policy/configurations": {"value": []}},
        f"{{server}}{place}",
    )  # fmt: skip
    assert told == Unprotected()
    assert {one.path.partition("?")[2] for one in web.asked} == {"api-version=5.0"}


def test_policies_that_are_not_shown_are_not_known() -> None:
    told, _ = asked(
        {"/org/project/_apis/git/repositories/repo": {"id": ID}}, "{server}/org/project/_git/repo"
    )
    assert isinstance(told, NotTold)

"""Which repository a remote is, and what GitHub's refusals mean."""

from __future__ import annotations

import pytest

from wheelstep.ground.github import SaysNo
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.github_repository import GitHubRepository

JOB = {"GITHUB_SERVER_URL": "https://git.example.org"}


def at(
    url: str, environment: dict[str, str] | None = None, *, outright: bool = False
) -> GitHubRepository | None:
    return GitHubRepository.at(
        url, transport=Transport({}), token=Secret("made-up-token"), environment=environment or {},
        outright=outright,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/acme/tools.git", "https://api.github.com"),
        ("https://someone:secret@github.com/acme/tools", "https://api.github.com"),
        ("git@github.com:acme/tools.git", "https://api.github.com"),
        ("ssh://git@github.com/acme/tools.git", "https://api.github.com"),
        ("ssh://git@ssh.github.com:443/acme/tools.git", "https://api.github.com"),
        ("https://acme.ghe.com/acme/tools/", "https://api.acme.ghe.com"),
        ("git@acme.ghe.com:acme/tools.git", "https://api.acme.ghe.com"),
        ("https://git.example.org/acme/tools.git", "https://git.example.org/api/v3"),
    ],
)
def test_a_remote_on_a_github_is_known(url: str, api: str) -> None:
    found = at(url, JOB)
    assert found is not None
    assert (found.full_name, found.calls.api) == ("acme/tools", api)
    assert "secret" not in found.shown


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://git.example.com/acme/tools.git", "https://git.example.com/api/v3"),
        ("https://git.example.com:8443/acme/tools", "https://git.example.com:8443/api/v3"),
        ("git@git.example.com:acme/tools.git", "https://git.example.com/api/v3"),
        ("ssh://git@git.example.com:122/acme/tools.git", "https://git.example.com/api/v3"),
        ("https://git.example.org/acme/tools.git", "https://git.example.org/api/v3"),
        ("https://github.com/acme/tools.git", "https://api.github.com"),
        ("git@acme.ghe.com:acme/tools.git", "https://api.acme.ghe.com"),
    ],
)
def test_who_says_that_it_is_a_github_is_believed(url: str, api: str) -> None:
    found = at(url, JOB, outright=True)
    assert found is not None
    assert (found.full_name, found.calls.api) == ("acme/tools", api)
    assert found.shown.startswith("https://")


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/acme/tools.git",
        "git@bitbucket.org:acme/tools.git",
        "https://dev.azure.com/acme/tools/_git/tools",
        "https://azure.example.com/acme/tools/_git/tools",
        "git@ssh.dev.azure.com:v3/acme/tools/tools",
        "https://git.example.com/group/acme/tools.git",
        "/srv/git/tools.git",
    ],
)
def test_nobody_makes_a_github_of_what_is_none(url: str) -> None:
    assert at(url, JOB, outright=True) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/tools.git",
        "https://dev.azure.com/acme/tools/_git/tools",
        "git@ssh.dev.azure.com:v3/acme/tools/tools",
        "https://github.com/acme",
        "https://github.com/acme/tools/more",
        "/srv/git/tools.git",
        "git@git.example.org:acme/tools.git",
    ],
)
def test_another_remote_is_not_taken_for_one(url: str) -> None:
    assert at(url, JOB) is None


@pytest.mark.parametrize(
    ("status", "kind", "said", "code"),
    [
        (401, "", "Requires authentication", "not-authenticated"),
        (200, "INSUFFICIENT_SCOPES", "Your token has not the scopes", "push-forbidden"),
        (422, "", "refusing to allow a GitHub App to update x.yml without `workflows` permission",
         "push-forbidden"),
        (422, "", "Reference update failed", "branch-protected"),
        (422, "", "Repository rule violations found Commits must have verified signatures.",
         "branch-protected"),
        (200, "UNPROCESSABLE", 'Required status check "test" is expected.', "branch-protected"),
        (403, "", "You're not authorized to push to this branch.", "branch-protected"),
        (422, "", "Cannot update this protected ref.", "branch-protected"),
        (404, "", "Not Found", "repository-not-found"),
        (200, "NOT_FOUND", "Could not resolve to a Repository with the name 'acme/read-only-x'.",
         "repository-not-found"),
        (307, "", "It has moved to https://api.github.com/repositories/7.", "remote-moved"),
        (422, "", "Something that nobody has seen", "remote-refused"),
        (200, "FORBIDDEN", "Resource not accessible by integration", "push-forbidden"),
        (403, "", "Must have push access to repository", "push-forbidden"),
    ],
)  # fmt: skip
def test_a_refusal_has_its_meaning(status: int, kind: str, said: str, code: str) -> None:
    found = at("https://github.com/acme/tools")
    assert found is not None
    error = found.error(SaysNo(status, kind, said), "main")
    assert error.code == code
    assert said in error.message
    assert error.exit_code == 5
    assert error.cure


SSO = "https://github.com/orgs/acme/sso?authorization_request=A1B2"


@pytest.mark.parametrize(
    ("authorize", "needs", "cure"),
    [
        (SSO, "", f"Authorize the token for the organization: {SSO}"),
        ("", "`contents: write`", "GitHub names what it takes: `contents: write`."),
    ],
)
def test_what_github_says_beside_a_refusal_is_what_to_do(
    authorize: str, needs: str, cure: str
) -> None:
    found = at("https://github.com/acme/tools")
    assert found is not None
    said = "Resource protected by organization SAML enforcement." if authorize else "Forbidden"
    error = found.error(SaysNo(403, "", said, authorize=authorize, needs=needs), "main")
    assert error.cure.endswith(cure)

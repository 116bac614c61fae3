"""Which repository a remote is, and what GitHub's refusals mean."""

from __future__ import annotations

import pytest

from wheelstep.ground.github import SaysNo
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.github_repository import GitHubRepository

JOB = {"GITHUB_SERVER_URL": "https://git.example.org"}


def at(url: str, environment: dict[str, str] | None = None) -> GitHubRepository | None:
    return GitHubRepository.at(
        url, transport=Transport({}), token=Secret("made-up-token"), environment=environment or {}
    )


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/acme/tools.git", "https://api.github.com"),
        ("https://someone:secret@github.com/acme/tools", "https://api.github.com"),
        ("git@github.com:acme/tools.git", "https://api.github.com"),
        ("ssh://git@github.com/acme/tools.git", "https://api.github.com"),
        ("https://acme.ghe.com/acme/tools/", "https://api.acme.ghe.com"),
        ("https://git.example.org/acme/tools.git", "https://git.example.org/api/v3"),
    ],
)
def test_a_remote_on_a_github_is_known(url: str, api: str) -> None:
    found = at(url, JOB)
    assert found is not None
    assert (found.full_name, found.calls.api) == ("acme/tools", api)
    assert "secret" not in found.shown


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
        (403, "", "Repository was archived so is read-only.", "push-forbidden"),
        (403, "", "Resource protected by organization SAML enforcement.", "push-forbidden"),
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
        (200, "NOT_FOUND", "Could not resolve to a Repository", "repository-not-found"),
        (307, "", "It has moved to https://api.github.com/repositories/7.", "remote-moved"),
        (422, "", "Something that nobody has seen", "remote-refused"),
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

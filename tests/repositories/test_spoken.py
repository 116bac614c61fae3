"""What hosts say no with in words of their own means the same by git and by the API."""

from __future__ import annotations

import pytest

from wheelstep.ground.github import SaysNo
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.answers import error_for
from wheelstep.repositories.github_repository import GitHubRepository

URL = "https://github.com/acme/tools"
PUSH = "remote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: "
RULES = "Repository rule violations found\n\n"


@pytest.mark.parametrize(
    ("said", "code", "exit_code", "cure"),
    [
        (f"{PUSH}- GITHUB PUSH PROTECTION\nremote: Push cannot contain secrets", "secret-refused",
         4, "revoke it"),
        (f"{RULES}Secret detected in content", "secret-refused", 4, "revoke it"),
        ("remote: error GH009: Secrets detected! This push failed.", "secret-refused", 4,
         "revoke it"),
        (("remote: error: GH007: Your push would publish a private email address.\n ! [remote "
         "rejected] main -> main (push declined due to email privacy restrictions)"),
         "author-refused", 5, "noreply"),
        (("remote: You have exceeded a secondary rate limit. Please wait a few minutes.\nfatal: "
         "The requested URL returned error: 403"), "rate-limited", 6, "later"),
        ("TF400: VS403654: The push was rejected because it contains one or more secrets.",
         "secret-refused", 4, "revoke it"),
        (("remote: error: GH001: Large files detected.\nremote: error: File x.whl is 120.00 MB; "
         "this exceeds GitHub's file size limit of 100.00 MB\n ! [remote rejected] main -> main "
         "(pre-receive hook declined)"), "commit-too-large", 4, "`version` or `url`"),
        (f"{PUSH}- Commits must have verified signatures.", "branch-protected", 5,
         "`commit-with: github`"),
        (f"{RULES}Changes must be made through the merge queue", "branch-protected", 5,
         "goes into the queue"),
        (f"{PUSH}- Changes must be made through a pull request.", "branch-protected", 5,
         "`commit: pull-request`"),
        (("Resource protected by organization SAML enforcement. You must grant your "
         "Personal Access token access to this organization."), "sso-required", 5, "Configure SSO"),
        (("remote: The 'acme' organization has enabled or enforced SAML SSO.\nfatal: unable to "
         f"access '{URL}/': The requested URL returned error: 403"),
         "sso-required", 5, "Configure SSO"),
        (("Although you appear to have the correct authorization credentials, the `acme` "
         "organization has an IP allow list enabled, and your IP address is not permitted to "
         "access this "
         "resource."), "address-not-allowed", 5, "on the list"),
        ("This installation has been suspended", "account-suspended", 5, "GitHub Apps"),
        ("Sorry. Your account was suspended.", "account-suspended", 5, "another token"),
        ("Repository was archived so is read-only.", "repository-archived", 5, "Unarchive"),
        (("ERROR: This repository was archived so it is read-only.\nfatal: Could not read from "
         "remote repository."), "repository-archived", 5, "Unarchive"),
        ("Access to this repository has been disabled by GitHub staff.", "repository-disabled", 5,
         "on its page"),
        ("Repository access blocked", "repository-disabled", 5, "on its page"),
        (("refusing to allow a GitHub App to create or update workflow `.github/workflows/x.yml` "
         "without `workflows` permission"), "push-forbidden", 5, "`workflows: write`"),
    ],
)  # fmt: skip
def test_it_is_known_by_its_words(said: str, code: str, exit_code: int, cure: str) -> None:
    at = GitHubRepository.at(
        URL, transport=Transport({}), token=Secret("made-up-token"), environment={}
    )
    assert at is not None
    # whatever status or type it comes with
    by_api = [at.error(SaysNo(*how, said), "main") for how in ((403, ""), (200, "UNPROCESSABLE"))]
    for error in (error_for(said, remote=URL, branch="main"), *by_api):
        assert (error.code, error.exit_code) == (code, exit_code)
        assert cure in error.cure
        assert URL in error.message
        # GitHub lets its own Actions into no list of who may bypass a rule
        assert ("job's own token cannot" in error.cure) == (code == "branch-protected")

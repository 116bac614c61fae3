"""What a user reads when Azure Repos says no: the API's and git's refusals alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories.azure_kit import azure
from tests.repositories.support import pin
from wheelstep.errors import ServiceRefused
from wheelstep.ground.transport import Transport
from wheelstep.repositories.answers import error_for, lost_race
from wheelstep.repositories.azure_repository import AzureRepository, SaysNo
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.land import land

URL = "https://dev.azure.com/acme/Train/_git/tools"
STALE = (
    "TF401028: The reference 'refs/heads/main' has already been updated by another client, so you "
    "cannot update it. Please try again."
)
PROTECTED = (
    "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this "
    "branch."
)
AUTHOR = (
    "VS403702: The push was rejected because one or more commits contain author email "
    "'build@acme.example' which does not match the policy-specified patterns."
)
PATH = (
    "VS403729: The push was rejected because commit '6fbe8dc' contains a path, which exceeds the "
    "maximum length of 32766 characters."
)
LARGE = (
    "TF402462: This push was rejected because its size is greater than the 5120 MB limit for "
    "pushes in this repository."
)
LIMITED = (
    "TF400733: The request has been canceled: Request was blocked due to exceeding usage of "
    "resource 'Concurrency' in namespace 'User'."
)
SECRET = "VS403654: The push was rejected because it contains one or more secrets."
RIGHT = (
    "TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: "
    "identity 'Build\\0f0f', scope 'repository'."
)
MISSING = (
    "TF401019: The Git repository with name or identifier tools does not exist or you do not have "
    "permissions for the operation you are attempting."
)
PROJECT = "TF200016: The following project does not exist: Train."
STRANGER = "TF400813: The user 'aaaaaaaa' is not authorized to access this resource."
CASE = (
    "VS403000: The push was rejected because 'ENVS/a.yml' differs from 'envs/a.yml' in case only."
)


EXIT_CODES = {"rate-limited": 6, "secret-refused": 4, "commit-too-large": 4}


@pytest.mark.parametrize(
    ("status", "kind", "said", "code", "message", "cure"),
    [
        (403, "", PROTECTED, "branch-protected", "main at {} is protected", "pull-request"),
        (403, "GitReferenceUpdateException", PROTECTED, "branch-protected", "is protected",
         "bypass"),
        (403, "GitNeedsPermissionException", RIGHT, "push-forbidden", "'GenericContribute'",
         "build service"),
        (403, "GitNeedsPermissionException", "Sie ben\u00f6tigen eine Berechtigung.",
         "push-forbidden", "no right to do this at {}", "Contribute"),
        (404, "GitRepositoryNotFoundException", MISSING, "repository-not-found",
         "no repository at {}", "Check the remote's URL"),
        (404, "ProjectDoesNotExistWithNameException", PROJECT, "repository-not-found",
         "no repository at {}", "Check the remote's URL"),
        (400, "GitRepositoryNotFoundException", "Nicht gefunden.", "repository-not-found",
         "no repository at {}", "Check the remote's URL"),
        (401, "UnauthorizedRequestException", STRANGER, "not-authenticated",
         "{} does not know who is asking", "`repository-token`"),
        (403, "", STRANGER, "not-authenticated", "{} does not know who is asking", "token"),
        (403, "", AUTHOR, "author-refused", "takes no commits by this author",
         "`commit-author`"),
        (400, "", AUTHOR, "author-refused", "takes no commits by this author",
         "`commit-author`"),
        (400, "", PATH, "push-refused", "A policy of the repository at {}", "Policies"),
        (400, "", CASE, "push-refused", "A policy of the repository at {}", "Policies"),
        (400, "", LARGE, "commit-too-large", "larger than {} takes", "`url`"),
        (400, "", SECRET, "secret-refused", "{} sees a secret", "revoke it"),
        (403, "RequestBlockedException", LIMITED, "rate-limited", "{} limits how often", "later"),
        (400, "InvalidArgumentValueException", "Invalid argument value.", "remote-refused",
         "{} refused: Invalid argument value.", "by hand"),
    ],
)  # fmt: skip
def test_each_refusal_says_what_it_is_and_what_to_do(  # noqa: PLR0917 - columns of a table
    status: int, kind: str, said: str, code: str, message: str, cure: str
) -> None:
    with Transport({}) as transport:
        at = AzureRepository.at(URL, transport=transport, token=None)
        assert at is not None
        no = SaysNo(status, said, kind)
        error = at.error(no, "main")
    assert not no.is_lost_race
    assert (error.code, error.exit_code) == (code, EXIT_CODES.get(code, 5))
    assert message.format(URL) in error.message
    assert error.message.endswith(said)
    assert cure in error.cure
    if said[:2] in {"TF", "VS"}:  # by git the same is read
        refused = f"! [remote rejected] main -> main ({said})"
        assert error_for(refused, remote=URL, branch="main").code == code


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (409, "GitReferenceStaleException", STALE),
        (400, "GitReferenceStaleException", "Der Verweis wurde bereits aktualisiert."),
        (409, "GitReferenceUpdateException", "The reference could not be updated."),
        (400, "", STALE),
        (200, "staleOldObjectId", "staleOldObjectId"),
    ],
)
def test_a_branch_that_has_moved_is_a_lost_race(status: int, kind: str, said: str) -> None:
    assert SaysNo(status, said, kind).is_lost_race
    assert lost_race(said) == said.startswith("TF401028")


def test_an_author_whom_the_policy_refuses_is_cured_by_the_setting(
    tmp_path: Path, seed: Path
) -> None:
    with azure(tmp_path, seed) as there:
        there.server.email = "@people.example"
        clone = there.clone("clone", "--depth=1")
        with pytest.raises(ServiceRefused, match="author email") as caught:
            land(there.push(clone), pin(), "Pin", clock=there.clock)
        assert caught.value.code == "author-refused"
        allowed = Identity("Wheel Step", "step@people.example")
        land(there.push(clone, author=allowed), pin(), "Pin", clock=there.clock)
        about = there.world.git(there.bare, "log", "-1", "--format=%an <%ae>", "main")
        assert about == "Wheel Step <step@people.example>"

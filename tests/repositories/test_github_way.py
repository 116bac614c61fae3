"""Commits that GitHub makes itself, read back with git."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.repositories.github_kit import (
    CI,
    FAULTS,
    NAME,
    NOW,
    STABLE,
    AtGitHub,
    message_of,
    nothing,
    somebody_pushes,
)
from tests.servers.github_graphql import schema
from wheelstep.errors import Refused, ServiceRefused, ServiceUnavailable
from wheelstep.repositories import github_way

NEW = b"dependencies:\n- acme==2.0\n"


# -- a commit on a branch


def test_a_commit_reaches_the_branch_and_is_signed_by_github(github: AtGitHub) -> None:
    noted: list[str] = []
    draft = github.draft()
    made = github.way().commit("main", draft, noted.append)
    assert made == github.head()
    assert noted == [made]
    assert made in github.server.verified
    clone = github.cloned("clone")
    assert (clone / "conda.yml").read_bytes() == NEW
    said = github.world.git(clone, "log", "-1", "--format=%P|%an|%cn|%B")
    assert said.strip() == f"{draft.on.head}|ci|GitHub|Pin acme 2.0\n\nBecause it is out."


def test_a_commit_changes_its_own_files_and_no_others(github: AtGitHub) -> None:
    wished = {
        "new/env.yml": b"\xff\x00raw\r\n",
        "windows.txt": None,
        "envs/b\u00fccher \u2603.yml": b"x",
    }
    github.way().commit("main", github.draft(wished), nothing)
    changed = github.git("diff-tree", "-r", "-z", "--name-status", "main^", "main").split("\0")
    assert changed == [
        "M",
        "envs/b\u00fccher \u2603.yml",
        "A",
        "new/env.yml",
        "D",
        "windows.txt",
        "",
    ]
    assert (github.cloned("clone") / "new/env.yml").read_bytes() == b"\xff\x00raw\r\n"
    listed = github.git("ls-tree", "main")
    assert "100755 blob" in listed, "the executable file beside it stays executable"
    assert "120000 blob" in listed, "and the links stay links"


def test_a_branch_that_moved_is_told_by_none(github: AtGitHub) -> None:
    draft = github.draft()
    theirs = somebody_pushes(github)
    noted: list[str] = []
    assert github.way().commit("main", draft, noted.append) is None
    assert github.head() == theirs
    assert noted == []


def test_a_branch_that_is_gone_is_told_by_none(github: AtGitHub) -> None:
    draft = github.draft()
    assert github.way().commit("gone", draft, nothing) is None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_answer_is_looked_after(github: AtGitHub, fault: Any) -> None:
    draft = github.draft()
    github.server.trouble(fault, "createCommitOnBranch")
    noted: list[str] = []
    made = github.way().commit("main", draft, noted.append)
    assert not github.server.ordered
    assert made == github.head()
    assert noted == [made]
    assert github.git("rev-list", "--count", f"{draft.on.head}..main") == "1"


def test_a_commit_that_landed_is_found_below_what_came_after_it(github: AtGitHub) -> None:
    draft = github.draft()
    made = github.way().commit("main", draft, nothing)
    somebody_pushes(github)
    # what a run does whose answer was lost
    assert github.way().commit("main", draft, nothing) == made


def test_the_same_words_on_other_files_are_not_our_commit(github: AtGitHub) -> None:
    draft = github.draft()
    github.way().commit("main", github.draft({"conda.yml": b"theirs\n"}, on=draft.on), nothing)
    assert github.way().commit("main", draft, nothing) is None


def test_the_same_commit_on_another_head_is_not_ours(github: AtGitHub) -> None:
    draft = github.draft()
    somebody_pushes(github)
    github.way().commit("main", github.draft(), nothing)  # another run of the same pipeline
    assert github.way().commit("main", draft, nothing) is None


def test_a_branch_that_github_says_has_moved_has(github: AtGitHub) -> None:
    draft = github.draft()
    github.server.trouble("stale", "createCommitOnBranch")
    assert github.way().commit("main", draft, nothing) is None
    assert github.head() == draft.on.head


def test_a_commit_of_many_files_is_found_again(github: AtGitHub) -> None:
    files: dict[str, bytes | None] = {f"many/{number}.txt": b"%d" % number for number in range(120)}
    draft = github.draft(files | {"windows.txt": None})
    made = github.way().commit("main", draft, nothing)
    assert github.way().commit("main", draft, nothing) == made
    assert github.server.labels().count("Files") == 3


def test_ten_runs_at_once_lose_nobodys_file(github: AtGitHub) -> None:
    on = github.snapshot()  # the objects of the first head

    def run(number: int) -> int:
        way, tries = github.way(), 0
        while True:
            tries += 1
            head = github.snapshot() if tries > 1 else on
            draft = github.draft({f"run-{number}.txt": b"%d" % number}, on=head)
            if way.commit("main", draft, nothing) is not None:
                return tries

    with ThreadPoolExecutor(10) as pool:
        tries = list(pool.map(run, range(10)))
    assert max(tries) > 1, "somebody lost a race"
    assert github.git("rev-list", "--count", f"{on.head}..main") == "10"
    assert github.git("rev-list", "--count", "--merges", "main") == "0"
    clone = github.cloned("clone")
    assert all((clone / f"run-{number}.txt").is_file() for number in range(10))


# -- what GitHub's API cannot commit


def test_an_executable_file_is_refused_before_anything_is_sent(github: AtGitHub) -> None:
    draft = github.draft({"tool.sh": b"#!/bin/sh\necho\n"})
    with pytest.raises(Refused) as raised:
        github.way().commit("main", draft, nothing)
    assert message_of(raised.value) == (
        "mode-not-possible: tool.sh is executable, and a commit that is made by GitHub's API cannot"
        " keep that: the file would come out without the permission. | Set `commit-with: git`: then"
        " the commit is made here and pushed."
    )
    assert raised.value.file == "tool.sh"
    assert github.server.calls == []


def test_an_executable_file_may_go(github: AtGitHub) -> None:
    assert github.way().commit("main", github.draft({"tool.sh": None}), nothing)
    assert "tool.sh" not in github.git("ls-tree", "main")


def test_too_much_at_once_is_refused(github: AtGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_way, "LARGEST", 10)
    with pytest.raises(Refused, match="brings more than") as raised:
        github.way().replace(STABLE, None, github.draft(), nothing)
    assert raised.value.code == "commit-too-large"
    assert github.server.calls == []


def test_a_name_that_is_no_text_is_refused(github: AtGitHub) -> None:
    draft = github.draft({"caf\udce9.yml": b"x"})
    with pytest.raises(Refused, match="no UTF-8") as raised:
        github.way().commit("main", draft, nothing)
    assert raised.value.code == "path-not-possible"


# -- refusals, as the user reads them


@pytest.mark.parametrize(
    ("how", "said"),
    [("rule", "Changes must be made through a pull request."),
     ("ruleset", "Repository rule violations found Changes must be made through a pull request.")],
)  # fmt: skip
def test_a_protected_branch_refuses_as_it_does_a_push(
    github: AtGitHub, how: Any, said: str
) -> None:
    github.server.protected[NAME, "main"] = how
    with pytest.raises(ServiceRefused) as raised:
        github.way().commit("main", github.draft(), nothing)
    assert message_of(raised.value) == (
        f"branch-protected: main at {github.url} is protected, and the rule refused the push:"
        f" {said} | Either let the account that pushes bypass the rule, in the branch's protection"
        " or policy settings (on GitHub an app or a person can, whose token is `repository-token`"
        " then, and the job's own token cannot; on Azure Repos it takes the permission Bypass"
        " policies when pushing), or set `commit: pull-request` (GitHub, Azure Repos), and the same"
        " change is proposed instead. What is published stays, and is not uploaded again."
    )


def test_a_token_that_only_reads_may_not_commit(github: AtGitHub) -> None:
    with pytest.raises(ServiceRefused) as raised:
        github.way("reader-pass-3").commit("main", github.draft(), nothing)
    assert message_of(raised.value) == (
        f"push-forbidden: The account that asks has no right to do this at {github.url}: Resource"
        " not accessible by personal access token | Give it write access: on GitHub `permissions:"
        " contents: write` for the job's token, on Azure Repos the permission Contribute for the"
        " build service. Or use another token."
    )


def test_who_may_not_see_the_repository_is_told_both_that_it_can_be(github: AtGitHub) -> None:
    draft, token = github.draft(), "stranger-pass-6"
    for write in (
        lambda: github.way(token).commit("main", draft, nothing),
        lambda: github.way(token).replace(STABLE, None, draft, nothing),
        lambda: github.way(token).remove("main", draft.on.head),
    ):
        with pytest.raises(ServiceRefused) as raised:
            write()
        assert message_of(raised.value) == (
            f"repository-not-found: There is no repository at {github.url}, or the account that"
            f" asks may not see it: Could not resolve to a Repository with the name '{NAME}'. |"
            " Check the remote's URL, and that the token may read the repository."
        )
    with pytest.raises(ServiceRefused, match="or the account that asks may not see it: Not Found"):
        github.way(token).tag("v1", draft.on.head)


def test_a_wrong_token_is_told(github: AtGitHub) -> None:
    with pytest.raises(ServiceRefused) as raised:
        github.way("made-up-token-9").commit("main", github.draft(), nothing)
    assert message_of(raised.value) == (
        f"not-authenticated: {github.url} does not know who is asking: there are no credentials, or"
        " they are wrong or have expired: Bad credentials | Set `repository-token`"
        " (`definition-repository-token` where the definitions are in another repository) to a"
        " valid token that may push there; or let the checkout step keep its credentials"
        " (`persist-credentials` on GitHub, `persistCredentials` on Azure)."
    )
    assert "made-up-token-9" not in json.dumps(raised.value.message)


def test_what_a_proxy_answers_is_not_taken_for_githubs_word(github: AtGitHub) -> None:
    github.server.trouble("page", "createCommitOnBranch")
    with pytest.raises(ServiceRefused, match="something that is not GitHub's") as raised:
        github.way().commit("main", github.draft(), nothing)
    assert raised.value.code == "answer-unreadable"


# -- limits of the rate


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("secondary", 3), ("unnamed", 60), ("primary", 90), ("graphql-limit", 90)],
)
def test_a_limit_is_waited_for(github: AtGitHub, limit: Any, seconds: float) -> None:
    github.server.reset_at = int(NOW) + 90
    github.server.trouble(limit, "createCommitOnBranch")
    assert github.way().commit("main", github.draft(), nothing) == github.head()
    assert seconds <= sum(github.clock.waits) <= seconds + 2


@pytest.mark.parametrize("limit", ["primary", "graphql-limit"])
def test_a_limit_that_lasts_too_long_ends_the_run(github: AtGitHub, limit: Any) -> None:
    github.server.reset_at = int(NOW) + 40 * 60
    github.server.trouble(limit, "createCommitOnBranch")
    draft = github.draft()
    with pytest.raises(ServiceUnavailable) as raised:
        github.way().commit("main", draft, nothing)
    assert raised.value.code == "rate-limited"
    assert "GitHub limits how often this account may ask, for about 40 minutes more." in (
        raised.value.message
    )
    assert raised.value.exit_code == 6
    assert github.clock.waits == []
    assert github.head() == draft.on.head


# -- who is sent what


def test_the_token_goes_to_the_api_alone(github: AtGitHub) -> None:
    github.way().replace(STABLE, None, github.draft(), nothing)
    assert {call.authorization for call in github.server.calls} == {f"Bearer {CI}"}


def test_a_repository_that_was_renamed_is_told(github: AtGitHub) -> None:
    github.server.renamed[NAME] = "acme/newer"
    with pytest.raises(ServiceRefused) as raised:
        github.way().tag("v1", github.head() or "")
    assert raised.value.code == "remote-moved"
    assert "git remote set-url" in raised.value.cure


def test_the_schema_is_githubs() -> None:
    mutation = schema().mutation_type
    assert mutation is not None
    assert {"createCommitOnBranch", "updateRefs"} <= set(mutation.fields)

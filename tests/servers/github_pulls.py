"""Pull requests of the GitHub stand-in."""

from __future__ import annotations

import re
from typing import Any

from tests.servers.github import GitHubServer, Pull, SaysNo
from tests.servers.github_git import Update, commit_of, made_commit, move, ref_at, run
from tests.servers.github_rest import Answer, Asked, need

__all__ = ["PULL_ROUTES", "settle", "shown"]

MERGED_AT = "2026-01-02T03:04:05Z"
LONGEST_BODY = 65_536


def settle(state: GitHubServer, repository: str) -> None:
    """Let open pull requests notice where their branches are: one whose branch is gone, or has
    nothing that its base has not, is closed."""
    bare = state.bare(repository)
    for pull in state.pulls.get(repository, ()):
        if pull.state != "open" or pull.head_repository != repository:
            continue
        head = ref_at(bare, f"refs/heads/{pull.head}")
        pull.sha = head or pull.sha
        if head is None or _nothing_new(state, repository, pull.base, pull.head):
            pull.state = "closed"


def shown(state: GitHubServer, repository: str, pull: Pull) -> dict[str, Any]:
    """A pull request as the API has it."""
    page = f"{state.url}/{repository}/pull/{pull.number}"
    return {
        "number": pull.number,
        "node_id": f"PR_{repository}#{pull.number}",
        "html_url": page,
        "state": pull.state,
        "title": pull.title,
        "body": pull.body,
        "draft": pull.draft,
        "merged_at": MERGED_AT if pull.merged else None,
        "auto_merge": {"merge_method": pull.auto_merge} if pull.auto_merge else None,
        "labels": [{"name": name} for name in pull.labels],
        "requested_reviewers": [{"login": name} for name in pull.reviewers],
        "requested_teams": [{"slug": name} for name in pull.teams],
        "user": {"login": pull.author},
        "head": {"ref": pull.head, "sha": pull.sha, "repo": {"full_name": pull.head_repository}},
        "base": {"ref": pull.base},
    }


def _nothing_new(state: GitHubServer, repository: str, base: str, head: str) -> bool:
    ancestor = ("merge-base", "--is-ancestor", f"refs/heads/{head}", f"refs/heads/{base}")
    return run(state.bare(repository), *ancestor)[0] == 0


def _one(asked: Asked, found: re.Match[str]) -> Pull:
    pulls = asked.state.pulls.get(asked.repository, [])
    number = int(found["number"])
    if not 0 < number <= len(pulls):
        raise SaysNo(404, "Not Found")
    return pulls[number - 1]


def _invalid(message: str = "", *, field: str = "", code: str = "custom") -> SaysNo:
    error = {"resource": "PullRequest", "code": code}
    error |= {"message": message} if message else {"field": field}
    return SaysNo(422, "Validation Failed", errors=[error])


def _check_text(body: dict[str, Any]) -> None:
    if len(body.get("body") or "") > LONGEST_BODY:
        error = {"resource": "Issue", "code": "custom", "field": "body",
                 "message": f"body is too long (maximum is {LONGEST_BODY} characters)"}  # fmt: skip
        raise SaysNo(422, "Validation Failed", errors=[error])


def _list(asked: Asked, _: re.Match[str]) -> tuple[int, Any]:
    wanted = asked.parameters
    owner, colon, branch = wanted.get("head", "").partition(":")
    found = []
    if asked.state.unlisted:
        asked.state.unlisted -= 1
        return 200, []
    for pull in reversed(asked.state.pulls.get(asked.repository, [])):
        fits = wanted.get("state", "open") in {"all", pull.state}
        fits &= wanted.get("base", pull.base) == pull.base
        if colon:  # a filter without an owner is none
            fits &= (owner, branch) == (pull.head_repository.split("/")[0], pull.head)
        if fits:
            found.append(shown(asked.state, asked.repository, pull))
    return 200, found[: int(wanted.get("per_page", "30"))]


def _open(asked: Asked, _: re.Match[str]) -> tuple[int, Any]:
    if asked.token.job and not asked.state.jobs_open_pulls:
        raise SaysNo(403, "GitHub Actions is not permitted to create or approve pull requests.")
    need(asked, "pulls")
    body, state, bare = asked.body, asked.state, asked.state.bare(asked.repository)
    _check_text(body)
    head = ref_at(bare, f"refs/heads/{body['head']}")
    for name in ("head", "base"):
        if ref_at(bare, f"refs/heads/{body[name]}") is None:
            raise _invalid(field=name, code="invalid")
    pulls = state.pulls.setdefault(asked.repository, [])
    for pull in pulls:
        if (pull.state, pull.head, pull.base) == ("open", body["head"], body["base"]):
            owner = asked.repository.split("/")[0]
            raise _invalid(f"A pull request already exists for {owner}:{body['head']}.")
    if _nothing_new(state, asked.repository, body["base"], body["head"]):
        raise _invalid(f"No commits between {body['base']} and {body['head']}")
    if body.get("draft") and not state.drafts:
        raise SaysNo(422, "Draft pull requests are not supported in this repository.")
    pull = Pull(
        len(pulls) + 1, body["title"], body.get("body") or "", body["head"], body["base"],
        asked.repository, asked.token.login, draft=bool(body.get("draft")), sha=head or "",
    )  # fmt: skip
    pulls.append(pull)
    return 201, shown(state, asked.repository, pull)


def _get(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    return 200, shown(asked.state, asked.repository, _one(asked, found))


def _patch(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    need(asked, "pulls")
    pull = _one(asked, found)
    _check_text(asked.body)
    pull.title = asked.body.get("title", pull.title)
    pull.body = asked.body.get("body", pull.body)
    pull.state = asked.body.get("state", pull.state)
    return 200, shown(asked.state, asked.repository, pull)


def _resolved(asked: Asked, pull: Pull) -> None:
    """Refuse what comes before a pull request is known everywhere."""
    if asked.state.unresolved:
        asked.state.unresolved -= 1
        message = f"Could not resolve to a node with the global id of 'PR_{pull.number}'."
        error = {"resource": "Label", "code": "unprocessable", "field": "data", "message": message}
        raise SaysNo(422, "Validation Failed", errors=[error])


def _label(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    need(asked, "pulls")
    pull = _one(asked, found)
    _resolved(asked, pull)
    if any(len(name) > 50 for name in asked.body["labels"]):
        error = {"resource": "Label", "code": "custom", "field": "name",
                 "message": "name is too long (maximum is 50 characters)"}  # fmt: skip
        raise SaysNo(422, "Validation Failed", errors=[error])
    pull.labels += [name for name in asked.body["labels"] if name not in pull.labels]
    return 200, [{"name": name} for name in pull.labels]


def _request_reviews(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    need(asked, "pulls")
    pull, state = _one(asked, found), asked.state
    _resolved(asked, pull)
    users, teams = asked.body["reviewers"], asked.body["team_reviewers"]
    if pull.author in users:
        raise SaysNo(422, "Review cannot be requested from pull request author.")
    if teams and asked.token.job:
        unknown = "Could not resolve to a node with the global id of 'T_1'."
        raise SaysNo(422, "Validation Failed", errors=[unknown])
    if not set(users) <= state.collaborators or not set(teams) <= state.teams:
        raise SaysNo(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams"
            f" you specified is not a collaborator of the {asked.repository} repository.",
        )
    pull.reviewers += [name for name in users if name not in pull.reviewers]
    pull.teams += [name for name in teams if name not in pull.teams]
    return 201, shown(state, asked.repository, pull)


def _reviews(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    return 200, [{"user": {"login": name}} for name in _one(asked, found).reviews]


def _comments(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    pull = _one(asked, found)
    if asked.method == "GET":
        return 200, [{"body": text} for text in pull.comments]
    need(asked, "pulls")
    if pull.number in asked.state.locked:
        raise SaysNo(403, "Unable to create comment because issue is locked.")
    pull.comments.append(asked.body["body"])
    return 201, {"body": asked.body["body"]}


def _merge(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    need(asked, "contents")
    pull, state, bare = _one(asked, found), asked.state, asked.state.bare(asked.repository)
    method = asked.body.get("merge_method", "merge")
    if method not in state.methods:
        raise SaysNo(405, f"{method.capitalize()} merges are not allowed on this repository.")
    if asked.body.get("sha", pull.sha) != pull.sha:
        raise SaysNo(409, "Head branch was modified. Review and try the merge again.")
    if (asked.repository, pull.base) in state.queues:
        said = "Changes must be made through the merge queue"
        raise SaysNo(405, f"Repository rule violations found\n\n{said}\n\n")
    if state.passing:
        state.passing -= 1
        raise SaysNo(405, "Base branch was modified. Review and try the merge again.")
    if pull.state != "open" or pull.draft or state.waits:
        raise SaysNo(405, "Pull Request is not mergeable")
    base, head = ref_at(bare, f"refs/heads/{pull.base}"), commit_of(bare, pull.sha)
    assert base is not None
    assert head is not None
    made = pull.sha
    if method != "rebase":
        parents = [base] if method == "squash" else [base, pull.sha]
        made = made_commit(bare, head.tree, parents, asked.token.login, pull.title)
    move(bare, [Update(f"refs/heads/{pull.base}", base, made)])
    pull.state, pull.merged = "closed", True
    return 200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"}


NUMBER = r"(?P<number>\d+)"
PULL_ROUTES: dict[str, Answer] = {
    r"GET /pulls": _list,
    r"POST /pulls": _open,
    rf"GET /pulls/{NUMBER}": _get,
    rf"PATCH /pulls/{NUMBER}": _patch,
    rf"PUT /pulls/{NUMBER}/merge": _merge,
    rf"POST /pulls/{NUMBER}/requested_reviewers": _request_reviews,
    rf"GET /pulls/{NUMBER}/reviews": _reviews,
    rf"POST /issues/{NUMBER}/labels": _label,
    rf"(?:GET|POST) /issues/{NUMBER}/comments": _comments,
}

"""What an Azure Repos does to branches and tags: pushes and updates of refs, with git below."""

from __future__ import annotations

import base64
from typing import Any

from tests.servers.azure_repos import AzureReposServer, SaysNo, Token
from tests.servers.github_git import Moved, Update, commit_of, commit_on, move, read, ref_at

__all__ = ["list_pushes", "list_refs", "push", "update_ref"]

ZEROS = "0" * 40


def _may_write(token: Token, permission: str) -> None:
    message = (
        f"TF401027: You need the Git '{permission}' permission to perform this action. Details: "
        f"identity 'Build\\{token.id}', scope 'repository'."
    )
    if not token.contributes:
        raise SaysNo(403, message, "GitNeedsPermissionException")


def _guard(state: AzureReposServer, name: str, ref: str) -> None:
    if (name, ref.removeprefix("refs/heads/")) in state.policies:
        message = (
            "TF402455: Pushes to this branch are not permitted; you must use a pull request to "
            "update this branch."
        )
        raise SaysNo(403, message, "GitRefUpdateRejectedByPolicyException")


def push(state: AzureReposServer, token: Token, name: str, body: Any) -> Any:
    _may_write(token, "GenericContribute")
    [update], [commit] = body["refUpdates"], body["commits"]
    ref, old, bare = update["name"], update["oldObjectId"], state.bare(name)
    _guard(state, name, ref)
    author = commit.get("author") or {"name": token.name, "email": "build@acme.example"}
    if state.email and not author["email"].endswith(state.email):
        message = (
            "VS403702: The push was rejected because one or more commits contain author email "
            f"'{author['email']}' which does not match the policy-specified patterns."
        )
        raise SaysNo(403, message, "GitCommitAuthorRefusedException")
    new = ref_at(bare, ref) is None
    if new and commit_of(bare, old) is None:
        raise SaysNo(404, f"TF401035: The object '{old}' does not exist.")
    additions: dict[str, bytes] = {}
    deletions = []
    for change in commit["changes"]:
        path = change["item"]["path"].removeprefix("/")
        there = read(bare, "cat-file", "-e", f"{old}:{path}") is not None
        if there != (change["changeType"] != "add"):
            message = f"TF401174: The item '/{path}' is there already, or could not be found."
            raise SaysNo(400, message, "GitItemNotFoundException")
        if change["changeType"] == "delete":
            deletions.append(path)
            continue
        given = change["newContent"]
        assert given["contentType"] == "base64Encoded"
        additions[path] = base64.b64decode(given["content"])
    try:
        # a branch that is not there is made, with `oldObjectId` as the commit's parent
        made = commit_on(
            bare, ref.removeprefix("refs/heads/"), old, author=author["name"],
            email=author["email"], message=commit["comment"], additions=additions,
            deletions=deletions, new=new,
        )  # fmt: skip
    except Moved as error:
        message = (
            f"TF401028: The reference '{ref}' has already been updated by another client, so you "
            "cannot update it. Please try again."
        )
        raise SaysNo(409, message, "GitReferenceStaleException") from error
    was = ZEROS if new and state.tells_new else old
    done = {"name": ref, "oldObjectId": was, "newObjectId": made}
    state.pushes.setdefault(name, []).append(done)
    return {"pushId": 7, "commits": [{"commitId": made}], "refUpdates": [done]}


def list_pushes(state: AzureReposServer, name: str, query: dict[str, list[str]]) -> Any:
    ref = query["searchCriteria.refName"][0]
    assert query["searchCriteria.includeRefUpdates"] == ["True"]
    found = [one for one in reversed(state.pushes.get(name, [])) if one["name"] == ref]
    value = [{"pushId": 7, "refUpdates": [one]} for one in found[: int(query["$top"][0])]]
    return {"count": len(value), "value": value}


def list_refs(state: AzureReposServer, name: str, start: str) -> Any:
    listed = read(state.bare(name), "for-each-ref", "--format=%(refname) %(objectname)") or ""
    value = [
        {"name": ref, "objectId": oid}
        for ref, oid in (line.split(" ") for line in listed.splitlines())
        if ref.startswith(f"refs/{start}")
    ]
    return {"count": len(value), "value": value}


def update_ref(state: AzureReposServer, token: Token, name: str, one: Any) -> Any:
    bare, ref = state.bare(name), one["name"]
    old, new = one["oldObjectId"], one["newObjectId"]
    said = {"name": ref, "oldObjectId": old, "newObjectId": new, "success": False}
    _may_write(token, "CreateBranch")
    if (name, ref.removeprefix("refs/heads/")) in state.policies:
        return {**said, "updateStatus": "rejectedByPolicy"}
    now = ref_at(bare, ref) or ZEROS
    if now != old:
        return {**said, "updateStatus": "staleOldObjectId"}
    if new != ZEROS and commit_of(bare, new) is None:
        return {**said, "updateStatus": "unresolvableToCommit"}
    forward = old == ZEROS or read(bare, "merge-base", "--is-ancestor", old, new) is not None
    if not token.forces and (new == ZEROS or not forward):
        return {**said, "updateStatus": "forcePushRequired"}
    try:
        move(bare, [Update(ref, old, new, force=True)])
    except Moved:
        return {**said, "updateStatus": "staleOldObjectId"}
    if new == ZEROS:
        for pull in state.pulls.get(name, []):
            if pull.source == ref and pull.status == "active":
                pull.title += " (source branch deleted)"
    return {**said, "success": True, "updateStatus": "succeeded"}

"""The REST half of the GitHub stand-in: refs and tags; pull requests are github_pulls.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.servers.github import GitHubServer, SaysNo, Token
from tests.servers.github_git import Moved, Update, commit_of, move, read, ref_at

__all__ = ["Asked", "guard", "need", "rest_answer"]

REPOSITORY = re.compile(r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)(?P<rest>/.*)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    state: GitHubServer
    token: Token
    method: str
    path: str
    query: str
    body: dict[str, Any]
    repository: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query))


def need(asked: Asked, right: str) -> None:
    """Refuse who lacks a right; to who may not even read there is nothing."""
    if not asked.token.reads or not asked.state.bare(asked.repository).is_dir():
        raise SaysNo(404, "Not Found")
    if right != "read" and not getattr(asked.token, right):
        what = "integration" if asked.token.job else "personal access token"
        raise SaysNo(403, f"Resource not accessible by {what}")


def guard(state: GitHubServer, token: Token, repository: str, branch: str) -> str | None:
    """How a branch refuses this account; None where it does not."""
    return None if token.login == "admin" else state.protected.get((repository, branch))


def rest_answer(asked: Asked) -> tuple[int, Any]:
    from tests.servers.github_pulls import PULL_ROUTES, settle

    match = REPOSITORY.fullmatch(asked.path)
    if match is None:
        raise SaysNo(404, "Not Found")
    repository = f"{match['owner']}/{match['name']}"
    if repository in asked.state.renamed:
        raise SaysNo(307, "Moved Permanently")
    asked = Asked(asked.state, asked.token, asked.method, asked.path, asked.query, asked.body,
                  repository)  # fmt: skip
    need(asked, "read")
    for pattern, answer in {**ROUTES, **PULL_ROUTES}.items():
        found = re.fullmatch(pattern, f"{asked.method} {match['rest'] or ''}")
        if found:
            with asked.state.lock:
                settle(asked.state, repository)
                try:
                    return answer(asked, found)
                finally:
                    settle(asked.state, repository)
    raise SaysNo(404, "Not Found")


def _object(asked: Asked, ref: str) -> dict[str, Any]:
    bare = asked.state.bare(asked.repository)
    oid = ref_at(bare, ref)
    if oid is None:
        raise SaysNo(404, "Not Found")
    kind = read(bare, "cat-file", "-t", oid)
    return {"ref": ref, "node_id": ref, "url": "", "object": {"type": kind, "sha": oid, "url": ""}}


def _get_ref(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    return 200, _object(asked, f"refs/{found['ref']}")


def _matching(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    bare = asked.state.bare(asked.repository)
    listed = read(bare, "for-each-ref", "--format=%(refname)") or ""
    refs = [ref for ref in listed.splitlines() if ref.startswith(f"refs/{found['ref']}")]
    return 200, [_object(asked, ref) for ref in refs]


def _post_ref(asked: Asked, _: re.Match[str]) -> tuple[int, Any]:
    need(asked, "contents")
    bare, ref, oid = asked.state.bare(asked.repository), asked.body["ref"], asked.body["sha"]
    if commit_of(bare, oid) is None:
        raise SaysNo(422, "Object does not exist")
    if ref_at(bare, ref) is not None:
        raise SaysNo(422, "Reference already exists")
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if guard(asked.state, asked.token, asked.repository, name):
        raise SaysNo(
            422,
            "Repository rule violations found\n\n"
            "Cannot create ref due to creations being restricted.\n\n",
        )
    move(bare, [Update(ref, "0" * 40, oid)])
    return 201, _object(asked, ref)


def _patch_ref(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    need(asked, "contents")
    bare, ref = asked.state.bare(asked.repository), f"refs/{found['ref']}"
    if ref_at(bare, ref) is None:
        raise SaysNo(422, "Reference does not exist")
    if guard(asked.state, asked.token, asked.repository, ref.removeprefix("refs/heads/")):
        raise SaysNo(422, "Cannot force-push to this branch")
    try:
        move(bare, [Update(ref, "", asked.body["sha"], bool(asked.body.get("force")))])
    except Moved as error:
        raise SaysNo(422, str(error)) from error
    return 200, _object(asked, ref)


def _delete_ref(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    need(asked, "contents")
    bare, ref = asked.state.bare(asked.repository), f"refs/{found['ref']}"
    if ref_at(bare, ref) is None:
        raise SaysNo(422, "Reference does not exist")
    if guard(asked.state, asked.token, asked.repository, ref.removeprefix("refs/heads/")):
        raise SaysNo(422, "Cannot delete a protected branch")
    move(bare, [Update(ref, "", "0" * 40)])
    return 204, None


def _tag(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    bare = asked.state.bare(asked.repository)
    inner = read(bare, "rev-parse", f"{found['sha']}^{{}}")
    if inner is None or read(bare, "cat-file", "-t", found["sha"]) != "tag":
        raise SaysNo(404, "Not Found")
    return 200, {"sha": found["sha"], "object": {"type": "commit", "sha": inner, "url": ""}}


def _commit(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    commit = commit_of(asked.state.bare(asked.repository), found["sha"])
    if commit is None:
        raise SaysNo(404, "Not Found")
    signed = commit.oid in asked.state.verified
    return 200, {
        "sha": commit.oid,
        "message": commit.message,
        "tree": {"sha": commit.tree},
        "parents": [{"sha": oid} for oid in commit.parents],
        "verification": {"verified": signed, "reason": "valid" if signed else "unsigned"},
    }


def _branch(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    oid = ref_at(asked.state.bare(asked.repository), f"refs/heads/{found['branch']}")
    if oid is None:
        raise SaysNo(404, "Branch not found")
    how = asked.state.protected.get((asked.repository, found["branch"]))
    return 200, {"name": found["branch"], "commit": {"sha": oid}, "protected": how is not None}


def _rules(asked: Asked, found: re.Match[str]) -> tuple[int, Any]:
    how = asked.state.protected.get((asked.repository, found["branch"]))
    return 200, [{"type": "pull_request"}] if how == "ruleset" else []


Answer = Callable[[Asked, re.Match[str]], tuple[int, Any]]


def _releases(asked: Asked, _: re.Match[str]) -> tuple[int, Any]:
    there = asked.state.releases.get(asked.repository, {})
    return 200, [{"tag_name": tag, **about} for tag, about in there.items()]


def _release(asked: Asked, _: re.Match[str]) -> tuple[int, Any]:
    need(asked, "contents")
    tag = asked.body["tag_name"]
    there = asked.state.releases.setdefault(asked.repository, {})
    if tag in there:
        error = {"resource": "Release", "code": "already_exists", "field": "tag_name"}
        raise SaysNo(422, "Validation Failed", errors=[error])
    there[tag] = {"name": asked.body["name"], "body": asked.body["body"]}
    return 201, {"tag_name": tag}


ROUTES: dict[str, Answer] = {
    r"GET /releases": _releases,
    r"POST /releases": _release,
    r"GET /git/ref/(?P<ref>.+)": _get_ref,
    r"GET /git/matching-refs/(?P<ref>.+)": _matching,
    r"POST /git/refs": _post_ref,
    r"PATCH /git/refs/(?P<ref>.+)": _patch_ref,
    r"DELETE /git/refs/(?P<ref>.+)": _delete_ref,
    r"GET /git/commits/(?P<sha>[0-9a-f]{40})": _commit,
    r"GET /branches/(?P<branch>.+)": _branch,
    r"GET /rules/branches/(?P<branch>.+)": _rules,
    r"GET /git/tags/(?P<sha>[0-9a-f]{40})": _tag,
}

"""What the Azure Repos stand-in answers: pushes, refs and pull requests, with real git below."""

from __future__ import annotations

import base64
import json
import re
import time
import traceback
from typing import Any, cast
from urllib.parse import parse_qs, unquote

from tests.servers import azure_repos_specs, git_http
from tests.servers.azure_repos import TOKENS, AzureReposServer, Call, Pull, SaysNo, Token
from tests.servers.azure_repos_git import list_pushes, list_refs, push, update_ref
from tests.servers.github_git import ref_at

__all__ = ["Handler", "Server"]

LARGEST = 26_214_400
VERSION = re.compile(r"api-version=(\d+\.\d)")
ZEROS = "0" * 40
PLACE = re.compile(
    r"/(?P<organization>[^/]+)/(?P<project>[^/]+)/_apis/git/repositories/(?P<name>[^/]+)"
    r"(?P<rest>/.*)?"
)
REPOSITORY = "{project}/_apis/{area}/repositories/{repositoryId}"
PULL = f"{REPOSITORY}/pullRequests/{{pullRequestId}}"
LOCATIONS = [
    ("ea98d07b-3c87-4971-8ede-a613694ffb55", "git", "pushes", 2,
     f"{REPOSITORY}/{{resource}}/{{pushId}}"),
    ("2d874a60-a811-4f62-9c9f-963a6ea0a55b", "git", "refs", 1, f"{REPOSITORY}/{{resource}}"),
    ("9946fd70-0d40-406e-b686-b4744cbbcc37", "git", "pullRequests", 1,
     f"{REPOSITORY}/{{resource}}/{{pullRequestId}}"),
    ("f22387e3-984e-4c52-9c6d-fbb8f14c812d", "git", "pullRequestLabels", 1,
     f"{PULL}/labels/{{labelIdOrName}}"),
    ("4b6702c7-aa35-4b89-9c96-b9abf6d3e540", "git", "pullRequestReviewers", 1,
     f"{PULL}/reviewers/{{reviewerId}}"),
    ("ab6e2e5d-a0b7-4153-b64a-a4efe0d49449", "git", "pullRequestThreads", 1,
     f"{PULL}/threads/{{threadId}}"),
    ("28010c54-d0c0-4c89-a5b0-1c9e188b9fb7", "IMS", "Identities", 1,
     "_apis/{resource}/{identityId}"),
    ("00d9565f-ed9c-4a06-9a50-00e7896ccab4", "Location", "ConnectionData", 1,
     "_apis/{resource}"),
]  # fmt: skip
"""Ids and templates that the `azure-devops` client asks for (7.1.0b4)."""


class Server(git_http._Server):
    """The same as git's, with a state that knows more."""

    state: AzureReposServer


class Handler(git_http._Handler):
    """One connection: what is below /_apis is here, all else is git's."""

    def do_PATCH(self) -> None:  # noqa: N802 - http.server's name
        self._answer(self._body())

    def do_PUT(self) -> None:  # noqa: N802
        self._answer(self._body())

    def do_OPTIONS(self) -> None:  # noqa: N802
        self._answer(b"")

    @property
    def state(self) -> AzureReposServer:
        return cast("Server", self.server).state

    def _answer(self, body: bytes) -> None:
        if "/_apis" in self.path:
            self._api(body)
        else:
            super()._answer(body)

    def _api(self, body: bytes) -> None:
        time.sleep(self.state.latency)
        path, _, query = self.path.partition("?")
        call = Call(self.command, unquote(path), json.loads(body) if body else None)
        self.state.sizes.append(len(body))
        with self.state.lock:
            self.state.calls.append(call)
        match self.state.take_trouble(call):
            case "503":
                self._document(503, {"message": "The service is unavailable."})
            case "429":
                self._document(429, {"message": "TF400733: delayed"}, {"Retry-After": "2"})
            case "sign-in":
                self._say(203, b"<html>Sign in</html>", {"Content-Type": "text/html"})
            case "moved":
                self._say(302, b"", {"Location": self.state.leads_to})
            case "odd":
                self._document(200, self.state.odd)
            case "drop-request":
                return
            case "503-after":
                self._worked(call, query, body)
                self._document(503, {"message": "The service is unavailable."})
            case "drop-reply":
                self._worked(call, query, body)
            case None:
                self._document(*self._worked(call, query, body))

    def _worked(self, call: Call, query: str, body: bytes) -> tuple[int, Any]:
        try:
            self.state.take_event(call)
            token = _who(self.headers.get("Authorization") or "")
            headers = dict(self.headers.items())
            if self.command != "OPTIONS":
                self._check_version(headers["Accept"])
            if len(body) > LARGEST:
                raise SaysNo(
                    413, "The page was not displayed because the request entity is too large."
                )
            found = azure_repos_specs.violations(self.command, self.path, headers, body)
            self.state.violations += [f"{self.command} {self.path}: {one}" for one in found]
            with self.state.lock:
                return _answer(self.state, token, call, parse_qs(query))
        except SaysNo as no:
            return no.status, {"$id": "1", "innerException": None, "message": no.message,
                               "typeKey": no.kind, "errorCode": 0, "eventId": 3000}  # fmt: skip
        except Exception:  # noqa: BLE001 - a mistake of this stand-in, which a test is to show
            self.state.violations.append(traceback.format_exc())
            return 500, {"message": "a mistake of the stand-in"}

    def _check_version(self, accepted: str) -> None:
        """Refuse a version that is newer than this server."""
        asked = VERSION.search(accepted)
        if asked and float(asked[1]) > self.state.version:
            message = (
                f"The requested REST API version of {asked[1]} is out of range for this server. "
                f"The latest REST API version this server supports is {self.state.version}."
            )
            raise SaysNo(400, message, "VssVersionOutOfRangeException")

    def _document(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json; charset=utf-8; api-version=7.1"}
        self._say(status, json.dumps(document).encode(), {**kind, **(headers or {})})


def _who(given: str) -> Token:
    kind, _, value = given.partition(" ")
    if kind.lower() == "basic":
        value = base64.b64decode(value).decode().partition(":")[2]
    if value not in TOKENS:
        message = "TF400813: The user 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' is not authorized to "
        raise SaysNo(401, f"{message}access this resource.", "UnauthorizedRequestException")
    return TOKENS[value]


def _answer(  # noqa: PLR0911 - a return for each route
    state: AzureReposServer, token: Token, call: Call, query: dict[str, list[str]]
) -> tuple[int, Any]:
    if call.method == "OPTIONS":
        value = [
            {"id": id_, "area": area, "resourceName": name, "routeTemplate": template,
             "resourceVersion": version, "minVersion": 1.0, "maxVersion": state.version,
             "releasedVersion": f"{min(7.1, state.version)}"}
            for id_, area, name, version, template in LOCATIONS
        ]  # fmt: skip
        return 200, {"count": len(value), "value": value}
    if call.path.lower().endswith("/_apis/connectiondata"):
        return 200, {"authenticatedUser": {"id": token.id, "providerDisplayName": token.name}}
    if call.path.lower().endswith("/_apis/identities"):
        wanted = query["filterValue"][0]
        ids = state.namesakes.get(wanted, [state.people[wanted]] if wanted in state.people else [])
        found = [{"id": id_, "isActive": True, "providerDisplayName": wanted} for id_ in ids]
        return 200, {"count": len(found), "value": found}
    place = PLACE.fullmatch(call.path)
    name = f"{place['organization']}/{place['project']}/_git/{place['name']}" if place else ""
    if place is None or not token.reads or not state.bare(name).is_dir():
        message = (
            "TF401019: The Git repository with name or identifier tools does not exist or you do "
            "not have permissions for the operation you are attempting."
        )
        raise SaysNo(404, message, "GitRepositoryNotFoundException")
    parts = (place["rest"] or "").strip("/").split("/")
    match [call.method, *parts]:
        case ["POST", "pushes"]:
            return 201, push(state, token, name, call.body)
        case ["GET", "pushes"]:
            return 200, list_pushes(state, name, query)
        case ["GET", "refs"]:
            return 200, list_refs(state, name, query.get("filter", [""])[0])
        case ["POST", "refs"]:
            value = [update_ref(state, token, name, one) for one in call.body]
            return 200, {"count": len(value), "value": value}
        case [_, "pullRequests", *rest]:
            return _pulls(state, token, name, call, query, rest)
        case _:
            raise SaysNo(404, "TF400898: no such route")


# -- pull requests


def _pulls(  # noqa: C901, PLR0911, PLR0917 - a return for each route
    state: AzureReposServer, token: Token, name: str, call: Call, query: Any, rest: list[str]
) -> tuple[int, Any]:
    pulls = state.pulls.setdefault(name, [])
    if call.method != "GET" and not token.pulls:
        message = (
            "TF401027: You need the Git 'PullRequestContribute' permission to perform this action. "
            f"Details: identity 'Build\\{token.id}', scope 'repository'."
        )
        raise SaysNo(403, message, "GitNeedsPermissionException")
    if call.method == "GET" and not rest:
        wanted = {key.partition(".")[2]: values[0] for key, values in query.items()}
        found = [
            pull for pull in reversed(pulls)
            if wanted["status"] in {"all", pull.status}
            and (pull.source, pull.target) == (wanted["sourceRefName"], wanted["targetRefName"])
        ]  # fmt: skip
        rows = [_shown(state, name, one) for one in found]
        for row in rows:
            row["description"] = row["description"][:400]
        return 200, {"count": len(rows), "value": rows}
    if not rest:
        return 201, _created(state, name, pulls, call.body)
    pull = pulls[int(rest[0]) - 1]
    match [call.method, *rest[1:]]:
        case ["GET"]:
            return 200, _shown(state, name, pull)
        case ["PATCH"]:
            _changed(state, name, pull, call.body)
            return 200, _shown(state, name, pull)
        case ["GET", "labels"]:
            value = [{"id": ZEROS, "name": one, "active": True} for one in pull.labels]
            return 200, {"count": len(value), "value": value}
        case ["POST", "labels"]:
            _labelled(pull, call.body["name"])
            return 200, {"id": ZEROS, "name": call.body["name"], "active": True}
        case ["PUT", "reviewers", id_]:
            _reviewed(state, pull, id_)
            return 200, {"id": id_, "vote": 0}
        case ["POST", "threads"]:
            pull.comments += [one["content"] for one in call.body["comments"]]
            return 200, {"id": 1}
        case _:
            raise SaysNo(404, "TF400898: no such route")


def _labelled(pull: Pull, name: str) -> None:
    if "," in name:
        raise SaysNo(400, "The label has a character that it cannot have.", "InvalidTagName")
    pull.labels.append(name)


def _reviewed(state: AzureReposServer, pull: Pull, id_: str) -> None:
    if id_ not in state.people.values():
        raise SaysNo(404, f"The identity {id_} is not found.", "IdentityNotFoundException")
    pull.reviewers.append(id_)


def _created(state: AzureReposServer, name: str, pulls: list[Pull], body: Any) -> Any:
    source, target = body["sourceRefName"], body["targetRefName"]
    for ref in (source, target):
        if ref_at(state.bare(name), ref) is None:
            raise SaysNo(400, f"TF401398: The branch {ref} does not exist.")
    _check_description(body)
    if any((one.source, one.target, one.status) == (source, target, "active") for one in pulls):
        message = (
            "TF401179: An active pull request for the source and target branch already exists."
        )
        raise SaysNo(409, message, "GitPullRequestExistsException")
    for item in body.get("workItemRefs") or ():
        if int(item["id"]) in state.no_work_items:
            message = (
                f"TF401232: Work item {item['id']} does not exist, or you do not have permissions "
                "to read it."
            )
            raise SaysNo(404, message, "WorkItemUnauthorizedAccessException")
    pull = Pull(
        len(pulls) + 1, source, target, body["title"], body.get("description") or "",
        draft=bool(body.get("isDraft")),
        work_items=[one["id"] for one in body.get("workItemRefs") or ()],
    )  # fmt: skip
    pulls.append(pull)
    return _shown(state, name, pull)


def _check_description(body: Any) -> None:
    # as .NET counts: in units of UTF-16
    if len((body.get("description") or "").encode("utf-16-le")) > 2 * 4000:
        raise SaysNo(400, "Invalid argument value. Parameter name: description is too long.")


def _changed(state: AzureReposServer, name: str, pull: Pull, body: Any) -> None:
    _check_description(body)
    if "autoCompleteSetBy" in body and pull.draft:
        raise SaysNo(400, "A draft pull request cannot complete.", "InvalidArgumentValueException")
    strategy = (body.get("completionOptions") or {}).get("mergeStrategy")
    if strategy in state.no_strategies:
        message = f"TF402469: The merge strategy {strategy} is not allowed by the branch's policy."
        raise SaysNo(409, message, "GitPullRequestCompletionException")
    pull.title = body.get("title", pull.title)
    pull.description = body.get("description", pull.description)
    pull.status = body.get("status", pull.status)
    if "autoCompleteSetBy" in body and state.completes:
        pull.completed_by = body["autoCompleteSetBy"]["id"]
    pull.completes = body.get("completionOptions", pull.completes)


def _shown(state: AzureReposServer, name: str, pull: Pull) -> Any:
    if pull.status == "active":  # of one that is closed, no push is noticed any more
        pull.head = ref_at(state.bare(name), pull.source) or pull.head
    by = {"id": pull.completed_by, "displayName": "Ann"}
    return {
        "pullRequestId": pull.id,
        "status": pull.status,
        "title": pull.title,
        "description": pull.description,
        "isDraft": pull.draft,
        "sourceRefName": pull.source,
        "targetRefName": pull.target,
        "lastMergeSourceCommit": {"commitId": pull.head} if pull.head else None,
        "reviewers": [{"id": one, "vote": 0} for one in pull.reviewers],
        "autoCompleteSetBy": by if pull.completed_by else None,
        "completionOptions": pull.completes,
        "forkSource": {"name": pull.source} if pull.fork else None,
    }

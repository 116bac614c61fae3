"""The GraphQL half of the GitHub stand-in: GitHub's own schema, executed by graphql-core.

A document or a variable that the schema does not allow is refused, and noted as a violation.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from graphql.language import FieldNode, OperationDefinitionNode

from tests.servers.github import GitHubServer, Token
from tests.servers.github_git import Moved, Update, commit_of, commit_on, move, read, ref_at
from tests.servers.github_pulls import settle
from tests.servers.github_rest import guard

__all__ = ["graphql_answer", "operation_of"]

SCHEMA = Path(__file__).parents[1] / "node/node_modules/@octokit/graphql-schema/schema.graphql"
PULL_REQUEST_NEEDED = "Changes must be made through a pull request."
AUTO_MERGE_METHODS = {"MERGE": "merge", "SQUASH": "squash", "REBASE": "rebase"}


@functools.cache
def schema() -> GraphQLSchema:
    # GitHub's has fields twice, and deprecates fields that an interface does not
    text = SCHEMA.read_text(encoding="utf-8")
    return build_schema(text, assume_valid=True, assume_valid_sdl=True)


def operation_of(document: Any) -> str:
    """The field that a document asks for first; of a query that has a name, the name."""
    try:
        definition = parse(document["query"]).definitions[0]
    except (GraphQLError, KeyError, TypeError):
        return "unreadable"
    assert isinstance(definition, OperationDefinitionNode)
    field = definition.selection_set.selections[0]
    assert isinstance(field, FieldNode)
    mutation = definition.operation.value == "mutation"
    return field.name.value if mutation or definition.name is None else definition.name.value


def refused(kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"type": kind})


def graphql_answer(state: GitHubServer, token: Token, document: Any) -> dict[str, Any]:
    """The answer to a document; its errors come beside what data there is."""
    operation = operation_of(document)
    if operation in state.lacks:
        extensions = {"code": "undefinedField", "typeName": "Mutation", "fieldName": operation}
        message = f"Field '{operation}' doesn't exist on type 'Mutation'"
        path = ["mutation", operation]
        return {"errors": [{"path": path, "extensions": extensions, "message": message}]}
    parsed = parse(document["query"])
    wrong = validate(schema(), parsed)
    if wrong:
        state.violations += [f"{operation}: {error.message}" for error in wrong]
        return {"errors": [{"message": error.message} for error in wrong]}
    with state.lock:
        done = execute_sync(
            schema(), parsed, root_value=_Root(state, token).fields(),
            variable_values=document.get("variables"),
        )  # fmt: skip
    answer: dict[str, Any] = {"data": done.data}
    for error in done.errors or ():
        kind = (error.extensions or {}).get("type")
        if kind is None:
            # not a refusal of ours: a variable of the wrong kind, or a mistake in this file
            state.violations.append(f"{operation}: {error.message}")
        answer.setdefault("errors", []).append(
            {"type": kind, "path": error.path, "message": error.message}
        )
    return answer


class _Root:
    """What the schema's root fields answer."""

    def __init__(self, state: GitHubServer, token: Token) -> None:
        self.state = state
        self.token = token

    def fields(self) -> dict[str, Callable[..., Any]]:
        return {
            "repository": self.repository,
            "createCommitOnBranch": self.create_commit,
            "updateRefs": self.update_refs,
            "enablePullRequestAutoMerge": self.auto_merge,
            "enqueuePullRequest": self.enqueue,
        }

    def repository(self, _: Any, owner: str, name: str, **__: Any) -> Any:
        full = f"{owner}/{name}"
        self._need(full, "read")
        return {
            "id": f"R_{full}",
            "ref": lambda _, qualifiedName: self._ref(full, qualifiedName),  # noqa: N803
            "object": lambda _, oid=None, **__: self._commit(full, oid),
        }

    def _need(self, full: str, right: str) -> None:
        if not self.token.reads or not self.state.bare(full).is_dir():
            message = f"Could not resolve to a Repository with the name '{full}'."
            raise refused("NOT_FOUND", message)
        if right != "read" and not getattr(self.token, right):
            what = "integration" if self.token.job else "personal access token"
            raise refused("FORBIDDEN", f"Resource not accessible by {what}")

    def _ref(self, full: str, name: str) -> Any:
        oid = ref_at(self.state.bare(full), name)
        return None if oid is None else {"target": self._commit(full, oid)}

    def _commit(self, full: str, oid: str | None) -> Any:
        bare = self.state.bare(full)
        found = commit_of(bare, oid or "")
        if found is None:
            return None

        def file(_: Any, path: str) -> Any:
            blob = read(bare, "rev-parse", "--verify", "--quiet", f"{found.oid}:{path}")
            return {"oid": blob} if blob else None

        def history(_: Any, first: int, **__: Any) -> Any:
            listed = read(bare, "rev-list", f"--max-count={first}", found.oid) or ""
            return {"nodes": [self._commit(full, each) for each in listed.split()]}

        return {
            "__typename": "Commit",
            "oid": found.oid,
            "message": found.message,
            "parents": lambda _, **__: {"nodes": [{"oid": oid} for oid in found.parents]},
            "file": file,
            "history": history,
            "signature": {
                "__typename": "GpgSignature",
                "isValid": True,
                "wasSignedByGitHub": True,
            }
            if found.oid in self.state.verified
            else None,
        }

    def create_commit(self, _: Any, input: dict[str, Any]) -> Any:  # noqa: A002
        full, branch = (input["branch"][key] for key in ("repositoryNameWithOwner", "branchName"))
        self._need(full, "contents")
        bare, expected = self.state.bare(full), input["expectedHeadOid"]
        head = ref_at(bare, f"refs/heads/{branch}")
        if head is None:
            raise refused("NOT_FOUND", "Branch not found")
        self._guard(full, branch)
        if head != expected:
            raise self._stale(expected)
        changes, message = input.get("fileChanges") or {}, input["message"]
        additions = {each["path"]: base64.b64decode(each["contents"])
                     for each in changes.get("additions") or ()}  # fmt: skip
        deletions = [each["path"] for each in changes.get("deletions") or ()]
        for path in deletions:
            if read(bare, "rev-parse", "--verify", "--quiet", f"{expected}:{path}") is None:
                said = "A path was requested for deletion which does not exist as of commit oid"
                raise refused("UNPROCESSABLE", f'{said} "{expected}"')
        text = "\n\n".join(part for part in (message["headline"], message.get("body")) if part)
        login = self.token.login
        try:
            made = commit_on(
                bare, branch, expected, author=login, message=text, additions=additions,
                deletions=deletions,
            )  # fmt: skip
        except Moved as error:
            raise self._stale(expected) from error
        self.state.verified.add(made)
        settle(self.state, full)
        return {"commit": self._commit(full, made)}

    @staticmethod
    def _stale(expected: str) -> GraphQLError:
        return refused(
            "STALE_DATA",
            f'Expected branch to point to "{expected}" but it did not.  Pull and try again.',
        )

    def _guard(self, full: str, branch: str) -> None:
        how = guard(self.state, self.token, full, branch)
        if how == "rule":
            raise refused("BRANCH_PROTECTION_RULE_VIOLATION", PULL_REQUEST_NEEDED)
        if how == "ruleset":
            raise refused(
                "UNPROCESSABLE", f"Repository rule violations found\n\n{PULL_REQUEST_NEEDED}\n\n"
            )

    def update_refs(self, _: Any, input: dict[str, Any]) -> Any:  # noqa: A002
        full = input["repositoryId"].removeprefix("R_")
        self._need(full, "contents")
        updates = [
            Update(one["name"], one.get("beforeOid") or "", one["afterOid"], bool(one["force"]))
            for one in input["refUpdates"]
        ]
        for one in updates:
            self._guard(full, one.ref.removeprefix("refs/heads/"))
        try:
            move(self.state.bare(full), updates)
        except Moved as error:
            raise refused("UNPROCESSABLE", str(error)) from error
        settle(self.state, full)
        return {"clientMutationId": None}

    def enqueue(self, _: Any, input: dict[str, Any]) -> Any:  # noqa: A002
        full, _, number = input["pullRequestId"].removeprefix("PR_").partition("#")
        self._need(full, "contents")
        pull = self.state.pull(full, int(number))
        if (full, pull.base) not in self.state.queues:
            raise refused("UNPROCESSABLE", "Merge queue is not enabled for this branch")
        if input.get("expectedHeadOid", pull.sha) != pull.sha:
            raise refused("UNPROCESSABLE", "Head sha didn't match expectedHeadOid")
        self.state.queued.append(pull.number)
        return {"clientMutationId": None}

    def auto_merge(self, _: Any, input: dict[str, Any]) -> Any:  # noqa: A002
        full, _, number = input["pullRequestId"].removeprefix("PR_").partition("#")
        self._need(full, "pulls")
        pull = self.state.pull(full, int(number))
        method = AUTO_MERGE_METHODS[input["mergeMethod"]]
        if input.get("expectedHeadOid", pull.sha) != pull.sha:
            raise refused("UNPROCESSABLE", "Head sha didn't match expectedHeadOid")
        if not self.state.auto_merge:
            raise refused("UNPROCESSABLE", "Auto merge is not allowed for this repository")
        if method not in self.state.methods:
            said = f"Merge method {method} merging is not allowed on this repository"
            raise refused("UNPROCESSABLE", said)
        if pull.draft:
            raise refused("UNPROCESSABLE", "Pull request Pull request is in draft state")
        if not self.state.waits:
            said = f"Pull request Pull request is in {self.state.checks} status"
            raise refused("UNPROCESSABLE", said)
        pull.auto_merge = method
        return {"clientMutationId": None}

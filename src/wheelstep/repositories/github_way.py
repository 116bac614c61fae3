"""`commit-with: github`: commits that GitHub makes itself, which it signs, by its GraphQL API.

Sources: GitHub's GraphQL reference, createCommitOnBranch (appends to a branch that is there, whose
head is named; the commit is signed) and updateRefs (several refs, each on condition, all or none).
What a commit made this way cannot have is told before anything is sent.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, final

from wheelstep.errors import Refused, ServiceRefused, ServiceUnavailable
from wheelstep.ground.clock import backoff
from wheelstep.ground.github import LIMITED, SaysNo
from wheelstep.repositories.github_repository import GitHubRepository
from wheelstep.repositories.next_branch import NEXT, is_abandoned, next_branch
from wheelstep.repositories.objects import COMMIT_ID, Touched
from wheelstep.repositories.way import BY_GIT, Draft, Noted, check_names

__all__ = ["GitHubWay"]

ATTEMPTS: Final = 3
"""How often something is sent whose answer does not come."""
LARGEST: Final = 40_000_000
"""Bytes that one commit may bring: 40 MiB are refused, as users found."""
RECENT: Final = 20
"""Commits below a branch's head among which one is looked for whose answer was lost."""
TAGS_OF_TAGS: Final = 8
"""How often a tag may be of another tag."""
TOGETHER: Final = 50
"""Files that one question is about."""
THERE: Final = re.compile(r"reference already exists", re.IGNORECASE)
GONE: Final = re.compile(r"reference does not exist", re.IGNORECASE)
UNSEEN: Final = re.compile(r"no commit exists with|object does not exist", re.IGNORECASE)
"""The head is not there any more, or not yet at whoever answers: look again."""
NO_UPDATE_REFS: Final = re.compile(
    r"field 'updateRefs' doesn't exist|UpdateRefsInput isn't a defined", re.IGNORECASE
)
"""GitHub has the mutation since April 2024; Enterprise Servers got it with a later version."""

STATE: Final = """
query State($owner: String!, $name: String!, $ref: String!) {
  repository(owner: $owner, name: $name) { id ref(qualifiedName: $ref) { target { oid } } }
}
"""
HISTORY: Final = """
query History($owner: String!, $name: String!, $ref: String!, $count: Int!) {
  repository(owner: $owner, name: $name) {
    ref(qualifiedName: $ref) {
      target {
        oid
        ... on Commit {
          history(first: $count) { nodes { oid message parents(first: 2) { nodes { oid } } } }
        }
      }
    }
  }
}
"""


@final
class GitHubWay:
    """Writes to one repository of a GitHub, by its API."""

    name = "github"

    def __init__(self, repository: GitHubRepository) -> None:
        """Keep the repository; nothing is asked yet.

        Args:
            repository: Where to write, and who asks.
        """
        self._at = repository
        self._clock = repository.calls.transport.clock

    def check(self, draft: Draft) -> None:
        """Refuse what GitHub cannot commit as it is meant; see `HostWay`."""
        _check(draft)

    def commit(self, branch: str, draft: Draft, noted: Noted) -> str | None:
        """Put a commit on a branch's head; see `Way`.

        Raises:
            Refused: GitHub cannot make such a commit: an executable file, too much at once.
            ServiceRefused, ServiceUnavailable: As `Way`.
        """
        _check(draft)
        with self._refusals(branch):
            made = self._commit(branch, draft)
        if made is not None:
            noted(made)
        return made

    def replace(self, branch: str, was: str | None, draft: Draft, noted: Noted) -> str | None:
        """Let a branch be the draft's parent with this commit on it; see `Way`.

        The commit is made on a branch of its own, whose name nobody else has, and one updateRefs
        moves the branch to it and removes the other one. An Enterprise Server that has no
        updateRefs looks and moves in two steps, between which somebody else may move the branch.

        Raises:
            As `commit`.
        """
        _check(draft)
        with self._refusals(branch):
            repository, head = self._state(branch)
            if head != was:
                return None
            temporary = next_branch(self._clock)
            moved = False
            try:
                self._create(f"refs/heads/{temporary}", draft.on.head)
                made = self._commit(temporary, draft)
                if made is None:
                    return None  # somebody tidied up: once more
                noted(made)
                moved = self._move(repository, branch, was, made, temporary)
            except SaysNo as no:
                if not UNSEEN.search(no.said):
                    raise
                return None
            finally:
                if not moved:
                    self._drop(temporary)
            self._sweep()
            return made if moved else None

    def remove(self, branch: str, was: str) -> bool:
        """Remove a branch that is still at a commit; see `Way`, and `replace` for servers without
        updateRefs: what somebody pushes in that moment is in the pull request only."""
        with self._refusals(branch):
            repository, head = self._state(branch)
            if head is None or head != was:
                return head is None
            gone = _zeros(was)
            updates = [_update(f"refs/heads/{branch}", was, gone)]
            return self._settled(
                branch,
                lambda: self._update_refs(repository, updates),
                lambda: self._delete(branch),
                done=lambda now: True if now is None else None if now == was else False,
            )

    def tag(self, name: str, commit: str) -> str:
        """Make a lightweight tag where there is none of that name; see `Way`."""
        with self._refusals(name):
            if self._create(f"refs/tags/{name}", commit):
                return commit
            found = self._at.rest("GET", f"git/ref/tags/{name}")["object"]
            for _ in range(TAGS_OF_TAGS):
                if found["type"] != "tag":
                    break
                # an annotated one is an object of its own
                found = self._at.rest("GET", f"git/tags/{found['sha']}")["object"]
            return _commit_id(found["sha"])

    # -- commits

    def _commit(self, branch: str, draft: Draft) -> str | None:
        headline, _, body = draft.message.strip().partition("\n")
        changes = {
            "additions": [
                {"path": path, "contents": base64.b64encode(content).decode()}
                for path, content in draft.contents.items()
            ],
            "deletions": [{"path": each.path} for each in draft.touched if each.new is None],
        }
        given = {
            "branch": {"repositoryNameWithOwner": self._at.full_name, "branchName": branch},
            "expectedHeadOid": draft.on.head,
            "message": {"headline": headline, "body": body.strip("\n")},
            "fileChanges": changes,
        }
        failed = 0
        while True:
            try:
                found = self._at.calls.mutation("createCommitOnBranch", given, "commit { oid }")
                return _commit_id(found["commit"]["oid"])
            except SaysNo as no:
                # the branch has moved, or is gone; or an attempt before this one has landed, and
                # its answer was lost
                head, made = self._look(branch, draft)
                if head != draft.on.head or no.kind == "STALE_DATA" or UNSEEN.search(no.said):
                    return made
                raise
            except ServiceUnavailable as late:
                failed += 1
                if late.code == LIMITED:
                    raise
                # what counts is what the branch has now
                head, made = self._look(branch, draft)
                if head != draft.on.head:
                    return made
                if failed == ATTEMPTS:
                    raise
                self._clock.sleep(backoff(failed))

    def _look(self, branch: str, draft: Draft) -> tuple[str | None, str | None]:
        """Return a branch's head, and the draft's commit where it is there."""
        found = self._at.ask(HISTORY, ref=f"refs/heads/{branch}", count=RECENT)
        target = (found.get("ref") or {}).get("target")
        if not target:
            return None, None
        for node in target["history"]["nodes"]:
            parents = [parent["oid"] for parent in node["parents"]["nodes"]]
            # GitHub may add who signed it off, where a repository asks for that
            if parents == [draft.on.head] and node["message"].startswith(draft.message.strip()):
                paths = draft.touched
                parts = [paths[at : at + TOGETHER] for at in range(0, len(paths), TOGETHER)]
                if all(self._has(node["oid"], part) for part in parts):
                    return target["oid"], node["oid"]
        return target["oid"], None

    def _has(self, commit: str, files: Sequence[Touched]) -> bool:
        names = range(len(files))
        variables = "".join(f", $p{number}: String!" for number in names)
        fields = " ".join(f"p{number}: file(path: $p{number}) {{ oid }}" for number in names)
        query = (
            f"query Files($owner: String!, $name: String!, $oid: GitObjectID!{variables}) {{"
            " repository(owner: $owner, name: $name) {"
            f" object(oid: $oid) {{ ... on Commit {{ {fields} }} }} }} }}"
        )
        paths = {f"p{number}": files[number].path for number in names}
        there = self._at.ask(query, oid=commit, **paths).get("object") or {}
        return all(
            (there.get(f"p{number}") or {}).get("oid") == (each.new.oid if each.new else None)
            for number, each in enumerate(files)
        )

    # -- refs

    def _state(self, branch: str) -> tuple[str, str | None]:
        """Return the repository's id, and where a branch is."""
        found = self._at.ask(STATE, ref=f"refs/heads/{branch}")
        target = (found.get("ref") or {}).get("target") or {}
        return str(found["id"]), target.get("oid")

    def _create(self, ref: str, commit: str) -> bool:
        """Create a ref; False where there is one already."""
        try:
            self._at.rest("POST", "git/refs", {"ref": ref, "sha": commit})
        except SaysNo as no:
            if THERE.search(no.said):
                return False
            raise
        return True

    def _move(
        self, repository: str, branch: str, was: str | None, made: str, temporary: str
    ) -> bool:
        """Move a branch to a commit and remove the other branch that has it; False where it is no
        longer where it was."""
        none = _zeros(made)
        updates = [
            _update(f"refs/heads/{branch}", was or none, made),
            _update(f"refs/heads/{temporary}", made, none),
        ]

        def in_steps() -> None:
            if was is None:
                self._create(f"refs/heads/{branch}", made)
            else:
                body = {"sha": made, "force": True}
                self._at.rest("PATCH", f"git/refs/heads/{branch}", body)
            self._drop(temporary)

        return self._settled(
            branch,
            lambda: self._update_refs(repository, updates),
            in_steps,
            done=lambda now: True if now == made else None if now == was else False,
        )

    def _settled(
        self,
        branch: str,
        at_once: Callable[[], None],
        in_steps: Callable[[], None],
        *,
        done: Callable[[str | None], bool | None],
    ) -> bool:
        """Write refs until it is certain what became of it.

        Args:
            branch: The one that counts.
            at_once: Writes them all, on condition.
            in_steps: Writes them one after the other; for servers that have nothing better.
            done: Tells from where the branch is whether it was done, was not and cannot be any
                more, or (None) can still be.
        """
        failed = 0
        while True:
            try:
                at_once()
            except SaysNo as no:
                # GitHub's words for "it is elsewhere" differ: what counts is where it is
                state = done(self._state(branch)[1])
                if state is not None:
                    return state
                if at_once is in_steps or not NO_UPDATE_REFS.search(no.said):
                    raise
                at_once = in_steps
            except ServiceUnavailable as late:
                failed += 1
                if late.code == LIMITED:
                    raise
                state = done(self._state(branch)[1])
                if state is not None:
                    return state
                if failed == ATTEMPTS:
                    raise
                self._clock.sleep(backoff(failed))
            else:
                return at_once is not in_steps or done(self._state(branch)[1]) is True

    def _update_refs(self, repository: str, updates: Sequence[Mapping[str, Any]]) -> None:
        given = {"repositoryId": repository, "refUpdates": list(updates)}
        self._at.calls.mutation("updateRefs", given, "clientMutationId")

    def _delete(self, branch: str) -> None:
        try:
            self._at.rest("DELETE", f"git/refs/heads/{branch}")
        except SaysNo as no:
            if not GONE.search(no.said):
                raise

    def _drop(self, temporary: str) -> None:
        """Remove a branch of ours that nobody needs; one that stays is swept by a later run."""
        with contextlib.suppress(SaysNo, ServiceRefused, ServiceUnavailable):
            self._delete(temporary)

    def _sweep(self) -> None:
        """Remove what runs left that were killed; what cannot be removed now is no harm."""
        with contextlib.suppress(SaysNo, ServiceRefused, ServiceUnavailable):
            for ref in self._at.rest("GET", f"git/matching-refs/heads/{NEXT}", many=True):
                branch = str(ref["ref"]).removeprefix("refs/heads/")
                if is_abandoned(branch, self._clock):
                    self._drop(branch)

    # -- errors

    @contextlib.contextmanager
    def _refusals(self, branch: str) -> Iterator[None]:
        try:
            with self._at.reading():
                yield
        except SaysNo as no:
            if no.status == 413:  # noqa: PLR2004
                raise _too_large() from no
            raise self._at.error(no, branch) from no


def _commit_id(said: object) -> str:
    """Return what GitHub says is the id of a commit.

    Raises:
        ValueError: It is none; git is told it.
    """
    if COMMIT_ID.fullmatch(str(said)) is None:
        raise ValueError("no id of a commit")
    return str(said)


def _zeros(commit: str) -> str:
    """Return the id that stands for no commit."""
    return "0" * len(commit)


def _update(ref: str, before: str, after: str) -> dict[str, Any]:
    return {"name": ref, "beforeOid": before, "afterOid": after, "force": True}


def _check(draft: Draft) -> None:
    """Refuse what GitHub would commit otherwise than it is meant, or not at all.

    Raises:
        Refused: With the reason.
    """
    executable = draft.executable
    if executable:
        # it makes a regular file of whatever it gets, and says nothing: github/gh-aw #26257; that
        # there is no way to say a mode GitHub's own people confirm: renovatebot/renovate #13824
        raise Refused(
            f"{executable[0]} is executable, and a commit that is made by GitHub's API cannot keep"
            " that: the file would come out without the permission.",
            code="mode-not-possible",
            cure=BY_GIT,
            file=executable[0],
        )
    check_names(draft, "GitHub")
    if sum(len(content) for content in draft.contents.values()) > LARGEST:
        raise _too_large()


def _too_large() -> Refused:
    return Refused(
        f"The commit brings more than {LARGEST // 1_000_000} MB, which GitHub's API does not take"
        " at once.",
        code="commit-too-large",
        cure=BY_GIT,
    )

"""`commit-with: azure-repos`: commits that Azure Repos makes, by its API.

Sources: Azure DevOps REST reference 7.1, "Pushes - Create" (a commit without a clone, on condition
that the branch is at `oldObjectId`), "Pushes - List" and "Refs - Update Refs" (each on condition of
its `oldObjectId`; the answer tells of each how it went). Observed: where there is no branch of the
name that a push names, the push makes it, with the commit on top of `oldObjectId`; the answer tells
by an `oldObjectId` of zeros. Not documented: a file that is edited keeps its mode, and one that is
added is not executable.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, final

from wheelstep.errors import Refused, ServiceUnavailable, SettingError, StepError
from wheelstep.ground.azure_devops import models_of
from wheelstep.ground.clock import backoff
from wheelstep.ground.git import Git
from wheelstep.repositories.azure_repository import LARGEST, AzureRepository, SaysNo
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.next_branch import NEXT, is_abandoned, next_branch
from wheelstep.repositories.objects import COMMIT_ID
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.way import BY_GIT, Draft, Noted, check_names

__all__ = ["AzureWay"]

ATTEMPTS: Final = 3
"""How often something is sent whose answer does not come."""
ROOM: Final = 4096
"""Bytes of a push that are kept for the branch's name."""
RECENT: Final = 20
"""Commits below a branch's head among which one is looked for whose answer was lost."""
FORCE: Final = "GenericContribute / ForcePush"


@final
class AzureWay:
    """Writes to one repository of Azure Repos, by its API; reads it by git."""

    name = "azure-repos"

    def __init__(
        self, repository: AzureRepository, git: Git, remote: Remote, author: Identity | None
    ) -> None:
        """Keep where to write; nothing is asked yet.

        Args:
            repository: Where to write, and who asks.
            git: In the user's repository.
            remote: The same repository, as git reads it.
            author: Of commits; None for whoever asks.
        """
        self._at = repository
        self._git = git
        self._remote = remote
        self._author = author
        self._clock = repository.transport.clock

    def check(self, draft: Draft) -> None:
        """Refuse what Azure Repos cannot commit as it is meant; see `HostWay`.

        An executable file that is only edited is refused, too: that it keeps its mode is nowhere
        promised.
        """
        if executable := draft.executable:
            raise Refused(
                f"{executable[0]} is executable, and a commit that Azure Repos makes cannot be told"
                " to keep that.",
                code="mode-not-possible",
                cure=BY_GIT,
                file=executable[0],
            )
        check_names(draft, "Azure Repos")
        # content is sent in base64, which takes a third more
        whole = sum(len(content) for content in draft.contents.values())
        if whole > LARGEST or self._size(draft) > LARGEST - ROOM:
            raise _too_large()

    def commit(self, branch: str, draft: Draft, noted: Noted) -> str | None:
        """Put a commit on a branch's head; see `Way`.

        A branch that somebody deletes meanwhile stays deleted: it is looked for before, and one
        that the push has made anew is removed again, on condition that nobody built on it.

        Raises:
            Refused: As `check`.
            SettingError: The branch was deleted meanwhile, made anew by this push, and cannot be
                removed.
            ServiceRefused, ServiceUnavailable: As `Way`.
        """
        self.check(draft)
        with self._refusals(branch):
            if self._remote.look(branch).get(branch) != draft.on.head:
                return None
            made = self._push(branch, draft, new=False)
        if made is not None:
            noted(made)
        return made

    def replace(self, branch: str, was: str | None, draft: Draft, noted: Noted) -> str | None:
        """Let a branch be the draft's parent with this commit on it; see `Way`.

        One push makes a branch that is not there. Where it is, the commit is made on a branch of
        its own, whose name nobody else has; then the branch is moved to it, on condition, and the
        other one removed.

        Raises:
            Refused, ServiceRefused, ServiceUnavailable: As `commit`.
        """
        self.check(draft)
        with self._refusals(branch):
            if self._remote.look(branch).get(branch) != was:
                return None
            if was is None:
                made = self._push(branch, draft, new=True)
                if made is not None:
                    noted(made)
                return made
            temporary, made = next_branch(self._clock), None
            try:
                made = self._push(temporary, draft, new=True)
                if made is None:
                    return None
                noted(made)
                moved = self._move(branch, was, made)
            finally:
                self._drop(temporary, made)
            self._sweep()
            return made if moved else None

    def remove(self, branch: str, was: str) -> bool:
        """Remove a branch that is still at a commit; see `Way`."""
        with self._refusals(branch):
            there = self._remote.look(branch).get(branch)
            return there is None or (there == was and self._move(branch, was, None))

    def tag(self, name: str, commit: str) -> str:
        """Make a lightweight tag where there is none of that name; see `Way`."""
        ref = f"refs/tags/{name}"
        with self._refusals(name):
            if self._moved_to(ref, None, commit):
                return commit
            peeled = f"{ref}^{{}}"
            found = self._remote.refs(ref, peeled)
            return found.get(peeled) or found[ref]

    # -- commits

    def _push(self, branch: str, draft: Draft, *, new: bool) -> str | None:
        """Send a commit; None where the branch is not as expected meanwhile.

        Args:
            branch: Short name.
            draft: What to commit.
            new: There is no such branch, and the push makes it; else it is at the draft's parent.
        """
        expected = None if new else draft.on.head
        push = self._document(branch, draft)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                done = self._at.ask(
                    lambda client: client.create_push(push, **self._at.place), repeatable=False
                )
            except SaysNo as no:
                if no.is_lost_race:
                    # a reply that was lost on the way may have been of this very push
                    return self._found(branch, draft, new=new)
                raise
            except ServiceUnavailable:
                # no answer: what counts is what the branch has now
                made = self._found(branch, draft, new=new)
                if made is not None or self._remote.look(branch).get(branch) != expected:
                    return made
                if attempt == ATTEMPTS:
                    raise
                self._clock.sleep(backoff(attempt))
            else:
                made, created = self._at.read(partial(_made, done))
                if new:
                    # else somebody made it meanwhile, at that very commit: nothing is lost, and
                    # the caller looks at what is there
                    return made if created or branch.startswith(NEXT) else None
                return self._undone(branch, made) if created else made
        raise AssertionError("the last attempt returns or raises")

    def _found(self, branch: str, draft: Draft, *, new: bool) -> str | None:
        """Return our commit where the branch has it, after a reply that was lost."""
        made = self._landed(branch, draft)
        if made is None or new or not self._was_created(branch, made):
            return made
        return self._undone(branch, made)

    def _was_created(self, branch: str, made: str) -> bool:
        """Tell whether the push of a commit made its branch, as far as the service tells."""
        criteria = models_of("git").GitPushSearchCriteria(
            ref_name=f"refs/heads/{branch}", include_ref_updates=True
        )
        try:
            pushes = self._at.ask(
                lambda client: client.get_pushes(
                    top=RECENT, search_criteria=criteria, **self._at.place
                )
            )
            updates = self._at.read(lambda: [one for push in pushes for one in push.ref_updates])
            return any(
                str(one.new_object_id) == made and _is_none(one.old_object_id) for one in updates
            )
        except (SaysNo, StepError):
            return False  # a moment ago it was there

    def _undone(self, branch: str, made: str) -> str | None:
        """Remove a branch that was deleted, and that our push made anew; return our commit where
        somebody has built on it since."""
        try:
            gone = self._move(branch, made, None)
        except (SaysNo, ServiceUnavailable) as error:
            raise SettingError(
                f"{branch} at {self._at.shown} was deleted while this run committed, the commit "
                f"made it anew, and it cannot be removed: {error}",
                code="no-branch",
                cure=f"Delete the branch {branch}, or keep it, and run it again.",
            ) from error
        return None if gone else made

    def _size(self, draft: Draft) -> int:
        """Return the bytes of a push's request, but for its branch's name."""
        return len(json.dumps(self._document("", draft).serialize()))

    def _document(self, branch: str, draft: Draft) -> Any:
        models = models_of("git")
        changes = []
        for each in draft.touched:
            change: dict[str, Any] = {"item": {"path": f"/{each.path}"}}
            if each.new is None:
                change["changeType"] = "delete"
            else:
                content = base64.b64encode(draft.contents[each.path]).decode()
                change["changeType"] = "edit" if each.old else "add"
                change["newContent"] = {"content": content, "contentType": "base64Encoded"}
            changes.append(change)
        author = None
        if self._author is not None:
            author = models.GitUserDate(name=self._author.name, email=self._author.email)
        commit = models.GitCommitRef(
            comment=draft.message, changes=changes, author=author, committer=author
        )
        ref = models.GitRefUpdate(name=f"refs/heads/{branch}", old_object_id=draft.on.head)
        return models.GitPush(commits=[commit], ref_updates=[ref])

    def _landed(self, branch: str, draft: Draft) -> str | None:
        """Return our commit where the branch has it, also below what others put on it since."""
        now = self._remote.look(branch).get(branch)
        if now is None or now == draft.on.head:
            return None
        commits = self._since(draft.on.head, now)
        if commits is None:  # a shallow clone has no history, unless it is asked for
            commits = self._since(draft.on.head, self._remote.fetch(branch, depth=RECENT)) or {}
        wanted = f"tree {draft.tree}", f"parent {draft.on.head}"
        return next((each for each, lines in commits.items() if {*wanted} <= lines), None)

    def _since(self, base: str, head: str) -> dict[str, set[str]] | None:
        """Return the commits from a branch's head down to another one, not all where they are many,
        each with the lines that it begins with; None where one of them is not here."""
        found: dict[str, set[str]] = {}
        while head != base and len(found) < RECENT:
            done = self._git.try_("cat-file", "commit", head)
            if done.code != 0:
                return None
            lines = done.text.partition("\n\n")[0].splitlines()
            found[head] = set(lines)
            parents = [line.removeprefix("parent ") for line in lines if line[:7] == "parent "]
            if not parents:
                break
            head = parents[0]
        return found

    # -- refs

    def _move(self, branch: str, was: str | None, to: str | None) -> bool:
        """Move a branch; False where it is no longer where it was."""
        return self._moved_to(f"refs/heads/{branch}", was, to)

    def _moved_to(self, ref: str, was: str | None, to: str | None) -> bool:
        none = "0" * len(to or was or "")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                results = self._update([(ref, was or none, to or none)])
            except SaysNo as no:
                if not no.is_lost_race:
                    raise
                return self._remote.refs(ref).get(ref) == to
            except ServiceUnavailable:
                there = self._remote.refs(ref).get(ref)
                if there != was:
                    return there == to
                if attempt == ATTEMPTS:
                    raise
                self._clock.sleep(backoff(attempt))
                continue
            done = self._at.read(partial(_only, results))
            # a reply that was lost on the way may have been of this very update
            if done.success or self._remote.refs(ref).get(ref) == to:
                return True
            status = str(done.update_status or "")
            refusal = SaysNo(200, _why(status, str(done.custom_message or "")), status)
            if refusal.is_lost_race:
                return False
            raise refusal
        raise AssertionError("the last attempt returns or raises")

    def _update(self, wanted: Sequence[tuple[str, str, str]]) -> Sequence[Any]:
        models = models_of("git")
        updates = [
            models.GitRefUpdate(name=name, old_object_id=old, new_object_id=new)
            for name, old, new in wanted
        ]
        found: Sequence[Any] = self._at.ask(
            lambda client: client.update_refs(updates, **self._at.place), repeatable=False
        )
        return found

    def _drop(self, temporary: str, made: str | None) -> None:
        """Remove a branch of ours that nobody needs; one that stays is swept by a later run."""
        with contextlib.suppress(SaysNo, StepError):
            there = made or self._remote.look(temporary).get(temporary)
            if there is not None:
                self._move(temporary, there, None)

    def _sweep(self) -> None:
        """Remove what runs left that were killed; what cannot be removed now is no harm."""
        with contextlib.suppress(SaysNo, StepError):
            filter_ = f"heads/{NEXT}"
            refs = self._at.ask(lambda client: client.get_refs(filter=filter_, **self._at.place))
            for ref in refs or ():
                branch = str(ref.name).removeprefix("refs/heads/")
                if is_abandoned(branch, self._clock):
                    self._move(branch, str(ref.object_id), None)

    @contextlib.contextmanager
    def _refusals(self, branch: str) -> Iterator[None]:
        try:
            with self._at.reading():
                yield
        except SaysNo as no:
            if no.status == 413:  # noqa: PLR2004
                raise _too_large() from no
            raise self._at.error(no, branch) from no


def _made(push: Any) -> tuple[str, bool]:
    """Return the commit of a push, and whether the push made its branch."""
    [update] = push.ref_updates
    if not COMMIT_ID.fullmatch(update.new_object_id):
        raise ValueError("no commit's id")
    return str(update.new_object_id), _is_none(update.old_object_id)


def _is_none(oid: object) -> bool:
    """Tell whether an id is the one that stands for no commit."""
    return set(str(oid or "")) == {"0"}


def _only(results: Any) -> Any:
    [done] = results
    _ = done.success, done.update_status, done.custom_message
    return done


def _why(status: str, said: str) -> str:
    """Return what a refused update of a ref means, in words that the table of meanings knows."""
    known: Mapping[str, str] = {
        "forcePushRequired": f"TF401027: You need the Git '{FORCE}' permission.",
        "createBranchPermissionRequired": "TF401027: You need the Git 'CreateBranch' permission.",
        "createTagPermissionRequired": "TF401027: You need the Git 'CreateTag' permission.",
        "writePermissionRequired": "TF401027: You need the Git 'GenericContribute' permission.",
        "rejectedByPolicy": "TF402455: Pushes to this branch are not permitted.",
        "locked": "TF402455: The branch is locked.",
    }
    return " ".join(part for part in (known.get(status, status), said) if part)


def _too_large() -> Refused:
    return Refused(
        f"The commit is more than Azure Repos takes at once: {LARGEST >> 20} MiB in base64.",
        code="commit-too-large",
        cure=BY_GIT,
    )

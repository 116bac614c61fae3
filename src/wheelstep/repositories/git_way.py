"""Commits by `git push`, on condition that the branch is still where it was."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Final, final

from wheelstep.errors import ServiceUnavailable, StepError
from wheelstep.ground.clock import Clock, backoff
from wheelstep.ground.git import Git
from wheelstep.ground.process import Finished
from wheelstep.repositories.answers import error_for, lost_race
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.objects import History, build_commit
from wheelstep.repositories.remote import OURS, Remote
from wheelstep.repositories.way import Draft, Noted

__all__ = ["GitWay", "prove_push"]

ATTEMPTS: Final = 3
"""How often a push is sent when no answer, or no real one, comes back."""
REJECTED: Final = re.compile(r"^!\t[^\t]*\t\[[^]]*\] ?(?:\((?P<reason>.*)\))?", re.MULTILINE)
"""A refused ref in the output of `git push --porcelain` (git-push(1), "Output")."""


class _Pushed(enum.Enum):
    DONE = enum.auto()
    LOST = enum.auto()


@final
class GitWay:
    """Pushes to one remote; see `Way`."""

    name = "git"

    def __init__(self, git: Git, remote: Remote, identity: Identity, clock: Clock) -> None:
        """Keep what to push with.

        Args:
            git: In the user's repository.
            remote: Where to.
            identity: Author and committer.
            clock: What waits between attempts.
        """
        self._git = git
        self._remote = remote
        self._identity = identity
        self._clock = clock

    def commit(self, branch: str, draft: Draft, noted: Noted) -> str | None:
        """Put a commit on a branch's head; None when it has moved."""
        return self._pushed(branch, draft.on.head, draft, noted)

    def replace(self, branch: str, was: str | None, draft: Draft, noted: Noted) -> str | None:
        """Let a branch be the draft's parent with this commit; None when it is elsewhere."""
        return self._pushed(branch, was, draft, noted)

    def remove(self, branch: str, was: str) -> bool:
        """Remove a branch that is still at `was`; False when it is not."""
        done = self._remote.run(
            *_push_command(f"refs/heads/{branch}", was), f":refs/heads/{branch}"
        )
        if done.code == 0:
            return True
        there = self._remote.look(branch).get(branch)
        if there is None:
            return True
        if there != was:
            return False
        raise self._error(done, branch)

    def tag(self, name: str, commit: str) -> str:
        """Make a tag where there is none of that name; return the commit that it is at."""
        ref = f"refs/tags/{name}"
        there = self._tagged(ref)
        if there is not None:
            return there
        done = self._remote.run(*_push_command(ref, None), f"{commit}:{ref}")
        there = self._tagged(ref)
        if there is None:
            raise self._error(done, f"the tag {name}")
        return there

    def _tagged(self, ref: str) -> str | None:
        peeled = f"{ref}^{{}}"  # the commit of a tag that has a text
        found = self._remote.refs(ref, peeled)
        return found.get(peeled) or found.get(ref)

    def _pushed(self, branch: str, was: str | None, draft: Draft, noted: Noted) -> str | None:
        commit = build_commit(
            self._git,
            draft.on,
            draft.tree,
            message=draft.message,
            identity=self._identity,
        )
        noted(commit)
        done = self._push(branch, commit, was, draft.on.head)
        return commit if done is _Pushed.DONE else None

    def _push(self, branch: str, commit: str, was: str | None, parent: str) -> _Pushed:
        """Push until there is an answer that can be believed; safe to repeat, as it is on
        condition."""
        ref = f"refs/heads/{branch}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._remote.cut_at(parent) as extra:
                    done = self._remote.run(
                        *_push_command(ref, was), f"{commit}:{ref}", extra=extra
                    )
            except ServiceUnavailable as late:
                trouble: StepError = late
            else:
                if done.code == 0:
                    return _Pushed.DONE
                refused = REJECTED.search(done.text)
                # after a lost reply the remote may hold our commit: then this was no lost race
                if refused and lost_race(f"{refused['reason']}\n{done.error_text}"):
                    return self._looked(branch, commit, was) if attempt > 1 else _Pushed.LOST
                trouble = self._error(done, branch)
                if not isinstance(trouble, ServiceUnavailable):
                    raise trouble
            # no answer: what counts is what the remote has now
            if self._has_moved(branch, was):
                return self._looked(branch, commit, was)
            if attempt == ATTEMPTS:
                raise trouble
            self._clock.sleep(backoff(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _has_moved(self, branch: str, was: str | None) -> bool:
        try:
            return self._remote.look(branch).get(branch) != was
        except ServiceUnavailable:
            return False

    def _looked(self, branch: str, commit: str, was: str | None) -> _Pushed:
        """Tell whether the remote's branch has our commit; where that cannot be known it counts as
        lost, and deciding again on the new head finds our changes there or makes them again."""
        now = self._remote.look(branch).get(branch)
        if now is None or now == was:
            return _Pushed.LOST
        if not self._remote.here(now):
            now = self._remote.fetch(branch)
        here = History(self._git, self._remote.extra).is_ancestor(commit, now)
        return _Pushed.DONE if here else _Pushed.LOST

    def _error(self, done: Finished, branch: str) -> StepError:
        return _refused(done, self._remote, branch)


def prove_push(git: Git, remote: Remote, branch: str, head: str) -> None:
    """Ask for the right to push, without pushing: the remote is asked as for a push
    (git-receive-pack), which readers are refused.

    Args:
        git: In the repository.
        remote: Where to.
        branch: Short name; it need not be there.
        head: A commit of the remote's, named where nothing is checked out; it need not be here.

    Raises:
        ServiceRefused: No right.
        ServiceUnavailable: No answer.
    """
    # any commit will do, fast-forward or not: nothing is sent
    checked_out = git.try_("rev-parse", "--verify", "--quiet", "HEAD^{commit}").code == 0
    ref = f"+{'HEAD' if checked_out else head}:refs/heads/{branch}"
    done = remote.ask("push", "--dry-run", "--porcelain", "--no-verify", OURS, ref)
    if done.code != 0:
        raise _refused(done, remote, branch)


def _refused(done: Finished, remote: Remote, branch: str) -> StepError:
    """Return the error that a push means which came to nothing: the reason in the ref's own line
    first."""
    refused = REJECTED.search(done.text)
    reason = (refused["reason"] or "") if refused else ""
    said = "\n".join(line for line in (reason, done.error_text) if line)
    return error_for(said, remote=remote.shown, branch=branch)


def _push_command(ref: str, was: str | None) -> Sequence[str]:
    # an empty id: the ref must not be there
    return ("push", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{was or ''}", OURS)

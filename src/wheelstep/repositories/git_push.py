"""`commit: push`: a commit on a remote branch's head, pushed on condition that the head is still
there."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, final

from wheelstep.errors import CannotHere, ServiceUnavailable, StepError
from wheelstep.ground.clock import Clock, SystemClock, backoff
from wheelstep.ground.git import Git
from wheelstep.ground.process import Finished
from wheelstep.ground.secret import Secret
from wheelstep.model import Change
from wheelstep.repositories.advance import advance
from wheelstep.repositories.answers import error_for, lost_race
from wheelstep.repositories.git_local import as_git_snapshot, check_branch
from wheelstep.repositories.identity import Identity, full_message
from wheelstep.repositories.interface import Committed, Snapshot
from wheelstep.repositories.objects import (
    COMMIT_ID,
    GitSnapshot,
    History,
    Touched,
    build_commit,
    touched_between,
    write_blobs,
)
from wheelstep.repositories.remote import OURS, Remote, commit_page

__all__ = ["PushRepository"]

ATTEMPTS: Final = 3
"""How often a push is sent when no answer, or no real one, comes back."""
REJECTED: Final = re.compile(r"^!\t[^\t]*\t\[[^]]*\] ?(?:\((?P<reason>.*)\))?", re.MULTILINE)
"""A refused ref in the output of `git push --porcelain` (git-push(1), "Output")."""


class _Pushed(enum.Enum):
    DONE = enum.auto()
    LOST = enum.auto()


@final
class PushRepository:
    """A branch of a remote of this repository."""

    def __init__(
        self,
        git: Git,
        *,
        branch: str,
        remote: str | None,
        identity: Identity,
        environment: Mapping[str, str],
        token: Secret | None = None,
        user: str | None = None,
        skip_ci: bool = True,
        wait: float = 300.0,
        clock: Clock | None = None,
    ) -> None:
        """Find the remote; nothing is asked over the network yet.

        Args:
            git: In the user's repository.
            branch: Short name.
            remote: A remote's name, or a URL or folder; None for the branch's upstream, else
                origin.
            identity: Author and committer.
            environment: This process's environment.
            token: What to authenticate with; None for what the checkout or the user has set up.
            user: For basic authentication with the token; hosts take any.
            skip_ci: End the subject with "[skip ci]".
            wait: How long one exchange with the remote may take, seconds.
            clock: What waits between attempts.

        Raises:
            SettingError: There is no such remote, or its URL is given with a password inside.
            CannotHere: git is too old to be given a token.
        """
        check_branch(git, branch)
        self._git = git
        self._branch = branch
        self._identity = identity
        self._skip_ci = skip_ci
        self._clock = clock or SystemClock()
        self._remote = Remote(
            git,
            name=remote,
            branch=branch,
            user=user,
            token=token,
            environment=environment,
            wait=wait,
            clock=self._clock,
        )

    def prove(self) -> None:
        """Ask for the right to push, without pushing.

        The remote is asked as for a push (git-receive-pack), which readers are refused.

        Raises:
            SettingError, ServiceRefused, ServiceUnavailable: As `snapshot`.
        """
        self._remote.head()
        # HEAD to the branch may be no fast-forward; nothing is sent, so that does not matter
        done = self._remote.ask(
            "push", "--dry-run", "--porcelain", "--no-verify", OURS, f"+HEAD:{self._ref}"
        )
        if done.code != 0:
            raise self._error(done)

    def snapshot(self) -> GitSnapshot:
        """Return the remote branch's present head, fetched if it is not here already.

        Raises:
            SettingError: The remote has no such branch.
            ServiceRefused: No right to read, no such repository.
            ServiceUnavailable: The remote does not answer.
        """
        head = self._remote.head()
        if not self._is_here(head):
            head = self._remote.fetch()
        return GitSnapshot(self._git, head, branch=self._branch, extra=self._remote.extra)

    def propose(self, changes: Sequence[Change], *, on: Snapshot, message: str) -> Committed | None:
        """Commit on the snapshot and push, on condition that the remote's head is still that.

        A checked-out branch of the same name that was at that head follows, if the user has not
        changed the files concerned.

        Returns:
            None when the remote's head has moved meanwhile.

        Raises:
            Refused: A path leads out of the repository, or is no regular file.
            ServiceRefused: Protected branch, no right to push.
            ServiceUnavailable: The remote does not answer, and has not taken the commit.
            CannotHere: Disk full.
        """
        head = as_git_snapshot(on)
        text = full_message(message, skip_ci=self._skip_ci)
        touched = write_blobs(self._git, head, changes)
        if not touched:
            return Committed("none", branch=self._branch)
        commit = build_commit(
            self._git,
            head,
            touched,
            message=text,
            identity=self._identity,
            extra=self._remote.extra,
        )
        # a run killed between the push and the branch's following it finds the commit by this
        self._note_pending(commit)
        try:
            pushed = self._push(commit, head.head)
        except ServiceUnavailable:
            raise  # it may have landed all the same: `settle` finds out
        except StepError:
            self._forget_pending()
            raise
        if pushed is _Pushed.LOST:
            self._forget_pending()
            return None
        notes = self._follow(head.head, commit, touched)
        self._forget_pending()
        return Committed(
            "pushed",
            sha=commit,
            branch=self._branch,
            url=commit_page(self._remote.url, commit),
            notes=notes,
        )

    def settle(self, on: Snapshot) -> None:
        """Let the user's branch follow a commit that landed before the run that made it was killed;
        forget one that did not land."""
        try:
            branch, _, commit = self._pending.read_text(encoding="utf-8").strip().partition(" ")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError):
            branch = commit = ""
        head = as_git_snapshot(on).head
        history = History(self._git, self._remote.extra)
        ours = branch == self._branch and COMMIT_ID.fullmatch(commit)
        if ours and history.is_ancestor(commit, head):
            parent = self._git.text("rev-parse", f"{commit}^")
            self._follow(parent, commit, touched_between(self._git, parent, commit))
        self._forget_pending()

    @cached_property
    def _pending(self) -> Path:
        """A file in git's own folder, "BRANCH COMMIT": no ref, which the user would come across."""
        return self._git.directory / self._git.text("rev-parse", "--git-path", "wheelstep-pending")

    def _note_pending(self, commit: str) -> None:
        try:
            self._pending.write_text(f"{self._branch} {commit}\n", encoding="utf-8")
        except OSError as error:
            raise CannotHere.from_os_error(error, "noting the commit to be pushed") from error

    def _forget_pending(self) -> None:
        try:
            self._pending.unlink(missing_ok=True)
        except OSError as error:
            raise CannotHere.from_os_error(
                error, "forgetting the commit that was pushed"
            ) from error

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._branch}"

    def _is_here(self, commit: str) -> bool:
        # asked without the network: a partial clone would fetch the commit, and its history with it
        extra = {"GIT_NO_LAZY_FETCH": "1"}
        return self._git.try_("cat-file", "-e", f"{commit}^{{tree}}", extra=extra).code == 0

    def _push(self, commit: str, expected: str) -> _Pushed:
        """Push until there is an answer that can be believed; safe to repeat, as it is on
        condition."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._remote.cut_at(expected) as extra:
                    done = self._remote.run(
                        "push",
                        "--porcelain",
                        "--no-verify",
                        f"--force-with-lease={self._ref}:{expected}",
                        OURS,
                        f"{commit}:{self._ref}",
                        extra=extra,
                    )
            except ServiceUnavailable as late:
                trouble: StepError = late
            else:
                if done.code == 0:
                    return _Pushed.DONE
                refused = REJECTED.search(done.text)
                # after a lost reply the remote may hold our commit: then this was no lost race
                if refused and lost_race(f"{refused['reason']}\n{done.error_text}"):
                    return self._looked(commit, expected) if attempt > 1 else _Pushed.LOST
                trouble = self._error(done)
                if not isinstance(trouble, ServiceUnavailable):
                    raise trouble
            # no answer: what counts is what the remote has now
            if self._has_moved(expected):
                return self._looked(commit, expected)
            if attempt == ATTEMPTS:
                raise trouble
            self._clock.sleep(backoff(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _has_moved(self, expected: str) -> bool:
        try:
            return self._remote.head() != expected
        except ServiceUnavailable:
            return False

    def _looked(self, commit: str, expected: str) -> _Pushed:
        """Tell whether the remote's branch has our commit; where that cannot be known it counts as
        lost, and deciding again on the new head finds our changes there or makes them again."""
        now = self.snapshot().head
        here = History(self._git, self._remote.extra).is_ancestor(commit, now)
        return _Pushed.DONE if here and now != expected else _Pushed.LOST

    def _error(self, done: Finished) -> StepError:
        refused = REJECTED.search(done.text)
        reason = (refused["reason"] or "") if refused else ""
        said = "\n".join(line for line in (reason, done.error_text) if line)
        return error_for(said, remote=self._remote.shown, branch=self._branch)

    def _follow(self, old: str, new: str, touched: Sequence[Touched]) -> tuple[str, ...]:
        """Bring the user's branch along, as a `git pull` would, where nothing is in its way."""
        ref = self._git.try_("symbolic-ref", "--quiet", "HEAD").text.strip()
        here = self._git.try_("rev-parse", "--verify", "--quiet", "HEAD").text.strip()
        if ref != self._ref or here != old:
            return ()
        try:
            done = advance(
                self._git, self._branch, old=old, new=new, touched=touched, only_when_clean=True
            )
        except StepError as error:
            return (f"The commit is pushed, but your branch could not follow: {error.message}",)
        if not done.moved:
            names = ", ".join(done.left) or "the branch"
            note = (
                f"The commit is pushed; your branch {self._branch} stays where it was, because you"
                f" have changed {names}. Run `git pull` when you are ready."
            )
            return (note,)
        # the user's own record of the remote, if it was up to date, as a push by hand would
        tracking = f"refs/remotes/{self._remote.name}/{self._branch}"
        self._git.try_("update-ref", "-m", "wheelstep: push", tracking, new, old)
        return ()

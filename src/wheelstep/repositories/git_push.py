"""`commit: push`: a commit on a remote branch's head, on condition that the head is still there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, final

from wheelstep.errors import CannotHere, ServiceUnavailable, StepError
from wheelstep.ground.clock import Clock, SystemClock
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.model import Change
from wheelstep.repositories.advance import advance
from wheelstep.repositories.git_local import as_git_snapshot, check_branch
from wheelstep.repositories.git_way import GitWay, prove_push
from wheelstep.repositories.identity import Identity, full_message
from wheelstep.repositories.interface import Committed, Snapshot, Wording
from wheelstep.repositories.objects import (
    COMMIT_ID,
    GitSnapshot,
    History,
    Touched,
    touched_between,
    write_blobs,
)
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.urls import commit_page
from wheelstep.repositories.way import Way, draft_of

__all__ = ["PushRepository"]


@final
class PushRepository:
    """A branch of a remote of this repository."""

    room: Final = None

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
        way: Callable[[Remote], Way] | None = None,
        sources: Git | None = None,
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
            way: Returns how commits reach the remote; None for `git push`.
            sources: In the repository of the packages, where that is another one: this one is a
                clone of ours then.

        Raises:
            SettingError: There is no such remote, or its URL is given with a password inside.
            CannotHere: git is too old to be given a token.
        """
        check_branch(git, branch)
        self._git = git
        self._branch = branch
        self._skip_ci = skip_ci
        waiting: Clock = clock or SystemClock()
        self._remote = Remote(
            git,
            name=remote,
            branch=branch,
            user=user,
            token=token,
            environment=environment,
            wait=wait,
            clock=waiting,
            sparing=sources is not None,
        )
        self._sources = sources
        self._way = way(self._remote) if way else GitWay(git, self._remote, identity, waiting)

    def prove(self) -> None:
        """Ask for the right to push, without pushing.

        The remote is asked as for a push (git-receive-pack), which readers are refused.

        Raises:
            SettingError, ServiceRefused, ServiceUnavailable: As `snapshot`.
        """
        prove_push(self._git, self._remote, self._branch, self._remote.head())

    def snapshot(self) -> GitSnapshot:
        """Return the remote branch's present head, fetched if it is not here already.

        Raises:
            SettingError: The remote has no such branch.
            ServiceRefused: No right to read, no such repository.
            ServiceUnavailable: The remote does not answer.
        """
        head = self._remote.head()
        if not self._remote.here(head):
            head = self._remote.fetch()
        return GitSnapshot(
            self._git,
            head,
            branch=self._branch,
            extra=self._remote.extra,
            bring=self._remote.bring,
            sources=self._sources,
        )

    def propose(
        self, changes: Sequence[Change], *, on: Snapshot, wording: Wording
    ) -> Committed | None:
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
        text = full_message(wording.message, skip_ci=self._skip_ci)
        touched = write_blobs(self._git, head, changes)
        if not touched:
            return Committed("none")
        draft = draft_of(self._git, head, touched, text, extra=self._remote.extra)
        try:
            # a run killed between the push and the branch's following it finds the commit by this
            commit = self._way.commit(self._branch, draft, self._note_pending)
        except ServiceUnavailable:
            raise  # it may have landed all the same: `settle` finds out
        except StepError:
            self._forget_pending()
            raise
        if commit is None:
            self._forget_pending()
            return None
        notes = self._follow(head.head, commit, touched)
        self._forget_pending()
        return Committed(
            "pushed",
            sha=commit,
            branch=self._branch,
            url=commit_page(self._remote.url, commit, github=self._way.name == "github"),
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

    def _follow(self, old: str, new: str, touched: Sequence[Touched]) -> tuple[str, ...]:
        """Bring the user's branch along, as a `git pull` would, where nothing is in its way."""
        ref = self._git.try_("symbolic-ref", "--quiet", "HEAD").text.strip()
        here = self._git.try_("rev-parse", "--verify", "--quiet", "HEAD").text.strip()
        if ref != self._ref or here != old:
            return ()
        try:
            if not self._remote.here(new):
                self._remote.fetch()  # the host made it
            done = advance(
                self._git, self._branch, old=old, new=new, touched=touched, only_when_clean=True
            )
        except StepError as error:
            return (f"The commit is pushed, but your branch could not follow: {error.message}",)
        if not done.moved:
            why = f"you have changed {', '.join(done.left)}"
            if not done.left:
                why = "another git holds it" if done.held else "it has moved meanwhile"
            note = (
                f"The commit is pushed; your branch {self._branch} stays where it was, because"
                f" {why}. Run `git pull` when you are ready."
            )
            return (note,)
        # the user's own record of the remote, if it was up to date, as a push by hand would
        tracking = f"refs/remotes/{self._remote.name}/{self._branch}"
        self._git.try_("update-ref", "-m", "wheelstep: push", tracking, new, old)
        return ()

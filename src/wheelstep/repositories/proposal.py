"""`commit: pull-request`: one stable branch, one commit of ours on it, one pull request.

What the open proposal changes of the base branch is laid over the base's head, and everything is
decided on that: so a run adds to what others proposed, and takes nothing back. Where somebody has
committed on the branch, the head is the branch's own, and each run adds a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from packaging.version import InvalidVersion, Version

from wheelstep.errors import Refused, SettingError
from wheelstep.ground.git import Git
from wheelstep.ground.markdown import code
from wheelstep.ground.page import Room
from wheelstep.ground.skip_tokens import without_skips
from wheelstep.lock import FILE, Lock, Locked
from wheelstep.model import Change
from wheelstep.repositories.blobs import read_blobs
from wheelstep.repositories.git_way import prove_push
from wheelstep.repositories.identity import full_message, made_by_us, parent_of_ours
from wheelstep.repositories.interface import Committed, Snapshot, Wording
from wheelstep.repositories.objects import (
    Entry,
    GitSnapshot,
    History,
    Touched,
    merged_text,
    touched_between,
    tree_with,
    write_blobs,
)
from wheelstep.repositories.pulls import PullRequest, PullRequests, PullWish
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.way import Way, draft_of

__all__ = ["ProposalRepository", "ProposedSnapshot"]

LOOKS: Final = 5
"""How often the branches are looked at, where one goes before it can be read."""
Files = Mapping[str, Entry | None]
"""Path -> what a proposal makes of it; None: it goes."""


class ProposedSnapshot(GitSnapshot):
    """The base branch's head with the open proposal laid over it; or the proposal's own head where
    somebody else has committed there."""

    def __init__(
        self, git: Git, standing: _Standing, *, remote: Remote, sources: Git | None
    ) -> None:
        """Keep what to read."""
        extra = remote.extra
        base, was = standing.base, standing.was
        if standing.ours:
            tree = None
            if standing.carried:
                tree = tree_with(git, base.head, standing.carried, extra=extra)
            head, branch = base.head, base.branch
        else:
            head, branch, tree = was or base.head, standing.branch, None
        super().__init__(
            git, head, branch=branch, tree=tree, extra=extra, bring=remote.bring, sources=sources
        )
        self.base = base
        """The base branch's head as it is."""
        self.standing = standing

    @property
    def carried_paths(self) -> Sequence[str]:
        """The files of the base that the open proposal changes."""
        return [each.path for each in self.standing.carried]

    @property
    def merged_paths(self) -> Sequence[str]:
        """Those of them that somebody has changed on the base since: they are here with both."""
        files = self.standing.files or {}
        return [each.path for each in self.standing.carried if files.get(each.path) != each.new]


@dataclass(frozen=True, slots=True)
class _Standing:
    """How the proposal stands to its base."""

    base: GitSnapshot
    branch: str
    was: str | None
    """Where its branch is; None: there is none."""
    ours: bool = True
    """Every commit on it is one of ours, as we made it."""
    files: Files | None = None
    """What it makes of its own parent; None where it has no commit of its own."""
    carried: Sequence[Touched] = ()
    """What of it still changes the base."""


@final
class ProposalRepository:
    """A branch of a remote, changed by a pull request."""

    def __init__(
        self,
        git: Git,
        *,
        base: str,
        branch: str,
        remote: Remote,
        way: Way,
        pulls: PullRequests,
        wish: Callable[[Wording], PullWish],
        sources: Git | None = None,
    ) -> None:
        """Keep where to and how; nothing is asked yet.

        Args:
            git: In the user's repository.
            base: Short name of the branch that is to be changed.
            branch: Short name of the branch that is proposed.
            remote: Where both are.
            way: How commits get there.
            pulls: Its pull requests.
            wish: Returns what a pull request is to be.
            sources: In the repository of the packages, where that is another one.
        """
        self._git = git
        self._base = base
        self._branch = branch
        self._remote = remote
        self._way = way
        self._pulls = pulls
        self._wish = wish
        self._sources = sources
        self._closed: set[int] = set()
        """Numbers of the pull requests that this run has closed."""

    @property
    def room(self) -> Room:
        """How long the text of the pull request may be."""
        return self._pulls.room

    def prove(self) -> None:
        """Ask for the right to push the branch and to see pull requests.

        Raises:
            SettingError, ServiceRefused, ServiceUnavailable: As `snapshot`.
        """
        prove_push(self._git, self._remote, self._branch, self._remote.head())
        self._pulls.latest(self._branch, self._base)

    def snapshot(self) -> ProposedSnapshot:
        """Return the base branch's head, what is proposed already laid over it.

        Raises:
            SettingError: The remote has no such base branch.
            ServiceRefused: No right to read, no such repository.
            ServiceUnavailable: The remote does not answer.
        """
        base, was = self._heads()
        standing = self._standing(base, was)
        return ProposedSnapshot(self._git, standing, remote=self._remote, sources=self._sources)

    def _heads(self) -> tuple[GitSnapshot, str | None]:
        """Return the base's head, and where the proposal's branch is; both are here then."""
        for left in reversed(range(LOOKS)):
            heads = self._remote.look(self._base, self._branch)
            head = self._remote.need(heads, self._base)
            if not self._remote.here(head):
                head = self._remote.fetch(self._base)
            was = heads.get(self._branch)
            try:
                if was is not None and not self._known(was):
                    was = self._remote.fetch(self._branch, depth=2)
            except SettingError:
                # merged and removed since we looked, or removed by another run: look again, for the
                # base may have it now
                if not left or self._branch in self._remote.look(self._branch):
                    raise
            else:
                return self._at(head, self._base), was
        raise AssertionError("the last look returns or raises")

    def settle(self, on: Snapshot) -> None:
        """Do nothing: what a killed run left is what the next one finds."""

    def propose(
        self, changes: Sequence[Change], *, on: Snapshot, wording: Wording
    ) -> Committed | None:
        """Let the branch be what is proposed, and the pull request be there.

        The second time, nothing is sent. Where nothing is left to propose, the branch goes.

        Returns:
            None when one of the branches is elsewhere meanwhile.

        Raises:
            Refused: A path leads out of the repository, or is no regular file.
            ServiceRefused: No right to push, or to open a pull request.
            ServiceUnavailable: The remote, or its host, does not answer.
            CannotHere: Disk full.
        """
        if not isinstance(on, ProposedSnapshot):
            raise TypeError("the snapshot comes from another repository")
        # a token that skips pipelines: checks that a rule wants would stay pending for ever
        wording = replace(wording, message=without_skips(wording.message))
        touched = write_blobs(self._git, on, changes)
        standing = on.standing
        if standing.ours:
            final = _joined(standing, touched)
            if not final:
                return self._nothing_left(standing)
            wanted = {each.path: each.new for each in final}
            if standing.was is not None and wanted == standing.files:
                return self._stands(standing.was, wording)
            return self._replaced(standing, final, wording)
        assert standing.was is not None  # noqa: S101 - somebody's commits are on it
        if not touched:
            return self._stands(standing.was, wording)
        text = full_message(wording.message, skip_ci=False)
        draft = draft_of(self._git, on, touched, text, mark=False, extra=self._remote.extra)
        commit = self._way.commit(self._branch, draft, _unnoted)
        return None if commit is None else self._opened(commit, standing.was, wording)

    def _replaced(
        self, standing: _Standing, final: Sequence[Touched], wording: Wording
    ) -> Committed | None:
        text = full_message(wording.message, skip_ci=False)
        draft = draft_of(self._git, standing.base, final, text, extra=self._remote.extra)
        commit = self._way.replace(self._branch, standing.was, draft, _unnoted)
        return None if commit is None else self._opened(commit, standing.was, wording)

    def _opened(self, head: str, was: str | None, wording: Wording) -> Committed:
        """Open the pull request, or bring the open one up to date.

        Args:
            head: The commit that the branch is at by us.
            was: Where it was before that.
            wording: What is said of it.
        """
        there = self._pulls.latest(self._branch, self._base)
        wish = replace(self._wish(wording), head=head)
        notes: list[str] = []
        if there is None or there.state != "open":
            there, notes = self._pulls.create(self._branch, self._base, wish)
        elif there.head in {"", head, was}:  # a host may notice a push late
            there, notes = self._pulls.update(there, wish)
        # else another run has gone on from there: what it says of both is not overwritten
        return self._committed(there, head, notes)

    def _stands(self, head: str, wording: Wording) -> Committed:
        """Leave a branch as it is; its pull request may be missing, or be less than it is to be,
        where a run was killed."""
        there = self._pulls.latest(self._branch, self._base)
        if there is None or there.state == "merged":
            return self._opened(head, head, wording)
        if there.state == "closed" and (
            there.number in self._closed or there.head not in {"", head}
        ):
            # nobody has said no to what is there now: it came after the closing
            return self._opened(head, head, wording)
        if there.state == "closed":
            note = (
                f"Somebody has closed the pull request {there.url}, and what it proposes is what "
                "this run would: it is left closed. Open it again, or delete the branch "
                f"{self._branch} for a new one."
            )
            return Committed("none", branch=self._branch, notes=(note,))
        # what it says stays as it is; a run that was killed may have left the rest undone, and
        # settings may wish more by now
        wish = replace(self._wish(wording), head=head)
        notes: list[str] = []
        if wish.labels or wish.reviewers or wish.merge:
            there, notes = self._pulls.make_up(there, wish)
        return self._committed(there, head, notes)

    def _committed(self, there: PullRequest, head: str, notes: Sequence[str]) -> Committed:
        return Committed(
            "pull-request", sha=head, branch=self._branch, url=there.url, notes=tuple(notes)
        )

    def _nothing_left(self, standing: _Standing) -> Committed | None:
        """Take the branch away, and then the pull request.

        In this order nothing is lost: the branch goes only while it is where it was seen, and a
        commit that somebody pushes meanwhile keeps its pull request. GitHub closes the pull request
        by itself then; on Azure Repos it stays open, also where a run was killed in between.
        """
        there = self._pulls.latest(self._branch, self._base)
        if there is None and standing.was and not made_by_us(self._git, standing.was):
            return Committed("none")  # somebody's own branch, from which nothing was ever proposed
        if standing.was is not None and not self._way.remove(self._branch, standing.was):
            return None
        gone = f"Nothing is left to propose: {self._base} has it all."
        if standing.was is not None:
            gone += f" The branch {self._branch} is removed."
        if there is None or there.state != "open":
            return Committed("none", notes=(gone,) if standing.was is not None else ())
        if self._is_back():
            return None
        self._closed.add(there.number)
        self._pulls.close(there, f"Nothing is left to propose: {code(self._base)} has it all.")
        closed = f"{gone} The pull request {there.url} is closed."
        return None if self._is_back() else Committed("none", notes=(closed,))

    def _is_back(self) -> bool:
        """Tell whether another run proposes by the branch meanwhile."""
        return self._branch in self._remote.look(self._branch)

    def _at(self, commit: str, branch: str) -> GitSnapshot:
        return GitSnapshot(
            self._git,
            commit,
            branch=branch,
            extra=self._remote.extra,
            bring=self._remote.bring,
            sources=self._sources,
        )

    def _known(self, commit: str) -> bool:
        """Tell whether a commit and its parent are here."""
        if not self._remote.here(commit):
            return False
        done = self._git.try_("cat-file", "commit", commit)
        parents = [line[7:] for line in done.text.splitlines() if line.startswith("parent ")]
        return all(self._remote.here(parent) for parent in parents[:1])

    def _standing(self, base: GitSnapshot, was: str | None) -> _Standing:
        if was is None:
            return _Standing(base, self._branch, None)
        history = History(self._git, self._remote.extra)
        if history.is_ancestor(was, base.head):
            return _Standing(base, self._branch, was)
        parent = parent_of_ours(self._git, was)
        if parent is None:
            return _Standing(base, self._branch, was, ours=self._is_merged(was))
        touched = touched_between(self._git, parent, was)
        there = self._at(was, self._branch)
        found = [self._carried(base, each, there) for each in touched]
        carried = [one for one in found if one is not None]
        files = {each.path: each.new for each in touched}
        return _Standing(base, self._branch, was, files=files, carried=carried)

    def _is_merged(self, was: str) -> bool:
        """Tell whether all that is on the branch was merged: squashed or rebased, the base has it
        in commits of its own, and only the host knows."""
        there = self._pulls.latest(self._branch, self._base)
        return there is not None and there.state == "merged" and there.head == was

    def _carried(self, base: GitSnapshot, each: Touched, there: GitSnapshot) -> Touched | None:
        """Return what a proposed change is on the base of now; None where it is none any more, and
        where somebody has changed the same lines there: what this run wants of it is decided anew.
        """
        now = base.entries.get(each.path)
        if now == each.new:
            return None
        if now == each.old:
            return each if each.new is None or _has_room(base, each.path) else None
        if now is None or each.new is None or not now.is_regular:
            return None
        if each.path == FILE:
            merged: bytes | None = _newer(Lock.parse(base.read(FILE)), Lock.parse(there.read(FILE)))
        elif each.old is None:
            return None
        else:
            [old] = read_blobs(self._git, [each.old.oid], extra=self._remote.extra)
            merged = merged_text(self._git, base.read(each.path), old, there.read(each.path))
        if merged is None:
            return None
        return next(iter(write_blobs(self._git, base, [Change(each.path, None, merged)])), None)


def _has_room(base: GitSnapshot, path: str) -> bool:
    """Tell whether a file can be there: somebody may have made a folder where it was to be, or a
    file where its folder was."""
    try:
        base.check(path)
    except Refused:
        return False
    return True


def _joined(standing: _Standing, touched: Sequence[Touched]) -> list[Touched]:
    """Return what is proposed in all, as it differs from the base."""
    new: dict[str, Entry | None] = {each.path: each.new for each in standing.carried}
    new |= {each.path: each.new for each in touched}
    old = standing.base.entries
    return [
        Touched(path, old.get(path), entry)
        for path, entry in sorted(new.items())
        if old.get(path) != entry
    ]


def _newer(base: Lock, proposed: Lock) -> bytes:
    """Return the record of both: of each package the newer release."""
    taken = [
        record
        for name, record in proposed.packages.items()
        if (known := base.packages.get(name)) is None or _is_newer(record, known)
    ]
    return base.with_packages(*taken).render()


def _is_newer(one: Locked, other: Locked) -> bool:
    try:
        return Version(one.version) > Version(other.version)
    except InvalidVersion:
        return False


def _unnoted(_commit: str) -> None:
    """Nothing follows the branch of a proposal on this machine."""

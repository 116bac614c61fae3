"""Landing a commit: decide on a head, propose, and on a lost race decide again on the newer one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.version import InvalidVersion, Version

from wheelstep.errors import ServiceUnavailable
from wheelstep.ground.clock import Clock
from wheelstep.ground.swap import Conflict, Tagged, swap
from wheelstep.model import Change
from wheelstep.repositories.interface import Committed, Redo, Repository, Snapshot, Wording

__all__ = ["ATTEMPTS", "land", "still_wanted"]

ATTEMPTS: Final = 20


def land(
    repository: Repository,
    decide: Redo,
    wording: str | Callable[[], Wording],
    *,
    clock: Clock,
    attempts: int = ATTEMPTS,
    start: Snapshot | None = None,
) -> Committed:
    """Commit what `decide` wants on the head of the moment; compare-and-swap, bounded.

    Args:
        repository: Where to.
        decide: What to change on a given head; called again on each newer head. No changes: no
            commit.
        wording: The commit message, or what returns that and more, called after `decide`.
        clock: What waits.
        attempts: How many heads to try, at least 1.
        start: A head seen a moment ago, to begin with; None to ask for the present one.

    Raises:
        ServiceUnavailable: "race-lost", when others were faster every time.
        StepError: As `Repository.snapshot` and `Repository.propose`, and what `decide` raises.
    """
    landed: list[Committed] = []
    first = start if start is not None else repository.snapshot()
    repository.settle(first)
    begin_with = [first]

    def read() -> Tagged[_Head]:
        snapshot = begin_with.pop() if begin_with else repository.snapshot()
        return Tagged(_Head(snapshot), snapshot.head)

    def decided(head: _Head) -> _Head:
        return _Head(head.snapshot, tuple(decide(head.snapshot)))

    def proposed(changes: Sequence[Change], snapshot: Snapshot) -> Committed | None:
        words = Wording(wording) if isinstance(wording, str) else wording()
        return repository.propose(changes, on=snapshot, wording=words)

    def write(wanted: _Head, _tag: str | None) -> None:
        done = proposed(wanted.changes, wanted.snapshot)
        if done is None:
            raise Conflict
        landed.append(done)

    for _ in range(attempts):
        swapped = swap(
            "the branch",
            read=read,
            decide=decided,
            write=write,
            describe=lambda head: head.snapshot.describe(),
            clock=clock,
            attempts=attempts,
        )
        done = landed[0] if landed else proposed((), swapped.value.snapshot)
        if done is not None:
            return done
    raise ServiceUnavailable(
        "Others changed the proposal each time that it was looked at.",
        code="race-lost",
        cure="Run it again: nothing is lost.",
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """A head with what is to be changed on it; equal while there is nothing to change."""

    snapshot: Snapshot = field(compare=False)
    changes: tuple[Change, ...] = ()


def still_wanted(
    ours_version: str,
    ours_commit: str,
    theirs_version: str | None,
    theirs_commit: str | None,
    is_ancestor: Callable[[str, str], bool | None],
) -> bool:
    """Tell whether our pin is to be applied to a head that has theirs: never take a newer one back.

    The history of the sources decides where it can: what was released from a descendant is newer,
    whatever its version. Between lines of history, and where the history is not known, the higher
    version is the newer one.

    Args:
        ours_version: The version that we want to pin.
        ours_commit: The commit it was released from.
        theirs_version: The version that the head pins; None where it pins none.
        theirs_commit: The commit that one was released from, by the head's lock; None if unknown.
        is_ancestor: As `Snapshot.is_ancestor`.
    """
    if theirs_version is None or ours_commit == theirs_commit:
        return True
    if theirs_commit is not None:
        if is_ancestor(ours_commit, theirs_commit):
            return False
        if is_ancestor(theirs_commit, ours_commit):
            return True
    try:
        theirs = Version(theirs_version)
    except InvalidVersion:
        return True
    return Version(ours_version) >= theirs

"""Landing a commit: decide on a head, propose, and on a lost race decide again on the newer one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from packaging.version import InvalidVersion, Version

from wheelstep.errors import ServiceUnavailable
from wheelstep.ground.clock import Clock, backoff
from wheelstep.repositories.interface import Committed, Redo, Repository, Snapshot

__all__ = ["ATTEMPTS", "land", "still_wanted"]

ATTEMPTS: Final = 20


def land(
    repository: Repository,
    decide: Redo,
    message: str | Callable[[], str],
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
        message: The commit message, or what returns it, called after `decide`.
        clock: What waits.
        attempts: How many heads to try, at least 1.
        start: A head seen a moment ago, to begin with; None to ask for the present one.

    Raises:
        ServiceUnavailable: "race-lost", when others were faster every time.
        StepError: As `Repository.snapshot` and `Repository.propose`, and what `decide` raises.
    """
    lost_on = ""
    for attempt in range(1, attempts + 1):
        head = start if start is not None and attempt == 1 else repository.snapshot()
        changes = decide(head)
        if not changes:
            return Committed("none")
        text = message if isinstance(message, str) else message()
        done = repository.propose(changes, on=head, message=text)
        if done is not None:
            return done
        lost_on = head.describe()
        if attempt < attempts:
            # short at first: with a few others the next try wins; long enough for many
            clock.sleep(backoff(attempt, first=0.2, most=8.0))
    raise ServiceUnavailable(
        f"Others changed the branch between our look and our commit {attempts} times in a row;"
        f" the last commit was refused on {lost_on}, which is now"
        f" {repository.snapshot().describe()}.",
        code="race-lost",
        cure="Run it again: nothing is lost, and what is published already is taken as it is.",
    )


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

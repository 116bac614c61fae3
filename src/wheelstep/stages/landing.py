"""The commit: definitions and record, on the head of the moment, never taking a newer pin back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wheelstep.definitions.plan import Edits
from wheelstep.errors import Refused
from wheelstep.lock import FILE, Lock, Locked
from wheelstep.model import Change, Pin
from wheelstep.repositories.interface import Committed, Snapshot
from wheelstep.repositories.land import still_wanted
from wheelstep.stages.run import REMOTE, Run

__all__ = ["check_head_is_shared", "deleted_lock", "lock_change", "note_commit", "wanted_pins"]


def check_head_is_shared(run: Run, here: str) -> None:
    """Refuse to push pins of commits that nobody else has: the record would name a commit that the
    remote lacks, and the published versions could never be looked up.

    Args:
        run: The run.
        here: The commit that is checked out.

    Raises:
        Refused: The checkout is ahead of everything that is known of the remote.
    """
    if run.settings.commit not in REMOTE or run.host.is_ci:
        return  # what a pipeline checked out came from the remote
    there = run.snapshot.head
    if not run.elsewhere and (there is None or run.snapshot.is_ancestor(here, there) is not False):
        return
    if run.git.try_("branch", "--remotes", "--contains", here).out.strip():
        return
    raise Refused(
        f"The commit {here[:12]} that would be released is not on the remote: the pins would name "
        "versions whose sources nobody else has.",
        code="head-not-pushed",
        cure="Push first, then release."
        if run.elsewhere
        else "Push first, then release; or use `commit: local`.",
    )


def note_commit(run: Run, done: Committed, changes: Sequence[Change]) -> None:
    """Put what became of the changes into the report."""
    run.report.landed = bool(changes)
    row = run.report.commit
    row.status, row.sha, row.branch, row.url = done.status, done.sha, done.branch, done.url
    for note in done.notes:
        run.warn("left-alone", note)
    own = (
        run.settings.committing.elsewhere_token if run.elsewhere else run.settings.repository_token
    )
    if done.status == "pull-request" and changes and run.host.name == "github" and own is None:
        run.warn(
            "checks-not-started",
            "The pull request was proposed with the job's own token: GitHub lets its workflows "
            "wait until somebody who may write approves them, or starts none"
            + (
                "; and where it is merged by `auto-merge`, none starts on the branch it goes to."
                if run.settings.committing.merge
                else "."
            ),
            cure="Where checks must run, give `repository-token` a token of an app or a person; or "
            "close the pull request and open it again by hand.",
            severity="notice",
        )


def wanted_pins(pins: Sequence[Pin], lock: Lock, snapshot: Snapshot) -> list[Pin]:
    """Return the intents that still hold on a head: a newer release there is never taken back.

    Args:
        pins: What this run releases.
        lock: The record at that head.
        snapshot: The head.
    """
    wanted = []
    for pin in pins:
        theirs = lock.packages.get(pin.name)
        if theirs is None or still_wanted(
            pin.version, pin.commit, theirs.version, theirs.commit, snapshot.is_ancestor
        ):
            wanted.append(pin)
    return wanted


def deleted_lock(run: Run, snapshot: Snapshot) -> Lock:
    """Return the record as it was before it was deleted from the branch; empty where it was not."""
    if snapshot.head is None:
        return Lock()
    last = run.definition_git.try_("log", "-1", "--format=%H", snapshot.head, "--", FILE)
    commit = last.text.strip()
    if last.code != 0 or not commit:
        return Lock()
    before = run.definition_git.try_("cat-file", "blob", f"{commit}^:{FILE}")
    return Lock.parse(before.out) if before.code == 0 else Lock()


def lock_change(
    snapshot: Snapshot,
    lock: Lock,
    records: Sequence[Locked],
    edits: Edits,
    *,
    published: bool,
    forgotten: Callable[[], Lock],
) -> Change | None:
    """Return the new record, or None where nothing in it changed.

    A record that says the same release in other words (built from another commit, with other
    tools) is left as it is: nothing changed.

    Args:
        snapshot: The head.
        lock: The record there.
        records: The releases of this run that still hold there.
        edits: What else would be committed.
        published: Whether this run stored a file anywhere.
        forgotten: Returns the record that was there before someone deleted it.
    """
    updates = [
        record
        for record in records
        if (known := lock.packages.get(record.name)) is None or not known.same_release(record)
    ]
    committed = any(edit.status == "changed" for edit in edits.edits)
    if updates or committed:
        # what an old record does not say is added when there is a commit anyway
        updates += [
            replace(known, requires=record.requires)
            for record in records
            if (known := lock.packages.get(record.name)) is not None
            and known.same_release(record)
            and known.requires is None
            and record.requires is not None
        ]
    before = snapshot.read(FILE)
    if not updates and lock.broken is None:
        return None
    after = lock.with_packages(*updates).render()
    if after == before:
        return None
    if not committed and not published and before is None:
        once = forgotten().packages
        if all(r.name in once and once[r.name].same_release(r) for r in records):
            return None  # someone deleted the record: that costs time and changes nothing
    return Change(FILE, before, after)

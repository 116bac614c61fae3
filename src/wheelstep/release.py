"""A release: the stages in order, each decide then do.

survey -> build -> examine -> edit -> rehearse -> publish -> promote -> connect -> commit. What
cannot be taken back comes late and after proof; the definitions are committed last, in one commit.
A run that was stopped anywhere goes this same path again and finds what is done already.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from packaging.utils import canonicalize_name

from wheelstep.definitions.interface import Read
from wheelstep.definitions.plan import Edits
from wheelstep.destinations.examine import Examination
from wheelstep.destinations.publish import Published
from wheelstep.errors import StepError
from wheelstep.lock import FILE, Lock, Locked
from wheelstep.model import Change, Pin, Wheel
from wheelstep.packages.environments import BuildEnvironments
from wheelstep.packages.interface import Built
from wheelstep.repositories.interface import Snapshot, Wording
from wheelstep.repositories.land import land
from wheelstep.stages.building import added, build, rebuilt
from wheelstep.stages.connecting.connect import Connecting
from wheelstep.stages.definitions import check_place, edits_for, edits_on, show_edits
from wheelstep.stages.elsewhere import as_served
from wheelstep.stages.git_source import repository_url, with_sources
from wheelstep.stages.landing import (
    check_head_is_shared,
    deleted_lock,
    lock_change,
    note_commit,
    wanted_pins,
)
from wheelstep.stages.linking import write_links
from wheelstep.stages.own_run import started_by_its_own_commit
from wheelstep.stages.planning import hold_edits, hold_wheels, plan_and_hold, read_agreed
from wheelstep.stages.promoting import Promoting, at_hand_for_views
from wheelstep.stages.proposed import Proposed
from wheelstep.stages.proving import Proving
from wheelstep.stages.publishing import (
    check_early,
    examine_wheels,
    lacking,
    publish_examined,
    to_copy,
)
from wheelstep.stages.records import package_row, pin_of, record_of, stored
from wheelstep.stages.registering import foresee, registered
from wheelstep.stages.registrable import check_register, say_next_steps
from wheelstep.stages.rehearsing import read_after
from wheelstep.stages.run import Run
from wheelstep.stages.serving import check_serving
from wheelstep.stages.survey import Survey, survey
from wheelstep.stages.tagging import Release as Tagged
from wheelstep.stages.tagging import check_tags, tag_releases
from wheelstep.stages.urls import public_urls, urls_of
from wheelstep.stages.vendoring import Vendoring
from wheelstep.stages.views import check_reads
from wheelstep.stages.wording import check_message, wording_of
from wheelstep.stages.work import work_folder

__all__ = ["Release", "environments_of", "release"]


def environments_of(run: Run) -> BuildEnvironments:
    """Return where this run's back ends live."""
    from wheelstep.ground.public_index import uv_environment

    return BuildEnvironments(
        environment=run.environment, uv_environment=uv_environment(run.environment)
    )


def release(run: Run, *, pin: bool = True) -> None:
    """Release what changed: the report tells what was done.

    Args:
        run: The run.
        pin: Whether definitions are edited and committed; without, wheels are only published.

    Raises:
        StepError: As the stages say; the report tells what was done until then.
    """
    if pin:
        check_message(run)
        check_register(run)
        read_agreed(run)
    with environments_of(run) as environments, work_folder() as work:
        with run.stage("survey"):
            found = survey(run, environments)
        changed = any(row.package for row in found.packages)
        if pin and not run.planning and not changed and started_by_its_own_commit(run):
            return
        found = _check_places(run, found, work, pin=pin)
        if run.planning:
            plan_and_hold(run, found, environments)
            return
        if run.agreed is not None:
            plan_and_hold(run.rehearsing(), found, environments)
        this = Release(run, found, work)
        lacks = lacking(run, found)
        if changed or lacks or added(run, found):
            this.publish(environments, lacks, pin=pin)
        else:
            this.note_packages()
        if pin:
            with run.stage("connect"):
                this.connecting.store()
            this.commit()
            with run.stage("tag"):
                tag_releases(run, this.releases())
        run.report.status = "done" if run.report.changed else "nothing-to-do"


def _check_places(run: Run, found: Survey, work: Path, *, pin: bool) -> Survey:
    """Refuse early what could not be named; return the survey as it is served."""
    if pin:
        check_place(run, found.definitions.kinds)
        check_tags(run)
        if found.definitions.kinds:
            repository_url(run)
        unserved = check_serving(run, found.definitions.kinds)
        run.report.add([unserved] if unserved else [])
    elif not run.trigger.pull_request:  # which asks no private index
        with run.stage("check"):
            return as_served(run, found, work)
    return found


@dataclass
class Release:
    """What a release has found out and done so far."""

    run: Run
    found: Survey
    work: Path
    built: dict[str, Built] = field(default_factory=dict)
    published: dict[str, list[Published]] = field(default_factory=dict)
    pinned: list[str] = field(default_factory=list)
    fetched: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Wheels that were copied: see stages/vendoring.py."""
    changes: Sequence[Change] = ()
    """What was decided last, on the newest head."""
    edits: Edits = field(default_factory=lambda: Edits((), ()))
    """What the definitions among them were made from."""
    decided_on: Snapshot = field(init=False)
    """The head that `changes` are for."""
    proving: Proving = field(init=False)
    connecting: Connecting = field(init=False)
    promoting: Promoting = field(init=False)

    def __post_init__(self) -> None:
        names = [row.name for row in self.found.packages]
        self.proving = Proving(self.run, names)
        self.promoting = Promoting(self.run)
        # what was released once has a page
        released = [row.name for row in self.found.packages if row.locked is not None]
        self.connecting = Connecting(self.run, list(dict.fromkeys([*released, *names])))

    # --- publish ------------------------------------------------------------------------------

    def publish(self, environments: BuildEnvironments, lacks: Sequence[str], *, pin: bool) -> None:
        """Build, examine, rehearse, upload: in this order, nothing published before all is proved.

        Args:
            environments: Where back ends live.
            lacks: Unchanged packages that some destination does not have.
            pin: Whether definitions follow.
        """
        run = self.run
        self.note_packages()
        with run.stage("check"):
            if pin:
                run.repository.prove()
                run.snapshot.check(FILE)
                check_head_is_shared(run, self.found.tree.commit)
                self.connecting.check(definitions=bool(self.found.definitions.kinds))
            check_early(run, self.found, lacks)
            if pin:
                check_reads(run, self.found.definitions.kinds)
        with run.stage("build"):
            self.built = {one.package.name: one for one in self._build(environments)}
        hold_wheels(run, self.built.values())
        self.note_packages()
        recorded = [
            wheel
            for row in self.found.packages
            if row.name in lacks and row.locked is not None
            for wheel in row.locked.as_wheels()
        ]
        wheels = [wheel for one in self.built.values() for wheel in one.wheels]
        with run.stage("examine"):
            examination = examine_wheels(run, self.found, [*wheels, *recorded], self.work)
        if lost := sorted({action.wheel.name for action in examination.unobtainable}):
            with run.stage("build"):
                rows = [self.found.of(name) for name in lost]
                again = {
                    one.package.name: one for one in rebuilt(run, self.found, rows, environments)
                }
            self.built |= again
            recorded = [wheel for wheel in recorded if wheel.name not in again]
            wheels = [wheel for one in self.built.values() for wheel in one.wheels]
            with run.stage("examine"):
                examination = examine_wheels(run, self.found, [*wheels, *recorded], self.work)
        with run.stage("examine"):
            # fetched once and found right, before anything is stored anywhere
            examination, copies = to_copy(run, examination)
        if pin:
            with run.stage("rehearse"):
                if run.settings.rehearse != "off":
                    copies = (*copies, *at_hand_for_views(run, recorded, self.work))
                self.rehearse([*wheels, *copies])
        with run.stage("publish"):
            self._upload(examination)
        if self.promoting.feeds:
            self._promote(pin=pin)
        self.note_packages()
        if visible := run.report.visible():
            run.report.timings["visible"] = max(visible.values())

    def _promote(self, *, pin: bool) -> None:
        """Promote what is published, once the definitions have resolved to what is served."""
        run, snapshot = self.run, self.run.snapshot
        self.note_packages()
        if pin and self.proving.can_see():
            with run.stage("rehearse-served"):
                pins = wanted_pins(self.pins(), run.lock, snapshot)
                edits = edits_for(run, snapshot, pins)
                wheels = self._published_wheels({one.name for one in pins})
                read = self._read_after(snapshot, edits)
                self.proving.after(snapshot, edits, read, wheels, promoted=False)
        with run.stage("promote"):
            self.promoting.promote(self.published)

    def _published_wheels(self, names: Collection[str]) -> list[Wheel]:
        return [one.wheel for name, rows in self.published.items() if name in names for one in rows]

    def _upload(self, examination: Examination) -> None:
        so_far: list[Published] = []
        try:
            done: Sequence[Published] = publish_examined(self.run, examination, so_far.append)
        except StepError:
            self.published = _by_name(so_far)
            self.note_packages()  # what is there is there, whatever came after
            raise
        self.published = _by_name(done)

    def _build(self, environments: BuildEnvironments) -> list[Built]:
        try:
            return build(self.run, self.found, environments)
        except StepError as error:
            for row in self.run.report.packages:
                if canonicalize_name(row.name) in error.packages:
                    row.status = "failed"
            raise

    def note_packages(self) -> None:
        """Put the packages into the report as they stand now."""
        self.run.report.packages = [
            package_row(
                row,
                self.built.get(row.name),
                self.published.get(row.name, ()),
                self.record(row.name) if row.name in self.published else row.locked,
                partial(self.promoting.view_of, name=row.name, version=row.version),
            )
            for row in self.found.packages
        ]

    def record(self, name: str) -> Locked:
        """Return the record of a package's release, as far as it has come."""
        row = self.found.of(name)
        return record_of(
            row,
            self.built.get(name),
            self.published.get(name, ()),
            self.run.requires.get((name, row.version)),
            self.promoting.places(name, row.version),
        )

    @property
    def vendoring(self) -> Vendoring:
        """What copies wheels into build contexts: those of this run, or as they are published."""
        wheels = [wheel for one in self.built.values() for wheel in one.wheels]
        return Vendoring(self.run, wheels, self.fetched)

    # --- edit and rehearse --------------------------------------------------------------------

    def pins(self) -> list[Pin]:
        """Return the intents: each package at its version of this checkout."""
        records = [self.record(row.name) for row in self.found.packages]
        local = {wheel.file: wheel for one in self.built.values() for wheel in one.wheels}
        recorded = [wheel for record in records for wheel in record.as_wheels()]
        urls = urls_of(self.run, recorded, chain.from_iterable(self.published.values()))
        pins = []
        for record in records:
            if not record.wheels:  # built, not published yet
                wheels = self.built[record.name].wheels
                known = {wheel.file: urls[wheel.file] for wheel in wheels if wheel.file in urls}
                known |= public_urls(self.run, wheels)
                pins.append(
                    Pin(
                        record.name,
                        record.version,
                        record.commit,
                        tuple(local[wheel.file] for wheel in wheels),
                        tuple(sorted(known.items())),
                        record.requires,
                    )
                )
            else:
                pins.append(pin_of(record, urls))
        directories = {row.name: row.project.directory for row in self.found.packages}
        return with_sources(self.run, pins, directories)

    def rehearse(self, wheels: Sequence[Wheel]) -> None:
        """Resolve what would be committed, with the new wheels laid over the index.

        Args:
            wheels: Those that will be published or copied, as they lie on this machine.
        """
        snapshot = self.run.snapshot
        pins = wanted_pins(self.pins(), self.run.lock, snapshot)
        edits = edits_for(self.run, snapshot, pins)
        hold_edits(self.run, edits)
        show_edits(self.run.report, edits)
        foresee(self.run, snapshot, edits)
        if any(edit.unknown for edit in edits.edits):
            # the URL is known when the file is there: until then the version stands for it
            edits = edits_on(self.run, snapshot, pins, None, style="version")
        # of what the branch has a newer release of, no definition takes the wheels of this one
        names = {pin.name for pin in pins}
        self._prove(snapshot, edits, [wheel for wheel in wheels if wheel.name in names])

    def _prove(self, snapshot: Snapshot, edits: Edits, wheels: Sequence[Wheel]) -> None:
        commits = {one.package.name: one.package.sources.commit for one in self.built.values()}
        self.proving.before(snapshot, edits, self._read_after(snapshot, edits), wheels, commits)

    def _read_after(self, snapshot: Snapshot, edits: Edits) -> Read:
        return read_after(snapshot, edits, self.vendoring.content)

    # --- commit -------------------------------------------------------------------------------

    def commit(self) -> None:
        """Commit the definitions and the record on the head of the moment."""
        run = self.run
        with run.stage("commit"):
            # a run that had nothing to build saw the head a moment ago: it is not fetched twice
            start = None if self.built or self.published else run.snapshot
            done = land(run.repository, self.decide, self.wording, clock=run.clock, start=start)
        note_commit(run, done, self.changes)
        say_next_steps(run, self.edits)

    def decide(self, snapshot: Snapshot) -> Sequence[Change]:
        """Decide what to change on a head: called again when another run was faster."""
        registered(self.run, snapshot, lambda: self._decide(snapshot))
        return self.changes

    def _decide(self, snapshot: Snapshot) -> Edits:
        run, self.decided_on = self.run, snapshot
        lock = run.lock if snapshot is run.snapshot else Lock.parse(snapshot.read(FILE))
        pins = wanted_pins(self.pins(), lock, snapshot)
        names = {pin.name for pin in pins}
        for row in self.found.packages:
            if row.name not in names:
                run.warn(
                    "newer-release",
                    f"{row.project.name} {row.version} is not pinned: the branch has a newer "
                    f"release of it already, {lock.packages[row.name].version}.",
                    severity="notice",
                )
        edits = self.edits = edits_for(run, snapshot, pins)
        hold_edits(run, edits)
        show_edits(run.report, edits)
        changes = [edit.change() for edit in edits.edits if edit.status == "changed"]
        changes += self.vendoring.changes(snapshot, edits)
        if changes:
            self.connecting.check(definitions=True)
        if self.published and self.proving.can_see():
            served = self._published_wheels(names)
            with run.stage("rehearse-served"):
                self.proving.after(snapshot, edits, self._read_after(snapshot, edits), served)
        else:
            built = [one for name, one in self.built.items() if name in names]
            with run.stage("rehearse"):
                self._prove(snapshot, edits, [wheel for one in built for wheel in one.wheels])
        if run.settings.find_links:
            with run.stage("links"):
                write_links(run, edits, {row.name for row in self.found.packages})
        self.pinned = sorted(
            {pin.name for edit in edits.edits if edit.status == "changed" for pin in edit.pins}
        )
        published = [one for rows in self.published.values() for one in rows]
        record = lock_change(
            snapshot,
            lock,
            [self.record(row.name) for row in self.found.packages if row.name in names],
            edits,
            published=stored(published) or bool(self.promoting.now),
            forgotten=lambda: deleted_lock(run, snapshot),
        )
        self.changes = [*changes, record] if record else changes
        return edits

    def releases(self) -> list[Tagged]:
        """Return the packages as they are released now, for their tags."""
        records = [self.record(row.name) for row in self.found.packages]
        return [Tagged(one.name, one.version, one.commit) for one in records if one.wheels]

    def wording(self) -> Wording:
        """Return what the commit and the pull request say: what is pinned, or what was released."""
        names = self.pinned or sorted(self.published) or [row.name for row in self.found.packages]
        versions = [(name, self.found.of(name).version) for name in names]
        directories = {row.name: row.project.directory for row in self.found.packages}
        proposed = Proposed(self.decided_on, self.changes, versions, self.edits.kinds, directories)
        return wording_of(self.run, "Pin" if self.pinned else "Release", proposed)


def _by_name(published: Sequence[Published]) -> dict[str, list[Published]]:
    found: dict[str, list[Published]] = {}
    for one in published:
        found.setdefault(one.wheel.name, []).append(one)
    return found

"""What a release has proved of its definitions: before publishing, and of what is served after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wheelstep.definitions.forms import form_of
from wheelstep.definitions.interface import Read
from wheelstep.definitions.pinning import LEFT_ALONE
from wheelstep.definitions.plan import Edits, PlannedEdit
from wheelstep.model import Wheel
from wheelstep.rehearsal.interface import Subject
from wheelstep.repositories.interface import Snapshot, merged_by
from wheelstep.stages.rehearsing import includes, lines_as_they_are, rehearse_subjects, subjects_of
from wheelstep.stages.run import Run
from wheelstep.stages.views import reads_promoted_view

__all__ = ["Proving", "concerned", "merged", "names"]


@dataclass
class Proving:
    """Each state of a definition is resolved once before publishing, and once after."""

    run: Run
    names: Sequence[str]
    """Normalised names of all packages of the repository."""
    laid: set[tuple[Subject, int]] = field(default_factory=set)
    """What resolved with the new wheels laid over the index."""
    served: set[tuple[Subject, int]] = field(default_factory=set)
    """What resolved to what was published, as it is served."""

    def before(
        self,
        snapshot: Snapshot,
        edits: Edits,
        read: Read,
        wheels: Sequence[Wheel],
        commits: Mapping[str, str],
    ) -> None:
        """Resolve what changed or names a new package, with the new wheels laid over the index; and
        what an open proposal changes that has changed on its base, too.

        Args:
            snapshot: The head.
            edits: The definitions there.
            read: Reads a file as it would be committed.
            wheels: The wheels of this release that lie on this machine.
            commits: By name, the commit that they were built from.

        Raises:
            StepError: As `rehearse_subjects`.
        """
        subjects = _subjects(edits, {wheel.name for wheel in wheels})
        subjects |= self._merged(subjects, snapshot, edits, read)
        new = _in_order(subjects - self.laid)
        with lines_as_they_are(edits):
            rehearse_subjects(self.run, read, new, wheels, self.names, commits=commits)
        self.laid |= subjects

    def after(
        self,
        snapshot: Snapshot,
        edits: Edits,
        read: Read,
        published: Sequence[Wheel],
        *,
        promoted: bool = True,
    ) -> None:
        """Resolve what changed or names a published package once more, against what consumers will
        read; and what an open proposal changes that has changed on its base, too.

        Args:
            snapshot: The head.
            edits: The definitions there.
            read: Reads a file as it would be committed.
            published: The wheels that it has to resolve to.
            promoted: False before they are promoted: definitions that read them from a view have
                been rehearsed with the wheels laid over, which stands for it until then.

        Raises:
            StepError: As `rehearse_subjects`.
        """
        subjects = _subjects(edits, {wheel.name for wheel in published})
        subjects |= self._merged(subjects, snapshot, edits, read)
        if not promoted:
            subjects = {one for one in subjects if not self._waits_for_view(one[0], read)}
        new = _in_order(subjects - self.served)
        with lines_as_they_are(edits):
            rehearse_subjects(self.run, read, new, (), self.names, served=published)
        self.served |= subjects

    def _merged(
        self, asked: Collection[tuple[Subject, int]], snapshot: Snapshot, edits: Edits, read: Read
    ) -> set[tuple[Subject, int]]:
        known = {one for one, _ in asked}
        return {(one, 0) for one in merged(self.run, snapshot, edits, read, known)}

    def _waits_for_view(self, subject: Subject, read: Read) -> bool:
        return reads_promoted_view(self.run, subject.path, subject.pip_lines, read)

    def can_see(self) -> bool:
        """Tell whether definitions read what was published, and whether it can be read from here
        as consumers read it."""
        settings = self.run.settings
        if settings.pin in {"git", "vendor"}:
            return False  # the image takes the commit, or the wheel beside the Dockerfile
        if any(one.kind == "workspace" for one in self.run.destinations[:1]):
            return False  # only Azure ML reads there, with URLs that it signs itself
        if settings.read_back != "serve" and settings.rehearse != "off":
            self.run.warn(
                "served-not-rehearsed",
                "The definitions were rehearsed before publishing only: `read-back` is "
                f"{settings.read_back}, so what is served now cannot be read from here.",
                severity="notice",
            )
        return settings.read_back == "serve"


def _in_order(subjects: Iterable[tuple[Subject, int]]) -> list[Subject]:
    return [one for one, _ in sorted(subjects, key=lambda pair: (pair[0].path, pair[0].place))]


def concerned(edits: Edits, fresh: Collection[str]) -> list[PlannedEdit]:
    """Return the definitions of which it is not known that they build; pure.

    Those that change are; those that name a package which is new, though not a byte of theirs
    changes (a range that stays, a pin that was written by hand, a place that cannot be edited); and
    where there are any, those that take in other files, for these may be among them.

    Args:
        edits: The definitions on a head.
        fresh: Normalised names of the packages whose release is not proved yet. With none of them
            and no change there is nothing to look at.
    """
    asked = {edit.path for edit in edits.edits if edit.status == "changed" or names(edit, fresh)}
    return [
        edit for edit in edits.edits if edit.path in asked or (asked and includes(edit.reading))
    ]


def merged(
    run: Run, snapshot: Snapshot, edits: Edits, read: Read, known: Collection[Subject]
) -> list[Subject]:
    """Return what is asked of the definitions that an open proposal changes and that have changed
    on its base since: each was rehearsed without the other's change, and is proposed with both.

    Args:
        run: The run.
        snapshot: The head, with the proposal laid over it.
        edits: The definitions there.
        read: Reads a file as it would be committed.
        known: What is asked already.

    Raises:
        StepError: Such a definition cannot be read any more.
    """
    readings = {edit.path: edit.reading for edit in edits.edits}
    found: list[Subject] = []
    for path in merged_by(snapshot):
        if path not in readings:  # it names other packages than this run's
            data = read(path) or b""
            form = form_of(path, data)
            if form is None:
                continue  # the record, or a wheel
            readings[path] = form.read(path, data)
        found += subjects_of(path, readings[path])
        run.warn(
            "proposal-merged",
            f"{path} has both what is proposed already and what has changed on the branch since: "
            "it is rehearsed as a whole.",
            file=path,
            severity="notice",
        )
    return [one for one in found if one not in known]


def names(edit: PlannedEdit, packages: Collection[str]) -> bool:
    """Tell whether a definition itself names one of these packages, in a place that cannot be
    edited too, but for what it takes from a URL of somebody else's; pure."""
    anothers = {note.line for note in edit.notes if note.code == LEFT_ALONE}
    named = {one.name for one in edit.reading.requirements if one.line not in anothers}
    named |= {one.name for one in edit.unedited}
    return not named.isdisjoint(packages)


def _subjects(edits: Edits, fresh: Collection[str]) -> set[tuple[Subject, int]]:
    """Return what definitions install that have to be looked at; the same text means another thing
    when a file that it takes in has changed, so each goes with a number that tells those states
    apart."""
    changed = tuple((edit.path, edit.after) for edit in edits.edits if edit.status == "changed")
    after = hash(changed)
    return {
        (subject, after if includes(edit.reading) else 0)
        for edit in concerned(edits, fresh)
        for subject in subjects_of(edit.path, edit.reading)
    }

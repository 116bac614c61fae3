"""Definitions that name wheels in a workspace's own storage: nobody but Azure ML reads those URLs,
so in a rehearsal the version stands for each, and the wheel itself is laid over the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wheelstep.definitions.interface import Read
from wheelstep.destinations.workspace_storage import PRIVATE_WHEEL, WorkspaceStorage
from wheelstep.errors import Refused
from wheelstep.lock import FILE
from wheelstep.model import Problem, Wheel
from wheelstep.rehearsal.interface import Subject, Verdict
from wheelstep.stages.run import Run

__all__ = ["Standing", "recorded_there", "standing_for"]

SWAP: Final = (
    "Its wheels of yours are named by the plain URL in the workspace's own storage, and that Azure "
    "ML swaps it for a signed one when it builds the image is documented for the SDK v1 only."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is rehearsed in the place of what definitions say."""

    subjects: Sequence[Subject]
    read: Read
    wheels: Sequence[Wheel]
    """Those of this release, and those that were released before, fetched."""
    paths: frozenset[str]
    """Definitions for which a version stands for a URL."""

    def judged(self, verdict: Verdict) -> Verdict:
        """Return a verdict with what is not proved of the definition, whatever else is."""
        if verdict.path not in self.paths or verdict.status not in {"resolved", "unproven"}:
            return verdict
        problem = Problem(
            "signed-url-unproven",
            "notice",
            0,
            f"{verdict.path} is unproven: {SWAP}",
            "The first image build shows it. Where it fails, publish to a feed or a mirror.",
            verdict.path,
        )
        return replace(verdict, status="unproven", problems=(*verdict.problems, problem))


def standing_for(
    run: Run, subjects: Sequence[Subject], read: Read, wheels: Sequence[Wheel], work: Path
) -> Standing:
    """Put versions in the place of URLs, where the first destination is a workspace's storage.

    Args:
        run: The run.
        subjects: The definitions.
        read: Reads a file as it would be committed.
        wheels: Of this release, with their `path`.
        work: A folder for wheels that have to be fetched.

    Raises:
        Refused: What is there is not what was recorded.
        StepError: It cannot be read.
    """
    first = run.destinations[0] if run.destinations else None
    if not isinstance(first, WorkspaceStorage):
        return Standing(subjects, read, wheels, frozenset())
    known = {wheel.file: wheel for row in run.lock.packages.values() for wheel in row.as_wheels()}
    known |= {wheel.file: wheel for wheel in wheels}
    seen: dict[str, Wheel] = {}

    def put(line: str) -> str:
        found = PRIVATE_WHEEL.match(line.strip())
        if found is None or found["file"] not in known:
            return line
        wheel = seen[found["file"]] = known[found["file"]]
        rest = line.strip()[found.end() :]
        return f"{wheel.name}{found['extras'] or ''}=={wheel.version}{rest}"

    def read_standing(path: str) -> bytes | None:
        data = read(path)
        if data is None or not path.endswith((".txt", ".in")):
            return data
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return data
        return "\n".join(put(line) for line in text.split("\n")).encode()

    changed, paths = [], set()
    for subject in subjects:
        before = len(seen)
        lines = tuple(put(line) for line in subject.pip_lines)
        if lines != tuple(subject.pip_lines) or len(seen) > before:
            paths.add(subject.path)
        changed.append(replace(subject, pip_lines=lines))
    at_hand = {wheel.file for wheel in wheels if wheel.path is not None}
    more = [_fetched(first, one, work) for file, one in seen.items() if file not in at_hand]
    return Standing(changed, read_standing, [*wheels, *more], frozenset(paths))


def _fetched(first: WorkspaceStorage, wheel: Wheel, work: Path) -> Wheel:
    """Read a wheel that was released before, and hold it against its record."""
    target = work / wheel.file
    if not _is_there(first, wheel, target):
        raise Refused(
            f"{wheel.file} is gone from the storage of the workspace {first.workspace}, and a "
            "definition names it.",
            code="wheel-gone",
            cure="Put it back, or release a higher version.",
        )
    return replace(wheel, path=target)


def recorded_there(one: WorkspaceStorage, wheels: Sequence[Wheel]) -> bool:
    """Tell whether recorded wheels are in a workspace's storage, each read as a whole: what names
    them there says no hash.

    Args:
        one: The storage.
        wheels: From the record.

    Raises:
        Refused: One is there with another hash.
        StepError: It cannot be read.
    """
    return all(_is_there(one, wheel, None) for wheel in wheels)


def _is_there(one: WorkspaceStorage, wheel: Wheel, target: Path | None) -> bool:
    there = one.look([wheel.name])[wheel.name]
    listed = next((each for each in there if each.file == wheel.file), None)
    if listed is None:
        return False
    # what is kept beside it is not taken for it
    found = one.fetch(replace(listed, sha256=None), target)
    if found != wheel.sha256:
        raise Refused(
            f"{wheel.file} in the storage of the workspace {one.workspace} has the SHA-256 "
            f"{found}, and {FILE} says {wheel.sha256}: definitions name it without a hash.",
            code="hash-mismatch",
            cure="Find out who changed it; put the right file back, or release a higher version.",
        )
    return True

"""Definitions that name wheels in a workspace's own storage: nobody but Azure ML reads those URLs,
so in a rehearsal the version stands for each, and the wheel itself is laid over the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from wheelstep.definitions.interface import Read
from wheelstep.destinations.workspace_storage import PRIVATE_WHEEL, WorkspaceStorage
from wheelstep.errors import Refused
from wheelstep.lock import FILE
from wheelstep.model import Listed, Problem, Wheel
from wheelstep.rehearsal.interface import Subject, Verdict
from wheelstep.rehearsal.section_lines import Fault, flatten
from wheelstep.stages.run import Run

__all__ = ["Standing", "recorded_there", "standing_for"]

SWAP: Final = (
    "Its wheels of yours are named by the plain URL in the workspace's own storage, and that Azure "
    "ML swaps it for a signed one when it builds the image is documented for the SDK v1 only."
)


UNSEEN: Final = (
    "It names wheels in the workspace's own storage, and nobody is signed in there on a pull "
    "request: whether they are there is not known."
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
    named = [(subject, _urls(subject, read)) for subject in subjects]
    files = {file for _, urls in named for file, _ in urls} & known.keys()
    stand = _Stand(known, _looked(run, first, [known[file] for file in sorted(files)]))
    changed, paths, seen = [], set(), set()
    for subject, urls in named:
        ours = stand.ours(urls)
        seen |= ours
        paths |= {subject.path} if ours else set()
        hidden = stand.there is None and any(file in known for file, _ in urls)
        changed.append(
            replace(
                subject,
                pip_lines=tuple(stand.put(line) for line in subject.pip_lines),
                unknown=(*subject.unknown, UNSEEN) if hidden else subject.unknown,
            )
        )
    at_hand = {wheel.file for wheel in wheels if wheel.path is not None}
    more = [
        _fetched(first, known[file], (stand.there or {}).get(file), work)
        for file in sorted(seen - at_hand)
    ]
    return Standing(changed, partial(_read, stand, read), [*wheels, *more], frozenset(paths))


@dataclass(frozen=True, slots=True)
class _Stand:
    """What stands for the URLs of wheels."""

    known: Mapping[str, Wheel]
    """By file: of this release, and recorded ones."""
    there: Mapping[str, Listed] | None
    """What of them the storage has; None: nobody may look."""

    def put(self, line: str) -> str:
        """Return a line with the version in the place of the URL of a wheel of ours."""
        found = PRIVATE_WHEEL.match(line.strip())
        if found is None or found["file"] not in self.known:
            return line
        if self.there is None:
            return ""  # the definition is said to be unproven for it
        if not self._is_ours(found["file"], found["url"]):
            return line
        wheel = self.known[found["file"]]
        rest = line.strip()[found.end() :]
        return f"{wheel.name}{found['extras'] or ''}=={wheel.version}{rest}"

    def ours(self, urls: Sequence[tuple[str, str]]) -> set[str]:
        """Return the files among (file, URL) that are wheels of ours in this storage."""
        if self.there is None:
            return set()
        return {file for file, url in urls if file in self.known and self._is_ours(file, url)}

    def _is_ours(self, file: str, url: str) -> bool:
        # a file of the same name may be in somebody else's storage; one that is gone from here is
        # taken for ours, and missed
        there = self.there or {}
        return file not in there or _same(there[file].url, url)


def _read(stand: _Stand, read: Read, path: str) -> bytes | None:
    """Read a file with versions in the place of URLs, where it is a requirements file."""
    data = read(path)
    if data is None or not path.endswith((".txt", ".in")):
        return data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return "\n".join(stand.put(line) for line in text.split("\n")).encode()


def _urls(subject: Subject, read: Read) -> list[tuple[str, str]]:
    """Return (file, URL) of each private wheel that a definition names, in files that it takes in,
    too."""
    try:
        lines = [line.text for line in flatten(subject.pip_lines, subject.path, read)]
    except Fault:
        lines = list(subject.pip_lines)  # the rehearsal says what is wrong
    found = [PRIVATE_WHEEL.match(line.strip()) for line in lines]
    return [(one["file"], one["url"]) for one in found if one is not None]


def _looked(
    run: Run, first: WorkspaceStorage, wheels: Sequence[Wheel]
) -> Mapping[str, Listed] | None:
    """Return what is in the storage of some packages, by file: one look for all of them; None
    where nobody may look.

    Raises:
        StepError: It cannot be read, though somebody is signed in.
    """
    names = sorted({wheel.name for wheel in wheels})
    if not names:
        return {}
    if run.trigger.pull_request:
        return None  # nobody signs in there
    return _listed(first, names)


def _listed(one: WorkspaceStorage, names: Sequence[str]) -> dict[str, Listed]:
    return {listed.file: listed for row in one.look(names).values() for listed in row}


def _same(one: str, other: str) -> bool:
    """Compare URLs: the host in either case, the path however it is quoted."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.netloc.lower(), unquote(first.path)) == (
        second.netloc.lower(), unquote(second.path)
    )  # fmt: skip


def _fetched(first: WorkspaceStorage, wheel: Wheel, listed: Listed | None, work: Path) -> Wheel:
    """Read a wheel that was released before, and hold it against its record."""
    target = work / wheel.file
    if not _is_there(first, wheel, listed, target):
        raise Refused(
            f"{wheel.file} is gone from the storage of the workspace {first.workspace}, and a "
            "definition names it.",
            code="wheel-gone",
            cure="Put it back, or release a higher version.",
        )
    return replace(wheel, path=target)


def recorded_there(
    one: WorkspaceStorage, packages: Mapping[str, Sequence[Wheel]]
) -> Mapping[str, bool]:
    """Tell of packages whether their recorded wheels are in a workspace's storage, each read as a
    whole: what names them there says no hash. It is looked once for all of them.

    Args:
        one: The storage.
        packages: By name, from the record.

    Raises:
        Refused: One is there with another hash.
        StepError: It cannot be read.
    """
    there = _listed(one, sorted(packages)) if packages else {}
    return {
        name: all(_is_there(one, wheel, there.get(wheel.file), None) for wheel in wheels)
        for name, wheels in packages.items()
    }


def _is_there(
    one: WorkspaceStorage, wheel: Wheel, listed: Listed | None, target: Path | None
) -> bool:
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

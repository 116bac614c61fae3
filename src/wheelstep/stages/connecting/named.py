"""Where definitions look for packages: the indexes and the git repositories that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.git_url import parse_git_url
from wheelstep.definitions.interface import Read
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.ground.public_index import split_credential
from wheelstep.packages.discover import discover
from wheelstep.rehearsal.candidates import index_order
from wheelstep.rehearsal.interface import Subject
from wheelstep.rehearsal.section_lines import Fault, flatten
from wheelstep.stages.definitions import find_definitions
from wheelstep.stages.rehearsing import subjects_of
from wheelstep.stages.run import Run

__all__ = ["NamedUrl", "all_subjects", "indexes_of", "repositories_of"]

GIT_URL: Final = re.compile(r"git\+https?://[^\s;\"']+")


@dataclass(frozen=True, slots=True)
class NamedUrl:
    """A URL that a definition names."""

    url: str
    """Without credentials; of a repository without `git+`, revision and fragment."""
    path: str
    """Of the definition."""
    line: int
    """Counted from 1; where the pip section starts, when the URL is not written in the file."""
    place: str = ""
    """Which of the file's environments it is."""
    connected: bool = True
    """Whether workspace connections reach this build."""


def all_subjects(run: Run) -> list[Subject]:
    """Return every environment of every definition at the head, as it is now.

    A definition that cannot be read is a warning: a connection does not have to wait for it.

    Raises:
        StepError: As `find_definitions`.
    """
    projects = discover(run.git, run.settings.packages)
    names = [project.normalized for project in projects if project.name]
    found: list[Subject] = []
    for kind in find_definitions(run, run.snapshot, names).kinds:
        try:
            reading = kind.form.read(kind.path, run.snapshot.read(kind.path) or b"")
        except DefinitionUnresolvable as error:
            run.warn(
                "definition-not-read",
                error.message,
                cure=error.cure,
                file=error.file or kind.path,
                line=error.line,
            )
        else:
            found += subjects_of(kind.path, reading)
    return found


def indexes_of(subjects: Iterable[Subject], read: Read) -> list[NamedUrl]:
    """Return the indexes over the network that pip would look in, each once for an environment.

    An index that a later `--index-url` discards is not among them.

    Args:
        subjects: The environments.
        read: Reads a file, for `-r` and `-c`.
    """
    return [
        NamedUrl(url, subject.path, _line(subject, url, read), subject.place, subject.connected)
        for subject in subjects
        for url in _indexes(subject, read)
    ]


def _indexes(subject: Subject, read: Read) -> Sequence[str]:
    try:
        lines = [line.text for line in flatten(subject.pip_lines, subject.path, read)]
        order = index_order(lines)
    except (Fault, ValueError):
        return ()  # pip would refuse it: the rehearsal tells which line
    bare = [split_credential(url)[0] for url in order.index_urls if url is not None]
    return list(dict.fromkeys(url for url in bare if url.startswith(("http://", "https://"))))


def repositories_of(subjects: Iterable[Subject], read: Read) -> list[NamedUrl]:
    """Return the git repositories that pip would clone over http(s), each once for an environment.

    Args:
        subjects: The environments.
        read: Reads a file, for `-r` and `-c`.
    """
    return [
        NamedUrl(url, subject.path, _line(subject, url, read), subject.place, subject.connected)
        for subject in subjects
        for url in dict.fromkeys(_repositories(subject, read))
    ]


def _repositories(subject: Subject, read: Read) -> Iterator[str]:
    try:
        lines = flatten(subject.pip_lines, subject.path, read)
    except Fault:
        return
    for line in lines:
        for written in GIT_URL.findall(line.text):
            if (parsed := parse_git_url(written)) is not None:
                yield split_credential(parsed.repository)[0]


def _line(subject: Subject, url: str, read: Read) -> int:
    text = (read(subject.path) or b"").decode("utf-8", "replace")
    bare = url.partition("://")[2].rstrip("/")
    found = (at for at, line in enumerate(text.splitlines(), start=1) if bare in line)
    return next((at for at in found if at >= subject.line), subject.line)

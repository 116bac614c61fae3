"""References to registered environments, `azureml:NAME:VERSION`, that follow a risen version.

Source: azure-ai-ml's loader: that form, `azureml:NAME@latest` and `azureml://registries/...` name a
registered environment; the latter two name no version of this repository's making.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from wheelstep.definitions.interface import Environment
from wheelstep.definitions.pinning import note
from wheelstep.definitions.python_references import follow_references
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.splice import Replacement, rewrite
from wheelstep.definitions.tree import aliased, children, compose
from wheelstep.errors import StepError
from wheelstep.model import Problem

__all__ = ["Followed", "Risen", "follow", "follow_all", "risen_in"]

_REFERENCE: Final = re.compile(
    r"azureml:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*):(?P<version>[^\s:@/]+)"
)
_OTHER_ASSETS: Final = frozenset(
    {"code", "component", "compute", "data", "datastore", "inputs", "model", "outputs", "path"}
    | {"trial", "job", "target"}
)
"""Keys whose text names an asset of another kind, which may have an environment's name."""

_LOOKED_AT: Final = frozenset({"yml", "yaml", "py", "ipynb"})

Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Risen:
    """An environment of this repository whose version rose."""

    name: str
    before: str
    after: str
    path: str
    """The file that describes it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A file whose references were looked at; `data` equals the input where none had to change."""

    data: bytes
    paths: tuple[str, ...] = ()
    """The files of the environments that were followed."""
    notes: tuple[Problem, ...] = ()
    form: str = "azureml"


def risen_in(edits: Mapping[str, Iterable[Environment]]) -> tuple[Risen, ...]:
    """Return the environments that rose, by the paths of the edited files."""
    return tuple(
        Risen(one.name, one.before, one.after, path)
        for path, environments in sorted(edits.items())
        for one in environments
        if one.name and one.before and one.after and one.after != one.before
    )


def follow_all(read: Read, paths: Iterable[str], risen: Sequence[Risen]) -> dict[str, Followed]:
    """Return the files whose references follow, or of which something is to be said.

    Args:
        read: Reads a file as it is after the edits.
        paths: The files to look at: those that are neither YAML, a script nor a notebook by their
            names are passed over.
        risen: The environments.

    Raises:
        EditNotProven: A defect: anything else would have changed.
    """
    if not risen:
        return {}
    names = "|".join(sorted({re.escape(one.name) for one in risen}))
    mentioned = re.compile(f"azureml:(?:{names}):".encode(errors="surrogatepass"))
    found: dict[str, Followed] = {}
    for path in paths:
        suffix = path.lower().rpartition(".")[2]
        data = read(path) if suffix in _LOOKED_AT else None
        if data is not None and mentioned.search(data):
            how = follow if suffix in {"yml", "yaml"} else _follow_in_code
            followed = how(path, data, risen)
            if followed.data != data or followed.notes:
                found[path] = followed
    return found


def _follow_in_code(path: str, data: bytes, risen: Sequence[Risen]) -> Followed:
    now = {(one.name, one.before): one.after for one in reversed(risen)}
    after = follow_references(path, data, now)
    paths = [
        one.path
        for one in risen
        # JSON lets a name hold half a surrogate pair
        if after != data and f"{one.name}:{one.after}".encode(errors="surrogatepass") in after
    ]
    form = "notebook" if path.lower().endswith(".ipynb") else "python"
    return Followed(after, tuple(dict.fromkeys(paths)), form=form)


def follow(path: str, data: bytes, risen: Sequence[Risen]) -> Followed:
    """Let the references of one YAML file follow: only those to the version that an environment had
    before.

    Args:
        path: The file.
        data: Its bytes.
        risen: The environments.

    Raises:
        EditNotProven: A defect: anything else would have changed.
    """
    try:
        source = decode(path, data)
        roots = compose(source)
    except StepError as error:
        return Followed(data, notes=tuple(_unreadable(path, data, risen, error)))
    names = {one.name for one in risen}
    now = {(one.name, one.before): one for one in reversed(risen)}
    settled = {(one.name, one.after) for one in risen}
    replacements: list[Replacement] = []
    paths: list[str] = []
    notes: list[Problem] = []
    elsewhere: set[int] | None = None
    for node in _values(roots):
        found = _REFERENCE.fullmatch(node.value)
        if found is None or found["name"] not in names:
            continue
        line = source.line(node.start_mark.index)
        one = now.get((found["name"], found["version"]))
        if one is not None:
            replacements.append(Replacement(node, f"azureml:{one.name}:{one.after}"))
            paths.append(one.path)
            elsewhere = aliased(source) if elsewhere is None else elsewhere
            if id(node) in elsewhere:
                notes.append(
                    note(
                        path,
                        line,
                        "definition-shared",
                        "This reference is used elsewhere too, through a YAML alias: it changed "
                        "there as well.",
                    )
                )
        elif (found["name"], found["version"]) not in settled:
            notes.append(_other_version(source, line, found["version"], found["name"], risen))
    after = rewrite(source, replacements) if replacements else data
    return Followed(after, tuple(dict.fromkeys(paths)), tuple(notes))


def _values(roots: Sequence[yaml.Node]) -> Iterator[yaml.ScalarNode]:
    """Yield each scalar that is a value and may name an environment, once, in the file's order."""
    seen: set[int] = set()
    found: list[yaml.ScalarNode] = []
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            found.append(node)
        elif isinstance(node, yaml.MappingNode):
            waiting += [value for key, value in node.value if not _other_asset(key, value)]
        else:
            waiting += children(node)
    yield from sorted(found, key=lambda node: node.start_mark.index)


def _other_asset(key: yaml.Node, value: yaml.Node) -> bool:
    if not isinstance(key, yaml.ScalarNode) or key.value not in _OTHER_ASSETS:
        return False
    return isinstance(value, yaml.ScalarNode) or key.value in {"inputs", "outputs"}


def _other_version(
    source: Source, line: int, version: str, name: str, risen: Sequence[Risen]
) -> Problem:
    rises = ", ".join(
        dict.fromkeys(f"from {one.before} to {one.after}" for one in risen if one.name == name)
    )
    return note(
        source.path,
        line,
        "reference-to-other-version",
        f"This names version {version} of the environment {name}, which rises {rises}; the "
        "reference was left alone.",
        "Change it yourself, if it should follow.",
    )


def _unreadable(
    path: str, data: bytes, risen: Sequence[Risen], error: StepError
) -> Iterator[Problem]:
    """A template that makes YAML is none, and cannot be edited with proof."""
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        for one in risen:
            if re.search(rf"azureml:{re.escape(one.name)}:{re.escape(one.before)}(?![\w.-])", line):
                yield note(
                    path,
                    number,
                    "reference-not-followed",
                    f"This names version {one.before} of the environment {one.name}, which rises "
                    f"to {one.after}, but the file cannot be edited. {error.message}",
                    "Change it yourself, if it should follow.",
                    severity="warning",
                )

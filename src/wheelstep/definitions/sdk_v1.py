"""Environments of the Azure ML SDK v1: JSON with the conda specification inside or beside it.

`Environment.save_to_directory` writes `azureml_environment.json` without the conda specification,
which goes to `conda_dependencies.yml` in the same folder, where `load_from_directory` looks for it
whatever the JSON says. What the service and the CLI print has `python.condaDependencies` inside.
Source: azureml-core 1.61, observed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from wheelstep.definitions.conda_part import files_included, packages_left_alone, python_of
from wheelstep.definitions.environment_version import raised
from wheelstep.definitions.includes import beside
from wheelstep.definitions.interface import (
    CondaPart,
    Edited,
    Environment,
    Named,
    Reading,
    Section,
    Wanted,
)
from wheelstep.definitions.json_text import JsonNode, compose_json, member, rewrite_json
from wheelstep.definitions.pinning import add_index, note, pin_changes, pin_slots
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.slots import Slot, read_slots
from wheelstep.definitions.source import Source, decode, refuse_secrets
from wheelstep.definitions.tree import compose, entry, scalar
from wheelstep.errors import DefinitionUnresolvable, Refused, StepError
from wheelstep.model import Problem

__all__ = ["RunConfiguration", "SdkV1"]

_TELLING: Final = b"condaDependencies"
"""What `condaDependencies` and `condaDependenciesFile` have in common."""
_SAVED: Final = "azureml_environment.json"
_CONDA_FILE: Final = "conda_dependencies.yml"
_PLACEHOLDER: Final = re.compile(r"\$\{[A-Za-z0-9_]+\}")
_ESCAPED: Final = re.compile(r"\\u00([2-7][0-9a-fA-F])")


@dataclass(frozen=True, slots=True)
class _Environment:
    """One environment of a file."""

    node: JsonNode
    place: str
    """The way to it, "jobs.0.environment"; "" for the file itself."""
    conda: JsonNode | None
    """Its conda specification, where it is written inside."""
    named: tuple[Named, ...]
    """Its conda file, where there is one beside."""


@dataclass(frozen=True, slots=True)
class _Inside:
    """The pip part of a conda specification."""

    items: tuple[tuple[JsonNode, int, JsonNode], ...]
    """(list, position in it, item), in order."""
    slots: tuple[Slot, ...]
    """One for each item."""
    line: int
    conda: CondaPart

    @property
    def python(self) -> str | None:
        return python_of([text for text, _ in self.conda.packages])


class SdkV1:
    """`azureml_environment.json`, and any JSON with environments as the SDK v1 has them."""

    name = "sdk-v1"
    suffixes: tuple[str, ...] = (".json",)

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether a `python` section there names or holds conda dependencies."""
        if not path.lower().endswith(self.suffixes) or _TELLING not in data:
            return False
        try:
            source = decode(path, data)
            root = compose_json(source)
        except StepError:
            return False
        try:
            return any(one.conda or one.named for one in _environments(source, root))
        except StepError:
            return True  # it may well be one, with a fault that `read` tells

    def read(self, path: str, data: bytes) -> Reading:
        """Read what is written inside; a conda file beside it is only named.

        Raises:
            DefinitionUnresolvable: As the interface says.
        """
        source = decode(path, data)
        found = list(_environments(source, compose_json(source)))
        if not any(one.conda or one.named for one in found):
            raise DefinitionUnresolvable(
                "This is no environment of the SDK v1: it has no `python` section that names or "
                "holds conda dependencies.",
                code="definition-unknown",
                cure="Leave the file out.",
                file=path,
            )
        sections = []
        for one in found:
            if inside := _inside(source, one.conda):
                requirements, lines = read_slots(inside.slots)
                sections.append(
                    Section(
                        requirements, lines, inside.python, inside.line, one.place, inside.conda
                    )
                )
        return Reading(tuple(sections), tuple(named for one in found for named in one.named))

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what is written inside, and raise the version of what changed.

        Raises:
            DefinitionUnresolvable: As the interface says.
            Refused: As the interface says; a registry's password is written there.
        """
        source = decode(path, data)
        root = compose_json(source)
        edit = _Edit(source, wanted)
        for one in _environments(source, root):
            touched = edit.section(inside) if (inside := _inside(source, one.conda)) else False
            if touched or any(named.path in changed for named in one.named):
                edit.raise_version(one.node)
        after = data
        if edit.replacements or edit.insertions:
            after = rewrite_json(source, root, edit.replacements, edit.insertions)
        return Edited(
            after,
            pin_changes(self.read(path, after).requirements, edit.changed),
            edit.index_added,
            tuple(edit.environments),
            tuple(dict.fromkeys(edit.notes)),
            tuple(dict.fromkeys(edit.unknown)),
        )


class _Edit:
    """What is to change in one file."""

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self.source = source
        self.wanted = wanted
        self.replacements: list[tuple[JsonNode, str | int]] = []
        self.insertions: list[tuple[JsonNode, int, str]] = []
        self.changed: list[tuple[int, tuple[tuple[int, str], ...]]] = []
        self.environments: list[Environment] = []
        self.notes: list[Problem] = []
        self.unknown: list[str] = []
        self.index_added: str | None = None

    def section(self, inside: _Inside) -> bool:
        """Pin one section; tell whether anything changes there."""
        path = self.source.path
        pinned = pin_slots(path, inside.slots, self.wanted, inside.python)
        self.changed.append((pinned.requirements, pinned.changed))
        self.notes += packages_left_alone(path, inside.conda, self.wanted)
        if not pinned.names:
            return False
        _refuse_secrets(self.source)
        self.notes += files_included(path, inside.slots, self.wanted, pinned.names)
        addition, remarks = add_index(path, inside.slots, self.wanted, pinned)
        if addition:
            owners = [
                number for number, slot in enumerate(inside.slots) for _ in logical_lines(slot.text)
            ]
            listed, position, _ = inside.items[owners[addition.line]]
            after = 1 if addition.where == "after" else 0
            self.insertions.append((listed, position + after, addition.text))
            self.index_added = self.index_added or addition.text
        new = [
            (node, text)
            for (_, _, node), text in zip(inside.items, pinned.texts, strict=True)
            if text != node.text
        ]
        self.replacements += new
        self.notes += [*pinned.notes, *remarks]
        self.unknown += pinned.unknown
        return bool(new or addition)

    def raise_version(self, environment: JsonNode) -> None:
        """Raise the version of an environment that changed, where it states one."""
        named = member(self.source, environment, "name")
        name = (named.text if named else None) or ""
        version = member(self.source, environment, "version")
        before = after = _version(version)
        if version is not None and before:
            taken = self.wanted.floors.get(name, ())
            if (higher := raised(before, day=self.wanted.day, taken=taken)) is None:
                self.notes.append(_not_raised(self.source, name, version))
            else:
                after = higher
                as_text = version.text is not None or not higher.isdigit()
                self.replacements.append((version, higher if as_text else int(higher)))
        self.environments.append(Environment(name, before, after))


def _version(node: JsonNode | None) -> str | None:
    if node is None or isinstance(node.value, bool):
        return None
    return str(node.value) if isinstance(node.value, int) else node.text or None


def _environments(source: Source, root: JsonNode) -> Iterator[_Environment]:
    """Yield every object with a `python` section, but those whose Python is the user's own: there
    no conda dependency is installed."""
    waiting = [(root, "")]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node.value, tuple) and (found := _environment(source, node, place)):
            yield found
        inside = [
            (one, f"{place}.{key}".removeprefix("."))
            for key, one in node.entries()
            if isinstance(one.value, tuple | list)
        ]
        waiting += reversed(inside)


def _environment(source: Source, node: JsonNode, place: str) -> _Environment | None:
    if node.get("python", "condaDependencies") is None and (
        node.get("python", "condaDependenciesFile") is None
    ):
        return None
    python = member(source, node, "python")
    own = member(source, python, "userManagedDependencies")
    if own is not None and own.value is True:
        return None
    conda = member(source, python, "condaDependencies")
    if conda is not None and not isinstance(conda.value, tuple):
        conda = None
    named: list[Named] = []
    file = member(source, python, "condaDependenciesFile")
    if file is not None and file.text and file.text.strip():
        path = _named_from(source.path, file.text)
        named.append(Named("conda-file", file.text, path, source.line(file.start)))
    if not place and source.path.rpartition("/")[2].lower() == _SAVED:
        path = beside(source.path, _CONDA_FILE)
        if path not in {one.path for one in named}:
            # the SDK takes it by its name where it is there
            line = source.line((file or node).start)
            named.append(Named("conda-file", _CONDA_FILE, path, line, optional=True))
    return _Environment(node, place, conda, tuple(named))


def _inside(source: Source, conda: JsonNode | None) -> _Inside | None:
    """Return the pip section of a conda specification, None where it has none.

    Raises:
        DefinitionUnresolvable: An item of the pip list is no text; a key stands there twice.
    """
    dependencies = member(source, conda, "dependencies")
    if dependencies is None or not isinstance(dependencies.value, list):
        return None
    packages: list[tuple[str, int]] = []
    items: list[tuple[JsonNode, int, JsonNode]] = []
    lines: list[int] = []
    for _, one in dependencies.entries():
        pip = member(source, one, "pip") if isinstance(one.value, tuple) else None
        if one.text is not None:
            packages.append((one.text, source.line(one.start)))
        elif pip is not None and isinstance(pip.value, list):
            lines.append(source.line(pip.start))
            items += [(pip, at, _item(source, node)) for at, node in enumerate(pip.value)]
    if not lines:
        return None
    listed = member(source, conda, "channels")
    channels = None
    if listed is not None and isinstance(listed.value, list):
        channels = tuple(node.text for _, node in listed.entries() if node.text is not None)
    slots = tuple(_slot(source, node) for _, _, node in items)
    return _Inside(tuple(items), slots, lines[0], CondaPart(tuple(packages), channels))


def _item(source: Source, node: JsonNode) -> JsonNode:
    if node.text is not None and node.text.strip():
        return node
    raise DefinitionUnresolvable(
        "An item of the pip section is no text: it is empty, null, a number, a list or an object.",
        code="pip-item-not-text",
        cure='Write each item as one text: "name==1.0".',
        file=source.path,
        line=source.line(node.start),
    )


def _slot(source: Source, node: JsonNode) -> Slot:
    line = source.line(node.start)  # a text of JSON never goes on on another line
    return Slot(node.text or "", lambda _: line)


def _refuse_secrets(source: Source) -> None:
    """Refuse credentials in URLs, and the password of an image registry, which this form has a
    place for.

    Raises:
        Refused: With the line; the credential is never printed.
    """
    # slashes and ampersands may be escaped; the lines stay the same
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), source.text.replace(r"\/", "/"))
    refuse_secrets(Source(source.path, plain))
    waiting = [compose_json(source)]
    while waiting:
        node = waiting.pop()
        waiting += [inside for _, inside in node.entries()]
        password = node.get("baseImageRegistry", "password")
        if password and password.text and not _PLACEHOLDER.fullmatch(password.text):
            raise Refused(
                "This environment holds the password of an image registry. Whoever reads the "
                "repository can use it.",
                code="secret-in-definition",
                cure="Revoke it, set it to null, and give the workspace access to the registry by "
                "a workspace connection or its managed identity.",
                file=source.path,
                line=source.line(password.start),
            )


def _not_raised(source: Source, name: str, version: JsonNode) -> Problem:
    return note(
        source.path,
        source.line(version.start),
        "environment-version-not-raised",
        f"The environment {name} changed, but its version `{_version(version)}` is no number, "
        "date or dotted version and was left alone; a version that is registered already cannot "
        "change.",
        "Use an integer, set `version` to null, or raise it yourself.",
        severity="warning",
    )


def _named_from(path: str, named: str) -> str | None:
    """Return the path of a conda file that a run configuration or an environment names: relative
    to the folder that `.azureml` (formerly `aml_config`) lies in, where it is kept there."""
    folder, _, _ = path.rpartition("/")
    if folder.rpartition("/")[2] in {".azureml", "aml_config"}:
        path = folder
    return beside(path, named)


class RunConfiguration:
    """A `.runconfig` file of the SDK v1: its environment's conda file belongs to it."""

    name = "runconfig"
    suffixes: tuple[str, ...] = (".runconfig",)

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether it names a conda file."""
        if not path.lower().endswith(self.suffixes) or b"condaDependenciesFile" not in data:
            return False
        try:
            source = decode(path, data)
            compose(source)
        except StepError:
            return False
        try:
            return bool(_conda_files(source))
        except StepError:
            return True

    def read(self, path: str, data: bytes) -> Reading:
        """Read which conda files it names; raises as the interface says."""
        return Reading(named=_conda_files(decode(path, data)))

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Change nothing: the requirements are in the conda file."""
        del path, wanted, changed
        return Edited(data)


def _conda_files(source: Source) -> tuple[Named, ...]:
    found: list[Named] = []
    for root in compose(source):
        python = entry(source, entry(source, root, "environment"), "python")
        own = scalar(entry(source, python, "userManagedDependencies")) or ""
        node = entry(source, python, "condaDependenciesFile")
        named = scalar(node)
        if node is not None and named and named not in {"null", "~"} and own.lower() != "true":
            line = source.line(node.start_mark.index)
            found.append(Named("conda-file", named, _named_from(source.path, named), line))
    return tuple(found)

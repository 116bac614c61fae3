"""`pyproject.toml`: the dependency lists of a project that is not released from this repository.

Sources: PEP 621 (`dependencies`, `optional-dependencies`), PEP 735 (`[dependency-groups]`), PEP 508
(each requirement). pip reads no index options and no hashes there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from packaging.utils import canonicalize_name

from wheelstep.definitions.conda_part import python_of
from wheelstep.definitions.interface import Edited, Reading, Section, Wanted
from wheelstep.definitions.pinning import Pinned, note, pin_changes, pin_slots
from wheelstep.definitions.requirement import Unreadable, begins_with_name, parse
from wheelstep.definitions.slots import Slot, read_slots
from wheelstep.definitions.source import Source, decode, refuse_secrets
from wheelstep.definitions.toml_text import Toml, TomlText, compose_toml, rewrite_toml
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.ground.index_url import same_index
from wheelstep.model import PinChange, Problem

__all__ = ["Pyproject", "project_of"]

_DEPENDENCIES: Final = "project.dependencies"
_EXTRAS: Final = "project.optional-dependencies."
_GROUPS: Final = "dependency-groups."
_POETRY: Final = ("dependencies", "dev-dependencies")


def project_of(path: str, data: bytes) -> str | None:
    """Return the normalised name of the project that a pyproject.toml describes.

    Returns:
        None where the file has another name, is broken, or describes none.
    """
    if path.rpartition("/")[2].lower() != "pyproject.toml" or b"project" not in data:
        return None
    try:
        name = _table(compose_toml(decode(path, data)).data, "project").get("name")
    except StepError:
        return None
    return canonicalize_name(name) if isinstance(name, str) else None


class Pyproject:
    """The dependency lists of `[project]` and `[dependency-groups]`."""

    name = "pyproject"
    suffixes: tuple[str, ...] = ("pyproject.toml",)

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether there is a project with a requirement in one of its lists.

        Whether the project is one that this repository releases, and so none to pin anything in,
        is not known here: see find.py.
        """
        if project_of(path, data) is None:
            return False
        lists = _lists(compose_toml(decode(path, data)))
        return any(texts for texts in lists.values())

    def read(self, path: str, data: bytes) -> Reading:
        """Read it: one section for the project, one for each extra and each group.

        Raises:
            DefinitionUnresolvable: As the interface says.
        """
        source = decode(path, data)
        toml = compose_toml(source)
        if project_of(path, data) is None:
            raise DefinitionUnresolvable(
                "This pyproject.toml describes no project: it has no `name` in `[project]`.",
                code="definition-unknown",
                cure="Add it, or leave the file out.",
                file=path,
            )
        lists = _lists(toml)
        python = _python(toml)
        sections = []
        for place, own in lists.items():
            texts = _installed(toml, lists, place)
            requirements, lines = read_slots([_slot(source, text) for text in texts])
            if lines and (own or not place.startswith(_EXTRAS)):
                line = source.line((own or texts)[0].start)
                sections.append(Section(requirements, lines, python, line, place))
        return Reading(tuple(sections))

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what the lists name, each by itself: an extra may name what the project names, too.

        Raises:
            DefinitionUnresolvable: As the interface says.
            Refused: As the interface says.
        """
        del changed  # it has no version to raise
        source = decode(path, data)
        toml = compose_toml(source)
        # a URL alone is no requirement here (PEP 508)
        written = replace(wanted, style="url") if wanted.style == "bare-url" else wanted
        python = _python(toml)
        done: list[tuple[list[TomlText], Pinned]] = []
        for texts in _lists(toml).values():
            slots = [_slot(source, text) for text in texts]
            done.append((texts, pin_slots(path, slots, written, python)))
        if not any(pinned.names for _, pinned in done):
            return Edited(data)
        refuse_secrets(source)
        replacements = [
            (text, new)
            for texts, pinned in done
            for text, new in zip(texts, pinned.texts, strict=True)
            if new != text.value
        ]
        after = rewrite_toml(source, toml, replacements) if replacements else data
        pins = tuple(_changes(decode(path, after), done))
        notes = [one for _, pinned in done for one in pinned.notes]
        notes += _tool_tables(source, toml, wanted)
        if pins and wanted.style == "bare-url":
            notes += [_form_kept(path, pin) for pin in pins]
        if pins and any(pinned.by_index for _, pinned in done):
            notes += _index(path, toml, wanted)
        return Edited(
            after,
            pins,
            notes=tuple(dict.fromkeys(notes)),
            unknown=tuple(dict.fromkeys(one for _, pinned in done for one in pinned.unknown)),
        )


def _table(data: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return a table below others, an empty one where there is none."""
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _lists(toml: Toml) -> dict[str, list[TomlText]]:
    """Return the requirements that stand in each list itself, by the list's place."""
    project = _table(toml.places, "project")
    named: dict[str, Any] = {_DEPENDENCIES: project.get("dependencies")}
    named |= {_EXTRAS + key: one for key, one in _table(project, "optional-dependencies").items()}
    named |= {_GROUPS + key: one for key, one in _table(toml.places, "dependency-groups").items()}
    return {
        place: [one for one in listed if isinstance(one, TomlText) and one.value.strip()]
        for place, listed in named.items()
        if isinstance(listed, list)
    }


def _installed(toml: Toml, lists: Mapping[str, list[TomlText]], place: str) -> list[TomlText]:
    """Return what is installed with a list: an extra comes with the project, a group with the
    groups that it includes, and whatever names the project itself with what that has; each once."""
    groups: dict[str, str] = {
        canonicalize_name(key): key for key in _table(toml.places, "dependency-groups")
    }
    extras: dict[str, str] = {
        canonicalize_name(key.removeprefix(_EXTRAS)): key
        for key in lists
        if key.startswith(_EXTRAS)
    }
    own = _table(toml.data, "project").get("name")
    found: list[TomlText] = []
    waiting = [_DEPENDENCIES, place] if place.startswith(_EXTRAS) else [place]
    seen: set[str] = set()
    while waiting:
        one = waiting.pop(0)
        if one in seen:
            continue
        seen.add(one)
        for text in lists.get(one, ()):
            if (asked := _extras_of(text, own)) is None:
                found.append(text)
            else:
                waiting += [_DEPENDENCIES, *(extras[name] for name in asked if name in extras)]
        if one.startswith(_GROUPS):
            for included in _included(toml, one.removeprefix(_GROUPS)):
                waiting += [_GROUPS + groups[included]] if included in groups else []
    return found


def _extras_of(text: TomlText, own: object) -> list[str] | None:
    """Return the extras that a project asks of itself, None for a requirement of another."""
    if not isinstance(own, str) or not begins_with_name(text.value, canonicalize_name(own)):
        return None
    try:
        line = parse(text.value)
    except Unreadable:
        return None
    if line is None:
        return None
    return [canonicalize_name(name.strip()) for name in line.extras.strip("[]").split(",")]


def _included(toml: Toml, group: str) -> Iterator[str]:
    for one in _list(_table(toml.data, "dependency-groups").get(group)):
        included = one.get("include-group") if isinstance(one, dict) else None
        if isinstance(included, str):
            yield canonicalize_name(included)


def _slot(source: Source, text: TomlText) -> Slot:
    line = source.line(text.start)
    return Slot(text.value, lambda _: line)


def _python(toml: Toml) -> str | None:
    requires = _table(toml.data, "project").get("requires-python")
    return python_of([f"python{requires}"]) if isinstance(requires, str) else None


def _changes(source: Source, done: list[tuple[list[TomlText], Pinned]]) -> Iterator[PinChange]:
    """Tell what changed, and where it stands in the file after the edit."""
    lists = _lists(compose_toml(source)).values()
    for texts, (_, pinned) in zip(lists, done, strict=True):
        if pinned.changed:
            after, _ = read_slots([_slot(source, text) for text in texts])
            yield from pin_changes(after, [(pinned.requirements, pinned.changed)])


def _form_kept(path: str, pin: PinChange) -> Problem:
    return note(
        path,
        pin.line,
        "pin-form-kept",
        f"A URL alone is no requirement in pyproject.toml, so {pin.name} has the form "
        "`name @ URL`.",
    )


def _index(path: str, toml: Toml, wanted: Wanted) -> Iterator[Problem]:
    """Say that the index is not named there, and cannot be, for pip."""
    if wanted.index is None or wanted.index.url is None:
        return
    uv = _table(toml.data, "tool", "uv")
    urls = [uv.get("index-url"), *_list(uv.get("extra-index-url"))]
    urls += [one.get("url") for one in _list(uv.get("index")) if isinstance(one, dict)]
    if any(isinstance(url, str) and same_index(url, wanted.index.url) for url in urls):
        return
    yield note(
        path,
        None,
        "index-not-in-pyproject",
        "The released versions are pinned, but no index is named: pip takes none from a "
        "pyproject.toml.",
        f"Whoever installs from it needs `--extra-index-url {wanted.index.url}` in a requirements "
        "file, pip's configuration or the environment variable PIP_EXTRA_INDEX_URL.",
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tool_tables(source: Source, toml: Toml, wanted: Wanted) -> Iterator[Problem]:
    """Say which tables of tools name a wanted package: they may overrule what is pinned."""
    names = {pin.name for pin in wanted.pins}
    tool = _table(toml.data, "tool")
    groups = _table(tool, "poetry", "group")
    tables: list[tuple[str, ...]] = [("uv", "sources"), *(("poetry", key) for key in _POETRY)]
    tables += [("poetry", "group", group, "dependencies") for group in groups]
    for path in tables:
        for key in _table(tool, *path):
            if (name := canonicalize_name(key)) in names:
                where = ".".join(("tool", *path))
                yield note(
                    source.path,
                    _line_of_key(source, where, key),
                    "tool-table-left-alone",
                    f"`[{where}]` names {name}, too; it was left alone, and the tool that it "
                    "belongs to may take the package from there.",
                    f"Remove {key} from the table, so that the released version is installed.",
                    severity="warning",
                )


def _line_of_key(source: Source, table: str, key: str) -> int | None:
    """Return the line at which a table has a key, None where it is written in another way."""
    header = re.search(rf"^[ \t]*\[{re.escape(table)}\]", source.text, re.MULTILINE)
    start = header.end() if header else len(source.text)
    written = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[.=]", re.MULTILINE)
    found = written.search(source.text, start)
    return source.line(found.start()) if found else None

"""Conda files: a `dependencies` list that holds a `pip` list.

conda writes the items of the `pip` list one a line into a requirements file and hands that to pip,
so each item is read by pip's rules (source: conda's pip installer, observed).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

import yaml

from wheelstep.definitions.additions import Added, additions, changes_in
from wheelstep.definitions.conda_part import (
    conda_names,
    files_included,
    packages_left_alone,
    python_of,
)
from wheelstep.definitions.includes import includes_in
from wheelstep.definitions.interface import (
    CondaPart,
    Edited,
    Environment,
    Form,
    Named,
    Reading,
    Section,
    Wanted,
)
from wheelstep.definitions.pinning import add_index, note, pin_slots
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.slots import Slot, read_slots
from wheelstep.definitions.source import Source, decode, refuse_secrets
from wheelstep.definitions.splice import Insertion, Replacement, rewrite
from wheelstep.definitions.tree import NULL, alias_places, aliased, children, compose, entry, item
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.model import PinChange, Problem

__all__ = [
    "Conda",
    "CondaSection",
    "SectionEdit",
    "conda_section",
    "edit_section",
    "finish",
    "included",
    "read_section",
    "shared",
]


@dataclass(frozen=True, slots=True)
class CondaSection:
    """The pip part of one conda specification."""

    items: tuple[tuple[yaml.SequenceNode, int, yaml.ScalarNode], ...]
    """(list, position in it, item), in order."""
    slots: tuple[Slot, ...]
    """One for each item."""
    python: str | None
    line: int
    conda: CondaPart
    """The conda packages beside it."""


@dataclass(frozen=True, slots=True)
class SectionEdit:
    """What to change in one section."""

    requirements: int
    """How many the section has."""
    replacements: tuple[Replacement, ...] = ()
    insertions: tuple[Insertion, ...] = ()
    changed: tuple[tuple[int, str], ...] = ()
    """(position among the section's requirements, how it read before)."""
    index_added: str | None = None
    notes: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()
    added: tuple[tuple[str, Insertion], ...] = ()
    """(name, where) of what other packages need; not among `insertions`."""
    lists: frozenset[int] = frozenset()
    """The ids of the lists that the section is made of: another section may share them."""
    written: bool = False
    """Whether what is `added` stands in a replacement already: the section is a block's text."""

    @property
    def changes(self) -> bool:
        """Tell whether any byte changes."""
        return bool(self.replacements or self.insertions or self.added)


class Conda:
    """`environment.yml`, `conda.yml` or any other name: it is known by what is in it."""

    name = "conda"
    suffixes: tuple[str, ...] = (".yml", ".yaml")

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether there is a `dependencies` list with a `pip` list in it."""
        # whatever stands in a requirements file, an edit must not make another form of it
        if b"dependencies" not in data or path.lower().endswith((".txt", ".in", ".pip")):
            return False
        try:
            source = decode(path, data)
            compose(source)
        except StepError:
            return False
        try:
            return bool(_sections(source))
        except StepError:
            return True  # it is one, with a fault that `read` tells

    def read(self, path: str, data: bytes) -> Reading:
        """Read it; raises as the interface says."""
        source = decode(path, data)
        if not _sections(source):
            raise DefinitionUnresolvable(
                "This is no conda file with a pip section: it has no `dependencies` list with a "
                "`pip` list in it.",
                code="definition-unknown",
                cure="Add `- pip:` with the packages below `dependencies`, or leave the file out.",
                file=path,
            )
        return _reading(source)

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin it; raises as the interface says."""
        del changed  # it has no version to raise
        source = decode(path, data)
        edits = [edit_section(source, section, wanted) for section in _sections(source)]
        return finish(self, source, edits)


def read_section(section: CondaSection, place: str = "") -> Section:
    """Return what a section says.

    Args:
        section: The section.
        place: Which of the file's environments it is.
    """
    requirements, lines = read_slots(section.slots)
    return Section(requirements, lines, section.python, section.line, place, section.conda)


def included(path: str, sections: Sequence[CondaSection]) -> tuple[Named, ...]:
    """Return the files that sections include, each place once."""
    slots = [slot for section in sections for slot in section.slots]
    return tuple(dict.fromkeys(includes_in(path, slots)))


def _sections(source: Source) -> tuple[CondaSection, ...]:
    return _sections_of(source, compose(source))


@lru_cache(maxsize=8)
def _sections_of(source: Source, roots: tuple[yaml.Node, ...]) -> tuple[CondaSection, ...]:
    # kept for these very nodes: an edit compares them with those of the whole tree
    found = (conda_section(source, root) for root in roots)
    return tuple(section for section in found if section)


def _reading(source: Source) -> Reading:
    return _reading_of(source, compose(source))


@lru_cache(maxsize=8)
def _reading_of(source: Source, roots: tuple[yaml.Node, ...]) -> Reading:
    sections = _sections_of(source, roots)
    return Reading(
        tuple(read_section(section) for section in sections), included(source.path, sections)
    )


def conda_section(source: Source, root: yaml.Node) -> CondaSection | None:
    """Return the pip section of a conda specification, None where the mapping has none.

    Raises:
        DefinitionUnresolvable: An item of the pip list is no text, or there is another pip list.
    """
    dependencies = entry(source, root, "dependencies")
    if not isinstance(dependencies, yaml.SequenceNode):
        return None
    aliases = alias_places(source)
    lists: list[tuple[yaml.SequenceNode, int | None]] = []
    line = 0
    texts: list[tuple[str, int]] = []
    for place, node in enumerate(dependencies.value):
        if isinstance(node, yaml.ScalarNode):
            texts.append((node.value, source.line(node.start_mark.index)))
            continue
        pip = item(source, node, "pip")
        if pip and isinstance(pip[1], yaml.ScalarNode) and pip[1].tag != NULL:
            raise _no_list(source, pip[1])
        if pip and isinstance(pip[1], yaml.SequenceNode):
            # by way of `<<` it is none of the mapping's own
            within = next((at for at, one in enumerate(children(node)) if one is pip[1]), -1)
            alias = aliases.get((id(node), within), aliases.get((id(dependencies), place)))
            here = source.line(pip[0].start_mark.index)
            if any(listed is not pip[1] for listed, _ in lists):
                raise _two_lists(source, line, here)
            lists.append((pip[1], alias))
            line = line or here
    if not lists:
        return None
    items: list[tuple[yaml.SequenceNode, int, yaml.ScalarNode]] = []
    slots: list[Slot] = []
    for listed, alias in lists:
        for position, node in enumerate(listed.value):
            alias_place = aliases.get((id(listed), position), alias) if aliases else None
            items.append((listed, position, _text(source, node)))
            slots.append(_slot(source, node, alias_place))
    return CondaSection(
        tuple(items),
        tuple(slots),
        python_of([text for text, _ in texts]),
        line,
        CondaPart(tuple(texts), _channels(source, root)),
    )


def _no_list(source: Source, node: yaml.ScalarNode) -> DefinitionUnresolvable:
    return DefinitionUnresolvable(
        "The pip section is a text and no list: conda would hand it to pip letter by letter.",
        code="pip-section-no-list",
        cure="Write each requirement as an item of a list: `- pip:`, and below it `- name==1.0`.",
        file=source.path,
        line=source.line(node.start_mark.index),
    )


def _two_lists(source: Source, first: int, second: int) -> DefinitionUnresolvable:
    # conda's own reader puts one in place of the other (`Dependencies.parse` in its env.py)
    return DefinitionUnresolvable(
        f"There are two `pip` lists, on lines {first} and {second}, and conda reads only the last "
        "one: the image has nothing of the others.",
        code="pip-list-twice",
        cure="Join the lists.",
        file=source.path,
        line=second,
    )


def _channels(source: Source, root: yaml.Node) -> tuple[str, ...] | None:
    channels = entry(source, root, "channels")
    if not isinstance(channels, yaml.SequenceNode):
        return None
    return tuple(node.value for node in channels.value if isinstance(node, yaml.ScalarNode))


def _text(source: Source, node: yaml.Node) -> yaml.ScalarNode:
    if isinstance(node, yaml.ScalarNode) and node.value.strip():
        return node
    raise DefinitionUnresolvable(
        "An item of the pip section is no text: it is empty, a list or a mapping.",
        code="pip-item-not-text",
        cure='Write each item as one text, in quotes where it has `: ` or ` #`: "--option value".',
        file=source.path,
        line=source.line(node.start_mark.index),
    )


def _slot(source: Source, node: yaml.ScalarNode, alias: int | None) -> Slot:
    first = source.line(node.start_mark.index)
    named = None if alias is None else source.line(alias)
    if node.style not in {"|", ">"}:
        return Slot(node.value, lambda _: first, named)
    return Slot(node.value, lambda index: first + 1 + node.value.count("\n", 0, index), named)


def edit_section(source: Source, section: CondaSection, wanted: Wanted) -> SectionEdit:
    """Decide what changes in one section; raises as `Form.edit` does."""
    pinned = pin_slots(source.path, section.slots, wanted, section.python)
    also = [name for name, _ in conda_names(section.conda)]
    more, missing = additions(source.path, section.slots, wanted, section.python, also)
    lists = frozenset(id(listed) for listed, _, _ in section.items)
    notes = [
        *packages_left_alone(source.path, section.conda, wanted),
        *files_included(source.path, section.slots, wanted, pinned.names),
    ]
    if not pinned.names:
        return SectionEdit(pinned.requirements, notes=tuple(notes), lists=lists)
    refuse_secrets(source)
    added = []
    for one in more:
        listed, position, node = section.items[one.slot]
        added.append((one.name, Insertion(listed, position + 1, one.text, one.comment)))
        if listed.flow_style:
            notes.append(_without_comment(source, node, one))
    addition, remarks = add_index(source.path, section.slots, wanted, pinned)
    insertions = []
    if addition:
        owners = (
            number for number, slot in enumerate(section.slots) for _ in logical_lines(slot.text)
        )
        listed, position, _ = section.items[next(islice(owners, addition.line, None))]
        after = 1 if addition.where == "after" else 0
        insertions.append(Insertion(listed, position + after, addition.text))
    replacements: dict[int, Replacement] = {}
    elsewhere = aliased(source)
    for (_, _, node), text in zip(section.items, pinned.texts, strict=True):
        if text == node.value:
            continue
        replacements[id(node)] = Replacement(node, text)
        if id(node) in elsewhere:
            notes.append(shared(source, node))
    return SectionEdit(
        pinned.requirements,
        tuple(replacements.values()),
        tuple(insertions),
        pinned.changed,
        addition.text if addition else None,
        (*notes, *pinned.notes, *remarks),
        tuple(dict.fromkeys([*pinned.unknown, *missing])),
        tuple(added),
        lists,
    )


def shared(source: Source, node: yaml.Node) -> Problem:
    """Say that a changed text is named elsewhere too."""
    return note(
        source.path,
        source.line(node.start_mark.index),
        "definition-shared",
        "This text is used elsewhere too, through a YAML alias: it changed there as well.",
    )


def _without_comment(source: Source, node: yaml.ScalarNode, added: Added) -> Problem:
    return note(
        source.path,
        source.line(node.start_mark.index),
        "pin-added",
        f"`{added.text}` was added to the pip section: it is {added.comment}. In a list in "
        "brackets no comment says so.",
    )


def finish(
    form: Form,
    source: Source,
    edits: Sequence[SectionEdit],
    extra: Sequence[Replacement] = (),
    environments: Sequence[Environment] = (),
) -> Edited:
    """Write the edits into the text, prove them, and tell what changed and where it stands now.

    Raises:
        EditNotProven: A defect: anything else would have changed.
    """
    replacements = {id(one.node): one for edit in edits for one in edit.replacements} | {
        id(one.node): one for one in extra
    }
    # sections may share a list: what is added to it is added once
    added = {
        (id(one.sequence), one.position, one.value): (name, one)
        for edit in edits
        for name, one in edit.added
    }
    done = {id(one) for edit in edits if edit.written for _, one in edit.added}
    insertions = [one for _, one in added.values() if id(one) not in done]
    insertions += {id(one.sequence): one for edit in edits for one in edit.insertions}.values()
    plain = source.encode(source.text)
    data = plain
    if replacements or insertions:
        data = rewrite(source, list(replacements.values()), insertions)
    edited = Edited(
        data,
        environments=tuple(environments),
        index_added=next((edit.index_added for edit in edits if edit.index_added), None),
        notes=tuple(dict.fromkeys(one for edit in edits for one in edit.notes)),
        unknown=tuple(dict.fromkeys(one for edit in edits for one in edit.unknown)),
    )
    after = form.read(source.path, data).requirements
    changes: list[PinChange] = []
    passed = 0
    for edit in edits:
        names = [name for name, one in added.values() if id(one.sequence) in edit.lists]
        end = passed + edit.requirements + len(names)
        changes += changes_in(after[passed:end], edit.changed, names)
        passed = end
    # what an alias or `<<` shares between environments is told once
    return replace(edited, pins=tuple(dict.fromkeys(changes)))

"""Azure ML YAML: environments, and jobs, components and deployments with environments inside.

Source: https://azuremlschemas.azureedge.net/latest/environment.schema.json, and azure-ai-ml's own
loader: `conda_file` is a path relative to the YAML, or a mapping; a version may be an integer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import yaml

from wheelstep.definitions.azureml_places import Inside, Place, inside, is_text, places
from wheelstep.definitions.conda import (
    SectionEdit,
    edit_section,
    finish,
    included,
    read_section,
    shared,
)
from wheelstep.definitions.environment_version import plain_is_read_back, raised
from wheelstep.definitions.includes import beside
from wheelstep.definitions.interface import Edited, Environment, Named, Reading, Wanted
from wheelstep.definitions.pinning import note
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.splice import Replacement, rewrite
from wheelstep.definitions.tree import NULL, aliased, compose, entry, scalar
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.model import Problem

__all__ = ["AzureMl", "is_below"]


class AzureMl:
    """What `az ml environment|job|component|online-deployment|batch-deployment create` takes."""

    name = "azureml"
    suffixes: tuple[str, ...] = (".yml", ".yaml")

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether the schema or the telling keys say so, and there is an environment."""
        if not path.lower().endswith(self.suffixes):
            return False
        if not any(word in data for word in (b"environment", b"conda_file", b"build")):
            return False
        try:
            source = decode(path, data)
            compose(source)
        except StepError:
            return False
        try:
            return any(True for _ in places(source))
        except StepError:
            return True  # it may well be one, with a fault that `read` tells

    def read(self, path: str, data: bytes) -> Reading:
        """Read what is written inside; a conda file or build context beside it is only named.

        Raises:
            DefinitionUnresolvable: As the interface says.
        """
        source = decode(path, data)
        found = list(places(source))
        if not found:
            raise DefinitionUnresolvable(
                "This is no Azure ML environment, and nothing that has one inside: it has neither "
                "a schema of those nor `name`, `image` and `conda_file`.",
                code="definition-unknown",
                cure="Add `$schema: https://azuremlschemas.azureedge.net/latest/"
                "environment.schema.json`, or leave the file out.",
                file=path,
            )
        specs = [(one, spec) for one in found if (spec := inside(source, one.node))]
        return Reading(
            tuple(read_section(spec.section, one.place) for one, spec in specs),
            (
                *(named for one in found for named in _named(source, one)),
                *included(path, [spec.section for _, spec in specs]),
            ),
        )

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what is written inside, and raise the version of what changed.

        Raises:
            DefinitionUnresolvable: As the interface says.
            Refused: As the interface says.
        """
        source = decode(path, data)
        edits: list[SectionEdit] = []
        risen: list[Place] = []
        for one in places(source):
            edit = None
            if spec := inside(source, one.node):
                edit = _edit_inside(source, spec, wanted)
                edits.append(edit)
            belongs = [*_named(source, one), *included(path, [spec.section] if spec else [])]
            # what stands inside a job has no version: it is known by its content
            if not one.nameless and (
                (edit and edit.changes) or any(_lies_in(named, changed) for named in belongs)
            ):
                risen.append(one)
        return self._finished(source, edits, risen, wanted)

    def _finished(
        self, source: Source, edits: Sequence[SectionEdit], risen: Sequence[Place], wanted: Wanted
    ) -> Edited:
        versions: list[Replacement] = []
        notes: list[Problem] = []
        environments: list[Environment] = []
        for one in risen:
            name = scalar(entry(source, one.node, "name")) or ""
            version = entry(source, one.node, "version")
            stated = isinstance(version, yaml.ScalarNode) and version.tag != NULL
            before = (scalar(version) or None) if stated else None
            after = before
            if isinstance(version, yaml.ScalarNode) and before:
                after = wanted.settled.get((source.path, name)) or raised(
                    before, day=wanted.day, taken=wanted.floors.get(name, ())
                )
                if after is None:
                    after = before
                    notes.append(_not_raised(source, name, version))
                else:
                    versions.append(_version(version, after))
                    if id(version) in aliased(source):
                        notes.append(shared(source, version))
            environments.append(Environment(name, before, after))
        own = SectionEdit(0, notes=tuple(notes))
        return finish(self, source, [*edits, own], versions, environments)


def _edit_inside(source: Source, spec: Inside, wanted: Wanted) -> SectionEdit:
    edit = edit_section(spec.source, spec.section, wanted)
    if spec.block is None or not edit.changes:
        return edit
    added = [one for _, one in edit.added]
    text = rewrite(spec.source, edit.replacements, [*edit.insertions, *added]).decode()
    notes = edit.notes
    if id(spec.block) in aliased(source):
        notes = (*notes, shared(source, spec.block))
    return replace(
        edit,
        replacements=(Replacement(spec.block, text[spec.lines_above :]),),
        insertions=(),
        written=True,
        notes=notes,
    )


def _version(node: yaml.ScalarNode, after: str) -> Replacement:
    """Write a version so that every reader of YAML reads it as it is meant: 1.9 is followed by
    "1.10" in quotes, which would be the number 1.1 without."""
    plain = not node.style and plain_is_read_back(after) and node.tag == _tag(after)
    return Replacement(node, after, as_text=not node.style and not plain)


def _tag(plain: str) -> str:
    (root,) = compose(Source("", plain))
    return root.tag


def _named(source: Source, one: Place) -> Iterator[Named]:
    node = entry(source, one.node, "conda_file")
    if isinstance(node, yaml.ScalarNode) and node.value and not is_text(node):
        line = source.line(node.start_mark.index)
        yield Named("conda-file", node.value, beside(source.path, node.value), line)
    build = entry(source, one.node, "build")
    folder = entry(source, build, "path")
    if isinstance(folder, yaml.ScalarNode) and folder.value:
        dockerfile = scalar(entry(source, build, "dockerfile_path")) or "Dockerfile"
        path = beside(source.path, folder.value)
        line = source.line(folder.start_mark.index)
        yield Named("build-context", folder.value, path, line, dockerfile)


def _lies_in(named: Named, changed: Collection[str]) -> bool:
    """Tell whether a changed file is the one that is named, or lies in the folder."""
    if named.path is None:
        return False
    folder = named.path
    return folder in changed or (
        named.kind == "build-context" and any(is_below(path, folder) for path in changed)
    )


def _not_raised(source: Source, name: str, version: yaml.ScalarNode) -> Problem:
    return note(
        source.path,
        source.line(version.start_mark.index),
        "environment-version-not-raised",
        f"The environment {name} changed, but its version `{version.value}` is no number, date or "
        "dotted version and was left alone; a version that is registered already cannot change.",
        "Use an integer, leave `version` out, or raise it yourself.",
        severity="warning",
    )


def is_below(path: str, folder: str) -> bool:
    """Tell whether a file lies in a folder, at any depth; "." is the repository's root."""
    return folder == "." or path.startswith(f"{folder}/")

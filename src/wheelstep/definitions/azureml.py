"""Azure ML environment YAML: an image with a conda file beside it or written inside.

Source: https://azuremlschemas.azureedge.net/latest/environment.schema.json, and azure-ai-ml's own
loader: `conda_file` is a path relative to the YAML, or a mapping; a version may be an integer.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import yaml

from wheelstep.definitions.conda import (
    CondaSection,
    SectionEdit,
    conda_section,
    edit_section,
    finish,
    read_section,
    shared,
)
from wheelstep.definitions.interface import Edited, Environment, Named, Reading, Wanted
from wheelstep.definitions.pinning import note
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.splice import Replacement
from wheelstep.definitions.tree import compose, entry, item, references, scalar
from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.model import Problem

__all__ = ["AzureMl", "beside", "is_below"]

_SCHEMA: Final = re.compile(r"(?:^|/)environment\.schema\.json$", re.IGNORECASE)
_PLAIN_INTEGER: Final = re.compile(r"0|[1-9][0-9]*")


class AzureMl:
    """An environment as `az ml environment create --file` takes it."""

    name = "azureml"
    suffixes: tuple[str, ...] = (".yml", ".yaml")

    def recognises(self, path: str, data: bytes) -> bool:
        """Tell whether the schema says so, or else name, image and conda_file are there."""
        if not any(word in data for word in (b"environment.schema.json", b"conda_file", b"build")):
            return False
        try:
            source = decode(path, data)
            compose(source)
        except StepError:
            return False
        try:
            return any(True for _ in _environments(source))
        except StepError:
            return True  # it may well be one, with a fault that `read` tells

    def read(self, path: str, data: bytes) -> Reading:
        """Read what is written inside; a conda file beside it is only named.

        Raises:
            DefinitionUnresolvable: As the interface says.
        """
        source = decode(path, data)
        roots = list(_environments(source))
        if not roots:
            raise DefinitionUnresolvable(
                "This is no Azure ML environment: it has neither the environment schema nor "
                "`name`, `image` and `conda_file`.",
                code="definition-unknown",
                cure="Add `$schema: https://azuremlschemas.azureedge.net/latest/"
                "environment.schema.json`, or leave the file out.",
                file=path,
            )
        sections = [section for root in roots if (section := _inline(source, root))]
        named = (*_conda_files(source, roots), *_contexts(source, roots))
        return Reading(tuple(map(read_section, sections)), named)

    def edit(self, path: str, data: bytes, wanted: Wanted, changed: Collection[str] = ()) -> Edited:
        """Pin what is written inside, and raise the version of what changed.

        Raises:
            DefinitionUnresolvable: As the interface says.
            Refused: As the interface says.
        """
        source = decode(path, data)
        edits: list[SectionEdit] = []
        raised: list[yaml.Node] = []
        for root in _environments(source):
            edit = None
            if section := _inline(source, root):
                edit = edit_section(source, section, wanted)
                edits.append(edit)
            named = scalar(entry(source, root, "conda_file"))
            contexts = [one.path for one in _contexts(source, [root]) if one.path]
            if (
                (edit and (edit.replacements or edit.insertions))
                or (named and beside(path, named) in changed)
                or any(is_below(one, folder) for one in changed for folder in contexts)
            ):
                raised.append(root)
        return self._finished(source, edits, raised)

    def _finished(
        self, source: Source, edits: Sequence[SectionEdit], raised: Sequence[yaml.Node]
    ) -> Edited:
        versions: list[Replacement] = []
        notes: list[Problem] = []
        environments: list[Environment] = []
        for root in raised:
            name = scalar(entry(source, root, "name")) or ""
            version = entry(source, root, "version")
            before = scalar(version) or None
            after = before
            if isinstance(version, yaml.ScalarNode) and before:
                if _PLAIN_INTEGER.fullmatch(before):
                    after = str(int(before) + 1)
                    versions.append(Replacement(version, after))
                    if references(compose(source))[id(version)] > 1:
                        notes.append(shared(source, version))
                else:
                    notes.append(_not_raised(source, name, version))
            environments.append(Environment(name, before, after))
        own = SectionEdit(0, notes=tuple(notes))
        return finish(self, source, [*edits, own], versions, environments)


def _environments(source: Source) -> Iterator[yaml.Node]:
    for root in compose(source):
        if not isinstance(root, yaml.MappingNode):
            continue
        schema = scalar(entry(source, root, "$schema"))
        if schema is not None:
            if _SCHEMA.search(schema):
                yield root
        elif all(item(source, root, key) for key in ("name", "image", "conda_file")) or (
            item(source, root, "name") and any(True for _ in _contexts(source, [root]))
        ):
            yield root


def _inline(source: Source, root: yaml.Node) -> CondaSection | None:
    inside = entry(source, root, "conda_file")
    return conda_section(source, inside) if isinstance(inside, yaml.MappingNode) else None


def _conda_files(source: Source, roots: Sequence[yaml.Node]) -> Iterator[Named]:
    for root in roots:
        node = entry(source, root, "conda_file")
        named = scalar(node)
        if node is not None and named:
            path = beside(source.path, named)
            yield Named("conda-file", named, path, source.line(node.start_mark.index))


def _contexts(source: Source, roots: Sequence[yaml.Node]) -> Iterator[Named]:
    for root in roots:
        build = entry(source, root, "build")
        if not isinstance(build, yaml.MappingNode):
            continue
        node = entry(source, build, "path")
        if node is not None and (named := scalar(node)):
            dockerfile = scalar(entry(source, build, "dockerfile_path")) or "Dockerfile"
            folder = beside(source.path, named)
            line = source.line(node.start_mark.index)
            yield Named("build-context", named, folder, line, dockerfile)


def _not_raised(source: Source, name: str, version: yaml.ScalarNode) -> Problem:
    return note(
        source.path,
        source.line(version.start_mark.index),
        "environment-version-not-raised",
        f"The environment {name} changed, but its version `{version.value}` is no plain integer "
        "and was left alone; a version that is registered already cannot change.",
        "Use an integer, leave `version` out, or raise it yourself.",
        severity="warning",
    )


def is_below(path: str, folder: str) -> bool:
    """Tell whether a file lies in a folder, at any depth; "." is the repository's root."""
    return folder == "." or path.startswith(f"{folder}/")


def beside(path: str, named: str) -> str | None:
    """Return the path, relative to the repository's root, of a file named in another.

    Returns:
        None where it is absolute, a reference, or outside the repository.
    """
    plain = named.strip().replace("\\", "/").removeprefix("file:")
    if not plain or plain.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", plain):
        return None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), plain))
    return None if joined == ".." or joined.startswith("../") else joined

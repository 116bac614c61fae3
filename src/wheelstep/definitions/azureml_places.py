"""Where Azure ML YAML has environments: a file of its own, or inside jobs, components, deployments.

Sources: the schemas below https://azuremlschemas.azureedge.net/latest/, and azure-ai-ml's loader.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from wheelstep.definitions.conda import CondaSection, conda_section
from wheelstep.definitions.pinning import note
from wheelstep.definitions.slots import read_slots
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.tree import compose, entry, item, scalar
from wheelstep.errors import StepError
from wheelstep.model import Problem

__all__ = ["Inside", "Place", "inside", "is_text", "places", "unknown_schemas"]

_SCHEMA: Final = re.compile(r"(?:^|[/\\])([^/\\?#]+)\.schema\.json(?:[?#].*)?$", re.IGNORECASE)
_ENVIRONMENT: Final = "environment"
_HOLDERS: Final = frozenset(
    {
        "commandjob",
        "commandcomponent",
        "pipelinejob",
        "pipelinecomponent",
        "paralleljob",
        "parallelcomponent",
        "sparkjob",
        "sparkcomponent",
        "sweepjob",
        "sweepcomponent",
        "importjob",
        "importcomponent",
        "schedule",
        "onlinedeployment",
        "managedonlinedeployment",
        "kubernetesonlinedeployment",
        "batchdeployment",
        "modelbatchdeployment",
        "pipelinecomponentbatchdeployment",
    }
)
"""The schemas, in lower case, of what may have environments inside."""
_TYPES: Final = frozenset({"command", "pipeline", "spark", "sweep", "parallel"})
_NESTED: Final = ("component", "task", "trial", "job", "job_definition", "create_job")
"""Keys whose mapping has an environment, or more of them below."""
_WITHIN: Final = ("image", "conda_file", "build")
"""An environment has one of these; an `environment` of anything else, e.g. of a workflow, none."""


@dataclass(frozen=True, slots=True)
class Place:
    """One environment of a file."""

    node: yaml.MappingNode
    place: str
    """"jobs.train.environment"; "" where the file, or document, is the environment itself."""

    @property
    def nameless(self) -> bool:
        """Tell whether it stands inside of something, where Azure ML ignores a name and version."""
        return bool(self.place)


@dataclass(frozen=True, slots=True)
class Inside:
    """A conda specification that is written inside an environment."""

    source: Source
    """What its nodes' marks count: the file, or the text of a block scalar, moved down to the lines
    where it stands."""
    section: CondaSection
    block: yaml.ScalarNode | None = None
    """The block scalar that it is the text of."""
    lines_above: int = 0
    """How many lines the text was moved down."""


def places(source: Source) -> Iterator[Place]:
    """Yield the environments of all documents, each once, however often an alias names it.

    Raises:
        DefinitionUnresolvable: Not YAML; a key that matters stands twice.
    """
    for root in compose(source):
        if not isinstance(root, yaml.MappingNode):
            continue
        schema = scalar(entry(source, root, "$schema"))
        if schema is not None:
            kind = _kind(schema)
            if kind == _ENVIRONMENT:
                yield Place(root, "")
            elif kind in _HOLDERS:
                yield from _held(source, root, (), set())
        elif all(item(source, root, key) for key in ("name", "image", "conda_file")):
            yield Place(root, "")
        elif (
            scalar(entry(source, root, "type")) in _TYPES
            or item(source, root, "jobs")
            or item(source, root, "endpoint_name")
        ):
            yield from _held(source, root, (), set())
        elif item(source, root, "name") and item(source, entry(source, root, "build"), "path"):
            yield Place(root, "")


def _kind(schema: str) -> str:
    found = _SCHEMA.search(schema.strip())
    return found[1].lower() if found else ""


def _held(
    source: Source, holder: yaml.Node | None, path: tuple[str, ...], seen: set[int]
) -> Iterator[Place]:
    """Yield the environments of a job, component or deployment, and of those inside it."""
    if not isinstance(holder, yaml.MappingNode) or id(holder) in seen:
        return
    seen.add(id(holder))
    own = entry(source, holder, "environment")
    if (
        isinstance(own, yaml.MappingNode)
        and id(own) not in seen
        and any(item(source, own, key) for key in _WITHIN)
    ):
        seen.add(id(own))
        yield Place(own, ".".join((*path, "environment")))
    for key in _NESTED:
        yield from _held(source, entry(source, holder, key), (*path, key), seen)
    for name, job in _entries(entry(source, holder, "jobs")):
        yield from _held(source, job, (*path, "jobs", name), seen)


def _entries(mapping: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the entries, after them those merged in by `<<`."""
    if not isinstance(mapping, yaml.MappingNode):
        return
    merged: list[yaml.Node] = []
    for key, value in mapping.value:
        if key.tag == "tag:yaml.org,2002:merge":
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        elif isinstance(key, yaml.ScalarNode):
            yield key.value, value
    for other in merged:
        if isinstance(other, yaml.MappingNode) and other is not mapping:
            yield from (
                (key.value, value) for key, value in other.value if isinstance(key, yaml.ScalarNode)
            )


def inside(source: Source, environment: yaml.Node) -> Inside | None:
    """Return the conda specification written inside an environment, as a mapping or as the text of
    a block scalar; None where it has none with a pip section, or only names a file.

    Raises:
        DefinitionUnresolvable: The text of the block is no YAML; an item is no text.
    """
    node = entry(source, environment, "conda_file")
    if isinstance(node, yaml.MappingNode):
        section = conda_section(source, node)
        return Inside(source, section) if section else None
    if not isinstance(node, yaml.ScalarNode) or not is_text(node):
        return None
    line = source.line(node.start_mark.index)
    above = line if node.style == "|" else 0
    text = Source(source.path, "\n" * above + node.value, stands_on=None if above else line)
    for root in compose(text):
        if section := conda_section(text, root):
            return Inside(text, section, node, above)
    return None


def is_text(node: yaml.ScalarNode) -> bool:
    """Tell whether a `conda_file` is the specification itself, and no path."""
    text = node.value.strip()
    return "\n" in text or text.startswith("{")


def unknown_schemas(path: str, data: bytes, names: Collection[str]) -> Iterator[Problem]:
    """Say which documents have a schema that is not known, and an environment with one of our
    packages all the same: they are left alone.

    Args:
        path: The file.
        data: Its bytes.
        names: Normalised names of the released packages.
    """
    if b"$schema" not in data or b"conda_file" not in data:
        return
    try:
        source = decode(path, data)
        for root in compose(source):
            found = item(source, root, "$schema")
            if found is None or _kind(scalar(found[1]) or "") in {_ENVIRONMENT, *_HOLDERS}:
                continue
            within = [root, *(one.node for one in _held(source, root, (), set()))]
            named = {
                requirement.name
                for node in within
                if (spec := inside(source, node))
                for requirement in read_slots(spec.section.slots)[0]
            }
            if ours := sorted(named.intersection(names)):
                yield note(
                    path,
                    source.line(found[0].start_mark.index),
                    "schema-unknown",
                    f"An environment in this file names {', '.join(ours)}, and the file was left "
                    "alone: its `$schema` is none of Azure Machine Learning's that are known to "
                    "have environments.",
                    "Correct `$schema`, or leave it out; or pin the package there yourself.",
                )
    except StepError:
        return  # a file of another kind, with faults of its own

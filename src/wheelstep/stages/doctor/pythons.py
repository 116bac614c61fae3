"""Which Python the packages want, which one runs here, and which ones the images have."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from wheelstep.errors import DefinitionUnresolvable, StepError
from wheelstep.ground.checks import Group
from wheelstep.model import Check
from wheelstep.packages.tree import blobs
from wheelstep.stages.doctor.known import Known, Task

__all__ = ["python_tasks"]

PACKAGES: Final = Group("packages")
DEFINITIONS: Final = Group("definitions")


def python_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about Pythons."""
    if not known.run.settings.prebuilt:
        yield Task("packages", "Python here", partial(_here, known), "build")
    yield Task("definitions", "Python of the images", partial(_there, known), "rehearse")


def _here(known: Known) -> Sequence[Check]:
    """Say whether the packages are made for the Python that builds them."""
    version = ".".join(map(str, sys.version_info[:3]))
    subject, others = "Python here", []
    for name, wanted in _wanted(known).items():
        if not wanted.contains(version, prereleases=True):
            others.append(f"{name} ({wanted})")
    if others:
        return [
            PACKAGES.unknown(
                subject,
                f"It is {version}, and these say that they are for others: {', '.join(others)}.",
                "Their back ends may refuse it, or build wheels for this Python only.",
                "Run the step with a Python that they are for (actions/setup-python, or "
                "UsePythonVersion in Azure Pipelines).",
            )
        ]
    return [PACKAGES.ok(subject, f"It is {version}, which no package excludes.")]


def _wanted(known: Known) -> Mapping[str, SpecifierSet]:
    """Return `requires-python` by package, where a pyproject.toml states it."""
    try:
        projects = [one for one in known.projects() if one.file.endswith("pyproject.toml")]
        entries = known.tree().entries
        oids = {one.normalized: entries[one.file].oid for one in projects if one.file in entries}
        texts = blobs(known.run.git, oids.values())
    except StepError:
        return {}  # said of the packages
    found = {}
    for name, oid in oids.items():
        try:
            document = tomllib.loads(texts[oid].decode("utf-8", "replace"))
            stated = document.get("project", {}).get("requires-python")
            if name and isinstance(stated, str):
                found[name] = SpecifierSet(stated)
        except (tomllib.TOMLDecodeError, InvalidSpecifier, AttributeError):
            continue  # said of the packages, or by the back end
    return found


def _there(known: Known) -> Sequence[Check]:
    """Say which images have a Python that a package of ours excludes."""
    wanted = _wanted(known)
    checks = []
    for edit in known.found().edits.edits:
        for section in edit.reading.sections:
            # a release series stands for its newest patch release, which conda installs
            python = section.python
            full = f"{python}.99" if python and python.count(".") == 1 else python
            for one in section.requirements:
                limit = wanted.get(one.name)
                if full is None or limit is None or limit.contains(full, prereleases=True):
                    continue
                checks.append(
                    DEFINITIONS.fault(
                        edit.path,
                        f"Its image has Python {python}, and {one.name} is for {limit}.",
                        code="unresolvable",
                        breaks="pip finds no version of it, and the release ends.",
                        cure=f"Name a Python that {one.name} is for, or widen its requires-python.",
                        exit_code=DefinitionUnresolvable.exit_code,
                        file=edit.path,
                        line=edit.line_before(one.line),
                    )
                )
    return checks

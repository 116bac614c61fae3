"""A plan with something of everything, and all that can be wrong with one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wheelstep.stages.agreed.document import Plan
from wheelstep.stages.agreed.file import digest_of, read_plan
from wheelstep.stages.agreed.holding import Agreed

Steps = tuple[str | int, ...]

ODD: list[Any] = [None, True, False, 0, -1, 10**30, 1.5, "", "x", "\ud800", [], {}, [[]], {"x": 1}]
SAID_ONLY: tuple[Steps, ...] = (("version",), ("commit",))
"""What a plan says for people: a commit that touches nothing of it is no difference."""

URL = "https://known-after-build.invalid/acme_core-1.1.0-py3-none-any.whl#sha256=known-after-build"

SAMPLE: dict[str, Any] = {
    "kind": "wheelstep-plan",
    "schema": 2,
    "version": "0.1.0",
    "commit": "c" * 40,
    "prebuilt": True,
    "packages": [
        {
            "name": "acme-core",
            "version": "1.1.0",
            "sources": "a" * 64,
            "wheels": [{"file": "acme_core-1.1.0-py3-none-any.whl", "sha256": "f" * 64}],
        }
    ],
    "released": [
        {
            "name": "acme-models",
            "version": "3.0",
            "sources": "b" * 64,
            "wheels": [{"file": "acme_models-3.0-py3-none-any.whl", "sha256": "e" * 64}],
            "added": [{"file": "acme_models-3.0-py2-none-any.whl", "sha256": "d" * 64}],
        }
    ],
    "copies": ["acme_models-3.0-py3-none-any.whl to ../other"],
    "connections": [
        {"workspace": "s/g/n", "name": "ml", "target": "https://f/", "category": "Git"}
    ],
    "definitions": [
        {
            "path": "train.yml",
            "status": "changed",
            "before": "1" * 64,
            "after": "2" * 64,
            "pins": [{"name": "acme-core", "from": "acme-core==1.0", "to": f"acme-core @ {URL}"}],
            "environments": [{"name": "train", "from": "3", "to": "4"}],
            "vendored": ["image/acme_core-1.1.0-py3-none-any.whl"],
            "removed": ["image/acme_core-1.0-py3-none-any.whl"],
            "known-after-build": ["the URL of acme-core 1.1.0"],
            "diff": f"--- a/train.yml\n+++ b/train.yml\n@@ -1 +1 @@\n-acme-core==1.0\n+{URL}\n",
        },
        {
            "path": "other.yml",
            "status": "unchanged",
            "before": "3" * 64,
            "after": "3" * 64,
            "pins": [],
            "environments": [],
            "vendored": [],
            "removed": [],
            "known-after-build": [],
            "diff": "",
        },
    ],
    "tags": [{"name": "acme-core-v1.1.0", "commit": "d" * 40}],
    "settings": {"pin": "url", "closure": True, "publish-to": [{"kind": "folder"}], "tag": None},
}


def written(document: dict[str, Any], path: Path, *, digest: str | None = None) -> Path:
    """Write a plan with the digest that it has, or another one."""
    said = {key: value for key, value in document.items() if key != "digest"}
    path.write_text(json.dumps({**said, "digest": digest or digest_of(said)}))
    return path


def agreed(document: dict[str, Any], path: Path) -> Agreed:
    """Return a plan as it is read from a file."""
    return read_plan(written(document, path), path.name)


def present(document: dict[str, Any]) -> Plan:
    """Return the same as what would be done now."""
    said = {key: value for key, value in document.items() if key != "digest"}
    return Plan(said, {"copies": (), "connections": (), "tags": ()})


def mutations(document: dict[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Yield each value, anywhere, replaced, left out, put there twice, or with something beside
    it; what comes out equal is left out."""
    for steps in [*_paths(document)]:
        for change in _changes(_at(document, steps)):
            other = copy.deepcopy(document)
            holder = _at(other, steps[:-1])
            if change is _GONE:
                del holder[steps[-1]]
            else:
                holder[steps[-1]] = change
            if json.dumps(other) != json.dumps(document):
                yield steps, other


_GONE = object()


def _paths(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    if steps:
        yield steps
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _paths(value[key], (*steps, key))


def _at(value: Any, steps: Steps) -> Any:
    for step in steps:
        value = value[step]
    return value


def _changes(value: Any) -> Iterator[Any]:
    yield from ODD
    yield _GONE
    match value:
        case str():
            yield f"{value}0"
        case list():
            yield from ([*value, "x"], [*value, *value])
        case dict():
            yield {**value, "more": "x"}
        case _:
            pass

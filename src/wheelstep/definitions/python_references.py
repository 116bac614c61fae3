"""References `azureml:NAME:VERSION` in scripts and notebooks follow an environment's version.

Source: the `environment` argument of `azure.ai.ml.command`, of components and of deployments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wheelstep.definitions.json_text import compose_json
from wheelstep.definitions.notebook import cells_of, with_cells
from wheelstep.definitions.python_names import Names, Place
from wheelstep.definitions.python_source import may_be_read
from wheelstep.definitions.python_text import (
    Literal,
    NotPython,
    Unit,
    literal_of,
    parse_python,
    refuse_other_encoding,
)
from wheelstep.definitions.source import Source, decode
from wheelstep.definitions.splice import EditNotProven
from wheelstep.errors import StepError

__all__ = ["follow_references"]

_REFERENCE: Final = re.compile(r"(?P<before>azureml:(?P<name>[^:/@\s]+):)(?P<version>[^:/@\s]+)")
_KEYWORD: Final = "environment"


def follow_references(path: str, data: bytes, raised: Mapping[tuple[str, str], str]) -> bytes:
    """Return a script or notebook that names the raised versions, every other byte as it was.

    Only whole texts count that are handed over as `environment`, in a call or a mapping, by way of
    a name too. What is computed, `@latest` and registries are left alone, and so is a file that
    cannot be read as Python.

    Args:
        path: The file's; `.py` or `.ipynb`.
        data: Its bytes.
        raised: {(name, version as it was): version now}.

    Raises:
        EditNotProven: A defect: anything else would have changed.
    """
    if not may_be_read(data) or b"azureml:" not in data:
        return data
    try:
        source = decode(path, data)
        if path.lower().endswith(".ipynb"):
            return _in_notebook(source, raised, data)
        refuse_other_encoding(source)
        unit = parse_python(source.text, source.line)
    except (StepError, NotPython):
        return data  # it is no definition that was asked for; nothing can be said of it
    edits = _edits([unit], raised)
    return source.encode(_rewritten(path, unit, edits)) if edits else data


def _in_notebook(source: Source, raised: Mapping[tuple[str, str], str], data: bytes) -> bytes:
    root = compose_json(source)
    cells = tuple(cells_of(source, root))
    edits = _edits([cell.unit for cell in cells if cell.unit is not None], raised)
    texts = {
        number: _rewritten(source.path, cell.unit, mine)
        for number, cell in enumerate(cells)
        if cell.unit is not None
        and (mine := [(one, new) for one, new in edits if one.unit is cell.unit])
    }
    return with_cells(source, root, cells, texts) if texts else data


def _rewritten(path: str, unit: Unit, edits: Sequence[tuple[Literal, str]]) -> str:
    try:
        return unit.rewritten(edits)
    except EditNotProven as error:
        raise EditNotProven(f"{path}: {error}") from error


def _edits(
    units: Sequence[Unit], raised: Mapping[tuple[str, str], str]
) -> list[tuple[Literal, str]]:
    found: dict[int, tuple[Literal, str]] = {}
    names = Names(units)
    for given, at in _handed_over(names):
        node, place = names.stands_for(given, at)
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        reference = _REFERENCE.fullmatch(node.value)
        now = raised.get((reference["name"], reference["version"])) if reference else None
        literal = literal_of(place.unit, node) if now else None
        if reference and now and literal:
            found[id(node)] = literal, reference["before"] + now
    return list(found.values())


def _handed_over(names: Names) -> Iterator[tuple[ast.expr, Place]]:
    """Yield what is handed over as `environment`."""
    for site in names.sites:
        match site.node:
            case ast.Call(keywords=keywords):
                for keyword in keywords:
                    if keyword.arg == _KEYWORD:
                        yield keyword.value, site.place
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == _KEYWORD:
                        yield value, site.place
            case _:
                pass
    # `job.environment = "azureml:..."`
    for binding in names.attributes(_KEYWORD):
        if binding.value is not None:
            yield binding.value, binding.place

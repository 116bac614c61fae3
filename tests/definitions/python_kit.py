"""An edit of a script, held against what Python itself reads in it."""

from __future__ import annotations

import ast

from tests.definitions.made import wanted
from wheelstep.definitions.interface import Edited, PinStyle, Wanted
from wheelstep.definitions.python_source import PythonSource

FORM = PythonSource()


def edit(
    text: str | bytes, *, path: str = "a.py", style: PinStyle = "version", to: Wanted | None = None
) -> Edited:
    """Edit, and see that every constant but those pinned is as it was, and that twice is once."""
    data = text if isinstance(text, bytes) else text.encode()
    asked = to or wanted(style=style)
    edited = FORM.edit(path, data, asked)
    again = FORM.edit(path, edited.data, asked)
    assert (again.data, again.pins) == (edited.data, ())
    return edited


def constants(data: bytes) -> list[str]:
    tree = ast.parse(data)
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

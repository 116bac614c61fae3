"""Writes the files that repeat the tables of options and outputs for others to read.

Run from the repository's root, for maintainers: `python -m wheelstep.commands.generate`, or with
`--check`, which changes nothing and ends with 1 where a file is not what would be written.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from wheelstep import __version__
from wheelstep.ground.feed_sign_in import table
from wheelstep.options import OPTIONS, OUTPUTS, Option
from wheelstep.schema import settings_schema

__all__ = ["FILES", "generated", "main"]

COMMAND: Final = Option(
    "command",
    "What to do, as on the command line: `release`, `plan`, `connect --rotate`, `doctor`, "
    "`pin NAME==VERSION`, `promote NAME==VERSION`, `publish NAME==VERSION`, `mirror --repair`.",
    "text",
    "`release`",
    frozenset(),
    in_file=False,
    as_flag=False,
)
"""No option: only the action and the task have to be told; action/bootstrap.py reads it."""
INPUTS: Final = (COMMAND, *(row for row in OPTIONS if row.as_input))

TASK_TYPES: Final = {
    # no booleans: an unset one arrives as "false" and would beat the settings file
    "switch": "pickList",
    "choice": "pickList",
    "list": "multiLine",
    "destinations": "multiLine",
    "allow": "multiLine",
}


# --- action.yml: between marks --------------------------------------------------------------------


def _action(text: str) -> str:
    inputs = "".join(
        f"  {row.name}:\n    description: {_quoted(_description(row))}\n    required: false\n"
        for row in INPUTS
        if row.in_action
    )
    outputs = "".join(
        f"  {row.name}:\n    description: {_quoted(row.meaning)}\n"
        f"    value: ${{{{ steps.wheelstep.outputs.{row.name} }}}}\n"
        for row in OUTPUTS
    )
    variables = "".join(
        f"        INPUT_{row.name.upper().replace('-', '_')}: ${{{{ inputs.{row.name} }}}}\n"
        for row in INPUTS
        if row.in_action
    )
    for name, block in (("inputs", inputs), ("outputs", outputs), ("variables", variables)):
        text = _between(text, f"# {name}: generated", f"# {name}: end", block)
    return text


def _between(text: str, start: str, end: str, block: str) -> str:
    pattern = rf"(?ms)^([ \t]*{re.escape(start)}[^\n]*\n).*?(^[ \t]*{re.escape(end)})"
    new, count = re.subn(pattern, lambda found: found[1] + block + found[2], text)
    if count != 1:
        raise ValueError(
            f"the marks {start!r} and {end!r} have to be there once, not {count} times"
        )
    return new


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # which is YAML too


def _description(row: Option) -> str:
    choices = f" One of: {', '.join(row.choices)}." if row.choices else ""
    several = {"list", "destinations", "definitions", "allow"}
    lines = " One a line." if row.kind in several else ""
    switch = " `true` or `false`." if row.kind == "switch" else ""
    return f"{row.meaning}{choices}{lines}{switch} Default: {row.default}."


# --- the task and its extension -------------------------------------------------------------------


def _task(text: str) -> str:
    task = json.loads(text)
    major, minor, patch = (int(part) for part in __version__.split(".")[:3])
    task["version"] = {"Major": major, "Minor": minor, "Patch": patch}
    task["inputs"] = [_task_input(row) for row in INPUTS]
    task["outputVariables"] = [
        {"name": row.camel, "description": row.meaning.replace("`", "")} for row in OUTPUTS
    ]
    task["restrictions"] = {
        # "restricted" would take the summary page away
        "commands": {"mode": "any"},
        "settableVariables": {"allowed": [row.camel for row in OUTPUTS]},
    }
    return _json(task)


def _task_input(row: Option) -> dict[str, Any]:
    kind = row.task_type or TASK_TYPES.get(row.kind, "string")
    made: dict[str, Any] = {
        "name": row.camel,
        "type": kind,
        "label": row.name.replace("-", " ").capitalize(),
        "required": False,
        "helpMarkDown": _description(row),
    }
    if kind == "pickList":
        choices = row.choices or ("true", "false")
        made["options"] = {choice: choice for choice in choices}
        made["properties"] = {"EditableOptions": "True"}  # so that a variable can be given
    elif kind == "multiLine":
        made["properties"] = {"resizable": True, "rows": "3"}
    return made


def _extension(text: str) -> str:
    return _json(json.loads(text) | {"version": ".".join(__version__.split(".")[:3])})


# --- the schema and the documentation -------------------------------------------------------------


def _schema(_: str) -> str:
    return _json(settings_schema())


def _options_page(text: str) -> str:
    rows = "".join(
        f"| `{row.name}` | {row.meaning}{_choices(row)} | {row.default} | {_where(row)} |\n"
        for row in OPTIONS
    )
    outputs = "".join(f"| `{row.name}` | `{row.camel}` | {row.meaning} |\n" for row in OUTPUTS)
    head = "| option | meaning | default | not as |\n| --- | --- | --- | --- |\n"
    output_head = "| output | in Azure Pipelines | meaning |\n| --- | --- | --- |\n"
    text = _between(text, "<!-- options: generated", "<!-- options: end", head + rows)
    return _between(text, "<!-- outputs: generated", "<!-- outputs: end", output_head + outputs)


def _sign_in_page(text: str) -> str:
    rows = "".join(
        f"| {number} | {title} | {needs} |\n" for number, (title, needs) in enumerate(table(), 1)
    )
    head = "| | who signs in at a feed | when |\n| --- | --- | --- |\n"
    return _between(text, "<!-- sign-in: generated", "<!-- sign-in: end", head + rows)


def _choices(row: Option) -> str:
    # where the sentence itself explains them, they are not repeated
    if not row.choices or all(f"`{choice}`" in row.meaning for choice in row.choices):
        return ""
    return f" One of {', '.join(f'`{choice}`' for choice in row.choices)}."


def _where(row: Option) -> str:
    ways = (
        ("a flag", row.as_flag),
        ("a file key", row.in_file),
        ("an input", row.as_input),
        ("an input of the GitHub Action", row.in_action),
    )
    return ", ".join(way for way, there in ways if not there)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


FILES: Final[dict[str, Callable[[str], str]]] = {
    "action.yml": _action,
    "azure-pipelines-task/task.json": _task,
    "azure-pipelines-task/vss-extension.json": _extension,
    "docs/destinations.md": _sign_in_page,
    "docs/options.md": _options_page,
    "src/wheelstep/wheelstep.schema.json": _schema,
}
"""Path from the repository's root -> what makes the new text from the old one."""


def generated(root: Path) -> dict[Path, tuple[str, str]]:
    """Return each file's text as it is and as it should be.

    Args:
        root: The repository's root.

    Raises:
        OSError: A file cannot be read.
        ValueError: The marks in a file are not there.
    """
    found = {}
    for name, make in FILES.items():
        path = root / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        found[path] = text, make(text)
    return found


def main(arguments: Sequence[str]) -> int:
    """Write the files, or check them; return the exit code."""
    stale = [(path, new) for path, (old, new) in generated(Path.cwd()).items() if old != new]
    for path, new in stale:
        sys.stdout.write(f"{path}\n")
        if "--check" not in arguments:
            path.write_text(new, encoding="utf-8", newline="\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

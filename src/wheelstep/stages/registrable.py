"""Which raised environment versions can be created in which workspaces, and made of what."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wheelstep.definitions.includes import beside
from wheelstep.definitions.interface import Environment
from wheelstep.definitions.plan import Edits, PlannedEdit
from wheelstep.errors import DefinitionUnresolvable, SettingError, raise_all
from wheelstep.model import Severity, Workspace
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.readers import readers_of
from wheelstep.stages.rehearsing import read_after
from wheelstep.stages.run import Run
from wheelstep.workspaces.commands import place_options

__all__ = ["Registrable", "check_register", "next_steps", "readers_in", "refuse_twice",
           "registrable", "say_next_steps"]  # fmt: skip

COMMANDS: Final = 6
"""So many are written out: the others differ in file and workspace only."""
_NAME_LINE: Final = re.compile(rb"(?m)^name\s*:")
_OTHER_FORMS: Final[dict[str, tuple[str, str, Severity]]] = {
    "sdk-v1": (
        "It is in the form of the SDK v1, which Azure ML's present interfaces do not take.",
        "Register it with azureml-core (`Environment.register`), or write it as Azure ML YAML.",
        "warning",
    ),
    "python": ("The script registers it itself, when it runs.", "Run it.", "notice"),
    "notebook": ("The notebook registers it itself, when it runs.", "Run it.", "notice"),
}
"""Why, the cure, and how much it matters, by the form's name."""


@dataclass(frozen=True, slots=True)
class Registrable:
    """An environment whose version rose, and that can be created over Azure Resource Manager."""

    path: str
    """The file that describes it."""
    name: str
    before: str
    version: str
    """The one it rose to."""
    properties: Mapping[str, Any] = field(hash=False)
    """What it is created with: see workspaces/environment_body.py."""
    workspaces: tuple[Workspace, ...]
    """Those that read the file."""
    known: bool
    """False while its file has places that are only known after building."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def check_register(run: Run) -> None:
    """Refuse `register` where there is no workspace to register in.

    Raises:
        SettingError: With the option to set.
    """
    if run.settings.register and not run.workspaces:
        raise SettingError(
            "`register` is set, and no workspace in which environments could be created.",
            code="register-without-workspace",
            cure="Set `workspace` to SUBSCRIPTION/GROUP/NAME.",
        )


def registrable(run: Run, snapshot: Snapshot, edits: Edits) -> list[Registrable]:
    """Return the environments that rise and can be created, and say of the others why not.

    Args:
        run: The run.
        snapshot: The head.
        edits: The edits on it; what is created is read from the files as they would be committed.

    Raises:
        DefinitionUnresolvable: Azure ML refuses an environment's name.
    """
    from wheelstep.workspaces.environment_body import Unregistrable, body_of, refused_name

    read, readers = read_after(snapshot, edits), readers_in(run, edits)
    known = not any(each.unknown for each in edits.edits)
    found: list[Registrable] = []
    refused: list[DefinitionUnresolvable] = []
    for edit, one in _risen(edits):
        if edit.form != "azureml":
            _say_of_form(run, edit, one)
            continue
        if one.name and (why := refused_name(one.name)):
            refused.append(_refused(edit, one, why))
            continue

        def named(text: str, path: str = edit.path) -> bytes | None:
            where = beside(path, text)
            return None if where is None else read(where)

        body, where = body_of(edit.after, named), readers[edit.path]
        if isinstance(body, Unregistrable):
            _say_not_registered(run, edit, one, body.why, _command(edit.path, where))
        elif not one.before or not one.after or one.before == one.after:
            why = "Its version cannot be raised." if one.before else "It states no version."
            _say_not_registered(run, edit, one, why, _command(edit.path, where))
        elif not where:
            cure = "Set `workspace`, or name the file in the table `definitions`."
            _say_not_registered(run, edit, one, "No workspace reads it.", cure)
        else:
            found.append(
                Registrable(edit.path, one.name, one.before, one.after, body, where, known)
            )
    raise_all(refused)
    return found


def _risen(edits: Edits) -> Iterator[tuple[PlannedEdit, Environment]]:
    for edit in edits.edits:
        for one in edit.environments:
            # other forms describe environments without a name that are no version of anything
            if one.name or edit.form == "azureml":
                yield edit, one


def _say_of_form(run: Run, edit: PlannedEdit, one: Environment) -> None:
    why, cure, severity = _OTHER_FORMS.get(edit.form, _OTHER_FORMS["sdk-v1"])
    run.warn(
        "environment-not-registered",
        f"The environment {one.name} of {edit.path} changed and is not registered. {why}",
        cure=cure,
        file=edit.path,
        severity=severity,
    )


def readers_in(run: Run, edits: Edits) -> dict[str, tuple[Workspace, ...]]:
    """Return the workspaces that read each definition, by its path."""
    return readers_of(edits.kinds, run.settings.read_by, run.settings.workspaces)


def refuse_twice(wanted: Iterable[Registrable]) -> None:
    """Refuse two files that describe one version of an environment in two ways.

    Raises:
        DefinitionUnresolvable: With both files.
    """
    first: dict[tuple[str, str, str], Registrable] = {}
    for one in wanted:
        for workspace in one.workspaces:
            other = first.setdefault((str(workspace).lower(), one.name, one.version), one)
            if other.properties != one.properties:
                raise DefinitionUnresolvable(
                    f"{other.path} and {one.path} both describe the environment {one}, and not in "
                    f"the same way: the workspace {workspace} can have one of them only.",
                    code="environment-twice",
                    cure="Give them different names; or let `definitions` be a table that maps "
                    "each file to the workspaces that read it.",
                    file=one.path,
                )


def _refused(edit: PlannedEdit, one: Environment, why: str) -> DefinitionUnresolvable:
    at = _NAME_LINE.search(edit.before)
    return DefinitionUnresolvable(
        f"Azure ML refuses the name of the environment {one.name}. {why}",
        code="environment-name-refused",
        cure="Give it another name, also where it is referred to.",
        file=edit.path,
        line=edit.before.count(b"\n", 0, at.start()) + 1 if at else None,
    )


def _say_not_registered(run: Run, edit: PlannedEdit, one: Environment, why: str, cure: str) -> None:
    run.warn(
        "environment-not-registered",
        f"The environment {one.name or 'without a name'} of {edit.path} changed and is not "
        f"registered. {why}",
        cure=cure,
        file=edit.path,
    )


# --- the next step --------------------------------------------------------------------------------


def next_steps(path: str, workspaces: Sequence[Workspace]) -> list[str]:
    """Return the commands that register an environment, one for each workspace.

    Args:
        path: The YAML file, relative to the repository's root.
        workspaces: Where.
    """
    return [
        f"az ml environment create --file {shlex.quote(path)} {place_options(one)}"
        for one in workspaces
    ]


def _command(path: str, workspaces: Sequence[Workspace]) -> str:
    return f"After the commit: {_several(next_steps(path, workspaces))}" if workspaces else ""


def _several(commands: Sequence[str]) -> str:
    text = "; ".join(f"`{one}`" for one in commands[:COMMANDS])
    left = len(commands) - COMMANDS
    return f"{text}; and {left} more like these." if left > 0 else f"{text}."


def say_next_steps(run: Run, edits: Edits) -> None:
    """Say how environments that rose come into the workspaces, where this run does not register
    them.

    Args:
        run: The run.
        edits: What was committed.
    """
    if run.settings.register or not run.workspaces:
        return
    readers = readers_in(run, edits)
    changed = [(edit, one) for edit, one in _risen(edits) if edit.form == "azureml" and one.name]
    commands = [
        command
        for path in dict.fromkeys(edit.path for edit, _ in changed)
        for command in next_steps(path, readers.get(path, ()))
    ]
    if not commands:
        return
    names = ", ".join(f"{one.name} {one.after}" if one.after else one.name for _, one in changed)
    run.warn(
        "register-next",
        f"{names} {'is' if len(changed) == 1 else 'are'} not registered yet: a job that refers to "
        "the new version finds nothing in the workspace, and one that refers to `@latest` goes on "
        "with the version registered last.",
        cure=f"Create what was committed: {_several(commands)} Or set `register`, and the step "
        "does it before it commits.",
        severity="notice",
    )

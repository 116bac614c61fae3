"""Which versions of an environment the workspaces have: a raised version is above them.

With `register`, a version that exists with the very content that would be created is no obstacle:
it is the one that a run before this one has created.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from wheelstep.definitions.environment_version import reached
from wheelstep.definitions.plan import Edits
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError, raise_all
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Workspace
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.registrable import Registrable, refuse_twice, registrable
from wheelstep.stages.run import Run

__all__ = ["Decide", "above_floors", "key_of", "reworded"]

Floors = Mapping[str, Sequence[str]]
Settled = Mapping[tuple[str, str], str]
Decide = Callable[[Floors, Settled], Edits]


def above_floors(run: Run, snapshot: Snapshot, decide: Decide) -> Edits:
    """Return the edits, each environment's version above those that the workspaces have.

    Only environments that rise are asked for, each once in a run; without the option `workspace`
    nothing is.

    Args:
        run: The run.
        snapshot: The head.
        decide: Decides the edits, given {environment: versions that exist}, and {(path,
            environment): the version that it rises to, because it exists with that content}.

    Raises:
        StepError: As `decide`. With `register` also: a workspace cannot be asked what it has (but
            in a plan, where that is a warning), Azure ML refuses a name, two files describe one
            version in two ways.
    """
    edits = decide(floors := _floors(run), {})
    names = {
        one.name
        for edit in edits.edits
        for one in edit.environments
        if one.name and one.before != one.after
    }
    if not names or not run.workspaces:
        return edits
    wanted = registrable(run, snapshot, edits) if run.settings.register else []
    _ask(run, names, wanted)
    settled = _settled(run, wanted)
    now = _floors(run)
    if settled or floors != now:
        edits = decide(now, settled)
    if wanted:
        refuse_twice(registrable(run, snapshot, edits))
    return edits


def key_of(workspace: Workspace, name: str) -> tuple[str, str]:
    """Return the key of `Run.existing`: names of environments are told apart by case, those of
    workspaces are not."""
    return str(workspace).lower(), name


def _floors(run: Run) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for (_, name), versions in run.existing.items():
        found.setdefault(name, {}).update(dict.fromkeys(versions))
    return {name: tuple(versions) for name, versions in found.items()}


def _settled(run: Run, wanted: Sequence[Registrable]) -> dict[tuple[str, str], str]:
    from wheelstep.workspaces.environment_body import is_same

    found = {}
    for one in wanted:
        if not one.known:
            continue
        versions = [
            (version, is_same(one.properties, properties))
            for workspace in one.workspaces
            for version, properties in run.existing.get(key_of(workspace, one.name), {}).items()
        ]
        other = {version for version, same in versions if not same}
        same = {version for version, same in versions if same} - other
        if version := reached(one.before, same=same, other=other):
            found[one.path, one.name] = version
    return found


def _ask(run: Run, names: Collection[str], wanted: Sequence[Registrable]) -> None:
    """Ask every workspace for the versions that are not known yet.

    Raises:
        ServiceRefused: A workspace in which environments are to be created cannot be read.
        ServiceUnavailable: It does not answer.
    """
    from wheelstep.workspaces.environment import versions_of

    asked = [
        (workspace, name)
        for workspace in run.workspaces
        for name in sorted(names)
        if key_of(workspace, name) not in run.existing
    ]
    if not asked:
        return
    manager = run.resource_manager
    needed = {key_of(each, one.name) for one in wanted for each in one.workspaces}

    def ask(workspace: Workspace, name: str) -> dict[str, Mapping[str, Any]] | StepError:
        try:
            return versions_of(manager, workspace.id, name)
        except StepError as error:
            return error

    with ThreadPool(run.transfers) as pool:
        answers = list(pool.map(ask, *zip(*asked, strict=True)))
    failed: dict[str, tuple[Workspace, StepError]] = {}
    for (workspace, name), answer in zip(asked, answers, strict=True):
        if isinstance(answer, StepError):
            failed.setdefault(str(workspace).lower(), (workspace, answer))
        run.existing[key_of(workspace, name)] = {} if isinstance(answer, StepError) else answer
    text = ", ".join(sorted(names))
    errors = []
    for workspace, error in failed.values():
        said = f"Which versions of {text} the workspace {workspace} has cannot be read"
        if run.planning or not any(key_of(workspace, name) in needed for name in names):
            run.warn(
                "workspace-not-read",
                f"{said}, so a raised version may exist there already. {error.message}",
                cure=error.cure,
            )
        elif isinstance(error, ServiceRefused | ServiceUnavailable):
            errors.append(reworded(error, f"{said}, so none is registered. {error.message}"))
        else:
            raise error
    raise_all(errors)


def reworded(error: StepError, message: str) -> StepError:
    """Return the error with more to say."""
    error.message, error.args = message, (message,)
    return error

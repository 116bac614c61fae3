"""Which versions of an environment the workspaces have: a raised version is above them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from wheelstep.definitions.plan import Edits
from wheelstep.errors import StepError
from wheelstep.model import Workspace
from wheelstep.stages.run import Run

__all__ = ["above_floors"]

Floors = Mapping[str, Sequence[str]]


def above_floors(run: Run, decide: Callable[[Floors], Edits]) -> Edits:
    """Return the edits, each environment's version above those that the workspaces have.

    Only environments that rise are asked for, each once in a run; without the option `workspace`
    nothing is.

    Args:
        run: The run.
        decide: Decides the edits, given {environment: versions that exist}.
    """
    edits = decide(run.floors)
    names = {
        one.name
        for edit in edits.edits
        for one in edit.environments
        if one.name and one.before != one.after
    }
    asked = names - run.floors.keys()
    if not asked or not run.workspaces:
        return edits
    run.floors |= _versions(run, asked)
    return decide(run.floors)


def _versions(run: Run, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    from wheelstep.workspaces.environment import versions_of

    manager = run.resource_manager

    def ask(workspace: Workspace) -> Mapping[str, Sequence[str]]:
        try:
            return {name: versions_of(manager, workspace.id, name) for name in sorted(names)}
        except StepError as error:
            run.warn(
                "workspace-not-read",
                f"Which versions of {', '.join(sorted(names))} the workspace {workspace} has "
                f"cannot be read, so a raised version may exist there already. {error.message}",
                cure=error.cure,
            )
            return {}

    with ThreadPoolExecutor(run.transfers) as pool:
        answers = list(pool.map(ask, run.workspaces))
    return {name: tuple(one for each in answers for one in each.get(name, ())) for name in names}

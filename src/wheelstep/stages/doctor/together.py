"""All parts of doctor at once: what can be asked at the same time is, and each answer is a check
of its own."""

from __future__ import annotations

import importlib
import sysconfig
from collections.abc import Iterable, Sequence
from typing import Final, get_args

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.errors import StepError
from wheelstep.ground.azure_devops import import_clients
from wheelstep.ground.checks import Group
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Check
from wheelstep.stages.doctor.advice import Found, advice
from wheelstep.stages.doctor.connections import connection_tasks
from wheelstep.stages.doctor.definitions import definition_tasks, look_at_definitions
from wheelstep.stages.doctor.destinations import destination_tasks
from wheelstep.stages.doctor.known import Known, Stage, Task
from wheelstep.stages.doctor.packages import package_tasks
from wheelstep.stages.doctor.pythons import python_tasks
from wheelstep.stages.doctor.repository import repository_tasks
from wheelstep.stages.doctor.workspaces import workspace_tasks
from wheelstep.stages.run import Run

__all__ = ["GROUPS", "checked", "decides"]

GROUPS: Final = (
    "repository",
    "packages",
    "destinations",
    "workspaces",
    "connections",
    "definitions",
    "advice",
)
"""In the order of the table."""
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
"""In the order of a release."""
AT_ONCE: Final = 48
"""Questions; they wait for services most of their time."""


def checked(run: Run) -> tuple[list[Check], int]:
    """Ask everything that a release, and the image build after it, rely on; nothing is changed.

    Args:
        run: The run.

    Returns:
        The checks in the order of the table, and the exit code that a release would end with.

    Raises:
        SettingError: No certificate bundle, no Azure cloud of that name.
        StoppedBySignal: The run was stopped.
    """
    known = Known(run, look_at_definitions)
    _prepare(known)
    tasks: list[Task] = [
        *repository_tasks(known),
        *package_tasks(known),
        *python_tasks(known),
        *destination_tasks(known),
        *workspace_tasks(known),
        *connection_tasks(known),
        *definition_tasks(known),
    ]
    answers = _all(tasks)
    checks = [check for answer in answers for check in answer]
    checks += [
        Group("repository").of_problem(
            "the record", problem, "The release takes longer, and ends the same."
        )
        for problem in known.run.report.problems
        if problem.code == "lock-broken"
    ]
    checks.append(advice(_facts(known)))
    checks = list(dict.fromkeys(checks))
    ordered = [check for group in GROUPS for check in checks if check.group == group]
    return ordered, decides(
        (task.stage, check) for task, answer in zip(tasks, answers, strict=True) for check in answer
    )


def _prepare(known: Known) -> None:
    """Do what threads must not do at the same time for the first time: modules that import each
    other in a circle, first wanted by several threads, are seen half made."""
    # its first call fills a table that other threads would see half full (CPython 3.11)
    sysconfig.get_config_vars()
    importlib.import_module("requests")
    if any(isinstance(one, FeedDestination) for one in known.run.destinations):
        import_clients()
    if known.run.workspaces:
        for name in ("azure.core.rest", "azure.mgmt.core.policies", "azure.identity"):
            importlib.import_module(name)


def decides(found: Iterable[tuple[Stage, Check]]) -> int:
    """Return the exit code that a release would end with: that of the first stage with a fault;
    within it 4 beats 5 beats 6 beats the rest.

    Args:
        found: Checks, each with the stage of a release that would meet it.
    """
    order = {4: 0, 5: 1, 6: 2}
    faults = [
        (STAGES.index(stage), order.get(check.exit_code, 3), number, check.exit_code)
        for number, (stage, check) in enumerate(found)
        if check.status == "fault" and check.exit_code
    ]
    return min(faults)[3] if faults else 0


def _all(tasks: Sequence[Task]) -> list[Sequence[Check]]:
    """Ask all questions; one whose service answers strangely is unknown, and takes no other along.

    Raises:
        StoppedBySignal: The run was stopped.
    """
    pool = ThreadPool(AT_ONCE, "doctor")
    try:
        asked = [pool.submit(_answer, task) for task in tasks]
        answers = [one.result() for one in asked]
    except BaseException:
        # a signal, or a defect of ours: a server that does not answer is not waited for
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return answers


def _answer(task: Task) -> Sequence[Check]:
    try:
        return task.ask()
    except StepError as error:
        return [Group(task.group).unanswered(task.subject, error, task.breaks)]


def _facts(known: Known) -> Found:
    try:
        packages = len(known.projects())
    except StepError:
        packages = 0
    try:
        contexts = any(kind.contexts for kind in known.found().kinds)
    except StepError:
        contexts = False
    destinations = known.run.destinations
    return Found(
        packages=packages,
        kinds={one.kind for one in destinations},
        workspaces=len(known.run.workspaces),
        restricted=known.restricted,
        contexts=contexts,
        served=bool(destinations) and destinations[0].consumer_url is not None,
    )

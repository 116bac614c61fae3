"""Environment versions, created in the workspaces before the commit that refers to them.

What exists is never changed: a version that another run took first is left to it, the edits are
decided again, and the next version is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from wheelstep.definitions.plan import Edits
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError, raise_all
from wheelstep.ground.swap import Conflict, Tagged, swap
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Workspace
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.floors import key_of, reworded
from wheelstep.stages.registrable import Registrable, registrable
from wheelstep.stages.run import Run
from wheelstep.stages.workspace_rights import REGISTER, lacking

__all__ = ["foresee", "registered", "say_planned"]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An environment version in one workspace."""

    what: Registrable
    where: Workspace

    @property
    def key(self) -> tuple[str, str]:
        """As `Run.existing` has it."""
        return key_of(self.where, self.what.name)

    def exists(self, run: Run) -> bool:
        """Tell whether it is known to be there."""
        return self.what.version in run.existing.get(self.key, {})


@dataclass(frozen=True, slots=True)
class _State:
    """What the edits of the moment need in the workspaces."""

    missing: tuple[_Wanted, ...]
    created: tuple[_Wanted, ...] = ()


def registered(run: Run, snapshot: Snapshot, decide: Callable[[], Edits]) -> None:
    """Decide the edits, and with `register` create the versions that they raise: nothing that is
    committed refers to a version that a workspace does not have.

    Args:
        run: The run.
        snapshot: The head that is decided on.
        decide: Decides the edits and proves them; asked again where a version was taken meanwhile.

    Raises:
        ServiceRefused: No right to create environments in a workspace; the error says where they
            have been created.
        ServiceUnavailable: A workspace does not answer, or others took the version every time.
        StepError: What `decide` raises.
    """
    if run.planning or not run.settings.register:
        edits = decide()
        if run.settings.register:
            say_planned(run, snapshot, edits)
        return
    doing = _Registering(run, snapshot, decide)
    swap(
        "the environments of the workspaces",
        read=doing.read,
        decide=lambda state: replace(state, created=state.missing),
        write=doing.write,
        clock=run.clock,
    )
    doing.note()
    raise_all(doing.errors())


def foresee(run: Run, snapshot: Snapshot, edits: Edits) -> None:
    """Find out, before anything is published, whether the versions that are missing may be created.

    Raises:
        ServiceRefused: There is no right to, in a workspace.
        DefinitionUnresolvable: As `registrable`.
    """
    if not run.settings.register:
        return
    missing = [one for one in _each(registrable(run, snapshot, edits)) if not one.exists(run)]
    found = [lacking(run, one.where, REGISTER, f"create {one.what}") for one in missing]
    raise_all([error for error in found if error is not None])


def say_planned(run: Run, snapshot: Snapshot, edits: Edits) -> None:
    """Say what would be created where."""
    if not run.settings.register:
        return
    for what in registrable(run, snapshot, edits):
        there: list[str] = []
        missing: list[str] = []
        for one in _each([what]):
            (there if one.exists(run) else missing).append(str(one.where))
        run.warn(
            "would-register",
            f"{what} would be created in {_listed(missing)}."
            if missing and not there
            else f"{what} exists in {_listed(there)}"
            + (f", and would be created in {_listed(missing)}." if missing else " already."),
            file=what.path,
            severity="notice",
        )


@dataclass
class _Registering:
    """The doing, and what went wrong."""

    run: Run
    snapshot: Snapshot
    decide: Callable[[], Edits]
    rising: list[Registrable] = field(default_factory=list)
    failed: dict[tuple[str, str], StepError] = field(default_factory=dict)
    """(workspace in lower case, environment) -> why it is not there."""
    altered: set[tuple[str, str]] = field(default_factory=set)
    """Where a version was accepted, and others' content stood there then."""

    def read(self) -> Tagged[_State]:
        """Decide, and look whether the versions are still free."""
        self._decide()
        if self._look():
            self._decide()
        wanted = _each(self.rising)
        missing = [one for one in wanted if one.key not in self.failed and not one.exists(self.run)]
        return Tagged(_State(tuple(missing)), None)

    def _decide(self) -> None:
        self.rising = registrable(self.run, self.snapshot, self.decide())

    def _look(self) -> bool:
        """Read anew what the workspaces have where something is to be created.

        Returns:
            Whether any of them has changed.
        """
        run, self.failed = self.run, {}
        before = dict(run.existing)
        asked = [one for one in _each(self.rising) if not one.exists(run)]
        if not asked:
            return False
        from wheelstep.workspaces.environment import versions_of

        def look(one: _Wanted) -> None:
            manager = run.resource_manager
            run.existing[one.key] = versions_of(manager, one.where.id, one.what.name)

        self._all(asked, look)
        return run.existing != before

    def write(self, state: _State, _tag: str | None) -> None:
        """Create what is missing.

        Raises:
            Conflict: Another run was faster with one of them.
        """
        from wheelstep.workspaces.environment import create
        from wheelstep.workspaces.environment_body import differences

        run, taken = self.run, []

        def make(one: _Wanted) -> None:
            what, manager = one.what, run.resource_manager
            made = create(manager, one.where.id, what.name, what.version, what.properties)
            run.existing.setdefault(one.key, {})[what.version] = made.properties
            differ = differences(what.properties, made.properties)
            if not differ:
                run.host.say(f"{what}: registered in {one.where}")
            elif made.accepted and one.key in self.altered:
                raise _altered(differ)
            else:
                run.host.say(
                    f"{what} exists in {one.where} by now, with another {' and '.join(differ)}: "
                    "the next version is taken."
                )
                taken.append(one)
                if made.accepted:
                    self.altered.add(one.key)

        self._all(state.created, make)
        if taken and not self.failed:
            raise Conflict

    def _all(self, wanted: Sequence[_Wanted], do: Callable[[_Wanted], None]) -> None:
        """Do something for each at once; what a service refuses is kept."""

        def one_of(one: _Wanted) -> StepError | None:
            try:
                do(one)
            except (ServiceRefused, ServiceUnavailable) as error:
                return error
            return None

        with self.run.stage("register"), ThreadPool(self.run.transfers) as pool:
            for one, error in zip(wanted, pool.map(one_of, wanted), strict=True):
                if error is not None:
                    self.failed[one.key] = error

    def note(self) -> None:
        """Put into the report which workspaces have which environment."""
        where = {(what.path, what.name): self._with(what) for what in self.rising}
        for row in self.run.report.definitions:
            for environment in row.environments:
                environment["registered"] = where.get((row.path, environment["name"]), [])

    def _with(self, what: Registrable) -> list[str]:
        """Return the workspaces that have it, as far as is known."""
        from wheelstep.workspaces.environment_body import is_same

        versions = [
            (one, self.run.existing.get(key_of(one, what.name), {})) for one in what.workspaces
        ]
        return [
            str(one)
            for one, found in versions
            if what.version in found and is_same(what.properties, found[what.version])
        ]

    def errors(self) -> list[StepError]:
        """Return what went wrong, each with where its environment has been created."""
        return [self._error(one) for one in _each(self.rising) if one.key in self.failed]

    def _error(self, one: _Wanted) -> StepError:
        have, error = self._with(one.what), self.failed[one.key]
        return reworded(
            error,
            f"{one.what} could not be created in the workspace {one.where}. {error.message} "
            + (f"It is registered in {_listed(have)}. " if have else "")
            + "No definition was committed; run again, the step goes on from here.",
        )


def _altered(differ: Sequence[str]) -> ServiceRefused:
    # once that is another run's doing; twice it is the service's, and no number would ever do
    return ServiceRefused(
        f"The service accepts it, and then has another {' and '.join(differ)} than was sent.",
        code="environment-altered",
        cure="Compare the version with the file (`az ml environment show`), and bring the file to "
        "what the service makes of it; or release without `register`.",
    )


def _each(wanted: Iterable[Registrable]) -> Iterable[_Wanted]:
    """Return each version once for each workspace, also where two files describe it."""
    found: dict[tuple[str, str, str], _Wanted] = {}
    for what in wanted:
        for where in what.workspaces:
            found.setdefault((str(where).lower(), what.name, what.version), _Wanted(what, where))
    return found.values()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + "".join(names[-1:])

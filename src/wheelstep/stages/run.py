"""What one run holds: its settings, its host, the repository, the record of what was released."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.errors import SettingError
from wheelstep.ground.allowances import Allowances
from wheelstep.ground.clock import Clock, SystemClock
from wheelstep.ground.connections import Connection
from wheelstep.ground.credentials import IdentitySource, TokenSource
from wheelstep.ground.git import Git
from wheelstep.hosts.interface import Host, Trigger
from wheelstep.lock import FILE, Lock
from wheelstep.model import Problem, Severity, Workspace
from wheelstep.report import Report
from wheelstep.repositories.interface import Repository, Snapshot
from wheelstep.settings import Settings
from wheelstep.stages.comparing import Earlier, earlier_rehearsals
from wheelstep.stages.work import work_folder

if TYPE_CHECKING:
    from wheelstep.destinations.artifact_service import WorkspaceDoor
    from wheelstep.ground.entra import Surroundings
    from wheelstep.ground.transport import Transport
    from wheelstep.stages.agreed.holding import Agreed
    from wheelstep.stages.connecting.known import Had
    from wheelstep.workspaces.connection import Login
    from wheelstep.workspaces.facts import Unread
    from wheelstep.workspaces.resource_manager import ResourceManager

__all__ = ["REMOTE", "Run", "open_run"]

REMOTE: Final = frozenset({"push", "pull-request"})
"""The values of `commit` with which something is sent to a remote."""

TRANSFERS = 16


@dataclass
class Run:
    """One run of a command. The stages read it; what they find out they hand on as values."""

    settings: Settings
    host: Host
    environment: Mapping[str, str]
    report: Report
    git: Git
    trigger: Trigger
    planning: bool
    """True for `plan`, `dry-run` and on a pull request: every decision, no deed."""
    clock: Clock = field(default_factory=SystemClock)
    entra: TokenSource | None = None
    """Who signs in at Azure Resource Manager; whatever identity this machine has when None."""
    existing: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    """(workspace in lower case, environment) -> the versions that it has with their properties, as
    far as it was asked for."""
    had: Sequence[Had] | None = None
    """What the workspaces have; None: not asked yet. See stages/connecting/known.py."""
    known_connections: tuple[Connection, ...] | None = None
    """The same with what the settings know; None: not put together yet."""
    logins: dict[str, Login | None] = field(default_factory=dict)
    """Resource id of a workspace's connection, in lower case -> what it authenticates with, None
    where that may not be known; as far as asked."""
    permissions: dict[str, tuple[Mapping[str, Any], ...] | Unread] = field(default_factory=dict)
    """Workspace, in lower case -> what this run's identity may do there, as far as asked."""
    warned: set[str] = field(default_factory=set)
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What is given back when the run is over."""
    released: set[str] = field(default_factory=set)
    """Normalised names of the repository's packages, as far as they have been looked for."""
    requires: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(name, version) -> what its wheels require, where it had to be read from published ones."""

    @cached_property
    def allowances(self) -> Allowances:
        """What the user has decided to live with."""
        return Allowances(self.settings.allow)

    def note_unused_allowances(self) -> None:
        """Say which exceptions excused nothing, where their packages were looked at."""
        for one in self.allowances.unused():
            self.warn(
                "allow-unused",
                f"`allow` excuses {one.code} for {one.name}, and there was nothing to excuse.",
                cure="Remove it from the settings.",
                severity="notice",
            )

    def now(self) -> dt.datetime:
        """Return the time, UTC."""
        return dt.datetime.fromtimestamp(self.clock.time(), dt.UTC)

    @property
    def root(self) -> Path:
        """The root of the work tree."""
        return self.git.directory

    @property
    def dist(self) -> Path:
        """Where wheels are built to."""
        return self.root / self.settings.dist

    @property
    def builds(self) -> int:
        """How many builds at once."""
        return self.settings.parallel or os.cpu_count() or 1

    @property
    def transfers(self) -> int:
        """How many transfers at once."""
        return self.settings.parallel or TRANSFERS

    @cached_property
    def destinations(self) -> Sequence[Destination]:
        """The destinations, in the order of the settings; the first is the one definitions name."""
        from wheelstep.ground.entra import EntraTokens
        from wheelstep.ground.transport import Transport

        transport = Transport(self.environment, clock=self.clock)
        entra = EntraTokens(self.surroundings, transport)
        storage = self.storage_tokens(transport)
        wanted = self.settings.publish_to
        return [self.destination(one, transport, entra, storage) for one in wanted]

    def storage_tokens(self, transport: Transport) -> IdentitySource:
        """Return who signs in at Azure Storage with Entra ID."""
        from wheelstep.destinations.blob_sign_in import STORAGE_SCOPE
        from wheelstep.ground.entra import EntraTokens

        return EntraTokens(self.surroundings, transport, scope=STORAGE_SCOPE)

    @property
    def surroundings(self) -> Surroundings:
        """What identities of Azure are looked for in."""
        from wheelstep.ground.entra import Surroundings

        # a GitHub token signs in at nothing of Azure's
        job_token = self.host.job_token() if self.host.name == "azure" else None
        return Surroundings(self.environment, job_token, self.settings.service_connection)

    def destination(
        self,
        wanted: Wanted,
        transport: Transport,
        entra: IdentitySource,
        storage: IdentitySource | None = None,
    ) -> Destination:
        """Return a destination of the settings.

        Args:
            wanted: What the settings say of it.
            transport: The HTTP policy.
            entra: Who signs in at feeds with Entra ID.
            storage: The same at Azure Storage.

        Raises:
            StepError: As `destination_of`.
        """
        from wheelstep.destinations.table import destination_of

        return destination_of(
            wanted,
            root=self.root,
            environment=self.environment,
            transport=transport,
            # a GitHub token is never sent to a feed
            job_token=self.host.job_token() if self.host.name == "azure" else None,
            entra=entra,
            storage=storage,
            door=self.door,
            connection=self.settings.service_connection is not None,
            choice=self.settings.feed_sign_in,
            parallel=self.transfers,
        )

    def door(self, workspace: Workspace) -> WorkspaceDoor:
        """Return what Resource Manager tells of a workspace that is published to."""
        from wheelstep.stages.workspace_door import Door

        return Door(self, workspace)

    @cached_property
    def workspaces(self) -> Sequence[Workspace]:
        """All workspaces that the settings name, those of single definitions included."""
        settings = self.settings
        named = [*settings.workspaces, *(one for _, those in settings.read_by for one in those)]
        return list({str(one).lower(): one for one in named}.values())

    @cached_property
    def resource_manager(self) -> ResourceManager:
        """Whom to ask about workspaces, signed in as whatever identity of Azure there is.

        Raises:
            SettingError: As `endpoint_of`.
        """
        from wheelstep.ground.transport import Transport

        return self.manager_over(Transport(self.environment, clock=self.clock), lambda one: one)

    def manager_over(
        self, transport: Transport, signed_in: Callable[[TokenSource], TokenSource]
    ) -> ResourceManager:
        """Return what asks Azure Resource Manager.

        Args:
            transport: The HTTP policy.
            signed_in: Gets whoever signs in there, and returns what is asked for tokens instead.

        Raises:
            SettingError: As `endpoint_of`.
        """
        from wheelstep.ground.entra import EntraTokens
        from wheelstep.workspaces.resource_manager import (
            API_VERSION,
            ResourceManager,
            endpoint_of,
        )

        scope = f"{endpoint_of(self.environment)}/.default"
        tokens = self.entra or EntraTokens(self.surroundings, transport, scope=scope)
        version = self.settings.api_version or API_VERSION
        return ResourceManager(self.environment, transport, signed_in(tokens), api_version=version)

    @cached_property
    def repository(self) -> Repository:
        """Where the commit goes, and whose head the definitions are read from."""
        from wheelstep.stages.committing import repository

        return repository(self)

    @property
    def elsewhere(self) -> bool:
        """Whether the definitions are in another repository than the packages."""
        return self.settings.committing.elsewhere is not None and not self.trigger.pull_request

    @cached_property
    def definition_git(self) -> Git:
        """Git in the repository with the definitions: this one, or a clone of the other one."""
        if not self.elsewhere:
            return self.git
        from wheelstep.repositories.elsewhere import sparing_clone

        return sparing_clone(self.closing.enter_context(work_folder()), self.git)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The head that everything is decided on first."""
        return self.repository.snapshot()

    @cached_property
    def lock(self) -> Lock:
        """The record at that head."""
        lock = Lock.parse(self.snapshot.read(FILE))
        if lock.broken:
            self.warn(
                "lock-broken",
                f"{FILE} cannot be read ({lock.broken}); it counts as absent.",
                cure="Nothing: this run takes longer, and its commit mends the file.",
                file=FILE,
            )
        return lock

    @cached_property
    def agreed(self) -> Agreed | None:
        """The plan that the release is held to; None: whatever it comes to.

        Raises:
            SettingError, CannotHere: As `read_plan`.
        """
        from wheelstep.stages.agreed.file import read_plan

        path = self.settings.plan
        return read_plan(path, path.name) if path else None

    def rehearsing(self) -> Run:
        """Return a run beside this one that does nothing, and has a report of its own; what is
        known already it need not ask for again."""
        beside = copy.copy(self)
        beside.report = Report(self.report.command)
        beside.planning = True
        beside.warned = set()
        return beside

    @cached_property
    def earlier(self) -> Earlier:
        """What the run rehearsed whose report the settings name; nothing where they name none."""
        named = self.settings.compare_with
        if named is None:
            return {}
        found, problem = earlier_rehearsals(self.root / named, named)
        self.report.add([problem] if problem else [])
        return found

    def warn(
        self,
        code: str,
        message: str,
        *,
        cure: str = "",
        file: str | None = None,
        line: int | None = None,
        severity: Severity = "warning",
    ) -> None:
        """Note something that does not end the run; each message once."""
        if message not in self.warned:
            self.warned.add(message)
            self.report.add([Problem(code, severity, 0, message, cure, file, line)])

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.report.timings[name] = self.report.timings.get(name, 0.0) + spent


def _of_checkout(git: Git, trigger: Trigger) -> Trigger:
    """Return what started the run, without a branch or tag that is of another repository than the
    one that is checked out."""
    if trigger.repository is None:
        return trigger
    from wheelstep.repositories.same_repository import may_be_one
    from wheelstep.repositories.urls import remote_urls

    urls = remote_urls(git, trigger.branch or "HEAD")
    if not urls or any(may_be_one(url, trigger.repository) for url in urls):
        return replace(trigger, repository=None)
    return Trigger(branch=None, repository=trigger.repository)


def open_run(settings: Settings, host: Host, environment: Mapping[str, str], report: Report) -> Run:
    """Open the repository and find out what started the run.

    Raises:
        SettingError: No repository, or no destination on a CI host.
        CannotHere: No git.
    """
    if settings.public_index:
        # everything below asks for what pip is configured with
        environment = {**environment, "PIP_INDEX_URL": settings.public_index}
    git = Git.open(settings.repository, environment)
    trigger = _of_checkout(git, host.trigger())
    changing = {"release", "publish", "connect", "pin", "promote", "mirror"}
    on_pull_request = trigger.pull_request and report.command in changing
    run = Run(
        settings=settings,
        host=host,
        environment=environment,
        report=report,
        git=git,
        trigger=trigger,
        planning=settings.dry_run or on_pull_request,
    )
    if on_pull_request and not settings.dry_run:
        run.warn(
            "pull-request",
            "This run was started by a pull request: it only plans, nothing is published."
            + (
                " No token is sent to the destinations that the settings file names, since the "
                "pull request may have changed them."
                if any(wanted.anonymous for wanted in settings.publish_to)
                else ""
            ),
            cure="The release runs when the pull request is merged.",
            severity="notice",
        )
    if report.command in {"release", "publish"} and not settings.publish_to and not run.planning:
        raise SettingError(
            "No destination is set, and on a CI host there is none by default.",
            code="no-destination",
            cure="Set `publish-to` to a feed, an index or a folder that outlives the job.",
        )
    return run

"""A feed: could it serve another's package under a name of ours, and what will it delete?"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from wheelstep.definitions.source import without_secrets
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.feed_conflicts import MOST_VERSIONS as FULL
from wheelstep.destinations.retention import NEARLY_FULL, Kept, fate_of
from wheelstep.destinations.upstreams import FINDINGS, Finding
from wheelstep.errors import StepError
from wheelstep.ground.checks import Group
from wheelstep.ground.threads import ThreadPool
from wheelstep.model import Check, Problem
from wheelstep.stages.doctor.known import Known, Once, Task
from wheelstep.stages.upstreams import PLACE, findings, public_pages

__all__ = ["feed_tasks"]

FEEDS: Final = Group("destinations")
RETENTION_PLACE: Final = "In Azure DevOps: Artifacts, the feed, Feed settings, Feed details."
BUILDS_FAIL: Final = "An image that pins it cannot be built."
AT_ONCE: Final = 8
EXIT_CODES: Final = {"dependency-confusion": 4, "version-at-upstream": 5, "upstream-open": 0}


def feed_tasks(known: Known, one: FeedDestination, name: str) -> Iterator[Task]:
    """Yield what is asked about a feed.

    Args:
        known: What the parts share.
        one: The feed.
        name: What the checks call it.
    """
    kept = _Packages(one)
    yield Task("destinations", f"{name}: upstreams", partial(_upstreams, known, one, name), "read")
    yield Task(
        "destinations", f"{name}: retention", partial(_retention, known, kept, name), "publish"
    )
    yield Task("destinations", f"{name}: versions", partial(_room, known, kept, name), "publish")


class _Packages:
    """The versions of packages in a feed, each package asked for once."""

    def __init__(self, feed: FeedDestination) -> None:
        self.feed = feed
        self._known: dict[str, Once[tuple[Kept, ...]]] = {}
        self._guard = threading.Lock()

    def of(self, names: Collection[str]) -> dict[str, tuple[Kept, ...]]:
        """Return all versions of each, deleted ones too.

        Raises:
            StepError: As `FeedService.versions`.
        """
        with self._guard:
            asked = {
                name: self._known.setdefault(name, Once(partial(self._read, name)))
                for name in sorted(names)
            }
        with ThreadPool(AT_ONCE) as pool:
            return dict(zip(asked, pool.map(lambda once: once(), asked.values()), strict=True))

    def _read(self, name: str) -> tuple[Kept, ...]:
        return tuple(
            Kept(each.version, each.deleted, each.views, each.published)
            for each in self.feed.service.versions(name)
        )


# --- upstreams --------------------------------------------------------------------------------


def _upstreams(known: Known, one: FeedDestination, name: str) -> Sequence[Check]:
    """Say whether it serves public packages, and what of our names that means."""
    subject = f"{name}: upstreams"
    breaks = "A public package of one of your names may be served, and nobody be told."
    try:
        upstreams = one.service.feed().public_upstreams
        found = findings(
            known.run,
            one,
            _versions(known),
            lambda names: public_pages(
                known.run, known.transport, names, known.public(), known.default
            ),
        )
    except StepError as error:
        return [FEEDS.unanswered(subject, error, breaks)]
    if upstreams:
        message = f"It serves public packages ({' and '.join(upstreams)}), too: definitions need "
        message += "no other index."
    else:
        message = "It has no public upstream: definitions name it beside the public index."
    checks = [FEEDS.ok(subject, message)]
    for package, finding in found.items():
        checks += _of_name(known, f"{name}: {package}", package, finding, told=bool(upstreams))
    return checks


def _versions(known: Known) -> dict[str, str | None]:
    """Return our names, each with the version that is not released yet, where that is written."""
    versions: dict[str, str | None] = dict.fromkeys(sorted(known.released()))
    try:
        projects = known.projects()
    except StepError:
        return versions  # said of the packages
    records = known.lock().packages
    for project in projects:
        version = project.static_version
        if project.name and version:
            last = records.get(project.normalized)
            released = last is not None and last.version == version
            versions[project.normalized] = None if released else version
    return versions


def _of_name(
    known: Known, subject: str, package: str, finding: Finding, *, told: bool
) -> Iterator[Check]:
    match finding.kind:
        case "safe":
            if told:
                yield FEEDS.ok(subject, finding.message)
        case "unknown":
            breaks = "If it does, that may be installed in the place of yours."
            yield FEEDS.unknown(subject, finding.message, breaks, PLACE)
        case kind:
            exit_code = EXIT_CODES[kind]
            severity = "error" if exit_code else "warning"
            problem = Problem(kind, severity, exit_code, finding.message, finding.cure)  # type: ignore[arg-type] # one of the two
            excused = known.run.allowances.excused(problem, package)
            if excused is not problem:
                yield FEEDS.ok(subject, excused.message)
            else:
                yield FEEDS.of_problem(subject, problem, FINDINGS[kind])


# --- retention --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pinned:
    """A version that a definition pins."""

    name: str
    version: str
    file: str
    line: int


def _pinned(known: Known) -> list[_Pinned]:
    """Return which of our packages the definitions pin now, each version of a file once."""
    names = known.released()
    found: dict[tuple[str, str, str], _Pinned] = {}
    for kind in known.found().kinds:
        data = without_secrets(known.head().read(kind.path) or b"")
        try:
            requirements = kind.form.read(kind.path, data).requirements
        except StepError:
            continue  # said of the definitions
        for one in requirements:
            if one.name in names and one.pinned and not kind.limits:
                key = (one.name, one.pinned, kind.path)
                found.setdefault(key, _Pinned(one.name, one.pinned, kind.path, one.line))
    return list(found.values())


def _retention(known: Known, packages: _Packages, name: str) -> Sequence[Check]:
    """Say which versions it keeps, and which pinned ones it does not."""
    subject = f"{name}: retention"
    breaks = "Versions that definitions pin may be deleted one day, and their images not build."
    try:
        policy = packages.feed.service.retention()
        pinned = _pinned(known)
        kept = packages.of({each.name for each in pinned})
    except StepError as error:
        return [FEEDS.unanswered(subject, error, breaks)]
    if policy is None:
        message = "It keeps every version."
    else:
        also = f", and those that were downloaded within {policy.days} days" if policy.days else ""
        message = f"It keeps the {policy.newest} newest versions of each package{also}."
        message = f"{message} Promoted versions stay."
    newest = policy.newest if policy else None
    days = policy.days if policy else 0
    checks = []
    for each in pinned:
        fate = fate_of(each.version, kept[each.name], newest)
        if fate is None:
            continue
        shown = f"{each.file}:{each.line} pins {each.name} {each.version}"
        if fate.deleted:
            checks.append(_gone(subject, each, shown))
        else:
            checks.append(_going(subject, each, shown, fate.newer, days))
    return checks or [FEEDS.ok(subject, message)]


def _gone(subject: str, each: _Pinned, shown: str) -> Check:
    return FEEDS.fault(
        subject,
        f"{shown}, which was deleted from the feed.",
        code="pinned-deleted",
        breaks=BUILDS_FAIL,
        cure="In Azure DevOps: Artifacts, the feed, Recycle Bin, Restore (for Feed Owners, within "
        "30 days). Or pin a version that is there: `wheelstep pin`.",
        file=each.file,
        line=each.line,
    )


def _going(subject: str, each: _Pinned, shown: str, newer: int, days: int) -> Check:
    when = f" once nobody downloads it for {days} days" if days else ""
    return FEEDS.fault(
        subject,
        f"{shown}, which the feed's retention deletes{when}: {newer} versions are newer, and no "
        "view keeps it.",
        code="pinned-not-kept",
        breaks=BUILDS_FAIL,
        cure=f"Promote it to a view: `wheelstep promote {each.name}=={each.version}`. Or keep more "
        f"versions: {RETENTION_PLACE}",
        file=each.file,
        line=each.line,
    )


# --- room -------------------------------------------------------------------------------------


def _room(known: Known, packages: _Packages, name: str) -> Sequence[Check]:
    """Say which packages are near to the number of versions that a feed takes."""
    subject = f"{name}: versions"
    try:
        kept = packages.of(known.released())
    except StepError as error:
        breaks = f"A feed takes {FULL} versions of a package, and refuses further ones."
        return [FEEDS.unanswered(subject, error, breaks)]
    checks = []
    for package, versions in kept.items():
        count = sum(not each.deleted for each in versions)
        if count >= NEARLY_FULL:
            checks.append(
                FEEDS.fault(
                    subject,
                    f"It has {count} versions of {package}, and takes {FULL} of a package.",
                    code="too-many-versions" if count >= FULL else "versions-nearly-full",
                    breaks="The next release is refused."
                    if count >= FULL
                    else f"After {FULL - count} more, releases are refused.",
                    cure=f"Delete old versions, or let retention do it: {RETENTION_PLACE}",
                    exit_code=5 if count >= FULL else 0,
                )
            )
    most = max((len(versions) for versions in kept.values()), default=0)
    return checks or [FEEDS.ok(subject, f"There is room: {most} of {FULL} of a package at most.")]

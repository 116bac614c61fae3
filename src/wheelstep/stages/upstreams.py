"""Do the feeds serve somebody else's packages under our names? Asked before anything is built."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.upstreams import FINDINGS, Finding, Name, judge
from wheelstep.errors import Refused, ServiceRefused, StepError, raise_all
from wheelstep.ground.index_url import same_index
from wheelstep.ground.public_index import PipIndexes
from wheelstep.ground.simple_index import version_of
from wheelstep.ground.threads import ThreadPool
from wheelstep.ground.transport import Transport
from wheelstep.model import Problem
from wheelstep.rehearsal.pages import Asked, Page, Pages
from wheelstep.stages.run import Run

__all__ = ["PLACE", "check_names", "check_versions_of_names", "findings", "public_pages"]

PLACE: Final = "In Azure DevOps: Artifacts, the feed, Feed settings, Upstream sources."


def public_pages(
    run: Run,
    transport: Transport,
    names: Sequence[str],
    public: PipIndexes,
    default: Callable[[], str | None],
) -> dict[str, Page] | None:
    """Ask the index that stands for the public one for names.

    Args:
        run: The run.
        transport: The HTTP policy.
        names: Normalised.
        public: What pip is configured with.
        default: Returns the index that pip has where none is configured.

    Returns:
        None where no index but one of ours can be told; the pages by name else.
    """
    configured = [url for url in public.index_urls if url] if public.names_an_index else []
    url = configured[0] if configured else default()
    own = [each for one in run.destinations if (each := one.consumer_url)]
    if url is None or any(same_index(url, each) for each in own):
        return None  # pip may be configured with the feed itself
    who = next((one for one in public.credentials if url.startswith(one.url)), None)
    pages = Pages(transport)
    asked = {name: Asked(url, name, who) for name in names}
    with ThreadPool(run.transfers) as pool:
        pages.read_all(asked.values(), pool)
    return {name: pages.of(one) for name, one in asked.items()}


def findings(
    run: Run,
    feed: FeedDestination,
    versions: Mapping[str, str | None],
    pages: Callable[[Sequence[str]], Mapping[str, Page] | None],
) -> dict[str, Finding]:
    """Judge names at a feed; the public index is asked only where that decides something.

    Args:
        run: The run: its record knows which files are ours.
        feed: The feed.
        versions: Normalised names, each with the version that is to be released, if any.
        pages: Asks the public index.

    Raises:
        StepError: As `FeedService` does, where nothing at all could be read.
    """
    facts = feed.service.feed()
    upstreams = facts.public_upstreams
    # those that were switched off as well: what was saved from them stays
    public = {one.name for one in facts.upstreams if one.public}
    names = sorted(versions)
    found = pages(names) if upstreams and not run.settings.no_public_index else None
    ours = {
        (wheel.file, wheel.sha256)
        for locked in run.lock.packages.values()
        for wheel in locked.wheels
    }

    def one(name: str) -> Finding:
        service = feed.service
        there = [each for each in service.versions(name) if not each.deleted]
        external: bool | None = None
        if upstreams:
            external = service.upstreaming(name)
        page = (found or {}).get(name)
        known = None
        # an index that lists our own files is a mirror of ours: it tells nothing of the public
        if page is not None and page.error is None:
            listed = {(file.file, file.sha256) for file in page.files}
            known = None if listed & ours else frozenset(
                filter(None, (version_of(file.file) for file in page.files))
            )  # fmt: skip
        return judge(
            Name(
                name,
                known,
                external,
                [each.version for each in there if each.upstream is None],
                [each.version for each in there if each.upstream in public],
                versions[name],
            ),
            " and ".join(upstreams) or "a public upstream",
            active=bool(upstreams),
        )

    with ThreadPool(max(1, min(run.transfers, len(names) or 1))) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def check_names(run: Run, versions: Mapping[str, str | None]) -> None:
    """Refuse to release what somebody else's package could take the place of, in the feed itself.

    Args:
        run: The run.
        versions: As `findings` takes it.

    Raises:
        Refused: A feed serves, or takes, a public package of the same name (4), and no `allow`
            excuses it.
        ServiceRefused: A version is one that an upstream has (5).
    """
    feeds = [one for one in run.destinations if isinstance(one, FeedDestination)]
    errors: list[StepError] = []
    for feed in feeds if versions else ():
        try:
            if feed.signed_in() is None:
                continue  # a plan of a pull request signs in nowhere
            found = findings(run, feed, versions, lambda names, f=feed: _pages(run, f, names))  # type: ignore[misc]
        except StepError as error:
            run.warn(
                "upstreams-unproven",
                f"Whether {feed.name} could serve public packages under your names is not known: "
                f"{error.message}",
                cure=error.cure,
            )
            continue
        run.allowances.looked("dependency-confusion", found)
        for name, finding in found.items():
            errors += _said(run, feed, name, finding)
    raise_all(errors)


def check_versions_of_names(run: Run, versions: Collection[tuple[str, str]]) -> None:
    """Ask of each version, also of several of one package, whether a public one could take its
    place.

    Args:
        run: The run.
        versions: Normalised names with versions.

    Raises:
        StepError: As `check_names`.
    """
    left = set(versions)
    while left:
        asked = dict(sorted(left))
        check_names(run, asked)
        left -= set(asked.items())


def _said(run: Run, feed: FeedDestination, name: str, finding: Finding) -> list[StepError]:
    message = f"{feed.name}: {finding.message}"
    match finding.kind:
        case "safe":
            return []
        case "unknown":
            run.warn("upstreams-unproven", message, cure=PLACE)
            return []
        case "upstream-open":
            run.warn(finding.kind, f"{message} {FINDINGS[finding.kind]}", cure=finding.cure)
            return []
        case "version-at-upstream":
            reserved = ServiceRefused(message, code=finding.kind, cure=finding.cure)
            reserved.packages = (name,)
            return [reserved]
        case "dependency-confusion":
            refused = Refused(
                f"{message} {FINDINGS[finding.kind]}", code=finding.kind, cure=finding.cure
            )
            refused.packages = (name,)
            (problem,) = refused.problems()
            excused: Problem = run.allowances.excused(problem, name)
            if excused is problem:
                return [refused]
            run.report.add([excused])
            return []


def _pages(run: Run, feed: FeedDestination, names: Sequence[str]) -> dict[str, Page] | None:
    from wheelstep.ground.public_index import public_indexes, uv_environment
    from wheelstep.ground.uv import default_index

    public = public_indexes(run.environment)
    environment = uv_environment(run.environment, public)
    return public_pages(run, feed.transport, names, public, lambda: default_index(environment))

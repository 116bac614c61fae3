"""Where the definitions are, and where a commit goes: repository, branch, and whose token."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from wheelstep.errors import SettingError
from wheelstep.ground.clock import SystemClock
from wheelstep.ground.credentials import same_organization
from wheelstep.ground.secret import Secret, without_credentials
from wheelstep.hosts.interface import Trigger
from wheelstep.repositories.credentials import is_http
from wheelstep.repositories.hosting import Hosting
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.interface import Repository
from wheelstep.repositories.pulls import PullSettings
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.table import Wish, repository_of
from wheelstep.repositories.urls import remote_urls, rewritten_url
from wheelstep.stages.run import REMOTE, Run

__all__ = ["Place", "place_of", "repository", "source_hosting", "source_remote"]


@dataclass(frozen=True, slots=True)
class Place:
    """A branch of a remote, and who asks it."""

    branch: str
    urls: tuple[str, ...]
    """Where it is read from and pushed to, as git rewrites them; nothing where there is none."""
    token: Secret | None


def repository(run: Run) -> Repository:
    """Return where the commit goes; on a plan that has no branch, what is checked out.

    Raises:
        SettingError: There is no branch to commit to, or what is committed with fits no remote.
        ServiceRefused, ServiceUnavailable: As the remote of another repository says.
    """
    settings, more, mode = run.settings, run.settings.committing, run.settings.commit
    if run.trigger.pull_request:
        mode = "none"  # a fork's token may not even read; what is checked out is what is asked
    elif run.elsewhere and mode not in REMOTE:
        _check_reads_only(run)
        mode = "push"
    place = place_of(run) if mode in REMOTE else None
    if mode in REMOTE and place is None:
        if not run.planning:
            raise SettingError(
                f"{_what(run.trigger)}: there is no branch to commit to.",
                code="no-branch",
                cure="Set `branch`, for instance to main.",
            )
        mode = "none"
    wish = Wish(
        git=run.definition_git if mode in REMOTE else run.git,
        host=run.host.name,
        environment=run.environment,
        branch=place.branch if place else settings.branch,
        remote=_url_elsewhere(run) if run.elsewhere else None,
        token=place.token if place else None,
        given=Identity(*more.author) if more.author else None,
        signs_off=more.sign_off,
        skip_ci=settings.skip_ci,
        way=more.way,
        pull=PullSettings(
            more.branch, more.labels, more.reviewers, more.draft, more.merge, more.work_items
        ),
        sources=run.git if run.elsewhere else None,
        clock=run.clock,
    )
    return repository_of(mode, wish)


def _what(trigger: Trigger) -> str:
    """Return why a run has no branch."""
    if trigger.repository is not None:
        return (
            f"This run was started by another repository, {without_credentials(trigger.repository)}"
            ", than the one that is checked out"
        )
    if trigger.tag:
        return f"This run was started by the tag {trigger.tag}"
    return "The checkout is on no branch (a detached head)"


def _check_reads_only(run: Run) -> None:
    """Refuse to leave the edits of another repository's definitions nowhere.

    Raises:
        SettingError: They would be committed to nothing.
    """
    if run.planning or run.report.command in {"rehearse", "doctor", "connect", "mirror"}:
        return
    raise SettingError(
        f"The definitions are in another repository, and `commit` is {run.settings.commit}: there "
        "is nothing that they could be written to.",
        code="nowhere-to-commit",
        cure="Set `commit` to push or to pull-request.",
    )


def place_of(run: Run) -> Place | None:
    """Return the branch of the remote that is committed to; None where it is not known.

    Raises:
        ServiceRefused, ServiceUnavailable: As the remote of another repository says.
    """
    if run.elsewhere:
        return _elsewhere(run)
    return _of_sources(run, run.settings.branch)


def _of_sources(run: Run, named: str | None) -> Place | None:
    """Return the branch of this repository's remote that the run is of; None where it is not
    known."""
    branch = named or run.trigger.branch
    if run.settings.commit in REMOTE and branch is None and not run.host.is_ci:
        name = run.git.try_("symbolic-ref", "--quiet", "--short", "HEAD")
        branch = name.text.strip() or None
    if branch is None:
        return None
    branch = branch.removeprefix("refs/heads/")
    urls = tuple(remote_urls(run.git, branch))
    return Place(branch, urls, run.settings.repository_token or _job_token(run, urls))


def source_remote(run: Run) -> Remote:
    """Return the remote of the packages' repository.

    Raises:
        SettingError: There is none.
    """
    place = _of_sources(run, None if run.elsewhere else run.settings.branch)
    return Remote(
        run.git,
        name=None,
        branch=place.branch if place else "HEAD",
        user=None,
        token=place.token if place else run.settings.repository_token,
        environment=run.environment,
        wait=300.0,
        clock=run.clock,
    )


def source_hosting(run: Run) -> Hosting:
    """Return what the host of that remote offers.

    Raises:
        SettingError: There is no remote.
    """
    place = _of_sources(run, None if run.elsewhere else run.settings.branch)
    more = run.settings.committing
    wish = Wish(
        git=run.git,
        host=run.host.name,
        environment=run.environment,
        token=place.token if place else run.settings.repository_token,
        given=Identity(*more.author) if more.author else None,
        signs_off=more.sign_off,
        way="auto" if run.elsewhere else more.way,
        clock=run.clock,
    )
    return wish.hosting(source_remote(run))


def _elsewhere(run: Run) -> Place:
    url = _url_elsewhere(run)
    asked = rewritten_url(run.definition_git, url)
    token = run.settings.committing.elsewhere_token or _job_token(run, (asked,))
    branch = run.settings.branch
    if branch is None:
        remote = Remote(
            run.definition_git,
            name=url,
            branch="HEAD",
            user=None,
            token=token,
            environment=run.environment,
            wait=60.0,
            clock=SystemClock(),
            sparing=True,
        )
        branch = remote.main_branch()
    return Place(branch.removeprefix("refs/heads/"), (url,), token)


def _url_elsewhere(run: Run) -> str:
    """Return where the other repository is; a folder is named from this repository's root, and our
    clone of it lies somewhere else."""
    where = run.settings.committing.elsewhere or ""
    is_url = ":" in where.replace("\\", "/").partition("/")[0]
    return where if is_url else os.path.normpath(run.git.directory / where)


def _job_token(run: Run, urls: tuple[str, ...]) -> Secret | None:
    """Return the job's own token, only for the host that it belongs to."""
    token = run.host.job_token()
    return token if token and urls and all(_is_the_jobs(url, run) for url in urls) else None


def _is_the_jobs(url: str, run: Run) -> bool:
    """Tell whether the job's own token belongs to the service at this URL."""
    environment = run.environment
    if run.host.name == "azure":
        collection = environment.get("SYSTEM_COLLECTIONURI") or environment.get(
            "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", ""
        )
        return bool(collection) and same_organization(collection, url)
    if not is_http(url):
        return False
    server, place = urlsplit(environment.get("GITHUB_SERVER_URL", "")), urlsplit(url)
    host = place.netloc.rpartition("@")[2].lower()
    return bool(server.netloc) and (place.scheme, host) == (server.scheme, server.netloc.lower())

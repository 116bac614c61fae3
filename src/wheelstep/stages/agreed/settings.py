"""The settings that decide what a release does, as a plan says them: two that mean the same read
the same, and no secret is among them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.interface import Destination
from wheelstep.ground.connections import Connection
from wheelstep.ground.secret import without_credentials
from wheelstep.repositories.urls import served_url
from wheelstep.settings import Settings
from wheelstep.stages.committing import place_of
from wheelstep.stages.run import Run

__all__ = ["LEFT_OUT", "TOLD_BY", "decided"]

LEFT_OUT: Final[Mapping[str, str]] = {
    "repository": "the place of the checkout on this machine",
    "dist": "a place on this machine",
    "prebuilt": "jobs between the plan and the release may build the wheels",
    "feed-user": "who signs in: a plan needs fewer rights than a release",
    "feed-token": "who signs in",
    "feed-sign-in": "who signs in",
    "service-connection": "who signs in",
    "repository-token": "who signs in",
    "definition-repository-token": "who signs in",
    "connection-token": "a secret; what it changes is among the plan's connections",
    "compare-with": "what the report says",
    "parallel": "how fast",
    "plan": "the plan itself",
    "out": "the plan itself",
    "dry-run": "the plan itself",
}
"""The options that a plan does not hold to, and why."""
TOLD_BY: Final[Mapping[str, str]] = {
    "serve-url": "publish-to",
    "view": "publish-to",
    "connection-target": "connection",
    "connection-category": "connection",
    "connection-auth-type": "connection",
    "connection-user": "connection",
    "connection-expires": "connection",
    "connection-shared": "connection",
}
"""The options that are part of another one's value."""


def decided(run: Run) -> dict[str, Any]:
    """Return the settings that decide what is done, by option; what is no option and decides all
    the same is in capital letters, as the variable that it comes from, or a name of its own.

    Raises:
        StepError: A destination, or Azure's endpoint, is set wrongly.
    """
    settings, more = run.settings, run.settings.committing
    return {
        "packages": _set(settings.packages, _path),
        "exclude": _set(settings.exclude, _path),
        "publish-to": [_destination(one) for one in run.destinations],
        "read-back": settings.read_back,
        "find-links": settings.find_links,
        "definitions": _definitions(settings),
        "pin": settings.pin,
        "keep-ranges": settings.keep_ranges,
        "closure": settings.closure,
        "workspace": _set(map(str, settings.workspaces), str.lower),
        "api-version": settings.api_version,
        "register": settings.register,
        "rehearse": settings.rehearse,
        "platform": settings.platform,
        "commit": settings.commit,
        "commit-with": more.way,
        "branch": _branch(run),
        "commit-message": settings.commit_message,
        "commit-author": f"{more.author[0]} <{more.author[1]}>" if more.author else None,
        "sign-off": more.sign_off,
        "work-items": sorted(set(more.work_items)),
        "skip-ci": settings.skip_ci,
        "pull-request-branch": more.branch,
        "pull-request-title": more.title,
        "pull-request-labels": _set(more.labels),
        "pull-request-reviewers": _set(more.reviewers, str.lower),
        "pull-request-draft": more.draft,
        "auto-merge": more.merge or "off",
        "definition-repository": _url(more.elsewhere),
        "tag": more.tag,
        "github-release": more.release,
        "public-index": "none" if settings.no_public_index else _url(settings.public_index),
        "connection": _connections(settings.connections),
        "allow": _set(f"{one.code} {one.name}" for one in settings.allow),
        "remote": _remote(run),
        "WHEELSTEP_RESOURCE_MANAGER": _azure(run),
    }


def _set(texts: Iterable[str], spelled: Callable[[str], str] = str) -> list[str]:
    return sorted({spelled(text) for text in texts})


def _path(text: str) -> str:
    """Return a folder or glob relative to the root in its one spelling."""
    out, plain = ("!", text[1:]) if text.startswith("!") else ("", text)
    return out + posixpath.normpath(plain.strip().replace("\\", "/"))


def _url(url: str | None) -> str | None:
    """Return a URL without what is secret in it; a folder as it is."""
    if not url:
        return None
    plain = without_credentials(url).rstrip("/")
    scheme, sign, rest = plain.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{sign}{host.lower()}{slash}{path}" if sign else plain


def _destination(one: Destination) -> dict[str, str | None]:
    """Return a destination by its place, whatever it is called and however it is written."""
    inside = isinstance(one, FolderDestination) and "://" not in one.place
    return {
        "kind": one.kind,
        "place": posixpath.normpath(one.place) if inside else _url(one.place),
        "upload": _url(one.upload_url) if type(one) is IndexDestination else None,
        "read at": _url(one.consumer_url),
        "view": (one.view or "").lower() or None if isinstance(one, FeedDestination) else None,
    }


def _definitions(settings: Settings) -> list[str] | dict[str, list[str]] | None:
    if settings.definitions is None:
        return None
    if not settings.read_by:
        return _set(settings.definitions, _path)
    readers = {
        _path(pattern): _set(map(str, those), str.lower) for pattern, those in settings.read_by
    }
    return {pattern: readers.get(pattern, []) for pattern in _set(settings.definitions, _path)}


def _connections(those: Iterable[Connection]) -> list[dict[str, Any]]:
    # a token alone says nothing of a connection, and the job that plans need not have it
    told = (_connection(one) for one in those if replace(one, secret=None) != Connection("", ""))
    return sorted(told, key=str)


def _connection(one: Connection) -> dict[str, Any]:
    return {
        "name": one.name or None,
        "target": _url(one.target),
        "category": one.category,
        "auth-type": one.auth_type,
        "user": one.user,
        "expires": one.expires.isoformat() if one.expires else None,
        "shared": one.shared,
    }


def _branch(run: Run) -> str | None:
    """Return the branch to commit to; None: the other repository's default, or none at all."""
    if run.elsewhere:
        return (run.settings.branch or "").removeprefix("refs/heads/") or None
    place = place_of(run)
    return place.branch if place else None


def _remote(run: Run) -> str | None:
    """Return the repository of the packages on its host; None for one that has no URL."""
    place = None if run.elsewhere else place_of(run)
    served = [served_url(url) for url in place.urls] if place else []
    url = _url(served[-1]) if served else None
    return url.removesuffix(".git") if url else None


def _azure(run: Run) -> str | None:
    """Return which Azure the workspaces are in; None without any."""
    if not run.workspaces and all(one.kind != "workspace" for one in run.destinations):
        return None
    from wheelstep.workspaces.resource_manager import endpoint_of

    return endpoint_of(run.environment)

"""The destinations: can they be reached and read, by whom, and who else can?"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.examine import each_once, unacceptable_version
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.interface import Destination
from wheelstep.destinations.promote import check_view
from wheelstep.destinations.workspace_storage import WorkspaceStorage
from wheelstep.destinations.workspace_ways import AtContainer
from wheelstep.errors import StepError
from wheelstep.ground.checks import Group
from wheelstep.ground.index_page import SEEN, SUPPRESS_SIGN_IN
from wheelstep.ground.inside import is_inside
from wheelstep.ground.proxies import is_below
from wheelstep.model import Check
from wheelstep.stages.doctor.feeds import feed_tasks
from wheelstep.stages.doctor.known import Known, Task
from wheelstep.stages.doctor.mirrors import mirror_tasks
from wheelstep.stages.serving import check_serving, refuse_nameless

__all__ = ["destination_tasks"]

DESTINATIONS: Final = Group("destinations")
ENDS: Final = "The release ends before anything is built."
TIGHT: Final = 1 << 30
"""Bytes of free space below which a folder is told to be short of it."""


def destination_tasks(known: Known) -> Iterator[Task]:
    """Yield what is asked about the destinations."""
    subject = "destinations"
    yield Task(subject, subject, partial(_there, known), "open", ENDS)
    yield Task(subject, subject, partial(_unmade, known), "serve", ENDS)
    yield Task(subject, subject, partial(_served, known), "serve", ENDS)
    yield Task(subject, subject, partial(_versions, known), "accept", ENDS)
    yield Task(subject, subject, partial(_twice, known), "read", ENDS)
    for placed in known.placed:
        if isinstance(placed.destination, StepError):
            continue
        one = placed.destination
        name = _named(one)
        if isinstance(one, FolderDestination):
            yield Task(subject, name, partial(_folder, one), "publish", ENDS)
        if isinstance(one, IndexDestination):
            yield Task(subject, name, partial(_read, known, one), "read", ENDS)
            yield Task(subject, f"{name}: write", partial(_write, one), "publish")
        if isinstance(one, FeedDestination):
            yield from feed_tasks(known, one, name)
            if one.view:
                yield Task(subject, f"{name}: view", partial(_view, one), "read", ENDS)
        if isinstance(one, WorkspaceStorage):
            yield Task(subject, name, partial(_storage, known, one), "read", ENDS)
        if isinstance(one, BlobMirror):
            yield from mirror_tasks(known, one)
        elif one.consumer_url:
            yield Task(subject, f"{name}: open to all", partial(_open, known, one), "publish")


def _named(one: Destination) -> str:
    return f"the {one.kind} {one.name}"


def _there(known: Known) -> Sequence[Check]:
    """Say where there is no destination at all."""
    if known.placed:
        return []
    return [
        DESTINATIONS.fault(
            "destinations",
            "None is set, and on a CI host there is none by default.",
            code="no-destination",
            breaks=ENDS,
            cure="Set `publish-to` to a feed, an index or a folder that outlives the job.",
            exit_code=2,
        )
    ]


def _unmade(known: Known) -> Sequence[Check]:
    """Say which settings mean no destination."""
    return [
        check
        for placed in known.placed
        if isinstance(placed.destination, StepError)
        for check in DESTINATIONS.refused(
            placed.wanted.name or "a destination", placed.destination, ENDS
        )
    ]


def _twice(known: Known) -> Sequence[Check]:
    try:
        each_once(known.run.destinations)
    except StepError as error:
        return DESTINATIONS.refused("destinations", error, ENDS)
    return []


def _versions(known: Known) -> Sequence[Check]:
    """Say which versions a destination does not take."""
    try:
        projects = [one for one in known.projects() if one.name and one.static_version]
    except StepError:
        return []  # said of the packages
    return [
        check
        for one in projects
        for error in unacceptable_version(
            known.run.destinations, one.normalized, one.static_version or ""
        )
        for check in DESTINATIONS.refused(one.name, error, ENDS)
    ]


def _served(known: Known) -> Sequence[Check]:
    """Say what a release would of definitions that nobody else could build."""
    subject, run = "destinations", known.run
    try:
        refuse_nameless(run)
        problem = check_serving(run, known.found().kinds)
    except StepError as error:
        return DESTINATIONS.refused(subject, error, ENDS)
    if problem is None:
        return []
    breaks = "The image build finds no index with the released wheels."
    return [DESTINATIONS.of_problem(subject, problem, breaks)]


def _folder(one: FolderDestination) -> Sequence[Check]:
    """Say whether a folder can be written, and how much room there is."""
    subject, place = _named(one), one.folder
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return [
            DESTINATIONS.fault(
                subject,
                f"{_shown(one, there)} cannot be written by this user.",
                code="machine",
                breaks="No wheel can be published there, and the release ends.",
                cure="Let this user write there, or choose another folder in `publish-to`.",
                exit_code=8,
            )
        ]
    free = shutil.disk_usage(there).free
    room = f"{free / (1 << 30):.1f} GiB are free"
    if free < TIGHT:
        return [
            DESTINATIONS.fault(
                subject,
                f"It can be written, and only {room}.",
                code="disk-low",
                breaks="A release with larger wheels ends with a full disk.",
                cure="Free some disk space, or choose another folder in `publish-to`.",
            )
        ]
    made = "It can be written" if there == place else "It can be made"
    return [DESTINATIONS.ok(subject, f"{made}; {room}.")]


def _shown(one: FolderDestination, there: Path) -> str:
    return one.name if there == one.folder else f"The folder above {one.name}"


def _read(known: Known, one: IndexDestination) -> Sequence[Check]:
    """Say who signs in, and whether the pages of our packages can be read."""
    subject = _named(one)
    try:
        who = one.signed_in()
    except StepError as error:
        return DESTINATIONS.refused(subject, error, ENDS)
    # which ways were looked at before this one, and why they were not taken
    story = f" Before that: {'; '.join(who.passed)}." if who and who.passed else ""
    try:
        listed = one.look(known.to_try())
    except StepError as error:
        error.message += story
        return DESTINATIONS.refused(subject, error, ENDS)
    files = sum(len(files) for files in listed.values())
    signed = "Nobody signs in"
    if who:
        signed = f"Signed in with {who.described(known.run.clock.time())}"
        story += f" {who.note}" if who.note else ""
    if isinstance(one, FeedDestination) and (name := _identity(known, one)):
        signed = f"{signed}, as {name}"
    return [DESTINATIONS.ok(subject, f"{signed}; it can be read ({files} files of ours).{story}")]


def _storage(known: Known, one: WorkspaceStorage) -> Sequence[Check]:
    """Say by which way a workspace's own storage is reached, and what nobody can prove of it."""
    subject = _named(one)
    try:
        way = one.way()
        files = sum(len(files) for files in one.look(known.to_try()).values())
    except StepError as error:
        return DESTINATIONS.refused(subject, error, ENDS)
    how = "straight into its container" if isinstance(way, AtContainer) else "its artifact service"
    return [
        DESTINATIONS.ok(subject, f"It is reached by {how}; it can be listed ({files} files)."),
        DESTINATIONS.unknown(
            f"{subject}: signed URLs",
            "That Azure ML swaps the plain URL of a wheel there for a signed one is documented for "
            "the SDK v1 only.",
            "The image build cannot load the wheel.",
            "The first image build shows it. Where it fails, publish to a feed or a mirror.",
        ),
    ]


def _identity(known: Known, one: FeedDestination) -> str | None:
    """Return the name of whoever is signed in at Azure DevOps, where it says (REST
    `_apis/connectionData`, as its own clients ask for it)."""
    place = f"{one.address.collection[0]}_apis/connectionData"
    try:
        response = known.transport.request(
            "GET",
            place,
            credentials=one.credentials_for(place),
            headers=SUPPRESS_SIGN_IN,
            accept_statuses=SEEN,
        )
        user = json.loads(response.body).get("authenticatedUser") or {}
        name = user.get("customDisplayName") or user.get("providerDisplayName")
    except (StepError, ValueError, AttributeError, RecursionError):
        return None
    return name if isinstance(name, str) else None


def _write(one: IndexDestination) -> Sequence[Check]:
    """Say what is known of the right to publish: no service tells it without a try."""
    who = one.signed_in()
    if who is None:
        cure = "Set `feed-token`, unless whoever reaches it may upload."
    else:
        cure = one.reader().right_cure
    return [
        DESTINATIONS.unknown(
            f"{_named(one)}: write",
            "Whether it takes wheels from whoever signs in shows only when one is published.",
            "The release ends after everything is built and rehearsed; nothing is lost.",
            cure,
        )
    ]


def _view(one: FeedDestination) -> Sequence[Check]:
    """Say whether the view is there, and what is known of the right to promote: a feed does not
    tell it without a try."""
    subject = f"{_named(one)}: view"
    try:
        check_view(one)
    except StepError as error:
        return DESTINATIONS.refused(subject, error, ENDS)
    return [
        DESTINATIONS.ok(subject, f"The view {one.view} is there."),
        DESTINATIONS.unknown(
            f"{_named(one)}: promote",
            "Whether whoever signs in may promote shows only when something is promoted.",
            "The release ends after publishing, before the definitions are committed; run again, "
            "it goes on from there.",
            one.reader().right_cure,
        ),
    ]


def _open(known: Known, one: Destination) -> Sequence[Check]:
    """Say whether whoever reaches it can read it without signing in."""
    subject, url = f"{_named(one)}: open to all", one.consumer_url or ""
    breaks = "Whoever reaches the host can download your packages."
    match known.opened(url):
        case "closed":
            return [DESTINATIONS.ok(subject, "No: it asks for credentials.")]
        case "neither":
            message = "What it answers to somebody who does not sign in says neither."
            return [DESTINATIONS.unknown(subject, message, breaks)]
        case "open":
            pass
    host = urlsplit(url).hostname or ""
    if is_inside(host):
        return [
            DESTINATIONS.ok(subject, f"Yes, to whoever reaches {host}, which is no public name.")
        ]
    meant = [
        each
        for each in known.run.settings.connections
        if each.auth_type == "None" and is_below(url, each.target)
    ]
    if meant:
        return [DESTINATIONS.ok(subject, "Yes, and a connection without credentials says so.")]
    return [
        DESTINATIONS.fault(
            subject,
            f"Yes: {url} can be read without signing in, and {host} is a public name.",
            code="index-open",
            breaks=breaks,
            cure="Let it ask for credentials, or let a firewall keep others out; if it is meant to "
            'be public, say so with a connection of `connection-auth-type = "none"`.',
        )
    ]

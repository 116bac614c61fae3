"""Who may do what at the Azure-Artifacts-shaped stand-in, and what a REST call is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.servers.feed_state import FeedServer, Scope, Stored

__all__ = ["Asked", "Call", "RestAnswer", "no", "not_allowed", "unknown"]

FEED_PATH = re.compile(
    r"/(?P<organization>[^/]+)(?:/(?P<project>[^/]+))?/_apis/packaging/feeds/(?P<feed>[^/]+)"
    r"(?P<rest>/.*)?",
    re.IGNORECASE,
)
Refused = tuple[int, str, str]
"""Status, typeKey, message."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    token: str | None
    areas: tuple[str, ...]
    """What the host that was asked has."""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(urlsplit(self.target).query).items()}

    @property
    def feed_path(self) -> re.Match[str] | None:
        return FEED_PATH.fullmatch(self.path)

    @property
    def is_rest(self) -> bool:
        return "/_apis" in self.path.lower()

    @property
    def has_version(self) -> bool:
        return "api-version" in self.query or "api-version=" in self.headers.get("Accept", "")

    def said(self) -> dict[str, Any]:
        """The body, {} when it is no JSON object."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """What is answered."""

    status: int = 200
    value: Any = None
    refused: tuple[str, str] | None = None


def no(status: int, key: str, message: str) -> RestAnswer:
    return RestAnswer(status, refused=(key, message))


def unknown(state: FeedServer, token: str | None) -> Refused:
    if token == state.expired_token:
        text = "Access Denied: The Personal Access Token used has expired."
    elif token == state.foreign_token:
        text = "TF400813: The user 'c8bb7a3c-1111-4000-8000-000000000001' is not authorized to "
        text += "access this resource."
    else:
        text = "TF400813: The user '' is not authorized to access this resource."
    return 401, "UnauthorizedRequestException", text


def not_allowed(  # noqa: PLR0911 - one return for each rule
    state: FeedServer,
    token: str | None,
    place: tuple[str, str | None, str],
    right: str,
    scope: Scope | None = None,
) -> Refused | None:
    """Why somebody may not do this there; None: they may.

    Args:
        state: The feed.
        token: As it came.
        place: Organization, project and feed, as in the path.
        right: What is needed at the feed.
        scope: What the token has to be made for; None: by the right.
    """
    organization, project, feed = place
    who = state.access(token)
    needed = scope or ("read" if right == "ReadPackages" else "write")
    if who is None:
        return unknown(state, token)
    if organization.lower() != state.organization:
        return 404, "HostNotFoundException", "The organization does not exist."
    if state.project and project and project not in {state.project, state.project_id}:
        text = (
            f"TF200016: The following project does not exist: {project}. Verify that the name of "
            "the project is correct and that the project exists on the specified Azure DevOps "
            "Server."
        )
        return 404, "ProjectDoesNotExistWithNameException", text
    if feed.lower() not in {state.feed.lower(), state.feed_id} or bool(project) != bool(
        state.project
    ):
        return 404, "FeedIdNotFoundException", f"The feed with ID '{feed}' doesn't exist."
    if not who.covers(needed):
        # of a token that is made for less (pulumi-azuredevops #68, vsts-rest-api-specs #441)
        return (
            401,
            "UnauthorizedRequestException",
            f"TF400813: The user '{who.identity}' is not authorized to access this resource.",
        )
    if not who.may(right):
        identity = f"Microsoft.TeamFoundation.ServiceIdentity;{who.identity}"
        text = (
            f"User '{identity}' lacks permission to complete this action. You need to have "
            f"'{right}'."
        )
        return 403, "FeedNeedsPermissionsException", text
    return None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is allowed."""

    state: FeedServer
    asked: Asked
    parts: tuple[str, ...]
    """What the route's groups matched."""

    def named(self) -> list[Stored]:
        """The files of the version that is named."""
        name, version = canonicalize_name(self.parts[0]), self.parts[1]
        return [s for s in self.state.files.values() if (s.name, s.version) == (name, version)]

    def key(self) -> tuple[str, str]:
        return canonicalize_name(self.parts[0]), self.parts[1]

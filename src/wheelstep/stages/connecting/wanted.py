"""The connections that the settings want: with a name and a target each, and a fitting token."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from wheelstep.destinations.index import IndexDestination
from wheelstep.errors import SettingError, raise_all
from wheelstep.ground.connections import Connection
from wheelstep.ground.credentials import GITHUB_TOKEN, organization_of
from wheelstep.ground.secret import Secret
from wheelstep.rehearsal.credentials_in_effect import usual_target
from wheelstep.stages.run import Run
from wheelstep.workspaces.neighbours import SOON

__all__ = [
    "check_tokens",
    "first_index",
    "is_stored",
    "private_indexes",
    "to_store",
    "wanted_connections",
]

PASSING: Final = re.compile(r"gh[su]_\w+")
"""Tokens of a GitHub App (`ghs_`: one hour, the job's own among them; `ghu_`: eight)."""


def wanted_connections(run: Run, *, default: bool = False) -> tuple[Connection, ...]:
    """Return the connections of the settings, with a name and a target each.

    Args:
        run: The run.
        default: Whether, without any, there is the one that the first destination needs.

    Raises:
        SettingError: There is no destination that a target could be made from; two have one name.
    """
    given = run.settings.connections or ((Connection("", ""),) if default else ())
    found = tuple(_whole(run, one) for one in given)
    seen: dict[str, Connection] = {}
    for one in found:
        if other := seen.get(one.name.lower()):
            raise SettingError(
                f"Two connections would have the name {one.name}: for {other.target} and for "
                f"{one.target}.",
                code="connection-twice",
                cure="Give each a `name` in the settings.",
            )
        seen[one.name.lower()] = one
    return found


def _whole(run: Run, connection: Connection) -> Connection:
    target = connection.target
    if not target:
        named = [url for each in run.destinations if (url := each.consumer_url)]
        if not named:
            raise SettingError(
                "A connection is set without its target, and no destination has a URL from which "
                "it could be made.",
                code="connection-target-missing",
                cure="Set `connection-target` to the base URL that the workspace's connection has.",
            )
        target = usual_target(named[0])
    return dataclasses.replace(connection, target=target, name=connection.name or _name_of(target))


def _name_of(target: str) -> str:
    """Return a name that a connection can have: 3 to 33 characters."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", target.partition("://")[2]).strip("-")[:33].strip("-")
    return name if len(name) > 2 else f"feed-{name}"  # noqa: PLR2004 - the least there may be


def is_stored(connection: Connection) -> bool:
    """Tell whether a connection is to be written: it has a secret, or is to have none. Others are
    only looked at."""
    return connection.secret is not None or connection.auth_type == "None"


def to_store(run: Run) -> list[Connection]:
    """Return the connections of the settings that a release writes, where there are workspaces.

    Raises:
        SettingError: As `wanted_connections`.
    """
    return [one for one in wanted_connections(run) if is_stored(one)]


def check_tokens(run: Run, connections: Sequence[Connection]) -> None:
    """Refuse tokens that would be dead before the next image build; warn of those that can do more
    than they need, or end soon. No service is asked.

    Raises:
        SettingError: A JWT, a token of a GitHub App, one that expired; GitHub's for a feed.
    """
    raise_all([error for one in connections if (error := _unfit(one))])
    publishing = _publishing(run)
    now = run.now()
    for one in connections:
        if one.secret is None:
            continue
        if one.secret in publishing:
            run.warn(
                "connection-token-publishes",
                f"The connection {one.name} gets the token with which this step publishes: "
                "everybody who may use the connection could publish with it.",
                cure="Make a token of its own for it, with Packaging: Read only.",
            )
        if not _is_encrypted(one.target):
            run.warn(
                "connection-not-encrypted",
                f"The target {one.target} of the connection {one.name} has no https: who is on the "
                "way can read the token.",
                cure="Use https.",
            )
        if one.expires is None:
            continue  # perhaps the workspace knows: store.py
        if one.expires <= now:
            raise SettingError(
                f"The token of the connection {one.name} expired on {one.expires:%Y-%m-%d}, as "
                "`connection-expires` says.",
                code="connection-expired",
                cure=f"Make a new token, set it as {one.source}, and write its day.",
            )
        if one.expires <= now + SOON:
            run.warn(
                "connection-expires-soon",
                f"The token of the connection {one.name} expires on {one.expires:%Y-%m-%d}: from "
                "then on image builds are refused.",
                cure="Make a new token, set `connection-expires`, and run `wheelstep connect "
                "--rotate`.",
            )


def _is_encrypted(target: str) -> bool:
    parts = urlsplit(target)
    return parts.scheme.lower() == "https" or parts.hostname in {"127.0.0.1", "::1", "localhost"}


def _unfit(connection: Connection) -> SettingError | None:
    if connection.secret is None:
        return None
    token = connection.secret.reveal()  # looked at, sent nowhere
    who = f"The token of the connection {connection.name} (from {connection.source})"
    if _is_jwt(token):
        return SettingError(
            f"{who} is a JSON web token, as Entra ID and pipeline jobs have them: it is dead "
            "within hours, and image builds happen later.",
            code="token-short-lived",
            cure="Make a personal access token with Packaging: Read (for git: Code: Read), and "
            "hand that over.",
        )
    if PASSING.fullmatch(token):
        return SettingError(
            f"{who} is one of a GitHub App, the job's own perhaps: it is dead within hours, and "
            "image builds happen later.",
            code="token-short-lived",
            cure="Make a fine-grained personal access token with Contents: Read-only.",
        )
    if GITHUB_TOKEN.match(token) and organization_of(connection.target) is not None:
        return SettingError(
            f"{who} is one of GitHub's; it is not sent to {connection.target}, which could not "
            "use it.",
            code="feed-token-foreign",
            cure="Make a personal access token in Azure DevOps, with Packaging: Read.",
        )
    return None


def _is_jwt(token: str) -> bool:
    """Tell whether a token has the form of RFC 7519: a header in JSON that names its algorithm."""
    head, *rest = token.split(".")
    if len(rest) != 2 or not all(rest) or not re.fullmatch(r"[A-Za-z0-9_-]+", head):  # noqa: PLR2004
        return False
    try:
        document = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return False
    return isinstance(document, dict) and "alg" in document


def _publishing(run: Run) -> set[Secret]:
    """Return the secrets that this step publishes with, as far as the settings have them."""
    found: set[Secret] = {one.token for one in run.settings.publish_to if one.token is not None}
    token = run.host.job_token()
    return found | ({token} if token is not None else set())


def private_indexes(run: Run) -> Iterable[str]:
    """Return the URLs at which definitions read what this step publishes, over the network."""
    return [
        url
        for each in run.destinations
        if isinstance(each, IndexDestination) and (url := each.consumer_url)
    ]


def first_index(run: Run) -> str | None:
    """Return the index that a release asks the workspaces' connections for; None where definitions
    read no index over the network."""
    return next(iter(private_indexes(run)), None)

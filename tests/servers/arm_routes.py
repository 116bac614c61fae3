"""Finds what a path means to Azure Resource Manager, and refuses in ARM's order: the api-version,
the subscription, the right, the group, the resource."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from tests.servers import arm_answers as says
from tests.servers.arm_answers import Reply
from tests.servers.arm_specs import VERSIONS
from tests.servers.arm_state import GROUP, SUBSCRIPTION, TENANT, Document, Workspace
from tests.servers.arm_workspace import ROUTES, Call

GUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
EVERYTHING = ("*",)


@dataclass(frozen=True)
class Place:
    """A path, taken apart."""

    path: str
    subscription: str
    group: str | None
    space: str
    """The namespace, e.g. "Microsoft.Storage"; "Microsoft.Resources" where the path has none."""
    types: tuple[str, ...]
    names: tuple[str, ...]
    action: str | None
    """What is posted to, e.g. "listsecrets"."""

    @classmethod
    def of(cls, method: str, path: str) -> Place | None:
        """None: no path of a subscription."""
        scope, _, extension = path.rpartition("/providers/Microsoft.Authorization/")
        if scope:
            inner = cls.of("GET", scope)
            return inner and cls(
                scope, inner.subscription, inner.group, "Microsoft.Authorization",
                (extension,), (), None,
            )  # fmt: skip
        parts = [unquote(part) for part in path.strip("/").split("/")]
        fixed = [part.lower() for part in parts]
        if fixed[0] != "subscriptions" or len(parts) < 2:
            return None
        group = parts[3] if len(parts) > 3 and fixed[2] == "resourcegroups" else None
        at = 4 if group else 2
        if len(parts) == at:
            kind = "resourceGroups" if group else "subscriptions"
            name = group or parts[1]
            return cls(path, parts[1], group, "Microsoft.Resources", (kind,), (name,), None)
        if fixed[at] != "providers" or len(parts) < at + 3:
            return None
        rest = parts[at + 2 :]
        action = rest.pop() if method == "POST" and len(rest) % 2 else None
        return cls(
            path, parts[1], group, parts[at + 1], tuple(rest[::2]), tuple(rest[1::2]), action
        )

    @property
    def kind(self) -> str:
        return "/".join(self.types)

    def right(self, method: str) -> str:
        """The action that a request needs."""
        verb = f"{self.action}/action" if self.action else VERBS.get(method, method)
        return f"{self.space}/{self.kind}/{verb}"


@dataclass
class Holdings:
    """Subscriptions, groups, resources, and who may do what."""

    subscriptions: dict[str, str] = field(default_factory=lambda: {SUBSCRIPTION: TENANT})
    """Id to tenant."""
    groups: set[tuple[str, str]] = field(default_factory=lambda: {(SUBSCRIPTION, GROUP)})
    """(subscription, group), in lower case."""
    resources: dict[str, Document] = field(default_factory=dict)
    """By id in lower case; everything but workspaces."""
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    """By id in lower case."""
    granted: Sequence[str] = EVERYTHING
    """Actions that the identity has, with `*`."""
    denied: list[tuple[str, str]] = field(default_factory=list)
    """(action, id or pattern of ids), both with `*`."""
    page: int = 3

    def may(self, action: str, scope: str) -> bool:
        return any(_fits(action, one) for one in self.granted) and not any(
            _fits(action, what) and _fits(scope, where) for what, where in self.denied
        )

    def permissions(self, scope: str) -> Document:
        """As "Permissions - List For Resource" gives them."""
        denied = [what for what, where in self.denied if _fits(scope, where)]
        return {
            "value": [
                {
                    "actions": list(self.granted),
                    "notActions": denied,
                    "dataActions": [],
                    "notDataActions": [],
                }
            ]
        }


def _fits(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), pattern.lower())


def version_refused(place: Place, query: Mapping[str, str]) -> Reply | None:
    """ARM's refusal of an api-version that is missing, no date, or none of the namespace's."""
    version = query.get("api-version", "")
    if not version:
        return says.version_missing()
    known = VERSIONS.get(place.space.lower())
    if known is None:
        return says.refused(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{place.space}' is invalid.",
        )
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(-\w+)?", version):
        return says.version_invalid(version, known)
    return None if version in known else says.version_unknown(version, place.kind, known)


def subscription_refused(held: Holdings, place: Place) -> Reply | None:
    if not GUID.fullmatch(place.subscription):
        return says.subscription_malformed(place.subscription)
    if place.subscription.lower() not in held.subscriptions:
        return says.subscription_not_found(place.subscription)
    return None


@dataclass(frozen=True)
class Ask:
    """A request of somebody who is signed in, at a version that is known."""

    place: Place
    method: str
    url: str
    """Absolute, with query."""
    body: bytes
    who: tuple[str, str]
    """The client's name and object id, for refusals."""

    @property
    def owner(self) -> str:
        """The id of the resource that is no part of another, e.g. the workspace's."""
        return "/".join(self.place.path.split("/")[:9])


def answer(held: Holdings, ask: Ask) -> Reply:
    """What is there."""
    place = ask.place
    if (refusal := _refusal(held, ask)) is not None:
        return refusal
    if place.space in {"Microsoft.Authorization", "Microsoft.Resources"}:
        plain = {"id": place.path, "name": place.names[-1] if place.names else "", "properties": {}}
        rights = place.space == "Microsoft.Authorization"
        return Reply(200, held.permissions(place.path) if rights else plain)
    if ask.owner.lower() in held.workspaces and len(place.types) > 1:
        return _below_a_workspace(held, ask)
    if ask.method != "GET":
        return says.refused(405, "HttpMethodNotAllowed", f"{ask.method} is not supported here.")
    return _list(held, place) if len(place.types) > len(place.names) else _one(held, place)


def _refusal(held: Holdings, ask: Ask) -> Reply | None:
    place = ask.place
    right = place.right(ask.method)
    if not held.may(right, place.path):
        return says.forbidden(*ask.who, right, place.path)
    if place.group and (place.subscription.lower(), place.group.lower()) not in held.groups:
        return says.group_not_found(place.group)
    if len(place.types) == 1 or ask.owner.lower() in held.workspaces | held.resources:
        return None
    if ask.method == "GET":
        kind = f"{place.space}/{place.types[0]}"
        return says.resource_not_found(kind, place.names[0], place.group or "")
    return says.parent_not_found(right.rpartition("/")[2], place.kind, ask.owner)


def _one(held: Holdings, place: Place) -> Reply:
    found = held.workspaces.get(place.path.lower())
    document = found.document if found else held.resources.get(place.path.lower())
    if document is not None:
        return Reply(200, document)
    name = "/".join(place.names)
    return says.resource_not_found(f"{place.space}/{place.kind}", name, place.group or "")


def _list(held: Holdings, place: Place) -> Reply:
    """All resources of a type in a group or a subscription."""
    everything = [one.document for one in held.workspaces.values()] + list(held.resources.values())
    scope = place.path.lower().partition("/providers/")[0]
    kind = f"{place.space}/{place.kind}".lower()
    found = [
        one for one in everything
        if str(one["type"]).lower() == kind and str(one["id"]).lower().startswith(f"{scope}/")
    ]  # fmt: skip
    return Reply(200, {"value": found})


def _below_a_workspace(held: Holdings, ask: Ask) -> Reply:
    place = ask.place
    types, names = place.types[1:], place.names[1:]
    form = "/".join(f"{kind.lower()}/*" for kind in types[: len(names)])
    if len(types) > len(names):
        form = f"{form}/{types[-1].lower()}".lstrip("/")
    if place.action:
        form = f"{form}/{place.action.lower()}"
    handler = ROUTES.get((ask.method, form))
    if handler is None:
        return says.refused(
            404,
            "InvalidResourceType",
            f"The resource type '{place.kind}' could not be found in the namespace "
            f"'{place.space}'.",
        )
    try:
        given = json.loads(ask.body) if ask.body else None
    except ValueError:
        return says.refused(400, "InvalidRequestContent", "The request content was invalid.")
    query = dict(parse_qsl(ask.url.partition("?")[2], keep_blank_values=True))
    workspace = held.workspaces[ask.owner.lower()]
    return handler(Call(workspace, ask.method, names, query, given, ask.url, held.page))

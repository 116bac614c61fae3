"""The REST calls of the Azure-Artifacts-shaped stand-in, one function each.

Bodies and answers are those of the published descriptions (7.1, held against them by
tests/destinations/test_feed_specs.py).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from tests.servers.feed_access import Call, RestAnswer, no
from tests.servers.feed_state import FeedServer, Scope

__all__ = ["ROUTES", "CallRoute"]


@dataclass(frozen=True, slots=True)
class CallRoute:
    method: str
    path: re.Pattern[str]
    area: str
    right: str
    scope: Scope
    do: Callable[[Call], RestAnswer] = field(repr=False)


# -- the feed


def _guid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def _feed(call: Call) -> RestAnswer:
    state = call.state
    upstreams = [("PyPI", "public")] if state.public_upstream else []
    upstreams += [(name, "internal") for name in state.internal_upstreams]
    sources = [
        {"id": _guid(f"upstream {name}"), "name": name, "protocol": "PyPI",
         "location": f"https://upstream.example/{name}", "upstreamSourceType": kind,
         "status": "ok"}
        for name, kind in upstreams
    ]  # fmt: skip
    enabled = bool(sources)
    if call.asked.query.get("includeDeletedUpstreams", "").lower() == "true":
        sources += [
            {"id": _guid(f"upstream {name}"), "name": name, "protocol": "PyPI",
             "location": f"https://upstream.example/{name}", "upstreamSourceType": "public",
             "status": "ok", "deletedDate": "2026-02-03T04:05:06Z"}
            for name in state.removed_upstreams
        ]  # fmt: skip
    return RestAnswer(
        value={
            "id": state.feed_id,
            "name": state.feed,
            "upstreamEnabled": enabled,
            "upstreamSources": sources,
        }
    )


def _view(name: str) -> dict[str, str]:
    kind = "implicit" if name == "Local" else "release"
    return {"id": _guid(f"view {name}"), "name": name, "type": kind, "visibility": "collection"}


def _views(call: Call) -> RestAnswer:
    listed = [_view(name) for name in call.state.views]
    if call.parts and call.parts[0]:
        wanted = _view_named(call.state, call.parts[0])
        if wanted is None:
            return _no_view(call.parts[0])
        return RestAnswer(value=_view(wanted))
    return RestAnswer(value={"count": len(listed), "value": listed})


def _view_named(state: FeedServer, view: str) -> str | None:
    """The view with this name or id."""
    return next(
        (v for v in state.views if view.lower() in {v.lower(), _guid(f"view {v}")}), None
    )  # fmt: skip


def _no_view(view: str) -> RestAnswer:
    return no(404, "FeedViewNotFoundException", f"The view with ID '{view}' doesn't exist.")


def _retention(call: Call) -> RestAnswer:
    kept = call.state.retention
    return RestAnswer(200, dict(kept)) if kept else RestAnswer(204)


def _permissions(call: Call) -> RestAnswer:
    state = call.state
    tokens = (state.read_only_token, state.token, state.job_token, state.owner_token)
    listed = [
        {"displayName": who.name, "identityId": who.identity, "role": who.role}
        for token in tokens
        if (who := state.access(token)) is not None
    ]
    return RestAnswer(value={"count": len(listed), "value": listed})


def _packages(call: Call) -> RestAnswer:
    state, query = call.state, call.asked.query
    wanted = query.get("normalizedPackageName", "").lower()
    part = query.get("packageNameQuery", "").lower()
    protocol = query.get("protocolType", "pypi").lower()
    every = query.get("includeAllVersions", "").lower() == "true"
    deleted = query.get("includeDeleted", "").lower() == "true"
    names = {stored.name for stored in state.files.values()} | (
        {name for name, _ in state.deleted | state.recycled} if deleted else set()
    )
    listed = []
    for name in sorted(names):
        if protocol != "pypi" or (wanted and name != wanted) or part not in name:
            continue
        versions = _versions(state, name, deleted=deleted)
        listed.append(
            {
                "id": _guid(f"package {name}"),
                "name": name,
                "normalizedName": name,
                "protocolType": "PyPi",
                "versions": versions if every else versions[-1:],
            }
        )
    return RestAnswer(value={"count": len(listed), "value": listed})


def _versions(state: FeedServer, name: str, *, deleted: bool) -> list[dict[str, Any]]:
    files = {s.version: s for s in state.files.values() if s.name == name}
    gone = {v for n, v in state.deleted | state.recycled if n == name} if deleted else set()
    listed: list[dict[str, Any]] = []
    for version in sorted({*files, *gone}):
        stored = files.get(version)
        one: dict[str, Any] = {
            "id": _guid(f"version {name} {version}"),
            "version": version,
            "normalizedVersion": version,
            "isDeleted": stored is None,
            "isLatest": False,
            "publishDate": stored.published if stored else "2026-01-02T03:04:05Z",
            "views": [
                _view(view)
                for view in state.views
                if stored and (view == "Local" or view.lower() in stored.views)
            ],
        }
        if stored and stored.source:
            one["directUpstreamSourceId"] = _guid(f"upstream {stored.source}")
        listed.append(one)
    return listed


def _package(call: Call) -> RestAnswer:
    for name in sorted({stored.name for stored in call.state.files.values()}):
        if call.parts[0].lower() == _guid(f"package {name}"):
            versions = _versions(call.state, name, deleted=False)
            if call.parts[1]:
                return RestAnswer(value={"count": len(versions), "value": versions})
            return RestAnswer(
                value={"id": call.parts[0], "name": name, "normalizedName": name,
                       "protocolType": "PyPi", "versions": versions[-1:]}
            )  # fmt: skip
    return _no_package(call.parts[0])


def _no_package(name: str, version: str = "") -> RestAnswer:
    return no(404, "PackageNotFoundException", f"Cannot find the package '{name} {version}'.")


# -- Python packages


def _version(call: Call) -> RestAnswer:
    name, version = call.key()
    found: dict[str, Any] = {"id": _guid(f"version {name} {version}"), "name": name,
                             "version": version, "sourceChain": []}  # fmt: skip
    if files := call.named():
        if files[0].source:
            public = call.state.public_upstream and files[0].source == "PyPI"
            found["sourceChain"] = [
                {"id": _guid(f"upstream {files[0].source}"), "name": files[0].source,
                 "location": f"https://upstream.example/{files[0].source}",
                 "sourceType": "public" if public else "internal"}
            ]  # fmt: skip
        return RestAnswer(value=found)
    if call.asked.query.get("showDeleted", "").lower() == "true":
        gone = call.state.deleted | call.state.recycled
        if (name, version) in gone:
            found["deletedDate"] = "2026-02-03T04:05:06Z"
            if (name, version) not in call.state.recycled:
                found["permanentlyDeletedDate"] = "2026-03-05T04:05:06Z"
            return RestAnswer(value=found)
    return _no_package(name, version)


def _promote(call: Call) -> RestAnswer:
    operation = call.asked.said().get("views") or {}
    if (operation.get("op"), operation.get("path")) != ("add", "/views/-"):
        return no(400, "InvalidOperation", "Views can only be added, at /views/-.")
    view = _view_named(call.state, str(operation.get("value")))
    if view is None:
        return _no_view(str(operation.get("value")))
    files = call.named()
    if not files:
        return _no_package(*call.key())
    for stored in files:
        stored.views.add(view.lower())
    return RestAnswer(200)


def _batch(call: Call) -> RestAnswer:
    if call.state.batch_refused:
        who = call.state.access(call.asked.token)
        return no(
            403,
            "FeedNeedsPermissionsException",
            f"User '{who.identity if who else ''}' lacks permission to complete this action. You "
            "need to have 'UpdatePackage'.",
        )
    said = call.asked.said()
    packages = [(str(p.get("id")), str(p.get("version"))) for p in said.get("packages") or ()]
    if not packages:
        return no(400, "InvalidOperation", "The batch names no packages.")
    if str(said.get("operation")).lower() != "promote":
        return no(400, "InvalidOperation", "The stand-in's batches promote only.")
    named = str((said.get("data") or {}).get("viewId"))
    view = _view_named(call.state, named)
    if view is None:
        return _no_view(named)
    for package in packages:  # not atomic: what comes before the one that is missing is promoted
        files = Call(call.state, call.asked, package).named()
        if not files:
            return _no_package(*package)
        for stored in files:
            stored.views.add(view.lower())
    return RestAnswer(200)


def _delete(call: Call) -> RestAnswer:
    files = call.named()
    if not files:
        return _no_package(*call.key())
    for stored in files:
        del call.state.files[stored.file]
    call.state.deleted.add(call.key())
    call.state.recycled.add(call.key())
    name, version = call.key()
    return RestAnswer(value={"name": name, "version": version})


def _recycled(call: Call) -> RestAnswer:
    name, version = call.key()
    if call.key() not in call.state.recycled:
        return _no_package(name, version)
    when = "2026-02-03T04:05:06Z"
    return RestAnswer(value={"name": name, "version": version, "deletedDate": when})


def _upstreaming(call: Call) -> RestAnswer:
    name = canonicalize_name(call.parts[0])
    allowed = name in call.state.external_versions
    return RestAnswer(
        value={"versionsFromExternalUpstreams": "allowExternalVersions" if allowed else "auto"}
    )


def _set_upstreaming(call: Call) -> RestAnswer:
    name = canonicalize_name(call.parts[0])
    wanted = str(call.asked.said().get("versionsFromExternalUpstreams", "")).lower()
    if wanted == "allowexternalversions":
        call.state.external_versions.add(name)
    else:
        call.state.external_versions.discard(name)
    return RestAnswer(200)


def _content(call: Call) -> RestAnswer:
    stored = next((s for s in call.named() if s.file == call.parts[2]), None)
    return RestAnswer(200, stored.content) if stored else _no_package(*call.key())


def _routes() -> list[CallRoute]:
    version = r"/pypi/packages/([^/]+)/versions/([^/]+)"
    recycle_bin = r"/pypi/recyclebin/packages/([^/]+)/versions/([^/]+)"
    read = ("ReadPackages", "read")
    table: list[tuple[str, str, str, tuple[str, str], Callable[[Call], RestAnswer]]] = [
        ("GET", "", "Packaging", read, _feed),
        ("GET", r"/views(?:/([^/]+))?", "Packaging", read, _views),
        ("GET", "/retentionpolicies", "Packaging", read, _retention),
        ("GET", "/permissions", "Packaging", read, _permissions),
        ("GET", "/packages", "Packaging", read, _packages),
        ("GET", r"/packages/([^/]+)(/versions)?", "Packaging", read, _package),
        ("GET", version, "pypi", read, _version),
        ("PATCH", version, "pypi", ("UpdatePackage", "manage"), _promote),
        ("DELETE", version, "pypi", ("DeletePackage", "manage"), _delete),
        ("GET", version + r"/([^/]+)/content", "pypi", read, _content),
        ("POST", "/pypi/packagesbatch", "pypi", ("UpdatePackage", "write"), _batch),
        ("GET", recycle_bin, "pypi", read, _recycled),
        ("GET", r"/pypi/packages/([^/]+)/upstreaming", "pypi", read, _upstreaming),
        ("PATCH", r"/pypi/packages/([^/]+)/upstreaming", "pypi", ("AdministerFeed", "manage"),
         _set_upstreaming),
    ]  # fmt: skip
    return [
        CallRoute(method, re.compile(path, re.IGNORECASE), area, right, scope, do)  # type: ignore[arg-type]
        for method, path, area, (right, scope), do in table
    ]


ROUTES = _routes()

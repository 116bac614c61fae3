"""What the Azure-Artifacts-shaped stand-in knows: its rules, its files, the requests that came."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

__all__ = ["Access", "Fault", "FeedServer", "Recorded", "Route", "Scope", "Stored"]

Route = Literal["upload", "simple", "download", "api", "host"]
"""`api` are the REST calls for a feed, `host` those that find out what there is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request."""

    kind: Literal["status", "drop", "truncate", "late"]
    """Answer with `status`; close the connection without an answer; do what is asked and send half
    the answer; answer after the client has given up."""
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    store: bool = False
    """What is asked is done before the fault: the lost reply."""

    @property
    def before(self) -> bool:
        """What is asked is not done."""
        return not self.store and self.kind != "truncate"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that came."""

    method: str
    path: str
    user: str | None
    password: str | None
    agent: str
    host: str
    sign_in_page: bool
    """The service would answer a token that it does not know with a page, not with a 401."""


Scope = Literal["read", "write", "manage"]
"""What a token may be used for: vso.packaging, vso.packaging_write, vso.packaging_manage."""
SCOPES: tuple[Scope, ...] = ("read", "write", "manage")
RIGHTS = {
    "none": (),
    "reader": ("ReadPackages",),
    "collaborator": ("ReadPackages", "AddUpstreamPackage"),
    "contributor": ("ReadPackages", "AddUpstreamPackage", "AddPackage", "UpdatePackage",
                    "DeletePackage"),
    "administrator": ("ReadPackages", "AddUpstreamPackage", "AddPackage", "UpdatePackage",
                      "DeletePackage", "EditFeed", "AdministerFeed"),
}  # fmt: skip
"""By the role of a feed (REST reference, FeedRole)."""


@dataclass(frozen=True, slots=True)
class Access:
    """Whom a token stands for."""

    name: str
    identity: str
    """A GUID."""
    role: str
    scope: Scope

    def may(self, right: str) -> bool:
        return right in RIGHTS[self.role]

    def covers(self, scope: Scope) -> bool:
        return SCOPES.index(scope) <= SCOPES.index(self.scope)


@dataclass(slots=True)
class Stored:
    """A file in the feed."""

    name: str
    """Normalised as PEP 503 has it."""
    version: str
    file: str
    content: bytes
    requires_python: str | None
    hidden_for: int
    """So many reads of its simple page do not show it yet."""
    views: set[str] = field(default_factory=set)
    """In lower case."""
    source: str | None = None
    """The upstream it was saved from."""
    published: str = "2026-01-02T03:04:05Z"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(slots=True)
class FeedServer:
    """One organization with one project and one feed; its rules can be changed while it runs."""

    base: str = ""
    """`http://127.0.0.1:PORT`."""
    feeds_base: str = ""
    """Where the feeds' area is, when it is on a host of its own as it is at Azure's."""
    organization: str = "contoso"
    project: str | None = "ml"
    feed: str = "wheels"
    feed_id: str = "0f3a1f3e-5a1c-4a55-9a54-0a4f7f4be001"
    project_id: str = "6e2f64a6-0d2b-4c4b-8a5c-8b1f6d2f1a77"
    token: str = "writer-token-4711"
    """May read and publish; any user name goes with it."""
    read_only_token: str = "reader-token-0815"
    no_rights_token: str = "stranger-token-99"
    job_token: str = "pipeline-token-2306"
    """Of a contributor, good for everything (System.AccessToken)."""
    owner_token: str = "owner-token-1234"
    narrow_token: str = "narrow-token-5150"
    """Of a contributor, made for reading only (Packaging: Read)."""
    expired_token: str = "expired-token-1999"
    foreign_token: str = "foreign-token-8080"
    """Of somebody who is no member of the organization."""
    reader_identity: str = "8d1c7d7e-96b0-4b5f-8f52-33ab0c7a4f10"
    public_upstream: bool = False
    internal_upstreams: tuple[str, ...] = ()
    """Names of feeds that it takes packages from."""
    removed_upstreams: tuple[str, ...] = ()
    """Names of public indexes that it took packages from once."""
    views: tuple[str, ...] = ("Local", "Prerelease", "Release")
    external_versions: set[str] = field(default_factory=set)
    """Packages for which versions of public upstreams are taken."""
    batch_refused: bool = False
    """The batch of promotions needs what nobody has."""
    most_versions: int = 5000
    retention: Mapping[str, int] | None = None
    """The retention policy, e.g. {"countLimit": 100}; None: the feed keeps everything."""
    latency: float = 0.0
    """Seconds before every answer."""
    largest: int = 500 * 1024 * 1024
    """Bytes; a bigger upload is answered with 413."""
    says_python: str | None = None
    """What its pages say of every file's Requires-Python, in the place of what was uploaded."""
    visible_after: int = 0
    """A new file is missing from its simple page for so many reads."""
    files: dict[str, Stored] = field(default_factory=dict)
    upstream: dict[str, bytes] = field(default_factory=dict)
    """Files that an enabled upstream holds: not listed here, and their versions are refused."""
    deleted: set[tuple[str, str]] = field(default_factory=set)
    """(name, version) deleted from the feed: reserved for ever."""
    recycled: set[tuple[str, str]] = field(default_factory=set)
    """Of these the ones in the recycle bin still."""
    requests: list[Recorded] = field(default_factory=list)
    exchanges: list[tuple[Any, Any]] = field(default_factory=list)
    """REST calls with what was answered: `Asked` and `RestAnswer` of tests/servers/feed_access.py,
    which builds on this file."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    faults: dict[Route, deque[Fault]] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The feed's own base URL."""
        project = f"/{self.project}" if self.project else ""
        return f"{self.base}/{self.organization}{project}/_packaging/{self.feed}"

    @property
    def upload_url(self) -> str:
        return f"{self.root}/pypi/upload/"

    @property
    def simple_url(self) -> str:
        return f"{self.root}/pypi/simple/"

    @property
    def collection_url(self) -> str:
        """What the agent hands over as SYSTEM_COLLECTIONURI."""
        return f"{self.base}/{self.organization}/"

    def simple_url_with(self, token: str) -> str:
        """The simple index with the token inside, for pip and uv."""
        return self.simple_url.replace("://", f"://any:{token}@")

    def fault(self, route: Route, *faults: Fault) -> None:
        """Let the next requests to this route go wrong, one fault each."""
        with self.lock:
            self.faults.setdefault(route, deque()).extend(faults)

    def next_fault(self, route: Route) -> Fault | None:
        with self.lock:
            waiting = self.faults.get(route)
            return waiting.popleft() if waiting else None

    def access(self, token: str | None) -> Access | None:
        """Whom a token stands for, None: nobody."""
        known = {
            self.no_rights_token: ("A stranger", "none", "manage"),
            self.read_only_token: ("A reader", "reader", "manage"),
            self.token: ("Release Build", "contributor", "write"),
            self.job_token: ("ml Build Service (contoso)", "contributor", "manage"),
            self.owner_token: ("An owner", "administrator", "manage"),
            self.narrow_token: ("A careful one", "contributor", "read"),
        }
        if token not in known:
            return None
        name, role, scope = known[token]
        identity = self.reader_identity
        if token != self.read_only_token:
            identity = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        return Access(name, identity, role, cast("Scope", scope))

    def promote(self, name: str, version: str, view: str) -> None:
        """Show a version in a view."""
        with self.lock:
            for stored in self.files.values():
                if (stored.name, stored.version) == (name, version):
                    stored.views.add(view.lower())

    def seen(self, method: str, part: str = "") -> list[Recorded]:
        """The requests of this method whose path has `part`."""
        with self.lock:
            return [r for r in self.requests if r.method == method and part in r.path]

"""A stand-in of Azure Resource Manager over TLS, with state, for everything that asks for a
workspace.

    with arm_server(authority) as arm:       # authority: of made_authority(folder)
        ws = arm.workspace("train")          # healthy and locked down; closed=False: all open
        arm.workspace("score", subscription=OTHER, group="other")    # as many as wanted
        ws.connect("feed", "https://pkgs.dev.azure.com/contoso", {"pat": "..."})  # made by hand
        ws.connections["feed"]["properties"]          # what is held, with the credentials
        ws.register("acme-train", "7", "8")           # versions: ws.environments[name][version]
        ws.properties["imageBuildCompute"] = ""       # any document may be changed: ws.storage,
        ws.registry["sku"]["name"] = "Basic"          # ws.compute, arm.resources[id.lower()]
        arm.environment()                    # variables for a wheelstep process of its own
        arm.identity["tid"] = "..."          # claims of the tokens that such a process gets
        arm.manager()                        # a ResourceManager in this process, signed in
        arm.manager(aud="https://management.chinacloudapi.cn/")      # with another cloud's token
        arm.deny("Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action")
        arm.deny("*/write", ws.id + "*")     # there only; `permissions` tells of it, too
        arm.granted = ("*/read",)            # what the identity has in the first place
        arm.fail("PUT", "*/connections/feed", throttled(3), times=2)  # arm_answers; None: always
        arm.lose("PUT", "*/connections/*", after=True)    # hang up: after the work, or before it
        arm.latency = 0.2                    # seconds before every answer
        arm.seen("PUT", "*/connections/*")   # requests: method, path, query, headers, body, status,
                                             # answer; arm.requests: all of them
        arm.violations                       # what breaks the published description: the block
                                             # fails at its end unless this is empty

What is refused, and in which order, is in arm_routes.py; the words are in arm_answers.py; the
workspace's own rules in arm_workspace.py; the healthy set-ups in arm_state.py.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from tests.ground.web import Asked, InstantClock, Web
from tests.servers import arm_identity, arm_routes
from tests.servers.arm_answers import Reply, of_the_workspace
from tests.servers.arm_routes import Ask, Holdings, Place
from tests.servers.arm_specs import Descriptions
from tests.servers.arm_state import GROUP, SUBSCRIPTION, TENANT, Workspace, made_workspace
from tests.servers.authority import secure
from wheelstep.ground.clock import Clock
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.workspaces.resource_manager import ResourceManager


@dataclass
class Seen:
    """A request, and what became of it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    """None where the connection was dropped instead."""
    answer: bytes = b""


@dataclass
class _Rule:
    """What goes wrong, and how often."""

    method: str
    pattern: str
    left: int | None
    reply: Reply | None = None
    """None: the connection is dropped."""
    after: bool = False
    """The work is done first."""

    def fits(self, method: str, path: str) -> bool:
        return (
            self.left != 0
            and self.method in {"*", method}
            and fnmatch.fnmatchcase(path.lower(), self.pattern.lower())
        )


@dataclass(frozen=True)
class _Tokens:
    """A token source that has one token."""

    text: str

    def token(self) -> Secret:
        return Secret(self.text)


@dataclass
class Arm(Holdings):
    """The stand-in; what it holds may be changed while it runs."""

    url: str = ""
    authority: Path = Path()
    identity_url: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    latency: float = 0.0
    requests: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    broken: list[BaseException] = field(default_factory=list)
    """Defects of the stand-in itself."""
    descriptions: Descriptions = field(default_factory=Descriptions)
    rules: list[_Rule] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    ending: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def workspace(
        self,
        name: str = "train",
        *,
        subscription: str = SUBSCRIPTION,
        group: str = GROUP,
        closed: bool = True,
    ) -> Workspace:
        """Add a healthy workspace, with its subscription and group."""
        self.subscriptions.setdefault(subscription.lower(), TENANT)
        self.groups.add((subscription.lower(), group.lower()))
        found = made_workspace(self.resources, subscription, group, name, closed=closed)
        self.workspaces[found.id.lower()] = found
        return found

    def deny(self, action: str, scope: str = "*") -> None:
        """Take an action away, everywhere or at the ids that fit."""
        self.denied.append((action, scope))

    def fail(self, method: str, pattern: str, reply: Reply, *, times: int | None = 1) -> None:
        """Answer the next requests that fit with this instead; None: for ever."""
        self.rules.append(_Rule(method, pattern, times, reply))

    def lose(self, method: str, pattern: str, *, after: bool, times: int | None = 1) -> None:
        """Hang up on the next requests that fit: after the work was done, or before."""
        self.rules.append(_Rule(method, pattern, times, after=after))

    def seen(self, method: str, pattern: str = "*") -> list[Seen]:
        with self.lock:
            found = list(self.requests)
        rule = _Rule(method, pattern, None)
        return [one for one in found if rule.fits(one.method, one.path)]

    def environment(self) -> dict[str, str]:
        """Variables with which a process reaches the stand-in, as a managed identity."""
        return {
            "WHEELSTEP_RESOURCE_MANAGER": self.url,
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "IDENTITY_ENDPOINT": f"{self.identity_url}/token",
            "IDENTITY_HEADER": arm_identity.HEADER_OF_THE_HOST,
        }

    def token(self, **claims: Any) -> str:
        """A token that is accepted here, unless a claim says other (`aud`, `tid`, `exp`)."""
        return arm_identity.token(**{"audience": claims.pop("aud", self.url), **claims})

    def manager(
        self,
        *,
        clock: Clock | None = None,
        timeout: tuple[float, float] = (5, 5),
        options: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> ResourceManager:
        """A client in this process, closed with the stand-in; it does not really wait.

        Args:
            clock: What waits between attempts.
            timeout: Seconds to connect, and to read.
            options: Further arguments of ResourceManager.
            claims: As for `token`; `raw` is a whole token instead.
        """
        environment = self.environment()
        transport = Transport(environment, clock=clock or InstantClock(), timeout=timeout)
        self.ending.enter_context(transport)
        given = claims.pop("raw", None) or self.token(**claims)
        return ResourceManager(environment, transport, _Tokens(given), **(options or {}))

    def replied(self, seen: Seen, target: str) -> Reply | None:
        """The answer to a request; None: hang up."""
        with self.lock:
            rule = next((one for one in self.rules if one.fits(seen.method, seen.path)), None)
            if rule is not None and rule.left is not None:
                rule.left -= 1
            if rule is not None and not rule.after:
                return rule.reply
            reply = self._worked(seen, target)
            return None if rule is not None else reply

    def _above(self, seen: Seen) -> Reply:
        """What is of no subscription: "Subscriptions - List", those that the identity can see."""
        if seen.path.rstrip("/") != "/subscriptions":
            return of_the_workspace(404, "NotFound", f"{seen.path} is no path of ARM.")
        listed = [{"id": f"/subscriptions/{one}", "subscriptionId": one, "state": "Enabled"}
                  for one in self.subscriptions]  # fmt: skip
        return Reply(200, {"value": listed})

    def _worked(self, seen: Seen, target: str) -> Reply:
        if seen.path.rstrip("/") == "/metadata/endpoints":
            return Reply(200, [self._cloud()])
        place = Place.of(seen.method, seen.path)
        subscription = place.subscription.lower() if place else ""
        tenant = self.subscriptions.get(subscription, TENANT)
        header = seen.headers.get("Authorization")
        refusal = arm_identity.sign_in_refused(header, self.url, tenant)
        if refusal is not None:
            return refusal
        if place is None:
            return self._above(seen)
        refusal = arm_routes.version_refused(place, seen.query)
        refusal = refusal or arm_routes.subscription_refused(self, place)
        if refusal is not None:
            return refusal
        asked = (seen.method, target, seen.headers, seen.body)
        if broken := self.descriptions.violations(*asked):
            self.violations += [f"{seen.method} {seen.path}: {one}" for one in broken]
            return of_the_workspace(400, "ValidationError", "; ".join(broken))
        claims = arm_identity.claims_of(header or "") or {}
        who = (str(claims.get("upn") or claims.get("appid")), str(claims.get("oid")))
        ask = Ask(place, seen.method, self.url + target, seen.body, who)
        reply = arm_routes.answer(self, ask)
        own = self.descriptions.answer_violations(asked, reply.status, reply.body)
        if reply.document is not None and own:
            self.violations += [f"our answer to {seen.method} {seen.path}: {one}" for one in own]
        return reply

    def _cloud(self) -> dict[str, object]:
        """This cloud as ARM's metadata endpoint describes one."""
        return {
            "name": "LocalCloud",
            "portal": "https://portal.azure.com",
            "resourceManager": f"{self.url}/",
            "authentication": {"loginEndpoint": "https://login.microsoftonline.com"},
            "suffixes": {"storage": "core.windows.net"},
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for head and body: two of them wait for each other's acknowledgement
    arm: ClassVar[Arm]

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        seen = Seen(self.command, path, asked, dict(self.headers.items()), body)
        with self.arm.lock:
            self.arm.requests.append(seen)
        if self.arm.latency:
            time.sleep(self.arm.latency)
        reply = self.arm.replied(seen, self.path)
        if reply is None:
            self.close_connection = True
            return
        seen.status, seen.answer = reply.status, reply.body
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.body:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    """TLS in each connection's own thread, and no connection left at the end."""

    daemon_threads = False  # so that the end waits for them
    request_queue_size = 128

    def __init__(self, arm: Arm, context: ssl.SSLContext) -> None:
        handler = type("Handler", (_Handler,), {"arm": arm})
        super().__init__(("127.0.0.1", 0), handler)
        self.arm = arm
        self.context = context
        self.open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request.settimeout(60)
        with self.context.wrap_socket(
            request, server_side=True, do_handshake_on_connect=False
        ) as wrapped:
            with self.arm.lock:
                self.open.add(wrapped)
            try:
                wrapped.do_handshake()
                super().finish_request(wrapped, client_address)
            finally:
                with self.arm.lock:
                    self.open.discard(wrapped)

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        error = sys.exception()
        # clients hang up: those that do not trust us, and those that are killed
        if error is not None and not isinstance(error, OSError):
            self.arm.broken.append(error)

    def end(self) -> None:
        self.shutdown()
        with self.arm.lock:
            for one in self.open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)  # what waits for it, ends
        self.server_close()


@contextlib.contextmanager
def arm_server(authority: Path) -> Iterator[Arm]:
    """Serve on a free port of 127.0.0.1; at the end nothing may have broken a description.

    Args:
        authority: A certificate for 127.0.0.1 with its key (tests.servers.authority).
    """
    arm = Arm(authority=authority)
    server = _Server(arm, secure(authority))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))

    def identity(asked: Asked) -> Any:
        return arm_identity.managed_identity(asked, **arm.identity)

    with Web(answer=identity) as tokens:
        arm.url = f"https://127.0.0.1:{server.server_address[1]}"
        arm.identity_url = tokens.url
        thread.start()
        try:
            with arm.ending:
                yield arm
        finally:
            server.end()
            thread.join()
    assert not arm.violations, json.dumps(arm.violations, indent=1)
    assert not arm.broken, arm.broken

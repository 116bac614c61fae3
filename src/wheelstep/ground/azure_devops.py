"""The one file that knows the `azure-devops` package: its clients, sending by our HTTP policy.

The package finds out by itself which routes a host has (one OPTIONS) and turns answers into
objects. All else stays out: its sessions, its retries (they never repeat a POST or PATCH), its
redirects, its errors, the ~/.netrc that its sessions read, and the files in the home folder where
it keeps routes.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import types
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, Literal

from wheelstep.errors import ServiceRefused
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.transport import Response

__all__ = ["Area", "Send", "client_for", "import_clients", "models_of"]

Send = Callable[[str, str, Mapping[str, str], bytes | None], Response]
"""Sends method, URL, headers and body; raises unless the answer is a success."""
Area = Literal["feed", "pypi", "location", "git", "identity"]

CLIENTS: Final[Mapping[Area, tuple[str, str]]] = {
    "feed": ("azure.devops.v7_1.feed.feed_client", "FeedClient"),
    "pypi": ("azure.devops.v7_1.py_pi_api.py_pi_api_client", "PyPiApiClient"),
    "location": ("azure.devops.v7_1.location.location_client", "LocationClient"),
    "git": ("azure.devops.v7_1.git.git_client", "GitClient"),
    "identity": ("azure.devops.v7_1.identity.identity_client", "IdentityClient"),
}
FEEDS: Final[tuple[Area, ...]] = ("feed", "pypi", "location")
CACHE: Final = "azure.devops._file_cache"
_import_guard = threading.Lock()
_routes_guard = threading.RLock()
"""Taken again by the same thread: a host that refuses OPTIONS is asked who is signed in."""
_routes: dict[str, Response] = {}
"""What hosts answered to OPTIONS, for as long as this process runs."""


def import_clients(*areas: Area) -> None:
    """Import clients, which several threads must not do at the same time.

    Args:
        areas: Which; those of feeds where none is named.
    """
    with _import_guard, warnings.catch_warnings():
        # the library's files hold invalid escapes: Python warns when it compiles them first
        warnings.simplefilter("ignore")
        if CACHE not in sys.modules:
            # the package's own makes a folder in the home folder as it is imported, and fails
            # where that cannot be written
            cache = types.ModuleType(CACHE)
            vars(cache).update(OPTIONS_CACHE=defaultdict(dict), RESOURCE_CACHE=defaultdict(dict))
            sys.modules[CACHE] = cache
        for area in areas or FEEDS:
            importlib.import_module(CLIENTS[area][0])


def client_for(area: Area, base: str, send: Send) -> Any:
    """Return a client whose every request goes through `send`.

    It is made for its host directly: through the package's `Connection` it would ask two more
    times where the host is.

    Args:
        area: Which client.
        base: The host with the organization, or a server's collection.
        send: Sends what the client asks for. What it raises passes through the client.
    """
    import_clients(area)
    module, name = CLIENTS[area]
    client = getattr(sys.modules[module], name)(base, None)
    client.config.keep_alive = True  # else it closes sessions that there are not
    client.config.pipeline = _Line(send, base)
    return client


def models_of(area: Literal["git"]) -> Any:
    """Return the module with what an area's client is given."""
    import_clients(area)
    return sys.modules[f"{CLIENTS[area][0].rpartition('.')[0]}.models"]


class _Line:
    """What a client sends through, in the place of msrest's pipeline."""

    def __init__(self, send: Send, base: str) -> None:
        self.send = send
        self.base = f"{base.rstrip('/').lower()}/"

    def run(self, request: Any, **_: object) -> Any:
        """Send one of msrest's requests and return what its service client unwraps.

        Raises:
            ServiceRefused: The organization's host does not list the route.
        """
        if not request.url.lower().startswith(self.base):
            # the client looks for it at the host as a whole then, where nothing of ours is
            raise _no_route(self.base, _routes.get(f"{self.base}_apis"))
        headers = {n: v for n, v in request.headers.items() if n.lower() != "content-length"}
        body = request.data.encode() if isinstance(request.data, str) else request.data
        if request.method == "OPTIONS":
            with _routes_guard:  # the threads that find no routes wait for the first one's
                response = _routes.get(request.url)
                if response is None:
                    response = self.send(request.method, request.url, headers, body)
                    _routes[request.url] = response
        else:
            response = self.send(request.method, request.url, headers, body)
        return SimpleNamespace(
            http_response=SimpleNamespace(internal_response=_Answer(response)), context=None
        )


def _no_route(base: str, routes: Response | None) -> ServiceRefused:
    count = len(routes.body) if routes else 0
    return ServiceRefused(
        f"{without_credentials(base)} does not list the call that is needed among those that it "
        f"has ({count} bytes of them).",
        code="call-missing",
        cure="Azure DevOps Server before 2022 lacks some; a proxy may answer in its place.",
    )


class _Answer:
    """An answer as msrest reads it."""

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.headers = response.headers
        self.content = response.body

    def body(self) -> bytes:
        """Return the body; by this method msrest knows what it has before it."""
        return self.content

    def text(self) -> str:
        """Return the body as text."""
        return self.content.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.content)

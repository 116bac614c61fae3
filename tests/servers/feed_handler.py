"""What the Azure-Artifacts-shaped stand-in answers; its state is tests/servers/feed_state.py."""

from __future__ import annotations

import base64
import html
import json
import re
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.servers.feed_access import Asked, not_allowed
from tests.servers.feed_rest import rest_answer
from tests.servers.feed_rules import form, refusal
from tests.servers.feed_state import Fault, FeedServer, Recorded, Route, Stored

__all__ = ["Handler", "Server"]

PYPI_PATH = re.compile(
    r"/(?P<organization>[^/]+)(?:/(?P<project>[^/]+))?/_packaging/(?P<feed>[^/@]+)"
    r"(?:@(?P<view>[^/]+))?/pypi/(?P<what>upload|simple|download)(?P<rest>/.*)?$"
)
LATEST = 60.0
"""Seconds that a late answer may take: longer than any client of a test waits."""
OLDER_HOST = ".pkgs.visualstudio.com"


class Server(ThreadingHTTPServer):
    """Knows its open connections, so that stopping it leaves none behind."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[Handler], state: FeedServer) -> None:
        super().__init__(address, handler)
        self.state = state
        self.areas: tuple[str, ...] = ("Location", "Packaging", "pypi")
        """Which parts of the REST interface are at this host."""
        self.open: set[socket.socket] = set()
        self.idle = threading.Condition()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away early are part of the tests."""

    def close_all(self) -> None:
        self.server_close()
        with self.idle:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was quicker
            self.idle.wait_for(lambda: not self.open, timeout=10)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body is not to wait until its headers have arrived
    server: Server
    cut = False
    """The answer ends in its middle, and so does the connection."""

    @property
    def state(self) -> FeedServer:
        return self.server.state

    def setup(self) -> None:
        super().setup()
        with self.server.idle:
            self.server.open.add(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            with self.server.idle:
                self.server.open.discard(self.connection)
                self.server.idle.notify_all()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep the tests' output clean."""

    # -- the four methods

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self._record()
        path = self._path()
        if self._rest(b""):
            return
        if match := PYPI_PATH.fullmatch(path):
            self._pypi(match)
        else:
            self._error(404, "PathNotFound", f"Nothing is at {path}.")

    def do_OPTIONS(self) -> None:
        self._record()
        self._rest(b"")

    def do_PATCH(self) -> None:
        self._record()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._rest(body):
            self._error(405, "MethodNotAllowed", f"This path takes no {self.command}.")

    def do_DELETE(self) -> None:
        self.do_PATCH()

    def do_POST(self) -> None:
        self._record()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match = PYPI_PATH.fullmatch(self._path())
        if self._rest(body):
            return
        if match is None or match["what"] != "upload":
            self._error(405, "MethodNotAllowed", "This path takes no POST.")
            return
        fault = self.state.next_fault("upload")
        if fault and fault.before:
            self._go_wrong(fault)
        elif match["rest"] != "/":
            self._redirect()
        elif self._allowed(match, "AddPackage"):
            self._upload(match, body, fault)

    def _path(self) -> str:
        """Return the path, decoded, as the newer host has it: the older one has the organization in
        its name."""
        path = unquote(urlsplit(self.path).path)
        organization, older, _ = self._host().partition(OLDER_HOST)
        return f"/{organization}{path}" if older else path

    def _collection(self) -> str:
        """Return the URL of the organization at the host that was asked: pip sends a password to no
        other one."""
        if self._host().endswith(OLDER_HOST):
            return f"https://{self._host()}"
        return f"{self.state.base}/{self.state.organization}"

    def _host(self) -> str:
        return self.headers.get("Host", "")

    # -- routes

    def _pypi(self, match: re.Match[str]) -> None:
        what = cast("Route", match["what"])
        fault = self.state.next_fault(what)
        if fault and fault.kind != "truncate":
            self._go_wrong(fault)
            return
        self.cut = fault is not None
        if what == "upload":
            self._error(405, "MethodNotAllowed", "This path takes no GET.")
        elif not (match["rest"] or "").endswith("/") and what == "simple":
            self._redirect()
        elif not self._allowed(match, "ReadPackages"):
            return
        elif what == "download":
            self._download(match)
        elif match["rest"] == "/":
            names = sorted({stored.name for stored in self._visible(match["view"])})
            self._page("Simple index", [f'<a href="{name}/">{name}</a>' for name in names])
        else:
            self._project(match)

    def _project(self, match: re.Match[str]) -> None:
        name = canonicalize_name(match["rest"].strip("/"))
        with self.state.lock:
            files = [stored for stored in self._visible(match["view"]) if stored.name == name]
            hidden = [
                s for s in self.state.files.values() if s.name == name and s.hidden_for > 0
            ]  # fmt: skip
            for stored in hidden:
                stored.hidden_for -= 1
        if not files:
            self._error(
                404,
                "PackageNotFoundException",
                f"Cannot find the package '{name}' in feed '{self.state.feed}'.",
            )
            return
        state = self.state
        scope = f"/{state.project_id}" if state.project else ""
        links = []
        for stored in files:
            url = (
                f"{self._collection()}{scope}/_packaging/{state.feed_id}"
                f"/pypi/download/{stored.name}/{stored.version}/{stored.file}#sha256={stored.sha256}"
            )
            requires = state.says_python or stored.requires_python
            python = f' data-requires-python="{html.escape(requires)}"' if requires else ""
            links.append(f'<a href="{html.escape(url)}"{python}>{stored.file}</a><br/>')
        self._page(f"Links for {name}", links)

    def _visible(self, view: str | None) -> list[Stored]:
        with self.state.lock:
            return [
                stored
                for _, stored in sorted(self.state.files.items())
                if stored.hidden_for <= 0
                and (view is None or view.lower() == "local" or view.lower() in stored.views)
            ]

    def _download(self, match: re.Match[str]) -> None:
        stored = self.state.files.get(match["rest"].rpartition("/")[2])
        if stored is None:
            self._error(404, "PackageNotFoundException", "Cannot find the file.")
        else:
            self._answer(200, "application/octet-stream", stored.content)

    def _rest(self, body: bytes) -> bool:
        """Answer when it is a REST call."""
        asked = Asked(
            *(self.command, self.path, dict(self.headers), body),
            *(self._credentials()[1], self.server.areas),
        )
        if not asked.is_rest:
            return False
        fault = self.state.next_fault("api" if asked.feed_path else "host")
        if fault and fault.before:
            self._go_wrong(fault)
            return True
        answer = rest_answer(self.state, asked)
        with self.state.lock:
            self.state.exchanges.append((asked, answer))
        self.cut = fault is not None and fault.kind == "truncate"
        if fault and not self.cut:
            self._go_wrong(fault)
        elif answer.refused:
            self._error(answer.status, *answer.refused)
        elif answer.status == 204 or answer.value is None:
            self._answer(answer.status, "application/json; charset=utf-8", b"")
        elif isinstance(answer.value, bytes):
            self._answer(answer.status, "application/octet-stream", answer.value)
        else:
            self._json(answer.status, answer.value)
        return True

    def _upload(self, match: re.Match[str], body: bytes, fault: Fault | None) -> None:
        fields, file, content = form(self.headers.get("Content-Type", ""), body)
        name, version = canonicalize_name(fields.get("name", "")), fields.get("version", "")
        refused = refusal(self.state, match["view"], fields, file, content)
        if refused is not None:
            self._error(*refused)
            return
        with self.state.lock:
            if file in self.state.files:
                self._error(
                    409,
                    "PackageAlreadyExistsException",
                    f"The feed '{self.state.feed}' already contains file '{file}' in package "
                    f"'{name} {version}'.",
                )
                return
            self.state.files[file] = Stored(
                name=name,
                version=version,
                file=file,
                content=content,
                requires_python=fields.get("requires_python"),
                hidden_for=self.state.visible_after,
            )
        self.cut = fault is not None and fault.kind == "truncate"
        if fault and not self.cut:
            self._go_wrong(fault)
        else:
            self._answer(202, "application/json", b"")

    # -- access and answers

    def _allowed(self, match: re.Match[str], right: str) -> bool:
        refused = not_allowed(
            self.state,
            self._credentials()[1],
            (match["organization"], match["project"], match["feed"]),
            right,
        )
        if refused is None and match["view"] and match["view"].lower() not in {
            view.lower() for view in self.state.views
        }:  # fmt: skip
            refused = (
                404,
                "FeedViewNotFoundException",
                f"The view with ID '{match['view']}' doesn't exist.",
            )
        if refused is not None:
            self._error(*refused)
        return refused is None

    def _credentials(self) -> tuple[str | None, str | None]:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None, None
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user, password

    def _record(self) -> None:
        time.sleep(self.state.latency)
        user, password = self._credentials()
        with self.state.lock:
            self.state.requests.append(
                Recorded(
                    method=self.command,
                    path=self.path,
                    user=user,
                    password=password,
                    agent=self.headers.get("User-Agent", ""),
                    host=self.headers.get("Host", ""),
                    sign_in_page=self.headers.get("X-TFS-FedAuthRedirect") != "Suppress",
                )
            )

    def _go_wrong(self, fault: Fault) -> None:
        if fault.kind in {"drop", "late"}:
            if fault.kind == "late":
                # a client that hangs up can be read: nothing
                select.select([self.connection], [], [], LATEST)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(fault.status, "text/plain", fault.body, dict(fault.headers))

    def _redirect(self) -> None:
        path = urlsplit(self.path).path
        self._answer(301, "text/html", b"", {"Location": f"{self.state.base}{path}/"})

    def _page(self, title: str, links: list[str]) -> None:
        lines = ["<!DOCTYPE html>", f"<html><head><title>{title}</title></head><body>"]
        lines += [f"<h1>{title}</h1>", *links, "</body></html>"]
        self._answer(200, "text/html; charset=utf-8", "\n".join(lines).encode())

    def _error(self, status: int, key: str, message: str) -> None:
        # the form of every error of the service: uv #8817 shows one in full
        headers = {}
        if status == 401:
            headers["WWW-Authenticate"] = f'Basic realm="{self.state.base}/"'
        self._json(
            status,
            {
                "$id": "1",
                "innerException": None,
                "message": message,
                "typeName": f"Microsoft.VisualStudio.Services.{key}, Microsoft",
                "typeKey": key,
                "errorCode": 0,
                "eventId": 3000,
            },
            headers,
        )

    def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        self._answer(status, "application/json; charset=utf-8", json.dumps(value).encode(), headers)

    def _answer(
        self, status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        if self.cut and not body:
            self.wfile.write(f"HTTP/1.1 {status}"[:-1].encode())
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Type": content_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.cut:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(body)

"""What answers for the GitHub stand-in: who asks, what goes wrong, and which half of the API."""

from __future__ import annotations

import base64
import json
import time
import traceback
from typing import Any, cast
from urllib.parse import unquote

from tests.servers import git_http, github_specs
from tests.servers.github import TOKENS, Call, GitHubServer, SaysNo, Token, Trouble
from tests.servers.github_graphql import graphql_answer, operation_of
from tests.servers.github_rest import Asked, rest_answer

__all__ = ["Handler", "Server"]

LIMITS: dict[Trouble, tuple[int, str]] = {
    "primary": (403, "API rate limit exceeded for user ID 7."),
    "secondary": (
        429,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    ),
    "unnamed": (
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    ),
}
REFUSING = {"502", "503", "page", "graphql-limit", "stale"}
DOCS = "https://docs.github.com/rest"


class Server(git_http._Server):
    """The same as git's, with a state that knows more."""

    state: GitHubServer


class Handler(git_http._Handler):
    """One connection: git's paths are git's, what is below /api is here."""

    def do_PATCH(self) -> None:  # noqa: N802 - http.server's name
        self._answer(self._body())

    def do_PUT(self) -> None:  # noqa: N802
        self._answer(self._body())

    def do_DELETE(self) -> None:  # noqa: N802
        self._answer(self._body())

    @property
    def state(self) -> GitHubServer:
        return cast("Server", self.server).state

    def _answer(self, body: bytes) -> None:
        if self.path.startswith("/api/"):
            self._api(body)
        else:
            super()._answer(body)

    def _api(self, body: bytes) -> None:
        time.sleep(self.state.latency)
        path, _, query = self.path.removeprefix("/api").removeprefix("/v3").partition("?")
        try:
            document = json.loads(body) if body else None
        except ValueError:
            self._document(400, {"message": "Problems parsing JSON", "documentation_url": DOCS})
            return
        operation = operation_of(document) if path == "/graphql" else ""
        given = self.headers.get("Authorization") or ""
        call = Call(self.command, path, operation, given, document)
        with self.state.lock:
            self.state.calls.append(call)
        self.state.let_happen(call)
        trouble = self.state.take_trouble(call)
        if trouble in REFUSING or trouble in LIMITS:
            self._refuse(trouble)
        elif trouble == "stall":
            self.state.released.wait(60)
        elif trouble != "drop-request":
            status, answer = self._worked(call, query, body)
            if trouble in {"502-after", "503-after"}:
                self._refuse("502" if trouble == "502-after" else "503")
            elif trouble is None:
                self._document(status, answer)

    def _worked(self, call: Call, query: str, body: bytes) -> tuple[int, Any]:
        try:
            token = _who(call.authorization)
            if call.operation:
                return 200, graphql_answer(self.state, token, call.body)
            self._check(body)
            path, given = unquote(call.path), call.body or {}
            return rest_answer(Asked(self.state, token, call.method, path, query, given))
        except SaysNo as no:
            answer = {"message": no.message, "documentation_url": DOCS, "status": str(no.status)}
            return no.status, answer if no.errors is None else {**answer, "errors": no.errors}
        except Exception:  # noqa: BLE001 - a mistake of this stand-in, which a test is to show
            self.state.violations.append(traceback.format_exc())
            return 500, {"message": "Server Error"}

    def _check(self, body: bytes) -> None:
        found = github_specs.violations(self.command, self.path, dict(self.headers.items()), body)
        self.state.violations += [f"{self.command} {self.path}: {one}" for one in found]
        if found:
            raise SaysNo(422, f"Invalid request. {found[0]}")

    def _refuse(self, trouble: Trouble | None) -> None:
        if trouble in {"502", "503"}:
            self._say(int(trouble), b"<html>unicorn</html>", {"Content-Type": "text/html"})
        elif trouble == "page":
            self._say(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})
        elif trouble == "graphql-limit":
            error = {"type": "RATE_LIMITED", "message": "API rate limit already exceeded."}
            self._document(200, {"errors": [error]}, self._spent())
        elif trouble == "stale":
            said = "Expected branch to point to another commit but it did not.  Pull and try again."
            self._document(200, {"errors": [{"type": "STALE_DATA", "message": said}]})
        elif trouble is not None:
            status, message = LIMITS[trouble]
            headers = {"secondary": {"Retry-After": "3"}, "primary": self._spent()}.get(trouble, {})
            self._document(status, {"message": message, "documentation_url": DOCS}, headers)

    def _spent(self) -> dict[str, str]:
        return {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(self.state.reset_at)}  # fmt: skip

    def _document(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        content = b"" if document is None else json.dumps(document).encode()
        kind = {"Content-Type": "application/json; charset=utf-8"} if content else {}
        if status == 307:
            kind["Location"] = f"{self.state.url}/api/v3/repositories/7"
        self._say(status, content, {**kind, **(headers or {})})


def _who(given: str) -> Token:
    """Return whose token it is; GitHub knows three ways to write one."""
    kind, _, value = given.partition(" ")
    if kind.lower() == "basic":
        value = base64.b64decode(value).decode().partition(":")[2]
    if not given:
        raise SaysNo(401, "Requires authentication")
    if value not in TOKENS:
        raise SaysNo(401, "Bad credentials")
    return TOKENS[value]

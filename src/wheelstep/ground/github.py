"""The one file that knows PyGithub: its requester, sending by our HTTP policy.

The package knows where GraphQL is beside a REST API, how requests are written and how answers are
read. All else stays out: its sessions, its retries, its redirects, its pauses between requests,
its waiting for limits, its log (it writes bodies), the ~/.netrc that its sessions read.

Sources: GitHub's docs, "Rate limits for the REST API" (what to wait for, and how long), "Using the
API" of GraphQL (errors come with status 200, and their `type` says what they are).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import urlsplit

from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground import answers
from wheelstep.ground.proxies import is_below
from wheelstep.ground.secret import Secret, redact, without_credentials
from wheelstep.ground.transport import REDIRECTS, USER_AGENT, Response, Transport, refusal

if TYPE_CHECKING:
    from github.Requester import Requester

__all__ = ["LIMITED", "GitHub", "SaysNo"]

Send = Callable[[str, str, Mapping[str, str], bytes | None], Response]

VERSION: Final = "2022-11-28"
"""Of the REST API; an Enterprise Server that knows no versions takes no notice."""
SEEN: Final = frozenset({400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 451})
"""Statuses that are answers of GitHub, which its message explains."""
LIMITED: Final = "rate-limited"
"""The code of the error that means that nothing was done, for certain."""
LIMITING: Final = frozenset({403, 429})
LIMITS: Final = ("rate_limited", "rate limit", "abuse detection", "was submitted too quickly")
"""What the body of an answer says that limits the rate, and that no other one says."""
GAVE_UP: Final = b"omething went wrong while executing your query"
UNNAMED_PAUSE: Final = 60.0
"""Seconds to wait where a limit names no time: "wait for at least one minute"."""
DENIED: Final = ("not accessible by", "must have ", "saml", "archived", "suspended")
"""What it says where waiting changes nothing."""
LONGEST_QUOTE: Final = 600
"""Characters of GitHub's own words that are repeated."""


class SaysNo(Exception):
    """GitHub answered, and the answer is no."""

    def __init__(
        self, status: int, kind: str, said: str, *, authorize: str = "", needs: str = ""
    ) -> None:
        """Keep what it said.

        Args:
            status: HTTP's; 200 for GraphQL.
            kind: The `type` of a GraphQL error, e.g. "STALE_DATA"; "" for REST.
            said: Its own words, on one line, without secrets.
            authorize: Where the token's owner authorizes it for an organization's single sign-on.
            needs: The permissions that it takes, as workflows write them.
        """
        super().__init__(said)
        self.status = status
        self.kind = kind
        self.said = said
        self.authorize = authorize
        self.needs = needs


@final
class GitHub:
    """The API of one GitHub; safe to use from several threads."""

    def __init__(self, transport: Transport, api: str, token: Secret | None) -> None:
        """Keep what is needed; nothing is imported or asked yet.

        Args:
            transport: The HTTP policy.
            api: The base of the REST API, without a final slash.
            token: Sent to this API only; None asks as nobody.
        """
        self.transport = transport
        self.api = api
        self._token = token
        # an Enterprise Server has /api/v3 and /api/graphql side by side
        self._prefix = api.removesuffix("/v3")

    def rest(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        many: bool = False,
        repeatable: bool = True,
    ) -> Any:
        """Send a REST request and return the document of its answer.

        Args:
            method: GET, POST, PATCH, PUT or DELETE.
            path: Below the API's base, with a slash in front; its parts are quoted already.
            body: What is sent, as JSON.
            query: Parameters.
            many: The document is a list.
            repeatable: False when sending it twice could do harm.

        Returns:
            None where the answer has no document.

        Raises:
            SaysNo: GitHub's own answer is no.
            ServiceRefused: Something in between refuses, or answers in GitHub's place.
            ServiceUnavailable: No answer, or the rate is limited for longer than is waited for.
        """
        requester = _requester(self.api, self._sender(repeatable))
        document = _asked(
            lambda: requester.requestJsonAndCheck(
                method, path, parameters=dict(query or {}), input=dict(body) if body else None
            )[1],
        )
        if not isinstance(document, list if many else (dict, NoneType)):
            raise _unreadable(method, f"{self.api}{path}")
        return document

    def graphql(
        self, query: str, variables: Mapping[str, Any], *, repeatable: bool = True
    ) -> Mapping[str, Any]:
        """Send a GraphQL document and return `data`.

        Args:
            query: The document.
            variables: Its variables.
            repeatable: False when sending it twice could do harm.

        Raises:
            As `rest`.
        """
        requester = _requester(self.api, self._sender(repeatable))
        data = _asked(lambda: requester.graphql_query(query, dict(variables))[1]).get("data")
        if not isinstance(data, dict):
            raise _unreadable("POST", requester.graphql_url)
        return data

    def mutation(self, name: str, given: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
        """Send one mutation, once, and return what it answers.

        Args:
            name: As GitHub's schema has it.
            given: Its input.
            wanted: The fields of its answer that are asked for.

        Raises:
            As `rest`; ServiceUnavailable leaves open whether it was done.
        """
        requester = _requester(self.api, self._sender(repeatable=False))
        found = _asked(lambda: requester.graphql_named_mutation(name, dict(given), wanted)[1])
        if not isinstance(found, dict):
            raise _unreadable("POST", requester.graphql_url)
        return found

    def _sender(self, repeatable: bool) -> Send:
        def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            sent = {**headers, "Accept": "application/vnd.github+json",
                    "X-GitHub-Api-Version": VERSION}  # fmt: skip
            if self._token is not None and is_below(url, self._prefix):
                sent["Authorization"] = f"Bearer {self._token.reveal()}"
            failed = 0
            while True:
                response = self.transport.request(
                    method,
                    url,
                    headers=sent,
                    body=body,
                    # a repository that was renamed: nothing is sent after it
                    ok=range(200, 300) if method == "GET" else (*range(200, 300), *REDIRECTS),
                    accept_statuses=SEEN,
                    repeatable=repeatable,
                )
                asked = _pause(response, self.transport.clock.time())
                if asked is None and not _gave_up(response):
                    return response
                failed += 1
                if asked is None:
                    self._again(url, response, failed if repeatable else None)
                    continue
                self._wait(f"{method} {without_credentials(url)}", response, asked, failed)

        return send

    def _again(self, url: str, response: Response, failed: int | None) -> None:
        """Wait a moment before a question is asked once more that GitHub gave up on.

        Args:
            url: What was asked.
            response: The answer.
            failed: How often; None where it is not for asking twice.

        Raises:
            ServiceUnavailable: That was often enough; it leaves open whether it was done.
        """
        clock = self.transport.clock
        if failed is not None:
            host = urlsplit(url).netloc
            wait = self.transport.budget.wait_for(failed, clock.monotonic(), None, host)
            if wait is not None:
                clock.sleep(wait)
                return
        said = answers.said(response.body, "application/json")
        raise ServiceUnavailable(
            f"POST {without_credentials(url)}: GitHub gave up on it, usually because it took too"
            f' long. It says: "{said}"',
            code="gave-up",
            cure="Run it again; GitHub's status page tells of larger trouble.",
        )

    def _wait(self, what: str, response: Response, asked: float, failed: int) -> None:
        """Wait until a limit is over: what it met was not worked on.

        Raises:
            ServiceUnavailable: That is longer than this run may wait.
        """
        clock = self.transport.clock
        host = urlsplit(response.url).netloc
        wait = self.transport.budget.wait_for(failed, clock.monotonic(), asked, host)
        if wait is not None:
            clock.sleep(wait)
            return
        minutes = max(1, round(asked / 60))
        said = answers.said(response.body, "application/json")
        quote = f' It says: "{said}"' if said else ""
        raise ServiceUnavailable(
            f"{what}: GitHub limits how often this account may ask, for about {minutes}"
            f" {'minute' if minutes == 1 else 'minutes'} more.{quote}",
            code=LIMITED,
            cure="Run it again after that time. Other jobs that use the same account or token count"
            " too: give this one a token of its own.",
        )


def _pause(response: Response, now: float) -> float | None:
    """Return the seconds that a limit wants to be waited for; None where there is no limit."""
    headers, status = response.headers, response.status
    graphql = _is_graphql(response)
    if status not in {*LIMITING, HTTPStatus.UNPROCESSABLE_ENTITY} and not graphql:
        return None
    text = response.body[:4096].decode("utf-8", "replace").lower()
    limited = any(sign in text for sign in LIMITS)
    spent = headers.get("x-ratelimit-remaining") == "0"
    if status in LIMITING:
        # the last request that was left may be refused for a reason of its own
        over = spent and not any(sign in text for sign in DENIED)
        named = over or status == HTTPStatus.TOO_MANY_REQUESTS or "retry-after" in headers
        if not limited and not named:
            return None  # a 403 for another reason
    elif not limited or (graphql and '"errors"' not in text):
        return None
    after = answers.retry_after(headers, now)
    if after is not None:
        return after
    reset = headers.get("x-ratelimit-reset", "")
    if spent and reset.isdecimal():
        return max(1.0, int(reset) - now)
    return UNNAMED_PAUSE


def _gave_up(response: Response) -> bool:
    """Tell whether GraphQL ran out of time, which it says with status 200."""
    return _is_graphql(response) and GAVE_UP in response.body[:4096]


def _is_graphql(response: Response) -> bool:
    return urlsplit(response.url).path.endswith("/graphql")


def _asked(ask: Callable[[], Any]) -> Any:
    """Ask, and tell GitHub's own refusals as ours."""
    from github import GithubException

    try:
        return ask()
    except GithubException as error:
        raise _says_no(error) from error


def _says_no(error: Any) -> SaysNo:
    """Return one of PyGithub's errors as ours."""
    data = error.data if isinstance(error.data, dict) else {}
    errors = [one for one in data.get("errors") or () if isinstance(one, (dict, str))]
    words = [str(data.get("message") or "")]
    words += [one if isinstance(one, str) else _words(one) for one in errors]
    kind = ""
    first = errors[0] if errors else None
    graphql = isinstance(first, dict) and "message" not in data
    if graphql and isinstance(first, dict):
        extensions = first.get("extensions")
        code = extensions.get("code") if isinstance(extensions, dict) else None
        kind = str(first.get("type") or code or "")
    said = " / ".join(dict.fromkeys(" ".join(redact(each).split()) for each in words if each))
    said = said if len(said) <= LONGEST_QUOTE else f"{said[:LONGEST_QUOTE]}..."
    headers = error.headers or {}
    return SaysNo(
        200 if graphql else error.status,
        kind,
        said or f"status {error.status}",
        authorize=_authorize(str(headers.get("x-github-sso") or "")),
        needs=_needs(str(headers.get("x-accepted-github-permissions") or ""))
        if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        else "",
    )


def _authorize(header: str) -> str:
    """Return the address of `required; url=https://github.com/orgs/acme/sso?...`."""
    found = re.search(r"\burl=(https://[^\s;]+)", header)
    # its query says which request of a token waits, and lets nobody in but the token's owner
    return redact(found[1]) if found else ""


def _needs(header: str) -> str:
    """Return the first of the sets of permissions of `contents=write; contents=write,checks=read`,
    as a workflow has them."""
    rights = header.partition(";")[0].split(",")
    named = [re.fullmatch(r"\s*([a-z_]+)=([a-z]+)\s*", right) for right in rights]
    return ", ".join(f"`{one[1].replace('_', '-')}: {one[2]}`" for one in named if one)


def _words(error: Mapping[str, Any]) -> str:
    if error.get("message"):
        return str(error["message"])
    return " ".join(str(error[key]) for key in ("resource", "field", "code") if error.get(key))


def _unreadable(method: str, url: str) -> ServiceRefused:
    return ServiceRefused(
        f"{method} {without_credentials(url)} was answered with something that is not GitHub's.",
        code="answer-unreadable",
        cure="Look at the address in a browser: a proxy or a sign-in page may answer in its place."
        " GITHUB_API_URL names the API of an Enterprise Server.",
    )


def _read(method: str, response: Response) -> str:
    """Return an answer's text, which is a document or nothing.

    Raises:
        SaysNo: What was asked for has moved.
        StepError: It is not GitHub that answers.
    """
    text = response.body.decode("utf-8-sig", "replace")
    if response.status in REDIRECTS:
        place = without_credentials(response.headers.get("Location", ""))
        raise SaysNo(response.status, "", f"It has moved to {place or 'another address'}.")
    if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:  # what is in front of it says so
        raise SaysNo(response.status, "", "Request Entity Too Large")
    failed = response.status >= HTTPStatus.BAD_REQUEST
    try:
        document = json.loads(text) if text or failed else None
    except (ValueError, RecursionError):
        document = ""
    if failed:
        fits = isinstance(document, dict)
    elif _is_graphql(response):
        inner = document if isinstance(document, dict) else {}
        errors = inner.get("errors")
        fits = (
            isinstance(inner.get("data"), dict)
            if errors is None
            else isinstance(errors, list) and bool(errors) and isinstance(errors[0], dict)
        )
    else:
        fits = isinstance(document, (dict, list, NoneType))
    if fits:
        return text
    raise refusal(method, response) if failed else _unreadable(method, response.url)


def _requester(api: str, send: Send) -> Requester:
    made: Requester = _requester_class()(api, send)
    return made


@cache
def _requester_class() -> type[Any]:
    """Import PyGithub and return its requester with our sending in the place of its own."""
    from github.Requester import Requester

    class Line(Requester):
        """A requester that opens no connection."""

        def __init__(self, api: str, send: Send) -> None:
            super().__init__(
                auth=None, base_url=api, timeout=0, user_agent=USER_AGENT, per_page=100,
                verify=True, retry=None, pool_size=None,
            )  # fmt: skip
            parts = urlsplit(api)
            self._place = f"{parts.scheme}://{parts.netloc}"
            self._send = send

        def _Requester__requestRaw(  # noqa: N802 - the name it has inside the package
            self,
            cnx: object,  # noqa: ARG002 - a connection of its own, which there is not
            verb: str,
            url: str,
            requestHeaders: Mapping[str, str],  # noqa: N803
            input: str | None,  # noqa: A002
            **_: object,
        ) -> tuple[int, dict[str, str], str]:
            """Send, as the package sends; `url` is the path."""
            body = None if input is None else input.encode()
            response = self._send(verb, f"{self._place}{url}", requestHeaders, body)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return response.status, headers, _read(verb, response)

    return Line

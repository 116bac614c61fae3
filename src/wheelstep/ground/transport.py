"""One HTTP policy for everything that we ask for ourselves.

Proxies and certificate authorities come from the environment that is handed in; no ~/.netrc, no
keyring, no cookies. Credentials go to the URL prefix they belong to and never past a redirect to
another place. What a service could not do just now is tried again, with jitter, on one budget.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urljoin, urlsplit, urlunsplit

import wheelstep
from wheelstep.errors import (
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    StepError,
)
from wheelstep.ground import answers
from wheelstep.ground.clock import Clock, RetryBudget, SystemClock
from wheelstep.ground.proxies import authorities_for, is_below, proxy_for
from wheelstep.ground.secret import Secret, redact, without_credentials
from wheelstep.ground.sending import Body, FileBody, Sender, page_of, written

if TYPE_CHECKING:
    import requests

__all__ = ["UNAUTHORIZED", "USER_AGENT", "Clock", "Credentials", "Response", "RetryBudget",
           "Transport", "refusal"]  # fmt: skip

USER_AGENT: Final = f"wheelstep/{wheelstep.__version__}"
PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that a later attempt may not get."""
UNAUTHORIZED: Final = 401
UNTOUCHED: Final = frozenset({429, 503})
"""Of these, the ones that say that the request was not worked on."""
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS: Final = 10


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are, at one place."""

    prefix: str
    """The URL below which they may be sent: scheme, host, port and whole path parts."""
    user: str
    secret: Secret
    renew: Callable[[Secret], Secret | None] | None = field(default=None, compare=False)
    """Returns a fresh secret in the place of one that is not accepted, None where there is no
    other."""

    def renewed(self) -> Credentials | None:
        """Return the same with a fresh secret, None where there is none.

        Raises:
            StepError: Whoever hands them out does not.
        """
        fresh = self.renew(self.secret) if self.renew else None
        return None if fresh is None else replace(self, secret=fresh)

    def header_for(self, url: str) -> str | None:
        """Return the Basic Authorization header (RFC 7617, UTF-8), None where it may not go."""
        if not is_below(url, self.prefix):
            return None
        return _basic(self.user, self.secret)


@lru_cache
def _basic(user: str, secret: Secret) -> str:
    value = base64.b64encode(f"{user}:{secret.reveal()}".encode()).decode("ascii")
    Secret(value)  # an error's text may hold the header
    return f"Basic {value}"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    """Names compare without case."""
    body: bytes = field(repr=False)
    """Empty when it was streamed to a file."""
    url: str
    """Where it came from, after redirects; may hold a query that is not to be shown."""
    reason: str = ""
    """The phrase after the status: some indexes put their message there."""
    sha256: str = ""
    """Hex; of a body that was streamed."""

    @classmethod
    def of(cls, answer: requests.Response, body: bytes | None = None) -> Response:
        """Return what requests (or twine, which uses it) got as ours.

        Args:
            answer: From requests.
            body: What was read already; None reads it.
        """
        content = answer.content if body is None else body
        url, reason = str(answer.url or ""), str(answer.reason or "")
        return cls(answer.status_code, answer.headers, content, url, reason)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for, the same in every attempt."""

    method: str
    url: str
    headers: Mapping[str, str]
    credentials: Credentials | None
    body: bytes | Body | None
    ok: Collection[int]
    streamed: bool
    stream_to: Path | None
    patience: float


def refusal(method: str, response: Response) -> ServiceRefused | ServiceUnavailable:
    """Return the error for a status that nobody accepts; callers that know more write their own."""
    return answers.refusal(
        method,
        response.url,
        status=response.status,
        reason=response.reason,
        said=answers.said(response.body, response.headers.get("Content-Type", "")),
        passing=response.status in PASSING,
    )


class Transport:
    """What sends requests; safe to use from several threads, which share its
    connections."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        budget: RetryBudget | None = None,
        clock: Clock | None = None,
        timeout: tuple[float, float] = (10, 60),
        sender: Sender | None = None,
    ) -> None:
        """Prepare; nothing is imported or opened yet.

        Args:
            environment: This process's: proxies and certificate authorities.
            budget: The run's; an own one when None.
            clock: What waits between attempts.
            timeout: Seconds to connect, and seconds without a byte while reading.
            sender: What sends; tests that lead elsewhere bring their own.
        """
        self.environment = environment
        self.budget = budget or RetryBudget()
        self.clock: Clock = clock or SystemClock()
        self.timeout = timeout
        self._sender = sender or Sender()
        self._guard = threading.Lock()
        self._sessions: dict[tuple[str, str], requests.Session] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the transport can be used again afterwards."""
        self._sender.close()
        with self._guard:
            for session in self._sessions.values():
                session.close()

    def new_session(self) -> requests.Session:
        """Return a session under this policy, for libraries that send by one: nothing from the
        process's environment, no retries of its own, no cookies, our user agent. It has no proxy
        yet: `proxies` says which, for each URL.

        Raises:
            SettingError: The environment names certificate authorities that are not there.
        """
        from http.cookiejar import DefaultCookiePolicy

        import requests

        session = requests.Session()
        session.trust_env = False
        session.verify = authorities_for(self.environment)
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers["User-Agent"] = USER_AGENT
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._sender.new_adapter())
        return session

    def session_for(self, url: str) -> requests.Session:
        """Return the session of all that talk to the host of a URL through libraries, with its
        proxy: what one of them has opened, with its TLS handshake, the next one uses.

        Raises:
            SettingError: As `new_session` and `proxies`.
        """
        place = urlsplit(url)[:2]
        with self._guard:
            session = self._sessions.get(place)
            if session is None:
                session = self.new_session()
                session.proxies.update(self.proxies(url))
                self._sessions[place] = session
            return session

    def proxies(self, url: str) -> dict[str, str]:
        """Return the proxy for a URL in the form that requests wants.

        Raises:
            SettingError: The environment's proxy is not a URL.
        """
        proxy = proxy_for(url, self.environment)
        return {urlsplit(url).scheme.lower(): proxy} if proxy else {}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        body: bytes | Path | Body | None = None,
        ok: Collection[int] = range(200, 300),
        accept_statuses: Collection[int] = (),
        stream_to: Path | None = None,
        hash_only: bool = False,
        repeatable: bool = True,
        patience: float = 1.0,
        refused: Callable[[str, Response], StepError] = refusal,
    ) -> Response:
        """Send a request, again where a service could not answer just now.

        Args:
            method: GET and HEAD follow redirects; others are told the right URL in an error.
            url: Absolute; a user and password in it are never sent.
            headers: Beside ours; an Authorization among them is not sent to another host.
            credentials: Sent only to URLs below their prefix.
            body: What to send; a path is streamed.
            ok: Statuses that mean success.
            accept_statuses: Further statuses that the caller wants to see; never tried again.
            stream_to: Where to write the body of a successful answer, instead of into memory; the
                response's `sha256` is that of what was written.
            hash_only: The same for a body that nobody keeps.
            repeatable: False when sending it twice could do harm: then only answers that say that
                it was not worked on, and connections that never came about, are tried again.
            patience: How many times longer than others the answer may take.
            refused: Makes the error for a status that is not wanted, from method and answer.

        Raises:
            ServiceRefused: 401, 403, 404, other 4xx; a certificate that does not verify.
            ServiceUnavailable: 408, 429, 5xx and broken connections, after the retries.
            SettingError: Not a URL; proxy or certificate settings that cannot be used.
            CannotHere: The body's file cannot be read, or `stream_to` not be written.
        """
        clean = _without_user(url)
        wanted = frozenset(accept_statuses)

        def send(who: Credentials | None) -> Response:
            asked = _Request(
                method,
                clean,
                dict(headers or {}),
                who,
                FileBody(body) if isinstance(body, Path) else body,
                ok,
                streamed=hash_only or stream_to is not None,
                stream_to=stream_to,
                patience=patience,
            )
            return self.retrying(
                f"{method} {without_credentials(clean)}",
                lambda: self._follow(asked),
                settled=lambda status: status in ok or status in wanted,
                repeatable=repeatable,
            )

        response = send(credentials)
        # once: a token that ended in the middle of a run
        if response.status == UNAUTHORIZED and credentials and (fresh := credentials.renewed()):
            response = send(fresh)
        if response.status in ok or response.status in wanted:
            return response
        raise refused(method, response)

    def retrying(
        self,
        what: str,
        attempt: Callable[[], Response],
        *,
        settled: Callable[[int], bool] = lambda status: status not in PASSING,
        repeatable: bool = True,
    ) -> Response:
        """Call `attempt` until its answer is final or the budget is spent.

        Args:
            what: For errors: method and URL (the last word), without credentials.
            attempt: May raise what requests raises.
            settled: Whether a status is final although a later attempt might get another.
            repeatable: As for `request`.

        Returns:
            The last answer, whatever its status.

        Raises:
            ServiceRefused: A certificate that does not verify, a proxy that refuses us.
            ServiceUnavailable: No answer at all, after the retries.
            SettingError: Not a URL.
        """
        from requests import RequestException

        failed, host = 0, urlsplit(what.rpartition(" ")[2]).netloc
        while True:
            failed += 1
            broken: RequestException | None = None
            response: Response | None = None
            asked: float | None = None
            try:
                response = attempt()
            except RequestException as error:
                answers.raise_if_final(error, what)
                if not repeatable and not answers.never_connected(error):
                    raise answers.no_answer(what, error, failed) from error
                broken = error
            if response is not None:
                if settled(response.status) or response.status not in PASSING:
                    self.budget.answered(host)
                    return response
                if not repeatable and response.status not in UNTOUCHED:
                    return response
                asked = answers.retry_after(response.headers, self.clock.time())
            wait = self.budget.wait_for(failed, self.clock.monotonic(), asked, host)
            if wait is None:
                if response is not None:
                    return response
                assert broken is not None  # noqa: S101 - one of the two is always set
                raise answers.no_answer(what, broken, failed) from broken
            self.clock.sleep(wait)

    def _follow(self, asked: _Request) -> Response:
        """Send once, follow redirects by hand: each place gets the credentials meant for it."""
        url, headers = asked.url, dict(asked.headers)
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send(asked, url, headers)
            if response.status not in REDIRECTS or response.status in asked.ok:
                return response
            try:
                target = urljoin(url, response.headers.get("Location", ""))
                leads = urlsplit(target).scheme in {"http", "https"}
            except ValueError:
                return response  # it leads to no URL
            if not leads:
                return response
            target = _without_user(target)
            if asked.method not in {"GET", "HEAD"}:
                raise answers.redirected(asked.method, url, target)
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise answers.downgraded(url, target)
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                headers = {n: v for n, v in headers.items() if n.lower() != "authorization"}
            url = target
        raise answers.redirects_without_end(asked.url)

    def _send(self, asked: _Request, url: str, headers: Mapping[str, str]) -> Response:
        sent = {"User-Agent": USER_AGENT, **headers}
        if asked.streamed:
            # a wheel must arrive as it is: some servers compress what is compressed
            sent.setdefault("Accept-Encoding", "identity")
        elif asked.method == "GET":
            sent.setdefault("Cache-Control", "no-cache")
        if asked.credentials and (header := asked.credentials.header_for(url)):
            sent["Authorization"] = header
        with self._sender.send(
            asked.method,
            url,
            headers=sent,
            body=asked.body,
            verify=authorities_for(self.environment),
            proxies=self.proxies(url),
            timeout=(self.timeout[0], self.timeout[1] * asked.patience),
        ) as answer:
            if asked.streamed and answer.status_code in asked.ok:
                sha256 = written(answer, asked.stream_to)
                return replace(Response.of(answer, b""), sha256=sha256)
            return Response.of(answer, page_of(answer, url))


def _without_user(url: str) -> str:
    """Return a URL without user, password and fragment.

    Raises:
        SettingError: It is not an absolute http or https URL.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
        _ = parts.port  # raises when it is no number
    except ValueError:
        parts, fits = urlsplit(""), False
    if not fits:
        shown = redact(url.partition("?")[0])
        raise SettingError(
            f"{shown.rpartition('@')[2]!r} is not an http or https URL.",
            code="url-invalid",
            cure="Write it as https://HOST/PATH.",
        )
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))

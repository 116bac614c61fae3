"""What answers mean, and failures without an answer: the prose of HTTP errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from wheelstep.errors import ServiceRefused, ServiceUnavailable, SettingError, StepError
from wheelstep.ground.secret import redact, without_credentials

if TYPE_CHECKING:
    from requests import RequestException

__all__ = [
    "downgraded",
    "never_connected",
    "no_answer",
    "raise_if_final",
    "redirected",
    "redirects_without_end",
    "refusal",
    "retry_after",
    "said",
    "too_large",
]

LONGEST_QUOTE: Final = 400
"""Characters of a server's own words that an error repeats."""
ANSWERS: Final = {
    401: (
        "not-authenticated",
        "the service does not know who is asking, or the token is wrong or has expired",
        "Give a valid token, and check that it belongs to this place.",
    ),
    403: (
        "not-authorized",
        "whoever is asking may not do this",
        "Give that identity the missing right, or use another token.",
    ),
    404: (
        "not-found",
        "there is nothing at this URL, or the token may not see it",
        "Check the URL, part by part.",
    ),
    407: (
        "proxy-refused",
        "the proxy asks for a user and a password",
        "Set them in HTTPS_PROXY, or let this host pass with NO_PROXY.",
    ),
    413: ("too-large", "the file is larger than the service takes", "Make the file smaller."),
    429: ("rate-limited", "it limits how often it may be asked", "Run it again later."),
}


def said(body: bytes, content_type: str) -> str:
    """Return the server's own words in an answer, short and on one line; "" when there are none.

    Args:
        body: Of the answer.
        content_type: The header; only JSON and plain text are for readers.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = body[: 64 * LONGEST_QUOTE].decode("utf-8", "replace").strip()
    if kind.endswith("json") or text.startswith("{"):
        try:
            text = _message_in(json.loads(text))
        except (ValueError, RecursionError):
            return ""
    elif kind != "text/plain":
        return ""
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    line = redact(line)
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."


def _message_in(document: object) -> str:
    """Return the message in the forms that services use: Azure's, GitHub's, RFC 9457's, others'."""
    if isinstance(document, list):
        document = document[0] if document else None
    if not isinstance(document, dict):
        return document if isinstance(document, str) else ""
    for key in ("message", "detail", "error_description", "title", "error", "errors"):
        inner = document.get(key)
        text = inner if isinstance(inner, str) else _message_in(inner) if inner else ""
        if text:
            return text
    return ""


def refusal(
    method: str, url: str, *, status: int, reason: str, said: str, passing: bool
) -> ServiceRefused | ServiceUnavailable:
    """Return the error for a status.

    Args:
        method: Of the request.
        url: Credentials and query are not shown.
        status: Of the answer.
        reason: The phrase after the status.
        said: The server's own words, or "".
        passing: True when a later run may get another answer.
    """
    default = (
        "service-failed" if passing else "service-refused",
        "it could not answer now" if passing else "the service refuses the request",
        "Run it again later." if passing else "Mend what the service names, then run it again.",
    )
    code, meaning, cure = ANSWERS.get(status, default)
    phrase = f" {redact(reason)}" if reason else ""
    words = f' The service says: "{said}"' if said else ""
    message = f"{method} {without_credentials(url)} got {status}{phrase}: {meaning}.{words}"
    kind = ServiceUnavailable if passing else ServiceRefused
    return kind(message, code=code, cure=cure)


def too_large(url: str, most: int) -> ServiceRefused:
    """Return the error for an answer that is no page any more.

    Args:
        url: Credentials and query are not shown.
        most: Bytes that are read.
    """
    return ServiceRefused(
        f"{without_credentials(url)} answers with more than {most >> 20} MiB, unpacked; no page of "
        "an index or a service is that large.",
        code="answer-too-large",
        cure="Check the URL; ask whoever runs the service.",
    )


def redirected(method: str, url: str, target: str) -> ServiceRefused:
    """Return the error for a redirect of something that is not read."""
    right = without_credentials(target)
    return ServiceRefused(
        f"{method} {without_credentials(url)} was redirected to {right}; what changes something is "
        "not sent to another place than the one that was given.",
        code="redirected",
        cure=f"If that is the right place, write {right} instead.",
    )


def downgraded(url: str, target: str) -> ServiceRefused:
    """Return the error for a redirect from https to http."""
    return ServiceRefused(
        f"{without_credentials(url)} redirects from https to {without_credentials(target)}, where "
        "anyone on the way could change what is read.",
        code="redirect-insecure",
        cure="Ask whoever runs the service to redirect to https.",
    )


def redirects_without_end(url: str) -> ServiceRefused:
    """Return the error for too many redirects."""
    return ServiceRefused(
        f"{without_credentials(url)} redirects again and again and never answers.",
        code="redirect-loop",
        cure="Check the URL, its scheme and its final slash.",
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds the server asks to wait (RFC 9110, 10.2.3), or None.

    Args:
        headers: Of the answer; a date is read against the server's own Date where there is one,
            so that a wrong clock here does no harm.
        now: Seconds since 1970, UTC.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    sent = _date(headers.get("Date", ""))
    return max(0.0, until - (now if sent is None else sent))


def _date(value: str) -> float | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    try:
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC).timestamp()


def raise_if_final(error: RequestException, what: str) -> None:
    """Raise nothing when another attempt may help, else what a reader can do.

    Args:
        error: From requests.
        what: Method and URL, without credentials.

    Raises:
        SettingError: The URL or a header cannot be sent.
        ServiceRefused: The certificate does not verify, or the proxy refuses.
    """
    from requests import exceptions

    final: StepError | None = None
    text = str(error)
    if isinstance(error, (ValueError, exceptions.InvalidHeader)):
        # InvalidURL, MissingSchema, InvalidSchema, InvalidHeader
        final = SettingError(
            f"{what} cannot be sent: {redact(text)}",
            code="url-invalid",
            cure="Check the URL and the token for stray characters.",
        )
    elif isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
        reason = re.search(r"certificate verify failed: ([^(\"']+)", text)
        final = ServiceRefused(
            f"{what}: the server's certificate does not verify"
            f"{f' ({reason[1].strip()})' if reason else ''}.",
            code="certificate-invalid",
            cure="Where an own authority signs it (a proxy that inspects traffic, an inner "
            "server), name its file in REQUESTS_CA_BUNDLE.",
        )
    elif isinstance(error, exceptions.SSLError) and "WRONG_VERSION_NUMBER" in text:
        final = SettingError(
            f"{what}: the server does not speak https at this port.",
            code="url-invalid",
            cure="Write http:// where that is meant, or correct the port.",
        )
    elif isinstance(error, exceptions.SSLError) and "NO_CERTIFICATE" in text:
        final = SettingError(
            f"{what}: the file of certificate authorities holds none.",
            code="certificates-missing",
            cure="Correct REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE.",
        )
    elif isinstance(error, exceptions.ProxyError) and re.search(r"\b40[37]\b", text):
        final = ServiceRefused(
            f"{what}: the proxy refuses to connect: {_cause(error)}.",
            code="proxy-refused",
            cure="Check HTTPS_PROXY with its user and password, or let the host pass by NO_PROXY.",
        )
    if final is not None:
        raise final from error


def never_connected(error: RequestException) -> bool:
    """Say whether the request cannot have reached the server."""
    from requests import exceptions
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    if isinstance(error, exceptions.ConnectTimeout):
        return True
    return any(isinstance(e, (NewConnectionError, NameResolutionError)) for e in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error with everything that it wraps, outermost first."""
    chain: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and found not in chain:
            chain.append(found)
            waiting += [getattr(found, "reason", None), *found.args, found.__cause__]
    return chain


def _cause(error: BaseException) -> str:
    """Return the innermost reason in plain words, without object addresses."""
    text = str(_chain(error)[-1]) or type(error).__name__
    text = re.sub(r"<[^>]* at 0x[0-9a-fA-F]+>:? ?|\w+\([^()]*\): ", "", text)
    return redact(text).rstrip(".")


def no_answer(what: str, error: RequestException, attempts: int) -> ServiceUnavailable:
    """Return the error for connections that broke or never came about.

    Args:
        what: Method and URL, without credentials.
        error: The last one.
        attempts: How many were made.
    """
    from urllib3.exceptions import NameResolutionError

    unknown = any(isinstance(e, NameResolutionError) for e in _chain(error))
    tries = "one attempt" if attempts == 1 else f"{attempts} attempts"
    return ServiceUnavailable(
        f"{what} got no answer in {tries}: {_cause(error)}.",
        code="host-unknown" if unknown else "no-answer",
        cure="Check how the host is spelled, and that this machine can resolve it."
        if unknown
        else "Run it again; if it stays so, check the network, HTTPS_PROXY and NO_PROXY.",
    )

"""What an index means when it says no, and what to do about it: shared prose, no I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import BuildFailed, ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.answers import said
from wheelstep.ground.secret import redact, without_credentials
from wheelstep.ground.transport import Response, refusal

__all__ = [
    "LACKS",
    "Reader",
    "already_there",
    "reading_refused",
    "type_key",
    "upload_refused",
    "words",
]

TAKEN: Final = re.compile(
    # the public index, pypiserver, devpi, GCP; GitLab; Nexus; Artifactory
    r"already exist|already been taken|already contains|updat(e|ing) asset|overwrite artifact",
    re.IGNORECASE,
)
LACKS: Final = re.compile(r"User '(?P<who>[^']+)' lacks permission.*?'(?P<right>\w+)'", re.DOTALL)
LONGEST_QUOTE: Final = 400


@dataclass(frozen=True, slots=True)
class Reader:
    """What the prose has to know of a destination."""

    name: str
    """For people."""
    who: str
    """How we signed in: "the token that was given", "nobody (no token was given)"."""
    sign_in_cure: str
    """What to do about a token that is not accepted."""
    right_cure: str
    """What to do about a missing right to publish."""
    read_cure: str
    """What to do about a missing right to read."""
    place_cure: str
    """What to do about a place that is not there."""


def words(response: Response) -> str:
    """Return what an answer says to people, on one line, "" when it says nothing.

    Indexes put their message into a JSON document, an HTML page, plain text or the status line.
    """
    content_type = response.headers.get("Content-Type", "")
    text = said(response.body, content_type)
    if not text and "html" in content_type.lower():
        page = response.body[:20_000].decode("utf-8", "replace")
        page = re.sub(r"(?is)<(style|script|title|head)\b.*?</\1>", " ", page)
        text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    if len(response.reason) > len(text):
        text = response.reason
    text = redact(text)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def type_key(response: Response) -> str:
    """Return the `typeKey` of an error of Azure DevOps, else ""."""
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return ""
    key = document.get("typeKey") if isinstance(document, dict) else None
    return key if isinstance(key, str) else ""


def already_there(response: Response) -> bool:
    """Say whether an upload's answer means that the file is there: asked again, never trusted.

    409 is what most say (pypiserver, devpi, Gitea, Azure); 400 or 403 with a text the others
    (twine's `skip_upload` and the servers' own sources).
    """
    if response.status == 409:  # noqa: PLR2004
        return True
    text = f"{response.reason} {response.body[:20_000].decode('utf-8', 'replace')}"
    return response.status in {400, 403} and TAKEN.search(text) is not None


def _quote(response: Response) -> str:
    text = words(response)
    return f' The service says: "{text}"' if text else ""


def _access(what: str, url: str, response: Response, reader: Reader) -> StepError | None:
    """Return the error for 401, 403 and 404, else None.

    Args:
        what: What was being done, e.g. "reading".
        url: Where.
        response: The answer.
        reader: Who we are, and what may help.
    """
    where = f"{reader.name} ({without_credentials(url)})"
    if response.status == 401:  # noqa: PLR2004
        return ServiceRefused(
            f"{where} does not accept the sign-in for {what}: 401, signed in with {reader.who}."
            + _quote(response),
            code="not-authenticated",
            cure=reader.sign_in_cure,
        )
    if response.status == 403:  # noqa: PLR2004
        lacks = LACKS.search(words(response))
        reads = lacks["right"].startswith("Read") if lacks else what == "reading"
        cure = reader.read_cure if reads else reader.right_cure
        if lacks:
            return ServiceRefused(
                f"{where} refuses {what}: {_identity(lacks['who'])}, signed in with {reader.who}, "
                f"lacks the right {lacks['right']}.",
                code="not-authorized",
                cure=cure,
            )
        return ServiceRefused(
            f"{where} refuses {what}: 403, signed in with {reader.who}." + _quote(response),
            code="not-authorized",
            cure=cure,
        )
    if response.status in {404, 410}:
        return ServiceRefused(
            f"{where} is not there, or the sign-in ({reader.who}) may not see it: "
            f"{response.status}." + _quote(response),
            code="not-found",
            cure=reader.place_cure,
        )
    return None


def _identity(who: str) -> str:
    """Name an identity as people find it: the service gives a GUID, or a build service's name."""
    name = who.rpartition(";")[2]
    kind = "the build service identity" if "Build" in name or ";" in who else "the identity"
    return f"{kind} {name}"


def reading_refused(url: str, response: Response, reader: Reader) -> StepError:
    """Return the error for an answer to a reader that is no page and no file."""
    return _access("reading", url, response, reader) or refusal("GET", response)


def upload_refused(url: str, file: str, response: Response, reader: Reader) -> StepError:
    """Return the error for an upload that was not taken, whatever the status.

    Args:
        url: The upload URL.
        file: The wheel's name.
        response: The final answer.
        reader: Who we are, and what may help.
    """
    where = without_credentials(url)
    if response.status == 400:  # noqa: PLR2004
        return BuildFailed(
            f"{reader.name} finds {file} or its metadata invalid: 400.{_quote(response)}",
            code="wheel-refused",
            cure="Mend what the service names in the package's metadata, raise the version, and "
            "build it again.",
        )
    if response.status == 413:  # noqa: PLR2004
        return BuildFailed(
            f"{file} is larger than {reader.name} takes: 413.{_quote(response)}",
            code="wheel-too-large",
            cure="Leave data out of the wheel, or raise the limit of the service or of a proxy "
            "before it.",
        )
    if response.status in {405, 501}:
        return ServiceRefused(
            f"{reader.name} takes no uploads at {where}: {response.status}.{_quote(response)}",
            code="not-an-upload-url",
            cure=reader.place_cure,
        )
    if 300 <= response.status < 400:  # noqa: PLR2004
        target = without_credentials(redact(response.headers.get("Location", "")))
        return ServiceRefused(
            f"{where} redirects the upload of {file} to {target or 'somewhere'}: "
            f"{response.status}. A wheel and a token are not sent to another place than the one "
            "that was given.",
            code="redirected",
            cure=(f"If {target} is the right place, write it in publish-to. " if target else "")
            + "Mind the scheme and the final slash.",
        )
    access = _access("publishing", url, response, reader)
    if access is not None:
        return access
    error = refusal("POST", response)
    if isinstance(error, ServiceUnavailable) and response.status != 429:  # noqa: PLR2004
        error.cure = "Run it again: what was published already is found and left alone."
    return error

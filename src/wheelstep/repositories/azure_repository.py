"""One repository of Azure Repos: where its API is, how it is asked, and what a refusal means.

Source: Azure DevOps REST reference 7.1, "Git"; its answers to what it refuses have a `message` that
begins with a TF code, and a `typeKey`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from wheelstep.errors import ServiceRefused, StepError
from wheelstep.ground.azure_devops import Area, client_for
from wheelstep.ground.secret import Secret, redact, without_credentials
from wheelstep.ground.transport import REDIRECTS, Credentials, Response, Transport
from wheelstep.repositories.answers import error_for, lost_race, meaning, quoted
from wheelstep.repositories.urls import served_url

__all__ = ["LARGEST", "AzureAddress", "AzureRepository", "SaysNo"]

USER: Final = "x-access-token"
"""Azure DevOps takes any user beside a token."""
OK: Final = range(200, 300)
SEEN: Final = (400, 401, 403, 404, 409, 413)
"""Statuses that are answers."""
SIGN_IN: Final = HTTPStatus.NON_AUTHORITATIVE_INFORMATION
"""Comes with the page where people sign in; others lead there."""
SIGN_IN_PAGE: Final = re.compile(r"sign-?in|login|oauth|adfs", re.IGNORECASE)
MEANS: Final[Mapping[int, str]] = {
    401: "not-authenticated",
    403: "push-forbidden",
    404: "repository-not-found",  # also for who has no right to see it
}
"""What a status means whose text says nothing that is known."""
MOVED: Final = "moved"
KINDS: Final[Mapping[str, str]] = {
    MOVED: "remote-moved",
    "UnauthorizedRequestException": "not-authenticated",
    "GitNeedsPermissionException": "push-forbidden",
    "GitRepositoryNotFoundException": "repository-not-found",
    "ProjectDoesNotExistWithNameException": "repository-not-found",
    "ProjectDoesNotExistException": "repository-not-found",
}
"""What a `typeKey` means whose text says nothing that is known: a server may speak any language."""
STALE: Final = re.compile(r"stale|GitReferenceUpdate", re.IGNORECASE)
"""Kinds of what Azure Repos says of a ref that is elsewhere: GitReferenceStaleException, which a
push is answered with (409), and staleOldObjectId, of "Refs - Update Refs"."""
CODED: Final = re.compile(r"(TF|VS)\d{4,}:")
LARGEST: Final = 26_214_400
"""Bytes of a request: 25 MiB, as the reference of "Pushes - Create" has it."""
UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What msrest, and whoever reads what it made, raises for answers of another shape."""
OLDER: Final = ".visualstudio.com"
T = TypeVar("T")


class SaysNo(Exception):
    """Azure Repos answered, and the answer is no."""

    def __init__(self, status: int, said: str, kind: str = "") -> None:
        """Keep what it said.

        Args:
            status: HTTP's; 200 where a part of the answer says no.
            said: Its own words, on one line, without secrets.
            kind: The answer's `typeKey`, or a ref's `updateStatus`.
        """
        super().__init__(said)
        self.status = status
        self.said = said
        self.kind = kind

    @property
    def is_lost_race(self) -> bool:
        """True where it means that a ref is not where it was seen."""
        if lost_race(self.said):
            return True
        # a policy's refusal may be of such a kind, and has a code of its own
        return STALE.search(self.kind) is not None and CODED.match(self.said) is None


@dataclass(frozen=True, slots=True)
class AzureAddress:
    """Where a repository is."""

    base: str
    """The organization's URL, or a server's collection's, without a final slash."""
    project: str
    repository: str

    @classmethod
    def of(cls, url: str) -> AzureAddress | None:
        """Return the address that a remote's URL says; None where it is not of Azure Repos.

        Args:
            url: As git has it; in one of ssh's forms too.
        """
        served = served_url(url)
        if served is None or "/_git/" not in served:
            return None
        before, _, after = served.partition("/_git/")
        repository = unquote(after.strip("/").partition("/")[0])
        parts = urlsplit(before)
        names = [name for name in parts.path.split("/") if name]
        # a project's main repository has a short address, without the project
        least = 0 if (parts.hostname or "").lower().endswith(OLDER) else 1
        if names[:1] and names[0].lower() == ("tfs" if least else "defaultcollection"):
            least += 1  # a server's usual virtual folder, before the collection
        project = unquote(names.pop()) if len(names) > least else repository
        if not repository:
            return None
        return cls("/".join([f"{parts.scheme}://{parts.netloc}", *names]), project, repository)

    @property
    def people(self) -> str:
        """The URL of the host that knows people and groups."""
        parts = urlsplit(self.base)
        host = parts.netloc.lower()
        if host == "dev.azure.com":
            return f"{parts.scheme}://vssps.{host}{parts.path}"
        if host.endswith(OLDER):
            return f"{parts.scheme}://{host.removesuffix(OLDER)}.vssps{OLDER}"
        return self.base  # a server has all at one place


@dataclass(frozen=True, slots=True)
class AzureRepository:
    """A repository and who asks; safe to use from several threads."""

    address: AzureAddress
    transport: Transport
    token: Secret | None
    shown: str
    """The remote as it is shown, without credentials."""

    @classmethod
    def at(cls, url: str, *, transport: Transport, token: Secret | None) -> AzureRepository | None:
        """Return the repository that a remote is; None where it is not of Azure Repos.

        Args:
            url: The remote's, as git has it; in one of ssh's forms too.
            transport: The HTTP policy.
            token: Who asks.
        """
        address = AzureAddress.of(url)
        if address is None:
            return None
        return cls(address, transport, token, served_url(url) or url)

    @property
    def place(self) -> dict[str, str]:
        """What every call about the repository is given."""
        return {"repository_id": self.address.repository, "project": self.address.project}

    def page(self, number: int) -> str:
        """Return the page of a pull request."""
        parts = (self.address.project, "_git", self.address.repository, "pullrequest", str(number))
        return "/".join([self.address.base, *(quote(part) for part in parts)])

    def ask(self, call: Callable[[Any], T], *, area: Area = "git", repeatable: bool = True) -> T:
        """Let a client of the `azure-devops` package ask.

        Args:
            call: Gets the client.
            area: Which one.
            repeatable: False when sending it twice could do harm.

        Raises:
            SaysNo: The service's own answer is no.
            ServiceRefused: The answer is not one of Azure Repos'.
            ServiceUnavailable: No answer, or the rate is limited for longer than is waited for.
        """
        base = self.address.people if area == "identity" else self.address.base
        who = Credentials(base, USER, self.token) if self.token else None

        def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            if len(body or b"") > LARGEST:
                raise SaysNo(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too large")
            response = self.transport.request(
                method,
                url,
                headers=headers,
                credentials=who,
                body=body,
                ok=(*OK, *REDIRECTS),  # not followed: most lead to where people sign in
                accept_statuses=SEEN,
                repeatable=repeatable or method in {"GET", "OPTIONS"},
            )
            if response.status not in OK or response.status == SIGN_IN:
                raise _no(response)
            if "html" in response.headers.get("Content-Type", "").lower():
                raise SaysNo(HTTPStatus.UNAUTHORIZED, "a page for people to sign in")
            return response

        with self.reading():
            return call(client_for(area, base, send))

    def read(self, take: Callable[[], T]) -> T:
        """Take apart what a client returned, which a server may have made up.

        Args:
            take: Does it.

        Raises:
            ServiceRefused: It is not what such a call returns.
        """
        with self.reading():
            return take()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Take answers apart, likewise."""
        try:
            yield
        except UNREADABLE as error:
            raise ServiceRefused(
                f"{self.shown} was answered with something that is not Azure Repos' "
                f"({type(error).__name__}).",
                code="answer-unreadable",
                cure="Look at the address in a browser: a proxy may answer in its place.",
            ) from error

    def error(self, no: SaysNo, branch: str) -> StepError:
        """Return the error that a refusal means.

        Args:
            no: What the service said.
            branch: Short name of the branch or tag that was meant.
        """
        code = KINDS.get(no.kind) or MEANS.get(no.status)
        told = error_for(no.said, remote=self.shown, branch=branch)
        known = told.code != "remote-refused" and no.status != HTTPStatus.NOT_FOUND
        if code is None or known:
            return told
        return meaning(code, quote=no.said, remote=self.shown, branch=branch)


def _no(response: Response) -> SaysNo:
    if response.status in REDIRECTS:
        target = without_credentials(urljoin(response.url, response.headers.get("Location", "")))
        if SIGN_IN_PAGE.search(target) is None:
            return SaysNo(response.status, f"it leads to {target}", MOVED)
    if response.status in {SIGN_IN, *REDIRECTS}:
        return SaysNo(HTTPStatus.UNAUTHORIZED, "a page for people to sign in")
    text = response.body.decode("utf-8-sig", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    about = document if isinstance(document, dict) else {}
    message = about.get("message")
    said = str(message) if message else "" if "<" in text else text
    return SaysNo(
        response.status,
        quoted(redact(said)) or f"status {response.status}",
        str(about.get("typeKey") or ""),
    )

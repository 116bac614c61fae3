"""Proved before stored: does what a connection will hold read what it is for?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import urlsplit

from wheelstep.destinations.refusals import LACKS, type_key, words
from wheelstep.errors import ServiceRefused, StepError
from wheelstep.ground.connections import Connection
from wheelstep.ground.credentials import organization_of
from wheelstep.ground.index_page import SEEN, SUPPRESS_SIGN_IN, ask, files_on
from wheelstep.ground.proxies import is_below
from wheelstep.ground.simple_index import ACCEPT
from wheelstep.ground.transport import Credentials, Response, Transport
from wheelstep.model import Workspace
from wheelstep.stages.connecting.consent import ask_consent
from wheelstep.stages.run import Run
from wheelstep.workspaces.connection import Login, Stored, in_use

__all__ = [
    "Proof",
    "Tried",
    "Whose",
    "asks_for_credentials",
    "prove",
    "reads_index",
    "reads_repository",
    "whose_in",
    "whose_is",
]

ANY_USER: Final = "wheelstep"
"""Beside a token every user name will do: at feeds, at GitHub and at Azure Repos."""
MOST_NAMES: Final = 5
"""How many packages are tried before the index's own page is."""
ADVERTISEMENT: Final = "application/x-git-upload-pack-advertisement"
"""The content type of a repository that may be read (git's http-protocol documentation)."""

NOT_YET: Final = "It was not stored."

Answer = Literal["reads", "nothing-there", "refused", "other"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of trying a credential at one URL."""

    url: str
    outcome: Literal["reads", "everybody", "nothing-there"]
    """"everybody": it reads, and so does who does not sign in."""
    what: str = ""
    """What was read, for people: "the page of acme-core"."""


def _credentials(target: str, login: Login) -> Credentials | None:
    """Return what Azure ML sends below a target, None where a connection has no credentials."""
    user, secret = in_use(login)
    return None if secret is None else Credentials(target, user or ANY_USER, secret)


def whose_is(connection: Connection, login: Login, so: str = NOT_YET) -> Whose:
    """Return whose credentials those of a wanted connection are.

    Args:
        connection: The connection.
        login: What would be stored for it.
        so: What it means when they do not read, a sentence.
    """
    credentials = _credentials(connection.target, login)
    if credentials is None:
        return Whose(None, f"the connection {connection.name} (it has no credentials)", so)
    kind = "password" if login.user is not None else "token"
    who = f"the {kind} of the connection {connection.name} (from {connection.source})"
    return Whose(credentials, who, so)


def whose_in(workspace: Workspace, stored: Stored, login: Login) -> Whose:
    """Return whose credentials those of a connection are that a workspace has."""
    return Whose(
        _credentials(stored.target, login),
        f"what the connection {stored.name} of the workspace {workspace} authenticates with",
        "The image build would be refused, too.",
    )


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose credentials are tried, and what it means when they do not read, for messages."""

    credentials: Credentials | None
    who: str
    """A part of a sentence: "the token of the connection ml-feed (from connection-token)"."""
    so: str
    """A sentence: "It was not stored."."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What there is to try credentials at."""

    names: Sequence[str]
    """Normalised names of packages that may be there, the likeliest first."""
    indexes: Sequence[str]
    """URLs of indexes; those below a connection's target are tried."""
    repositories: Sequence[str] = ()
    """URLs of git repositories; those below a connection's target are tried."""


def prove(
    run: Run, transport: Transport, connection: Connection, login: Login, tried: Tried
) -> list[Proof]:
    """Try a credential, exactly as it will be stored, at all that the connection is for.

    Args:
        run: The run.
        transport: The HTTP policy.
        connection: With its target.
        login: What will be stored.
        tried: Where.

    Returns:
        One for each URL; at least one.

    Raises:
        ServiceRefused: The credential does not read one of them.
        ServiceUnavailable: One does not answer.
        Refused: There is nothing that could be tried, and that is not allowed.
    """
    whose, git = whose_is(connection, login), connection.category == "Git"
    all_urls = dict.fromkeys(tried.repositories if git else tried.indexes)
    urls = [url for url in all_urls if is_below(url, connection.target)]
    proofs = [
        reads_repository(transport, whose, url)
        if git
        else reads_index(transport, whose, url, tried.names)
        for url in urls
    ]
    if not any(proof.outcome != "nothing-there" for proof in proofs):
        _unproven(run, connection, urls)
    for proof in proofs:
        if proof.outcome == "everybody" and connection.auth_type != "None":
            run.warn(
                "connection-not-needed",
                f"{proof.url} can be read by everybody who reaches it; that the token of the "
                f"connection {connection.name} is of use there is not proved by it.",
                cure="Close it, if what is there is private; else no connection is needed.",
            )
    return proofs


def _unproven(run: Run, connection: Connection, urls: Iterable[str]) -> None:
    """Refuse to store what nothing could be tried with, unless that is allowed.

    Raises:
        Refused: It is not.
    """
    tried = ", ".join(urls)
    thing = "repository" if connection.category == "Git" else "index"
    why = (
        f"no package of this repository is to be seen at {tried} yet"
        if tried
        else f"no {thing} below its target {connection.target} is named by a definition"
        + ("" if connection.category == "Git" else " or published to")
    )
    ask_consent(
        run,
        "connection-unproven",
        connection.name,
        f"Whether the token of the connection {connection.name} reads what it is for cannot be "
        f"tried: {why}.",
        "Run `wheelstep release`, which connects once a package is there; or check the target; or "
        "store it all the same:",
    )


# --- an index ---------------------------------------------------------------------------------


def reads_index(transport: Transport, whose: Whose, url: str, names: Sequence[str]) -> Proof:
    """Read the page of a released package, or the index's own where none is there yet.

    Raises:
        ServiceRefused: The credential does not read it; there is no index.
        ServiceUnavailable: No answer.
    """
    base, credentials = f"{url.rstrip('/')}/", whose.credentials
    for name in names[:MOST_NAMES]:
        page = f"{base}{name}/"
        response = _ask(transport, page, credentials)
        match _answer(response, page):
            case "reads":
                files_on(response)  # raises where it is the page of something else
                everybody = credentials is None or _opens(transport, page)
                return Proof(url, "everybody" if everybody else "reads", f"the page of {name}")
            case "nothing-there":
                continue
            case _:
                raise _not_read(whose, url, response)
    # no package is there yet: that the index itself opens to the token, and to nobody else, tells
    # as much; a page that everybody sees may be anything
    response = _ask(transport, base, credentials)
    match _answer(response, base):
        case "reads" if credentials is not None and not _opens(transport, base):
            return Proof(url, "reads", "the index's own page")
        case "reads" | "nothing-there":
            return Proof(url, "nothing-there")
        case _:
            raise _not_read(whose, url, response)


def asks_for_credentials(transport: Transport, url: str, names: Sequence[str]) -> bool:
    """Tell whether an index refuses who does not sign in.

    Raises:
        StepError: It does not answer.
    """
    base = f"{url.rstrip('/')}/"
    page = f"{base}{names[0]}/" if names else base
    return _answer(_ask(transport, page, None), page) == "refused"


def _opens(transport: Transport, page: str) -> bool:
    """Tell whether a page can be read by who does not sign in."""
    return _answer(_ask(transport, page, None), page) == "reads"


def _ask(transport: Transport, page: str, credentials: Credentials | None) -> Response:
    headers = {"Accept": ACCEPT}
    if organization_of(page) or "/_packaging/" in page:
        headers |= SUPPRESS_SIGN_IN
    return ask(transport, page, credentials=credentials, headers=headers)


def _answer(response: Response, page: str) -> Answer:
    if urlsplit(response.url)[:2] != urlsplit(page)[:2]:
        # Azure DevOps sends who is not let in to sign in; others forward to the public index
        return "refused" if organization_of(page) else "nothing-there"
    match response.status:
        case HTTPStatus.OK:
            return "reads"
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return "refused"
        case HTTPStatus.NOT_FOUND:
            # feeds name what is missing
            key = type_key(response).lower()
            return "other" if key and not key.startswith("package") else "nothing-there"
        case _:
            return "other"


def _not_read(whose: Whose, url: str, response: Response) -> StepError:
    said = words(response)
    quote = f' The service says: "{said}"' if said else ""
    if response.status == HTTPStatus.UNAUTHORIZED or 300 <= response.status < 400:  # noqa: PLR2004
        return ServiceRefused(
            f"{url} does not accept {whose.who}: {response.status}. {whose.so}{quote}",
            code="connection-refused",
            cure="It is wrong, has expired or was revoked, or is of another organization: make a "
            "new one with Packaging: Read."
            if whose.credentials is not None
            else "What is there asks for credentials: give the connection a token that may read "
            "(Packaging: Read).",
        )
    if response.status == HTTPStatus.FORBIDDEN:
        lacks = LACKS.search(said)
        right = f", which lacks the right {lacks['right']}" if lacks else ""
        return ServiceRefused(
            f"{url} does not let {whose.who} read{right}: 403. {whose.so}{quote}",
            code="connection-refused",
            cure="Give the token the scope Packaging: Read, and its owner the role Feed Reader "
            "(Azure DevOps: Artifacts, the feed, Feed settings, Permissions).",
        )
    return ServiceRefused(
        f"{url} is no index that {whose.who} could read: {response.status}. {whose.so}{quote}",
        code="not-found",
        cure="Check organization, project and feed in that URL, part by part.",
    )


# --- a repository -----------------------------------------------------------------------------


def reads_repository(transport: Transport, whose: Whose, url: str) -> Proof:
    """Ask a repository for its references, as `git ls-remote` does.

    Raises:
        ServiceRefused: The credential does not read it.
        ServiceUnavailable: No answer.
    """
    response = _references(transport, url, whose.credentials)
    if not _advertises(response):
        said = words(response)
        hidden = response.status == HTTPStatus.NOT_FOUND
        why = " (hosts say so, too, of what one may not see)" if hidden else ""
        quote = f' The service says: "{said}"' if said else ""
        raise ServiceRefused(
            f"The repository {url} does not let {whose.who} read: {response.status}{why}. "
            f"{whose.so}{quote}",
            code="connection-refused",
            cure="Check the URL; give the token the right to read it (GitHub: Contents: Read-only, "
            "for this repository; Azure DevOps: Code: Read).",
        )
    if whose.credentials is None or _advertises(_references(transport, url, None)):
        return Proof(url, "everybody", "its references")
    return Proof(url, "reads", "its references")


def _references(transport: Transport, url: str, credentials: Credentials | None) -> Response:
    return transport.request(
        "GET",
        f"{url.rstrip('/')}/info/refs?service=git-upload-pack",
        headers=SUPPRESS_SIGN_IN if organization_of(url) else None,
        credentials=credentials,
        accept_statuses=SEEN,
    )


def _advertises(response: Response) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return response.status == HTTPStatus.OK and kind == ADVERTISEMENT

"""The pages of indexes, each read once for all definitions together."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from wheelstep.errors import (
    CannotHere,
    DefinitionUnresolvable,
    ServiceRefused,
    SettingError,
    StepError,
)
from wheelstep.ground.blob_answers import SILENT_PIP, blob_refusal
from wheelstep.ground.index_page import SUPPRESS_SIGN_IN, ask, files_on
from wheelstep.ground.public_index import IndexCredential
from wheelstep.ground.secret import Secret, without_credentials
from wheelstep.ground.simple_index import ACCEPT, parse
from wheelstep.ground.transport import Credentials, Response, Transport, refusal
from wheelstep.model import Listed

__all__ = ["Asked", "Page", "Pages", "project_of"]

HEADERS: Final = {"Accept": ACCEPT, **SUPPRESS_SIGN_IN}
GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True, slots=True)
class Asked:
    """A page, and who reads it."""

    url: str
    """The index, or the page or folder of links; http, https or file; without credentials."""
    name: str
    """The project's normalised name."""
    credential: IndexCredential | None = None
    links: bool = False
    """True for a page or folder of links (`--find-links`), which is the same for every name."""


@dataclass(frozen=True, slots=True)
class Page:
    """What came of it."""

    files: tuple[Listed, ...] = ()
    error: StepError | None = None
    refused: bool = False
    """The error is a 401 or 403: whoever reads may not, or has to sign in."""


class Pages:
    """Reads pages, each at most once; thread-safe."""

    def __init__(self, transport: Transport) -> None:
        """Keep the HTTP policy; nothing is asked yet."""
        self.transport = transport
        self._known: dict[Asked, Future[Page]] = {}
        self._guard = threading.Lock()

    def new(self, asked: Iterable[Asked]) -> list[Asked]:
        """Return those that were not asked for yet, each once."""
        with self._guard:
            return [one for one in dict.fromkeys(asked) if self._key(one) not in self._known]

    def read_all(self, asked: Iterable[Asked], pool: Executor) -> None:
        """Read many in parallel; `of` has them then."""
        for done in [pool.submit(self.of, one) for one in dict.fromkeys(asked)]:
            done.result()

    def of(self, asked: Asked) -> Page:
        """Return a page; what keeps us from reading it is part of it, never an empty page."""
        key = self._key(asked)
        with self._guard:
            known = self._known.get(key)
            mine = known is None
            if known is None:
                known = self._known[key] = Future()
        if mine:
            try:
                known.set_result(self._read(key))
            except BaseException as error:
                known.set_exception(error)
                raise
        page = known.result()
        if not asked.links or page.error is not None:
            return page
        return Page(tuple(file for file in page.files if project_of(file.file) == asked.name))

    @staticmethod
    def _key(asked: Asked) -> Asked:
        return Asked(asked.url, "", asked.credential, links=True) if asked.links else asked

    def _read(self, asked: Asked) -> Page:
        try:
            match urlsplit(asked.url).scheme.lower():
                case "file":
                    return Page(tuple(_on_disk(asked)))
                case "http" | "https":
                    return self._over_the_network(asked)
                case _:
                    return Page()  # uv says what it thinks of it
        except ValueError:
            return Page(error=_no_url(asked.url))
        except StepError as error:
            # what a definition names is no setting
            wrong = isinstance(error, SettingError) and error.code == "url-invalid"
            return Page(error=_no_url(asked.url, error.message) if wrong else error)

    def _over_the_network(self, asked: Asked) -> Page:
        url = asked.url if asked.links else f"{asked.url.rstrip('/')}/{asked.name}/"
        who = _credentials(asked.credential)
        response = ask(self.transport, url, credentials=who, headers=HEADERS)
        if (why := blob_refusal(response)) is not None:
            return Page(error=_closed(asked, why))
        if response.status in GONE:
            return Page()
        if response.status == HTTPStatus.FORBIDDEN and not asked.links and self._open(asked, who):
            # a bucket behind a web server says this of every page that it does not have
            return Page()
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Page(error=_refused(asked, response), refused=True)
        if response.status != HTTPStatus.OK:
            return Page(error=refusal("GET", response))
        return Page(tuple(files_on(response)))

    def _open(self, asked: Asked, who: Credentials | None) -> bool:
        """Tell whether the index itself lets us read: a 403 speaks of the one page then."""
        root = ask(self.transport, f"{asked.url.rstrip('/')}/", credentials=who, headers=HEADERS)
        return root.status == HTTPStatus.OK


def _credentials(credential: IndexCredential | None) -> Credentials | None:
    if credential is None:
        return None
    return Credentials(credential.url, credential.user, credential.password or Secret(""))


def _no_url(url: str, why: str = "") -> DefinitionUnresolvable:
    return DefinitionUnresolvable(
        f"{without_credentials(url).rpartition('@')[2]!r} is no URL that an index could have"
        f"{f': {why}' if why else '.'}",
        code="unresolvable",
        cure="Mend it: pip would fail there, too.",
    )


def _refused(asked: Asked, response: Response) -> ServiceRefused:
    host = urlsplit(asked.url).netloc.rpartition("@")[2]
    return ServiceRefused(
        f"{host} refused the credentials while reading {without_credentials(asked.url)}: "
        f"{response.status}.",
        code="index-unauthorized",
        cure="Check that the token has not expired and may read there (Packaging: Read), and that "
        "the URL is right.",
    )


def _closed(asked: Asked, why: str) -> ServiceRefused:
    return ServiceRefused(
        f"{without_credentials(asked.url)} cannot be read: {why}. {SILENT_PIP}.",
        code="mirror-unreadable",
        cure="Let it be read inside the network in which images are built, and run the step there; "
        "or pin by URL from the workspace's own storage. docs/firewall.md has the ways that work.",
    )


def _on_disk(asked: Asked) -> list[Listed]:
    """Return what a folder of this machine lists, as pip reads it.

    Raises:
        CannotHere: It cannot be read.
        ServiceRefused: Its page is none.
    """
    place = Path(url2pathname(urlsplit(asked.url).path))
    if not asked.links:
        place /= asked.name
    try:
        if asked.links and place.is_dir():
            return [
                Listed(file.name, file.absolute().as_uri(), None)
                for file in sorted(place.iterdir())
                if file.is_file() and project_of(file.name)
            ]
        page = place / "index.html" if place.is_dir() else place
        url = page.absolute().as_uri()
        return parse(page.read_bytes(), "text/html", url) if page.is_file() else []
    except OSError as error:
        raise CannotHere.from_os_error(error, "reading an index of this machine") from error


def project_of(file: str) -> str | None:
    """Return the normalised name of the project that a file belongs to; None for other files."""
    try:
        if file.endswith(".whl"):
            return canonicalize_name(parse_wheel_filename(file)[0])
        return canonicalize_name(parse_sdist_filename(file)[0])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None

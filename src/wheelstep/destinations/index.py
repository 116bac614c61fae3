"""Any PyPI-compatible index: pypiserver, devpi, Nexus, Artifactory, GitLab and their kin.

Uploads have the form of the public index's upload API (twine makes it); reading is PEP 503 and
PEP 691. Both URLs are known: nothing is guessed from answers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from wheelstep.destinations.refusals import (
    Reader,
    already_there,
    reading_refused,
    upload_refused,
)
from wheelstep.destinations.upload_form import UploadForm
from wheelstep.errors import CannotHere, Refused, ServiceRefused, StepError
from wheelstep.ground import simple_index
from wheelstep.ground.credentials import SignIn, organization_of
from wheelstep.ground.index_page import SEEN, ask, files_on
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.threads import ThreadPool
from wheelstep.ground.transport import Credentials, Response, Transport
from wheelstep.model import Index, Listed, Wheel

__all__ = ["IndexDestination"]

FINAL: Final = frozenset(range(300, 500)) - {408, 429}
"""What another attempt would get again."""
ANSWERED: Final = FINAL | frozenset(range(200, 300))
PATIENCE: Final = 5.0
"""So many times longer than others an upload may take from its last byte to its answer: five
minutes. An index checks a large wheel meanwhile."""


class IndexDestination:
    """An index that takes uploads at one URL and shows them at another.

    Safe to use from several threads.
    """

    kind = "index"
    beside: Mapping[str, str] = MappingProxyType({})
    """Headers of every request."""

    def __init__(
        self,
        *,
        name: str,
        upload_url: str,
        simple_url: str,
        transport: Transport,
        sign_in: Callable[[], SignIn | None] | None,
        serve_url: str | None = None,
        parallel: int = 16,
    ) -> None:
        """Keep the URLs; nothing is asked yet.

        Args:
            name: For people.
            upload_url: Where wheels are sent; without credentials.
            simple_url: The simple index, with a final slash; without credentials.
            transport: The HTTP policy.
            sign_in: Returns who we are, asked when it is needed first; None: nobody.
            serve_url: Where consumers read it, when not at `simple_url`.
            parallel: How many files are transferred at once.
        """
        self.name = name
        self.upload_url = upload_url
        self.simple_url = simple_url
        self.place = simple_url
        self.transport = transport
        self.serve_url = serve_url
        self.parallel = parallel
        self._sign_in = sign_in
        self._guard = threading.Lock()

    # -- what the interface asks

    @property
    def consumer_url(self) -> str | None:
        """The simple index's URL as a definition would name it."""
        return self.serve_url or self.simple_url

    def index(self) -> Index:
        """Return how consumers read it."""
        return Index(url=self.consumer_url)

    def unacceptable(self, wheel: Wheel) -> str | None:  # noqa: ARG002 - as the interface has it
        """Say why it would refuse this wheel: nothing that is known before."""
        return None

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return what it lists now, for each normalised project name.

        Raises:
            ServiceRefused: Not authorised, no index there.
            ServiceUnavailable: No answer within the retry budget.
        """
        return self._look(names, self.simple_url)

    def _look(self, names: Sequence[str], base: str) -> Mapping[str, Sequence[Listed]]:
        unique = list(dict.fromkeys(names))
        self.signed_in()  # once, before many threads find out that nobody is
        if len(unique) > 1:
            # pages are small: twice as many at once as files
            with ThreadPool(min(self.parallel * 2, len(unique))) as pool:
                pages = list(pool.map(partial(self._page, base), unique))
        else:
            # in this thread: it keeps its connection, which matters while a file is waited for
            pages = [self._page(base, name) for name in unique]
        if any(page is None for page in pages):
            self._prove_it_is_there()
        return {name: page or [] for name, page in zip(unique, pages, strict=True)}

    def fetch(self, listed: Listed, target: Path | None) -> str:
        """Download a listed file, verified against its SHA-256 where one is listed.

        Raises:
            Refused: The file is not the one that is listed.
            ServiceRefused: Not authorised.
            ServiceUnavailable: No answer within the retry budget.
            CannotHere: `target` cannot be written.
        """
        part = target and target.with_name(
            f".{target.name}.{os.getpid()}.{threading.get_ident()}.part"
        )
        try:
            response = self.transport.request(
                "GET",
                listed.url,
                headers=self.beside,
                credentials=self.credentials_for(listed.url),
                accept_statuses=SEEN,
                stream_to=part,
                hash_only=True,
            )
            if response.status != HTTPStatus.OK:
                raise self.reading_refusal(listed.url, response)
            if listed.sha256 not in {None, response.sha256}:
                raise Refused(
                    f"{self.name} served {listed.file} with other bytes than it lists: SHA-256 "
                    f"{response.sha256} instead of {listed.sha256}.",
                    code="hash-mismatch",
                    cure="Run it again; if it stays so, a cache on the way or the index itself is "
                    "damaged: do not use the file before its owner has looked at it.",
                )
            if part and target:
                part.replace(target)
        except OSError as error:
            raise CannotHere.from_os_error(error, f"fetching {listed.file}") from error
        finally:
            if part:
                part.unlink(missing_ok=True)
        return response.sha256

    def put(self, wheel: Wheel) -> bool:
        """Publish one wheel (its `path` is set).

        Returns:
            False when the index says that the file is there already.

        Raises:
            ServiceRefused: Not authorised, no index there, redirected.
            ServiceUnavailable: No answer within the retry budget.
            BuildFailed: The index, or twine, finds the wheel or its metadata invalid.
            CannotHere: The wheel cannot be read, or is no longer what it was.
        """
        if wheel.path is None:
            raise ValueError(f"{wheel.file} is not on this machine")
        form = UploadForm(wheel.path, wheel.sha256)
        response = self.transport.request(
            "POST",
            self.upload_url,
            credentials=self.credentials_for(self.upload_url),
            body=form,
            headers={"Content-Type": form.content_type, **self.beside},
            ok=ANSWERED,
            patience=PATIENCE,
            refused=lambda _, response: self.upload_refusal(wheel.file, response),
        )
        if self.is_stored(response):
            return True
        if self.is_taken(wheel, response):
            return False
        raise self.upload_refusal(wheel.file, response)

    # -- what a kind of index words or knows otherwise

    def is_stored(self, response: Response) -> bool:
        """Say whether an answer to an upload means that the file was taken."""
        return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES

    def is_taken(self, wheel: Wheel, response: Response) -> bool:  # noqa: ARG002
        """Say whether an answer means that the file is there already."""
        return already_there(response)

    def upload_refusal(self, file: str, response: Response) -> StepError:
        """Return the error for an upload that was not taken."""
        return upload_refused(self.upload_url, file, response, self.reader())

    def reading_refusal(self, url: str, response: Response) -> StepError:
        """Return the error for an answer to a reader that is no page and no file."""
        return reading_refused(url, response, self.reader())

    def is_missing_page(self, response: Response) -> bool:
        """Say whether an answer means that the index has no such project."""
        return response.status == HTTPStatus.NOT_FOUND

    def headers(self) -> Mapping[str, str]:
        """Return what is sent along when a page is read."""
        return {"Accept": simple_index.ACCEPT, **self.beside}

    def credentials_for(self, url: str) -> Credentials | None:
        """Return who we are at a URL, None where nobody signs in.

        The token belongs to the hosts that the destination names, as pip and uv have it: indexes
        keep their files beside the simple pages, at paths of their own. Where many organizations
        share a host, it belongs to theirs alone.
        """
        if self._sign_in is None:
            return None
        parts = urlsplit(url)
        for known in (self.upload_url, self.simple_url):
            owner = organization_of(known)
            if parts[:2] == urlsplit(known)[:2] and organization_of(url) == owner:
                who = self.signed_in()
                first = parts.path.lstrip("/").partition("/")[0]
                alone = owner is None or parts.netloc.lower().endswith(".visualstudio.com")
                path = "/" if alone else f"/{first}/"
                prefix = urlunsplit((*parts[:2], path, "", ""))
                return None if who is None else Credentials(prefix, who.user, who.secret)
        return None

    def signed_in(self) -> SignIn | None:
        """Return who signs in; the first call may ask a service."""
        if self._sign_in is None:
            return None
        with self._guard:
            return self._sign_in()

    def reader(self) -> Reader:
        """Return what error messages have to know."""
        who = self.signed_in()
        return Reader(
            name=self.name,
            who=who.source if who else "nobody (no token was given)",
            sign_in_cure="Check feed-user and feed-token (or the table's user and token-env): is "
            "the token of this index, and has it expired?",
            right_cure="Give that user the right to read and to upload, or use another token.",
            read_cure="Give that user the right to read, or use another token.",
            place_cure="Check the URL in publish-to: index+BASE uploads to BASE and reads "
            "BASE/simple/; index+UPLOAD#simple=SIMPLE names both.",
        )

    # -- pages

    def _page(self, base: str, name: str) -> list[Listed] | None:
        """Return a project's files, or None when the index has no page for it."""
        url = f"{base}{name}/"
        who = self.credentials_for(url)
        response = ask(self.transport, url, credentials=who, headers=self.headers())
        if self.is_elsewhere(response) or self.is_missing_page(response):
            return None
        if response.status != HTTPStatus.OK:
            raise self.reading_refusal(url, response)
        return files_on(response)

    def is_elsewhere(self, response: Response) -> bool:
        """Say whether another host answered: an index that forwards to the public one when it has
        no such project (GitLab does) does not have the files that are listed there."""
        return urlsplit(response.url)[:2] != urlsplit(self.simple_url)[:2]

    def _prove_it_is_there(self) -> None:
        """Tell a project that is not there from an index that is not there.

        PEP 503: the root of a simple index is a page. An index that answers HEAD with anything
        but "not found" is taken to be there.

        Raises:
            ServiceRefused: The index is not there, or has moved as a whole.
        """
        response = self.transport.request(
            "HEAD",
            self.simple_url,
            headers=self.headers(),
            credentials=self.credentials_for(self.simple_url),
            accept_statuses=FINAL,
        )
        if self.is_elsewhere(response):
            target = without_credentials(response.url)
            raise ServiceRefused(
                f"{self.name} redirects from {without_credentials(self.simple_url)} to {target}; a "
                "token is not sent to another place than the one that was given.",
                code="redirected",
                cure=f"If {target} is the right place, write it in publish-to.",
            )
        if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise ServiceRefused(
                f"{self.name} has no simple index at {without_credentials(self.simple_url)}: "
                f"{response.status}.",
                code="not-found",
                cure=self.reader().place_cure,
            )

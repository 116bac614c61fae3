"""One request on the wire: requests' adapter, without its sessions.

A session merges settings, reads the process's environment and keeps cookies, for every request
anew, and belongs to one thread. The adapter alone takes a third of the time, and its connections
are shared: what one thread has opened, with its TLS handshake, the next one uses.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from wheelstep.errors import CannotHere
from wheelstep.ground import answers

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

__all__ = ["LARGEST_PAGE", "Body", "FileBody", "Sender", "changed_on_disk", "page_of", "written"]

PIECE: Final = 1 << 18
"""Bytes read from the network at a time."""
SENT_PIECE: Final = 1 << 20
"""Bytes read from a file that is sent at a time: many threads that send take turns for each."""
PAGE_PIECE: Final = 1 << 14
"""The same for pages, which may be compressed: a piece can unpack to a thousand times its size."""
LARGEST_PAGE: Final = 64 << 20
"""Bytes, unpacked, that are taken into memory; the largest page of the public index has a third."""
CONNECTIONS: Final = 64
"""Kept for each host: more than any run uses at once."""


class Body(Protocol):
    """What is sent in pieces; iterated anew for every attempt."""

    def __len__(self) -> int:
        """Return how many bytes there are."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield them.

        Raises:
            CannotHere: They cannot be read.
        """


class FileBody:
    """A file as a body."""

    def __init__(self, path: Path, *, sha256: str | None = None) -> None:
        """Keep the file's size as it is now.

        Args:
            path: The file.
            sha256: What it has to be, hex: where it is not, its last bytes are never sent, and
                nobody keeps the rest.

        Raises:
            CannotHere: There is no such file.
        """
        self.path = path
        self._sha256 = sha256
        try:
            self._size = path.stat().st_size
        except OSError as error:
            raise CannotHere.from_os_error(error, "reading a file to send") from error

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file's bytes.

        Raises:
            CannotHere: It cannot be read, or is another one by now.
        """
        total = hashlib.sha256()
        try:
            with self.path.open("rb", buffering=0) as stream:
                piece = stream.read(SENT_PIECE)
                while following := stream.read(SENT_PIECE):
                    if self._sha256:
                        total.update(piece)
                    yield piece
                    piece = following
                if self._sha256:
                    total.update(piece)
                    if total.hexdigest() != self._sha256:
                        raise changed_on_disk(self.path)
                yield piece
        except OSError as error:
            raise CannotHere.from_os_error(error, "reading a file to send") from error


def changed_on_disk(path: Path) -> CannotHere:
    """Return the error for a wheel that is not what was looked into."""
    return CannotHere(
        f"{path.name} changed on this disk since it was built and checked.",
        code="wheel-changed",
        cure="Run it again, and let nothing else write to the same dist folder.",
    )


class Sender:
    """Sends requests, each once; safe to use from several threads, which share its connections."""

    def __init__(self) -> None:
        """Prepare; nothing is imported or opened yet."""
        self._guard = threading.Lock()
        self._adapter: HTTPAdapter | None = None

    def adapter(self) -> HTTPAdapter:
        """Return what sends."""
        with self._guard:
            if self._adapter is None:
                self._adapter = self.new_adapter()
            return self._adapter

    def new_adapter(self) -> HTTPAdapter:
        """Return an adapter without retries of its own."""
        from requests.adapters import HTTPAdapter

        return HTTPAdapter(max_retries=0, pool_maxsize=CONNECTIONS)

    def close(self) -> None:
        """Close all connections that are not in use; can be used again afterwards."""
        with self._guard:
            adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.close()

    @contextlib.contextmanager
    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Body | None,
        verify: str | bool,
        proxies: Mapping[str, str],
        timeout: tuple[float, float],
    ) -> Iterator[requests.Response]:
        """Send a request and give its answer, whose body is still to be read.

        Args:
            method: As sent.
            url: Absolute.
            headers: All of them; the body's length is added.
            body: What to send.
            verify: Certificate authorities, as requests has it.
            proxies: By scheme, as requests has it.
            timeout: Seconds to connect, and seconds without a byte while reading.

        Raises:
            RequestException: No answer, or the URL or a header cannot be sent.
            CannotHere: The body cannot be read.
        """
        import requests
        from urllib3.exceptions import LocationValueError

        prepared = requests.PreparedRequest()
        prepared.method = method
        prepared.prepare_url(url, None)
        sent = dict(headers)
        sent.setdefault("Accept", "*/*")
        sent.setdefault("Accept-Encoding", "gzip, deflate")
        if body is not None or method not in {"GET", "HEAD"}:
            sent["Content-Length"] = str(len(body or b""))
        prepared.prepare_headers(sent)
        # the library's annotation knows fewer of the forms that it sends
        prepared.body = body  # type: ignore[assignment]
        try:
            answer: Any = self.adapter().send(
                prepared, stream=True, timeout=timeout, verify=verify, proxies=dict(proxies)
            )
        except LocationValueError as error:
            # a host whose parts are empty or too long: found by what looks it up, and not wrapped
            raise requests.exceptions.InvalidURL(str(error)) from error
        with contextlib.closing(answer):
            yield answer


def page_of(answer: requests.Response, url: str) -> bytes:
    """Return an answer's body.

    Raises:
        ServiceRefused: It does not end where any page would.
    """
    body = bytearray()
    for piece in answer.iter_content(PAGE_PIECE):
        body += piece
        if len(body) > LARGEST_PAGE:
            raise answers.too_large(url, LARGEST_PAGE)
    return bytes(body)


def written(answer: requests.Response, target: Path | None) -> str:
    """Read a download as it is sent, and return its SHA-256, hex.

    A server that packs although it was asked not to (Accept-Encoding: identity) gives pip bytes
    with another hash: pip unpacks none (its `response_chunks`), so neither is it done here.

    Args:
        answer: Its body is still to be read.
        target: Where to write it: a file that is not whole does not stay. None keeps nothing.

    Raises:
        CannotHere: It cannot be written.
    """
    total = hashlib.sha256()
    answer.raw.headers.discard("Content-Encoding")  # by which it would be unpacked on the way
    pieces = answer.iter_content(PIECE)
    if target is None:
        for piece in pieces:
            total.update(piece)
        return total.hexdigest()
    doing = "writing a download"
    try:
        out = target.open("wb")
    except OSError as error:
        raise CannotHere.from_os_error(error, doing) from error
    whole = False
    try:
        with out:
            for piece in pieces:
                total.update(piece)
                try:
                    out.write(piece)
                except OSError as error:
                    raise CannotHere.from_os_error(error, doing) from error
        whole = True
    finally:
        if not whole:
            target.unlink(missing_ok=True)
    return total.hexdigest()

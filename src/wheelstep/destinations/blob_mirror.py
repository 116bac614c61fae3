"""A mirror in a container of Azure Blob Storage, which pip and uv install from.

The pages are made by the same code as a folder's; how they are laid out and kept right by any
number of publishers, without a lock, is in `mirror_project` and `mirror_root`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.blob_store import BlobStore
from wheelstep.destinations.interface import ReadBack
from wheelstep.destinations.jobs import in_parallel
from wheelstep.destinations.layout import (
    METADATA_ENDING,
    SIMPLE,
    links_page,
    project_of,
)
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.destinations.mirror_beside import Beside
from wheelstep.destinations.mirror_heal import METADATA_KIND, NEVER_CHANGES, heal
from wheelstep.destinations.mirror_project import (
    GONE,
    HTML,
    Entry,
    MirrorForm,
    bring_up_to_date,
    files_in,
)
from wheelstep.destinations.mirror_root import BLOB_FORM, INDEX_FORM, add_to_root
from wheelstep.destinations.mirror_window import Window
from wheelstep.destinations.verified import verified
from wheelstep.destinations.wheel_metadata import notes_about
from wheelstep.errors import CannotHere, ServiceRefused, SettingError, StepError
from wheelstep.ground.blob_answers import HIDDEN, SILENT_PIP, error_code
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.simple_index import ACCEPT, parse
from wheelstep.ground.swap import Tagged, swap
from wheelstep.ground.transport import Response, Transport, refusal
from wheelstep.model import Index, Listed, Wheel

__all__ = ["BlobMirror"]

BESIDE: Final = 8
"""Files of a kilobyte at once, beside the wheels: more threads would take turns only."""
WHEEL_KIND: Final = "application/octet-stream"
NOBODY_READS: Final = frozenset({
    HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT,
})  # fmt: skip
NEVER_THERE: Final = ".wheelstep"
"""A name that no project has: asked for by nobody, to see what everybody is told."""
ANSWERS_CLEARLY: Final = "2021-12-02"
"""With a version of the protocol the service says in its code why it does not answer."""


class BlobMirror:
    """A static index in a container."""

    kind = "mirror"

    def __init__(
        self,
        address: MirrorAddress,
        *,
        name: str,
        transport: Transport,
        sign_in: Callable[[], BlobSignIn],
        serve_url: str | None = None,
        parallel: int = 16,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            address: Where it is written.
            name: For people.
            transport: The run's HTTP policy.
            sign_in: Returns who writes; asked when the first request is sent.
            serve_url: Where consumers read it, with a final slash; None: where it is written.
            parallel: How many projects are listed, or their pages or metadata written, at once.
        """
        self.address = address
        self.name = name
        self.place = address.url
        self.store = BlobStore(address, transport, sign_in)
        self._sign_in = sign_in
        self._serve = serve_url or address.url
        self._transport = transport
        self._parallel = parallel
        self._guard = threading.Lock()
        self._known: dict[str, dict[str, Entry]] = {}
        """Project -> its folder as it was listed last: used once, by what is written on condition
        that it still is so."""
        self._beside = Beside(min(parallel, BESIDE))
        self._asked = False
        """Whether the form is being found out already."""
        self._named: set[str] = set()
        """New projects that the page of all projects names by now, or is about to."""
        self._written: dict[str, list[Listed]] = {}
        """Project -> what its pages list, by what this run has written last."""

    @property
    def consumer_url(self) -> str | None:
        """The simple index as a definition would name it."""
        return f"{self._serve}{SIMPLE}/"

    @property
    def boundary_name(self) -> str:
        """What `allow` calls it."""
        return f"{self.address.account}/{self.address.container}".lower()

    def signed_in(self) -> BlobSignIn:
        """Return who signs in.

        Raises:
            SettingError: What was given is no SAS, key or connection string of this account.
        """
        return self._sign_in()

    def index(self) -> Index:
        """Return how consumers read it."""
        return Index(url=self.consumer_url)

    def public_url(self, file: str) -> str | None:
        """Return the URL at which consumers read a wheel."""
        return f"{self._serve}{SIMPLE}/{project_of(file)}/{quote(file)}"

    def unacceptable(self, wheel: Wheel) -> str | None:
        """Say why it would refuse a wheel: only for a name that is no wheel's."""
        return None if project_of(wheel.file) else f"{wheel.file!r} is not the name of a wheel"

    @cached_property
    def form(self) -> MirrorForm:
        """How pages are named here, where no page tells it yet.

        Raises:
            StepError: It cannot be found out.
        """
        if self.address.website:
            return INDEX_FORM
        for form in (BLOB_FORM, INDEX_FORM):
            if self.store.tagged(f"{SIMPLE}/{form.page}")[0] is not None:
                return form
        return self._served(INDEX_FORM) if self.store.hierarchical() else BLOB_FORM

    def _served(self, form: MirrorForm) -> MirrorForm:
        """Refuse a place at which nobody serves such pages."""
        if self._serve != self.address.url:
            return form
        raise SettingError(
            f"The storage account {self.address.account} has a hierarchical namespace: it keeps no "
            "page under the name of a folder, and no container of it serves index.html, so pip "
            "finds no project in "
            f"{self.address.url}.",
            code="storage-hierarchical",
            cure="Publish to the container $web, with `serve-url` set to the account's static "
            "website; or set `serve-url` to what serves this container otherwise; or use an "
            "account without a hierarchical namespace.",
        )

    # -- reading

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return the wheels that lie there, on a page or not yet (see `served`)."""
        found = in_parallel([partial(self._look, name) for name in names], self._parallel)
        return dict(zip(names, found, strict=True))

    def _look(self, name: str) -> list[Listed]:
        entries = self.store.entries(f"{SIMPLE}/{name}")
        with self._guard:
            self._known[name] = entries
        return self._linked(name, files_in(name, entries), self.address.url)

    def _linked(self, name: str, files: Sequence[Listed], base: str) -> list[Listed]:
        return [replace(one, url=f"{base}{SIMPLE}/{name}/{one.url}") for one in files]

    def served(self, names: Sequence[str], at: ReadBack) -> Mapping[str, Sequence[Listed]]:
        """Return what the pages list: where consumers read, or where they were written."""
        read = {"serve": self._read_there, "write": self._read_here, "none": self._wrote}[at]
        found = in_parallel([partial(read, name) for name in names], self._parallel)
        return dict(zip(names, found, strict=True))

    def _wrote(self, name: str) -> list[Listed]:
        with self._guard:
            files = self._written.get(name)
        if files is None:
            return self._read_here(name)
        return self._linked(name, files, self.address.url)

    def _read_here(self, name: str) -> list[Listed]:
        page = self._page_here(name)
        return parse(page, HTML, f"{self.address.url}{SIMPLE}/{name}/") if page is not None else []

    def _page_here(self, name: str) -> bytes | None:
        forms = (INDEX_FORM,) if self.address.website else (BLOB_FORM, INDEX_FORM)
        pages = (self.store.read(f"{SIMPLE}/{name}/{form.page}") for form in forms)
        return next((page for page in pages if page is not None), None)

    @cached_property
    def window(self) -> Window:
        """The mirror as this machine can read it, with the step's own sign-in."""
        return Window(self.store, self._page_here)

    def _read_there(self, name: str) -> list[Listed]:
        answer = self._transport.request(
            "GET",
            f"{self._serve}{SIMPLE}/{name}/",
            headers={"Accept": ACCEPT},
            accept_statuses={HTTPStatus.NOT_FOUND},
            refused=self._unreadable,
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            if error_code(answer) == HIDDEN:
                raise self._unreadable("GET", answer)
            return []
        return parse(answer.body, answer.headers.get("Content-Type", ""), answer.url)

    def _unreadable(self, method: str, answer: Response) -> StepError:
        if answer.status not in NOBODY_READS:
            return refusal(method, answer)
        status = f"{answer.status} {error_code(answer)}".rstrip()
        return ServiceRefused(
            f"Consumers cannot read the mirror: {without_credentials(answer.url)} says {status}. "
            f"{SILENT_PIP}.",
            code="mirror-unreadable",
            cure="Where consumers are inside a network that this machine is not in, set "
            "`read-back` to write. Else let the container be read inside the network "
            "(docs/firewall.md has the combinations that work), set `serve-url` to where it is "
            "read, or publish to the workspace's own storage (azureml://).",
        )

    def open_to_all(self) -> bool | None:
        """Tell whether somebody who does not sign in can read it, where the network lets them; None
        where that is not known from here.

        A static website can always be read so, whatever the account says of anonymous access
        (Microsoft Learn, "Static website hosting in Azure Storage").

        Raises:
            ServiceUnavailable: It does not answer.
        """
        if self.address.website:
            return True
        try:
            if self.store.public_access() is None:
                return False
        except ServiceRefused:
            pass  # whoever signs in may not ask: what the service says to nobody tells it, too
        answer = self._transport.request(
            "GET",
            f"{self.address.url}{SIMPLE}/{NEVER_THERE}",
            headers={"x-ms-version": ANSWERS_CLEARLY},
            accept_statuses=NOBODY_READS,
        )
        match answer.status, error_code(answer):
            case (200, _) | (HTTPStatus.NOT_FOUND, "BlobNotFound"):
                return True
            case (HTTPStatus.UNAUTHORIZED, _) | (HTTPStatus.CONFLICT, _):
                return False
            case (HTTPStatus.NOT_FOUND, code) if code in {HIDDEN, "ContainerNotFound"}:
                return False
            case _:
                return None

    def fetch(self, listed: Listed, target: Path | None) -> str:
        """Read a listed file, verified.

        Raises:
            Refused: What is there has another hash than the page says.
            ServiceRefused: The place where consumers read says no.
            ServiceUnavailable: It does not answer.
            CannotHere: The file cannot be written.
        """
        base = f"{self.address.url}{SIMPLE}/"
        if listed.url.startswith(base):
            path = f"{SIMPLE}/{project_of(listed.file)}/{listed.file}"
            found = self.store.download(path, target)
        else:
            found = self._transport.request(
                "GET", listed.url, stream_to=target, hash_only=True, refused=self._unreadable
            ).sha256
        return verified(
            found,
            listed,
            target,
            says="the mirror",
            cure="remove the version (`wheelstep mirror --delete`) and publish it again",
        )

    # -- writing

    def put(self, wheel: Wheel) -> bool:
        """Store one wheel and then its metadata, neither ever overwritten; the metadata is on its
        way when this ends, and is waited for by `finish`.

        Raises:
            StepError: As the store has it.
        """
        if wheel.path is None:
            raise CannotHere(
                f"{wheel.file} is not on this machine.",
                code="wheel-missing",
                cure="Build the package first.",
            )
        name = project_of(wheel.file) or wheel.name
        folder = f"{SIMPLE}/{name}"
        with self._guard:
            entries = self._known.get(name)
            there = (entries or {}).get(wheel.file)
            early = entries is not None and not self._asked and _form_of(entries) is None
            self._asked |= early
        if early:
            # the pages of a new project need it: no wheel waits until it is found out
            self._beside.store(name, lambda: self.form)
        if there is not None and GONE in there.notes:
            self.store.remove(f"{folder}/{wheel.file}{METADATA_ENDING}")
            self.store.remove(f"{folder}/{wheel.file}", etag=there.etag)
        notes, metadata = notes_about(wheel.file, wheel.sha256, wheel.path)
        stored = self.store.create(
            f"{folder}/{wheel.file}",
            wheel.path,
            kind=WHEEL_KIND,
            cache=NEVER_CHANGES,
            notes=notes,
        )
        if not stored:
            with self._guard:
                self._known.pop(name, None)
            return False
        fresh = {wheel.file: Entry("", wheel.path.stat().st_size, notes)}
        if metadata is not None:
            beside = f"{wheel.file}{METADATA_ENDING}"
            self._beside.store(
                name, partial(self.store.create, f"{folder}/{beside}", metadata,
                              kind=METADATA_KIND, cache=NEVER_CHANGES, notes={})
            )  # fmt: skip
            fresh[beside] = Entry("", len(metadata))
        with self._guard:
            self._known.get(name, {}).update(fresh)
        self._announce(name)
        return True

    def _announce(self, name: str) -> None:
        """Let the page of all projects name a new one while its other wheels are on their way; of
        several new ones all are named at once, by `finish`."""
        with self._guard:
            new = [one for one, entries in self._known.items() if self._is_new(entries)]
            if new != [name] or name in self._named:
                return
            self._named.add(name)
        self._beside.store(name, lambda: self._in_form(lambda form: self._add(form, [name])))

    def _is_new(self, entries: Mapping[str, Entry]) -> bool:
        if self.address.website:
            return INDEX_FORM.page not in entries
        return _form_of(entries) is None

    def finish(self, names: Sequence[str]) -> None:
        """Let the pages of these projects list the wheels that lie there."""
        for name in names:
            self._beside.wait(name)
        with self._guard:
            known = {name: self._known.pop(name, None) for name in names}
        listed = {
            name: entries if entries is not None else self.store.entries(f"{SIMPLE}/{name}")
            for name, entries in known.items()
        }
        new = [name for name in names if self._is_new(listed[name]) and name not in self._named]
        filled = [name for name in new if files_in(name, listed[name])]
        if filled:
            self._in_form(lambda form: self._add(form, filled))
        in_parallel(
            [partial(self._finish, name, entries) for name, entries in listed.items()],
            self._parallel,
        )

    def _finish(self, name: str, entries: dict[str, Entry]) -> None:
        healed = heal(self.store, name, entries)

        def write(form: MirrorForm) -> None:
            files = bring_up_to_date(
                self.store, form, name, known=healed, clock=self._transport.clock
            )
            with self._guard:
                self._written[name] = files

        there = None if self.address.website else _form_of(entries)
        if there is not None:
            write(there)
        else:
            self._in_form(write)

    def link(self, definition: str, files: Sequence[Listed]) -> str | None:
        """Write the page of links for one definition."""
        path, page = links_page(definition, files)

        def read() -> Tagged[bytes]:
            data, etag = self.store.tagged(path)
            return Tagged(data or b"", etag)

        def write(data: bytes, etag: str | None) -> None:
            self.store.write(path, data, etag=etag, kind=HTML, notes={})

        swap(
            f"the page {path}",
            read=read,
            decide=lambda _: page,
            write=write,
            clock=self._transport.clock,
        )
        return f"{self._serve}{quote(path)}"

    def _add(self, form: MirrorForm, names: Sequence[str]) -> None:
        add_to_root(self.store, form, names, clock=self._transport.clock)

    def _in_form(self, write: Callable[[MirrorForm], None]) -> None:
        """Write in the form of the place; in the other one, where that shows only now."""
        try:
            write(self.form)
        except ServiceRefused as error:
            if error.code != "storage-hierarchical" or self.form is INDEX_FORM:
                raise
            self.form = self._served(INDEX_FORM)
            write(self.form)


def _form_of(entries: Mapping[str, Entry]) -> MirrorForm | None:
    """Return how a project's pages are named, None where it has none yet."""
    for form in (BLOB_FORM, INDEX_FORM):
        if form.page in entries:
            return form
    return None

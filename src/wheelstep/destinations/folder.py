"""A folder that pip and uv install from: the embedded destination, which needs no service.

Readable as `--index-url file:///.../simple/`, behind any web server, and by `--find-links`. The
layout and the order of writing are in `layout`; what makes several processes safe, in `store`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote, urlsplit

from wheelstep.destinations.interface import ReadBack, Wanted
from wheelstep.destinations.layout import (
    METADATA_ENDING,
    SIMPLE,
    links_page,
    pages,
    path_of,
    project_of,
    requires_python,
    root_pages,
)
from wheelstep.destinations.store import FileStore, sha256_of
from wheelstep.destinations.verified import verified
from wheelstep.destinations.wheel_metadata import metadata_in
from wheelstep.errors import CannotHere, Refused, ServiceRefused, SettingError
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.simple_index import ACCEPT, parse
from wheelstep.ground.transport import Credentials, Transport
from wheelstep.model import Index, Listed, Wheel

__all__ = ["FolderDestination"]

NOT_FOUND: Final = 404


class FolderDestination:
    """A static index in a folder; see `layout`."""

    kind = "folder"

    def __init__(self, wanted: Wanted, root: Path, *, transport: Transport | None = None) -> None:
        """Prepare; nothing is made yet.

        Args:
            wanted: Its `url` is a folder, relative to `root` or absolute, or a file:// URL. `user`
                and `token` are for reading at `serve_url`, and sent nowhere else.
            root: The repository's root.
            transport: To read at `serve_url` with.

        Raises:
            SettingError: A file:// URL of another machine, or a `serve_url` that is no URL.
        """
        self.folder = _folder(wanted.url, root)
        self.name = wanted.name or wanted.url
        self.place = _place(wanted.url, self.folder, root)
        self._store = FileStore(self.folder)
        self._serve = _base(wanted.serve_url)
        self._transport = transport or Transport({})
        self._credentials = (
            Credentials(self._serve, wanted.user or "wheelstep", wanted.token)
            if self._serve and wanted.token
            else None
        )

    @property
    def local_index(self) -> str:
        """The file:// URL of its simple index: for this machine only, never for a definition."""
        return f"{self.folder.as_uri()}/{SIMPLE}/"

    @property
    def consumer_url(self) -> str | None:
        """The index below `serve_url`; None without one."""
        return f"{self._serve}{SIMPLE}/" if self._serve else None

    def index(self) -> Index:
        """Return how consumers read it: at its `serve_url`, or not in a way that can be named."""
        return Index(url=self.consumer_url)

    def public_url(self, file: str) -> str | None:
        """Return the URL at which consumers read a wheel; None without a `serve_url`."""
        return f"{self._serve}{quote(path_of(file))}" if self._serve else None

    def unacceptable(self, wheel: Wheel) -> str | None:
        """Say why it would refuse a wheel: only for a name that is no wheel's."""
        return None if project_of(wheel.file) else f"{wheel.file!r} is not the name of a wheel"

    # -- reading --------------------------------------------------------------------------------

    def look(self, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return the wheels that lie there, on a page or not yet (see `served`)."""
        return {name: self._lying(name, files) for name, files in self._files(names).items()}

    def _files(self, names: Sequence[str]) -> dict[str, list[str]]:
        return {name: self._wheels(name) for name in names}

    def _wheels(self, name: str) -> list[str]:
        there = self._store.names(f"{SIMPLE}/{name}")
        return [file for file in there if project_of(file) == name]

    def _lying(self, name: str, files: Sequence[str]) -> list[Listed]:
        recorded = self._recorded(name)
        listed = []
        for file in files:
            path = self.folder / path_of(file)
            try:
                size = path.stat().st_size
            except OSError as error:
                raise CannotHere.from_os_error(error, "reading the folder") from error
            known = recorded.get(file)
            metadata = self._store.read(f"{path_of(file)}{METADATA_ENDING}")
            listed.append(
                Listed(
                    file=file,
                    url=path.as_uri(),
                    # what is there is never overwritten: a recorded hash stays right
                    sha256=known.sha256 if known and known.size == size else sha256_of(path),
                    size=size,
                    requires_python=requires_python(metadata) if metadata else None,
                    yanked=known.yanked if known else None,
                    core_metadata=hashlib.sha256(metadata).hexdigest() if metadata else None,
                )
            )
        return listed

    def _recorded(self, name: str) -> dict[str, Listed]:
        """Return what the page says; nothing when it cannot be read, it is derived anyway."""
        page = self._store.read(f"{SIMPLE}/{name}/index.json")
        if page is None:
            return {}
        try:
            return {
                listed.file: listed
                for listed in parse(page, "application/json", self.local_index)
                if listed.sha256
            }
        except ServiceRefused:
            return {}

    def served(self, names: Sequence[str], at: ReadBack) -> Mapping[str, Sequence[Listed]]:
        """Return what the pages list, in the folder or at `serve_url`."""
        return {name: self._page(name, at) for name in names}

    def _page(self, name: str, at: ReadBack) -> list[Listed]:
        if at == "serve" and self._serve:
            url = f"{self._serve}{SIMPLE}/{name}/"
            answer = self._transport.request(
                "GET",
                url,
                headers={"Accept": ACCEPT},
                credentials=self._credentials,
                accept_statuses={NOT_FOUND},
            )
            if answer.status == NOT_FOUND:
                return []
            return parse(answer.body, answer.headers.get("Content-Type", ""), answer.url)
        page = self._store.read(f"{SIMPLE}/{name}/index.html")
        return parse(page, "text/html", f"{self.local_index}{name}/") if page is not None else []

    def fetch(self, listed: Listed, target: Path | None) -> str:
        """Read a listed file, verified.

        Raises:
            Refused: What is there has another hash than the page says.
            ServiceRefused: The place where consumers read says no.
            ServiceUnavailable: It does not answer.
            CannotHere: The file cannot be read or written.
        """
        if urlsplit(listed.url).scheme == "file":
            # both resolved: the folder may be written with `..` in it, which a URL never has
            if not _path_in(listed.url).resolve().is_relative_to(self.folder.resolve()):
                raise _elsewhere(listed)
            try:
                if target is not None:
                    shutil.copyfile(_path_in(listed.url), target)
                found = sha256_of(target or _path_in(listed.url))
            except OSError as error:
                raise CannotHere.from_os_error(error, "reading a wheel back") from error
        else:
            found = self._transport.request(
                "GET",
                listed.url,
                credentials=self._credentials,
                stream_to=target,
                hash_only=True,
            ).sha256
        project = project_of(listed.file)
        return verified(
            found,
            listed,
            target,
            says="the page that lists it",
            cure=f"put the right file back, or remove the wheel and {SIMPLE}/{project}/ and run it "
            "again",
        )

    # -- writing --------------------------------------------------------------------------------

    def put(self, wheel: Wheel) -> bool:
        """Store one wheel and its metadata; `finish` makes it visible.

        Raises:
            CannotHere: Disk full, not writable, or the wheel changed since it was checked.
        """
        assert wheel.path is not None  # noqa: S101 - what the interface says
        stored = self._store.add(path_of(wheel.file), wheel.path, wheel.sha256)
        if stored:
            with self._store.locked():
                self._write_metadata(wheel.file)
        return stored

    def _write_metadata(self, file: str) -> None:
        """Write a wheel's METADATA beside it, where it is not there yet; the lock is held."""
        path = f"{path_of(file)}{METADATA_ENDING}"
        if self._store.read(path) is not None:
            return
        metadata = metadata_in(file, self.folder / path_of(file))
        if metadata is not None:
            self._store.write(path, metadata)

    def finish(self, names: Sequence[str]) -> None:
        """Derive the pages of these projects from the wheels that lie there."""
        if not names:
            return
        with self._store.locked():
            for name, files in self._files(names).items():
                if not files and self._store.read(f"{SIMPLE}/{name}/index.html") is None:
                    continue
                for file in files:
                    self._write_metadata(file)
                self._store.sweep(f"{SIMPLE}/{name}")
                for path, page in pages(name, self._lying(name, files)).items():
                    self._store.write(path, page)
            self._store.sweep(SIMPLE)
            listed = [
                name
                for name in self._store.names(SIMPLE)
                if (self.folder / SIMPLE / name / "index.html").is_file()
            ]
            for path, page in root_pages(listed).items():
                self._store.write(path, page)

    def link(self, definition: str, files: Sequence[Listed]) -> str | None:
        """Write the page of links for one definition."""
        path, page = links_page(definition, files)
        with self._store.locked():
            self._store.write(path, page)
        return f"{self._serve}{quote(path)}" if self._serve else None


def _elsewhere(listed: Listed) -> Refused:
    return Refused(
        f"The page that lists {listed.file} leads to another file of this machine, not to a wheel "
        "of the folder.",
        code="foreign-link",
        cure="Find out who changed the page, or what answers at serve-url.",
    )


def _path_in(url: str) -> Path:
    from urllib.request import url2pathname  # takes an HTTP client with it

    return Path(url2pathname(urlsplit(url).path))


def _folder(written: str, root: Path) -> Path:
    if not written.lower().startswith("file:"):
        return Path((root / written).absolute())
    parts = urlsplit(written)
    if parts.netloc.lower() not in {"", "localhost"} or not parts.path.startswith("/"):
        raise SettingError(
            f"{without_credentials(written)} is not a folder of this machine: a file:// URL has "
            "three slashes before the absolute path.",
            code="url-invalid",
            cure="Write file:///ABSOLUTE/FOLDER, or the folder's path itself.",
        )
    return _path_in(written)


def _place(written: str, folder: Path, root: Path) -> str:
    """Return what the lock says: relative to the repository where it lies within."""
    try:
        return folder.relative_to(root.absolute()).as_posix()
    except ValueError:
        return PurePath(written).as_posix() if "://" not in written else written


def _base(serve_url: str | None) -> str | None:
    """Return the base URL with a final slash."""
    if not serve_url:
        return None
    parts = urlsplit(serve_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise SettingError(
            f"serve-url {without_credentials(serve_url)!r} is not an http or https URL without a "
            "user and password.",
            code="url-invalid",
            cure="Write it as https://HOST/PATH; a token for it is given apart.",
        )
    return serve_url.split("#", 1)[0].rstrip("/") + "/"

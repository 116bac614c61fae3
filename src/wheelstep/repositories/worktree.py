"""`commit: none`: the files as they lie in the work tree, changed in place, nothing committed."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, final

from wheelstep.errors import CannotHere, Refused
from wheelstep.ground.git import Git
from wheelstep.lock import FILE
from wheelstep.model import Change
from wheelstep.repositories.interface import Committed, Snapshot, Wording
from wheelstep.repositories.objects import LINK, REGULAR, History
from wheelstep.repositories.paths import check_path

__all__ = ["WorkTree", "WorkTreeSnapshot"]


@final
class WorkTreeSnapshot:
    """The tracked files as they lie on disk; the lock and wheels also when git does not track them
    yet: a run before this one may have written them."""

    def __init__(self, git: Git) -> None:
        """Keep where to read; each file is read once, and stays as it was then."""
        self.head: None = None
        self.revision: None = None
        self._git = git
        self._read: dict[str, bytes | None] = {}

    @cached_property
    def tracked(self) -> frozenset[str]:
        """The regular files that the index names."""
        return frozenset(path for path, mode in self._modes.items() if mode in REGULAR)

    @cached_property
    def _modes(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for record in self._git.records("ls-files", "-s", "-z", "--full-name"):
            about, _, path = record.partition("\t")
            found[path] = about.partition(" ")[0]
        return found

    def links(self) -> Mapping[str, str]:
        """Return the tracked symbolic links that are on disk with where they lead to."""
        found = {}
        for path, mode in self._modes.items():
            if mode == LINK:
                with contextlib.suppress(OSError):  # gone, or no link any more
                    found[path] = (self._git.directory / path).readlink().as_posix()
        return found

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes as they lie on disk; None where there is no tracked regular file.

        Raises:
            CannotHere: This user may not read it.
        """
        if path not in self._read:
            known = path in self.tracked or path == FILE or path.endswith(".whl")
            self._read[path] = _bytes(self._git.directory, path) if known else None
        return self._read[path]

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the bytes of those of `paths` that `read` would return."""
        found = {path: self.read(path) for path in paths}
        return {path: content for path, content in found.items() if content is not None}

    def check(self, path: str) -> None:
        """Refuse a path that leads out of the repository, or where no regular file can be."""
        _check(self._git.directory, path)

    def paths(self) -> Sequence[str]:
        """Return the tracked files that are on disk, and the lock if it is; sorted."""
        root = self._git.directory
        return sorted(path for path in self.tracked | {FILE} if _is_file(root, path))

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Tell whether `older` is `newer` or an ancestor of it; None where that is not known."""
        return History(self._git).is_ancestor(older, newer)

    def describe(self) -> str:
        """Return the work tree in words."""
        return f"the work tree {self._git.directory}"


@final
class WorkTree:
    """The files of the checkout."""

    room: Final = None

    def __init__(self, git: Git) -> None:
        """Keep where the files are."""
        self._git = git

    def prove(self) -> None:
        """Nothing can stand in the way that could be seen before writing."""

    def snapshot(self) -> WorkTreeSnapshot:
        """Return the work tree as it is from now on read."""
        return WorkTreeSnapshot(self._git)

    def settle(self, on: Snapshot) -> None:
        """Do nothing: `propose` ends in one piece, or the next one finishes it."""

    def propose(
        self, changes: Sequence[Change], *, on: Snapshot, wording: Wording
    ) -> Committed | None:
        """Write the changed files; each is replaced whole, and all go back when one fails.

        Returns:
            None when one of the files is not any more as the change expects it.

        Raises:
            Refused: A path leads out of the repository, or is no regular file.
            CannotHere: A file cannot be written, disk full.
        """
        del on, wording
        root = self._git.directory
        for change in changes:
            _check(root, change.path)
        if any(_bytes(root, change.path) != change.before for change in changes):
            return None
        written: list[Change] = []
        try:
            for change in changes:
                if change.after != change.before:
                    _put(root / change.path, change.after)
                    written.append(change)
        except OSError as error:
            for change in written:
                with contextlib.suppress(OSError):  # the first error is the one to tell
                    _put(root / change.path, change.before)
            raise CannotHere.from_os_error(
                error, "writing the changed files", file=changes[len(written)].path
            ) from error
        return Committed("none")


def _check(root: Path, path: str) -> None:
    check_path(path)
    taken = os.path.lexists(root / path) and not _is_file(root, path)
    if taken or _through_link(root, path):
        _refuse(path)


def _through_link(root: Path, path: str) -> bool:
    folder = root
    for part in path.split("/")[:-1]:
        folder /= part
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            return True
    return False


def _is_file(root: Path, path: str) -> bool:
    place = root / path
    try:
        return stat.S_ISREG(place.lstat().st_mode) and not _through_link(root, path)
    except OSError:
        return False


def _bytes(root: Path, path: str) -> bytes | None:
    if not _is_file(root, path):
        return None
    try:
        return (root / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotHere.from_os_error(error, "reading the work tree", file=path) from error


def _replace(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # beside the file, so that the last step is one rename; with the mode that it has, or that any
    # new file of this user gets
    mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".tmp", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode if mode is not None else _usual_mode())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _usual_mode() -> int:
    # there is no way to read the mask without setting it; the window is two system calls wide
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _put(place: Path, content: bytes | None) -> None:
    if content is None:
        place.unlink(missing_ok=True)
    else:
        _replace(place, content)


def _refuse(path: str) -> None:
    raise Refused(
        f"{path} is no regular file, or is reached through a symbolic link, so it is not edited.",
        code="not-a-regular-file",
        cure="Name the file itself in `definitions`, by the path at which git keeps it.",
        file=path,
    )

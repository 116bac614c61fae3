"""A head read from git's objects, and a commit built from them: no work tree, no user's index."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere, Refused
from wheelstep.ground.git import Git
from wheelstep.model import Change
from wheelstep.repositories.blobs import read_blobs, store_blobs
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.paths import check_path, folders_of

__all__ = [
    "COMMIT_ID",
    "Entry",
    "GitSnapshot",
    "History",
    "Touched",
    "build_commit",
    "index_lines",
    "merged_text",
    "touched_between",
    "tree_with",
    "write_blobs",
]

REGULAR: Final = frozenset({"100644", "100755"})
LINK: Final = "120000"
COMMIT_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Entry:
    """What git keeps at one path."""

    mode: str
    oid: str

    @property
    def is_regular(self) -> bool:
        """True for a file; False for a symbolic link and a submodule."""
        return self.mode in REGULAR


@dataclass(frozen=True, slots=True)
class Touched:
    """One path of a commit of ours."""

    path: str
    old: Entry | None
    """None where the file is new."""
    new: Entry | None
    """None where the file goes."""


class History:
    """Questions about commits that a repository may or may not have."""

    def __init__(self, git: Git, extra: Mapping[str, str] | None = None) -> None:
        """Keep where to ask.

        Args:
            git: In the repository.
            extra: Environment for git: a partial clone fetches what it reads.
        """
        self._git = git
        self._extra = dict(extra or {})

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Tell whether `older` is `newer` or an ancestor of it; None where that is not known.

        The ids may come from a file that anyone can edit: what is no id is an unknown commit.
        """
        if not COMMIT_ID.fullmatch(older) or not COMMIT_ID.fullmatch(newer):
            return None
        # a commit that is not here is unknown, and nothing to ask a partial clone's remote for
        extra = self._extra | {"GIT_NO_LAZY_FETCH": "1"}
        asked = f"{older}^{{commit}}\n{newer}^{{commit}}\n".encode()
        kinds = self._git.try_("cat-file", "--batch-check", stdin=asked, extra=extra)
        if kinds.code != 0 or b" missing" in kinds.out:
            return None
        if older == newer:
            return True
        answer = self._git.try_("merge-base", "--is-ancestor", older, newer, extra=extra)
        if answer.code == 0:
            return True
        cut = self._git.text("rev-parse", "--is-shallow-repository") == "true"
        return None if answer.code != 1 or cut else False


class GitSnapshot:
    """A commit, read from the object store: bytes as committed, no filters."""

    def __init__(
        self,
        git: Git,
        head: str,
        *,
        branch: str,
        tree: str | None = None,
        extra: Mapping[str, str] | None = None,
        bring: Callable[[Sequence[str]], None] | None = None,
        sources: Git | None = None,
    ) -> None:
        """Keep what to read.

        Args:
            git: In the repository that has the commit.
            head: Full commit id.
            branch: Short name of the branch it is the head of.
            tree: What is read in the place of the commit's own tree.
            extra: Environment for git: a partial clone fetches what it reads.
            bring: Fetches the objects that a partial clone lacks, all at once.
            sources: In the repository that the packages' commits are of, where it is another one.
        """
        self.head: str = head
        self.branch = branch
        self.revision = tree or head
        """What git reads it by."""
        self._bring = bring
        self._sources = sources
        self._git = git
        self.extra = dict(extra or {})
        """Environment for git: a partial clone fetches what it reads."""
        self._read: dict[str, bytes] = {}

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Everything in the commit: files, symbolic links, submodules."""
        out = self._git.output(
            "ls-tree", "-r", "-z", "--full-tree", self.revision, extra=self.extra
        )
        found: dict[str, Entry] = {}
        for record in out.decode("utf-8", "surrogateescape").split("\0"):
            about, tab, path = record.partition("\t")
            if tab:
                mode, _, oid = about.split(" ")
                found[path] = Entry(mode, oid)
        return found

    @cached_property
    def _folders(self) -> AbstractSet[str]:
        return folders_of(self.entries)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes as committed; None where there is no regular file."""
        return self.read_many([path]).get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the bytes of those of `paths` that are regular files."""
        wanted = [path for path in paths if path in self.entries and self.entries[path].is_regular]
        missing = [path for path in wanted if path not in self._read]
        self._read |= zip(missing, self._blobs(missing), strict=True)
        return {path: self._read[path] for path in wanted}

    def _blobs(self, paths: Sequence[str]) -> Sequence[bytes]:
        ids = [self.entries[path].oid for path in paths]
        if self._bring and ids:
            self._bring(ids)
        return read_blobs(self._git, ids, extra=self.extra)

    def check(self, path: str) -> None:
        """Refuse a path that leads out of the repository, or where no regular file can be."""
        check_path(path)
        _check_place(path, self.entries, self._folders)

    def paths(self) -> Sequence[str]:
        """Return all regular files of the commit, sorted."""
        return sorted(path for path, entry in self.entries.items() if entry.is_regular)

    def links(self) -> Mapping[str, str]:
        """Return the symbolic links of the commit with where they lead to."""
        found = [path for path, one in self.entries.items() if one.mode == LINK]
        return {
            path: text.decode("utf-8", "surrogateescape")
            for path, text in zip(found, self._blobs(found), strict=True)
        }

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Tell whether `older` is `newer` or an ancestor of it; None where that is not known."""
        return History(self._sources or self._git, self.extra).is_ancestor(older, newer)

    def describe(self) -> str:
        """Return the head in words: branch, short id, subject and author."""
        # not by `git log`: in a shallow clone the parents may be missing, and it wants them
        done = self._git.try_("cat-file", "commit", self.head, extra=self.extra)
        about, _, text = done.text.partition("\n\n")
        author = re.search(r"^author (.*?) <", about, re.MULTILINE)
        subject = text.partition("\n")[0]
        short = self.head[:10]
        return f"{self.branch} at {short} ({subject}, {author[1] if author else 'nobody'})"


def write_blobs(git: Git, snapshot: GitSnapshot, changes: Sequence[Change]) -> Sequence[Touched]:
    """Write the new contents into the object store, byte for byte, and return what differs.

    Raises:
        Refused: A path leads out of the repository, or is no regular file at the head.
        CannotHere: Disk full.
    """
    for change in changes:
        snapshot.check(change.path)
    ids = store_blobs(git, [change.after for change in changes if change.after is not None])
    touched: list[Touched] = []
    for change in changes:
        old = snapshot.entries.get(change.path)
        if change.after is None:
            if old is not None:
                touched.append(Touched(change.path, old, None))
            continue
        new = Entry(old.mode if old else "100644", ids[change.after])
        if new != old:
            touched.append(Touched(change.path, old, new))
    return touched


def merged_text(git: Git, ours: bytes | None, old: bytes, theirs: bytes | None) -> bytes | None:
    """Merge two changes of one text, line by line (git-merge-file(1)).

    Args:
        git: In the repository.
        ours: One.
        old: What both began with.
        theirs: The other one.

    Returns:
        None where both changed the same lines, or a text is none.

    Raises:
        CannotHere: Disk full.
    """
    if ours is None or theirs is None or b"\0" in ours + old + theirs:
        return None
    with tempfile.TemporaryDirectory(prefix="wheelstep-") as scratch:
        places = [Path(scratch) / name for name in ("ours", "old", "theirs")]
        try:
            for place, text in zip(places, (ours, old, theirs), strict=True):
                place.write_bytes(text)
        except OSError as error:
            raise CannotHere.from_os_error(error, "merging two changes of a file") from error
        # what both begin with in the middle is git's own order of arguments
        done = git.try_("merge-file", "-p", "-q", *map(str, places))
    return done.out if done.code == 0 else None


def _check_place(path: str, entries: Mapping[str, Entry], folders: AbstractSet[str]) -> None:
    parents = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
    taken = next((parent for parent in parents if parent in entries), None)
    own = entries.get(path)
    if taken is None and (own is None or own.is_regular):
        if own is not None or path not in folders:
            return
        what = "is a folder"
    elif taken is not None:
        what = f"lies below {taken}, which is no folder in git (a link, a submodule or a file)"
    else:
        what = "is no regular file in git (a link or a submodule)"
    raise Refused(
        f"{path} {what}, so it is not edited.",
        code="not-a-regular-file",
        cure="Name the file itself in `definitions`, by the path at which git keeps it.",
        file=path,
    )


def touched_between(git: Git, old: str, new: str) -> Sequence[Touched]:
    """Return what a commit of ours changed: files that are new, have other content, or went."""
    raw = git.records("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", old, new)
    touched = []
    for head, path in zip(raw[::2], raw[1::2], strict=True):
        old_mode, new_mode, old_id, new_id, _ = head.removeprefix(":").split(" ")
        before = None if set(old_id) == {"0"} else Entry(old_mode, old_id)
        after = None if set(new_id) == {"0"} else Entry(new_mode, new_id)
        touched.append(Touched(path, before, after))
    return touched


def index_lines(entries: Iterable[tuple[str, Entry | None]], *, width: int) -> bytes:
    """Return what `git update-index -z --index-info` is told.

    Args:
        entries: Paths and what they shall hold; None takes a path out.
        width: How many digits this repository's object ids have.
    """
    # mode 0 takes a path out, whatever its id
    return "".join(
        f"{entry.mode} {entry.oid}\t{path}\0" if entry else f"0 {'0' * width}\t{path}\0"
        for path, entry in entries
    ).encode("utf-8", "surrogateescape")


def tree_with(
    git: Git,
    base: str,
    touched: Sequence[Touched],
    *,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Write the tree of a commit with some files as they are to be, and return its id.

    It is put together in an index file of its own.

    Args:
        git: In the repository.
        base: Full id of the commit.
        touched: What differs from it.
        extra: Environment for git: a partial clone fetches what it reads.

    Raises:
        CannotHere: Disk full.
    """
    lines = index_lines([(each.path, each.new) for each in touched], width=len(base))
    with tempfile.TemporaryDirectory(prefix="wheelstep-") as scratch:
        index = dict(extra or {}) | {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git.output("read-tree", base, extra=index)
        git.output("update-index", "-z", "--index-info", stdin=lines, extra=index)
        # --missing-ok: a partial clone need not have the files that stay as they are
        return git.text("write-tree", "--missing-ok", extra=index)


def build_commit(
    git: Git,
    snapshot: GitSnapshot,
    tree: str,
    *,
    message: str,
    identity: Identity,
) -> str:
    """Write a commit on the snapshot's head and return its id; nothing refers to it yet.

    Args:
        git: In the repository.
        snapshot: The parent.
        tree: Object id of what it holds.
        message: As it is committed.
        identity: Author and committer.

    Raises:
        CannotHere: Disk full.
    """
    return git.text(
        "commit-tree",
        tree,
        "-p",
        snapshot.head,
        "-F",
        "-",
        stdin=message.encode("utf-8", "surrogateescape"),
        extra=identity.variables(),
    )

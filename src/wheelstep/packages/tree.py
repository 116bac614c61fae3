"""One commit's files, read from git at once: paths, modes and object ids, no work tree."""

from __future__ import annotations

import bisect
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wheelstep.errors import CannotHere
from wheelstep.ground.git import Git
from wheelstep.model import Project

__all__ = ["Entry", "Tree", "blobs", "is_below", "read_tree", "resolve_commit"]

LINK = "120000"
SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """A tracked file, symbolic link or submodule."""

    mode: str
    """As git writes it: "100644", "100755", "120000" (link), "160000" (submodule)."""
    oid: str


@dataclass(frozen=True)
class Tree:
    """All tracked paths of one commit."""

    commit: str
    """Full id."""
    entries: Mapping[str, Entry]
    """By path relative to the repository's root, with forward slashes."""
    _sorted: list[str] = field(default_factory=list, compare=False, repr=False)

    def below(self, folder: str) -> Iterator[str]:
        """Yield the paths below a folder, sorted.

        Args:
            folder: Relative to the root; "." for the root.
        """
        if not self._sorted:
            self._sorted.extend(sorted(self.entries))
        prefix = "" if folder == "." else f"{folder}/"
        start = bisect.bisect_left(self._sorted, prefix)
        for position in range(start, len(self._sorted)):
            path = self._sorted[position]
            if not path.startswith(prefix):
                return
            yield path

    def has_folder(self, folder: str) -> bool:
        """Tell whether anything is tracked below a folder."""
        return next(self.below(folder), None) is not None

    def linked(self, git: Git, project: Project, paths: Collection[str]) -> list[str]:
        """Return the tracked files that links among `paths` lead to and that are not in `paths`.

        A link that leads out of the package (`LICENSE -> ../../LICENSE`) makes what it leads to a
        part of the package. Links out of the repository lead to nothing.

        Args:
            git: The repository.
            project: The package; links into its own folder add nothing.
            paths: The package's own source files.
        """
        found: set[str] = set()
        links = [path for path in paths if self.entries[path].mode == LINK]
        while links:
            texts = blobs(git, (self.entries[link].oid for link in links))
            new: set[str] = set()
            for link in links:
                target = texts[self.entries[link].oid].decode("utf-8", "surrogateescape")
                if posixpath.isabs(target):
                    continue
                goal = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
                nested = any(is_below(goal, folder) for folder in project.nested)
                # what lies in the package itself is a source already, or was left out on purpose
                own = is_below(goal, project.directory) and not nested
                # a link to a folder above would make the whole repository a part of the package
                if own or goal.split("/")[0] == ".." or is_below(project.directory, goal):
                    continue
                new.update(self.below(goal))
                if goal in self.entries:
                    new.add(goal)
            new -= found
            new.difference_update(paths)
            found |= new
            links = [path for path in new if self.entries[path].mode == LINK]
        return sorted(found)


def is_below(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or lies below it; everything lies below "."."""
    return folder in {".", path} or path.startswith(f"{folder}/")


def resolve_commit(git: Git, name: str) -> str | None:
    """Return the full id of a commit, or None when the repository does not have it."""
    done = git.try_("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return done.out.decode().strip() if done.code == 0 else None


def parse_tree(out: bytes) -> dict[str, Entry]:
    """Read what `git ls-tree -r -z` prints."""
    entries = {}
    for record in out.decode("utf-8", "surrogateescape").split("\0"):
        if record:
            head, _, path = record.partition("\t")
            mode, _, oid = head.split(" ")
            entries[path] = Entry(mode, oid)
    return entries


def read_tree(git: Git, commit: str = "HEAD") -> Tree:
    """Read a commit's whole tree: two git calls.

    Raises:
        CannotHere: When there is no such commit, or git fails.
    """
    full = resolve_commit(git, commit)
    if full is None:
        raise CannotHere(
            f"The repository does not have the commit {commit}.",
            code="commit-missing",
            cure="Fetch the whole history: `git fetch --unshallow`.",
        )
    return Tree(full, parse_tree(git.output("ls-tree", "-r", "-z", "--full-tree", full)))


def blobs(git: Git, oids: Iterable[str]) -> dict[str, bytes]:
    """Return the bytes of blobs, by object id: one git call, none where nothing is asked.

    Raises:
        CannotHere: When git fails, or the repository lacks one of them.
    """
    wanted: Sequence[str] = sorted(set(oids))
    if not wanted:
        return {}
    out = git.output("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
    found, position = {}, 0
    for oid in wanted:
        end = out.index(b"\n", position)
        head = out[position:end].split(b" ")
        if len(head) != 3:  # noqa: PLR2004 - "<oid> <type> <size>", or "<oid> missing"
            raise CannotHere(
                f"git has lost the object {oid}.",
                code="git-failed",
                cure="Check the clone with `git fsck`, or clone anew.",
            )
        size = int(head[2])
        found[oid] = out[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
    return found

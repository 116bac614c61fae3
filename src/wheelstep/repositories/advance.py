"""Bringing a checked-out branch along with a commit of ours, and leaving the user's work alone.

A file is brought along when it is as the old head has it, in the index and on disk. Where only the
file on disk is the user's, the index follows and the file stays: an index that stayed at the old
head would take our change back with the user's next commit. What the user has staged stays too.
"""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere, StepError
from wheelstep.ground.git import Git
from wheelstep.ground.stopping import in_one_piece, raise_if_asked
from wheelstep.repositories.objects import Entry, Touched, index_lines
from wheelstep.repositories.paths import folders_of
from wheelstep.repositories.ref_update import BranchMoved, branch_held

__all__ = ["Advanced", "advance"]

LONGEST: Final = 16_000
"""Characters of paths that git is given as arguments; Windows takes 32,767 of a whole command."""


class Standing(enum.Enum):
    """How the user's copy of one file stands to the old head."""

    CLEAN = "as the old head has it"
    NEW_ALREADY = "as the new head has it"
    NOT_CHECKED_OUT = "left out by a sparse checkout"
    EDITED = "changed by the user on disk only"
    STAGED = "changed by the user in the index: staged, or in the middle of a merge"


@dataclass(frozen=True, slots=True)
class Held:
    """What the index has of one file."""

    tag: str
    """As `git ls-files -v` has it: "S" for skip-worktree, lower case for assume-unchanged."""
    entry: Entry | None
    """None in the middle of a merge."""


@dataclass(frozen=True, slots=True)
class Place:
    """One file as the checkout has it."""

    standing: Standing
    tag: str = ""
    """See `Held`."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became of the local branch."""

    moved: bool
    left: tuple[str, ...] = ()
    """Paths of files that the user has changed: they lie on disk as they were."""
    staged: tuple[str, ...] = ()
    """Those of `left` of which the index too has a version of the user's, and keeps it."""
    held: bool = False
    """It did not move because another git holds it."""


def advance(
    git: Git,
    branch: str,
    *,
    old: str,
    new: str,
    touched: Sequence[Touched],
    only_when_clean: bool = False,
) -> Advanced:
    """Move a local branch from `old` to `new`, with the work tree that has it checked out.

    Args:
        git: In the user's repository.
        branch: Short name; it need not be checked out anywhere.
        old: Where it has to be.
        new: Our commit, whose parent is `old`.
        touched: The files that differ between the two.
        only_when_clean: Do nothing at all when the user has changed one of them.

    Returns:
        With `moved` False: the branch is elsewhere meanwhile, another git holds it (`held`), or
        (with `only_when_clean`) files of it are changed. Nothing was touched.

    Raises:
        CannotHere: git cannot write, or another git is busy with the index.
    """
    tree = _work_tree_of(git, branch)
    places = _places(tree, touched) if tree else {}
    staged = tuple(path for path, at in places.items() if at.standing is Standing.STAGED)
    left = tuple(
        path for path, at in places.items() if at.standing in {Standing.STAGED, Standing.EDITED}
    )
    if left and only_when_clean:
        return Advanced(moved=False, left=left, staged=staged)
    try:
        with (
            in_one_piece(),  # index, files and branch go together, or none of them
            branch_held(git, branch, old=old, new=new, reason="wheelstep: commit"),
        ):
            if tree:
                _bring_along(tree, touched, places)
    except BranchMoved as error:
        raise_if_asked()
        return Advanced(moved=False, held=error.held)
    return Advanced(moved=True, left=left, staged=staged)


def _work_tree_of(git: Git, branch: str) -> Git | None:
    """Return git in the work tree, this or a linked one, that has the branch checked out."""
    ref = f"refs/heads/{branch}"
    if git.try_("symbolic-ref", "--quiet", "HEAD").text.strip() == ref:
        return git
    path = Path(git.text("for-each-ref", "--format=%(worktreepath)", ref) or os.devnull)
    if not (path / ".git").exists():
        return None
    return Git(path, git.environment)


def _places(tree: Git, touched: Sequence[Touched]) -> Mapping[str, Place]:
    paths = [each.path for each in touched]
    if sum(map(len, paths)) > LONGEST:
        paths = []  # git tells of all files then
    index: dict[str, Held] = {}
    for record in tree.records(
        "--literal-pathspecs", "ls-files", "-v", "-s", "-z", "--full-name", "--", *paths
    ):
        about, _, path = record.partition("\t")
        tag, mode, oid, stage = about.split(" ")
        index[path] = Held(tag, Entry(mode, oid) if stage == "0" else None)
    # git's own comparison: it knows line ends, filters, and sparse checkouts
    changed = {
        record.split(" ", 10 if record[0] == "u" else 8)[-1]
        for record in tree.records(
            "--literal-pathspecs",
            "status",
            "--porcelain=v2",
            "-z",
            "--no-renames",
            "--untracked-files=no",
            "--ignore-submodules=all",
            "--",
            *paths,
        )
        if record[0] in "1u"
    }
    folders = folders_of(index)
    places = {}
    for each in touched:
        held = index.get(each.path)
        if held is None and each.path in folders:
            places[each.path] = Place(Standing.STAGED)  # a folder is staged where our file goes
            continue
        standing = _standing_of(tree, each, held, changed=each.path in changed)
        places[each.path] = Place(standing, held.tag if held else "")
    return places


def _standing_of(  # noqa: PLR0911 - one return for each way a file can stand
    tree: Git, each: Touched, held: Held | None, *, changed: bool
) -> Standing:
    path = tree.directory / each.path
    there = os.path.lexists(path)
    if held is None:
        taken_out = each.old is not None and each.new is not None
        if taken_out or not _folders_are_real(tree.directory, path):
            return Standing.STAGED
        if not there:
            return Standing.CLEAN
    elif held.entry is None or held.entry not in {each.old, each.new}:
        return Standing.STAGED
    entry = held.entry if held else None
    tag = held.tag if held else ""
    if tag.islower() or (tag == "S" and there):
        # "assume unchanged", or hidden by the skip-worktree bit: git looks away, so we do not guess
        return Standing.EDITED
    if tag == "S" and entry == each.old:
        return Standing.NOT_CHECKED_OUT
    if held is not None and entry == each.old and not changed:
        return Standing.CLEAN
    return _standing_on_disk(tree, each, entry)


def _standing_on_disk(tree: Git, each: Touched, entry: Entry | None) -> Standing:
    """Compare a file whose index entry is the old or the new one with both."""
    path = tree.directory / each.path
    there = os.path.lexists(path)
    if each.new is None and not there:
        return Standing.NEW_ALREADY
    if there and not path.is_symlink() and path.is_file():
        now = tree.try_("hash-object", f"--path={each.path}", "--", str(path)).text.strip()
        if each.new is not None and now == each.new.oid:
            return Standing.NEW_ALREADY
        if entry == each.new and each.old is not None and now == each.old.oid:
            return Standing.CLEAN  # a run that was killed had set the index, and not the file yet
    if entry == each.new and each.old is None and not there:
        return Standing.CLEAN  # likewise, with a file that is new
    return Standing.EDITED


def _folders_are_real(root: Path, path: Path) -> bool:
    """Tell whether a file's folders are folders, or nothing yet: git would put them in the place of
    a file of the user's."""
    return not any(
        parent.is_symlink() or (parent.exists() and not parent.is_dir())
        for parent in path.parents
        if parent.is_relative_to(root) and parent != root
    )


def _bring_along(tree: Git, touched: Sequence[Touched], places: Mapping[str, Place]) -> None:
    ours = [each for each in touched if places[each.path].standing is not Standing.STAGED]
    written = [each for each in ours if places[each.path].standing is Standing.CLEAN]
    width = next(len(entry.oid) for entry in (touched[0].new, touched[0].old) if entry)
    _set_index(tree, [(each.path, each.new) for each in ours], places, width)
    try:
        _check_out(tree, [each.path for each in written if each.new])
        for each in written:
            if each.new is None:
                _take_away(tree.directory, each.path)
    except StepError:
        # the branch does not move, so the files go back to where it is; the first error is the one
        # to tell, and one file that cannot go back keeps no other from it
        for each in written:
            if each.old is None:
                with contextlib.suppress(OSError):
                    (tree.directory / each.path).unlink(missing_ok=True)
        with contextlib.suppress(StepError):
            _set_index(tree, [(each.path, each.old) for each in ours], places, width)
            _check_out(tree, [each.path for each in written if each.old])
        raise


def _set_index(
    tree: Git, entries: Sequence[tuple[str, Entry | None]], places: Mapping[str, Place], width: int
) -> None:
    if not entries:
        return
    lines = index_lines(entries, width=width)
    done = tree.try_("update-index", "-z", "--index-info", stdin=lines)
    if done.code != 0 and b"index.lock" in done.error:
        raise CannotHere(
            f"Another git is busy in {tree.directory}, or died there: it holds index.lock.",
            code="index-locked",
            cure="Wait until it is done and run again; or, when no git runs there, delete the"
            " file index.lock in the repository's git folder.",
        )
    if done.code != 0:
        raise CannotHere(
            f"git could not update its index: {done.error_text.strip()}",
            code="git-failed",
            cure="Run `git status` there to see more.",
        )
    # an entry that is set anew has lost what the user told git about the file
    there = [(path, places[path].tag) for path, entry in entries if entry]
    for option, paths in (
        ("--skip-worktree", [path for path, tag in there if tag in {"S", "s"}]),
        ("--assume-unchanged", [path for path, tag in there if tag.islower()]),
    ):
        if paths:
            names = "".join(f"{path}\0" for path in paths)
            tree.output("update-index", "-z", option, "--stdin", stdin=_encoded(names))


def _check_out(tree: Git, paths: Sequence[str]) -> None:
    if paths:
        names = "".join(f"{path}\0" for path in paths)
        tree.output("checkout-index", "-f", "-u", "-z", "--stdin", stdin=_encoded(names))


def _take_away(root: Path, path: str) -> None:
    """Remove a file, and the folders that it leaves empty, as git does."""
    place = root / path
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise CannotHere.from_os_error(error, "taking a file away", file=path) from error
    with contextlib.suppress(OSError):  # the first folder that holds something else ends it
        for folder in place.parents:
            if folder == root:
                break
            folder.rmdir()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

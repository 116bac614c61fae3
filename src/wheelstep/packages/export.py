"""A clean copy of one package as a commit has it, for one build.

The copy is written by git itself from a repository of its own that only borrows the objects
(gitrepository-layout(5), "objects/info/alternates"): no setting, attribute file, filter or hook of
this user or machine has a say in its bytes, and nothing is ever written to the user's repository.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.git import Git
from wheelstep.model import Project
from wheelstep.packages.large_files import replace_pointers
from wheelstep.packages.sources import Rules, commit_time, source_paths
from wheelstep.packages.tree import SUBMODULE, Tree, is_below, read_tree, resolve_commit

__all__ = ["export", "remove"]

PLAIN_CONFIG: Final = {
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.safecrlf": "false",
    "core.logAllRefUpdates": "false",
    "advice.detachedHead": "false",
    "gc.auto": "0",
}
WHOLE: Final = Rules()
SHA256_LENGTH: Final = 64
"""Hex digits of an object id in a repository with the SHA-256 object format."""


def export(
    git: Git,
    project: Project,
    commit: str,
    target: Path,
    *,
    with_history: bool = False,
    leave_out: Sequence[str] = (),
    without_tags: Collection[str] = (),
) -> Path:
    """Write a package's files as they are in a commit.

    Files are 0644 or 0755, line ends are those of the repository and its .gitattributes, links are
    links (what they lead to outside the package is written too), submodules come from the checkout,
    files in Git LFS are fetched, modification times are the commit's. Other packages' folders and
    everything else in the repository are not there.

    Args:
        git: The repository, at its root.
        project: The package.
        commit: What to write.
        target: A folder that is empty or does not exist yet; its parent does. The package lies
            below it at `source/` and its place in the repository.
        with_history: Give the copy a `.git` with the commits and tags, on that commit and clean,
            for back ends that read their version from it.
        leave_out: Folders left out besides `project.nested`, relative to the root.
        without_tags: Full names of tags (`refs/tags/...`) the history does not show.

    Returns:
        The package's folder.

    Raises:
        SettingError: A submodule is not checked out.
        BuildFailed: A file is in Git LFS and cannot be had.
        CannotHere: git fails, the disk is full, the commit is not there.
    """
    try:
        target.mkdir(exist_ok=True)
        if any(target.iterdir()):
            raise FileExistsError(errno.EEXIST, "the folder for the export is not empty", target)
        # back ends that look for ignore files upwards (hatchling) end their search here
        (target / ".gitignore").touch()
        (target / ".hgignore").touch()
        root = target / "source"
        root.mkdir()
        tree = read_tree(git, commit)
        paths = _paths(git, tree, project, leave_out)
        metadata = root / ".git" if with_history else target / "git"
        borrowed = _borrow(git, tree, paths, root, metadata)
        if with_history:
            _show_history(git, borrowed, tree.commit, metadata, without_tags)
            # what is not written must not look deleted to `git describe --dirty`
            hidden = sorted(tree.entries.keys() - set(paths))
            _mark(borrowed, "--skip-worktree", hidden)
        _write(borrowed, [path for path in paths if tree.entries[path].mode != SUBMODULE])
        for path in paths:
            if tree.entries[path].mode == SUBMODULE:
                _write_submodule(git, root, path, tree.entries[path].oid, target)
        replaced = replace_pointers(git, root, paths)
        if with_history:
            _mark(borrowed, "--assume-unchanged", replaced)
        else:
            _set_times(root, commit_time(git, tree.commit))
            remove(metadata)
    except OSError as error:
        raise CannotHere.from_os_error(error, f"exporting {project.directory}") from error
    return root if project.directory == "." else root / project.directory


def _paths(git: Git, tree: Tree, project: Project, leave_out: Sequence[str]) -> list[str]:
    paths = [
        path
        for path in source_paths(git, tree, project, WHOLE)
        if not any(is_below(path, folder) for folder in leave_out)
    ]
    # ignore files above the package have a say in what some back ends (hatchling) pick up
    parts = [] if project.directory == "." else project.directory.split("/")
    above = ["/".join([*parts[:depth], ".gitignore"]) for depth in range(len(parts))]
    return paths + [path for path in above if path in tree.entries and path not in paths]


def _borrow(git: Git, tree: Tree, paths: Collection[str], root: Path, metadata: Path) -> Git:
    """Make a repository that has the user's objects and nothing else of theirs, its index filled
    from the commit."""
    plain = {name: value for name, value in git.environment.items() if not name.startswith("GIT_")}
    plain |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_DIR": str(metadata),
        "GIT_WORK_TREE": str(root),
        # attributes of a file system above must not count either
        "GIT_CEILING_DIRECTORIES": str(root.parent),
        "LC_ALL": "C",
    }
    borrowed = Git(root, plain)
    form = "sha256" if len(tree.commit) == SHA256_LENGTH else "sha1"
    borrowed.environment = plain
    borrowed.output("init", "--quiet", "--template=", f"--object-format={form}")
    with (metadata / "config").open("a", encoding="utf-8", newline="\n") as config:
        for name, value in PLAIN_CONFIG.items():
            section, _, key = name.partition(".")
            config.write(f"[{section}]\n\t{key} = {value}\n")
    objects = metadata / "objects" / "info"
    objects.mkdir(parents=True, exist_ok=True)
    (objects / "alternates").write_bytes(os.fsencode(_git_path(git, "objects")) + b"\n")
    shallow = _git_path(git, "shallow")
    if shallow.is_file():
        shutil.copyfile(shallow, metadata / "shallow")
    _fetch_missing(git, tree, paths)
    borrowed.output("update-ref", "--no-deref", "HEAD", tree.commit)
    borrowed.output("read-tree", tree.commit)
    return borrowed


def _git_path(git: Git, name: str) -> Path:
    return (git.directory / git.text("rev-parse", "--git-path", name)).resolve()


def _fetch_missing(git: Git, tree: Tree, paths: Collection[str]) -> None:
    """Let a partial clone fetch what is written, which another repository cannot do for it."""
    if git.try_("config", "--get-regexp", r"^remote\..*\.promisor$").code == 0:
        entries = [tree.entries[path] for path in paths]
        oids = sorted({entry.oid for entry in entries if entry.mode != SUBMODULE})
        git.output("cat-file", "--batch-check", stdin="".join(f"{oid}\n" for oid in oids).encode())


def _show_history(
    git: Git, borrowed: Git, commit: str, metadata: Path, without_tags: Collection[str]
) -> None:
    """Show the tags, and the name of the branch where the checkout is on one."""
    listed = git.text("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
    kept = [line for line in listed.splitlines() if line.partition(" ")[2] not in without_tags]
    text = "".join(f"{line}\n" for line in kept)
    (metadata / "packed-refs").write_bytes(text.encode("utf-8", "surrogateescape"))
    branch = git.try_("symbolic-ref", "--quiet", "HEAD")
    if branch.code == 0:
        name = branch.out.decode("utf-8", "surrogateescape").strip()
        borrowed.output("update-ref", name, commit)
        borrowed.output("symbolic-ref", "HEAD", name)


def _mark(borrowed: Git, mark: str, paths: Sequence[str]) -> None:
    if paths:
        borrowed.output("update-index", mark, "-z", "--stdin", stdin=_records(paths))


def _write(borrowed: Git, paths: Sequence[str]) -> None:
    if paths:
        borrowed.output("checkout-index", "-u", "-q", "-z", "--stdin", stdin=_records(paths))


def _records(paths: Sequence[str]) -> bytes:
    return "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")


def _write_submodule(
    git: Git, root: Path, path: str, commit: str, scratch: Path, *, above: str = ""
) -> None:
    """Write a submodule's files from the user's checkout of it, at the recorded commit.

    Args:
        git: The repository that it is a submodule of.
        root: Where that one is exported to.
        path: Relative to both.
        commit: What the submodule is recorded at.
        scratch: For a repository that is removed again.
        above: The place of `git` in the user's repository: "" or ending in a slash.
    """
    shown = above + path
    folder = git.directory / path
    inner = Git(folder, git.environment)
    if not (folder / ".git").exists() or resolve_commit(inner, commit) is None:
        state = "is not checked out" if not (folder / ".git").exists() else "lacks that commit"
        raise SettingError(
            f"The submodule is recorded at {commit[:12]}, but {state} here.",
            code="submodule-missing",
            cure="Check submodules out: `submodules: recursive` at the checkout step of GitHub "
            f"and of Azure Pipelines, or `git submodule update --init --recursive {shown}`.",
            file=shown,
        )
    target = root / path
    target.mkdir(parents=True, exist_ok=True)
    metadata = scratch / "submodule"
    tree = read_tree(inner, commit)
    files = [name for name, entry in tree.entries.items() if entry.mode != SUBMODULE]
    borrowed = _borrow(inner, tree, files, target, metadata)
    _write(borrowed, files)
    remove(metadata)
    for name, entry in tree.entries.items():
        if entry.mode == SUBMODULE:
            _write_submodule(inner, target, name, entry.oid, scratch, above=f"{shown}/")
    replace_pointers(inner, target, files, above=f"{shown}/")


def _set_times(root: Path, seconds: int) -> None:
    """Give all the commit's time: a back end that keeps files' own times stays reproducible."""
    for folder, folders, files in os.walk(root, topdown=False):
        for name in [*files, *folders]:
            path = Path(folder, name)
            if not path.is_symlink():
                os.utime(path, (seconds, seconds))


def remove(folder: Path) -> None:
    """Remove a folder of ours and all below it; nothing where it is not there.

    Raises:
        OSError: When something cannot be removed.
    """
    if not folder.is_dir():
        return
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=_writable_first)
    else:
        shutil.rmtree(folder, onerror=_writable_first)


def _writable_first(function: Callable[[str], object], path: str, _error: object) -> None:
    """Remove what Windows keeps because it is read-only, as git's objects are."""
    Path(path).chmod(stat.S_IRWXU)
    function(path)

"""What the GitHub stand-in does to a repository: with git's plumbing, on condition, all or none."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Commit", "Moved", "Update", "commit_of", "commit_on", "move", "read", "ref_at"]

WEB_FLOW = ("GitHub", "noreply@github.com")


class Moved(Exception):
    """A ref is not where it is expected."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as git has it."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Update:
    """A ref, where it must be and where it goes; zeros and "" are for none."""

    ref: str
    before: str
    after: str
    force: bool = False


def run(
    bare: Path, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    done = subprocess.run(
        ["git", *arguments],
        cwd=bare,
        input=stdin,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(bare), "GIT_CONFIG_NOSYSTEM": "1",
             **(environment or {})},
    )  # fmt: skip
    return done.returncode, done.stdout or done.stderr


def read(bare: Path, *arguments: str) -> str | None:
    """What git says to a question; None where it says no."""
    code, out = run(bare, *arguments)
    return out.decode("utf-8", "surrogateescape").strip() if code == 0 else None


def ref_at(bare: Path, ref: str) -> str | None:
    """Where a ref is; an annotated tag is an object of its own."""
    return read(bare, "rev-parse", "--verify", "--quiet", ref)


def commit_of(bare: Path, oid: str) -> Commit | None:
    if read(bare, "cat-file", "-t", oid) != "commit":
        return None
    _, out = run(bare, "cat-file", "commit", oid)
    head, _, message = out.decode("utf-8", "surrogateescape").partition("\n\n")
    lines = [line.split(" ", 1) for line in head.splitlines()]
    return Commit(
        oid,
        next(value for key, value in lines if key == "tree"),
        tuple(value for key, value in lines if key == "parent"),
        message,
    )


def commit_on(
    bare: Path,
    branch: str,
    expected: str,
    *,
    author: str,
    message: str,
    additions: Mapping[str, bytes],
    deletions: Sequence[str],
    email: str = "",
    new: bool = False,
) -> str:
    """Commit on a branch's head, or (new) let there be a branch. A file is a regular one, whatever
    it was: that is GitHub's way.

    Raises:
        Moved: The branch is not where it is expected.
    """
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        lines = [f"0 {'0' * 40}\t{path}\0" for path in deletions]
        for path, content in additions.items():
            _, blob = run(bare, "hash-object", "-w", "--stdin", stdin=content)
            lines.append(f"100644 {blob.decode().strip()}\t{path}\0")
        run(bare, "read-tree", expected, environment=index)
        code, said = run(bare, "update-index", "-z", "--index-info", stdin="".join(lines).encode(),
                         environment=index)  # fmt: skip
        assert code == 0, said
        _, tree = run(bare, "write-tree", environment=index)
    made = made_commit(bare, tree.decode().strip(), [expected], author, message, email)
    move(bare, [Update(f"refs/heads/{branch}", "0" * 40 if new else expected, made)])
    return made


def made_commit(  # noqa: PLR0917 - as git has it
    bare: Path, tree: str, parents: Sequence[str], author: str, message: str, email: str = ""
) -> str:
    named = [part for parent in parents for part in ("-p", parent)]
    code, out = run(
        bare, "commit-tree", tree, *named, "-F", "-", stdin=message.encode(),
        environment={
            "GIT_AUTHOR_NAME": author,
            "GIT_AUTHOR_EMAIL": email or f"{author}@users.noreply.github.com",
            "GIT_COMMITTER_NAME": WEB_FLOW[0],
            "GIT_COMMITTER_EMAIL": WEB_FLOW[1],
        },
    )  # fmt: skip
    assert code == 0, out
    return out.decode().strip()


def move(bare: Path, updates: Sequence[Update]) -> None:
    """Move refs, all or none.

    Raises:
        Moved: One is not where it is expected, or would not go forward.
    """
    lines = ["start"]
    for one in updates:
        new = one.after if set(one.after) != {"0"} else ""
        old = one.before or ref_at(bare, one.ref) or "0" * 40
        forward = not new or one.force or set(old) == {"0"}
        if not forward and run(bare, "merge-base", "--is-ancestor", old, new)[0] != 0:
            raise Moved("Update is not a fast forward")
        if new:
            lines.append(f"update {one.ref} {new} {old}")
        else:
            lines.append(f"delete {one.ref} {old}")
    text = "\n".join([*lines, "prepare", "commit", ""])
    if run(bare, "update-ref", "--stdin", stdin=text.encode())[0] != 0:
        raise Moved("Reference update failed")

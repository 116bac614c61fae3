"""Moving a branch in two steps: lock and compare, then swap."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import IO, Final, Self

from wheelstep.errors import CannotHere
from wheelstep.ground.git import Git
from wheelstep.ground.process import program
from wheelstep.ground.secret import redact

__all__ = ["BranchMoved", "branch_held"]

MOVED: Final = ("but expected", "unable to resolve reference", "File exists", "reference already")
"""What git says when somebody else moved the branch, or holds its lock at this moment."""


class BranchMoved(Exception):
    """The branch is not, or no longer, where it was expected, or is held; nothing was changed."""

    @property
    def held(self) -> bool:
        """Whether another git holds the lock, or has died with it."""
        return "File exists" in str(self)


@contextlib.contextmanager
def branch_held(git: Git, branch: str, *, old: str, new: str, reason: str) -> Iterator[None]:
    """Hold a branch while index and work tree are brought along, then move it.

    The branch moves when the block ends without an exception. A process that dies in between lets
    go of the lock, and git takes the transaction back (git-update-ref(1), "prepare").

    Args:
        git: In the repository.
        branch: Short name.
        old: Where the branch has to be.
        new: Where it goes.
        reason: For the reflog.

    Raises:
        BranchMoved: It is not at `old`, or another git holds it.
        CannotHere: git cannot write.
    """
    ref = f"refs/heads/{branch}"
    process = subprocess.Popen(
        [program("git", git.environment), "update-ref", "-m", reason, "--stdin"],
        cwd=git.directory,
        env=git.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl+C is for us: this one is ended by the end of its input
    )
    with process, _Talk(process) as talk:
        talk.say("start", f"update {ref} {new} {old}", "prepare", answers=2)
        yield
        talk.say("commit", answers=1)


class _Talk:
    """The conversation with `git update-ref --stdin`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._in, self._out, self._error = (
            _pipe(process.stdin),
            _pipe(process.stdout),
            _pipe(process.stderr),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # the end of its input makes git take back what was not committed
        with contextlib.suppress(OSError):
            self._in.close()

    def say(self, *lines: str, answers: int) -> None:
        with contextlib.suppress(OSError):  # git that gave up closes its end: it says why below
            self._in.write("".join(f"{line}\n" for line in lines).encode())
            self._in.flush()
        for _ in range(answers):
            if not self._out.readline().rstrip().endswith(b": ok"):
                self._give_up()

    def _give_up(self) -> None:
        said = redact(self._error.read().decode("utf-8", "replace")).strip()
        if any(sign in said for sign in MOVED):
            raise BranchMoved(said)
        full = "No space left" in said
        raise CannotHere(
            f"git could not move the branch: {said}",
            code="disk-full" if full else "git-failed",
            cure="Free some disk space."
            if full
            else "Check that this user may write the repository.",
        )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("the process was started with pipes")
    return pipe

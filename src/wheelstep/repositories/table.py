"""The kinds of repository: one row for each value of `commit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import SettingError
from wheelstep.ground.clock import Clock
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_local import LocalRepository
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.identity import Identity, identity_of
from wheelstep.repositories.interface import Repository
from wheelstep.repositories.worktree import WorkTree

__all__ = ["Wish", "repository_of"]


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that a kind of repository may want to know."""

    git: Git
    host: str
    branch: str | None
    remote: str | None
    token: Secret | None
    user: str | None
    given: Identity | None
    skip_ci: bool
    environment: Mapping[str, str]
    wait: float
    clock: Clock | None

    def identity(self) -> Identity:
        """Return who commits."""
        return identity_of(self.host, self.git, self.given)


def _work_tree(wish: Wish) -> Repository:
    return WorkTree(wish.git)


def _local(wish: Wish) -> Repository:
    return LocalRepository(
        wish.git, branch=wish.branch, identity=wish.identity(), skip_ci=wish.skip_ci
    )


def _push(wish: Wish) -> Repository:
    if wish.branch is None:
        raise SettingError(
            "There is no branch to push to: a tag or a pull request names none.",
            code="no-branch",
            cure="Set `branch`.",
        )
    return PushRepository(
        wish.git,
        branch=wish.branch,
        remote=wish.remote,
        identity=wish.identity(),
        environment=wish.environment,
        token=wish.token,
        user=wish.user,
        skip_ci=wish.skip_ci,
        wait=wish.wait,
        clock=wish.clock,
    )


KINDS: Final[Mapping[str, Callable[[Wish], Repository]]] = {
    "none": _work_tree,
    "local": _local,
    "push": _push,
}


def repository_of(
    mode: str,
    git: Git,
    *,
    host: str,
    environment: Mapping[str, str],
    branch: str | None = None,
    remote: str | None = None,
    token: Secret | None = None,
    user: str | None = None,
    identity: Identity | None = None,
    skip_ci: bool = True,
    wait: float = 300.0,
    clock: Clock | None = None,
) -> Repository:
    """Return where the commit goes. Asks nothing over the network.

    Args:
        mode: The setting `commit`: "none", "local" or "push".
        git: At the root of the work tree.
        host: "terminal", "github" or "azure".
        environment: This process's environment.
        branch: Short name; may be None for "none" and "local" (then the one checked out).
        remote: For "push": a remote's name, or a URL or folder; None for the branch's upstream,
            else origin.
        token: For "push" over HTTP; None for what the checkout or the user has set up.
        user: For basic authentication with the token; None for one that every host takes.
        identity: Author and committer; None for the host's default.
        skip_ci: End the subject with "[skip ci]".
        wait: How long one exchange with the remote may take, seconds.
        clock: What waits between attempts.

    Raises:
        SettingError: No such kind, no branch, no remote, no identity.
        CannotHere: git is too old to be given a token.
    """
    kind = KINDS.get(mode)
    if kind is None:
        raise SettingError(
            f"`commit` cannot be {mode!r}.",
            code="bad-setting",
            cure=f"Use one of: {', '.join(KINDS)}.",
        )
    branch = branch.removeprefix("refs/heads/") if branch else None
    return kind(
        Wish(
            git,
            host,
            branch,
            remote,
            token,
            user,
            identity,
            skip_ci,
            environment,
            wait,
            clock,
        )
    )

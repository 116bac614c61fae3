"""The kinds of repository: one row for each value of `commit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wheelstep.errors import SettingError
from wheelstep.ground.clock import Clock, SystemClock
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_local import LocalRepository, check_branch
from wheelstep.repositories.git_push import PushRepository
from wheelstep.repositories.hosting import Hosting, WayName
from wheelstep.repositories.identity import Identity, identity_of
from wheelstep.repositories.interface import Repository
from wheelstep.repositories.proposal import ProposalRepository
from wheelstep.repositories.pulls import PullSettings
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.worktree import WorkTree

__all__ = ["Wish", "repository_of"]

OWN_BRANCHES: Final = "wheelstep/"
"""How the name of a branch begins that pull requests come from, unless it is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Everything that a kind of repository may want to know."""

    git: Git
    host: str
    """"terminal", "github" or "azure"."""
    environment: Mapping[str, str]
    """This process's."""
    branch: str | None = None
    """Short name; may be None for "none" and "local" (then the one checked out)."""
    remote: str | None = None
    """For "push" and "pull-request": a remote's name, or a URL or folder; None for the branch's
    upstream, else origin."""
    token: Secret | None = None
    """For HTTP, and for the host's API; None for what the checkout or the user has set up."""
    user: str | None = None
    """For basic authentication with the token; None for one that every host takes."""
    given: Identity | None = None
    """Author and committer; None for the host's default."""
    signs_off: bool = False
    """The author signs off: a commit of somebody else's would not be signed off."""
    skip_ci: bool = True
    """End the subject of a commit that is pushed with "[skip ci]"."""
    way: WayName = "auto"
    """The setting `commit-with`."""
    pull: PullSettings | None = None
    """For "pull-request"."""
    sources: Git | None = None
    """In the repository of the packages, where that is another one."""
    wait: float = 300.0
    """How long one exchange with the remote may take, seconds."""
    clock: Clock | None = None
    """What waits between attempts."""

    def identity(self) -> Identity:
        """Return who commits."""
        return identity_of(self.host, self.sources or self.git, self.given)

    def target(self) -> str:
        """Return the branch of the remote.

        Raises:
            SettingError: There is none.
        """
        if self.branch is None:
            raise SettingError(
                "There is no branch to commit to: a tag or a pull request names none.",
                code="no-branch",
                cure="Set `branch`.",
            )
        return self.branch

    def hosting(self, remote: Remote) -> Hosting:
        """Return what the remote's host offers."""
        return Hosting(
            self.git,
            remote,
            choice=self.way,
            token=self.token,
            identity=self.identity(),
            own_author=self.given is not None,
            signs_off=self.signs_off,
            environment=self.environment,
            clock=self.clock or SystemClock(),
        )


def _work_tree(wish: Wish) -> Repository:
    return WorkTree(wish.git)


def _local(wish: Wish) -> Repository:
    return LocalRepository(
        wish.git, branch=wish.branch, identity=wish.identity(), skip_ci=wish.skip_ci
    )


def _push(wish: Wish) -> Repository:
    return PushRepository(
        wish.git,
        branch=wish.target(),
        remote=wish.remote,
        identity=wish.identity(),
        environment=wish.environment,
        token=wish.token,
        user=wish.user,
        skip_ci=wish.skip_ci,
        wait=wish.wait,
        clock=wish.clock,
        way=lambda remote: wish.hosting(remote).way(),
        sources=wish.sources,
    )


def _pull_request(wish: Wish) -> Repository:
    base = wish.target()
    pull = wish.pull or PullSettings()
    branch = pull.branch or f"{OWN_BRANCHES}{base}"
    check_branch(wish.git, base)
    check_branch(wish.git, branch, "pull-request-branch")
    if branch == base:
        raise SettingError(
            f"`pull-request-branch` is {branch}, and that is the branch that the pull request goes "
            "to.",
            code="bad-branch",
            cure=f"Leave it out: pull requests come from {OWN_BRANCHES}{base} then. Or name a "
            "branch that the step has for itself.",
        )
    remote = Remote(
        wish.git,
        name=wish.remote,
        branch=base,
        user=wish.user,
        token=wish.token,
        environment=wish.environment,
        wait=wish.wait,
        clock=wish.clock or SystemClock(),
        sparing=wish.sources is not None,
    )
    hosting = wish.hosting(remote)
    return ProposalRepository(
        wish.git,
        base=base,
        branch=branch,
        remote=remote,
        way=hosting.way(),
        pulls=hosting.pulls(),
        wish=pull.wish,
        sources=wish.sources,
    )


KINDS: Final[Mapping[str, Callable[[Wish], Repository]]] = {
    "none": _work_tree,
    "local": _local,
    "push": _push,
    "pull-request": _pull_request,
}


def repository_of(mode: str, wish: Wish) -> Repository:
    """Return where the commit goes. Asks nothing over the network.

    Args:
        mode: The setting `commit`: "none", "local", "push" or "pull-request".
        wish: What else it is to be.

    Raises:
        SettingError: No such kind, no branch, no remote, no identity; a host that has no pull
            requests that are known here, or a way that is none of its.
        CannotHere: git is too old to be given a token.
    """
    kind = KINDS.get(mode)
    if kind is None:
        raise SettingError(
            f"`commit` cannot be {mode!r}.",
            code="bad-setting",
            cure=f"Use one of: {', '.join(KINDS)}.",
        )
    branch = wish.branch.removeprefix("refs/heads/") if wish.branch else None
    return kind(replace(wish, branch=branch))

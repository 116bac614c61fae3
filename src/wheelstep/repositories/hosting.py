"""What the host of a remote offers: its way to commit, and pull requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from wheelstep.errors import SettingError
from wheelstep.ground.clock import Clock
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.repositories.git_way import GitWay
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.pulls import PullRequests
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.way import Way

__all__ = ["Hosting", "WayName"]

WayName = Literal["auto", "git", "github", "azure-repos"]


class Hosting:
    """A remote, and who may write to it."""

    def __init__(
        self,
        git: Git,
        remote: Remote,
        *,
        choice: WayName,
        token: Secret | None,
        identity: Identity,
        own_author: bool,
        environment: Mapping[str, str],
        clock: Clock,
    ) -> None:
        """Keep it.

        Args:
            git: In the repository.
            remote: Where to.
            choice: The setting `commit-with`.
            token: What the host's API is asked with.
            identity: Author and committer.
            own_author: The settings name the author.
            environment: This process's.
            clock: What waits.
        """
        self._git = git
        self._remote = remote
        self._choice = choice
        self._identity = identity
        self._clock = clock

    def way(self) -> Way:
        """Return how commits get there."""
        return GitWay(self._git, self._remote, self._identity, self._clock)

    def pulls(self) -> PullRequests:
        """Return the host's pull requests.

        Raises:
            SettingError: None are known of that host.
        """
        raise SettingError(
            f"`commit` is pull-request, and {self._remote.shown} is no GitHub and no Azure Repos, "
            "as far as is known here.",
            code="no-pull-requests",
            cure="Name the host with `commit-with`, or use `commit: push`.",
        )

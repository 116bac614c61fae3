"""What the host of a remote offers: its own way to commit, and pull requests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final, Literal, final

from wheelstep.errors import Refused, SettingError
from wheelstep.ground.clock import Clock
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.azure_pulls import AzurePulls
from wheelstep.repositories.azure_repository import AzureRepository
from wheelstep.repositories.azure_way import AzureWay
from wheelstep.repositories.git_way import GitWay
from wheelstep.repositories.github_pulls import GitHubPulls
from wheelstep.repositories.github_releases import GitHubReleases
from wheelstep.repositories.github_repository import GitHubRepository
from wheelstep.repositories.github_way import GitHubWay
from wheelstep.repositories.identity import Identity
from wheelstep.repositories.pulls import PullRequests
from wheelstep.repositories.remote import Remote
from wheelstep.repositories.way import Draft, HostWay, Noted, Way

__all__ = ["Hosting", "WayName"]

WayName = Literal["auto", "git", "github", "azure-repos"]
HOSTS: Final = {"github": "GitHub", "azure-repos": "Azure Repos"}
SERVERS: Final = (
    "Where it is a GitHub Enterprise Server, set `commit-with: github`: without that it is known"
    " only in a job of its own, by GITHUB_SERVER_URL. An Azure DevOps Server is known by /_git/ in"
    " the URL."
)
HAND_OVER: Final = (
    "Set `repository-token` (`definition-repository-token` where the definitions are in another "
    "repository)"
)


@final
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
        signs_off: bool = False,
        environment: Mapping[str, str],
        clock: Clock,
    ) -> None:
        """Keep it; nothing is asked yet.

        Args:
            git: In the repository.
            remote: Where to.
            choice: The setting `commit-with`.
            token: What the host's API is asked with.
            identity: Author and committer.
            own_author: The settings name the author.
            signs_off: What is committed is signed off by `identity`.
            environment: This process's.
            clock: What waits.
        """
        self._git = git
        self._remote = remote
        self._choice = choice
        self._token = token
        self._identity = identity
        self._own_author = own_author
        self._signs_off = signs_off
        self._environment = environment
        self._clock = clock

    def way(self) -> Way:
        """Return how commits get there.

        Raises:
            SettingError: The way that is set is not one of the remote's host, or lacks something.
        """
        by_git = GitWay(self._git, self._remote, self._identity, self._clock)
        match self._choice:
            case "git":
                return by_git
            case "auto":
                # an author is what GitHub takes from nobody
                if self._token is None or (self._github and self._own_author):
                    return by_git
                own = self._own_way()
                return by_git if own is None else _Either(own, by_git)
            case choice:
                own = self._own_way()
                if own is None or own.name != choice:
                    raise self._not_of(HOSTS[choice])
                self._check(choice)
                return own

    def pulls(self) -> PullRequests:
        """Return the host's pull requests.

        Raises:
            SettingError: None are known of that host, or there is no token to ask it with.
        """
        if self._github is None and self._azure is None:
            raise SettingError(
                f"`commit` is pull-request, and {self._remote.shown} is no GitHub and no Azure "
                "Repos, as far as is known here.",
                code="no-pull-requests",
                cure=f"Use `commit: push`. {SERVERS}",
            )
        if self._token is None:
            raise SettingError(
                f"`commit` is pull-request, and there is no token to ask {self._remote.shown} with:"
                " git's own credentials open no pull requests.",
                code="no-token",
                cure=f"{HAND_OVER}.",
            )
        if self._github is not None:
            return GitHubPulls(self._github)
        assert self._azure is not None  # noqa: S101 - it is one of the two
        return AzurePulls(self._azure)

    def releases(self) -> GitHubReleases:
        """Return the releases of GitHub.

        Raises:
            SettingError: It is no GitHub, or there is no token to ask it with.
        """
        if self._github is None or self._token is None:
            raise SettingError(
                f"`github-release` is on, and {self._remote.shown} is no GitHub as far as is known "
                "here, or there is no token for it.",
                code="no-releases",
                cure="Leave it out, or set `repository-token`; for an Enterprise Server also "
                "`commit-with: github`, which says what it is.",
            )
        return GitHubReleases(self._github)

    def _not_of(self, host: str) -> SettingError:
        return SettingError(
            f"`commit-with` is {self._choice}, and {self._remote.shown} is no repository of {host},"
            " as far as is known here.",
            code="bad-setting",
            cure="Leave it out, or use `git`. A repository of GitHub has an address like "
            "https://HOST/OWNER/NAME or git@HOST:OWNER/NAME; one of an Azure DevOps Server is known"
            " by /_git/ in it.",
        )

    def _check(self, choice: str) -> None:
        if self._token is None:
            raise SettingError(
                f"`commit-with` is {choice}, and there is no token for {self._remote.shown}.",
                code="no-token",
                cure=f"{HAND_OVER}, or leave `commit-with` out.",
            )
        if choice == "github" and self._own_author:
            raise SettingError(
                "`commit-author` is set, and a commit that GitHub makes is by the token's account.",
                code="bad-setting",
                cure="Leave `commit-author` out, or use `commit-with: git`.",
            )

    @cached_property
    def _transport(self) -> Transport:
        return Transport(self._environment, clock=self._clock)

    @cached_property
    def _github(self) -> GitHubRepository | None:
        return GitHubRepository.at(
            self._remote.url,
            transport=self._transport,
            token=self._token,
            environment=self._environment,
            outright=self._choice == "github",
        )

    @cached_property
    def _azure(self) -> AzureRepository | None:
        return AzureRepository.at(self._remote.url, transport=self._transport, token=self._token)

    def _own_way(self) -> HostWay | None:
        if self._azure is not None:
            author = self._identity if self._own_author or self._signs_off else None
            return AzureWay(self._azure, self._git, self._remote, author)
        return GitHubWay(self._github) if self._github is not None else None


class _Either:
    """The host's own way, and git's where the host could not make such a commit."""

    def __init__(self, own: HostWay, by_git: Way) -> None:
        self.name = own.name
        self._own = own
        self._by_git = by_git

    def commit(self, branch: str, draft: Draft, noted: Noted) -> str | None:
        return self._for(draft).commit(branch, draft, noted)

    def replace(self, branch: str, was: str | None, draft: Draft, noted: Noted) -> str | None:
        return self._for(draft).replace(branch, was, draft, noted)

    def remove(self, branch: str, was: str) -> bool:
        return self._own.remove(branch, was)

    def tag(self, name: str, commit: str) -> str:
        return self._own.tag(name, commit)

    def _for(self, draft: Draft) -> Way:
        try:
            self._own.check(draft)
        except Refused:
            return self._by_git
        return self._own

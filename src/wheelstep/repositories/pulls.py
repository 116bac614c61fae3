"""Pull requests of a host, as far as the step needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from wheelstep.ground.page import Room
from wheelstep.ground.text import writable
from wheelstep.repositories.interface import Wording

__all__ = ["MERGES", "Merge", "PullRequest", "PullRequests", "PullSettings", "PullWish"]

Merge = Literal["merge", "squash", "rebase", "semi-linear"]
MERGES: tuple[Merge, ...] = ("merge", "squash", "rebase", "semi-linear")
"""How a pull request is completed by itself. GitHub: MERGE, SQUASH, REBASE of its enum
PullRequestMergeMethod, and no semi-linear one. Azure Repos: noFastForward, squash, rebase,
rebaseMerge of its GitPullRequestMergeStrategy."""


@dataclass(frozen=True, slots=True)
class PullWish:
    """What a pull request is to be."""

    title: str
    """One line."""
    body: str
    """Markdown that fits in `PullRequests.room`."""
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """GitHub: logins, and `org/team` for teams. Azure Repos: e-mail addresses, display names of
    groups and teams, or ids."""
    draft: bool = False
    merge: Merge | None = None
    """Complete it by itself, this way, as soon as the host's rules allow."""
    work_items: tuple[int, ...] = ()
    """Azure Boards ids that are linked; nothing on GitHub."""
    head: str = ""
    """Full id of the commit that was rehearsed: what somebody pushes after it is not completed by
    itself, as far as the host can be held to it. "": whichever is there."""


@dataclass(frozen=True, slots=True)
class PullSettings:
    """What the settings say of pull requests; see `PullWish`."""

    branch: str | None = None
    """Short name; None: one of ours, made from the base's name."""
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    draft: bool = False
    merge: Merge | None = None
    work_items: tuple[int, ...] = ()

    def wish(self, wording: Wording) -> PullWish:
        """Return what a pull request with these words is to be."""
        title = wording.title or wording.message.strip().partition("\n")[0]
        return PullWish(
            writable(title),
            writable(wording.body),
            self.labels,
            self.reviewers,
            self.draft,
            self.merge,
            self.work_items,
        )


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request that is there."""

    number: int
    url: str
    """Its page."""
    state: Literal["open", "closed", "merged"]
    head: str
    """Full id of the commit that it proposes, as far as the host has noticed."""


class PullRequests(Protocol):
    """The pull requests from one repository to itself.

    All methods raise:
        ServiceRefused: No right ("pull-request-forbidden"), not authenticated
            ("not-authenticated"), no such repository ("repository-not-found").
        ServiceUnavailable: The service does not answer, or limits the rate.
    """

    @property
    def room(self) -> Room:
        """How long the text of one may be."""

    def latest(self, branch: str, base: str) -> PullRequest | None:
        """Return the open pull request from a branch to another one, else the latest that was;
        None where there never was one.

        Args:
            branch: Short name of the branch that is proposed.
            base: Short name of the branch that it goes to.
        """

    def create(self, branch: str, base: str, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Open a pull request; where another run was faster, that one is brought up to date.

        Returns:
            It, and sentences for the user: what of the wish the host did not do, and why (a
            reviewer that is not known, auto-merge that is not allowed). None of them is worth
            ending the run.
        """

    def update(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Let an open pull request be as wished, as far as it is not; nothing is sent that is so.

        Labels and reviewers are added, never taken away; what is a draft or not stays as somebody
        may have changed it; so does a title or a body that is as wished.
        """

    def make_up(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Do what an open pull request lacks of a wish beside its words; see `update`."""

    def close(self, there: PullRequest, comment: str) -> None:
        """Close an open pull request, with a comment that says why."""

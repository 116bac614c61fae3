"""Pull requests of Azure Repos.

Source: Azure DevOps REST reference 7.1, "Pull Requests", "Pull Request Labels", "Pull Request
Reviewers", "Pull Request Threads" and "Identities - Read Identities".
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, Literal, final

from wheelstep.errors import ServiceRefused
from wheelstep.ground.azure_devops import models_of
from wheelstep.ground.page import Room, shortened, utf16_units
from wheelstep.repositories.azure_repository import AzureRepository, SaysNo
from wheelstep.repositories.pulls import Merge, PullRequest, PullWish

__all__ = ["AzurePulls"]

ROOM: Final = Room(4000, utf16_units)
"""Of a description: more are refused. .NET counts the units of UTF-16."""
TITLE: Final = Room(400, utf16_units)
THERE: Final = "TF401179"
"""An active pull request for the source and target branch exists already."""
GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
STRATEGIES: Final[Mapping[Merge, str]] = {
    "merge": "noFastForward",
    "squash": "squash",
    "rebase": "rebase",
    "semi-linear": "rebaseMerge",
}
STATES: Final[Mapping[str, Literal["open", "closed", "merged"]]] = {
    "active": "open",
    "completed": "merged",
    "abandoned": "closed",
}


@final
class AzurePulls:
    """The pull requests of one repository; see `PullRequests`."""

    room = ROOM

    def __init__(self, repository: AzureRepository) -> None:
        """Keep the repository; nothing is asked yet.

        Args:
            repository: Where they are, and who asks.
        """
        self._at = repository

    def latest(self, branch: str, base: str) -> PullRequest | None:
        """Return the open pull request from a branch to another one, else the latest that was."""
        with self._refusals(branch):
            rows = self._listed(branch, base)
            found = self._at.read(lambda: [self._told(one) for one in rows])
        found.sort(key=lambda one: (one.state == "open", one.number))
        return found[-1] if found else None

    def create(self, branch: str, base: str, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Open a pull request; where another run was faster, that one is brought up to date."""
        models = models_of("git")
        wanted = models.GitPullRequest(
            source_ref_name=f"refs/heads/{branch}",
            target_ref_name=f"refs/heads/{base}",
            title=_title(wish.title),
            description=wish.body.strip(),
            is_draft=wish.draft or None,
            work_item_refs=[models.ResourceRef(id=str(one)) for one in wish.work_items] or None,
        )
        with self._refusals(branch):
            try:
                # a reply that is lost is no harm: a second one of the same branches is refused
                made = self._at.ask(
                    lambda client: client.create_pull_request(wanted, **self._at.place)
                )
            except SaysNo as no:
                made = self._open(branch, base) if THERE in no.said else None
                if made is None:
                    raise
            return self._brought(made, wish)

    def update(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Let an open pull request be as wished, as far as it is not."""
        with self._refusals(f"pull request {there.number}"):
            found = self._at.ask(
                lambda client: client.get_pull_request(
                    pull_request_id=there.number, **self._at.place
                )
            )
            return self._brought(found, wish)

    def close(self, there: PullRequest, comment: str) -> None:
        """Abandon an open pull request, with a comment that says why."""
        models = models_of("git")
        thread = models.GitPullRequestCommentThread(
            comments=[models.Comment(content=comment, comment_type="text")], status="closed"
        )
        closed = models.GitPullRequest(status="abandoned")
        with self._refusals(f"pull request {there.number}"):
            with contextlib.suppress(SaysNo):  # a right that closing does not need
                self._at.ask(
                    lambda client: client.create_thread(
                        thread, pull_request_id=there.number, **self._at.place
                    ),
                    repeatable=False,
                )
            self._change(there.number, closed)

    # --------------------------------------------------------------------------------------------

    def _listed(self, branch: str, base: str, status: str = "all") -> list[Any]:
        criteria = models_of("git").GitPullRequestSearchCriteria(
            source_ref_name=f"refs/heads/{branch}",
            target_ref_name=f"refs/heads/{base}",
            status=status,
        )
        found = self._at.ask(
            lambda client: client.get_pull_requests(
                search_criteria=criteria, top=50, **self._at.place
            )
        )
        # a fork's branch of the same name is another one
        return self._at.read(lambda: [one for one in found if one.fork_source is None])

    def _open(self, branch: str, base: str) -> Any | None:
        return next(iter(self._listed(branch, base, "active")), None)

    def _told(self, one: Any) -> PullRequest:
        commit = one.last_merge_source_commit
        return PullRequest(
            int(one.pull_request_id),
            self._at.page(int(one.pull_request_id)),
            STATES.get(str(one.status), "closed"),
            str(commit.commit_id) if commit else "",
            str(one.title or ""),
            str(one.description or ""),
        )

    def _brought(self, there: Any, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Send what differs, and only that."""
        models = models_of("git")
        number = self._at.read(lambda: self._told(there)).number
        notes: list[str] = []
        title, body = _title(wish.title), wish.body.strip()
        was = str(there.description or "").replace("\r\n", "\n").strip()
        if (there.title, was) != (title, body):
            there = self._change(number, models.GitPullRequest(title=title, description=body))
        self._label(number, wish, notes)
        self._ask_reviewers(there, wish, notes)
        if wish.merge is not None:
            there = self._complete(there, wish.merge, notes)
        return self._at.read(lambda: self._told(there)), notes

    def _change(self, number: int, change: Any) -> Any:
        return self._at.ask(
            lambda client: client.update_pull_request(
                change, pull_request_id=number, **self._at.place
            )
        )

    def _label(self, number: int, wish: PullWish, notes: list[str]) -> None:
        if not wish.labels:
            return
        place = {"pull_request_id": number, **self._at.place}
        there = self._at.ask(lambda client: client.get_pull_request_labels(**place))
        known = {str(one.name).lower() for one in there or ()}
        for name in wish.labels:
            if name.lower() in known:
                continue
            label = models_of("git").WebApiCreateTagRequestData(name=name)
            try:
                self._at.ask(partial(_create_label, label=label, place=place))
            except SaysNo as no:
                notes.append(f"The pull request did not get the label {name}: {no.said}.")

    def _ask_reviewers(self, there: Any, wish: PullWish, notes: list[str]) -> None:
        number = int(there.pull_request_id)
        asked = {str(one.id).lower() for one in there.reviewers or ()}
        for name in wish.reviewers:
            try:
                identity = self._identity(name)
            except SaysNo as no:
                notes.append(f"{name} is not asked to review: {no.said}.")
                continue
            if identity is None:
                notes.append(
                    f"{name} is not asked to review: the organization knows nobody by that name."
                )
            elif identity.lower() not in asked:
                asked.add(identity.lower())
                self._ask_reviewer(number, name, identity, notes)

    def _ask_reviewer(self, number: int, name: str, identity: str, notes: list[str]) -> None:
        reviewer = models_of("git").IdentityRefWithVote(id=identity, vote=0)
        try:
            self._at.ask(
                lambda client: client.create_pull_request_reviewer(
                    reviewer, pull_request_id=number, reviewer_id=identity, **self._at.place
                )
            )
        except SaysNo as no:
            notes.append(f"{name} is not asked to review: {no.said}.")

    def _identity(self, name: str) -> str | None:
        """Return the id of a person or a group; None where it is not one for certain."""
        if GUID.fullmatch(name):
            return name
        found = self._at.ask(
            lambda client: client.read_identities(search_filter="General", filter_value=name),
            area="identity",
        )
        ids = {str(one.id) for one in found or () if one.is_active is not False}
        return ids.pop() if len(ids) == 1 else None

    def _complete(self, there: Any, merge: Merge, notes: list[str]) -> Any:
        """Let it complete by itself, as whoever asks."""
        options = there.completion_options
        strategy = STRATEGIES[merge]
        if there.auto_complete_set_by is not None and (
            options is not None and options.merge_strategy == strategy
        ):
            return there
        models = models_of("git")
        try:
            me = self._at.ask(lambda client: client.get_connection_data(), area="location")
            change = models.GitPullRequest(
                auto_complete_set_by=models.IdentityRef(id=str(me.authenticated_user.id)),
                completion_options=models.GitPullRequestCompletionOptions(
                    merge_strategy=strategy,
                    delete_source_branch=True,
                    transition_work_items=True,
                ),
            )
            return self._change(int(there.pull_request_id), change)
        except SaysNo as no:
            notes.append(f"The pull request does not complete by itself: {no.said}.")
            return there

    @contextlib.contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except SaysNo as no:
            error = self._at.error(no, what)
            if error.code == "push-forbidden":
                raise ServiceRefused(
                    f"The account that asks has no right to pull requests at {self._at.shown}: "
                    f"{no.said}",
                    code="pull-request-forbidden",
                    cure="Give the identity that the text names (on Azure Pipelines usually the "
                    "project's build service) the permission Contribute to pull requests.",
                ) from no
            raise error from no


def _create_label(client: Any, *, label: Any, place: Mapping[str, Any]) -> None:
    client.create_pull_request_label(label, **place)


def _title(title: str) -> str:
    return shortened(" ".join(title.split()), TITLE)

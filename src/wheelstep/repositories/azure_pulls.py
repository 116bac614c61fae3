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

from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground.azure_devops import models_of
from wheelstep.ground.page import Room, shortened, utf16_units
from wheelstep.repositories.azure_repository import AzureRepository, SaysNo
from wheelstep.repositories.pulls import Merge, PullRequest, PullWish

__all__ = ["AzurePulls"]

ROOM: Final = Room(4000, utf16_units)
"""Of a description: more are refused. .NET counts the units of UTF-16."""
TITLE: Final = Room(400, utf16_units)
THERE: Final = "TF401179"
THERE_KIND: Final = "GitPullRequestExistsException"
"""An active pull request for the source and target branch exists already."""
NO_WORK_ITEM: Final = "TF401232"
"""A work item does not exist, or whoever asks may not see it."""
NOT_BY_ITSELF: Final = "The pull request does not complete by itself"
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
        notes: list[str] = []
        with self._refusals(branch):
            try:
                made = self._created(branch, base, wanted)
            except SaysNo as no:
                if NO_WORK_ITEM not in no.said or not wish.work_items:
                    raise
                notes.append(f"The pull request is linked to no work item: {_ended(no.said)}")
                wanted.work_item_refs = None
                made = self._created(branch, base, wanted)
            return self._brought(made, wish, notes)

    def update(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Let an open pull request be as wished, as far as it is not."""
        with self._refusals(f"pull request {there.number}"):
            return self._brought(self._whole(there.number), wish, [])

    def make_up(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Do what an open pull request lacks of a wish, its words left as they are."""
        with self._refusals(f"pull request {there.number}"):
            return self._rest_of(self._whole(there.number), wish, [])

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

    def _created(self, branch: str, base: str, wanted: Any) -> Any:
        """Open one; where there is one open already, return that."""
        try:
            # a reply that is lost is no harm: a second one of the same branches is refused
            return self._at.ask(lambda client: client.create_pull_request(wanted, **self._at.place))
        except SaysNo as no:
            if THERE not in no.said and no.kind != THERE_KIND:
                raise
            rows = self._listed(branch, base, "active")
            if not rows:
                raise
        return self._whole(self._at.read(lambda: int(rows[0].pull_request_id)))

    def _whole(self, number: int) -> Any:
        """Return a pull request with all of its description: a list's rows have 400 characters."""
        return self._at.ask(
            lambda client: client.get_pull_request(pull_request_id=number, **self._at.place)
        )

    def _told(self, one: Any) -> PullRequest:
        commit = one.last_merge_source_commit
        return PullRequest(
            int(one.pull_request_id),
            self._at.page(int(one.pull_request_id)),
            STATES.get(str(one.status), "closed"),
            str(commit.commit_id) if commit else "",
        )

    def _brought(
        self, there: Any, wish: PullWish, notes: list[str]
    ) -> tuple[PullRequest, list[str]]:
        """Send what differs, and only that.

        Args:
            there: It as a whole, no row of a list.
            wish: What it is to be.
            notes: For the user; added to.
        """
        number = self._at.read(lambda: self._told(there)).number
        title, body = _title(wish.title), wish.body.strip()
        was = str(there.description or "").replace("\r\n", "\n").strip()
        if (there.title, was) != (title, body):
            words = models_of("git").GitPullRequest(title=title, description=body)
            there = self._change(number, words)
        return self._rest_of(there, wish, notes)

    def _rest_of(
        self, there: Any, wish: PullWish, notes: list[str]
    ) -> tuple[PullRequest, list[str]]:
        """Do what of a wish is not the words; what is refused of it is noted."""
        number = self._at.read(lambda: self._told(there)).number
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
        known: set[str] = set()
        with _or_noted(notes, "The labels of the pull request are not known"):
            there = self._at.ask(lambda client: client.get_pull_request_labels(**place))
            known = self._at.read(lambda: {str(one.name).lower() for one in there or ()})
        for name in wish.labels:
            if name.lower() in known:
                continue
            known.add(name.lower())
            label = models_of("git").WebApiCreateTagRequestData(name=name)
            with _or_noted(notes, f"The pull request did not get the label {name}"):
                self._at.ask(partial(_create_label, label=label, place=place))

    def _ask_reviewers(self, there: Any, wish: PullWish, notes: list[str]) -> None:
        number = int(there.pull_request_id)
        asked = {str(one.id).lower() for one in there.reviewers or ()}
        for name in wish.reviewers:
            with _or_noted(notes, f"{name} is not asked to review"):
                found = self._identities(name)
                if len(found) != 1:
                    known = (
                        "several by that name: use an address or an id"
                        if found
                        else ("nobody by that name")
                    )
                    notes.append(f"{name} is not asked to review: the organization knows {known}.")
                    continue
                identity = found.pop()
                if identity.lower() not in asked:
                    asked.add(identity.lower())
                    self._ask_reviewer(number, identity)

    def _ask_reviewer(self, number: int, identity: str) -> None:
        reviewer = models_of("git").IdentityRefWithVote(id=identity, vote=0)
        self._at.ask(
            lambda client: client.create_pull_request_reviewer(
                reviewer, pull_request_id=number, reviewer_id=identity, **self._at.place
            )
        )

    def _identities(self, name: str) -> set[str]:
        """Return the ids of the people and groups of a name."""
        if GUID.fullmatch(name):
            return {name}
        found = self._at.ask(
            lambda client: client.read_identities(search_filter="General", filter_value=name),
            area="identity",
        )
        return self._at.read(
            lambda: {str(one.id) for one in found or () if one.is_active is not False}
        )

    def _complete(self, there: Any, merge: Merge, notes: list[str]) -> Any:
        """Let it complete by itself, as whoever asks; a draft does not, and what somebody else has
        set stays."""
        options, by = there.completion_options, there.auto_complete_set_by
        strategy = STRATEGIES[merge]
        present = options.merge_strategy if options is not None else None
        if by is not None and present == strategy:
            return there
        if there.is_draft:
            notes.append(f"{NOT_BY_ITSELF}: it is a draft. Publish it, and set that there.")
            return there
        models = models_of("git")
        with _or_noted(notes, NOT_BY_ITSELF):
            user = self._at.ask(lambda client: client.get_connection_data(), area="location")
            me = self._at.read(lambda: str(user.authenticated_user.id))
            if by is not None and str(by.id).lower() != me.lower():
                notes.append(
                    f"{by.display_name or by.id} has set the pull request to complete by itself "
                    f"({present or 'the usual way'}): that stays."
                )
                return there
            change = models.GitPullRequest(
                auto_complete_set_by=models.IdentityRef(id=me),
                completion_options=models.GitPullRequestCompletionOptions(
                    merge_strategy=strategy,
                    delete_source_branch=True,
                ),
            )
            there = self._change(int(there.pull_request_id), change)
            if there.auto_complete_set_by is None and there.status == "active":
                notes.append(f"{NOT_BY_ITSELF}: Azure Repos has taken the wish and not set it.")
        return there

    @contextlib.contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            with self._at.reading():
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


@contextlib.contextmanager
def _or_noted(notes: list[str], what: str) -> Iterator[None]:
    """Note what is refused, or does not answer, where that is not worth ending the run."""
    try:
        yield
    except SaysNo as no:
        notes.append(f"{what}: {_ended(no.said)}")
    except (ServiceRefused, ServiceUnavailable) as error:
        notes.append(f"{what}: {_ended(error.message)}")


def _ended(text: str) -> str:
    """Return a text as the end of a sentence."""
    return f"{text.rstrip('.')}."


def _create_label(client: Any, *, label: Any, place: Mapping[str, Any]) -> None:
    client.create_pull_request_label(label, **place)


def _title(title: str) -> str:
    return shortened(" ".join(title.split()), TITLE)

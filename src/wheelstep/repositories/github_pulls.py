"""Pull requests on a GitHub.

Sources: GitHub's REST reference, "Pull requests", "Review requests", "Labels". How they are merged
is github_completion.py.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, final

from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.clock import backoff
from wheelstep.ground.github import LIMITED, SaysNo
from wheelstep.ground.page import Room, shortened
from wheelstep.repositories.github_completion import NOT_YET, complete, patiently, sentence
from wheelstep.repositories.github_repository import GitHubRepository, lacking
from wheelstep.repositories.pulls import PullRequest, PullWish

__all__ = ["GitHubPulls"]

ATTEMPTS: Final = 3
ROOM: Final = Room(65_536)
"""Observed: "body is too long (maximum is 65536 characters)"."""
TITLE: Final = Room(256)
MEND: Final = "Mend what GitHub names, then run it again."
PAGE: Final = 100
"""Pull requests in one answer, the most that there are."""

EXISTS: Final = re.compile(r"pull request already exists", re.IGNORECASE)
EMPTY: Final = re.compile(r"no commits between", re.IGNORECASE)
NO_DRAFTS: Final = re.compile(r"draft pull requests are not supported", re.IGNORECASE)
NO_ACTIONS: Final = re.compile(r"GitHub Actions is not permitted", re.IGNORECASE)
NO_TEAMS: Final = re.compile(r"could not resolve to a node|not accessible", re.IGNORECASE)


@final
class GitHubPulls:
    """The pull requests from one repository to itself."""

    room = ROOM

    def __init__(self, repository: GitHubRepository) -> None:
        """Keep the repository; nothing is asked yet.

        Args:
            repository: Where, and who asks.
        """
        self._at = repository
        self._clock = repository.calls.transport.clock

    def latest(self, branch: str, base: str) -> PullRequest | None:
        """Return the open pull request from a branch to another one, else the latest that was; see
        `PullRequests`."""
        with self._refusals(branch):
            found = self._latest(branch, base)
        return None if found is None else _pull(found)

    def create(self, branch: str, base: str, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Open a pull request, or bring the one up to date that another run opened; see
        `PullRequests`."""
        with self._refusals(branch):
            return self._create(branch, base, wish)

    def update(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Let an open pull request be as wished, as far as it is not; see `PullRequests`."""
        with self._refusals(there.url):
            return self._update(there.number, wish)

    def make_up(self, there: PullRequest, wish: PullWish) -> tuple[PullRequest, list[str]]:
        """Do what an open pull request lacks of a wish, its words left as they are; see
        `PullRequests`."""
        with self._refusals(there.url):
            found = self._at.rest("GET", f"pulls/{there.number}")
            return self._rest_of(found, wish, [], new=False)

    def close(self, there: PullRequest, comment: str) -> None:
        """Close an open pull request, with a comment that says why; see `PullRequests`."""
        comments = f"issues/{there.number}/comments"
        with self._refusals(there.url):
            try:
                self._at.rest("POST", comments, {"body": comment}, repeatable=False)
            except SaysNo as no:
                # a conversation that is locked, or a right that closing does not need
                if no.status == HTTPStatus.UNAUTHORIZED:
                    raise
            except ServiceUnavailable:
                # its answer may be lost, and nobody wants to read it twice
                listed = self._at.rest("GET", comments, query={"per_page": str(PAGE)}, many=True)
                if not any(_same(one.get("body"), comment) for one in listed):
                    raise
            self._at.rest("PATCH", f"pulls/{there.number}", {"state": "closed"})

    # -- looking, opening, bringing up to date

    def _latest(self, branch: str, base: str) -> Mapping[str, Any] | None:
        query = {
            "head": f"{self._at.owner}:{branch}", "base": base, "sort": "created",
            "direction": "desc", "per_page": str(PAGE),
        }  # fmt: skip
        listed = self._at.rest("GET", "pulls", query={**query, "state": "all"}, many=True)
        ours = [one for one in listed if self._is_ours(one, branch, base)]
        opened = [one for one in ours if one["state"] == "open"]
        if not opened and len(listed) == PAGE:
            listed = self._at.rest("GET", "pulls", query={**query, "state": "open"}, many=True)
            opened = [one for one in listed if self._is_ours(one, branch, base)]
        return next(iter(opened or ours), None)

    def _is_ours(self, pull: Mapping[str, Any], branch: str, base: str) -> bool:
        """Tell whether it is from this repository: a fork's branch may have the same name, also a
        fork of the same owner, and `head` of the question finds both."""
        head = pull.get("head") or {}
        where = (head.get("repo") or {}).get("full_name", "")
        return (
            where.lower() == self._at.full_name.lower()
            and head.get("ref") == branch
            and pull["base"]["ref"] == base
        )

    def _create(self, branch: str, base: str, wish: PullWish) -> tuple[PullRequest, list[str]]:
        notes: list[str] = []
        given = {"title": _title(wish), "body": wish.body, "head": branch, "base": base,
                 "draft": wish.draft}  # fmt: skip
        failed = 0
        while True:
            try:
                made = self._at.rest("POST", "pulls", given, repeatable=False)
                return self._rest_of(made, wish, notes, new=True)
            except SaysNo as no:
                if given["draft"] and NO_DRAFTS.search(no.said):
                    given["draft"] = False
                    notes.append(
                        "The pull request is no draft: GitHub has none in this repository (private"
                        " ones of a free plan)."
                    )
                    continue
                exists = EXISTS.search(no.said) is not None
                there = self._open(branch, base) if exists else None
                failed += 1
                # one that was opened a moment ago may not be listed yet
                if there is None and (not exists or failed == ATTEMPTS):
                    raise self._not_opened(no, branch, base) from no
            except ServiceUnavailable as late:
                failed += 1
                # its answer may be lost
                there = None if late.code == LIMITED else self._open(branch, base)
                if there is None and (late.code == LIMITED or failed == ATTEMPTS):
                    raise
            if there is not None:
                pull, more = self._update(there["number"], wish)
                return pull, notes + more
            self._clock.sleep(backoff(failed))

    def _open(self, branch: str, base: str) -> Mapping[str, Any] | None:
        there = self._latest(branch, base)
        return there if there is not None and there["state"] == "open" else None

    def _update(self, number: int, wish: PullWish) -> tuple[PullRequest, list[str]]:
        there = self._at.rest("GET", f"pulls/{number}")
        title, body = _title(wish), wish.body
        changed = {} if _same(there.get("title"), title) else {"title": title}
        if not _same(there.get("body"), body):
            changed["body"] = body
        if changed:
            there = self._at.rest("PATCH", f"pulls/{number}", changed)
        return self._rest_of(there, wish, [], new=False)

    def _rest_of(
        self, there: Mapping[str, Any], wish: PullWish, notes: list[str], *, new: bool
    ) -> tuple[PullRequest, list[str]]:
        """Do what of a wish is not the pull request itself; what cannot be done is noted."""
        self._label(there, wish, notes)
        self._ask_for_reviews(there, wish, notes, new=new)
        merged = complete(self._at, there, wish, notes)
        pull = _pull(there)
        if merged:
            pull = replace(pull, state="merged")
        return pull, notes

    # -- labels, reviewers, completion

    def _label(self, there: Mapping[str, Any], wish: PullWish, notes: list[str]) -> None:
        has = {str(one["name"]).lower() for one in there.get("labels") or ()}
        missing = [name for name in dict.fromkeys(wish.labels) if name.lower() not in has]
        place = f"issues/{there['number']}/labels"
        self._each(
            missing,
            lambda names: self._at.rest("POST", place, {"labels": list(names)}, many=True),
            lambda name, why: f"The label {name!r} was not added: {why}",
            notes,
        )

    def _ask_for_reviews(
        self, there: Mapping[str, Any], wish: PullWish, notes: list[str], *, new: bool
    ) -> None:
        asked = {str(one["login"]).lower() for one in there.get("requested_reviewers") or ()}
        teams = {str(one["slug"]).lower() for one in there.get("requested_teams") or ()}
        missing = [
            name for name in dict.fromkeys(wish.reviewers)
            if (_team(name) not in teams if "/" in name else name.lower() not in asked)
        ]  # fmt: skip
        if missing and not new:
            # whoever has given a review is no longer listed, and is not asked again
            gave: set[str] = set()
            with contextlib.suppress(SaysNo, ServiceRefused, ServiceUnavailable):
                listed = self._at.rest("GET", f"pulls/{there['number']}/reviews", many=True)
                gave = {str((one.get("user") or {}).get("login", "")).lower() for one in listed}
            missing = [name for name in missing if not gave or ("/" not in name
                       and name.lower() not in gave)]  # fmt: skip

        def ask(names: Sequence[str]) -> None:
            body = {
                "reviewers": [name for name in names if "/" not in name],
                "team_reviewers": [_team(name) for name in names if "/" in name],
            }
            self._at.rest("POST", f"pulls/{there['number']}/requested_reviewers", body)

        def note(name: str, why: str) -> str:
            hint = ""
            if "/" in name and NO_TEAMS.search(why) and not NOT_YET.search(why):
                hint = (
                    " The job's own token cannot see teams: give a token as `repository-token` that"
                    " may read the organization's members."
                )
            return f"{name} was not asked for a review: {why}{hint}"

        self._each(missing, ask, note, notes)

    def _each(
        self,
        names: Sequence[str],
        do: Callable[[Sequence[str]], object],
        note: Callable[[str, str], str],
        notes: list[str],
    ) -> None:
        """Do something for all names at once; where that is refused for each, so that one that is
        wrong does not spoil the others."""
        if not names:
            return
        try:
            patiently(self._at, lambda: do(names))
        except SaysNo as no:
            if len(names) == 1:
                notes.append(note(names[0], sentence(no.said)))
                return
            for name in names:
                self._each([name], do, note, notes)
        except (ServiceRefused, ServiceUnavailable) as error:
            notes += [note(name, sentence(error.message)) for name in names]

    # -- errors

    @contextlib.contextmanager
    def _refusals(self, branch: str) -> Iterator[None]:
        try:
            with self._at.reading():
                yield
        except SaysNo as no:
            error = self._at.error(no, branch, cure=MEND)
            raise (self._forbidden(no) if error.code == "push-forbidden" else error) from no

    def _not_opened(self, no: SaysNo, branch: str, base: str) -> StepError:
        if NO_ACTIONS.search(no.said):
            return self._forbidden(no)
        if EMPTY.search(no.said):
            return ServiceRefused(
                f"{branch} has nothing that {base} has not, so there is nothing to propose at"
                f" {self._at.shown}: {no.said}",
                code="pull-request-empty",
                cure="Run it again: somebody has merged or moved the branch meanwhile.",
            )
        error = self._at.error(no, branch, cure=MEND)
        if error.code != "remote-refused":
            return self._forbidden(no) if error.code == "push-forbidden" else error
        return ServiceRefused(
            f"GitHub does not open a pull request from {branch} to {base} at {self._at.shown}:"
            f" {no.said}",
            code="pull-request-refused",
            cure="Run it again: GitHub does not list the other one yet."
            if EXISTS.search(no.said)
            else "Check that both branches are there.",
        )

    def _forbidden(self, no: SaysNo) -> ServiceRefused:
        if NO_ACTIONS.search(no.said):
            cure = (
                'Switch on "Allow GitHub Actions to create and approve pull requests", in the'
                " repository's settings under Actions, General; where it cannot be switched on, the"
                " organization's settings forbid it. Or give a token of a GitHub App or a person as"
                " `repository-token`: a pull request of such a one starts the checks, too."
            )
        else:
            cure = (
                "Give it the right: `permissions: pull-requests: write` for the job's token, or"
                " another token as `repository-token`."
            )
        return ServiceRefused(
            f"The account that asks may not work on pull requests at {self._at.shown}: {no.said}",
            code="pull-request-forbidden",
            cure=f"{cure}{lacking(no)}",
        )


def _title(wish: PullWish) -> str:
    return shortened(" ".join(wish.title.split()), TITLE)


def _same(there: object, wished: str) -> bool:
    """Compare texts without the differences that a web form makes."""
    return str(there or "").replace("\r\n", "\n").strip() == wished.replace("\r\n", "\n").strip()


def _team(name: str) -> str:
    return name.rpartition("/")[2].lower()


def _page(url: object) -> str:
    """Return the address of a pull request's page.

    Raises:
        ValueError: It is none; it is shown as a link.
    """
    if re.fullmatch(r"https?://[!-;=?-~]+", str(url)) is None:
        raise ValueError("no address of a page")
    return str(url)


def _pull(found: Mapping[str, Any]) -> PullRequest:
    return PullRequest(
        number=int(found["number"]),
        url=_page(found["html_url"]),
        state="open"
        if found["state"] == "open"
        else "merged"
        if found.get("merged_at")
        else "closed",
        head=str(found["head"]["sha"]),
    )
